"""Readings stored as the pipeline stores them, for tests of what is made of readings."""

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import psycopg
from sqlalchemy import text

from db.binary import register
from db.columns import to_us
from db.commands import readings as commands
from db.commands.partitions import ensure_partitions
from db.engine import Database, connect_raw
from db.tenancy import tenant_reading, tenant_transaction

_numbers = itertools.count(1)


def utc_us(moment: str) -> int:
    """`2026-03-31T23:50` in UTC as microseconds since 1970."""
    return to_us(datetime.fromisoformat(moment + "+00:00"))


def new_tenant(database: Database) -> int:
    """A tenant that nobody else uses."""
    key = f"stored-{os.getpid()}-{next(_numbers)}"
    with database.engine.begin() as connection:
        return connection.execute(text("select andon_create_tenant(:key, :key, 'UTC', false)"), {"key": key}).scalar_one()


def new_sensors(database: Database, tenant_id: int, count: int) -> list[int]:
    """Ids of new sensors on a new device."""
    with tenant_transaction(database.engine, tenant_id) as connection:
        device = text("insert into devices (tenant_id, key, name) values (:tenant, :key, 'device') returning id")
        key = f"device-{next(_numbers)}"
        device_id = connection.execute(device, {"tenant": tenant_id, "key": key}).scalar_one()
        sensors = text(
            "insert into sensors (tenant_id, device_id, key, name)"
            " select :tenant, :device, 's' || i, 'sensor' from generate_series(1, :count) i returning id"
        )
        parameters = {"tenant": tenant_id, "device": device_id, "count": count}
        found = list(connection.execute(sensors, parameters).scalars())
        states = text("insert into sensor_state (tenant_id, sensor_id) select :tenant, unnest(cast(:ids as int[]))")
        connection.execute(states, {"tenant": tenant_id, "ids": found})
    return found


@contextmanager
def ingest(database: Database, tenant_id: int) -> Iterator["psycopg.Connection"]:
    """An ingest under way: its transaction holds the closing lock from its start, and commits at the end."""
    with connect_raw(database.engine.url) as connection:
        register(connection)
        commands.enter(connection, tenant_id)
        yield connection
        connection.execute("commit")


def store(
    database: Database,
    tenant_id: int,
    sensor_ids: Sequence[int] | int,
    times_us: Sequence[int] | np.ndarray,
    values: Sequence[float] | np.ndarray,
) -> None:
    """Stores readings in one transaction, their partitions made before; a single sensor id stands for all rows."""
    times = np.asarray(times_us, np.int64)
    if len(times) == 0:
        return
    ensure_partitions(database, times)
    with ingest(database, tenant_id) as connection:
        put(connection, tenant_id, sensor_ids, times, values)


def put(
    connection: "psycopg.Connection",
    tenant_id: int,
    sensor_ids: Sequence[int] | int,
    times_us: np.ndarray,
    values: Sequence[float] | np.ndarray,
) -> None:
    """Stores readings in a transaction under way."""
    times = np.asarray(times_us, np.int64)
    ids = np.broadcast_to(np.asarray(sensor_ids, np.int32), times.shape)
    quality = np.full(len(times), 192, np.int16)
    rows = commands.Rows(ids.copy(), times, np.asarray(values, float), quality)
    commands.store(connection, tenant_id, rows, np.zeros(len(times), bool))


Bucket = tuple[int, int]
Row = tuple[float, ...]


def rollups(database: Database, tenant_id: int, level: str) -> dict[Bucket, Row]:
    """(sensor, bucket in microseconds) → count, sum, mean, m2, min, max, first, last."""
    with tenant_reading(database.engine, tenant_id) as connection:
        rows = connection.execute(
            text(f"select sensor_id, bucket, count, sum, mean, m2, min, max, first, last from rollup_{level}")
        ).all()
    return {(row[0], to_us(row[1])): tuple(row[2:]) for row in rows}


def expected_rollups(readings: dict[Bucket, float], width_us: int) -> dict[Bucket, Row]:
    """The same from (sensor, time) → value, by numpy on the final set."""
    groups: dict[Bucket, list[float]] = {}
    for (sensor_id, time_us), value in sorted(readings.items()):
        groups.setdefault((sensor_id, time_us // width_us * width_us), []).append(value)
    made = {}
    for bucket, held in groups.items():
        value = np.array(held)
        moments = (len(value), value.sum(), value.mean(), value.var() * len(value), value.min(), value.max())
        made[bucket] = (*map(float, moments), held[0], held[-1])
    return made
