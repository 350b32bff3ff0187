"""Writes of what is to be told: notices made of events, one taken at a time, and what became of it.

A notice is `queued`, then `sending` under a lease, then `sent`, `failed`, `dropped` (needless by now) or `digested` (told by a digest).
Whoever takes one commits before sending and marks it after: a crash in between leaves a lease that runs out, and it is sent again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

_TAKE_EVENTS = text(
    "select id, payload from outbox where topic = 'alert' and done_at is null and due_at <= :now order by id limit :most"
    " for update skip locked"
)
_INSERT = text("""
insert into notifications (tenant_id, outbox_id, alert_id, event_id, channel_id, channel, recipient, user_id, what, severity, level, facts,
                           created_at, due_at)
select current_setting('andon.tenant')::int, :outbox_id, :alert_id, :event_id, :channel_id, c.name, :recipient, :user_id, :what, :severity,
       :level, cast(:facts as jsonb), :now, :now
from channels c where c.id = :channel_id
on conflict do nothing""")
_LOCK_CHANNEL = text("""
select id, name, kind, settings, secret, templates, enabled, rate_messages, rate_s, tokens, failures,
       coalesce(extract(epoch from cast(:now as timestamptz) - tokens_at), 0)::float8 as tokens_age_s,
       coalesce(paused_until > :now, false) as paused
from channels where id = :channel for update skip locked""")
_WAITING = text("""
select n.id, n.outbox_id, n.alert_id, n.recipient, n.what, n.severity, n.level, n.facts, n.attempts, n.created_at, n.report_id, n.title,
       n.state = 'sending' and n.leased_until > :now as under_way, a.state as alert_state
from notifications n left join alerts a on a.id = n.alert_id
where n.channel_id = :channel and n.state in ('queued', 'sending') and n.due_at <= :now order by n.id limit 2000""")
_RECENT = text("""
select recipient, count(*) filter (where what not in ('digest', 'test', 'report')) as notices,
       extract(epoch from cast(:now as timestamptz) - max(created_at) filter (where what = 'digest'))::float8 as since_digest_s
from notifications where channel_id = :channel and created_at > :since group by recipient""")


@dataclass(frozen=True, slots=True)
class NewNotice:
    """A notice to be queued."""

    outbox_id: int | None
    alert_id: int
    event_id: int | None
    channel_id: int
    recipient: str
    user_id: int | None
    what: str
    severity: str
    level: int
    facts: Mapping[str, str]


def take_events(connection: Connection, now: datetime, most: int = 500) -> list[tuple[int, dict[str, Any]]]:
    """(id, payload) of alert events that nobody has told of yet, locked; another replica passes them by."""
    return [(row.id, row.payload) for row in connection.execute(_TAKE_EVENTS, {"now": now, "most": most})]


def finish_events(connection: Connection, outbox_ids: Sequence[int], now: datetime) -> None:
    """They are notices now, or nobody's business."""
    connection.execute(
        text("update outbox set done_at = :now, attempts = attempts + 1 where id = any(:ids)"), {"ids": list(outbox_ids), "now": now}
    )


def queue(connection: Connection, notices: Sequence[NewNotice], now: datetime) -> None:
    """Adds them; one that is there already (the same event, channel and recipient) stays as it is."""
    if notices:
        connection.execute(
            _INSERT,
            [
                {**{name: getattr(one, name) for name in NewNotice.__slots__}, "facts": json.dumps(dict(one.facts)), "now": now}
                for one in notices
            ],
        )


def start_reminders(connection: Connection, alert_id: int, every_s: int, now: datetime) -> None:
    """From now on, every so often, until nobody needs them."""
    connection.execute(
        text(
            "insert into alert_reminders (tenant_id, alert_id, due_at, every_s)"
            " values (current_setting('andon.tenant')::int, :alert, :due, :every)"
            " on conflict (tenant_id, alert_id) do update set due_at = excluded.due_at, every_s = excluded.every_s"
        ),
        {"alert": alert_id, "every": every_s, "due": now + timedelta(seconds=every_s)},
    )


def take_reminders(connection: Connection, now: datetime) -> list[int]:
    """Alerts of which somebody is to be reminded now; the next reminder is set. Those that were answered or ended are forgotten."""
    due = connection.execute(
        text(
            "select r.alert_id, r.every_s, a.state in ('B', 'E') and a.ended_at is null as open from alert_reminders r"
            " join alerts a on a.id = r.alert_id where r.due_at <= :now order by r.alert_id for update of r skip locked"
        ),
        {"now": now},
    ).all()
    over = [row.alert_id for row in due if not row.open]
    if over:
        connection.execute(text("delete from alert_reminders where alert_id = any(:ids)"), {"ids": over})
    for row in due:
        if row.open:
            start_reminders(connection, row.alert_id, row.every_s, now)
    return [row.alert_id for row in due if row.open]


def stop_reminders(connection: Connection, alert_ids: Sequence[int]) -> None:
    """Somebody has answered, or it is over."""
    connection.execute(text("delete from alert_reminders where alert_id = any(:ids)"), {"ids": list(alert_ids)})


def lock_channel(connection: Connection, channel_id: int, now: datetime) -> Any:
    """The channel's row, locked; None where another replica holds it or it is gone."""
    return connection.execute(_LOCK_CHANNEL, {"channel": channel_id, "now": now}).one_or_none()


def waiting(connection: Connection, channel_id: int, now: datetime) -> list[Any]:
    """What is due on a channel, oldest first; `under_way` is being sent by somebody at this moment."""
    return list(connection.execute(_WAITING, {"channel": channel_id, "now": now}))


def recent(connection: Connection, channel_id: int, now: datetime, window_s: float) -> dict[str, tuple[int, float | None]]:
    """recipient → (notices made within the window, seconds since the last digest within it)."""
    rows = connection.execute(_RECENT, {"channel": channel_id, "now": now, "since": now - timedelta(seconds=window_s)})
    return {row.recipient: (row.notices, row.since_digest_s) for row in rows}


def spend(connection: Connection, channel_id: int, tokens: float, now: datetime) -> None:
    """Notes what is left of the channel's rate."""
    connection.execute(
        text("update channels set tokens = :tokens, tokens_at = :now where id = :channel"),
        {"channel": channel_id, "tokens": tokens, "now": now},
    )


def begin(connection: Connection, notice_id: int, title: str, holder: str, now: datetime, lease_s: float) -> None:
    """Marks it as being sent, before it is."""
    connection.execute(
        text(
            "update notifications set state = 'sending', attempts = attempts + 1, title = :title, leased_by = :holder,"
            " leased_until = :until where id = :id"
        ),
        {"id": notice_id, "title": title[:300], "holder": holder, "until": now + timedelta(seconds=lease_s)},
    )


def make_digest(connection: Connection, channel_id: int, recipient: str, members: Sequence[int], severity: str, now: datetime) -> int:
    """A notice that tells what these would have told; an earlier digest among them hands its own over. Its id."""
    made: int = connection.execute(
        text(
            "insert into notifications (tenant_id, channel_id, channel, recipient, what, severity, created_at, due_at)"
            " select current_setting('andon.tenant')::int, c.id, c.name, :recipient, 'digest', :severity, :now, :now"
            " from channels c where c.id = :channel returning id"
        ),
        {"channel": channel_id, "recipient": recipient, "severity": severity, "now": now},
    ).scalar_one()
    values = {"digest": made, "ids": list(members)}
    connection.execute(text("update notifications set digest_id = :digest where digest_id = any(:ids)"), values)
    connection.execute(
        text("update notifications set state = 'digested', digest_id = :digest, leased_until = null where id = any(:ids)"), values
    )
    return made


def digested(connection: Connection, digest_ids: Sequence[int]) -> list[Any]:
    """What digests tell, in the order in which it happened."""
    return list(
        connection.execute(
            text(
                "select id, alert_id, what, severity, facts from notifications where digest_id = any(:ids) and what <> 'digest' order by id"
            ),
            {"ids": list(digest_ids)},
        )
    )


def drop(connection: Connection, notice_ids: Sequence[int], why: str) -> None:
    """Nobody needs them any more."""
    connection.execute(
        text("update notifications set state = 'dropped', error = :why, leased_until = null where id = any(:ids)"),
        {"ids": list(notice_ids), "why": why},
    )


def mark_sent(connection: Connection, notice_id: int, channel_id: int, holder: str, now: datetime) -> bool:
    """It was taken; False where the lease ran out meanwhile and somebody else has it."""
    held = connection.execute(
        text(
            "update notifications set state = 'sent', sent_at = :now, error = null, leased_until = null"
            " where id = :id and state = 'sending' and leased_by = :holder"
        ),
        {"id": notice_id, "holder": holder, "now": now},
    ).rowcount
    connection.execute(
        text("update channels set failures = 0, paused_until = null, last_sent_at = :now where id = :channel"),
        {"channel": channel_id, "now": now},
    )
    return held > 0


def mark_failed(
    connection: Connection,
    notice_id: int,
    channel_id: int,
    holder: str,
    error: str,
    now: datetime,
    *,
    again_in_s: float | None,
    pause_s: float | None,
) -> None:
    """It was not taken: it waits `again_in_s` seconds, or has failed for good (None). `pause_s` leaves the channel alone for so long."""
    connection.execute(
        text(
            "update notifications set state = case when cast(:wait as float8) is null then 'failed' else 'queued' end, error = :error,"
            " due_at = cast(:now as timestamptz) + coalesce(cast(:wait as float8), 0) * interval '1 s', leased_until = null,"
            " tries = (tries || jsonb_build_array(jsonb_build_object('at', cast(:now as timestamptz), 'error', cast(:error as text))))"
            " - case when jsonb_array_length(tries) >= 20 then 0 else 100 end"
            " where id = :id and state = 'sending' and leased_by = :holder"
        ),
        {"id": notice_id, "holder": holder, "error": error, "now": now, "wait": again_in_s},
    )
    connection.execute(
        text(
            "update channels set last_error = :error, last_error_at = :now,"
            " failures = failures + case when cast(:pause as float8) is null then 0 else 1 end,"
            " paused_until = case when cast(:pause as float8) is null then paused_until"
            " else cast(:now as timestamptz) + cast(:pause as float8) * interval '1 s' end where id = :channel"
        ),
        {"channel": channel_id, "error": error, "now": now, "pause": pause_s},
    )


def forget(connection: Connection, before: datetime, told_before: datetime) -> int:
    """Deletes the delivery log and what was told from before these times; the number of rows."""
    gone = connection.execute(
        text("delete from notifications where created_at < :before and state not in ('queued', 'sending')"), {"before": before}
    ).rowcount
    return gone + connection.execute(text("delete from outbox where done_at < :before"), {"before": told_before}).rowcount
