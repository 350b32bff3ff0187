"""The statements behind `db.commands.rollups`. Spans arrive as three arrays: sensor ids, lows, highs.

Every look-up is lateral by sensor, so that it runs on the primary keys (sensor, time) whatever the planner believes of
the arrays' size: a table that holds months is never read for one minute.
"""

from dataclasses import dataclass

from dashapp.domain.statistics import GREATEST, LEAST

COLUMNS = "count, sum, mean, m2, min, max, first, last"
EPOCH = "timestamptz '1970-01-01 00:00:00+00'"
# A value as it enters sums: PostgreSQL refuses a square that over- or underflows, and one such reading would stop all.
SUMMABLE = (
    f"case when abs(value) between {LEAST!r} and {GREATEST!r} then value"
    f" when abs(value) > 1 then sign(value) * {GREATEST!r} else 0 end"
)

CLOSE = """
insert into rollup_progress as p (tenant_id, closed_to, computed_to) values (%(tenant)s, %(to)s, %(from)s)
on conflict (tenant_id) do update set closed_to = greatest(p.closed_to, excluded.closed_to)"""
BEGIN = """
insert into rollup_progress (tenant_id, closed_to, computed_to) values (%(tenant)s, %(to)s, %(to)s)
on conflict (tenant_id) do nothing"""
ADVANCE = "update rollup_progress set computed_to = %(to)s"
MARKED = "select distinct sensor_id, hour from rollup_dirty limit %(limit)s"
UNMARK = """
delete from rollup_dirty d using unnest(%(ids)b, %(hours)b) as s (id, hour)
where d.sensor_id = s.id and d.hour = s.hour"""
FIRST_READING = """
select first.time from sensors s cross join lateral (
  select r.time from readings r where r.sensor_id = s.id and r.time >= %(since)s order by r.time limit 1) first
order by first.time limit 1"""

# A join of a delete cannot be made lateral: for many spans the planner would rather read the whole table.
JOIN_BY_INDEX = "set local enable_hashjoin = off; set local enable_mergejoin = off"
JOIN_ANYHOW = "set local enable_hashjoin to default; set local enable_mergejoin to default"

_SPANS = "unnest(%(ids)b, %(lows)b, %(highs)b) as s (id, low, high)"
_UPSERT = f"""
on conflict (sensor_id, bucket) do update set
  {", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", "))}"""


@dataclass(frozen=True, slots=True)
class Level:
    """One rollup table: `clear` empties the spans, `fill` computes them from the level below."""

    clear: str
    fill: str


def _clear(table: str) -> str:
    return f"delete from {table} r using {_SPANS} where r.sensor_id = s.id and r.bucket >= s.low and r.bucket < s.high"


# avg and var_pop share one pass of Youngs and Cramer's recurrence, which does not cancel.
_FILL_MINUTES = f"""
insert into rollup_minute (tenant_id, sensor_id, bucket, {COLUMNS})
select %(tenant)s, s.id, f.bucket, f.count, f.sum, f.mean, f.m2, f.min, f.max, f.values[1], f.values[f.count]
from {_SPANS} cross join lateral (
  select date_bin('1 minute', time, {EPOCH}) as bucket, count(*)::int as count, sum(v) as sum, avg(v) as mean,
         var_pop(v) * count(*) as m2, min(value) as min, max(value) as max, array_agg(value order by time) as values
  from (select r.time, r.value, {SUMMABLE} as v from readings r
        where r.sensor_id = s.id and r.time >= s.low
          and r.time < least(s.high, (select coalesce(max(computed_to), '-infinity') from rollup_progress))) r
  group by 1) f
{_UPSERT}"""


def _fill_merged(table: str, source: str, width: str) -> str:
    """Chan et al. (1979): M2 = Σ M2ᵢ + Σ nᵢ (meanᵢ - mean)²."""
    return f"""
insert into {table} (tenant_id, sensor_id, bucket, {COLUMNS})
select %(tenant)s, s.id, f.* from {_SPANS} cross join lateral (
  select whole, sum(count)::int, sum(sum), min(centre),
         sum(m2 + case when abs(mean - centre) < 1e-150 then 0 else count * ((mean - centre) * (mean - centre)) end),
         min(min), max(max), (array_agg(first order by bucket))[1], (array_agg(last order by bucket desc))[1]
  from (select m.*, sum(m.sum) over same / sum(m.count) over same as centre
        from (select r.*, date_bin('{width}', r.bucket, {EPOCH}) as whole from {source} r
              where r.sensor_id = s.id and r.bucket >= s.low and r.bucket < s.high) m
        window same as (partition by m.whole)) parts
  group by whole) f
{_UPSERT}"""


MINUTES = Level(_clear("rollup_minute"), _FILL_MINUTES)
HOURS = Level(_clear("rollup_hour"), _fill_merged("rollup_hour", "rollup_minute", "1 hour"))
DAYS = Level(_clear("rollup_day"), _fill_merged("rollup_day", "rollup_hour", "1 day"))
