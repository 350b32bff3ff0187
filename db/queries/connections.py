"""Connections to brokers as they are run and shown."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

SILENT_S = 15  # a client of which nobody has given word for so long does not run
SENDER = -1  # the slot of the client that sends


@dataclass(frozen=True, slots=True)
class WantedConnection:
    """A connection that is on, of any tenant: what a replica needs to know to run its share."""

    tenant_id: int
    id: int
    kind: str
    version: int
    clients: int
    sends: bool


def wanted_connections(connection: Connection) -> list[WantedConnection]:
    """Every connection that is on, of every tenant."""
    return [WantedConnection(*row) for row in connection.execute(text("select * from andon_connections()"))]


def find_connection(connection: Connection, connection_id: int) -> Any:
    """The whole row, with its secret and the plant's key; None where there is none."""
    return connection.execute(
        text("select c.*, t.key as plant from connections c join tenants t on t.id = c.tenant_id where c.id = :id"), {"id": connection_id}
    ).one_or_none()


_SHOWN = f"""
select c.id, c.name, c.kind, c.settings, c.sends, c.enabled, c.version, c.created_at, c.secret <> '{{}}' as has_secret,
  array(select jsonb_object_keys(c.secret)) as secrets,
  (select count(*) from outbox o where o.connection_id = c.id) as waiting,
  (select coalesce(jsonb_agg(jsonb_build_object('slot', s.slot, 'replica', s.replica, 'state', s.state, 'detail', s.detail,
     'since_s', extract(epoch from now() - s.since), 'messages', s.messages, 'stored', s.stored, 'duplicates', s.duplicates,
     'conflicts', s.conflicts, 'refused', s.refused, 'per_s', s.per_s, 'lag', s.lag,
     'last_message_s', extract(epoch from now() - s.last_message_at), 'last_error', s.last_error,
     'last_error_s', extract(epoch from now() - s.last_error_at),
     'runs', s.seen_at > now() - interval '{SILENT_S} seconds') order by s.slot), '[]')
   from connection_clients s where s.connection_id = c.id) as running
from connections c"""


def connections(connection: Connection) -> list[dict[str, Any]]:
    """Every connection of the tenant with its clients, by name; ages in seconds. Secrets are named, never shown."""
    return [dict(row._mapping) for row in connection.execute(text(f"{_SHOWN} order by lower(c.name)"))]


def shown_connection(connection: Connection, connection_id: int) -> dict[str, Any] | None:
    """One of them."""
    row = connection.execute(text(f"{_SHOWN} where c.id = :id"), {"id": connection_id}).one_or_none()
    return dict(row._mapping) if row is not None else None
