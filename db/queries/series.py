"""One sensor's line over any range, from the coarsest rollup that fills its width, and the readings behind it.

Every function runs inside of a tenant's transaction that is handed to it. Times are microseconds since 1970 UTC, ranges
are start ≤ time < end. What is not rolled up yet is read raw in the same statement, so that nothing is missing or
counted twice while a rollup is being written.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from dashapp.domain.downsample import MOST_POINTS, min_max_points
from dashapp.domain.statistics import Moments, Summary, singles, summarize
from db.columns import DAY_US, HOUR_US, MINUTE_US, driver, fetch_columns, from_us, ids_array
from db.queries import series_sql

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEVELS = (("minute", MINUTE_US), ("hour", HOUR_US), ("day", DAY_US))  # from fine to coarse
FILLS = 0.6  # a level fills the width when it has a bucket for every 1.7 pixels
RAW_FETCHED = 60_000  # more raw rows than this are gathered by pixel in the database
MEDIAN_OF_READINGS = 200_000
MEDIAN_OF_MINUTES = 100_000
ESTIMATE_BY_HOURS_US = 60 * DAY_US


@dataclass(frozen=True, slots=True)
class Series:
    """A line with its band, columns of shape (n,), n ≤ 2,000, ascending in time, in the sensor's unit.

    `resolution` is raw, minute, hour or day. A point stands for `count` readings in `step_us` from `time_us` on; of
    single readings `step_us` is 0 and mean, low and high are the value.
    """

    time_us: Ints
    mean: Floats
    low: Floats
    high: Floats
    count: Ints
    resolution: str
    step_us: int = 0

    def __len__(self) -> int:
        return len(self.time_us)


@dataclass(frozen=True, slots=True)
class Points:
    """Raw readings of several sensors, columns of shape (n,), by sensor and then by time."""

    sensor_id: NDArray[np.int32]
    time_us: Ints
    value: Floats


@dataclass(frozen=True, slots=True)
class Readings:
    """Stored readings and all about them, columns of shape (n,). Quality is OPC's, flags 1 late, 2 delayed."""

    sensor_id: NDArray[np.int32]
    time_us: Ints
    value: Floats
    quality: NDArray[np.int16]
    flags: NDArray[np.int16]
    received_us: Ints

    def __len__(self) -> int:
        return len(self.time_us)

    def take(self, index: NDArray[np.intp] | slice) -> "Readings":
        """The rows of an index."""
        return Readings(*(getattr(self, field.name)[index] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class Activity:
    """Hours with readings, columns of shape (n,), by sensor and then by time: `time_us` is where the hour begins."""

    sensor_id: NDArray[np.int32]
    time_us: Ints
    count: Ints
    mean: Floats
    low: Floats
    high: Floats


def series(
    connection: Connection, sensor_id: int, start_us: int, end_us: int, *, width: int = 1000, bucketed: bool = False
) -> Series:
    """The sensor's line over a range, for a chart of `width` pixels; at most 2,000 points.

    Single readings where the range is short or holds few of them, unless it is to be `bucketed`: sums of counts are comparable
    by equal times alone. Buckets at the edges of the range are whole.
    """
    width = max(50, min(width, MOST_POINTS))
    fill = sum((end_us - start_us) / bucket_us >= FILLS * width for _, bucket_us in LEVELS)
    found: Series | None = None
    if bucketed:
        fill = max(fill, 1)
    elif fill == 0:
        found = _raw(connection, sensor_id, start_us, end_us, width)
    elif (held := _readings_held(connection, sensor_id, start_us, end_us, MOST_POINTS)).at_most <= MOST_POINTS:
        found = _raw(connection, sensor_id, start_us, end_us, width)
        fill = 0 if len(found) >= held.at_least else fill
    if fill == 0 and found is not None and len(found):
        return found
    # Where retention dropped what is finer, the first level that holds something answers.
    for name, bucket_us in LEVELS[max(fill - 1, 0) :]:
        found = _rolled(connection, sensor_id, (start_us, end_us), width, name, bucket_us)
        if len(found):
            break
    assert found is not None  # there is a level
    return found


def _rolled(
    connection: Connection, sensor_id: int, range_us: tuple[int, int], width: int, name: str, bucket_us: int
) -> Series:
    """The line from one level of rollups; where that is too many points, several buckets a point."""
    start_us, end_us = range_us
    buckets = -(-(end_us - start_us) // bucket_us) + 1
    step_us = bucket_us * (1 if buckets <= MOST_POINTS else -(-buckets // width))
    # Buckets are read from the one that holds the start, and gathered in steps counted from 1970.
    edges_us = start_us // bucket_us * bucket_us, end_us
    return _gathered(connection, series_sql.rolled(name), sensor_id, edges_us, step_us, name)


def step_means(connection: Connection, sensor_id: int, start_us: int, end_us: int, step_us: int) -> tuple[Ints, Floats]:
    """(starts of the steps that hold readings, ascending; their means), shapes (n,). Steps count from 1970, in whole minutes."""
    level, _ = next(each for each in reversed(LEVELS) if step_us % each[1] == 0)
    found = _gathered(connection, series_sql.rolled(level), sensor_id, (start_us, end_us), step_us, level)
    return found.time_us, found.mean


def statistics(connection: Connection, sensor_id: int, start_us: int, end_us: int) -> Summary | None:
    """Count, mean, median, deviation, extremes and trend of a range, exact at its edges; None without readings.

    Up to 200,000 readings the median is theirs, beyond of the means of minutes or hours: `median_of` says which.
    """
    parameters: dict[str, Any] = {"sensor": sensor_id, "start": from_us(start_us), "end": from_us(end_us)}
    held = _readings_held(connection, sensor_id, start_us, end_us, MEDIAN_OF_READINGS)
    few = held.at_most <= MEDIAN_OF_READINGS
    if few:
        times, values = fetch_columns(connection, ("time", "value"), series_sql.RAW, parameters | {"limit": None})
        if len(times) >= held.at_least:  # else retention dropped some of the raw data
            order = np.argsort(times, kind="stable")
            return summarize(times[order], singles(values[order]), "readings")
    by_hours = few or (end_us - start_us) // MINUTE_US > MEDIAN_OF_MINUTES
    time_us, count, total, mean, m2, low, high = fetch_columns(
        connection, series_sql.PIECE, series_sql.PIECES, parameters | {"by_hours": by_hours}
    )
    moments = Moments(count, total, mean, m2, low, high, mean, mean)
    order = np.argsort(time_us, kind="stable")
    return summarize(time_us[order], moments.take(order), "hours" if by_hours else "minutes")


def latest_points(connection: Connection, sensor_ids: Sequence[int] | NDArray[Any], since_us: int) -> Points:
    """Every reading of these sensors at or after `since_us`: for sparklines."""
    parameters = {"ids": ids_array(sensor_ids), "since": from_us(since_us)}
    points = Points(*fetch_columns(connection, ("sensor_id", "time", "value"), series_sql.SINCE, parameters))
    order = np.lexsort((points.time_us, points.sensor_id))
    return Points(points.sensor_id[order], points.time_us[order], points.value[order])


def hourly_activity(
    connection: Connection, sensor_ids: Sequence[int] | NDArray[Any], start_us: int, end_us: int
) -> Activity:
    """Hours counted from `start_us` (in whole minutes), for heatmaps; the last one ends with the range.

    From hours where they fall together with those of UTC, else (zones that are not whole hours) from minutes.
    """
    start_us = start_us // MINUTE_US * MINUTE_US
    whole_us = end_us // HOUR_US * HOUR_US if start_us % HOUR_US == 0 else start_us
    parameters = {
        "ids": ids_array(sensor_ids),
        "start": from_us(start_us),
        "end": from_us(end_us),
        "whole": from_us(max(whole_us, start_us)),
    }
    return Activity(*fetch_columns(connection, series_sql.HOUR, series_sql.HOURLY, parameters))


def readings_page(
    connection: Connection,
    sensor_ids: Sequence[int] | NDArray[Any],
    start_us: int,
    end_us: int,
    limit: int,
    before: tuple[int, int] | None = None,
) -> Readings:
    """At most `limit` readings of a range, newest first, those of one instant by falling sensor id.

    `before` is the (time_us, sensor_id) of the last row of the page before.
    """
    time_us, sensor_id = before or (end_us, 0)
    parameters = {
        "ids": ids_array(sensor_ids),
        "start": from_us(start_us),
        "end": from_us(min(end_us, time_us + 1)),
        "time": from_us(time_us),
        "sensor": sensor_id,
        "limit": limit,
    }
    page = Readings(*fetch_columns(connection, series_sql.READING, series_sql.PAGE, parameters))
    return page.take(np.lexsort((-page.sensor_id, -page.time_us)))


def stream_readings(
    connection: Connection,
    sensor_ids: Sequence[int] | NDArray[Any],
    start_us: int,
    end_us: int,
    *,
    rows: int = 10_000,
) -> Iterator[Readings]:
    """All readings of a range, sensor by sensor in the order given, each by time, in pieces of at most `rows`.

    A cursor of the database holds the place, so that an export of any length takes the memory of one piece.
    """
    for sensor_id in sensor_ids:
        parameters = {"sensor": int(sensor_id), "start": from_us(start_us), "end": from_us(end_us)}
        with driver(connection).cursor(name="andon_readings", binary=True) as cursor:
            cursor.execute(series_sql.STREAM.encode(), parameters)
            while found := cursor.fetchmany(rows):
                ids = np.full(len(found), sensor_id, np.int32)
                times, values, quality, flags, received = (np.array(column) for column in zip(*found, strict=True))
                yield Readings(ids, times, values, quality.astype(np.int16), flags.astype(np.int16), received)


class _Held(NamedTuple):
    """How many readings a range holds by its rollups, without and with the buckets at its edges."""

    at_least: int
    at_most: int


def _readings_held(connection: Connection, sensor_id: int, start_us: int, end_us: int, limit: int) -> _Held:
    """Bounds on the readings of a range; what is not rolled up counts to `limit` + 1."""
    by = "rollup_hour" if end_us - start_us <= ESTIMATE_BY_HOURS_US else "rollup_day"
    width_us = HOUR_US if by == "rollup_hour" else DAY_US
    parameters = {
        "sensor": sensor_id,
        "floor": from_us(start_us // width_us * width_us),
        "width": timedelta(microseconds=width_us),
        "start": from_us(start_us),
        "end": from_us(end_us),
        "limit": limit + 1,
    }
    found = fetch_columns(connection, series_sql.HELD, series_sql.READINGS_HELD.format(table=by), parameters)
    return _Held(*(int(column[0]) for column in found))


def _raw(connection: Connection, sensor_id: int, start_us: int, end_us: int, width: int) -> Series:
    """Single readings, thinned to the extremes of each pixel; where they are very many, gathered by pixel."""
    parameters = {"sensor": sensor_id, "start": from_us(start_us), "end": from_us(end_us), "limit": RAW_FETCHED + 1}
    time_us, value = fetch_columns(connection, ("time", "value"), series_sql.RAW, parameters)
    if len(time_us) > RAW_FETCHED:
        step_us = -(-(end_us - start_us) // width)
        return _gathered(connection, series_sql.BY_PIXEL, sensor_id, (start_us, end_us), step_us, "raw")
    order = np.argsort(time_us, kind="stable")
    time_us, value = time_us[order], value[order]
    kept = min_max_points(time_us, value, start_us=start_us, end_us=end_us)
    points = value[kept]
    return Series(time_us[kept], points, points, points, np.ones(len(kept), np.int64), "raw")


def _gathered(
    connection: Connection, select: str, sensor_id: int, edges_us: tuple[int, int], step_us: int, resolution: str
) -> Series:
    """One point for each step that holds readings, between two edges."""
    parameters = {
        "sensor": sensor_id,
        "start": from_us(edges_us[0]),
        "end": from_us(edges_us[1]),
        "step": timedelta(microseconds=step_us),
    }
    time_us, mean, low, high, count = fetch_columns(connection, series_sql.POINT, select, parameters)
    order = np.argsort(time_us, kind="stable")
    mean = np.clip(mean, low, high)[order]  # rounding of a sum does not carry the line out of its band
    return Series(time_us[order], mean, low[order], high[order], count[order], resolution, step_us)
