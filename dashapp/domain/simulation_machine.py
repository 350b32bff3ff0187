"""A simulated machine's day, cut into segments in which its state does not change: tempo, standing still, fault.

Production is a running count N of the units since midnight. In a segment the planned count C grows evenly, in whole
billionths of a unit so that no rounding depends on the range asked for; N is C with a small jitter that never runs
backwards. Readings of any period are differences of N, so they add up to the same total. Each unit is good or bad by
itself, so there are never more rejects than units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.fleet import DeviceSpec, SensorKind
from dashapp.domain.simulation_episodes import (
    DAY_US,
    HOUR_US,
    MINUTE_US,
    SECOND_US,
    Episode,
    EpisodeKind,
    character,
    episodes,
    running_windows,
)
from dashapp.domain.simulation_noise import smooth, stable_hash, uniform

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]

_UNIT = 1_000_000_000  # C counts billionths
_BLOCK_US = 5 * MINUTE_US  # for so long the tempo stays the same
_WARMING_US = 12 * MINUTE_US  # time constant of warming up and cooling down
_FOLLOWED_US = 6 * HOUR_US  # how far before midnight the warmth is followed from: e^-30 of an error is left
_JITTER_CELL = 8  # units
_JITTER = 0.4 * _JITTER_CELL  # N is at most so far from C: between knots one cell apart its slope stays above 0.2
_MOST_REJECTS = 0.4  # share of the units
_STOPS = (EpisodeKind.BREAKDOWN, EpisodeKind.FAULT, EpisodeKind.MICRO_STOP)


@dataclass(frozen=True, slots=True)
class Tape:
    """One or more days of a machine: arrays with one entry per segment, by `start_us`, and the rejected units.

    `day` is the segment's day, `planned` C at its start (billionths of a unit since midnight), `rate` its growth
    (billionths per µs), `earlier` what was made on the tape's earlier days. `warmth` (0 cold, 1 at full speed) goes
    from its value at the start towards `warmth_aim`. `rejected` holds the numbers of the bad units, ascending, counted
    from 0 at the midnight that the tape begins with; `made` is how many units there are in all.
    """

    start_us: _Ints
    day: _Ints
    planned: _Ints
    rate: _Ints
    earlier: _Ints
    warmth: _Floats
    warmth_aim: _Floats
    broken: _Flags
    fault: _Flags
    rejected: _Ints
    made: int


def ideal_units_per_s(device: DeviceSpec) -> float:
    """The speed that the machine was built for: half of the most that its production sensor can report in a period.

    Running at full speed, the simulated machine makes 80 to 100 % of it. 0 where the device counts no production.
    """
    for sensor in device.sensors:
        if sensor.kind in (SensorKind.INCREMENT, SensorKind.TOTALIZER) and sensor.normal_high:
            return 0.5 * sensor.normal_high / sensor.period_s
    return 0.0


def tape_for(device: DeviceSpec, days: Sequence[int], seed: int, extra: Sequence[Episode]) -> Tape:
    """The tape of these days (ascending, at least one), with the injected episodes that matter to them."""
    tapes: list[Tape] = []
    for day in days:
        start, end = day * DAY_US - _FOLLOWED_US, (day + 1) * DAY_US
        touching = tuple(e for e in extra if e.start_us < end and e.end_us > start)
        tapes.append(_day_tape(device, day, seed, touching))
    made = np.cumsum([0] + [tape.made for tape in tapes], dtype=np.int64)
    return Tape(
        start_us=np.concatenate([tape.start_us for tape in tapes]),
        day=np.concatenate([tape.day for tape in tapes]),
        planned=np.concatenate([tape.planned for tape in tapes]),
        rate=np.concatenate([tape.rate for tape in tapes]),
        earlier=np.repeat(made[:-1], [tape.start_us.size for tape in tapes]),
        warmth=np.concatenate([tape.warmth for tape in tapes]),
        warmth_aim=np.concatenate([tape.warmth_aim for tape in tapes]),
        broken=np.concatenate([tape.broken for tape in tapes]),
        fault=np.concatenate([tape.fault for tape in tapes]),
        rejected=np.concatenate([tape.rejected + before for tape, before in zip(tapes, made, strict=False)]),
        made=int(made[-1]),
    )


def segments(tape: Tape, times_us: _Ints) -> _Ints:
    """The segment that each moment lies in; the moments must be of the tape's days."""
    return np.searchsorted(tape.start_us, times_us, side="right").astype(np.int64) - 1


def warmth(tape: Tape, at: _Ints, times_us: _Ints) -> _Floats:
    """0 (cold) to 1 (at full speed), following the machine's running with a time constant of 12 minutes."""
    aim = tape.warmth_aim[at]
    level: _Floats = aim + (tape.warmth[at] - aim) * np.exp((tape.start_us[at] - times_us) / _WARMING_US)
    return level


def units_made(device: DeviceSpec, tape: Tape, times_us: _Ints, seed: int) -> _Ints:
    """The units made up to each moment, since the midnight that the tape begins with."""
    at = segments(tape, times_us)
    planned = tape.planned[at] + tape.rate[at] * (times_us - tape.start_us[at])
    return tape.earlier[at] + _made(device, planned, tape.day[at], seed)


def units_rejected(tape: Tape, made: _Ints) -> _Ints:
    """How many of the first so many units of the tape were bad."""
    return np.searchsorted(tape.rejected, made).astype(np.int64)


def _made(device: DeviceSpec, planned: _Ints, day: _Ints, seed: int) -> _Ints:
    """N for C: with a jitter that is linear between random knots and 0 at midnight."""
    cell = planned // (_JITTER_CELL * _UNIT)
    part = (planned - cell * (_JITTER_CELL * _UNIT)) / (_JITTER_CELL * _UNIT)
    key = stable_hash("made", seed, device.key)
    here = _JITTER * (2.0 * uniform(key, _place(day, cell)) - 1.0) * (cell > 0)
    after = _JITTER * (2.0 * uniform(key, _place(day, cell + 1)) - 1.0)
    return np.floor(planned / _UNIT + here + (after - here) * part).astype(np.int64)


def _place(day: _Ints, number: _Ints) -> _Ints:
    """One index for the numbered thing of a day; 2^34 of them are more than a day can have."""
    return (day << 34) + number


@lru_cache(maxsize=64)
def _day_tape(device: DeviceSpec, day: int, seed: int, extra: tuple[Episode, ...]) -> Tape:
    """The tape of one day. It is followed from six hours before midnight for the warmth that they leave."""
    midnight, end = day * DAY_US, (day + 1) * DAY_US
    happenings = [*episodes(device, midnight - _FOLLOWED_US, end, seed=seed), *extra]
    windows = running_windows(device, day - 1) + running_windows(device, day)
    edges = _edges(happenings, windows, midnight - _FOLLOWED_US, end)
    start, length = edges[:-1], np.diff(edges)
    speed = np.zeros(start.size)
    for window_start, window_end, window_speed in windows:
        speed[_within(start, window_start, window_end)] = window_speed
    speed[_covered(start, [(e.start_us, e.end_us) for e in happenings if e.kind in _STOPS])] = 0.0
    warm_from, warm_aim = _warmth(speed, length)

    today = slice(int(np.searchsorted(start, midnight)), None)
    start, length, speed = start[today], length[today], speed[today]
    per_us = ideal_units_per_s(device) * _UNIT / SECOND_US
    rate = np.rint(per_us * speed * _tempo(device, start, seed)).astype(np.int64)
    planned = np.concatenate([np.zeros(1, np.int64), np.cumsum(rate * length)])
    made = _made(device, planned, np.full(planned.size, day, np.int64), seed)
    return Tape(
        start_us=start,
        day=np.full(start.size, day, np.int64),
        planned=planned[:-1],
        rate=rate,
        earlier=np.zeros(start.size, np.int64),
        warmth=warm_from[today],
        warmth_aim=warm_aim[today],
        broken=_covered(start, [(e.start_us, e.end_us) for e in happenings if e.kind is EpisodeKind.BREAKDOWN]),
        fault=_covered(
            start,
            [(e.start_us, _reset_us(e)) for e in happenings if e.kind in (EpisodeKind.BREAKDOWN, EpisodeKind.FAULT)],
        ),
        rejected=_rejected(device, day, np.repeat(_reject_share(device, start, happenings, seed), np.diff(made)), seed),
        made=int(made[-1]),
    )


def _edges(
    happenings: Sequence[Episode], windows: Sequence[tuple[int, int, float]], start_us: int, end_us: int
) -> _Ints:
    """Where something may change, from start to end, both among them."""
    moments = {moment for e in happenings for moment in (e.start_us, _reset_us(e), e.end_us)}
    moments.update(moment for window in windows for moment in window[:2])
    inside = [moment for moment in moments if start_us < moment < end_us]
    blocks = np.arange(start_us, end_us + 1, _BLOCK_US, dtype=np.int64)
    return np.union1d(blocks, np.array(inside, dtype=np.int64))


def _reset_us(episode: Episode) -> int:
    """When the fault flag goes back to 0: a breakdown's when the repair is under way, after 35 to 75 % of it."""
    if episode.kind is not EpisodeKind.BREAKDOWN:
        return episode.end_us
    share = 0.35 + 0.4 * (stable_hash("reset", episode.device, episode.start_us) / 2**64)
    return episode.start_us + int(share * (episode.end_us - episode.start_us))


def _within(start: _Ints, from_us: int, until_us: int) -> slice:
    """The segments in a range whose ends are edges, or lie outside of the tape."""
    first, last = np.searchsorted(start, [from_us, until_us])
    return slice(int(first), int(last))


def _covered(start: _Ints, ranges: Sequence[tuple[int, int]]) -> _Flags:
    """Which segments lie in any of the ranges."""
    covered = np.zeros(start.size, np.bool_)
    for from_us, until_us in ranges:
        covered[_within(start, from_us, until_us)] = True
    return covered


def _warmth(speed: _Floats, length: _Ints) -> tuple[_Floats, _Floats]:
    """The warmth at the start of each segment, and what it goes towards there."""
    aim = np.sqrt(speed)
    kept = np.exp(-length / _WARMING_US)
    levels, level = [], float(aim[0])
    for segment_aim, segment_kept in zip(aim.tolist(), kept.tolist(), strict=True):
        levels.append(level)
        level = segment_aim + (level - segment_aim) * segment_kept
    return np.array(levels), aim


def _tempo(device: DeviceSpec, start: _Ints, seed: int) -> _Floats:
    """Share of the ideal speed, 0.8 to 1, the same all through a block."""
    block = start // _BLOCK_US
    key = stable_hash("tempo", seed, device.key)
    wander = smooth(key, block * _BLOCK_US, 30 * MINUTE_US)
    tempo: _Floats = 0.9 + 0.07 * wander + 0.03 * (2.0 * uniform(key, block) - 1.0)
    return tempo


def _reject_share(device: DeviceSpec, start: _Ints, happenings: Sequence[Episode], seed: int) -> _Floats:
    """The share of the units that is bad, in each segment; none where the device counts no rejects."""
    if not any("reject" in sensor.key for sensor in device.sensors):
        return np.zeros(start.size)
    key = stable_hash("reject share", seed, device.key)
    share: _Floats = character(device).reject_share * (1.0 + 0.7 * smooth(key, start, 40 * MINUTE_US))
    for episode in happenings:
        if episode.kind is EpisodeKind.REJECTS:
            share[_within(start, episode.start_us, episode.end_us)] += 0.2 * abs(episode.strength)
    return np.minimum(share, _MOST_REJECTS)


def _rejected(device: DeviceSpec, day: int, share: _Floats, seed: int) -> _Ints:
    """The numbers of the day's bad units, from each unit's share of being one."""
    if not share.any():
        return np.zeros(0, np.int64)
    unit = np.arange(share.size, dtype=np.int64)
    return np.flatnonzero(
        uniform(stable_hash("rejected", seed, device.key), _place(np.full(1, day, np.int64), unit)) < share
    )
