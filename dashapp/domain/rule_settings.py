"""What a rule is set to, and what it can be set to. REQUIREMENTS §4, AL-2.

Terms of ISA-18.2: the deadband is how far back a value must come, the delays how long it must stay, a latch waits to be reset.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Any

from dashapp.domain.fleet import Severity

SECOND_US = 1_000_000
LONGEST_DELAY_S = 86_400.0
URGENCY = {severity: rank for rank, severity in enumerate(reversed(Severity), 1)}  # low 1 … critical 4


class RuleType(StrEnum):
    """What a rule looks at."""

    THRESHOLD = "threshold"  # the value against limits
    RATE = "rate"  # change per second between two evaluated readings
    FAULT = "fault"  # a flag
    OFFLINE = "offline"  # arrivals
    ANOMALY = "anomaly"  # how a sensor, or a device by all of its, behaves beside what was learned
    TREND = "trend"  # where the value is going
    EXTERNAL = "external"  # nothing: another system says so


SWEPT = (RuleType.ANOMALY, RuleType.TREND)
"""Kinds that no single reading decides on: a job looks at them each minute (`jobs/behaviour_checks.py`)."""


class Limit(StrEnum):
    """What was crossed."""

    HIGH = "high"
    HIGH_HIGH = "high_high"
    LOW = "low"
    LOW_LOW = "low_low"
    RATE = "rate"
    FAULT = "fault"
    OFFLINE = "offline"
    ANOMALY = "anomaly"
    TREND = "trend"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class SuppressWhen:
    """A condition on another sensor of the same device during which nobody is told: a machine that is off."""

    sensor: str
    relation: str  # above, below, equal
    value: float

    def holds(self, value: float) -> bool:
        """Whether the condition is true of a value of that sensor."""
        if self.relation == "above":
            return value > self.value
        return value < self.value if self.relation == "below" else value == self.value


@dataclass(frozen=True, slots=True)
class RuleSettings:
    """What a rule is set to. Limits, rate (per second) and deadband in the sensor's unit; delays in seconds.

    `severity` is that of `high`, `low` and all kinds without a limit; the limits beyond them have their own.
    An anomaly is learned from `learn_h` hours. A trend looks at the last `look_back_h` and warns of `high` or `low` within `within_h`.
    `escalate_after_s` are the moments after an alert was announced at which it gains a level while nobody acknowledges it.
    """

    type: RuleType = RuleType.THRESHOLD
    severity: Severity = Severity.MEDIUM
    high: float | None = None
    high_high: float | None = None
    high_high_severity: Severity = Severity.CRITICAL
    low: float | None = None
    low_low: float | None = None
    low_low_severity: Severity = Severity.CRITICAL
    rate: float | None = None
    deadband: float = 0.0
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    latch: bool = False
    suppress_when: SuppressWhen | None = None
    escalate_after_s: tuple[float, ...] = (300.0,)
    learn_h: float = 24.0
    sensitivity: str = "medium"
    look_back_h: float = 8.0
    within_h: float = 24.0

    @property
    def band(self) -> float:
        """How far back the measure must come; a flag and silence have no deadband."""
        return self.deadband if self.type in (RuleType.THRESHOLD, RuleType.RATE) else 0.0

    @property
    def on_delay_us(self) -> int:
        """How long the condition must hold before the alert is raised."""
        return round(self.on_delay_s * SECOND_US)

    @property
    def off_delay_us(self) -> int:
        """How long it must be clear before the alert returns."""
        return round(self.off_delay_s * SECOND_US)

    def record(self) -> dict[str, Any]:
        """As JSON keeps it: only what differs from the defaults."""
        plain = asdict(self)
        return {name: value for name, value in plain.items() if value != _DEFAULTS[name]}

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> "RuleSettings":
        """The other way. Raises ValueError or TypeError for what no rule can be set to."""
        values = dict(record)
        for name, kind in (("type", RuleType), ("severity", Severity), ("high_high_severity", Severity), ("low_low_severity", Severity)):
            if name in values:
                values[name] = kind(values[name])
        if values.get("suppress_when") is not None:
            values["suppress_when"] = SuppressWhen(**values["suppress_when"])
        if "escalate_after_s" in values:
            values["escalate_after_s"] = tuple(values["escalate_after_s"])
        return RuleSettings(**values)


_DEFAULTS = asdict(RuleSettings())
MOST_STEPS = 10
LEAST_LEARNED_H, MOST_HOURS = 6.0, 720.0
FARTHEST_AHEAD = 10.0  # as `trends.FARTHEST`: a line is not carried on for longer
SENSITIVITIES = ("high", "medium", "low")


def problems(settings: RuleSettings) -> dict[str, str]:
    """What is wrong with the settings of a rule: field → reason; empty where nothing is."""
    found: dict[str, str] = {}
    order = [("low_low", settings.low_low), ("low", settings.low), ("high", settings.high), ("high_high", settings.high_high)]
    known = [(name, value) for name, value in order if value is not None]
    if settings.type is RuleType.TREND:
        known = [(name, value) for name, value in known if name in ("low", "high")]
        found |= _trend_problems(settings)
    if settings.type is RuleType.ANOMALY:
        found |= _anomaly_problems(settings)
    if settings.type in (RuleType.THRESHOLD, RuleType.TREND):
        if not known:
            found["high"] = "give an upper or a lower limit"
        for name, value in known:
            if not math.isfinite(value):
                found[name] = "a number is expected"
        for (_, below), (name, above) in pairwise(known):
            if above <= below:
                found[name] = "the limits must rise from the lowest to the highest"
    if settings.type is RuleType.RATE and not (settings.rate is not None and 0 < settings.rate < math.inf):
        found["rate"] = "give the fastest change per second that is normal, above 0"
    for beyond, least in (("high_high", settings.high_high_severity), ("low_low", settings.low_low_severity)):
        if getattr(settings, beyond) is not None and URGENCY[least] <= URGENCY[settings.severity]:
            found[f"{beyond}_severity"] = "the further limit must be more severe than the nearer one"
    if not found and not 0 <= settings.deadband < _room(settings):
        found["deadband"] = "0 or more is expected, and so little that the alert can return"
    for name, seconds in (("on_delay_s", settings.on_delay_s), ("off_delay_s", settings.off_delay_s)):
        if not 0 <= seconds <= LONGEST_DELAY_S:
            found[name] = "0 to 86,400 seconds are expected"
    steps = settings.escalate_after_s
    if len(steps) > MOST_STEPS or any(not 0 < step <= 7 * LONGEST_DELAY_S for step in steps) or list(steps) != sorted(set(steps)):
        found["escalate_after_s"] = f"up to {MOST_STEPS} steps of at most 7 days are expected, each later than the one before"
    return found


def _anomaly_problems(settings: RuleSettings) -> dict[str, str]:
    found = {}
    if not LEAST_LEARNED_H <= settings.learn_h <= MOST_HOURS:
        found["learn_h"] = f"{LEAST_LEARNED_H:g} to {MOST_HOURS:g} hours are expected"
    if settings.sensitivity not in SENSITIVITIES:
        found["sensitivity"] = f"{', '.join(SENSITIVITIES)} are what there is"
    return found


def _trend_problems(settings: RuleSettings) -> dict[str, str]:
    found = {}
    if not 0.5 <= settings.look_back_h <= MOST_HOURS:
        found["look_back_h"] = f"0.5 to {MOST_HOURS:g} hours are expected"
    elif not 0 < settings.within_h <= FARTHEST_AHEAD * settings.look_back_h:
        found["within_h"] = f"above 0 is expected, and at most {FARTHEST_AHEAD:g} times the time that is looked back on"
    return found


def _room(settings: RuleSettings) -> float:
    """What a deadband must be less than, or an alert would never return."""
    if settings.type is RuleType.RATE:
        return settings.rate or 0.0
    return settings.high - settings.low if settings.high is not None and settings.low is not None else math.inf


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit: crossed where the measure is above `at` (below it where not `up`)."""

    limit: Limit
    up: bool
    at: float
    severity: Severity

    def crossed(self, measure: float) -> bool:
        """Strict: what is at the limit has not crossed it."""
        return measure > self.at if self.up else measure < self.at

    def left(self, measure: float, deadband: float) -> bool:
        """Whether what had crossed is back by the deadband."""
        return measure <= self.at - deadband if self.up else measure >= self.at + deadband


@lru_cache(maxsize=50_000)
def bounds_of(settings: RuleSettings) -> tuple[Bound, ...]:
    """The limits of a rule, in an order of their own that `RuleState.since_us` follows."""
    if settings.type is RuleType.THRESHOLD:
        wanted = (
            (Limit.HIGH, True, settings.high, settings.severity),
            (Limit.HIGH_HIGH, True, settings.high_high, settings.high_high_severity),
            (Limit.LOW, False, settings.low, settings.severity),
            (Limit.LOW_LOW, False, settings.low_low, settings.low_low_severity),
        )
        return tuple(Bound(limit, up, float(at), severity) for limit, up, at, severity in wanted if at is not None)
    if settings.type is RuleType.RATE:
        return () if settings.rate is None else (Bound(Limit.RATE, True, float(settings.rate), settings.severity),)
    return (Bound(Limit(settings.type.value), True, 0.0, settings.severity),)
