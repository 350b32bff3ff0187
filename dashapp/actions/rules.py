"""What someone can do with rules: make, change, switch, remove one. Every version is kept, with who made it. Managers and above."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from dashapp.domain.rule_settings import RuleSettings, RuleType, problems
from db.commands import audit
from db.commands import rules as commands
from db.commands.rules import RuleTarget
from db.engine import Database
from db.queries.rules import RuleRow
from db.tenancy import tenant_transaction

MOST_RULES = 20_000


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as somebody wants it. `policy_id` names an escalation policy; without one the plant's own, or the rule's steps."""

    name: str
    settings: RuleSettings
    target: RuleTarget
    policy_id: int | None = None


def create_rule(database: Database, actor: Actor, draft: RuleDraft) -> int:
    """The new rule's id. Raises ActionError that names the field which is wrong."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        name = _checked(connection, actor, draft)
        if connection.execute(text("select count(*) from rules where removed_at is null")).scalar_one() >= MOST_RULES:
            raise ActionError("name", f"there are {MOST_RULES:,} rules already", status=409)
        rule_id = commands.insert_rule(
            connection, actor.tenant_id, name, draft.settings, draft.target, by=actor.label, policy_id=draft.policy_id
        )
        audit.record(connection, actor, "create_rule", name, {"id": rule_id, **draft.settings.record()})
    return rule_id


def change_rule(database: Database, actor: Actor, rule_id: int, draft: RuleDraft) -> None:
    """Makes a new version. What the old one waited for is forgotten; what it raised returns unless the new one says it as well."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, actor, rule_id)
        external = RuleType.EXTERNAL in (before.settings.type, draft.settings.type)
        if external and (before.settings.type is not draft.settings.type or before.name != draft.name):
            raise ActionError("type", "a rule of another system keeps its kind and its name")
        name = _checked(connection, actor, draft)
        commands.update_rule(
            connection, actor.tenant_id, rule_id, name, draft.settings, draft.target, by=actor.label, policy_id=draft.policy_id
        )
        audit.record(connection, actor, "change_rule", name, {"id": rule_id, **draft.settings.record()})


def enable_rule(database: Database, actor: Actor, rule_id: int, on: bool) -> None:
    """Switches a rule on or off; nothing is changed where it is so already."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, actor, rule_id)
        if before.enabled is not on:
            commands.switch_rule(connection, actor.tenant_id, rule_id, on=on, by=actor.label)
            audit.record(connection, actor, "enable_rule" if on else "disable_rule", before.name, {"id": rule_id})


def remove_rule(database: Database, actor: Actor, rule_id: int) -> None:
    """Ends a rule for good; the alerts that it raised stay in the journal."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = _there(connection, actor, rule_id)
        commands.remove_rule(connection, actor.tenant_id, rule_id, by=actor.label)
        audit.record(connection, actor, "remove_rule", before.name, {"id": rule_id})


def _there(connection: Connection, actor: Actor, rule_id: int) -> RuleRow:
    found = commands.lock_rule(connection, rule_id)
    if found is None or (actor.lines is not None and not _on_lines(connection, actor, found)):
        raise ActionError("rule", "there is no such rule", status=404)
    return found


def _checked(connection: Connection, actor: Actor, draft: RuleDraft) -> str:
    """The name as it is kept. Raises ActionError for what is wrong."""
    name = audit.clean(draft.name).strip()
    if not 1 <= len(name) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    for field, reason in problems(draft.settings).items():
        raise ActionError(field, reason)
    target, kind = draft.target, draft.settings.type
    if sum(part is not None for part in (target.sensor_id, target.device_id, target.group_id)) > 1:
        raise ActionError("target", "one of a sensor, a device and a group is expected")
    needs_sensor = kind not in (RuleType.OFFLINE, RuleType.ANOMALY, RuleType.EXTERNAL)
    if needs_sensor and target.sensor_id is None and target.sensor_key is None:
        raise ActionError("sensor", "say which sensor the rule watches")
    if target.sensor_id is not None and target.sensor_key is not None:
        raise ActionError("sensor", "a sensor, or a kind of sensor, not both")
    for field, table, wanted in (
        ("sensor", "sensors", target.sensor_id), ("device", "devices", target.device_id), ("group", "device_groups", target.group_id),
    ):  # fmt: skip
        there = text(f"select exists (select 1 from {table} where id = :id)")
        if wanted is not None and not connection.execute(there, {"id": wanted}).scalar_one():
            raise ActionError(field, f"there is no such {field}", status=404)
    if actor.lines is not None and not _on_lines(connection, actor, target):
        raise ActionError("target", "you may make rules for your own lines only", status=403)
    return name


def _on_lines(connection: Connection, actor: Actor, target: RuleTarget | RuleRow) -> bool:
    """Whether every device that it watches stands on a line of the actor's."""
    outside = connection.execute(
        text(
            "select exists (select 1 from devices d where not d.line = any(:lines)"
            " and (cast(:device as int) is null or d.id = :device)"
            " and (cast(:sensor as int) is null or d.id = (select s.device_id from sensors s where s.id = :sensor))"
            " and (cast(:group as int) is null or d.id in (select m.device_id from device_group_members m where m.group_id = :group)))"
        ),
        {"lines": list(actor.lines or ()), "device": target.device_id, "sensor": target.sensor_id, "group": target.group_id},
    ).scalar_one()
    return not outside
