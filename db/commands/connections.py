"""Writes of connections, of their clients' state, and of what they send, inside a tenant's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from db.commands.named import insert_named, update_named


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that waits to be sent: its row, and what the broker gets."""

    id: int
    topic: str
    key: str
    value: Any
    attempts: int


def insert_connection(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """The new connection's id; None where the name is taken."""
    return insert_named(connection, "connections", values)


def update_connection(connection: Connection, connection_id: int, values: Mapping[str, Any]) -> bool:
    """Changes a connection: whoever runs it begins anew. False where another one has the name."""
    return update_named(connection, "connections", connection_id, values, "version = version + 1")


def lock_connection(connection: Connection, connection_id: int) -> Any:
    """The whole of a connection until the transaction ends; None where there is none."""
    return connection.execute(text("select * from connections where id = :id for update"), {"id": connection_id}).one_or_none()


def switch_connection(connection: Connection, connection_id: int, *, enabled: bool) -> None:
    """On or off; off, what waits to be sent by it is dropped."""
    connection.execute(
        text("update connections set enabled = :enabled, version = version + 1 where id = :id"), {"enabled": enabled, "id": connection_id}
    )
    if not enabled:
        connection.execute(text("delete from outbox where connection_id = :id"), {"id": connection_id})


def delete_connection(connection: Connection, connection_id: int) -> None:
    """With its clients and what waits to be sent."""
    connection.execute(text("delete from connections where id = :id"), {"id": connection_id})


def write_client(connection: Connection, connection_id: int, slot: int, values: Mapping[str, Any]) -> None:
    """How a client is, as the replica that runs it says; nothing where the connection is gone. Counters go on where they were."""
    connection.execute(
        text(
            "insert into connection_clients as c (tenant_id, connection_id, slot, replica, state, detail, since, messages, stored,"
            " duplicates, conflicts, refused, per_s, lag, last_message_at, last_error, last_error_at, subscribed)"
            " select tenant_id, id, :slot, :replica, :state, :detail, to_timestamp(:since), :messages, :stored, :duplicates, :conflicts,"
            " :refused, :per_s, :lag, to_timestamp(:last_message_at), :last_error, to_timestamp(:last_error_at), :subscribed"
            " from connections where id = :id"
            " on conflict (tenant_id, connection_id, slot) do update set replica = excluded.replica, state = excluded.state,"
            " detail = excluded.detail, since = excluded.since, messages = c.messages + excluded.messages,"
            " stored = c.stored + excluded.stored, duplicates = c.duplicates + excluded.duplicates,"
            " conflicts = c.conflicts + excluded.conflicts, refused = c.refused + excluded.refused, per_s = excluded.per_s,"
            " lag = excluded.lag, last_message_at = coalesce(excluded.last_message_at, c.last_message_at),"
            " last_error = coalesce(excluded.last_error, c.last_error), last_error_at = coalesce(excluded.last_error_at, c.last_error_at),"
            " subscribed = excluded.subscribed, seen_at = now()"
        ),
        {**values, "id": connection_id, "slot": slot},
    )


def subscribed_before(connection: Connection, connection_id: int, slot: int) -> tuple[str, ...]:
    """The topics that the broker's session of this client knows."""
    found = connection.execute(
        text("select subscribed from connection_clients where connection_id = :id and slot = :slot"), {"id": connection_id, "slot": slot}
    ).scalar_one_or_none()
    return tuple(found or ())


def forget_slots(connection: Connection, connection_id: int, clients: int) -> None:
    """Clients that the connection no longer has."""
    connection.execute(
        text("delete from connection_clients where connection_id = :id and slot >= :clients"), {"id": connection_id, "clients": clients}
    )


def queue_metrics(connection: Connection, low: datetime, high: datetime) -> int:
    """Puts the minutes of `low` ≤ bucket < `high` into the outbox of every connection that sends metrics; those of the last hour only."""
    return connection.execute(
        text(
            "insert into outbox (tenant_id, topic, connection_id, payload)"
            " select c.tenant_id, 'kafka', c.id, jsonb_build_object('topic', 'metrics',"
            " 'key', concat_ws('/', d.key, s.key, to_char(r.bucket at time zone 'UTC', 'YYYY-MM-DD HH24:MI')), 'value', jsonb_build_object("
            " 'plant', t.key, 'device_id', d.key, 'sensor_type', s.key, 'unit', s.unit, 'from', r.bucket, 'seconds', 60,"
            " 'count', r.count, 'mean', r.mean, 'min', r.min, 'max', r.max, 'first', r.first, 'last', r.last, 'sum', r.sum))"
            " from connections c join tenants t on t.id = c.tenant_id"
            " join rollup_minute r on r.bucket >= :low and r.bucket < :high and r.bucket > now() - interval '1 hour'"
            " join sensors s on s.id = r.sensor_id join devices d on d.id = s.device_id"
            " where c.enabled and 'metrics' = any (c.sends) order by r.bucket, d.key, s.key"
        ),
        {"low": low, "high": high},
    ).rowcount


def take_outgoing(connection: Connection, connection_id: int, most: int, lease_s: int) -> list[Outgoing]:
    """The oldest messages that wait and that nobody is sending, leased for `lease_s`."""
    rows = connection.execute(
        text(
            "update outbox o set leased_until = now() + :lease * interval '1 second', attempts = o.attempts + 1 from ("
            " select tenant_id, id from outbox where connection_id = :id and due_at <= now()"
            " and (leased_until is null or leased_until < now()) order by id limit :most for update skip locked) t"
            " where o.tenant_id = t.tenant_id and o.id = t.id returning o.id, o.payload, o.attempts"
        ),
        {"id": connection_id, "most": most, "lease": lease_s},
    ).all()
    return [Outgoing(row.id, row.payload["topic"], row.payload["key"], row.payload["value"], row.attempts) for row in sorted(rows)]


def count_outgoing(connection: Connection, connection_id: int) -> int:
    """How many messages of a connection wait."""
    counted: int = connection.execute(text("select count(*) from outbox where connection_id = :id"), {"id": connection_id}).scalar_one()
    return counted


def settle_outgoing(connection: Connection, sent: Sequence[int], failed: Sequence[int], error: str, retry_s: float) -> None:
    """What the broker has goes; the rest waits and is sent again."""
    if sent:
        connection.execute(text("delete from outbox where id = any(:ids)"), {"ids": list(sent)})
    if failed:
        connection.execute(
            text(
                "update outbox set leased_until = null, last_error = :error, due_at = now() + :retry * interval '1 second'"
                " where id = any(:ids)"
            ),
            {"ids": list(failed), "error": error[:500], "retry": retry_s},
        )


def drop_old_outgoing(connection: Connection, before: datetime) -> int:
    """What no broker has taken for so long is given up."""
    return connection.execute(
        text("delete from outbox where connection_id is not null and created_at < :before"), {"before": before}
    ).rowcount
