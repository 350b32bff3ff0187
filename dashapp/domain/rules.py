"""When a sensor's readings raise an alert, and when they let it go. REQUIREMENTS §4; terms of ISA-18.2.

A rule runs on the reading's own time, with the value held until the next reading. This module is the truth, one rule and one sensor at
a time; `dashapp.domain.still` says for thousands at once which of them need not be asked. Times are integer microseconds (`_us`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import SECOND_US, URGENCY, Bound, Limit, RuleSettings, RuleType, bounds_of

LEAST_OFFLINE_S = 30.0
OFFLINE_PERIODS = 3


class SignalKind(StrEnum):
    """What a rule says to its alert."""

    RAISED = "raised"
    SEVERITY_RAISED = "severity_raised"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Reading:
    """A value at its own time."""

    time_us: int
    value: float


@dataclass(frozen=True, slots=True)
class RuleState:
    """What a rule waits for on one target; small, and all that a restart needs.

    `since_us` says of each bound since when its condition is true (empty: none is); `severity` is what was signalled since the rule
    was raised (None: it is not raised); `clear_since_us` since when the condition is false again; `signalled_us` the last signal's time.
    """

    since_us: tuple[int | None, ...] = ()
    severity: Severity | None = None
    clear_since_us: int | None = None
    signalled_us: int | None = None

    @property
    def quiet(self) -> bool:
        """Whether it waits for nothing and has raised nothing."""
        return self.severity is None and not self.condition

    @property
    def condition(self) -> bool:
        """Whether a limit is crossed (and not left by the deadband)."""
        return any(since is not None for since in self.since_us)

    def record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {name: value for name, value in asdict(self).items() if value not in (None, ())}

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> "RuleState":
        """The other way."""
        values = dict(record)
        severity = values.get("severity")
        values["severity"] = Severity(severity) if severity else None
        return RuleState(**{**values, "since_us": tuple(values.get("since_us", ()))})


QUIET = RuleState()


@dataclass(frozen=True, slots=True)
class Signal:
    """Word of a rule to its alert: what, when on the reading's own time, how severe, and which limit."""

    kind: SignalKind
    at_us: int
    severity: Severity
    limit: Limit


Outcome = tuple[RuleState, tuple[Signal, ...]]


def offline_limit_us(period_s: float) -> int:
    """The silence after which a sensor of this period is offline: 30 s, or three of its periods where that is longer."""
    return round(max(LEAST_OFFLINE_S, OFFLINE_PERIODS * period_s) * SECOND_US)


def measure_of(settings: RuleSettings, before: Reading | None, reading: Reading) -> float | None:
    """What the bounds are held against; None where nothing can be said (the rate of a first reading)."""
    if settings.type is not RuleType.RATE:
        return reading.value
    if before is None or before.time_us >= reading.time_us:
        return None
    return abs(reading.value - before.value) / ((reading.time_us - before.time_us) / SECOND_US)


def evaluate(settings: RuleSettings, state: RuleState, before: Reading | None, reading: Reading, offline_us: int) -> Outcome:
    """What a reading does to a rule. `before` is the sensor's last evaluated reading; a `reading` not newer than it is late: nothing.

    What passed between the two is found first, each at its own moment; a gap longer than `offline_us` ends the hold.
    """
    if before is not None and reading.time_us <= before.time_us:
        return state, ()
    signals: list[Signal] = []
    if before is not None and not state.quiet:
        held_until_us = before.time_us + offline_us
        state = _fire(settings, state, min(reading.time_us - 1, held_until_us), signals)
        if reading.time_us > held_until_us:
            state = _hold_broken(settings, state, held_until_us)
    measure = measure_of(settings, before, reading)
    if measure is not None:
        state = _moved(settings, state, measure, reading.time_us)
    state = _fire(settings, state, reading.time_us, signals)
    return (QUIET if state.quiet else state), tuple(signals)


def advance(settings: RuleSettings, state: RuleState, before: Reading | None, now_us: int, offline_us: int) -> Outcome:
    """What passes without a reading, up to `now_us` on the sensor's own time: the value holds no longer than `offline_us`."""
    signals: list[Signal] = []
    if before is not None and not state.quiet:
        state = _fire(settings, state, min(now_us, before.time_us + offline_us), signals)
    return (QUIET if state.quiet else state), tuple(signals)


def arrived(settings: RuleSettings, state: RuleState, arrived_us: int) -> Outcome:
    """What an arrival does to an offline rule. That it was silent for too long before is the sweep's to find (`silent`)."""
    if state.quiet:
        return state, ()
    signals: list[Signal] = []
    state = _fire(settings, state, arrived_us - 1, signals)
    state = _moved(settings, state, 0.0, arrived_us)
    state = _fire(settings, state, arrived_us, signals)
    return (QUIET if state.quiet else state), tuple(signals)


def silent(settings: RuleSettings, state: RuleState, last_arrival_us: int, now_us: int, offline_us: int) -> Outcome:
    """What an offline rule says at `now_us` when the last arrival was then; who never arrived is not asked about."""
    signals: list[Signal] = []
    offline_at_us = last_arrival_us + offline_us
    state = _fire(settings, state, min(now_us, offline_at_us - 1), signals)
    if now_us >= offline_at_us:
        state = _moved(settings, state, 1.0, offline_at_us)
        state = _fire(settings, state, now_us, signals)
    return (QUIET if state.quiet else state), tuple(signals)


def judged(settings: RuleSettings, state: RuleState, condition: bool | None, now_us: int) -> Outcome:
    """What a look at an anomaly or a trend does at `now_us`; None: nothing is known anew, and only time passes."""
    signals: list[Signal] = []
    state = _fire(settings, state, now_us if condition is None else now_us - 1, signals)
    if condition is not None:
        state = _moved(settings, state, float(condition), now_us)
        state = _fire(settings, state, now_us, signals)
    return (QUIET if state.quiet else state), tuple(signals)


def due_us(settings: RuleSettings, state: RuleState) -> int | None:
    """The next moment, on the sensor's own time, at which something passes if no reading comes; None where nothing does."""
    return min((moment for moment, _ in _waits(settings, state)), default=None)


def _waits(settings: RuleSettings, state: RuleState) -> Iterator[tuple[int, Bound | None]]:
    """Moments at which something passes, each with the bound that was crossed; None for the return."""
    told = 0 if state.severity is None else URGENCY[state.severity]
    for bound, since_us in zip(bounds_of(settings), state.since_us, strict=False):
        if since_us is not None and URGENCY[bound.severity] > told:
            yield since_us + settings.on_delay_us, bound
    if state.clear_since_us is not None:
        yield state.clear_since_us + settings.off_delay_us, None


def _fire(settings: RuleSettings, state: RuleState, until_us: int, signals: list[Signal]) -> RuleState:
    """Everything that passes up to `until_us`, the earliest first and of equals the most severe."""
    while waits := [wait for wait in _waits(settings, state) if wait[0] <= until_us]:
        moment_us, bound = min(waits, key=lambda wait: (wait[0], 0 if wait[1] is None else -URGENCY[wait[1].severity]))
        at_us = moment_us if state.signalled_us is None else max(moment_us, state.signalled_us)
        if bound is None:
            assert state.severity is not None  # only what was raised waits to return
            signals.append(Signal(SignalKind.RETURNED, at_us, state.severity, bounds_of(settings)[0].limit))
            state = QUIET
        else:
            kind = SignalKind.RAISED if state.severity is None else SignalKind.SEVERITY_RAISED
            signals.append(Signal(kind, at_us, bound.severity, bound.limit))
            state = replace(state, severity=bound.severity, signalled_us=at_us)
    return state


def _moved(settings: RuleSettings, state: RuleState, measure: float, at_us: int) -> RuleState:
    """The conditions by a new measure, and since when."""
    bounds = bounds_of(settings)
    before = state.since_us or (None,) * len(bounds)
    since = tuple(
        (at_us if bound.crossed(measure) else None) if held is None else (None if bound.left(measure, settings.band) else held)
        for bound, held in zip(bounds, before, strict=True)
    )
    condition = any(moment is not None for moment in since)
    clear_since_us = None
    if state.severity is not None and not condition:
        clear_since_us = at_us if state.clear_since_us is None else state.clear_since_us
    return replace(state, since_us=since, clear_since_us=clear_since_us)


def _hold_broken(settings: RuleSettings, state: RuleState, held_until_us: int) -> RuleState:
    """After a gap the waits begin anew; what was raised stays, with the deadband of the limits that raised it."""
    since = tuple(
        held if held is not None and state.severity is not None and held + settings.on_delay_us <= held_until_us else None
        for held in state.since_us
    )
    return replace(state, since_us=since, clear_since_us=None)
