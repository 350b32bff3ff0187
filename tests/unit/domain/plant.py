"""What the tests of the simulated plant share: its devices, a Monday, and which moments lie in an episode."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec
from dashapp.domain.simulation import Episode, EpisodeKind, due_times, episodes

S = 1_000_000
MINUTE, HOUR, DAY = 60 * S, 3600 * S, 86_400 * S
MONDAY = 20_402 * DAY  # 2025-11-10
DEVICES = {device.key: device for device in SEEDED_FLEET}
MACHINES = [device for device in SEEDED_FLEET if device.is_machine]
each_device = pytest.mark.parametrize("device", SEEDED_FLEET, ids=lambda device: device.key)
each_machine = pytest.mark.parametrize("device", MACHINES, ids=lambda device: device.key)
Readings = dict[str, NDArray[np.float64]]


def same(one: Readings, other: Readings) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def inside(times: NDArray[np.int64], happenings: Sequence[Episode], *kinds: EpisodeKind) -> NDArray[np.bool_]:
    """Which moments lie in an episode of these kinds (of any where none is named)."""
    mask = np.zeros(times.size, np.bool_)
    for e in happenings:
        if not kinds or e.kind in kinds:
            mask |= (times >= e.start_us) & (times < e.end_us)
    return mask


def of_kind(device: DeviceSpec, kind: EpisodeKind, days: int = 7) -> list[Episode]:
    return [e for e in episodes(device, MONDAY, MONDAY + days * DAY) if e.kind is kind]


def during(episode: Episode, period_s: float = 2) -> NDArray[np.int64]:
    """The readings whose whole period lies in the episode."""
    times = due_times(episode.start_us, episode.end_us - 1, period_s)
    return times[times - int(period_s * S) >= episode.start_us]
