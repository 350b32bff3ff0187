"""What someone can do with escalation policies: make, change and remove one. Managers and administrators."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from db.commands import audit
from db.commands import channels as commands
from db.engine import Database
from db.notify import tell_rules_changed
from db.queries import notices as queries
from db.queries.notices import Step, Target
from db.tenancy import tenant_transaction

MOST_STEPS = 10
LONGEST_S = 7 * 86_400
SHORTEST_REMINDER_S = 60


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy as somebody wants it. The first step has `after_s` 0; `reminder_every_s` None: no reminders."""

    name: str
    steps: Sequence[Step]
    reminder_every_s: int | None = None
    is_default: bool = False


def create_policy(database: Database, actor: Actor, policy: Policy) -> int:
    """Makes a policy; its id. Raises ActionError that names the field which is wrong, 409 where the name is taken."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        steps = _checked(connection, policy)
        made = commands.insert_policy(connection, _name(policy), policy.reminder_every_s)
        if made is None:
            raise _taken(policy.name)
        _fill(connection, made, policy, steps)
        audit.record(connection, actor, "create_policy", policy.name, _told(policy))
        tell_rules_changed(connection, actor.tenant_id)  # their steps are the levels of escalation
    return made


def change_policy(database: Database, actor: Actor, policy_id: int, policy: Policy) -> None:
    """Changes a policy: from the next event on. Raises ActionError."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        _found(connection, policy_id)
        steps = _checked(connection, policy)
        if not commands.update_policy(connection, policy_id, _name(policy), policy.reminder_every_s):
            raise _taken(policy.name)
        _fill(connection, policy_id, policy, steps)
        audit.record(connection, actor, "change_policy", policy.name, {**_told(policy), "id": policy_id})
        tell_rules_changed(connection, actor.tenant_id)  # their steps are the levels of escalation


def remove_policy(database: Database, actor: Actor, policy_id: int) -> None:
    """Removes a policy; rules that name it go by the default one."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        stored = _found(connection, policy_id)
        commands.delete_policy(connection, policy_id)
        audit.record(connection, actor, "remove_policy", stored.name, {"id": policy_id})
        tell_rules_changed(connection, actor.tenant_id)  # their steps are the levels of escalation


def _fill(connection: Connection, policy_id: int, policy: Policy, steps: Sequence[Step]) -> None:
    commands.make_default(connection, policy_id, is_default=policy.is_default)
    commands.replace_steps(connection, policy_id, steps)


def _found(connection: Connection, policy_id: int) -> Any:
    stored = commands.lock_policy(connection, policy_id)
    if stored is None:
        raise ActionError("policy", "there is no such policy any more", status=404)
    return stored


def _name(policy: Policy) -> str:
    name = audit.clean(policy.name).strip()
    if not 1 <= len(name) <= 200:
        raise ActionError("name", "1 to 200 characters are expected")
    return name


def _taken(name: str) -> ActionError:
    return ActionError("name", f"there is a policy “{name}” already", status=409)


def _checked(connection: Connection, policy: Policy) -> list[Step]:
    """The steps as they are stored, in order. Fields are `step_1_after`, `step_1_to`, …, as the form counts them."""
    if not 1 <= len(policy.steps) <= MOST_STEPS:
        raise ActionError("step_1_to", f"1 to {MOST_STEPS} steps are expected")
    every = policy.reminder_every_s
    if every is not None and not SHORTEST_REMINDER_S <= every <= LONGEST_S:
        raise ActionError("reminder_min", "1 minute to 7 days are expected")
    channels = {row.id for row in queries.plain_channels(connection)}
    people = {row.id for row in queries.people(connection)}
    before, steps = -1, []
    for position, step in enumerate(policy.steps):
        number = position + 1
        if (position == 0) != (step.after_s == 0) or step.after_s <= before or step.after_s > LONGEST_S:
            raise ActionError(f"step_{number}_after", "later than the step before, and at most 7 days after the alert, is expected")
        if not step.targets:
            raise ActionError(f"step_{number}_to", "choose at least one channel, person or role")
        for target in step.targets:
            if not _is_there(target, channels, people):
                raise ActionError(f"step_{number}_to", "a channel or person that is named here is no longer there", status=409)
        before = step.after_s
        steps.append(Step(position, step.after_s, tuple(dict.fromkeys(step.targets))))
    return steps


def _is_there(target: Target, channels: set[int], people: set[int]) -> bool:
    if target.role is not None and target.role not in list(Role):
        return False
    if target.channel_id is None and target.user_id is None and target.role is None:
        return False
    return (target.channel_id is None or target.channel_id in channels) and (target.user_id is None or target.user_id in people)


def _told(policy: Policy) -> dict[str, Any]:
    steps = [
        {"after_s": step.after_s, "to": [{"channel": one.channel_id, "user": one.user_id, "role": one.role} for one in step.targets]}
        for step in policy.steps
    ]
    return {"steps": steps, "reminder_every_s": policy.reminder_every_s, "is_default": policy.is_default}
