"""The simulated plant: what each sensor reads at any moment, as a pure function of seed, device and time.

Nothing is carried from one call to the next, so replicas, restarts, replays, and history followed by live all agree on
every value, and any moments can be asked for in any order. Gauges move by noise that has random access
(`simulation_gauges`, `simulation_noise`), troubles come from a timetable made per device and day
(`simulation_episodes`), what a machine makes and how warm it is follow from its running and standing still
(`simulation_machine`). Times are microseconds of UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec
from dashapp.domain.simulation_episodes import (
    DAY_US,
    SECOND_US,
    Course,
    Episode,
    EpisodeKind,
    episodes,
    running_windows,
    timetable,
)
from dashapp.domain.simulation_gauges import as_shown, dead_value, idle, level, touched, usual_range, with_anomaly
from dashapp.domain.simulation_machine import (
    Tape,
    ideal_units_per_s,
    segments,
    tape_for,
    units_made,
    units_rejected,
    warmth,
)

__all__ = [
    "SEED",
    "Course",
    "Episode",
    "EpisodeKind",
    "due_times",
    "episodes",
    "ideal_units_per_s",
    "running_windows",
    "simulate",
]

SEED = 1  # of the plant that is served
_LONGEST_PERIOD_S = 86_400


def simulate(
    device: DeviceSpec,
    times_us: NDArray[np.int64],
    *,
    seed: int = SEED,
    period_s: float | None = None,
    extra: Sequence[Episode] = (),
) -> dict[str, NDArray[np.float64]]:
    """What the device's sensors read at these moments.

    Args:
        device: whose sensors; one that is not of the seeded fleet behaves by the kinds and ranges of its sensors.
        times_us: moments, microseconds of UTC, shape (n,), in any order and spacing.
        seed: another seed is another plant.
        period_s: seconds that each reading stands for, above 0 and at most a day; the sensor's own where None.
            An increment is what came in the period that ends at the reading.
        extra: injected episodes, on top of the timetable's; those of other devices are left out.

    Returns:
        One array of shape (n,) per sensor key, in the sensor's unit. Increments are whole, flags are 0 or 1, a
        totalizer counts from midnight.

    Raises:
        ValueError: where the times are not one-dimensional or the period is out of bounds.
    """
    times = np.asarray(times_us, dtype=np.int64)
    if times.ndim != 1:
        raise ValueError(f"times must be one-dimensional, not of shape {times.shape}")
    if period_s is not None and not 0 < period_s <= _LONGEST_PERIOD_S:
        raise ValueError(f"the period must be above 0 s and at most {_LONGEST_PERIOD_S} s, not {period_s}")
    if times.size == 0:
        return {sensor.key: np.empty(0) for sensor in device.sensors}
    if np.any(times[1:] < times[:-1]):
        order = np.argsort(times, kind="stable")
        back = np.empty_like(order)
        back[order] = np.arange(order.size)
        ordered = simulate(device, times[order], seed=seed, period_s=period_s, extra=extra)
        return {key: values[back] for key, values in ordered.items()}
    mine = [e for e in extra if e.device == device.key and e.end_us > e.start_us]
    happenings = [e for day in _days(times) for e in timetable(device, day, seed)] + mine
    run = _Run(device, times, seed, happenings)
    if device.is_machine or any(sensor.kind is not SensorKind.GAUGE for sensor in device.sensors):
        return _machine(run, period_s, mine)
    return {sensor.key: _gauge(run, sensor) for sensor in device.sensors}


def due_times(last_us: int, now_us: int, period_s: float) -> NDArray[np.int64]:
    """The multiples of the period (since 1970) in (last_us, now_us]: microseconds of UTC, ascending, maybe none.

    Raises:
        ValueError: where the period is not above 0.
    """
    period_us = round(period_s * SECOND_US)
    if period_us < 1:
        raise ValueError(f"the period must be above 0 s, not {period_s}")
    return np.arange((last_us // period_us + 1) * period_us, now_us + 1, period_us, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of `simulate`: the moments ascend, the happenings are all of the device's that may touch them."""

    device: DeviceSpec
    times: NDArray[np.int64]
    seed: int
    happenings: list[Episode]


def _days(*times: NDArray[np.int64]) -> list[int]:
    """The days that the moments lie in, ascending."""
    return [int(day) for day in np.unique(np.concatenate([t // DAY_US for t in times]))]


def _machine(run: _Run, period_s: float | None, extra: Sequence[Episode]) -> dict[str, NDArray[np.float64]]:
    """The sensors of a machine, which share what it was doing."""
    sensors = run.device.sensors
    periods_us = {sensor.key: max(1, round((period_s or sensor.period_s) * SECOND_US)) for sensor in sensors}
    tape = tape_for(run.device, _days(run.times, run.times - max(periods_us.values())), run.seed, extra)
    at = segments(tape, run.times)
    made = units_made(run.device, tape, run.times, run.seed)
    made_before = {p: units_made(run.device, tape, run.times - p, run.seed) for p in set(periods_us.values())}
    values = {}
    for sensor in sensors:
        if sensor.kind is SensorKind.GAUGE:
            values[sensor.key] = _machine_gauge(run, sensor, tape, at)
        elif sensor.kind is SensorKind.FLAG:
            values[sensor.key] = tape.fault[at].astype(np.float64)
        elif sensor.kind is SensorKind.TOTALIZER:
            values[sensor.key] = (made - tape.earlier[at]).astype(np.float64)
        elif "reject" in sensor.key:
            before = made_before[periods_us[sensor.key]]
            values[sensor.key] = (units_rejected(tape, made) - units_rejected(tape, before)).astype(np.float64)
        else:
            values[sensor.key] = (made - made_before[periods_us[sensor.key]]).astype(np.float64)
    return values


def _gauge(run: _Run, sensor: SensorSpec) -> NDArray[np.float64]:
    """A gauge that measures by itself, on no machine."""
    low, high = usual_range(sensor)
    values = low + (high - low) * level(run.device, sensor, run.times, run.seed)
    _draw_to_anomalies(run, sensor, values)
    for _, part in touched(run.times, [e for e in run.happenings if e.kind is EpisodeKind.BREAKDOWN]):
        values[part] = dead_value(sensor)
    return as_shown(values, sensor)


def _machine_gauge(run: _Run, sensor: SensorSpec, tape: Tape, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """A gauge of a machine: what is warm follows its running slowly, everything else at once."""
    low, high = usual_range(sensor)
    is_warmth = sensor.unit == "°C"
    activity = warmth(tape, at, run.times) if is_warmth else (tape.rate[at] > 0).astype(np.float64)
    off = idle(run.device, sensor, run.times, run.seed)
    values = low + (high - low) * (off + activity * (level(run.device, sensor, run.times, run.seed) - off))
    _draw_to_anomalies(run, sensor, values)
    if not is_warmth:
        values[tape.broken[at]] *= 0.02  # switched off and locked for the repair, it is still
    return as_shown(values, sensor)


def _draw_to_anomalies(run: _Run, sensor: SensorSpec, values: NDArray[np.float64]) -> None:
    """Change the values that lie in an anomaly of this sensor, in place."""
    first = next(s.key for s in run.device.sensors if s.kind is SensorKind.GAUGE)
    mine = [e for e in run.happenings if e.kind is EpisodeKind.ANOMALY and (e.sensor or first) == sensor.key]
    for episode, part in touched(run.times, mine):
        values[part] = with_anomaly(values[part], run.times[part], sensor, episode, run.seed)
