"""Figures of a device: each of its sensors over the last hour and day, when one reaches its limit, and the device as a whole."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashapp.domain import trends
from dashapp.domain.notices import lasted
from dashapp.domain.statistics import Summary
from dashapp.domain.trends import Reach
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.device.data import plant_reading
from dashapp.ui.device.view import trend_text
from dashapp.ui.figures.value_axis import limit_text, sensor_decimals
from dashapp.ui.parts import format_value
from dashapp.ui.time_range import DAY_US, HOUR_US, MINUTE_US
from db.queries.devices import happenings
from db.queries.grids import grid
from db.queries.series import statistics

LOOK_BACK_US = 8 * HOUR_US
RANGES = (("Last hour", HOUR_US), ("Last 24 hours", DAY_US))
COLUMNS = ("Sensor", "Mean", "Median", "Std. deviation", "Min", "Max", "Readings", "Trend")


@dataclass(frozen=True, slots=True)
class Ahead:
    """Where a sensor is going: the limit that it reaches, or None, and the line's slope."""

    sensor: SensorEntry
    reach: Reach | None
    trend: str


@dataclass(frozen=True, slots=True)
class Shown:
    """Summaries by range and sensor, in the order of `RANGES` and of the device's sensors; and the device as a whole over a day."""

    sensors: Sequence[SensorEntry]
    summaries: Sequence[Sequence[Summary | None]]
    ahead: Sequence[Ahead]
    readings: int
    heard: int
    alerts: int
    now_us: int


def shown(device: DeviceEntry, now_us: int) -> Shown:
    """All of it, in one transaction."""
    sensors = list(device.sensors.values())
    with plant_reading() as connection:
        found = [[statistics(connection, one.id, now_us - length, now_us) for one in sensors] for _, length in RANGES]
        end_us = now_us // MINUTE_US * MINUTE_US
        minutes = grid(connection, [one.id for one in sensors], end_us - DAY_US, end_us, MINUTE_US)
        begun = happenings(connection, [device.id], now_us - DAY_US, now_us, 1000)
    ahead = [_ahead(one, minutes[-(LOOK_BACK_US // MINUTE_US) :, at], end_us) for at, one in enumerate(sensors) if _limited(one)]
    alerts = sum(one.kind == "alert" and one.start_us >= now_us - DAY_US for one in begun)
    readings = sum(one.count for one in found[1] if one is not None)
    heard = int((~np.isnan(minutes)).any(axis=1).sum()) if sensors else 0
    return Shown(sensors, found, ahead, readings, heard, alerts, now_us)


def limit_ahead(sensor: SensorEntry, now_us: int) -> str:
    """Which limit one sensor is on its way to, by the line of the last 8 hours; empty where it has no limits."""
    if not _limited(sensor):
        return ""
    end_us = now_us // MINUTE_US * MINUTE_US
    with plant_reading() as connection:
        minutes = grid(connection, [sensor.id], end_us - LOOK_BACK_US, end_us, MINUTE_US)[:, 0]
    return ahead_text(_ahead(sensor, minutes, end_us), now_us)


def _limited(sensor: SensorEntry) -> bool:
    return sensor.kind == "gauge" and (sensor.limit_low is not None or sensor.limit_high is not None)


def _ahead(sensor: SensorEntry, value: trends.Floats, end_us: int) -> Ahead:
    known = ~np.isnan(value)
    times = end_us - (len(value) - np.arange(len(value), dtype=np.int64)) * MINUTE_US + MINUTE_US // 2
    line = trends.fitted(times[known], value[known])
    if line is None or not known[-30:].any():
        return Ahead(sensor, None, "nothing came lately")
    limits = [limit for limit in (sensor.limit_low, sensor.limit_high) if limit is not None]
    found = [reach for limit in limits if (reach := trends.reaches(line, limit, end_us)) is not None]
    return Ahead(sensor, min(found, key=lambda reach: reach.at_us, default=None), line.trend.direction.value)


def ahead_text(ahead: Ahead, now_us: int) -> str:
    """`90 °C in about 3 h 5 min (2 h 40 min to 3 h 30 min)`, `not on its way to a limit`."""
    reach = ahead.reach
    if reach is None:
        return "nothing came lately" if ahead.trend.startswith("nothing") else f"{ahead.trend}; not on its way to a limit"
    first = lasted((reach.earliest_us - now_us) / 1e6)
    between = f"not before {first}, perhaps never" if reach.latest_us is None else f"{first} to {lasted((reach.latest_us - now_us) / 1e6)}"
    return f"{limit_text(reach.limit, ahead.sensor)} in about {lasted((reach.at_us - now_us) / 1e6)} ({between})"


def rows(found: Shown, number: int) -> list[list[str]]:
    """The table of one range: a row a sensor."""
    return [_row(sensor, summary) for sensor, summary in zip(found.sensors, found.summaries[number], strict=True)]


def _row(sensor: SensorEntry, one: Summary | None) -> list[str]:
    name = f"{sensor.name}, {sensor.unit}" if sensor.unit else sensor.name
    if one is None:
        return [name, *["–"] * 5, "0", "–"]
    places = sensor_decimals(sensor)
    more = max(places, 1) if sensor.kind == "gauge" else 3
    moments = [format_value(value, more) for value in (one.mean, one.median, one.sd)]
    return [name, *moments, format_value(one.min, places), format_value(one.max, places), f"{one.count:,}", trend_text(one, sensor)]
