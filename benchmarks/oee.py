"""Row of the OEE page: what it reads for fifty machines over ninety days, from a trend by day to the stops behind it."""

import random
import time
from datetime import date

from sqlalchemy import text

from benchmarks.context import Context
from benchmarks.load import percentile
from benchmarks.plant import Plant
from benchmarks.report import Goal, Row
from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec
from dashapp.domain.oee import ProductionSums, figures, waterfall
from dashapp.domain.periods import By, periods
from dashapp.domain.shifts import DAY_US
from db.columns import from_us
from db.commands.partitions import ensure_partitions
from db.commands.products import insert_product, insert_product_run, set_rates
from db.commands.reasons import ensure_default_reasons
from db.commands.shifts import insert_shift_calendar
from db.queries.production import production_grid, production_known
from db.queries.production_facts import plant_zone, producing_machines
from db.queries.stops import pareto, stops_between
from db.tenancy import tenant_reading, tenant_transaction
from jobs import production

MACHINES, DAYS, PERIOD_S = 50, 90, 300
SHIFTS = {
    "shifts": [
        {"name": "Early", "days": [1, 2, 3, 4, 5], "start": "06:00", "end": "14:00", "breaks": [["09:00", "09:15"], ["12:00", "12:30"]]},
        {"name": "Late", "days": [1, 2, 3, 4, 5], "start": "14:00", "end": "22:00", "breaks": [["17:00", "17:15"], ["19:30", "20:00"]]},
    ]
}
SENSORS = (
    SensorSpec("production_count", "Produced", "units", SensorKind.INCREMENT, period_s=PERIOD_S),
    SensorSpec("reject_count", "Rejected", "units", SensorKind.INCREMENT, period_s=PERIOD_S),
)
# A machine counts every five minutes; one in twenty counts is a stop of a quarter of an hour.
MINUTES = """
insert into rollup_minute (tenant_id, sensor_id, bucket, count, sum, mean, m2, min, max, first, last)
select %(tenant)s, s.id, t.at, 1, v.x, v.x, 0, v.x, v.x, v.x, v.x from sensors s
cross join lateral generate_series(%(start)s::timestamptz, %(end)s::timestamptz - interval '1 minute', interval '5 minutes') as t (at)
cross join lateral (select case when hashint8(extract(epoch from t.at)::bigint / 900 + s.device_id * 7919) %% 20 = 0 then 0
  when s.key = 'reject_count' then 1 else 100 + s.device_id %% 20 end::float8 as x) v
where s.tenant_id = %(tenant)s"""
HOURS = """
insert into rollup_hour (tenant_id, sensor_id, bucket, count, sum, mean, m2, min, max, first, last)
select tenant_id, sensor_id, date_bin('1 hour', bucket, timestamptz 'epoch'), count(*), sum(sum), avg(mean), 0, min(min), max(max), 0, 0
from rollup_minute where tenant_id = %(tenant)s group by 1, 2, 3"""


def oee_page(context: Context) -> list[Row]:
    """Ranges of the page, half of them whole days and half to the minute, over machines whose stops were all computed before."""
    machines, days, asked = (10, 14, 20) if context.quick else (MACHINES, DAYS, 100)
    with Plant() as plant:
        end_us = int(time.time()) // 60 * 60_000_000
        start_us = (end_us // DAY_US - days - 1) * DAY_US
        took_s = _make(plant, machines, start_us, end_us)
        context.say(f"{machines} machines × {days} days computed in {took_s:.0f} s")
        chance, taken, stops = random.Random(7), [], 0
        for number in range(asked):
            until_us = end_us if number % 2 else end_us // DAY_US * DAY_US
            until_us -= chance.randrange(60) * 60_000_000 if number % 2 else 0
            began = time.perf_counter()
            stops += _read(plant, until_us - days * DAY_US, until_us)
            taken.append(1000 * (time.perf_counter() - began))
    what = f"what the OEE page reads of {machines} machines × {days} days: trend and heat map by day, losses, Pareto, stops; p95"
    even, odd = taken[0::2], taken[1::2]
    return [
        Row(
            "oee-50", what, percentile(taken, 95), "ms", Goal(100),
            f"{asked} times, p50 {percentile(taken, 50):.0f} ms; whole days p95 {percentile(even, 95):.0f} ms, to the minute"
            f" {percentile(odd, 95):.0f} ms; reading {stops // asked} stops and adding up a row a machine and day; all of it was computed"
            f" anew in {took_s:.0f} s", starred=True,
        )
    ]  # fmt: skip


def _make(plant: Plant, machines: int, start_us: int, end_us: int) -> float:
    """Machines with minutes, hours, a product and two shifts; seconds that computing their production took."""
    plant.add_devices([DeviceSpec(f"P{n:02}", f"Press {n}", "Hall", f"line-{n // 10}", SENSORS, is_machine=True) for n in range(machines)])
    ensure_partitions(plant.database, (start_us, end_us), tables=("rollup_minute",))
    with tenant_transaction(plant.database.engine, plant.tenant_id) as connection:
        insert_shift_calendar(connection, "Two shifts", "UTC", SHIFTS, date(2020, 1, 1))
        ensure_default_reasons(connection)
        product_id = insert_product(connection, "cap", "Cap")
        assert product_id is not None
        ids = [machine.id for machine in producing_machines(connection)]
        set_rates(connection, product_id, dict.fromkeys(ids, 2.4), None)
        for device_id in ids:
            insert_product_run(connection, device_id, product_id, 0, by="system")
    parameters = {"tenant": plant.tenant_id, "start": from_us(start_us), "end": from_us(end_us)}
    with plant.superuser() as connection:
        connection.execute(MINUTES, parameters)
        connection.execute(HOURS, parameters)
        connection.execute(
            "insert into rollup_progress (tenant_id, closed_to, computed_to) values (%(tenant)s, %(end)s, %(end)s)", parameters
        )
        connection.execute("vacuum analyze rollup_minute")
    began = time.perf_counter()
    production.run_for(plant.database, plant.tenant_id)
    took_s = time.perf_counter() - began
    with plant.superuser() as connection:
        connection.execute("vacuum analyze production_hours, production_days, production_spans, downtimes")
    with tenant_reading(plant.database.engine, plant.tenant_id) as reading:
        assert reading.execute(text("select count(*) from production_dirty")).scalar_one() == 0
    return took_s


def _read(plant: Plant, start_us: int, end_us: int) -> int:
    """Everything that the page shows of a plant; the number of stops."""
    with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
        ids = [machine.id for machine in producing_machines(connection)]
        production_known(connection, ids)
        parts = periods(By.DAY, plant_zone(connection), (), start_us, end_us)
        grid = production_grid(connection, ids, [(part.start_us, part.end_us) for part in parts])
        bars = pareto(connection, ids, start_us, end_us)
        stops = stops_between(connection, start_us, end_us, device_ids=ids, limit=50)
    whole = ProductionSums(*grid.sum(axis=(0, 1)).tolist())
    trend = [figures(ProductionSums(*values)) for values in grid.sum(axis=0).tolist()]
    each = [figures(ProductionSums(*values)) for values in grid.sum(axis=1).tolist()]
    assert waterfall(whole)
    assert len(trend) >= (end_us - start_us) // DAY_US
    assert all(one.oee.value is not None for one in each)
    assert bars
    return len(stops)

