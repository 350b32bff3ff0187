"""Writes of rules, each version kept, inside a tenant's transaction. Who changes a rule says so to every replica (`tell`)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, text

from dashapp.domain.alarm_words import rule_name
from dashapp.domain.fleet import SensorKind, SensorSpec, Severity
from dashapp.domain.rule_settings import RuleSettings, RuleType
from db.notify import tell_rules_changed
from db.queries.rules import RuleRow, one_rule

FAULT_KEYS = ("fault", "alarm")  # flags that say that something is wrong
OFFLINE_NAME = "Device offline"
FOLLOWING = "system"  # who changes a rule because its sensor changed
_CONTENT = (
    "jsonb_build_object('name', name, 'type', type, 'severity', severity, 'settings', settings, 'enabled', enabled,"
    " 'sensor_id', sensor_id, 'device_id', device_id, 'group_id', group_id, 'sensor_key', sensor_key, 'policy_id', policy_id)"
)
_KEEP = (
    "insert into rule_versions (tenant_id, rule_id, version, by, what, content)"
    f" select tenant_id, id, version, :by, :what, {_CONTENT} from rules where id = :id"
)


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """What a rule watches: one sensor; or every sensor of `sensor_key`, or the devices themselves, on a device, in a group, or anywhere."""

    sensor_id: int | None = None
    device_id: int | None = None
    group_id: int | None = None
    sensor_key: str | None = None


def insert_rule(
    connection: Connection, tenant_id: int, name: str, settings: RuleSettings, target: RuleTarget, *, by: str = "system",
    policy_id: int | None = None, seeded: bool = False,
) -> int:  # fmt: skip
    """The new rule's id."""
    values = {**_values(name, settings, target, policy_id), "by": by, "seeded": seeded, "tenant_id": tenant_id}
    rule_id: int = connection.execute(
        text(
            "insert into rules (tenant_id, name, type, severity, settings, sensor_id, device_id, group_id, sensor_key, policy_id, seeded,"
            " updated_by) values (:tenant_id, :name, :type, :severity, cast(:settings as jsonb), :sensor_id, :device_id, :group_id,"
            " :sensor_key, :policy_id, :seeded, :by) returning id"
        ),
        values,
    ).scalar_one()
    connection.execute(text(_KEEP), {"id": rule_id, "by": by, "what": "created"})
    tell_rules_changed(connection, tenant_id)
    return rule_id


def update_rule(
    connection: Connection, tenant_id: int, rule_id: int, name: str, settings: RuleSettings, target: RuleTarget, *, by: str,
    policy_id: int | None, seeded: bool = False,
) -> None:  # fmt: skip
    """Makes a new version of the rule: what it waited for is forgotten with the old one. What a person set follows no sensor."""
    _changed(
        connection, tenant_id, rule_id,
        "name = :name, type = :type, severity = :severity, settings = cast(:settings as jsonb), sensor_id = :sensor_id,"
        " device_id = :device_id, group_id = :group_id, sensor_key = :sensor_key, policy_id = :policy_id, seeded = :seeded",
        by, "changed", {**_values(name, settings, target, policy_id), "seeded": seeded},
    )  # fmt: skip


def switch_rule(connection: Connection, tenant_id: int, rule_id: int, *, on: bool, by: str) -> None:
    """Enables or disables the rule."""
    _changed(connection, tenant_id, rule_id, "enabled = :on", by, "enabled" if on else "disabled", {"on": on})


def remove_rule(connection: Connection, tenant_id: int, rule_id: int, *, by: str) -> None:
    """The rule is evaluated and listed no more; the alerts that it raised keep it."""
    _changed(connection, tenant_id, rule_id, "removed_at = now()", by, "removed", {})


def lock_rule(connection: Connection, rule_id: int) -> RuleRow | None:
    """The rule, which nobody evaluates or changes until the transaction ends; None where there is none."""
    connection.execute(text("select id from rules where id = :id for update"), {"id": rule_id})
    return one_rule(connection, rule_id)


def external_rule(connection: Connection, tenant_id: int, code: str, severity: Severity) -> int:
    """The rule that stands for a code of another system, made with its first alert."""
    known = text("select id from rules where type = 'external' and name = :name and removed_at is null")
    found: int | None = connection.execute(known, {"name": code}).scalar_one_or_none()
    if found is not None:
        return found
    connection.execute(text("select pg_advisory_xact_lock(hashtext('andon_external_rules'), :tenant)"), {"tenant": tenant_id})
    meanwhile: int | None = connection.execute(known, {"name": code}).scalar_one_or_none()
    if meanwhile is not None:  # somebody made it while we waited
        return meanwhile
    return insert_rule(connection, tenant_id, code, RuleSettings(RuleType.EXTERNAL, severity), RuleTarget())


def default_rule(sensor: SensorSpec) -> RuleSettings | None:
    """The rule that a sensor's own limits, or its being a fault flag, ask for; None where nothing does."""
    if sensor.kind is SensorKind.FLAG:
        return RuleSettings(RuleType.FAULT, sensor.severity) if sensor.key in FAULT_KEYS else None
    if sensor.limit_high is None and sensor.limit_low is None:
        return None
    return RuleSettings(RuleType.THRESHOLD, sensor.severity, high=sensor.limit_high, low=sensor.limit_low)


def rules_for_sensor(connection: Connection, tenant_id: int, sensor_id: int, sensor: SensorSpec, *, by: str = "system") -> int | None:
    """Gives a new sensor the rule that its limits ask for; the rule's id, None where they ask for none."""
    settings = default_rule(sensor)
    if settings is None:
        return None
    name = rule_name(settings, sensor.name, sensor.unit)
    return insert_rule(connection, tenant_id, name, settings, RuleTarget(sensor_id=sensor_id), by=by, seeded=True)


def follow_sensors(connection: Connection, tenant_id: int, sensor_ids: Sequence[int], *, by: str) -> None:
    """Brings the rules up that go by the sensors' own limits: those that nobody has changed since. New sensors get theirs."""
    for sensor_id, spec in _specs(connection, sensor_ids).items():
        rows = connection.execute(
            text("select id, seeded, removed_at, updated_by from rules where sensor_id = :id and type in ('threshold', 'fault')"),
            {"id": sensor_id},
        ).all()
        live = [row for row in rows if row.removed_at is None]
        mine = next((row.id for row in live if row.seeded), None)
        wanted = default_rule(spec)
        if mine is None:
            if not live and not any(row.updated_by != FOLLOWING for row in rows):  # nobody took it away or made another
                rules_for_sensor(connection, tenant_id, sensor_id, spec, by=by)
            continue
        before = lock_rule(connection, mine)
        if wanted is None or before is None:
            remove_rule(connection, tenant_id, mine, by=FOLLOWING)
            continue
        settings = replace(
            before.settings, type=wanted.type, high=wanted.high, low=wanted.low, severity=wanted.severity, high_high=None, low_low=None
        )
        name = rule_name(settings, spec.name, spec.unit)
        if (settings, name) != (before.settings, before.name):
            update_rule(
                connection, tenant_id, mine, name, settings, RuleTarget(sensor_id=sensor_id), by=FOLLOWING, policy_id=before.policy_id,
                seeded=True,
            )  # fmt: skip


def ensure_default_rules(connection: Connection, tenant_id: int) -> int:
    """The rules of a plant that never had any: of its sensors' limits, and one for devices that fall silent. How many were made."""
    connection.execute(text("select id from tenants for update"))  # two replicas that start at once
    if connection.execute(text("select exists (select 1 from rules)")).scalar_one():
        return 0
    ids = list(connection.execute(text("select id from sensors order by device_id, position, id")).scalars())
    specs = _specs(connection, ids)
    made = sum(rules_for_sensor(connection, tenant_id, sensor_id, specs[sensor_id]) is not None for sensor_id in ids)
    insert_rule(connection, tenant_id, OFFLINE_NAME, RuleSettings(RuleType.OFFLINE, Severity.MEDIUM), RuleTarget(), seeded=True)
    return made + 1


def _specs(connection: Connection, sensor_ids: Sequence[int]) -> dict[int, SensorSpec]:
    """What is set of these sensors."""
    columns = "id, key, name, unit, kind, normal_low, normal_high, limit_low, limit_high, severity, period_s"
    specs: dict[int, SensorSpec] = {}
    for row in connection.execute(text(f"select {columns} from sensors where id = any(:ids)"), {"ids": list(sensor_ids)}):
        values: dict[str, Any] = dict(row._mapping)
        sensor_id = values.pop("id")
        specs[sensor_id] = SensorSpec(**{**values, "kind": SensorKind(values["kind"]), "severity": Severity(values["severity"])})
    return specs


def _values(name: str, settings: RuleSettings, target: RuleTarget, policy_id: int | None) -> dict[str, Any]:
    record = settings.record()
    kept = {field: value for field, value in record.items() if field not in ("type", "severity")}
    return {
        "name": name, "type": settings.type.value, "severity": settings.severity.value, "settings": json.dumps(kept),
        "sensor_id": target.sensor_id, "device_id": target.device_id, "group_id": target.group_id, "sensor_key": target.sensor_key,
        "policy_id": policy_id,
    }  # fmt: skip


def _changed(
    connection: Connection, tenant_id: int, rule_id: int, assignments: str, by: str, what: str, values: dict[str, Any]
) -> None:
    connection.execute(
        text(f"update rules set {assignments}, version = version + 1, updated_at = now(), updated_by = :by where id = :id"),
        {**values, "id": rule_id, "by": by},
    )
    connection.execute(text(_KEEP), {"id": rule_id, "by": by, "what": what})
    tell_rules_changed(connection, tenant_id)
