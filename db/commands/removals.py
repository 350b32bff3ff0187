"""Taking devices and sensors away: their rows in one transaction, their readings and rollups in batches afterwards.

Once the rows are gone nothing new is stored for the sensors: whoever writes readings locks their current state first, and there is none.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.commands.production_marks import mark_counting
from db.commands.rollups import COMPUTING_LOCK

BATCH = 20_000

_OPEN = text("select id, kind, key, sensor_ids from removals where finished_at is null order by id limit 1 for update skip locked")
# The time that ends a batch is looked up first: a range of the primary key, in one or two partitions.
_READINGS = text("""
with past as (select time from readings where sensor_id = :sensor order by time offset :batch limit 1)
delete from readings where sensor_id = :sensor and time < coalesce((select time from past), 'infinity')""")
_MINUTES = text("""
with past as (select bucket from rollup_minute where sensor_id = :sensor order by bucket offset :batch limit 1)
delete from rollup_minute where sensor_id = :sensor and bucket < coalesce((select bucket from past), 'infinity')""")


@dataclass(frozen=True, slots=True)
class Step:
    """What one batch did: readings and rows of rollups deleted, and whether the removal is through."""

    key: str
    readings: int
    rollups: int
    finished: bool


def delete_device(connection: Connection, device_id: int) -> list[int]:
    """Removes a device with its sensors, their state, rules, alerts, stops and its keys; the ids of its sensors."""
    device = {"device": device_id}
    sensor_ids = list(connection.execute(text("select id from sensors where device_id = :device order by id"), device).scalars())
    _forget_marks(connection, sensor_ids)
    connection.execute(text("delete from api_keys where device_id = :device"), device)
    connection.execute(text("delete from devices where id = :device"), device)
    return sensor_ids


def delete_sensor(connection: Connection, sensor_id: int) -> None:
    """Removes a sensor with its state, rules and alerts."""
    _forget_marks(connection, [sensor_id])
    mark_counting(connection, [sensor_id])
    connection.execute(text("delete from sensors where id = :sensor"), {"sensor": sensor_id})


def _forget_marks(connection: Connection, sensor_ids: list[int]) -> None:
    connection.execute(text("delete from rollup_dirty where sensor_id = any(:ids)"), {"ids": sensor_ids})


def insert_removal(connection: Connection, tenant_id: int, kind: str, key: str, sensor_ids: list[int], by: str) -> int:
    """Leaves the readings of these sensors to the job; the removal's id."""
    removal_id: int = connection.execute(
        text(
            "insert into removals (tenant_id, kind, key, sensor_ids, requested_by)"
            " values (:tenant, :kind, :key, :ids, :by) returning id"
        ),
        {"tenant": tenant_id, "kind": kind, "key": key, "ids": sensor_ids, "by": by},
    ).scalar_one()
    return removal_id


def remove_batch(connection: Connection, tenant_id: int, *, batch: int = BATCH) -> Step | None:
    """Deletes at most `batch` readings (or minutes) of the oldest removal that is not through; None where there is none.

    Two replicas may do this at once: each takes a removal that the other does not hold. The last step is taken under the lock of those
    who compute rollups, so that none is left behind by a computation that began before.
    """
    removal = connection.execute(_OPEN).one_or_none()
    if removal is None:
        return None
    for statement in (_READINGS, _MINUTES):
        for sensor_id in removal.sensor_ids:
            gone = connection.execute(statement, {"sensor": sensor_id, "batch": batch}).rowcount
            if gone:
                readings = gone if statement is _READINGS else 0
                counted = {"id": removal.id, "gone": readings}
                connection.execute(text("update removals set removed = removed + :gone where id = :id"), counted)
                return Step(removal.key, readings, gone - readings, finished=False)
    connection.execute(text("select pg_advisory_xact_lock(:lock, :tenant)"), {"lock": COMPUTING_LOCK, "tenant": tenant_id})
    ids = {"ids": removal.sensor_ids}
    rollups = 0
    for table in ("rollup_minute", "rollup_hour", "rollup_day", "rollup_dirty"):
        rollups += connection.execute(text(f"delete from {table} where sensor_id = any(:ids)"), ids).rowcount
    connection.execute(text("update removals set finished_at = now() where id = :id"), {"id": removal.id})
    return Step(removal.key, 0, rollups, finished=True)
