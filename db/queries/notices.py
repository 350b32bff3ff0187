"""What notices are made of: facts of alerts, channels, policies, people; and what is shown of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

_FACTS = text("""
select e.id as event_id, a.id as alert_id, a.severity, a.state, a.message, a.raised_at, a.ended_at, a.escalation_level,
       coalesce(e.value, a.value) as value, (e.detail->>'limit')::float8 as limit_value, e.at, e.by, e.comment,
       d.key as device, d.name as device_name, d.place, d.line, s.name as sensor, s.unit, r.policy_id,
       exists (select 1 from alert_events o where o.alert_id = a.id and o.what in ('shelved', 'suppressed', 'out_of_service')
         and not exists (select 1 from alert_events z where z.alert_id = a.id and z.id > o.id and z.what = case o.what
           when 'shelved' then 'shelving_ended' when 'suppressed' then 'suppression_ended' else 'back_in_service' end)) as suppressed
from unnest(cast(:alerts as bigint[]), cast(:events as bigint[])) with ordinality as asked (alert_id, event_id, position)
join alerts a on a.id = asked.alert_id
join devices d on d.id = a.device_id
left join alert_events e on e.id = asked.event_id
left join sensors s on s.id = a.sensor_id
left join rules r on r.id = a.rule_id
order by asked.position""")
_TOLD = text("""
select distinct alert_id, channel_id, recipient, user_id from notifications
where alert_id = any(:alerts) and what in ('raised', 'escalated', 'reminder') and channel_id is not null""")
_CHANNELS = text("""
select c.*, (select count(*) from notifications n where n.channel_id = c.id and n.state in ('queued', 'sending')) as waiting,
       (select count(*) from notifications n where n.channel_id = c.id and n.state = 'failed'
          and n.created_at > cast(:now as timestamptz) - interval '24 hours') as failed,
       (select array_agg(distinct p.name) from escalation_targets t
          join escalation_policies p on p.id = t.policy_id where t.channel_id = c.id) as policies
from channels c order by lower(c.name)""")
_LOG = text("""
select n.id, n.created_at, n.sent_at, n.channel_id, n.channel, n.recipient, u.name as person, n.what, n.severity, n.level, n.title, n.state,
       n.attempts, n.error, n.alert_id, n.digest_id, n.facts, m.state as digest_state, m.sent_at as digest_sent_at
from notifications n left join users u on u.id = n.user_id left join notifications m on m.id = n.digest_id
where (cast(:channel as int) is null or n.channel_id = :channel) and (cast(:before as bigint) is null or n.id < :before)
  and (cast(:states as text[]) is null or n.state = any(:states))
order by n.id desc limit :limit""")
_PEOPLE = text("select id, name, email, role, lines from users where disabled_at is null order by lower(name)")


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a step tells: a channel, a person, or everyone of a role."""

    channel_id: int | None
    user_id: int | None
    role: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a policy: whom it tells, so many seconds after the alert was announced. Position 0 is told at once."""

    position: int
    after_s: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is told of an alert, and who next when nobody answers."""

    id: int
    name: str
    is_default: bool
    reminder_every_s: int | None
    steps: tuple[Step, ...]


def policies(connection: Connection) -> list[Policy]:
    """Every policy of the transaction's tenant with its steps, the default one first."""
    targets: dict[tuple[int, int], list[Target]] = {}
    for row in connection.execute(text("select policy_id, position, channel_id, user_id, role from escalation_targets order by id")):
        targets.setdefault((row.policy_id, row.position), []).append(Target(row.channel_id, row.user_id, row.role))
    steps: dict[int, list[Step]] = {}
    for row in connection.execute(text("select policy_id, position, after_s from escalation_steps order by policy_id, position")):
        steps.setdefault(row.policy_id, []).append(Step(row.position, row.after_s, tuple(targets.get((row.policy_id, row.position), ()))))
    found = connection.execute(
        text("select id, name, is_default, reminder_every_s from escalation_policies order by is_default desc, lower(name)")
    )
    return [Policy(row.id, row.name, row.is_default, row.reminder_every_s, tuple(steps.get(row.id, ()))) for row in found]


def facts_of(connection: Connection, alerts: Sequence[int], events: Sequence[int | None]) -> list[Any]:
    """One row for each (alert, event) whose alert is still there, in their order."""
    return list(connection.execute(_FACTS, {"alerts": list(alerts), "events": list(events)})) if alerts else []


def told(connection: Connection, alerts: Sequence[int]) -> dict[int, list[tuple[int, str, int | None]]]:
    """alert → (channel, recipient, person) of everyone who was told of it."""
    found: dict[int, list[tuple[int, str, int | None]]] = {}
    for row in connection.execute(_TOLD, {"alerts": list(alerts)}):
        found.setdefault(row.alert_id, []).append((row.channel_id, row.recipient, row.user_id))
    return found


def plain_channels(connection: Connection) -> list[Any]:
    """The channels as they are set up; no row holds the secret of one."""
    return list(
        connection.execute(
            text(
                "select id, name, kind, settings, hint, events, least_severity, templates, for_people, enabled, rate_messages, rate_s"
                " from channels order by lower(name)"
            )
        )
    )


def channels(connection: Connection, now: datetime) -> list[dict[str, Any]]:
    """The channels with how they do: what waits, what failed in 24 hours, the policies that use them. Without secrets."""
    rows = connection.execute(_CHANNELS, {"now": now}).mappings()
    return [{name: value for name, value in row.items() if name != "secret"} for row in rows]


def people(connection: Connection) -> list[Any]:
    """Who could be told: id, name, email, role, lines of everyone with an account in use."""
    return list(connection.execute(_PEOPLE))


def delivery_log(
    connection: Connection,
    *,
    channel_id: int | None = None,
    states: Sequence[str] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Any]:
    """The newest notices first; `before` an id goes on from there."""
    values = {"channel": channel_id, "states": None if states is None else list(states), "before": before, "limit": limit}
    return list(connection.execute(_LOG, values))


def rules_by_policy(connection: Connection) -> dict[int | None, int]:
    """policy → how many rules name it; under None those that name none."""
    rows = connection.execute(text("select policy_id, count(*) as rules from rules where removed_at is null group by policy_id"))
    return {row.policy_id: row.rules for row in rows}


def tenants_to_notify(connection: Connection, now: datetime) -> list[int]:
    """Tenants with something to tell, outside of any tenant's transaction."""
    return list(connection.execute(text("select tenant_id from andon_tenants_to_notify(:now)"), {"now": now}).scalars())


def due_channels(connection: Connection, now: datetime) -> list[int]:
    """Channels with something to send, that are not being left alone."""
    return list(
        connection.execute(
            text(
                "select distinct n.channel_id from notifications n join channels c on c.id = n.channel_id"
                " where n.state in ('queued', 'sending') and n.due_at <= :now and coalesce(c.paused_until <= :now, true)"
                " and (n.state = 'queued' or n.leased_until <= :now)"
            ),
            {"now": now},
        ).scalars()
    )
