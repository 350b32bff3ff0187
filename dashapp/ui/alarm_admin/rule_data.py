"""What the page of rules knows: the draft that a form says, what a rule watches, and what it would have raised."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashapp.actions.actor import ActionError
from dashapp.actions.rules import RuleDraft
from dashapp.domain.alarm_words import rule_name
from dashapp.domain.backtest import REPLAYED, WARM_UP_US, WouldBe, replay, would_be
from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import RuleSettings, RuleType, SuppressWhen, problems
from dashapp.domain.rules import offline_limit_us
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.services import Services
from dashapp.ui import forms
from db.commands.rules import RuleTarget
from db.queries.backtest import stored_track
from db.queries.rules import RuleRow, groups_of
from db.tenancy import tenant_reading

PATH = "/alerts/rules"
DAY_US = 86_400_000_000
MOST_TRIED = 50
TRIED_FOR_S = 6.0  # then it is said how many sensors were tried
LIMITS = ("high_high", "high", "low", "low_low", "rate")
NUMBERS = (*LIMITS, "deadband", "on_delay_s", "off_delay_s")
HOURS = ("learn_h", "look_back_h", "within_h")
SEVERITIES = ("severity", "high_high_severity", "low_low_severity")
USED = {
    RuleType.THRESHOLD: ("high_high", "high", "low", "low_low", "deadband", "high_high_severity", "low_low_severity"),
    RuleType.RATE: ("rate", "deadband"),
    RuleType.ANOMALY: ("learn_h", "sensitivity"),
    RuleType.TREND: ("high", "low", "look_back_h", "within_h"),
}
"""What the settings of a kind are, besides what every rule has."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A sensor with what the draft would have raised there, and what the rule as it is (None: there is none) would have."""

    device: DeviceEntry
    sensor: SensorEntry
    alerts: list[WouldBe]
    before: list[WouldBe] | None
    readings: int
    late: int
    imported: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A draft over stored readings: the sensors that were tried, and how many there are."""

    start_us: int
    end_us: int
    tried: list[Tried]
    sensors: int
    took_s: float


def settings_of(values: Mapping[str, Any], escalate_after_s: tuple[float, ...] = RuleSettings().escalate_after_s) -> RuleSettings:
    """The settings that the form says. Raises ActionError for what is no number."""
    kind = RuleType(str(values.get("type") or RuleType.THRESHOLD))
    used = USED.get(kind, ())
    given: dict[str, Any] = {"type": kind, "latch": values.get("latch") is True, "escalate_after_s": escalate_after_s}
    for name in NUMBERS:
        if name in used or name.endswith("delay_s"):
            value = forms.number(values, name)
            given[name] = value if name in LIMITS else value or 0.0
    for name in HOURS:
        if name in used and (length := forms.number(values, name)) is not None:
            given[name] = length
    if "sensitivity" in used and values.get("sensitivity"):
        given["sensitivity"] = str(values["sensitivity"])
    for name in SEVERITIES:
        if values.get(name) and (name == "severity" or name in used):
            given[name] = Severity(str(values[name]))
    sensor = str(values.get("suppress_sensor") or "").strip()
    if sensor:
        value = forms.number(values, "suppress_value")
        if value is None:
            raise ActionError("suppress_value", "say the value that it is compared with")
        given["suppress_when"] = SuppressWhen(sensor, str(values.get("suppress_relation") or "equal"), value)
    return RuleSettings(**given)


def draft_of(
    values: Mapping[str, Any], devices: Sequence[DeviceEntry], escalate_after_s: tuple[float, ...] = RuleSettings().escalate_after_s
) -> RuleDraft:
    """The rule that the form says. Raises ActionError with the field that is wrong."""
    settings = settings_of(values, escalate_after_s)
    for field, reason in problems(settings).items():
        raise ActionError(field, reason)
    target = target_of(values, settings.type, devices)
    name = str(values.get("name") or "").strip()
    if not name:
        key = str(values.get("sensor") or "")
        found = next((device.sensors[key] for device in devices if key in device.sensors), None)
        name = rule_name(settings, found.name if found else key, found.unit if found else "")
    policy = str(values.get("policy") or "")
    return RuleDraft(name, settings, target, int(policy) if policy.isdigit() else None)


def target_of(values: Mapping[str, Any], kind: RuleType, devices: Sequence[DeviceEntry]) -> RuleTarget:
    """What the form says that the rule watches: a kind of sensor everywhere, in a group, or on one device."""
    where, _, number = str(values.get("where") or "").partition(":")
    key = str(values.get("sensor") or "").strip() or None
    device = next((one for one in devices if where == "device" and str(one.id) == number), None)
    if where == "device" and device is None:
        raise ActionError("where", "this device is not there any more")
    group_id = int(number) if where == "group" and number.isdigit() else None
    if kind is RuleType.OFFLINE or (kind is RuleType.ANOMALY and key is None):
        return RuleTarget(device_id=device.id if device else None, group_id=group_id)
    if key is None:
        raise ActionError("sensor", "say which sensor the rule watches")
    if device is None:
        if not any(key in one.sensors for one in devices):
            raise ActionError("sensor", "no device has such a sensor")
        return RuleTarget(group_id=group_id, sensor_key=key)
    if key not in device.sensors:
        raise ActionError("sensor", f"{device.key} has no such sensor")
    return RuleTarget(sensor_id=device.sensors[key].id)


def watched(
    target: RuleTarget | RuleRow, devices: Sequence[DeviceEntry], groups: Mapping[int, set[int]]
) -> list[tuple[DeviceEntry, SensorEntry]]:
    """The sensors that a rule watches, of those that the person may see."""
    found = []
    for device in devices:
        if target.device_id not in (None, device.id) or (target.group_id is not None and device.id not in groups.get(target.group_id, ())):
            continue
        for sensor in device.sensors.values():
            if sensor.id == target.sensor_id or (target.sensor_id is None and sensor.key == target.sensor_key):
                found.append((device, sensor))
    return found


def try_out(
    running: Services, tenant_id: int, devices: Sequence[DeviceEntry], draft: RuleDraft, before: RuleRow | None, days: int,
    *, with_imports: bool = False,
) -> Trial:  # fmt: skip
    """What the draft would have raised over the last days, beside the rule as it is. Raises ActionError for what readings do not drive."""
    if draft.settings.type not in REPLAYED:
        raise ActionError("type", "silence, unusual behaviour and trends cannot be tried on readings: save it, and watch it")
    began = time.monotonic()
    end_us = time.time_ns() // 1000
    start_us = end_us - days * DAY_US
    same = before if before is not None and before.settings.type in REPLAYED else None
    tried = []
    with tenant_reading(running.database.engine, tenant_id) as connection:
        groups = groups_of(connection)
        sensors = watched(draft.target, devices, groups)
        old = {sensor.id for _, sensor in watched(same, devices, groups)} if same is not None else set()
        for device, sensor in sensors[:MOST_TRIED]:
            found = stored_track(connection, sensor.id, start_us - WARM_UP_US, end_us, with_imports=with_imports)
            offline_us = offline_limit_us(sensor.period_s)

            def raised(settings: RuleSettings, track: Any = found.track, offline_us: int = offline_us) -> list[WouldBe]:
                return would_be(replay(settings, track, offline_us, until_us=end_us), start_us)

            present = raised(same.settings) if same is not None and sensor.id in old else [] if same is not None else None
            tried.append(Tried(device, sensor, raised(draft.settings), present, len(found.track.times_us), found.late, found.imported))
            if time.monotonic() - began > TRIED_FOR_S:
                break
    return Trial(start_us, end_us, tried, len(sensors), time.monotonic() - began)
