"""What happens in the simulated plant and when: its working hours, and a timetable of troubles for each device and day.

Pure and deterministic: a day's timetable depends on the seed, the device and the day alone, and no episode in it passes
midnight UTC, so any day can be asked for by itself, by any replica, in any order. Times are microseconds of UTC, days
count from 1970-01-01.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec
from dashapp.domain.simulation_noise import stable_hash

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US


class EpisodeKind(StrEnum):
    """What can happen to a device for a while."""

    ANOMALY = "anomaly"  # a gauge leaves its usual level
    FAULT = "fault"  # the machine trips: fault flag 1, no production, soon reset
    BREAKDOWN = "breakdown"  # stands still until repaired; the fault flag is 1 until the repair has begun
    MICRO_STOP = "micro_stop"  # no production for seconds: a jam, a missing part
    REJECTS = "rejects"  # the machine runs, but more of what it makes is bad


class Course(StrEnum):
    """How an anomaly goes to its peak and back."""

    HOLD = "hold"  # rises, holds, falls
    CREEP = "creep"  # creeps up for most of its time
    JUMP = "jump"  # is there almost at once, and fades


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that happens to one device from `start_us` until before `end_us` (microseconds, UTC).

    `sensor` is the gauge of an anomaly, the device's first gauge where it is not named. A `strength` of 1 takes an
    anomaly clearly past the alert limit, one below 0.8 stays short of it, a negative one goes to the lower limit where
    there are two. For rejects it scales the share of bad units: 1 adds 20 %. An anomaly that names no `course` has one of its own.
    """

    device: str
    kind: EpisodeKind
    start_us: int
    end_us: int
    sensor: str | None = None
    strength: float = 1.0
    course: Course | None = None


@dataclass(frozen=True, slots=True)
class MachineCharacter:
    """How a machine behaves; rates are per running hour, `reject_share` is the usual share of bad units."""

    breakdowns_per_h: float = 0.15
    faults_per_h: float = 0.06
    micro_stops_per_h: float = 1.5
    reject_share: float = 0.012


_DEFAULT_CHARACTER = MachineCharacter()
_CHARACTERS = {
    "MX-02": MachineCharacter(0.28, 0.10, 2.0, 0.028),  # welding: fails most
    "MX-03": MachineCharacter(0.20, 0.06, 3.0, 0.018),  # inspection: often waits for parts
}

# From hour, to hour, share of full speed. Building A (MX-01, MX-02) works around the clock, at night and on weekends with fewer people;
# Building B (MX-03) two shifts on weekdays, 06:00 to 22:00, and stands still in their breaks. So at any moment of the week two machines
# are meant to produce. The demo plant's shift calendars say the same.
_Hours = tuple[tuple[float, float, float], ...]
_ALWAYS: _Hours = ((0, 24, 1.0),)
_AROUND: _Hours = ((0, 6, 0.8), (6, 22, 1.0), (22, 24, 0.8))
_WEEKDAYS: dict[str, _Hours] = {
    "MX-01": _AROUND,
    "MX-02": _AROUND,
    "MX-03": ((6, 9, 1.0), (9.25, 12, 1.0), (12.5, 17, 1.0), (17.25, 19.5, 1.0), (20, 22, 1.0)),
}
_WEEKENDS: dict[str, _Hours] = {"MX-01": ((0, 24, 0.8),), "MX-02": ((0, 24, 0.8),), "MX-03": ()}

ANOMALY_SHARE = 0.05
_ANOMALIES_A_DAY = 8.0
_ANOMALY_S = (180.0, 1200.0)
_CROSSING_SHARE = 0.3  # of the anomalies that pass an alert limit; the others stay short of it
_REPAIR_S = (300.0, 2400.0)
_FAULT_S = (20.0, 240.0)
_MICRO_STOP_S = (10.0, 90.0)
_START_UP_S = (120.0, 420.0)  # of more rejects, after a repair
_BURST_S = (180.0, 600.0)
_BURSTS_PER_H = 0.07
_GAP_US = MINUTE_US


def character(device: DeviceSpec) -> MachineCharacter:
    """How this machine behaves; the default one where it is not of the seeded fleet."""
    return _CHARACTERS.get(device.key, _DEFAULT_CHARACTER)


def is_weekend(day: int) -> bool:
    """Whether the day (from 1970-01-01, a Thursday) is a Saturday or a Sunday."""
    return (day + 3) % 7 >= 5


def running_windows(device: DeviceSpec, day: int) -> list[tuple[int, int, float]]:
    """When the device runs in a day: (start_us, end_us, share of full speed), in order, next to each other or apart."""
    hours = (_WEEKENDS if is_weekend(day) else _WEEKDAYS).get(device.key, _ALWAYS)
    return [(day * DAY_US + int(start * HOUR_US), day * DAY_US + int(end * HOUR_US), speed) for start, end, speed in hours]


def episodes(device: DeviceSpec, start_us: int, end_us: int, *, seed: int = 1) -> list[Episode]:
    """The device's episodes that overlap [start_us, end_us), by start. Injected ones are the caller's to add."""
    found: list[Episode] = []
    if end_us <= start_us:
        return found
    for day in range(start_us // DAY_US, -(-end_us // DAY_US)):
        found.extend(e for e in timetable(device, day, seed) if e.start_us < end_us and e.end_us > start_us)
    return found


@lru_cache(maxsize=512)
def timetable(device: DeviceSpec, day: int, seed: int) -> tuple[Episode, ...]:
    """Every episode of one device and day, by start."""
    rng = np.random.Generator(np.random.PCG64(stable_hash("timetable", seed, device.key, day)))
    windows = _joined(running_windows(device, day))
    running_h = sum(end - start for start, end in windows) / HOUR_US
    anomalies = _anomalies(device, rng)
    if not device.is_machine:
        return tuple(_placed([[a] for a in anomalies], windows, rng))
    what = character(device)
    troubles = _troubles(device, what, running_h, anomalies, rng)
    placed = _placed([[a] for a in anomalies] + troubles, windows, rng)
    standing = [e for e in placed if e.kind in (EpisodeKind.BREAKDOWN, EpisodeKind.FAULT)]
    count = _count(what.micro_stops_per_h * running_h, rng)
    stops = _scattered(device, EpisodeKind.MICRO_STOP, count, _MICRO_STOP_S, windows=windows, rng=rng)
    count = _count(_BURSTS_PER_H * running_h, rng)
    bursts = _scattered(device, EpisodeKind.REJECTS, count, _BURST_S, windows=windows, rng=rng)
    kept = [e for e in stops if not any(_overlap(e, other) for other in standing)]
    return tuple(sorted([*placed, *kept, *bursts], key=lambda e: (e.start_us, e.kind)))


def _joined(windows: Iterable[tuple[int, int, float]]) -> list[tuple[int, int]]:
    """Windows without their speeds, those that touch made one."""
    joined: list[tuple[int, int]] = []
    for start, end, _ in windows:
        if joined and joined[-1][1] == start:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _count(expected: float, rng: np.random.Generator) -> int:
    """A whole number with this mean."""
    return int(expected + rng.random())


def _duration_us(bounds_s: tuple[float, float], mean_s: float, rng: np.random.Generator) -> int:
    """Many short ones and a few long ones: low + (high - low)·u^a, where a follows from the mean."""
    low, high = bounds_s
    power = (high - low) / (mean_s - low) - 1
    return int((low + (high - low) * rng.random() ** power) * SECOND_US)


def _span(
    device: DeviceSpec, kind: EpisodeKind, duration_us: int, sensor: str | None = None, strength: float = 1.0
) -> Episode:
    """An episode that knows its length and not yet its place in the day."""
    return Episode(device.key, kind, 0, duration_us, sensor, round(strength, 3))


def _anomalies(device: DeviceSpec, rng: np.random.Generator) -> list[Episode]:
    """A day's anomalies, 5 % of the time in the mean, spread over the device's gauges."""
    gauges = [s for s in device.sensors if s.kind is SensorKind.GAUGE]
    if not gauges:
        return []
    mean_s = ANOMALY_SHARE * 86_400 / _ANOMALIES_A_DAY
    count = _count(_ANOMALIES_A_DAY - 1 + 2 * rng.random(), rng)
    return [
        _span(device, EpisodeKind.ANOMALY, _duration_us(_ANOMALY_S, mean_s, rng), sensor.key, _strength(sensor, rng))
        for sensor in (gauges[int(rng.random() * len(gauges))] for _ in range(count))
    ]


def _strength(sensor: SensorSpec, rng: np.random.Generator) -> float:
    """How far an anomaly goes, see `Episode`."""
    crossing, size, side = rng.random(3).tolist()
    strength = 1.0 + 0.15 * size if crossing < _CROSSING_SHARE else 0.45 + 0.33 * size
    both = sensor.limit_low is not None and sensor.limit_high is not None
    return float(-strength if both and side < 0.35 else strength)


def _troubles(
    device: DeviceSpec, what: MachineCharacter, running_h: float, anomalies: list[Episode], rng: np.random.Generator
) -> list[list[Episode]]:
    """Faults and breakdowns, each a chain of episodes that follow one another.

    About half of the breakdowns are announced by vibration: an anomaly, which is taken out of the day's. After each of
    them the first minutes of production are worse than usual.
    """
    troubles = [
        [_span(device, EpisodeKind.FAULT, _duration_us(_FAULT_S, 80, rng))]
        for _ in range(_count(what.faults_per_h * running_h, rng))
    ]
    for _ in range(_count(what.breakdowns_per_h * running_h, rng)):
        chain = [
            _span(device, EpisodeKind.BREAKDOWN, _duration_us(_REPAIR_S, 960, rng)),
            _span(device, EpisodeKind.REJECTS, _duration_us(_START_UP_S, 240, rng), strength=0.5),
        ]
        sign = next((a for a in anomalies if a.sensor == "vibration"), None)
        if sign is not None and rng.random() < 0.5:
            anomalies.remove(sign)
            chain.insert(0, sign)
        troubles.append(chain)
    return troubles


def _placed(chains: list[list[Episode]], windows: list[tuple[int, int]], rng: np.random.Generator) -> list[Episode]:
    """Chains of episodes in random order, each somewhere in its own equal slice of the running time, none on another.

    Slices instead of independent moments keep troubles from piling up in one hour. What does not fit before its window
    ends is left out.
    """
    if not windows:
        return []
    total = sum(end - start for start, end in windows)
    placed: list[Episode] = []
    free_from = 0
    for slot, index in enumerate(np.argsort(rng.random(len(chains)))):
        chain = chains[int(index)]
        length = sum(e.end_us for e in chain)
        width = total // len(chains)
        at = slot * width + int(rng.random() * max(width - length - _GAP_US, 0))
        start, window_end = _clock(at, windows)
        start = max(min(start, window_end - length), free_from, _window_start(window_end, windows))
        if start + length > window_end:
            continue
        for episode in chain:
            placed.append(_moved(episode, start))
            # What announces a breakdown is cut off by it before it could recover.
            cut = len(chain) > 1 and episode.kind is EpisodeKind.ANOMALY
            start += episode.end_us * 4 // 5 if cut else episode.end_us
        free_from = start + _GAP_US
    return placed


def _clock(running_us: int, windows: list[tuple[int, int]]) -> tuple[int, int]:
    """The moment after so much running time in the day, and the end of the window that it lies in."""
    for start, end in windows:
        if running_us < end - start:
            return start + running_us, end
        running_us -= end - start
    return windows[-1][1], windows[-1][1]


def _window_start(window_end: int, windows: list[tuple[int, int]]) -> int:
    return next(start for start, end in windows if end == window_end)


def _moved(episode: Episode, start_us: int) -> Episode:
    return Episode(episode.device, episode.kind, start_us, start_us + episode.end_us, episode.sensor, episode.strength)


def _scattered(
    device: DeviceSpec,
    kind: EpisodeKind,
    count: int,
    bounds_s: tuple[float, float],
    *,
    windows: list[tuple[int, int]],
    rng: np.random.Generator,
) -> list[Episode]:
    """Independent short episodes anywhere in the running time, those that would lie on another of them left out."""
    total = sum(end - start for start, end in windows)
    mean_s = bounds_s[0] + 0.3 * (bounds_s[1] - bounds_s[0])
    kept: list[Episode] = []
    for at in sorted(int(u * total) for u in rng.random(count)):
        start, window_end = _clock(at, windows)
        end = min(start + _duration_us(bounds_s, mean_s, rng), window_end)
        if end - start >= bounds_s[0] * SECOND_US and (not kept or kept[-1].end_us < start):
            kept.append(Episode(device.key, kind, start, end))
    return kept


def _overlap(one: Episode, other: Episode) -> bool:
    return one.start_us < other.end_us and other.start_us < one.end_us
