"""How an alert is called: its type, its code, one sentence for people. Vocabulary of source 002 §4.4 and REQUIREMENTS §4."""

from dashapp.domain.alerts import Base
from dashapp.domain.rule_settings import Limit, RuleSettings, RuleType, bounds_of

WORDS = {
    Base.NORMAL: "resolved", Base.UNACKNOWLEDGED: "triggered", Base.ACKNOWLEDGED: "acknowledged", Base.RETURNED: "triggered",
    Base.LATCHED_UNACKNOWLEDGED: "triggered", Base.LATCHED_ACKNOWLEDGED: "acknowledged",
}  # fmt: skip
"""The simple words over the base states: triggered asks for an answer, acknowledged has one, resolved has ended."""
_TYPES = {
    Limit.HIGH: "threshold_exceeded", Limit.HIGH_HIGH: "threshold_exceeded", Limit.LOW: "threshold_below",
    Limit.LOW_LOW: "threshold_below", Limit.RATE: "threshold_exceeded", Limit.FAULT: "machine_fault", Limit.OFFLINE: "device_offline",
    Limit.ANOMALY: "data_anomaly", Limit.TREND: "trend_warning", Limit.EXTERNAL: "external",
}  # fmt: skip
_PREFIXES = {Limit.HIGH: "high", Limit.HIGH_HIGH: "high", Limit.LOW: "low", Limit.LOW_LOW: "low", Limit.RATE: "fast", Limit.TREND: "trend"}


def alert_type(limit: Limit) -> str:
    """`threshold_exceeded`, `threshold_below`, `machine_fault`, `device_offline`, `data_anomaly`, `trend_warning`, `external`."""
    return _TYPES[limit]


def alert_code(limit: Limit, sensor_key: str) -> str:
    """`high_temperature`, `low_pressure`, `fast_vibration`, `trend_temperature`, `machine_fault`, `device_offline`, `data_anomaly`."""
    prefix = _PREFIXES.get(limit)
    return f"{prefix}_{sensor_key}" if prefix else _TYPES[limit]


def number(value: float, unit: str = "") -> str:
    """A value for a sentence: six digits at most, with its unit after a narrow space."""
    return f"{value:.6g}\u202f{unit}" if unit else f"{value:.6g}"


def alert_message(settings: RuleSettings, limit: Limit, name: str, unit: str, value: float | None, offline_s: float = 30.0) -> str:
    """One sentence: what is wrong, by how much. `name` is the sensor's, or the device's where the rule is about the device itself."""
    if limit is Limit.OFFLINE:
        return f"{name} has not reported for {number(offline_s + settings.on_delay_s)}\u202fs"
    if limit is Limit.FAULT:
        return f"{name} is on" if name else "Fault"
    if limit is Limit.ANOMALY:
        return f"{name} behaves unlike before"
    if limit is Limit.TREND:
        return f"{name} is on its way to a limit"
    at = next((bound.at for bound in bounds_of(settings) if bound.limit is limit), 0.0)
    if limit is Limit.RATE:
        return f"{name} changes faster than {number(at, unit)} per second"
    relation = "above" if limit in (Limit.HIGH, Limit.HIGH_HIGH) else "below"
    shown = name if value is None else f"{name} {number(value, unit)}"
    return f"{shown} is {relation} {number(at, unit)}"


def rule_name(settings: RuleSettings, name: str, unit: str) -> str:
    """What a rule is called until somebody names it: `Temperature above 90 °C`."""
    if settings.type is RuleType.ANOMALY:
        return f"{name} behaves unusually" if name else "Unusual behaviour"
    if settings.type in (RuleType.THRESHOLD, RuleType.TREND):
        parts = [f"above {number(settings.high, unit)}"] if settings.high is not None else []
        parts += [f"below {number(settings.low, unit)}"] if settings.low is not None else []
        on_its_way = " soon" if settings.type is RuleType.TREND else ""
        return f"{name}{on_its_way} {' or '.join(parts)}"
    if settings.type is RuleType.RATE:
        return f"{name} changes faster than {number(settings.rate or 0.0, unit)} per second"
    return f"{name} on" if settings.type is RuleType.FAULT else "Device offline"
