"""The statements behind `db.queries.series`."""

from db.commands.rollup_sql import EPOCH, SUMMABLE

POINT = ("time", "mean", "low", "high", "count")
PIECE = ("time", "count", "sum", "mean", "m2", "min", "max")
HOUR = ("sensor_id", "time", "count", "mean", "low", "high")

# Up to where rollups hold every reading; a tenant of which nothing was closed yet has none.
_DONE = "(select coalesce(max(computed_to), '-infinity') from rollup_progress)"
_POINT = "sum(sum) / sum(count) as mean, min(low) as low, max(high) as high, sum(count)::bigint as count"

RAW = """
select time, value from readings where sensor_id = %(sensor)s and time >= %(start)s and time < %(end)s
order by time limit %(limit)s"""

SINCE = """
select s.id as sensor_id, r.time, r.value from unnest(%(ids)b) as s (id) cross join lateral (
  select time, value from readings r where r.sensor_id = s.id and r.time >= %(since)s) r"""

READING = ("sensor_id", "time", "value", "quality", "flags", "received_at")
PAGE = """
select r.* from unnest(%(ids)b) as s (id) cross join lateral (
  select sensor_id, time, value, quality, flags, received_at from readings r
  where r.sensor_id = s.id and r.time >= %(start)s and r.time < %(end)s
    and (r.time < %(time)s or r.sensor_id < %(sensor)s)
  order by r.time desc limit %(limit)s) r
order by r.time desc, r.sensor_id desc limit %(limit)s"""

STREAM = """
select (extract(epoch from time) * 1000000)::bigint, value, quality, flags,
  (extract(epoch from received_at) * 1000000)::bigint
from readings where sensor_id = %(sensor)s and time >= %(start)s and time < %(end)s order by time"""

BY_PIXEL = f"""
select date_bin(%(step)s, time, {EPOCH}) as time, {_POINT}
from (select time, {SUMMABLE} as sum, value as low, value as high, 1 as count from readings
      where sensor_id = %(sensor)s and time >= %(start)s and time < %(end)s) r
group by 1"""

# The tail is counted to its limit alone: without rollups it is everything.
HELD = ("at_least", "at_most")
READINGS_HELD = f"""
select rolled.within as at_least, rolled.whole + tail.n as at_most
from (select coalesce(sum(count), 0)::bigint as whole,
             coalesce(sum(count) filter (where bucket >= %(start)s and bucket + %(width)s <= %(end)s), 0)::bigint
               as within
      from {{table}}
      where sensor_id = %(sensor)s and bucket >= %(floor)s and bucket < least(%(end)s, {_DONE})) rolled,
     (select count(*) as n from (
        select 1 from readings where sensor_id = %(sensor)s and time >= greatest(%(start)s, {_DONE}) and time < %(end)s
        limit %(limit)s) r) tail"""


def rolled(level: str) -> str:
    """Points of a step each from rollup_`level`, and from raw what is not rolled up yet."""
    return f"""
select date_bin(%(step)s, time, {EPOCH}) as time, {_POINT} from (
  select bucket as time, sum, min as low, max as high, count from rollup_{level}
  where sensor_id = %(sensor)s and bucket >= %(start)s and bucket < least(%(end)s, {_DONE})
  union all
  select time, {SUMMABLE}, value, value, 1 from readings
  where sensor_id = %(sensor)s and time >= greatest(%(start)s, {_DONE}) and time < %(end)s) r
group by 1"""


# A range in five pieces: raw to the first whole minute, minutes to the first whole hour, hours, minutes, raw.
_PIECE = "time, count::bigint, sum, mean, m2, min, max"
PIECES = f"""
with done as (select least(%(end)s, {_DONE}) as at),
minutes as (select low, greatest(low, date_bin('1 minute', at, {EPOCH})) as high from (
  select at, date_bin('1 minute', %(start)s + interval '59.999999 s', {EPOCH}) as low from done) d),
hours as (select *, least(high, date_bin('1 hour', low + interval '59 min 59.999999 s', {EPOCH})) as h0 from minutes),
edges as (select low as m0, high as m1, h0,
  case when %(by_hours)s then greatest(h0, date_bin('1 hour', high, {EPOCH})) else h0 end as h1 from hours)
select {_PIECE} from (
  select time, 1 as count, v as sum, v as mean, 0::float8 as m2, value as min, value as max
  from (select time, value, {SUMMABLE} as v from readings where sensor_id = %(sensor)s and time < %(end)s
        and ((time >= %(start)s and time < (select m0 from edges)) or time >= (select m1 from edges))) r
  union all
  select bucket, count, sum, mean, m2, min, max from rollup_minute where sensor_id = %(sensor)s
    and bucket >= (select m0 from edges) and bucket < (select h0 from edges)
  union all
  select bucket, count, sum, mean, m2, min, max from rollup_hour where sensor_id = %(sensor)s
    and bucket >= (select h0 from edges) and bucket < (select h1 from edges)
  union all
  select bucket, count, sum, mean, m2, min, max from rollup_minute where sensor_id = %(sensor)s
    and bucket >= (select h1 from edges) and bucket < (select m1 from edges)) pieces"""

# Hours before %(whole)s, then minutes, then raw.
HOURLY = f"""
select s.id as sensor_id, h.* from unnest(%(ids)b) as s (id) cross join lateral (
  select date_bin('1 hour', time, %(start)s) as time, sum(count)::bigint as count, sum(sum) / sum(count) as mean,
         min(low) as low, max(high) as high
  from (
    select bucket as time, count, sum, min as low, max as high from rollup_hour r
    where r.sensor_id = s.id and bucket >= %(start)s and bucket < least(%(whole)s, {_DONE})
    union all
    select bucket, count, sum, min, max from rollup_minute r
    where r.sensor_id = s.id and bucket >= %(whole)s and bucket < least(%(end)s, {_DONE})
    union all
    select time, 1, {SUMMABLE}, value, value from readings r
    where r.sensor_id = s.id and time >= greatest(%(start)s, {_DONE}) and time < %(end)s) parts
  group by 1) h
order by 1, 2"""
