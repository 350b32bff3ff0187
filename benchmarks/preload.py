"""Millions of readings at once, written by PostgreSQL itself, so that what is measured stands on a table of some size."""

import threading
import time
from collections.abc import Sequence

from benchmarks.plant import Plant
from db.commands.partitions import ensure_partitions
from db.commands.rollups import begin_progress
from db.tenancy import tenant_transaction

SECOND_US = 1_000_000
INSERT = """
insert into readings (tenant_id, sensor_id, time, value, received_at)
select %(tenant)s, s.id, t.at, 50 + 20 * sin(extract(epoch from t.at) / 600 + s.id) + (s.id + extract(epoch from t.at)::int) %% 7, t.at
from unnest(%(ids)s::int[]) with ordinality as s (id, place)
cross join lateral generate_series(to_timestamp(%(start)s), to_timestamp(%(end)s), make_interval(secs => %(period)s)) as t (at)
order by s.place, t.at"""
STATE = """
update sensor_state s set time = r.time, value = r.value, quality = 192, readings = %(each)s, received_at = r.time
from unnest(%(ids)s::int[]) as i (id) cross join lateral (
  select time, value from readings where sensor_id = i.id order by time desc limit 1) r
where s.sensor_id = i.id"""


def preload(plant: Plant, sensor_ids: Sequence[int], rows: int, *, period_s: float = 1.0, rolled_up: bool = True) -> tuple[int, int]:
    """Writes `rows` readings, one in `period_s` of every sensor, up to a minute ago, in order of sensor and time.

    Gives (first, last) in microseconds since 1970. `rolled_up` counts them as rolled up, so that no job does it while
    something else is measured.
    """
    each = rows // len(sensor_ids)
    last = time.time() // 60 * 60 - 60
    first = last - (each - 1) * period_s
    ensure_partitions(plant.database, (int(first * SECOND_US), int((last + 3 * 86_400) * SECOND_US)))
    middle = len(sensor_ids) // 2
    parameters = {"tenant": plant.tenant_id, "start": first, "end": last + period_s / 2, "period": period_s, "each": each}
    halves = [
        threading.Thread(target=_insert, args=(plant, parameters | {"ids": list(part)}))
        for part in (sensor_ids[:middle], sensor_ids[middle:])
    ]
    _vacuum_by_itself(plant, on=False)
    for half in halves:
        half.start()
    for half in halves:
        half.join()
    with plant.superuser() as connection:
        connection.execute(STATE, parameters | {"ids": list(sensor_ids)})
        connection.execute("vacuum (analyze) readings")
        connection.execute("vacuum (analyze) sensor_state")
    _vacuum_by_itself(plant, on=True)
    if rolled_up:
        with tenant_transaction(plant.database.engine, plant.tenant_id) as transaction:
            begin_progress(transaction, plant.tenant_id, int((last + 60) * SECOND_US))
    plant.checkpoint()
    return int(first * SECOND_US), int(last * SECOND_US)


def _insert(plant: Plant, parameters: dict[str, object]) -> None:
    with plant.superuser() as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute(INSERT, parameters)


def _vacuum_by_itself(plant: Plant, *, on: bool) -> None:
    with plant.superuser() as connection:
        connection.execute(f"alter system set autovacuum = {'on' if on else 'off'}")
        connection.execute("select pg_reload_conf()")
