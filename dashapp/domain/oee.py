"""OEE by ISO 22400-2, from sums of times and counts.

Percentages are never stored and never averaged: sums are added up (`+`, over machines, hours, products), and every figure is derived from
the sum (REQUIREMENTS PR-1, PR-2). Terms of ISO 22400-2: planned busy time PBT, actual production time APT, planned run time per item PRI,
produced quantity PQ, good quantity GQ. Times are seconds, counts are units. docs/oee.md says each figure in words.

    Availability = APT / PBT     Effectiveness = Σ PRI·PQ / APT     Quality = Σ PRI·GQ / Σ PRI·PQ     OEE = Σ PRI·GQ / PBT

PBT is here the part of it of which something is known: time without data is unknown, not downtime.
"""

import dataclasses
import operator
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

NO_PLANNED_TIME = "no planned time"
UNKNOWN = "unknown"
NOT_MEASURED = "not measured"
NO_PLANNED_RUN_TIME = "no planned run time per item"
NOTHING_MADE = "nothing made"
DID_NOT_RUN = "did not run"
NO_FAILURE = "no failure"


class Loss(StrEnum):
    """What a stop, a slow minute or a bad unit costs. The first six are the six big losses (Nakajima 1988)."""

    FAILURE = "failure"  # equipment failure: availability
    SETUP = "setup"  # setup and adjustment: availability
    MINOR = "minor"  # idling and minor stops, up to 2 min: effectiveness
    SPEED = "speed"  # reduced speed: effectiveness; derived, never a stop's
    DEFECTS = "defects"  # process defects: quality; derived
    STARTUP = "startup"  # reduced yield after a start: quality; derived
    WAITING = "waiting"  # no material, nobody there, blocked: availability
    UNEXPLAINED = "unexplained"  # a longer stop that nobody gave a reason yet, and no fault: availability
    PLANNED = "planned"  # planned stop: not in the planned busy time


LOSS_WORDS = {
    Loss.FAILURE: "Equipment failure",
    Loss.SETUP: "Setup and adjustment",
    Loss.WAITING: "Waiting",
    Loss.UNEXPLAINED: "No reason given yet",
    Loss.MINOR: "Idling and minor stops",
    Loss.SPEED: "Reduced speed",
    Loss.DEFECTS: "Process defects",
    Loss.STARTUP: "Start-up rejects",
    Loss.PLANNED: "Planned stop",
}
OF_REASONS = (Loss.FAILURE, Loss.SETUP, Loss.WAITING, Loss.MINOR, Loss.PLANNED)
"""The losses that a reason may declare."""
DOWN = (Loss.FAILURE, Loss.SETUP, Loss.WAITING, Loss.UNEXPLAINED)
"""Those that are downtime: planned busy time without production."""


@dataclass(frozen=True, slots=True)
class ProductionSums:
    """What any stretch of time of any machines adds up to. Seconds (`_s`), units, and numbers of stops; all additive.

    `calendar_s` is all time, `planned_s` planned busy time (shifts without breaks and planned stops), `known_s` the part of it of which
    something is known, `production_s` actual production time: known time that is not downtime. `ideal_s` is Σ PRI·PQ, `rejected_ideal_s`
    Σ PRI·rejects, `startup_ideal_s` the part of that which was rejected just after a start; of units made in planned time alone.
    `unrated` are units of which no PRI is known, `unmeasured` units made where rejects are not counted, `unplanned` units made
    outside of planned time (in no other sum).
    """

    calendar_s: float = 0.0
    planned_s: float = 0.0
    known_s: float = 0.0
    production_s: float = 0.0
    failure_s: float = 0.0
    setup_s: float = 0.0
    waiting_s: float = 0.0
    unexplained_s: float = 0.0
    minor_s: float = 0.0
    planned_stop_s: float = 0.0
    failures: float = 0.0
    setups: float = 0.0
    waits: float = 0.0
    unexplained: float = 0.0
    minors: float = 0.0
    planned_stops: float = 0.0
    produced: float = 0.0
    rejected_units: float = 0.0
    unrated: float = 0.0
    unmeasured: float = 0.0
    unplanned: float = 0.0
    ideal_s: float = 0.0
    rejected_ideal_s: float = 0.0
    startup_ideal_s: float = 0.0

    def __add__(self, other: "ProductionSums") -> "ProductionSums":
        return ProductionSums(*map(operator.add, values_of(self), values_of(other)))

    @property
    def rejected(self) -> float | None:
        """Rejected quantity; None where it is not measured of every unit."""
        return None if self.unmeasured else self.rejected_units

    @property
    def good(self) -> float | None:
        """Good quantity GQ = PQ - rejects; None where rejects are not measured."""
        return None if self.unmeasured else self.produced - self.rejected_units

    @property
    def good_ideal_s(self) -> float | None:
        """Σ PRI·GQ; None where rejects are not measured or a PRI is not known."""
        return None if self.unmeasured or self.unrated else self.ideal_s - self.rejected_ideal_s

    @property
    def down_s(self) -> float:
        """Downtime: known planned busy time without production."""
        return self.failure_s + self.setup_s + self.waiting_s + self.unexplained_s

    @property
    def stops(self) -> float:
        """Number of stops that are downtime."""
        return self.failures + self.setups + self.waits + self.unexplained

    @property
    def unknown_s(self) -> float:
        """Planned busy time of which nothing is known."""
        return self.planned_s - self.known_s

    def of(self, loss: Loss) -> tuple[float, float]:
        """(seconds, number of stops) of a loss by time."""
        seconds, count = COLUMNS[loss]
        return getattr(self, seconds), getattr(self, count)


FIELDS = tuple(field.name for field in dataclasses.fields(ProductionSums))
values_of = operator.attrgetter(*FIELDS)
"""The fields of a `ProductionSums` as a tuple, in the order of `FIELDS`."""
COLUMNS = {
    Loss.FAILURE: ("failure_s", "failures"), Loss.SETUP: ("setup_s", "setups"), Loss.WAITING: ("waiting_s", "waits"),
    Loss.UNEXPLAINED: ("unexplained_s", "unexplained"), Loss.MINOR: ("minor_s", "minors"),
    Loss.PLANNED: ("planned_stop_s", "planned_stops"),
}  # fmt: skip
TIMED = tuple(COLUMNS)
"""The losses that stops have, with time and count of their own."""


def total(parts: Iterable[ProductionSums]) -> ProductionSums:
    """The sum of any number of parts; of none it is all 0."""
    found = ProductionSums()
    for part in parts:
        found += part
    return found


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure, or why there is none: `value` is None exactly where `why` says something. Ratios are shares of 1, times seconds."""

    value: float | None
    why: str = ""

    @property
    def flagged(self) -> bool:
        """Whether a ratio is above 1: shown as it is, and to be looked at (a PRI that is too long, a count that is wrong)."""
        return self.value is not None and self.value > 1.0


@dataclass(frozen=True, slots=True)
class OeeFigures:
    """Every figure of a sum. ISO 22400-2 but for TEEP and the shares."""

    availability: Figure  # APT / PBT
    effectiveness: Figure  # Σ PRI·PQ / APT; flagged above 1, never clamped
    quality: Figure  # Σ PRI·GQ / Σ PRI·PQ, which for one product is GQ / PQ
    oee: Figure  # Σ PRI·GQ / PBT
    nee: Figure  # (APT + setup time) / PBT × effectiveness × quality: setup does not count against it
    teep: Figure  # OEE × planned busy time / all time
    mtbf_s: Figure  # actual production time a failure
    mttr_s: Figure  # time of failures a failure
    known: Figure  # share of the planned busy time of which something is known

    @property
    def flagged(self) -> bool:
        """Whether the machine made more than it can by its planned run time."""
        return self.effectiveness.flagged


def figures(sums: ProductionSums) -> OeeFigures:
    """The figures of a sum."""
    busy = NO_PLANNED_TIME if sums.planned_s <= 0 else UNKNOWN if sums.known_s <= 0 else ""
    rated = busy or (NO_PLANNED_RUN_TIME if sums.unrated else "")
    measured = NOT_MEASURED if sums.unmeasured else ""
    good_s = sums.ideal_s - sums.rejected_ideal_s
    all_s = sums.calendar_s - sums.unknown_s
    setup_share = 1 + sums.setup_s / sums.production_s if sums.production_s > 0 else 1.0
    return OeeFigures(
        availability=_ratio(sums.production_s, sums.known_s, busy),
        effectiveness=_ratio(sums.ideal_s, sums.production_s, rated or ("" if sums.production_s > 0 else DID_NOT_RUN)),
        quality=_quality(sums, busy, measured),
        oee=_ratio(good_s, sums.known_s, rated or measured),
        nee=_ratio(good_s * setup_share, sums.known_s, rated or measured),
        teep=_ratio(good_s, all_s, rated or measured),
        mtbf_s=_ratio(sums.production_s, sums.failures, busy or ("" if sums.failures else NO_FAILURE)),
        mttr_s=_ratio(sums.failure_s, sums.failures, busy or ("" if sums.failures else NO_FAILURE)),
        known=_ratio(sums.known_s, sums.planned_s, NO_PLANNED_TIME if sums.planned_s <= 0 else ""),
    )


def _quality(sums: ProductionSums, busy: str, measured: str) -> Figure:
    """By planned run time where that is known; a single product without it still has its counts."""
    made = "" if sums.produced > 0 else NOTHING_MADE
    if sums.unrated and sums.ideal_s > 0:
        return Figure(None, busy or NO_PLANNED_RUN_TIME)
    if sums.unrated:
        return _ratio(sums.produced - sums.rejected_units, sums.produced, busy or measured or made)
    return _ratio(sums.ideal_s - sums.rejected_ideal_s, sums.ideal_s, busy or made or measured)


def _ratio(part: float, whole: float, why: str) -> Figure:
    return Figure(None, why) if why else Figure(part / whole)


# ---- From planned busy time to what was worth it


class Step(StrEnum):
    """Which factor a step of the waterfall takes from."""

    TIME = "time"  # a level: planned busy time, production, net production, good production
    AVAILABILITY = "availability"
    EFFECTIVENESS = "effectiveness"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """A level that is left, or a loss that is taken from the level before. `share` is of the known planned busy time.

    `seconds` is None, with `why`, where it cannot be told. A loss below 0 is a gain: the machine was faster than planned.
    """

    key: str
    words: str
    kind: Step
    seconds: float | None
    share: float | None
    count: float | None = None
    why: str = ""


def waterfall(sums: ProductionSums) -> list[WaterfallStep]:
    """From the known planned busy time down to Σ PRI·GQ: the share of the last level is the OEE.

    Each level is the one before without the losses between them, exactly. Empty where there is no planned time or none of it is known.
    """
    if sums.known_s <= 0:
        return []

    def step(key: str, words: str, kind: Step, seconds: float, count: float | None = None, why: str = "") -> WaterfallStep:
        if why:
            return WaterfallStep(key, words, kind, None, None, count, why)
        return WaterfallStep(key, words, kind, seconds, seconds / sums.known_s, count)

    def stop(loss: Loss, kind: Step, why: str = "") -> WaterfallStep:
        return step(loss, LOSS_WORDS[loss], kind, *sums.of(loss), why)

    unrated = NO_PLANNED_RUN_TIME if sums.unrated else ""
    unmeasured = unrated or (NOT_MEASURED if sums.unmeasured else "")
    speed_s = sums.production_s - sums.minor_s - sums.ideal_s
    defects_s = sums.rejected_ideal_s - sums.startup_ideal_s
    return [
        step("planned", "Planned busy time", Step.TIME, sums.known_s),
        *(stop(loss, Step.AVAILABILITY) for loss in DOWN),
        step("production", "Production time", Step.TIME, sums.production_s),
        stop(Loss.MINOR, Step.EFFECTIVENESS),
        step(Loss.SPEED, LOSS_WORDS[Loss.SPEED], Step.EFFECTIVENESS, speed_s, None, unrated),
        step("net", "Net production time", Step.TIME, sums.ideal_s, None, unrated),
        step(Loss.DEFECTS, LOSS_WORDS[Loss.DEFECTS], Step.QUALITY, defects_s, None, unmeasured),
        step(Loss.STARTUP, LOSS_WORDS[Loss.STARTUP], Step.QUALITY, sums.startup_ideal_s, None, unmeasured),
        step("good", "Good production time", Step.TIME, sums.ideal_s - sums.rejected_ideal_s, None, unmeasured),
    ]
