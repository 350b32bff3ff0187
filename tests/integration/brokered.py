"""A replica that runs connections, for tests of the doors of brokers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from dashapp.actions.actor import Actor
from dashapp.actions.connections import BrokerConnection, create_connection, remove_connection
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from dashapp.server import register_itself
from db.queries.connections import shown_connection
from db.tenancy import tenant_reading
from jobs.connections import ConnectionKeeper
from tests.integration.plant import Press
from tests.serving import wait_until

PATIENCE_S = 30


def administrator(press: Press) -> Actor:
    """Somebody who may make connections."""
    return Actor("user", 1, press.tenant_id, Role.ADMIN, name="Ada")


def plant_key(press: Press) -> str:
    """The key of the press's tenant, as topics name it."""
    return str(press.column("select key from tenants")[0])


@contextmanager
def keeping(services: Services) -> Iterator[ConnectionKeeper]:
    """A replica runs connections inside of the block."""
    keeper = ConnectionKeeper(services, register_itself)
    keeper.start()
    try:
        yield keeper
    finally:
        keeper.stop()


@contextmanager
def connected(services: Services, press: Press, wanted: BrokerConnection, *, state: str | None = "connected") -> Iterator[int]:
    """A connection that is on inside of the block, once it is in this state; its id."""
    who = administrator(press)
    number = create_connection(services.database, services.settings, who, replace(wanted, enabled=True))
    services.connections_wanted.set()
    try:
        if state is not None:
            wait_until(lambda: state_of(press, number) == state, PATIENCE_S, f"it is not {state}: {shown(press, number)}")
        yield number
    finally:
        remove_connection(services.database, who, number)
        services.connections_wanted.set()


def shown(press: Press, number: int) -> dict[str, Any]:
    """What a page shows of a connection."""
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        found = shown_connection(connection, number)
    assert found is not None
    return found


def state_of(press: Press, number: int, slot: int = 0) -> str:
    """The state of one of its clients; "" before there is one."""
    return next((client["state"] for client in shown(press, number)["running"] if client["slot"] == slot), "")


def values(press: Press) -> list[float]:
    """Every value that is stored, by time."""
    with tenant_reading(press.database.engine, press.tenant_id) as connection:
        return list(connection.execute(text("select value from readings order by time, sensor_id")).scalars())


def stored(press: Press, count: int) -> list[float]:
    """Waits until so many readings are stored; their values."""
    wait_until(lambda: len(values(press)) >= count, PATIENCE_S, f"{count} readings are not stored")
    return values(press)


def letters(press: Press, count: int) -> list[tuple[str, str, str, bytes, dict[str, Any]]]:
    """Waits until there are so many dead letters; door, field, reason, bytes and context of each."""
    query = text("select door, field, reason, raw, context from dead_letters order by id")

    def found() -> list[Any]:
        with tenant_reading(press.database.engine, press.tenant_id) as connection:
            rows = list(connection.execute(query))
        return rows if len(rows) >= count else []

    rows = wait_until(found, PATIENCE_S, f"there are not {count} dead letters")
    return [(row.door, row.field, row.reason, bytes(row.raw), row.context) for row in rows]


def message(second: int, value: float = 71.5, **more: Any) -> bytes:
    """A message of one reading with its own time."""
    moment = f"2026-01-01T00:{second // 60:02}:{second % 60:02}Z"
    reading = {"device_id": "MX-01", "sensor_type": "temperature", "value": value, "timestamp": moment}
    return json.dumps(reading | more).encode()
