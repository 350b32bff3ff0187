"""What the heatmaps show: one kind of sensor by device and hour of the day, one sensor by weekday and hour, how sensors move together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.analytics.choice import Picked, Time
from dashapp.ui.device.data import plant_reading
from dashapp.ui.device.view import local
from dashapp.ui.time_range import DAY_US, HOUR_US, MINUTE_US
from db.queries.grids import grid, step_for
from db.queries.series import Activity, hourly_activity

Floats = NDArray[np.float64]
MOST_DEVICES = 60
MOST_CORRELATED = 12
MOST_DAYS = 400
LEAST_ROWS = 20  # that two sensors must have in common
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Heat:
    """A table: names of rows, values (rows, 24), NaN where nothing is known."""

    rows: Sequence[str]
    values: Floats


@dataclass(frozen=True, slots=True)
class Shown:
    """All three; `correlated` are the sensors of the last, values (n, n). `days` are how many the time holds."""

    devices: Heat
    week: Heat
    correlated: Sequence[SensorEntry]
    correlation: Floats
    step_us: int
    start_us: int


def shown(picked: Picked, devices: Sequence[DeviceEntry], time: Time) -> Shown:
    """Everything for one sensor, and for those of its key on other devices."""
    start_us = max(time.start_us, time.end_us - MOST_DAYS * DAY_US) // MINUTE_US * MINUTE_US
    alike = [device for device in devices if picked.sensor.key in device.sensors]
    alike = sorted(alike, key=lambda device: device is not picked.device)[:MOST_DEVICES]
    alike.sort(key=devices.index)
    measuring = [sensor for sensor in picked.device.sensors.values() if sensor.kind != "flag"][:MOST_CORRELATED]
    step_us = step_for(time.end_us - start_us, 2000)
    with plant_reading() as connection:
        ids = [device.sensors[picked.sensor.key].id for device in alike]
        hours = hourly_activity(connection, ids, _whole_hour(start_us, time.view.zone), time.end_us)
        rows = grid(connection, [one.id for one in measuring], start_us // step_us * step_us, time.end_us, step_us)
    hour, weekday = _clock(hours.time_us, time.view.zone)
    by_device = [_mean_by(hours, hours.sensor_id == one, hour, 24, picked.sensor.kind) for one in ids]
    mine = hours.sensor_id == picked.sensor.id
    week = _mean_by(hours, mine, weekday * 24 + hour, 168, picked.sensor.kind).reshape(7, 24)
    return Shown(
        Heat([device.key for device in alike], np.array(by_device).reshape(len(alike), 24)), Heat(DAYS, week), measuring,
        correlations(rows), step_us, start_us,
    )  # fmt: skip


def unit_of(sensor: SensorEntry) -> str:
    """What the values are in: counts are sums of an hour, a flag is the share of readings that are on."""
    if sensor.kind == "increment":
        return f"{sensor.unit or 'units'}/h"
    return "%" if sensor.kind == "flag" else sensor.unit


def _whole_hour(start_us: int, zone: str) -> int:
    """The whole hour of the zone's clocks at or before an instant: their offset from UTC need not be whole hours."""
    offset = local(start_us, zone).utcoffset()
    shift_us = 0 if offset is None else round(offset.total_seconds() * 1e6)
    return (start_us + shift_us) // HOUR_US * HOUR_US - shift_us


def _clock(time_us: NDArray[np.int64], zone: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(hour of the day, day of the week from Monday) of each instant in a zone."""
    every, place = np.unique(time_us, return_inverse=True)
    moments = [local(at, zone) for at in every.tolist()]
    hour = np.array([moment.hour for moment in moments], np.int64)
    weekday = np.array([moment.weekday() for moment in moments], np.int64)
    return hour[place], weekday[place]


def _mean_by(hours: Activity, mine: NDArray[np.bool_], label: NDArray[np.int64], size: int, kind: str) -> Floats:
    """Means over what has one label, shape (size,): of readings; of counts the mean of the hours' sums."""
    count, mean, label = hours.count[mine], hours.mean[mine], label[mine]
    weight = np.ones(len(count)) if kind == "increment" else count.astype(float)
    value = mean * count if kind == "increment" else mean * (100 if kind == "flag" else 1)
    total = np.bincount(label, weight, size)
    sums = np.bincount(label, value * weight, size)
    return np.divide(sums, total, out=np.full(size, np.nan), where=total > 0)


def correlations(rows: Floats) -> Floats:
    """Pearson's r of each pair of columns over the rows that both have, shape (n, n); NaN for fewer than 20, or what stands still."""
    n = rows.shape[1]
    found = np.full((n, n), np.nan)
    for first in range(n):
        for second in range(first + 1):
            both = ~np.isnan(rows[:, first]) & ~np.isnan(rows[:, second])
            if both.sum() < LEAST_ROWS:
                continue
            a, b = (rows[both, column] - rows[both, column].mean() for column in (first, second))
            size = float(np.sqrt((a @ a) * (b @ b)))
            if size > 0:
                found[first, second] = found[second, first] = float(np.clip(a @ b / size, -1, 1))
    return found
