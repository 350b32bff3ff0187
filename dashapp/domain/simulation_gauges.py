"""How the simulated gauges move: a level of their own, and the anomalies that take them away from it.

A level is the sum of a daily cycle, of the line's shifts and of noise at several time scales, whose amplitudes together
keep within the range.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.fleet import DeviceSpec, SensorSpec
from dashapp.domain.simulation_episodes import DAY_US, HOUR_US, SECOND_US, Course, Episode
from dashapp.domain.simulation_noise import smooth, stable_hash, uniform

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Character:
    """Where in its range a gauge lives, and how far each cause takes it up or down at most, as shares of the range.

    The amplitudes together are less than the way from `level` to the nearer end, so the value cannot leave the range.
    """

    level: float
    daily: float = 0.0  # highest at 15:00
    shift: float = 0.0  # with the line's two shifts
    drift: float = 0.0  # over days
    slow: float = 0.0  # over hours
    middle: float = 0.0  # over a quarter of an hour
    quick: float = 0.0  # over a minute
    grain: float = 0.0  # each reading for itself
    saw: float = 0.0  # a cycle of `saw_s`, rising for the share `saw_rise` of it
    saw_s: float = 1.0
    saw_rise: float = 0.5


_MACHINE_CHARACTERS = {
    "vibration": _Character(0.47, drift=0.09, slow=0.09, middle=0.09, quick=0.11, grain=0.05),
}
_MACHINE = _Character(0.58, daily=0.07, drift=0.08, slow=0.10, middle=0.09, quick=0.05, grain=0.008)
_CHARACTERS = {
    # A compressor that loads and unloads.
    "pressure": _Character(
        0.5, shift=0.05, drift=0.06, slow=0.08, middle=0.05, quick=0.03, grain=0.008, saw=0.12, saw_s=390, saw_rise=0.35
    ),
    "vibration": _Character(0.46, shift=0.06, drift=0.08, slow=0.10, middle=0.09, quick=0.09, grain=0.03),
    "production_rate": _Character(0.56, shift=0.18, drift=0.04, slow=0.07, middle=0.07, quick=0.05, grain=0.008),
    # A tool that wears for a shift and is then changed.
    "quality": _Character(
        0.68, drift=0.04, slow=0.05, middle=0.05, quick=0.05, grain=0.01, saw=0.10, saw_s=27_000, saw_rise=0.01
    ),
}
_OTHER = _Character(0.5, daily=0.10, shift=0.04, drift=0.10, slow=0.11, middle=0.08, quick=0.04, grain=0.006)
_DAYS_US, _HOURS_US, _QUARTER_US, _MINUTE_US = (s * SECOND_US for s in (225_000, 11_000, 800, 55))  # of the noise
_DECIMALS = {"psi": 2, "units/h": 0}  # what the instrument shows; one decimal for the others

_IDLE = 0.05  # where in its range the gauge of a machine that is off lies
_MARGIN = 0.07  # of the range, kept free between normal values and an alert limit that lies inside of it
_BEYOND = 0.06  # of the range, how far past the limit an anomaly of strength 1 goes
_UNREST = 0.03  # of the range, less than what an anomaly goes past the limit
_AMBIENT_C = 20.0
_COURSES = tuple(Course)


def usual_range(sensor: SensorSpec) -> tuple[float, float]:
    """The normal range, cut where it comes near to an alert limit or passes it; 0 to 100 where there is none."""
    low = 0.0 if sensor.normal_low is None else sensor.normal_low
    high = max(low, 100.0) if sensor.normal_high is None else sensor.normal_high
    margin = _MARGIN * (high - low)
    if sensor.limit_low is not None:
        low = max(low, sensor.limit_low + margin)
    if sensor.limit_high is not None:
        high = min(high, sensor.limit_high - margin)
    return low, high


def level(device: DeviceSpec, sensor: SensorSpec, times: Ints, seed: int) -> Floats:
    """The gauge at work and with nothing the matter, as a share of its usual range: shape (n,), between 0 and 1."""
    characters, other = (_MACHINE_CHARACTERS, _MACHINE) if device.is_machine else (_CHARACTERS, _OTHER)
    how = characters.get(sensor.key, other)
    key = stable_hash("level", seed, device.key, sensor.key)
    value = how.level + how.grain * (2.0 * uniform(key, times) - 1.0)
    for number, (amount, scale_us) in enumerate(
        ((how.drift, _DAYS_US), (how.slow, _HOURS_US), (how.middle, _QUARTER_US), (how.quick, _MINUTE_US)), start=1
    ):
        if amount:
            value += amount * smooth(key ^ number, times, scale_us)
    if how.daily:
        value += how.daily * np.sin((times % DAY_US - 9 * HOUR_US) * (2.0 * np.pi / DAY_US))
    if how.shift:
        value += how.shift * _line_shift(times)
    if how.saw:
        value += how.saw * _saw(key, times, how.saw_s, how.saw_rise)
    return value


def idle(device: DeviceSpec, sensor: SensorSpec, times: Ints, seed: int) -> Floats:
    """The gauge of a machine that is off, as a share of its usual range: its low end, with the hum of the hall."""
    key = stable_hash("idle", seed, device.key, sensor.key)
    hum: Floats = _IDLE + 0.02 * smooth(key, times, _QUARTER_US) + 0.01 * (2.0 * uniform(key, times) - 1.0)
    return hum


def with_anomaly(values: Floats, times: Ints, sensor: SensorSpec, episode: Episode, seed: int) -> Floats:
    """The values (in the sensor's unit, at moments within the episode) drawn towards the anomaly's peak and back.

    At the peak the gauge has only a small unrest of its own, so an anomaly passes a limit clearly or not at all.
    """
    low, high = usual_range(sensor)
    span, middle = high - low, 0.5 * (low + high)
    down = sensor.limit_low is not None and (sensor.limit_high is None or episode.strength < 0)
    if down:
        aim = (low if sensor.limit_low is None else sensor.limit_low) - _BEYOND * span
    else:
        aim = (high if sensor.limit_high is None else sensor.limit_high) + _BEYOND * span
    peak = middle + abs(episode.strength) * (aim - middle)
    key = stable_hash("anomaly", seed, episode.device, sensor.key, episode.start_us)
    course = episode.course or _COURSES[key % 3]
    weight = _weight(course, (times - episode.start_us) / (episode.end_us - episode.start_us))
    unrest = _UNREST * span * smooth(key, times, 30 * SECOND_US)
    return (1.0 - weight) * values + weight * (peak + unrest)


def dead_value(sensor: SensorSpec) -> float:
    """What the gauge of a device that has broken down reads: the hall's temperature, or nothing."""
    return _AMBIENT_C if sensor.unit == "°C" else 0.0


def as_shown(values: Floats, sensor: SensorSpec) -> Floats:
    """The values as the instrument reports them: rounded, not below zero but for temperatures, not above 100 %."""
    if sensor.unit != "°C":
        values = np.clip(values, 0.0, 100.0 if sensor.unit == "%" else None)
    return np.round(values, _DECIMALS.get(sensor.unit, 1))


def touched(times: Ints, episodes: Sequence[Episode]) -> list[tuple[Episode, slice]]:
    """Which of the ascending moments lie in which episode; episodes in which none lies are left out."""
    first = np.searchsorted(times, np.array([e.start_us for e in episodes], dtype=np.int64))
    last = np.searchsorted(times, np.array([e.end_us for e in episodes], dtype=np.int64))
    return [(e, slice(int(i), int(j))) for e, i, j in zip(episodes, first, last, strict=True) if i < j]


def _weight(course: Course, part: Floats) -> Floats:
    """How far an anomaly has come, 0 to 1, at a part of its time."""
    if course is Course.HOLD:
        return _step(part / 0.25) * _step((1.0 - part) / 0.25)
    if course is Course.CREEP:
        creep: Floats = np.minimum(part / 0.8, 1.0) ** 1.6
        return creep * _step((1.0 - part) / 0.2)
    return _step(part / 0.06) * _step((1.0 - part) / 0.6)


def _step(x: Floats) -> Floats:
    """From 0 to 1 without corners."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _line_shift(times: Ints) -> Floats:
    """1 in the line's two shifts on weekdays, -1 at night, between on weekends; changes take twenty minutes."""
    hours = np.array([0.0, 6.0, 6.33, 22.0, 22.33, 24.0])
    hour = (times % DAY_US) / HOUR_US
    weekend = (times // DAY_US + 3) % 7 >= 5
    shift: Floats = np.interp(hour, hours, [-1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
    shift[weekend] = 0.4 * shift[weekend] - 0.6
    return shift


def _saw(key: int, times: Ints, period_s: float, rise: float) -> Floats:
    """A cycle between -1 and 1 of straight rises and falls, its length varying by about a fifth."""
    period_us = round(period_s * SECOND_US)
    phase = (times % (1000 * period_us)) / period_us + 1.2 * smooth(key ^ 7, times, 4 * period_us)
    phase -= np.floor(phase)
    saw: Floats = np.where(phase < rise, phase / rise, (1.0 - phase) / (1.0 - rise)) * 2.0 - 1.0
    return saw
