"""What happens in the simulated plant: anomalies, stops and rejects, how often and with what effect."""

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec, SensorKind, SensorSpec
from dashapp.domain.simulation import Episode, EpisodeKind, due_times, episodes, running_windows, simulate
from tests.unit.domain.plant import (
    DAY,
    HOUR,
    MACHINES,
    MINUTE,
    MONDAY,
    S,
    during,
    each_device,
    each_machine,
    of_kind,
)

pytestmark = pytest.mark.requirement("IN-6")


@each_device
def test_anomalies_take_five_percent_of_the_time_and_only_some_pass_a_limit(device: DeviceSpec) -> None:
    found = of_kind(device, EpisodeKind.ANOMALY, days=30)
    assert sum(e.end_us - e.start_us for e in found) / (30 * DAY) == pytest.approx(0.05, abs=0.015)
    assert all(3 * MINUTE <= e.end_us - e.start_us <= 20 * MINUTE for e in found)
    crossing = sum(_passes_a_limit(device, e) for e in found)
    assert 0.1 * len(found) < crossing < 0.6 * len(found)


def _passes_a_limit(device: DeviceSpec, episode: Episode) -> bool:
    sensor = next(s for s in device.sensors if s.key == episode.sensor)
    values = simulate(device, due_times(episode.start_us, episode.end_us, 1))[sensor.key]
    above = sensor.limit_high is not None and values.max() > sensor.limit_high
    below = sensor.limit_low is not None and values.min() < sensor.limit_low
    return bool(above or below)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_fleet_raises_more_than_one_alert_an_hour_and_fewer_than_six(seed: int) -> None:
    days = 2
    raised = sum(_alerts(device, MONDAY, MONDAY + days * DAY, seed) for device in SEEDED_FLEET)
    assert 1 < raised / (24 * days) < 6


def _alerts(device: DeviceSpec, start: int, end: int, seed: int) -> int:
    """How often the device's sensors come to be past a limit or in fault, with neither delay nor deadband."""
    readings = simulate(device, due_times(start, end, min(s.period_s for s in device.sensors)), seed=seed)
    conditions = [c for sensor in device.sensors for c in _conditions(sensor, readings[sensor.key])]
    return sum(int(np.count_nonzero(c[1:] & ~c[:-1])) for c in conditions)


def _conditions(sensor: SensorSpec, values: NDArray[np.float64]) -> Iterator[NDArray[np.bool_]]:
    if sensor.limit_high is not None:
        yield values > sensor.limit_high
    if sensor.limit_low is not None:
        yield values < sensor.limit_low
    if sensor.kind is SensorKind.FLAG:
        yield values == 1


@each_machine
def test_a_breakdown_stops_and_cools_the_machine_until_it_is_repaired(device: DeviceSpec) -> None:
    found = of_kind(device, EpisodeKind.BREAKDOWN)
    assert len(found) >= 7
    for breakdown in found:
        assert 5 * MINUTE <= breakdown.end_us - breakdown.start_us <= 40 * MINUTE
        values = simulate(device, during(breakdown))
        assert values["production_count"].sum() == values["reject_count"].sum() == 0
        assert values["vibration"].max() < 2
        assert values["temperature"][-1] <= values["temperature"][0]
        fault = values["fault"]
        assert fault[0] == 1
        assert fault[-1] == 0
        assert np.count_nonzero(np.diff(fault)) == 1


@each_machine
def test_a_micro_stop_lasts_seconds_and_shows_in_production_alone(device: DeviceSpec) -> None:
    found = of_kind(device, EpisodeKind.MICRO_STOP)
    assert len(found) > 50
    assert all(10 * S <= stop.end_us - stop.start_us <= 90 * S for stop in found)
    values = simulate(device, np.concatenate([during(stop) for stop in found]))
    assert values["production_count"].sum() == values["fault"].sum() == 0


@each_machine
def test_a_burst_of_rejects_is_seen_in_the_rejects(device: DeviceSpec) -> None:
    bursts = [e for e in of_kind(device, EpisodeKind.REJECTS) if e.strength == 1]
    assert bursts
    times = np.concatenate([during(burst) for burst in bursts])
    values = simulate(device, times)
    assert 0.1 < values["reject_count"].sum() / values["production_count"].sum() < 0.5


@each_machine
def test_a_machine_makes_nothing_while_it_is_switched_off_and_lies_cold(device: DeviceSpec) -> None:
    times = due_times(MONDAY, MONDAY + 7 * DAY, 60)
    on = np.zeros(times.size, np.bool_)
    cold = np.ones(times.size, np.bool_)
    for day in range(MONDAY // DAY - 1, MONDAY // DAY + 8):
        for start, end, _ in running_windows(device, day):
            on |= (times > start) & (times < end + MINUTE)
            cold &= ~((times > start) & (times < end + 2 * HOUR))
    values = simulate(device, times, period_s=60)
    assert values["production_count"][~on].sum() == 0
    low = device.sensors[0].normal_low
    assert low is not None
    assert np.all(values["temperature"][cold] < low + 3)
    assert cold.any() == (device.key == "MX-03")


def test_at_any_moment_of_the_week_two_machines_are_meant_to_produce() -> None:
    for day in range(MONDAY // DAY, MONDAY // DAY + 7):
        windows = [window for device in MACHINES for window in running_windows(device, day)]
        for moment in range(day * DAY, (day + 1) * DAY, HOUR // 2):
            assert sum(start <= moment < end for start, end, _ in windows) >= 2


def test_a_newcomer_hardly_ever_finds_every_machine_standing_still_and_never_for_long() -> None:
    times = due_times(MONDAY, MONDAY + 14 * DAY, 60)
    lively = np.any([simulate(device, times, period_s=60)["production_count"] > 0 for device in MACHINES], axis=0)
    assert lively.mean() > 0.995
    assert np.diff(times[lively]).max() < 40 * MINUTE


@each_device
def test_the_episodes_of_a_range_are_those_that_overlap_it(device: DeviceSpec) -> None:
    start, end = MONDAY + 5 * HOUR, MONDAY + 2 * DAY + 3 * HOUR
    everything = episodes(device, MONDAY - DAY, MONDAY + 4 * DAY)
    assert episodes(device, start, end) == [e for e in everything if e.start_us < end and e.end_us > start]
    assert all(e.device == device.key and e.start_us < e.end_us for e in everything)
    assert episodes(device, start, start) == []
