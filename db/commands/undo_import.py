"""Takes back what an import stored: its readings in batches, current state as it is without them, marks for the rollups, what it made."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from db.columns import driver, from_us, to_us

EPOCH = "timestamptz '1970-01-01 00:00:00+00'"
_NEXT = """
select max(time) from (
  select time from readings where sensor_id = %(sensor)s and import_id = %(import)s and time > %(after)s and time <= %(last)s
  order by time limit %(limit)s) d"""
_LOCK = """
select s.time, k.kind from sensor_state s join sensors k on k.tenant_id = s.tenant_id and k.id = s.sensor_id
where s.sensor_id = %s for update of s"""
_DELETE = f"""
with gone as (
  delete from readings where sensor_id = %(sensor)s and import_id = %(import)s and time > %(after)s and time <= %(high)s
  returning time, value)
select count(*), coalesce(sum(value), 0), max(time), array_agg(distinct date_bin('1 hour', time, {EPOCH})) from gone"""
_COUNT = """
update sensor_state set readings = greatest(readings - %(count)s, 0),
  total = case when %(counts)s then case when readings > %(count)s then total - %(sum)s else 0 end else total end
where sensor_id = %(sensor)s"""
_NEWEST = """
update sensor_state s set time = n.time, value = n.value, quality = n.quality, received_at = n.received_at
from (select 1) one left join lateral (
  select time, value, quality, received_at from readings where sensor_id = %(sensor)s order by time desc limit 1) n on true
where s.sensor_id = %(sensor)s"""
_MARK = "insert into rollup_dirty (tenant_id, sensor_id, hour) select %s, %s, unnest(%s::timestamptz[])"
_REFERENCES = """
select c.conrelid::regclass::text as source,
  (select array_agg(a.attname order by k.n) from unnest(c.conkey) with ordinality k (num, n)
     join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.num) as columns
from pg_constraint c where c.contype = 'f' and c.confrelid = cast(:target as regclass) and c.conparentid = 0"""
OWN = frozenset({"sensors", "sensor_state"})  # what goes with a device or sensor and says nothing of its being used


@dataclass(frozen=True, slots=True)
class Batch:
    """One step of an undo. `reached_us` is the time up to which the sensor is done; None when nothing of the import is left in it."""

    removed: int
    reached_us: int | None


def remove_batch(
    connection: Connection, tenant_id: int, import_id: int, sensor_id: int, *, after_us: int, last_us: int, limit: int = 5_000
) -> Batch:
    """Deletes up to `limit` of an import's readings of one sensor, `after_us` < time ≤ `last_us`, in the tenant's transaction.

    The sensor's state is locked first, as ingest does it: count and total lose what goes, and where the current value goes the newest that
    stays is current again. Every hour that loses a reading is marked, whether it is closed or not: a mark too many costs a look.
    """
    raw = driver(connection)
    span: dict[str, Any] = {
        "sensor": sensor_id, "import": import_id, "after": from_us(after_us), "last": from_us(last_us), "limit": limit,
    }  # fmt: skip
    locked = raw.execute(_LOCK, (sensor_id,)).fetchone()
    found = raw.execute(_NEXT, span).fetchone()
    if found is None or found[0] is None:
        return Batch(0, None)
    deleted = raw.execute(_DELETE, {**span, "high": found[0]}).fetchone()
    assert deleted is not None
    count, total, newest, hours = deleted
    if count and locked is not None:
        current, kind = locked
        raw.execute(_COUNT, {"sensor": sensor_id, "count": count, "sum": total, "counts": kind == "increment"})
        if current is None or current <= newest:
            raw.execute(_NEWEST, {"sensor": sensor_id})
    if count:
        raw.execute(_MARK, (tenant_id, sensor_id, hours))
    return Batch(count, to_us(found[0]))


def tenant_sensors(connection: Connection) -> list[int]:
    """Every sensor of the tenant: for an import that does not say which it touched."""
    return list(connection.execute(text("select id from sensors order by id")).scalars())


def remove_unused_sensors(connection: Connection, sensor_ids: list[int]) -> list[int]:
    """Removes those of the sensors that hold no reading and that nothing refers to; their ids. Their states are locked first."""
    removed = []
    for sensor_id in sorted(sensor_ids):
        connection.execute(text("select 1 from sensor_state where sensor_id = :id for update"), {"id": sensor_id})
        held = connection.execute(text("select 1 from readings where sensor_id = :id limit 1"), {"id": sensor_id}).first()
        if held is None and not _is_referred_to(connection, "sensors", sensor_id):
            for table in ("rollup_minute", "rollup_hour", "rollup_day", "rollup_dirty"):
                connection.execute(text(f"delete from {table} where sensor_id = :id"), {"id": sensor_id})
            if connection.execute(text("delete from sensors where id = :id"), {"id": sensor_id}).rowcount:
                removed.append(sensor_id)
    return removed


def remove_unused_devices(connection: Connection, device_ids: list[int]) -> list[str]:
    """Removes those of the devices that have no sensor and that nothing refers to; their keys."""
    removed: list[str] = []
    for device_id in sorted(device_ids):
        used = connection.execute(
            text(
                "select 1 from sensors where device_id = :id union all"
                " select 1 from api_keys where device_id = :id and revoked_at is null limit 1"
            ),
            {"id": device_id},
        ).first()
        if used is None and not _is_referred_to(connection, "devices", device_id):
            removed += connection.execute(text("delete from devices where id = :id returning key"), {"id": device_id}).scalars()
    return removed


def _is_referred_to(connection: Connection, target: str, row_id: int) -> bool:
    """Whether a row of any table names this one by a foreign key: rules, alerts, downtimes, and what is added later."""
    for source, columns in connection.execute(text(_REFERENCES), {"target": target}).all():
        if source in OWN:
            continue
        column = next(name for name in columns if name != "tenant_id")
        if connection.execute(text(f'select 1 from {source} where "{column}" = :id limit 1'), {"id": row_id}).first() is not None:
            return True
    return False
