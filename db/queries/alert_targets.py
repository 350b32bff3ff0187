"""Which rule on which target an alert belongs to: what actions on alerts look up first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from db.commands.alarms import Target


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """An alert (id None: none is asked about) and its target; `label` names it in the audit log."""

    id: int | None
    target: Target
    line: str
    label: str
    answered_by: str | None = None
    answered_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SuppressedRow:
    """What is over a rule on a target: `shelved`, `suppressed` or `out_of_service`."""

    target: Target
    rule_name: str
    device_key: str
    device_name: str
    line: str
    sensor_key: str | None
    kind: str
    since: datetime
    until: datetime | None
    until_clear: bool
    by: str
    reason: str


def alert_targets(connection: Connection, alert_ids: Sequence[int]) -> dict[int, AlertTarget]:
    """Alert → its target, for those that are there."""
    if not alert_ids:
        return {}
    rows = connection.execute(
        text(
            "select a.id, a.rule_id, a.device_id, coalesce(a.sensor_id, 0) as sensor_id, d.line, d.key || ' ' || a.code as label,"
            " a.acknowledged_by, a.acknowledged_at from alerts a join devices d on d.tenant_id = a.tenant_id and d.id = a.device_id"
            " where a.id = any(:ids) and a.rule_id is not null"
        ),
        {"ids": list(alert_ids)},
    )
    return {
        row.id: AlertTarget(
            row.id, Target(row.rule_id, row.device_id, row.sensor_id), row.line, row.label, row.acknowledged_by, row.acknowledged_at
        )
        for row in rows
    }


def target_of(connection: Connection, target: Target) -> AlertTarget | None:
    """A rule on a target, where both are there."""
    row = connection.execute(
        text(
            "select d.line, d.key || ' ' || r.name as label from devices d, rules r where d.id = :device and r.id = :rule"
            " and r.removed_at is null"
            " and (:sensor = 0 or exists (select 1 from sensors s where s.id = :sensor and s.device_id = d.id))"
        ),
        {"device": target.device_id, "rule": target.rule_id, "sensor": target.sensor_id},
    ).one_or_none()
    return None if row is None else AlertTarget(None, target, row.line, row.label)


def suppressed_targets(connection: Connection, *, lines: Sequence[str] | None = None) -> list[SuppressedRow]:
    """Everything that is shelved, suppressed or out of service now, with an alert or without; windows are listed apart."""
    rows = connection.execute(
        text(
            "select o.rule_id, o.device_id, o.sensor_id, r.name as rule_name, d.key as device_key, d.name as device_name, d.line,"
            " s.key as sensor_key, o.kind, o.since, o.until, o.until_clear,"
            " coalesce((select u.name from users u where o.by = 'user:' || u.id), o.by) as by, o.reason from alert_suppressors o"
            " join rules r on r.id = o.rule_id join devices d on d.id = o.device_id left join sensors s on s.id = o.sensor_id"
            " where (cast(:lines as text[]) is null or d.line = any(:lines)) order by o.since desc, o.id"
        ),
        {"lines": None if lines is None else list(lines)},
    )
    return [SuppressedRow(Target(row.rule_id, row.device_id, row.sensor_id), *row[3:]) for row in rows]
