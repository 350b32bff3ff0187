"""Reads of rules: those that are evaluated, and one with its versions."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from dashapp.domain.rule_settings import RuleSettings


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule. Its target: a sensor; or every sensor of `sensor_key`, or the devices themselves: on a device, in a group, or anywhere."""

    id: int
    version: int
    name: str
    settings: RuleSettings
    sensor_id: int | None
    device_id: int | None
    group_id: int | None
    sensor_key: str | None
    policy_id: int | None  # None: the plant's own policy, where it has one
    enabled: bool
    seeded: bool
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """What a rule was at some time, who made it so, and how."""

    version: int
    at: datetime
    by: str
    what: str
    content: dict[str, Any]


# The steps of an escalation policy, where there is one, are those of the rule: position n is the level that is reached after_s later.
_SELECT = (
    "select id, version, name, type, severity, settings, sensor_id, device_id, group_id, sensor_key, policy_id, enabled, seeded,"
    " updated_at, updated_by, (select array_agg(e.after_s order by e.position) filter (where e.position > 0) from escalation_steps e"
    " where e.policy_id = coalesce(r.policy_id, (select p.id from escalation_policies p where p.is_default))) as steps,"
    " r.policy_id is not null or exists (select 1 from escalation_policies p where p.is_default) as by_policy"
    " from rules r where removed_at is null"
)


def rules(connection: Connection, *, enabled_only: bool = False) -> list[RuleRow]:
    """Every rule of the tenant by name; those of other systems too."""
    only = " and enabled" if enabled_only else ""
    return [_row(row) for row in connection.execute(text(f"{_SELECT}{only} order by name, id"))]


def one_rule(connection: Connection, rule_id: int) -> RuleRow | None:
    """A rule that was not removed."""
    row = connection.execute(text(f"{_SELECT} and id = :id"), {"id": rule_id}).one_or_none()
    return None if row is None else _row(row)


def rule_versions(connection: Connection, rule_id: int) -> list[RuleVersion]:
    """A rule's history, the newest first; also of one that was removed."""
    found = connection.execute(
        text("select version, at, by, what, content from rule_versions where rule_id = :id order by version desc"), {"id": rule_id}
    )
    return [RuleVersion(*row) for row in found]


def groups_of(connection: Connection) -> dict[int, set[int]]:
    """Group → its devices."""
    members: dict[int, set[int]] = {}
    for group_id, device_id in connection.execute(text("select group_id, device_id from device_group_members")):
        members.setdefault(group_id, set()).add(device_id)
    return members


def _row(row: Any) -> RuleRow:
    settings = RuleSettings.from_record({**row.settings, "type": row.type, "severity": row.severity})
    if row.by_policy:
        settings = replace(settings, escalate_after_s=tuple(float(seconds) for seconds in row.steps or ()))
    return RuleRow(
        row.id, row.version, row.name, settings, row.sensor_id, row.device_id, row.group_id, row.sensor_key, row.policy_id, row.enabled,
        row.seeded, row.updated_at, row.updated_by,
    )  # fmt: skip
