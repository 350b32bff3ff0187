"""What is injected into the simulated plant begins and ends when it was said to, and what a device is said to do is what it does."""

import numpy as np
import pytest

from dashapp.domain.fleet import DeviceSpec, SensorKind
from dashapp.domain.simulation import Course, Episode, EpisodeKind, due_times, episodes, simulate
from dashapp.domain.simulation_control import Reach, Work, doing, gauges, kinds_for, reaches, strength_of
from tests.unit.domain.plant import DAY, DEVICES, HOUR, MACHINES, MINUTE, MONDAY, S, each_device, each_machine, same

pytestmark = pytest.mark.requirement("IN-6")
QUIET_US = 10 * MINUTE


def quiet_moment(device: DeviceSpec, *, running: bool = True) -> int:
    """A whole minute of a working Monday around which nothing happens by itself."""
    happening = episodes(device, MONDAY, MONDAY + DAY)
    for at in range(MONDAY + 7 * HOUR, MONDAY + 21 * HOUR, MINUTE):
        if not any(e.start_us < at + 4 * QUIET_US and e.end_us > at - QUIET_US for e in happening):
            return at
    raise AssertionError(f"{device.key} is never left in peace")


def injected(device: DeviceSpec, kind: EpisodeKind, start_us: int, minutes: float = 10, **more: object) -> Episode:
    return Episode(device.key, kind, start_us, start_us + int(minutes * MINUTE), **more)  # type: ignore[arg-type]


@each_machine
@pytest.mark.parametrize("kind", [EpisodeKind.FAULT, EpisodeKind.BREAKDOWN, EpisodeKind.MICRO_STOP])
def test_an_injected_stop_begins_with_the_next_reading_and_ends_when_it_was_said_to(device: DeviceSpec, kind: EpisodeKind) -> None:
    start = quiet_moment(device)
    extra = [injected(device, kind, start)]
    times = due_times(start - 5 * MINUTE, start + 15 * MINUTE, 2)
    plain, changed = simulate(device, times), simulate(device, times, extra=extra)
    inside = (times > start) & (times < start + 10 * MINUTE)
    assert plain["production_count"][inside].sum() > 0
    assert changed["production_count"][times - 2 * S >= start][: int(inside.sum()) - 1].sum() == 0
    assert changed["production_count"][times > start + 10 * MINUTE + 2 * S].sum() > 0
    first = int(np.argmax(times >= start))
    assert changed["fault"][first] == (0.0 if kind is EpisodeKind.MICRO_STOP else 1.0)
    assert not changed["fault"][times >= start + 10 * MINUTE].any()
    before = times < start
    assert same({key: values[before] for key, values in plain.items()}, {key: values[before] for key, values in changed.items()})


@each_device
@pytest.mark.parametrize("course", list(Course))
def test_an_injected_anomaly_goes_past_its_limit_and_comes_back(device: DeviceSpec, course: Course) -> None:
    start = quiet_moment(device)
    for sensor in gauges(device):
        for reach in reaches(sensor):
            episode = injected(device, EpisodeKind.ANOMALY, start, 20, sensor=sensor.key, strength=strength_of(reach), course=course)
            times = due_times(start - MINUTE, start + 25 * MINUTE, 2)
            plain, changed = simulate(device, times)[sensor.key], simulate(device, times, extra=[episode])[sensor.key]
            outside = (times < start) | (times >= start + 20 * MINUTE)
            assert np.array_equal(plain[outside], changed[outside])
            above = sensor.limit_high is not None and changed.max() > sensor.limit_high
            below = sensor.limit_low is not None and changed.min() < sensor.limit_low
            assert (above, below) == (reach is Reach.ABOVE and sensor.limit_high is not None, reach is Reach.BELOW)
            assert not np.array_equal(plain, changed)


def test_a_jump_is_there_within_a_minute_of_ten() -> None:
    device = DEVICES["device-001"]
    start = quiet_moment(device)
    episode = injected(device, EpisodeKind.ANOMALY, start, 10, sensor="temperature", strength=strength_of(Reach.ABOVE), course=Course.JUMP)
    values = simulate(device, due_times(start, start + MINUTE, 2), extra=[episode])["temperature"]
    assert values.max() > 85


@each_device
def test_what_is_injected_elsewhere_changes_nothing_and_asking_twice_neither(device: DeviceSpec) -> None:
    start = quiet_moment(device)
    times = due_times(start, start + 10 * MINUTE, 2)
    other = next(each for each in MACHINES if each.key != device.key)
    assert same(simulate(device, times), simulate(device, times, extra=[injected(other, EpisodeKind.BREAKDOWN, start)]))
    extra = [injected(device, EpisodeKind.BREAKDOWN, start)]
    assert same(simulate(device, times, extra=extra), simulate(device, times[::1].copy(), extra=list(extra)))


@each_machine
def test_ending_an_episode_early_leaves_the_readings_before_it_as_they_were(device: DeviceSpec) -> None:
    start = quiet_moment(device)
    whole, cut = injected(device, EpisodeKind.FAULT, start, 10), injected(device, EpisodeKind.FAULT, start, 4)
    times = due_times(start, start + 4 * MINUTE - 1, 2)
    assert same(simulate(device, times, extra=[whole]), simulate(device, times, extra=[cut]))


@each_machine
def test_what_a_machine_is_said_to_do_is_what_its_readings_say(device: DeviceSpec) -> None:
    times = due_times(MONDAY, MONDAY + DAY, 60)
    fault = simulate(device, times)["fault"]
    for at, flag in zip(times.tolist(), fault.tolist(), strict=True):
        said = doing(device, at)
        if flag:
            assert said.work in (Work.FAULT, Work.BREAKDOWN)
        if said.work is Work.FAULT:
            assert flag
        if said.until_us is not None:
            assert said.until_us > at
            assert doing(device, said.until_us).work not in (Work.FAULT, Work.BREAKDOWN, Work.MICRO_STOP)


def test_a_device_says_what_was_injected_and_until_when() -> None:
    device = DEVICES["MX-01"]
    start = quiet_moment(device)
    assert doing(device, start).work is Work.RUNNING
    breakdown = injected(device, EpisodeKind.BREAKDOWN, start, 10)
    fault = injected(device, EpisodeKind.FAULT, start + 8 * MINUTE, 10)
    said = doing(device, start + MINUTE, [breakdown, fault])
    assert (said.work, said.until_us) == (Work.BREAKDOWN, start + 18 * MINUTE)
    assert doing(device, start + 12 * MINUTE, [breakdown, fault]).work is Work.FAULT
    assert doing(device, start + 18 * MINUTE, [breakdown, fault]).work is Work.RUNNING
    anomaly = injected(device, EpisodeKind.ANOMALY, start, 5, sensor="vibration")
    assert doing(device, start, [anomaly]).troubles == (anomaly,)
    assert doing(device, anomaly.end_us, [anomaly]).troubles == ()


def test_off_shift_says_when_work_begins() -> None:
    said = doing(DEVICES["MX-03"], MONDAY + HOUR)
    assert (said.work, said.until_us) == (Work.OFF_SHIFT, MONDAY + 6 * HOUR)
    assert doing(DEVICES["MX-03"], MONDAY + 6 * HOUR).work is not Work.OFF_SHIFT
    friday_night = doing(DEVICES["MX-03"], MONDAY + (4 * 24 + 23) * HOUR)
    assert (friday_night.work, friday_night.until_us) == (Work.OFF_SHIFT, MONDAY + (7 * 24 + 6) * HOUR)


@each_device
def test_only_machines_can_trip(device: DeviceSpec) -> None:
    flags = any(sensor.kind is SensorKind.FLAG for sensor in device.sensors)
    assert (EpisodeKind.FAULT in kinds_for(device)) == flags
    assert {EpisodeKind.ANOMALY, EpisodeKind.BREAKDOWN} <= set(kinds_for(device))
