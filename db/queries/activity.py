"""What a plant did: minutes of machines, units made today and yesterday, how much was reported, averages.

Every function runs inside of a tenant's transaction that is handed to it, and is one statement: what it adds up belongs together.
What is not rolled up yet is read raw. Times are microseconds since 1970 UTC, ranges are start ≤ time < end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from db.columns import HOUR_US, MINUTE_US, fetch_columns, from_us, ids_array
from db.commands.rollup_sql import SUMMABLE

Ids = Sequence[int] | NDArray[Any]

# Up to where rollups hold every reading; a tenant of which nothing was closed yet has none.
_DONE = "(select coalesce(max(computed_to), '-infinity') from rollup_progress)"
_MINUTE = "date_bin('1 minute', time, timestamptz 'epoch')"


@dataclass(frozen=True, slots=True)
class MinuteSums:
    """Minutes with readings, columns of shape (n,), by sensor and then by time."""

    sensor_id: NDArray[np.int32]
    time_us: NDArray[np.int64]
    total: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counted:
    """What an increment sensor counted. `state_total` is its running total at the same instant: what comes later adds to it."""

    today: float
    yesterday: float
    yesterday_by_now: float
    state_total: float


@dataclass(frozen=True, slots=True)
class Reported:
    """How many readings there are since a time, and how many of the last minute."""

    since: int
    last_minute: int


def minute_sums(connection: Connection, sensor_ids: Ids, start_us: int, end_us: int) -> MinuteSums:
    """Sum and maximum of each minute of these sensors."""
    select = f"""
select s.id as sensor_id, m.time, m.total, m.high from unnest(%(ids)b) as s (id) cross join lateral (
  select bucket as time, sum as total, max as high from rollup_minute
  where sensor_id = s.id and bucket >= %(start)s and bucket < least(%(end)s, {_DONE})
  union all
  select {_MINUTE}, sum({SUMMABLE}), max(value) from readings
  where sensor_id = s.id and time >= greatest(%(start)s, {_DONE}) and time < %(end)s group by 1) m"""
    start_us = start_us // MINUTE_US * MINUTE_US
    parameters = {"ids": ids_array(sensor_ids), "start": from_us(start_us), "end": from_us(end_us)}
    columns = fetch_columns(connection, ("sensor_id", "time", "total", "high"), select, parameters)
    order = np.lexsort((columns[1], columns[0]))
    return MinuteSums(*(column[order] for column in columns))


def units_counted(
    connection: Connection, sensor_ids: Ids, *, yesterday_us: int, yesterday_now_us: int, today_us: int, now_us: int
) -> dict[int, Counted]:
    """What each increment sensor counted since the plant's midnight, the day before, and the day before by this time of day."""
    spans = {
        "today": _sum_between("today", "now"),
        "yesterday": _sum_between("yesterday", "today"),
        "by_now": _sum_between("yesterday", "then"),
    }
    wanted = ", ".join(f"{sum_} as {name}" for name, sum_ in spans.items())
    select = f"""
select s.id as sensor_id, {wanted}, coalesce((select t.total from sensor_state t where t.sensor_id = s.id), 0) as state_total
from unnest(%(ids)b) as s (id)"""
    parameters: dict[str, Any] = {"ids": ids_array(sensor_ids)}
    edges = {"yesterday": yesterday_us, "then": yesterday_now_us // MINUTE_US * MINUTE_US, "today": today_us, "now": now_us}
    for name, time_us in edges.items():
        parameters[name] = from_us(time_us)
        parameters[f"{name}_up"] = from_us(-(-time_us // HOUR_US) * HOUR_US)
        parameters[f"{name}_down"] = from_us(time_us // HOUR_US * HOUR_US)
    names = ("sensor_id", "today", "yesterday", "by_now", "state_total")
    ids, *columns = fetch_columns(connection, names, select, parameters)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return {sensor_id: Counted(*row) for sensor_id, row in zip(ids.tolist(), rows, strict=True)}


def _sum_between(start: str, end: str) -> str:
    """SQL of a sensor's sum between two whole minutes: minutes to the first hour, hours, minutes of the last one, raw."""
    held = "select coalesce(sum(sum), 0) from {table} where sensor_id = s.id and bucket >= {low} and bucket < least({high}, {done})"
    low, high = f"%({start})s::timestamptz", f"%({end})s::timestamptz"
    first, last = f"%({start}_up)s::timestamptz", f"%({end}_down)s::timestamptz"
    head = held.format(table="rollup_minute", low=low, high=f"{first}, {high}", done=_DONE)
    hours = held.format(table="rollup_hour", low=first, high=last, done=_DONE)
    tail = held.format(table="rollup_minute", low=f"greatest({first}, {last})", high=high, done=_DONE)
    fresh = f"sensor_id = s.id and time >= greatest({low}, {_DONE}) and time < {high}"
    raw = f"select coalesce(sum({SUMMABLE}), 0) from readings where {fresh}"
    return f"(({head}) + ({hours}) + ({tail}) + ({raw}))"


def readings_reported(connection: Connection, sensor_ids: Ids, since_us: int, now_us: int) -> Reported:
    """Readings of these sensors since a whole minute, and in the sixty seconds before now, by their own time."""
    select = f"""
select coalesce(sum(counts.since), 0)::bigint as since, coalesce(sum(counts.recent), 0)::bigint as recent
from unnest(%(ids)b) as s (id) cross join lateral (select
  (select coalesce(sum(count), 0) from rollup_minute
   where sensor_id = s.id and bucket >= %(since)s and bucket < least(%(up)s, {_DONE}))
  + (select coalesce(sum(count), 0) from rollup_hour where sensor_id = s.id and bucket >= %(up)s and bucket < {_DONE})
  + (select count(*) from readings where sensor_id = s.id and time >= greatest(%(since)s, {_DONE}) and time < %(now)s) as since,
  (select count(*) from readings where sensor_id = s.id and time >= %(minute)s and time < %(now)s) as recent) counts"""
    parameters = {
        "ids": ids_array(sensor_ids),
        "since": from_us(since_us),
        "up": from_us(-(-since_us // HOUR_US) * HOUR_US),
        "now": from_us(now_us),
        "minute": from_us(now_us - MINUTE_US),
    }
    since, recent = fetch_columns(connection, ("since", "recent"), select, parameters)
    return Reported(int(since[0]), int(recent[0]))


def minutes_reported(connection: Connection, sensor_ids: Ids, start_us: int, end_us: int) -> dict[tuple[int, int], int]:
    """In how many minutes of each hour a sensor has readings, by (sensor id, where the hour begins): 0 is left out."""
    select = f"""
select s.id as sensor_id, date_bin('1 hour', m.time, %(start)s) as time, count(*)::int as minutes
from unnest(%(ids)b) as s (id) cross join lateral (
  select bucket as time from rollup_minute
  where sensor_id = s.id and bucket >= %(start)s and bucket < least(%(end)s, {_DONE})
  union all
  select distinct {_MINUTE} from readings where sensor_id = s.id and time >= greatest(%(start)s, {_DONE}) and time < %(end)s) m
group by 1, 2"""
    parameters = {
        "ids": ids_array(sensor_ids),
        "start": from_us(start_us // MINUTE_US * MINUTE_US),
        "end": from_us(end_us),
    }
    ids, times, minutes = fetch_columns(connection, ("sensor_id", "time", "minutes"), select, parameters)
    return dict(zip(zip(ids.tolist(), times.tolist(), strict=True), minutes.tolist(), strict=True))


def averages(connection: Connection, sensor_ids: Ids, start_us: int, end_us: int) -> dict[int, float]:
    """The mean reading of each sensor that has any in the range, from minutes and what is not rolled up yet."""
    select = f"""
select s.id as sensor_id, sum(m.total) / sum(m.count) as mean from unnest(%(ids)b) as s (id) cross join lateral (
  select sum as total, count from rollup_minute
  where sensor_id = s.id and bucket >= %(start)s and bucket < least(%(end)s, {_DONE})
  union all
  select {SUMMABLE}, 1 from readings where sensor_id = s.id and time >= greatest(%(start)s, {_DONE}) and time < %(end)s) m
group by s.id"""
    parameters = {
        "ids": ids_array(sensor_ids),
        "start": from_us(start_us // MINUTE_US * MINUTE_US),
        "end": from_us(end_us),
    }
    ids, means = fetch_columns(connection, ("sensor_id", "mean"), select, parameters)
    return dict(zip(ids.tolist(), means.tolist(), strict=True))


def beyond_since(
    connection: Connection, sensor_id: int, *, low: float | None, high: float | None, before_us: int, back_us: int
) -> int | None:
    """When a sensor's readings went beyond its limits, for one that was beyond them at `before_us`.

    It is the first reading after the last one that was within the limits; None where there is none so in the `back_us` before. A limit
    that is None does not bind.
    """
    within = " and ".join(
        condition for condition, limit in (("value >= %(low)s", low), ("value <= %(high)s", high)) if limit is not None
    )
    select = f"""
select first.time from (
  select time from readings where sensor_id = %(sensor)s and time <= %(before)s and time >= %(back)s and {within or "false"}
  order by time desc limit 1) last
cross join lateral (select time from readings where sensor_id = %(sensor)s and time > last.time order by time limit 1) first"""
    parameters = {"sensor": sensor_id, "low": low, "high": high, "before": from_us(before_us), "back": from_us(before_us - back_us)}
    (found,) = fetch_columns(connection, ("time",), select, parameters)
    return int(found[0]) if len(found) else None
