"""Which rules watch which sensors, in memory: columns for the pass over a slice of readings, and look-ups for the few that stir.

Loaded on first use and again when somebody says that rules, devices or sensors changed (`forget`), in this process or, by NOTIFY, in
another. An evaluation that went by an old one notices it: what a rule waits for carries the rule's version.
"""

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain import alarm_words
from dashapp.domain.rule_settings import SWEPT, Limit, RuleType
from dashapp.domain.rules import QUIET, offline_limit_us
from dashapp.domain.still import stillness
from dashapp.domain.watch import escalation_us
from dashapp.ingest.catalogue import Catalogue, DeviceEntry, SensorEntry, TenantCatalogue
from db.commands.alarms import Facts, Target
from db.engine import Database
from db.queries.rules import RuleRow, groups_of, rules
from db.tenancy import tenant_reading


@dataclass(frozen=True, slots=True)
class Watched:
    """One rule on one target. `sensor` is None where it watches the device itself."""

    rule: RuleRow
    device: DeviceEntry
    sensor: SensorEntry | None
    offline_us: int
    escalate_after_us: tuple[int, ...]

    @property
    def target(self) -> Target:
        """What it is called in the database."""
        return Target(self.rule.id, self.device.id, self.sensor.id if self.sensor else 0)

    def facts(self, limit: Limit, value: float | None) -> Facts:
        """What its alert says when this limit is crossed."""
        key, name, unit = ("", self.device.name, "") if self.sensor is None else (self.sensor.key, self.sensor.name, self.sensor.unit)
        message = alarm_words.alert_message(self.rule.settings, limit, name, unit, value, self.offline_us / 1e6)
        return Facts(alarm_words.alert_type(limit), alarm_words.alert_code(limit, key), message, value)


@dataclass(frozen=True, slots=True)
class TenantRules:
    """A tenant's rules. The columns are of the (rule, sensor) pairs, sorted by sensor; `first` and `count` index them by `sensor_ids`."""

    pairs: Sequence[Watched]
    number_of: Mapping[Target, int]  # pair → its place in the columns
    sensor_ids: NDArray[np.int32]
    first: NDArray[np.int64]
    count: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gap_us: NDArray[np.int64]
    is_rate: NDArray[np.bool_]
    devices: Mapping[Target, Watched]  # what watches devices themselves
    device_of: Mapping[int, int]  # sensor → device
    suppressing: Mapping[int, Sequence[Watched]]  # sensor → pairs that are suppressed by it
    offline: bool
    swept: Sequence[Watched]  # what a job looks at each minute
    rules: Mapping[int, RuleRow]

    def watched(self, target: Target) -> Watched | None:
        """What a target is; None where no rule watches it (any more)."""
        number = self.number_of.get(target)
        return self.pairs[number] if number is not None else self.devices.get(target)

    def __bool__(self) -> bool:
        return bool(self.pairs or self.devices)


class Rulebook:
    """Every tenant's rules, loaded when first asked for."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self._database = database
        self._catalogue = catalogue
        self._tenants: dict[int, tuple[TenantCatalogue, TenantRules]] = {}
        self._numbers = itertools.count()
        self._forgotten: dict[int, int] = {}
        self._lock = threading.Lock()

    def of(self, tenant_id: int) -> TenantRules:
        """The tenant's rules, with the devices and sensors that the catalogue has now."""
        catalogue = self._catalogue.of(tenant_id)
        known = self._tenants.get(tenant_id)
        if known is not None and known[0] is catalogue:
            return known[1]
        asked = self._forgotten.get(tenant_id)
        with tenant_reading(self._database.engine, tenant_id) as connection:
            found, groups = rules(connection, enabled_only=True), groups_of(connection)
        made = compiled(found, groups, catalogue)
        with self._lock:
            if self._forgotten.get(tenant_id) == asked:  # nobody changed them while they were read
                self._tenants[tenant_id] = (catalogue, made)
        return made

    def loaded_tenants(self) -> list[int]:
        """Tenants that are in memory."""
        return list(self._tenants)

    def forget(self, tenant_id: int) -> None:
        """Call after any change to rules or groups was committed."""
        with self._lock:
            self._forgotten[tenant_id] = next(self._numbers)
            self._tenants.pop(tenant_id, None)


def compiled(found: Sequence[RuleRow], groups: Mapping[int, set[int]], catalogue: TenantCatalogue) -> TenantRules:
    """The rules of a tenant laid out for evaluation."""
    device_of = {sensor.id: device for device in catalogue.devices.values() for sensor in device.sensors.values()}
    watching = [each for rule in found for each in _targets(rule, groups, catalogue, device_of)]
    pairs = sorted((each for each in watching if each.sensor is not None), key=lambda each: (each.target.sensor_id, each.rule.id))
    ids = np.array([each.sensor.id for each in pairs if each.sensor], np.int32)
    sensor_ids, first, count = np.unique(ids, return_index=True, return_counts=True)
    quiet = [stillness(each.rule.settings, QUIET) for each in pairs]
    suppressing: dict[int, list[Watched]] = {}
    for each in watching:
        when = each.rule.settings.suppress_when
        if when is not None and (sensor := each.device.sensors.get(when.sensor)) is not None:
            suppressing.setdefault(sensor.id, []).append(each)
    return TenantRules(
        pairs, {each.target: number for number, each in enumerate(pairs)}, sensor_ids, first, count,
        np.array([each.low for each in quiet]), np.array([each.high for each in quiet]),
        np.array([each.offline_us for each in pairs], np.int64),
        np.array([each.rule.settings.type is RuleType.RATE for each in pairs], bool),
        {each.target: each for each in watching if each.sensor is None}, {sensor: device.id for sensor, device in device_of.items()},
        suppressing, any(each.rule.settings.type is RuleType.OFFLINE for each in watching),
        [each for each in watching if each.rule.settings.type in SWEPT], {rule.id: rule for rule in found},
    )  # fmt: skip


def _targets(
    rule: RuleRow, groups: Mapping[int, set[int]], catalogue: TenantCatalogue, device_of: Mapping[int, DeviceEntry]
) -> Iterator[Watched]:
    """Every target of a rule that is there."""
    steps = escalation_us(rule.settings)
    if rule.settings.type is RuleType.EXTERNAL:
        return
    if rule.sensor_id is not None:
        if (device := device_of.get(rule.sensor_id)) is not None:
            sensor = catalogue.sensors[rule.sensor_id]
            yield Watched(rule, device, sensor, offline_limit_us(sensor.period_s), steps)
        return
    for device in catalogue.devices.values():
        here = rule.device_id in (None, device.id) and (rule.group_id is None or device.id in groups.get(rule.group_id, ()))
        if not here:
            continue
        if rule.sensor_key is not None:
            if (found := device.sensors.get(rule.sensor_key)) is not None:
                yield Watched(rule, device, found, offline_limit_us(found.period_s), steps)
        elif rule.settings.type in (RuleType.OFFLINE, RuleType.ANOMALY) and device.status == "active":
            shortest = min((each.period_s for each in device.sensors.values()), default=10.0)
            yield Watched(rule, device, None, offline_limit_us(shortest), steps)
