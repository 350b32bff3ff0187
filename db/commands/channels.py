"""Writes of channels and escalation policies, inside a tenant's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from db.commands.named import insert_named, update_named
from db.queries.notices import Step


def insert_channel(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """The new channel's id; None where the name is taken."""
    return insert_named(connection, "channels", values)


def update_channel(connection: Connection, channel_id: int, values: Mapping[str, Any]) -> bool:
    """Changes a channel; what was held against it is forgotten. False where another one has the name."""
    forgotten = ("failures = 0", "paused_until = null", "last_error = null", "last_error_at = null")
    return update_named(connection, "channels", channel_id, values, *forgotten)


def let_nobody_else_write_to_people(connection: Connection, channel_id: int | None) -> None:
    """One channel of a plant does; the others cease to."""
    connection.execute(
        text("update channels set for_people = false where for_people and id is distinct from cast(:id as int)"), {"id": channel_id}
    )


def lock_channel_to_change(connection: Connection, channel_id: int) -> Any:
    """The whole of a channel, its secret too, until the transaction ends; None where there is none."""
    return connection.execute(text("select * from channels where id = :id for update"), {"id": channel_id}).one_or_none()


def switch_channel(connection: Connection, channel_id: int, *, enabled: bool) -> None:
    """On or off; switched on it begins anew."""
    connection.execute(
        text("update channels set enabled = :enabled, failures = 0, paused_until = null where id = :id"),
        {"enabled": enabled, "id": channel_id},
    )


def delete_channel(connection: Connection, channel_id: int) -> None:
    """What waits on it is dropped, its log stays; policies no longer name it."""
    connection.execute(
        text(
            "update notifications set state = 'dropped', error = 'the channel was removed', leased_until = null"
            " where channel_id = :id and state in ('queued', 'sending')"
        ),
        {"id": channel_id},
    )
    connection.execute(text("delete from channels where id = :id"), {"id": channel_id})


def tests_since(connection: Connection, since: datetime) -> int:
    """How many test messages the tenant has sent."""
    found: int = connection.execute(
        text("select count(*) from notifications where what = 'test' and created_at > :since"), {"since": since}
    ).scalar_one()
    return found


def begin_test(connection: Connection, channel_id: int, recipient: str, title: str, now: datetime, until: datetime) -> int:
    """A test message in the log, before it is sent."""
    made: int = connection.execute(
        text(
            "insert into notifications (tenant_id, channel_id, channel, recipient, what, title, state, attempts, created_at, due_at,"
            " leased_until, leased_by) select current_setting('andon.tenant')::int, c.id, c.name, :recipient, 'test', :title, 'dropped', 1,"
            " :now, :now, :until, 'test' from channels c where c.id = :id returning id"
        ),
        {"id": channel_id, "recipient": recipient, "title": title, "now": now, "until": until},
    ).scalar_one()
    return made


def end_test(connection: Connection, notice_id: int, channel_id: int, error: str | None, now: datetime) -> None:
    """What became of a test; one that arrived shows that the channel works again."""
    connection.execute(
        text(
            "update notifications set state = case when cast(:error as text) is null then 'sent' else 'failed' end, error = :error,"
            " sent_at = case when cast(:error as text) is null then cast(:now as timestamptz) end, leased_until = null where id = :id"
        ),
        {"id": notice_id, "error": error, "now": now},
    )
    worked, failed = "failures = 0, paused_until = null, last_sent_at = :now", "last_error = :error, last_error_at = :now"
    change = worked if error is None else failed
    values = {"id": channel_id, "now": now, "error": error}
    connection.execute(text(f"update channels set {change} where id = :id"), values)


def insert_policy(connection: Connection, name: str, reminder_every_s: int | None) -> int | None:
    """The new policy's id, without steps; None where the name is taken."""
    return insert_named(connection, "escalation_policies", {"name": name, "reminder_every_s": reminder_every_s})


def update_policy(connection: Connection, policy_id: int, name: str, reminder_every_s: int | None) -> bool:
    """False where another one has the name."""
    return update_named(connection, "escalation_policies", policy_id, {"name": name, "reminder_every_s": reminder_every_s})


def lock_policy(connection: Connection, policy_id: int) -> Any:
    """The policy's row, until the transaction ends; None where there is none."""
    return connection.execute(text("select * from escalation_policies where id = :id for update"), {"id": policy_id}).one_or_none()


def replace_steps(connection: Connection, policy_id: int, steps: Sequence[Step]) -> None:
    """The steps of a policy, in place of those that it had."""
    connection.execute(text("delete from escalation_steps where policy_id = :policy"), {"policy": policy_id})
    for step in steps:
        values = {"policy": policy_id, "position": step.position}
        connection.execute(
            text(
                "insert into escalation_steps (tenant_id, policy_id, position, after_s)"
                " values (current_setting('andon.tenant')::int, :policy, :position, :after)"
            ),
            {**values, "after": step.after_s},
        )
        for target in step.targets:
            connection.execute(
                text(
                    "insert into escalation_targets (tenant_id, policy_id, position, channel_id, user_id, role)"
                    " values (current_setting('andon.tenant')::int, :policy, :position, :channel, :person, :role)"
                ),
                {**values, "channel": target.channel_id, "person": target.user_id, "role": target.role},
            )


def make_default(connection: Connection, policy_id: int, *, is_default: bool) -> None:
    """At most one policy is the one for rules that name none."""
    if is_default:
        connection.execute(text("update escalation_policies set is_default = false where is_default and id <> :id"), {"id": policy_id})
    connection.execute(text("update escalation_policies set is_default = :on where id = :id"), {"id": policy_id, "on": is_default})


def delete_policy(connection: Connection, policy_id: int) -> None:
    """Rules that name it go by the default one from now on."""
    connection.execute(text("delete from escalation_policies where id = :id"), {"id": policy_id})
