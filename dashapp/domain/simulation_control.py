"""What somebody asked of a simulated device, and what it is doing at a moment: timetable and injected episodes together.

Pure: times are microseconds since 1970 UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec
from dashapp.domain.simulation import SEED
from dashapp.domain.simulation_episodes import DAY_US, Episode, EpisodeKind, episodes, running_windows

SHORTEST_PERIOD_S, LONGEST_PERIOD_S = 1.0, 10.0
_LOOK_AHEAD_DAYS = 4  # every machine runs some time within them


class Reach(StrEnum):
    """How far an injected anomaly goes."""

    ABOVE = "above"  # past the upper alert limit, or the range where there is none
    BELOW = "below"  # past the lower alert limit
    SHORT = "short"  # out of the usual, short of the limit


_STRENGTHS = {Reach.ABOVE: 1.1, Reach.BELOW: -1.1, Reach.SHORT: 0.65}


class Work(StrEnum):
    """What a simulated device is at."""

    RUNNING = "running"
    OFF_SHIFT = "off_shift"  # nobody works at it
    MICRO_STOP = "micro_stop"
    FAULT = "fault"
    BREAKDOWN = "breakdown"


_STOPS = {EpisodeKind.BREAKDOWN: Work.BREAKDOWN, EpisodeKind.FAULT: Work.FAULT, EpisodeKind.MICRO_STOP: Work.MICRO_STOP}


@dataclass(frozen=True, slots=True)
class Control:
    """What was asked of a device. `period_s` None is each sensor's own; `episodes` are the injected ones."""

    running: bool = True
    period_s: float | None = None
    changed_us: int = 0  # when it was last started, stopped, or given another speed
    episodes: tuple[Episode, ...] = ()


@dataclass(frozen=True, slots=True)
class Doing:
    """What a device is at; `until_us` is when that ends, None where it goes on. `troubles`: anomalies and rejects beside it."""

    work: Work
    until_us: int | None = None
    troubles: tuple[Episode, ...] = ()


def reaches(sensor: SensorSpec) -> tuple[Reach, ...]:
    """Where an anomaly of this gauge can go."""
    if sensor.limit_low is None:
        return (Reach.ABOVE, Reach.SHORT)
    return (Reach.BELOW, Reach.SHORT) if sensor.limit_high is None else (Reach.ABOVE, Reach.BELOW, Reach.SHORT)


def strength_of(reach: Reach) -> float:
    """The `strength` of an episode that goes so far."""
    return _STRENGTHS[reach]


def kinds_for(device: DeviceSpec) -> tuple[EpisodeKind, ...]:
    """What can be made to happen to a device: only a machine stops for a moment, trips, or makes rejects."""
    if device.is_machine:
        return (EpisodeKind.FAULT, EpisodeKind.BREAKDOWN, EpisodeKind.ANOMALY, EpisodeKind.MICRO_STOP, EpisodeKind.REJECTS)
    return (EpisodeKind.BREAKDOWN, EpisodeKind.ANOMALY)


def gauges(device: DeviceSpec) -> list[SensorSpec]:
    """The sensors that an anomaly can be in."""
    return [sensor for sensor in device.sensors if sensor.kind is SensorKind.GAUGE]


def doing(device: DeviceSpec, at_us: int, extra: Sequence[Episode] = (), *, seed: int = SEED) -> Doing:
    """What the device is at by its timetable and by what was injected (`extra`); those of other devices are left out."""
    happening = [*episodes(device, at_us, at_us + DAY_US, seed=seed), *(e for e in extra if e.device == device.key)]
    now = [e for e in happening if e.start_us <= at_us < e.end_us]
    troubles = tuple(e for e in now if e.kind not in _STOPS)
    stops = [e for e in happening if e.kind in _STOPS]
    for kind, work in _STOPS.items():
        if any(e.kind is kind for e in now):
            return Doing(work, _end_of(at_us, stops), troubles)
    running, until_us = _shift(device, at_us)
    return Doing(Work.RUNNING if running else Work.OFF_SHIFT, None if running else until_us, troubles)


def _end_of(at_us: int, stops: Sequence[Episode]) -> int:
    """When it goes on: stops that lap over one another are one."""
    end = at_us
    while later := [e.end_us for e in stops if e.start_us <= end < e.end_us]:
        end = max(later)
    return end


def _shift(device: DeviceSpec, at_us: int) -> tuple[bool, int | None]:
    """Whether it is in its working hours; where it is not, when they begin."""
    day = at_us // DAY_US
    windows = [window for each in range(day, day + _LOOK_AHEAD_DAYS) for window in running_windows(device, each)]
    if any(start <= at_us < end for start, end, _ in windows):
        return True, None
    return False, min((start for start, _, _ in windows if start > at_us), default=None)
