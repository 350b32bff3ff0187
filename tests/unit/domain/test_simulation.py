"""The simulated plant: the same for everyone who asks, and like a plant."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec, SensorKind, SensorSpec
from dashapp.domain.simulation import Episode, EpisodeKind, due_times, episodes, ideal_units_per_s, running_windows, simulate
from tests.unit.domain.plant import (
    DAY,
    DEVICES,
    HOUR,
    MINUTE,
    MONDAY,
    S,
    during,
    each_device,
    each_machine,
    inside,
    same,
)

pytestmark = pytest.mark.requirement("IN-6")

KNOWN_AT_TEN = {
    "MX-01": {
        "temperature": 80.3, "vibration": 26.6, "production_count": 4.0, "reject_count": 0.0, "fault": 0.0,
    },
    "MX-02": {
        "temperature": 76.0, "vibration": 28.0, "production_count": 3.0, "reject_count": 0.0, "fault": 0.0,
    },
    "MX-03": {
        "temperature": 74.9, "vibration": 26.5, "production_count": 5.0, "reject_count": 0.0, "fault": 0.0,
    },
    "device-001": {"temperature": 57.9},
    "device-002": {"pressure": 38.67},
    "device-003": {"vibration": 42.3},
    "device-004": {"production_rate": 417.0},
    "device-005": {"quality": 93.1},
}  # fmt: skip


# The same for everyone who asks


@each_device
def test_the_same_question_has_the_same_answer_and_another_seed_another(device: DeviceSpec) -> None:
    times = due_times(MONDAY, MONDAY + HOUR, 2)
    first = simulate(device, times, seed=7)
    assert same(first, simulate(device, times, seed=7))
    assert not np.array_equal(first[device.sensors[0].key], simulate(device, times, seed=8)[device.sensors[0].key])


@each_device
def test_readings_asked_for_one_by_one_in_any_order_are_those_of_the_whole(device: DeviceSpec) -> None:
    times = due_times(MONDAY - HOUR, MONDAY + DAY, 30)
    whole = simulate(device, times, period_s=30)
    order = np.random.default_rng(3).permutation(times.size)
    assert same({k: v[order] for k, v in whole.items()}, simulate(device, times[order], period_s=30))
    for place in order[:60]:
        alone = simulate(device, times[place : place + 1], period_s=30)
        assert {k: v[0] for k, v in alone.items()} == {k: v[place] for k, v in whole.items()}


@settings(max_examples=40, deadline=None)
@given(
    device=st.sampled_from(SEEDED_FLEET),
    start=st.integers(0, 14 * DAY // S),
    cuts=st.lists(st.integers(0, 400), max_size=4),
    period_s=st.sampled_from([1.0, 2.0, 2.5, 7.0, 60.0, 900.0]),
)
def test_it_does_not_matter_how_a_range_is_split(
    device: DeviceSpec, start: int, cuts: list[int], period_s: float
) -> None:
    begin = MONDAY + start * S
    times = due_times(begin, begin + int(400 * period_s * S), period_s)
    parts = [simulate(device, part, period_s=period_s) for part in np.split(times, sorted(cuts))]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    assert same(joined, simulate(device, times, period_s=period_s))


def test_values_stay_what_they_were_so_that_stored_history_and_live_go_on_agreeing() -> None:
    times = np.array([MONDAY + 10 * HOUR], dtype=np.int64)
    known = {
        device.key: {key: float(value[0]) for key, value in simulate(device, times).items()} for device in SEEDED_FLEET
    }
    assert known == KNOWN_AT_TEN


@each_device
def test_thinned_history_is_a_part_of_the_full_rate(device: DeviceSpec) -> None:
    sensor = device.sensors[0]
    full_times = due_times(MONDAY, MONDAY + 6 * HOUR, sensor.period_s)
    thin_times = due_times(MONDAY, MONDAY + 6 * HOUR, 60)
    full, thin = simulate(device, full_times), simulate(device, thin_times, period_s=60)
    shared = np.isin(full_times, thin_times)
    for sensor in device.sensors:
        if sensor.kind is not SensorKind.INCREMENT:
            assert np.array_equal(full[sensor.key][shared], thin[sensor.key])


@each_machine
@pytest.mark.parametrize("period_s", [10, 60, 3600, 86_400])
def test_what_is_made_in_a_longer_period_is_the_sum_of_the_shorter_ones(device: DeviceSpec, period_s: int) -> None:
    start, end = MONDAY, MONDAY + 2 * DAY
    full = simulate(device, due_times(start, end, 2))
    thin = simulate(device, due_times(start, end, period_s), period_s=period_s)
    for key in ("production_count", "reject_count"):
        assert np.array_equal(full[key].reshape(-1, period_s // 2).sum(axis=1), thin[key])


# Like a plant


@each_device
def test_outside_of_episodes_every_sensor_is_within_its_normal_range_and_its_limits(device: DeviceSpec) -> None:
    times = due_times(MONDAY, MONDAY + 14 * DAY, 30)
    calm = ~inside(times, episodes(device, MONDAY, MONDAY + 15 * DAY))
    assert np.count_nonzero(calm) > 0.8 * times.size
    readings = simulate(device, times)
    for sensor in device.sensors:
        values = readings[sensor.key][calm]
        if sensor.normal_low is not None and sensor.normal_high is not None:
            assert sensor.normal_low <= values.min() <= values.max() <= sensor.normal_high
        assert sensor.limit_high is None or values.max() < sensor.limit_high
        assert sensor.limit_low is None or values.min() > sensor.limit_low


def test_gauges_wander_instead_of_jumping_and_follow_the_day() -> None:
    device = DEVICES["device-001"]
    times = due_times(MONDAY, MONDAY + 28 * DAY, 60)
    values = simulate(device, times)["temperature"]
    steps, calm = np.abs(np.diff(values)), ~inside(times, episodes(device, MONDAY, MONDAY + 29 * DAY))[1:]
    assert np.median(steps[calm]) < 0.15 * values.std()
    hour = times % DAY // HOUR
    assert values[hour == 15].mean() > values[hour == 3].mean() + 3


@each_machine
def test_production_is_whole_within_the_range_of_its_source_and_a_small_part_of_it_is_bad(device: DeviceSpec) -> None:
    values = simulate(device, due_times(MONDAY, MONDAY + 3 * DAY, 2))
    made, rejected = values["production_count"], values["reject_count"]
    most = next(s.normal_high for s in device.sensors if s.key == "production_count")
    assert np.array_equal(made, np.floor(made))
    assert np.array_equal(rejected, np.floor(rejected))
    assert most is not None
    assert 0 <= made.min() <= made.max() <= most
    assert np.all((rejected >= 0) & (rejected <= made))
    assert 0.005 < rejected.sum() / made.sum() < 0.06


@each_machine
def test_a_running_machine_makes_most_of_what_it_was_built_for(device: DeviceSpec) -> None:
    times = due_times(MONDAY + 6 * HOUR, MONDAY + 22 * HOUR, 60)
    made = simulate(device, times, period_s=60)["production_count"]
    stops = (EpisodeKind.BREAKDOWN, EpisodeKind.FAULT, EpisodeKind.MICRO_STOP)
    happenings = episodes(device, MONDAY, MONDAY + DAY)
    running = ~(inside(times, happenings, *stops) | inside(times - MINUTE, happenings, *stops))
    windows = running_windows(device, MONDAY // DAY)
    running &= np.any([(times - MINUTE >= start) & (times <= end) for start, end, _ in windows], axis=0)  # not in breaks
    assert 0.8 < made[running].mean() / (60 * ideal_units_per_s(device)) < 1.0


# Injected from the control page


@pytest.mark.parametrize(("key", "sensor"), [("MX-02", "temperature"), ("MX-01", "vibration"), ("device-003", None)])
def test_an_injected_anomaly_passes_the_limit_and_leaves_the_time_before_it_alone(key: str, sensor: str | None) -> None:
    device = DEVICES[key]
    spec = next(s for s in device.sensors if sensor in (None, s.key))
    start = MONDAY + 9 * HOUR
    anomaly = Episode(key, EpisodeKind.ANOMALY, start, start + 5 * MINUTE, sensor)
    times = due_times(start - HOUR, start + HOUR, 2)
    plain, injected = simulate(device, times), simulate(device, times, extra=[anomaly])
    assert spec.limit_high is not None
    assert injected[spec.key][inside(times, [anomaly])].max() > spec.limit_high
    for name in plain:
        changed = times[plain[name] != injected[name]]
        assert np.all(inside(changed, [anomaly]))
        assert changed.size == 0 or name == spec.key


@pytest.mark.parametrize(("strength", "passes"), [(1.0, "high"), (-1.0, "low"), (0.7, ""), (-0.7, "")])
def test_the_strength_of_an_anomaly_says_which_limit_it_passes(strength: float, passes: str) -> None:
    anomaly = Episode("device-002", EpisodeKind.ANOMALY, MONDAY, MONDAY + 6 * MINUTE, None, strength)
    values = simulate(DEVICES["device-002"], during(anomaly), extra=[anomaly])["pressure"]
    assert (values.max() > 55) == (passes == "high")
    assert (values.min() < 5) == (passes == "low")


@pytest.mark.parametrize("kind", [EpisodeKind.FAULT, EpisodeKind.BREAKDOWN])
def test_an_injected_stop_raises_the_fault_and_ends_the_production(kind: EpisodeKind) -> None:
    stop = Episode("MX-01", kind, MONDAY + 9 * HOUR + 7, MONDAY + 9 * HOUR + 10 * MINUTE)
    before = due_times(stop.start_us - 10 * MINUTE, stop.start_us, 2)
    device = DEVICES["MX-01"]
    assert same(simulate(device, before), simulate(device, before, extra=[stop]))
    values = simulate(device, during(stop), extra=[stop])
    assert values["fault"][0] == 1
    assert values["production_count"].sum() == 0
    after = due_times(stop.end_us + S, stop.end_us + HOUR, 2)
    assert simulate(device, after, extra=[stop])["production_count"].sum() > 0


def test_an_episode_of_another_device_changes_nothing() -> None:
    times = due_times(MONDAY, MONDAY + HOUR, 2)
    other = Episode("MX-02", EpisodeKind.BREAKDOWN, MONDAY, MONDAY + HOUR)
    assert same(simulate(DEVICES["MX-01"], times), simulate(DEVICES["MX-01"], times, extra=[other]))


def test_a_gauge_that_breaks_down_reads_nothing_or_the_temperature_of_the_hall() -> None:
    times = due_times(MONDAY, MONDAY + HOUR, 5)
    for key, value in (("device-002", 0.0), ("device-001", 20.0)):
        dead = Episode(key, EpisodeKind.BREAKDOWN, MONDAY, MONDAY + 2 * HOUR)
        readings = simulate(DEVICES[key], times, extra=[dead])
        assert set(readings[DEVICES[key].sensors[0].key]) == {value}


# What is asked of it


@given(
    last=st.integers(0, 10**16), gap=st.integers(-(10**7), 10**9), period_s=st.sampled_from([1.0, 2.0, 2.5, 3.0, 10.0])
)
def test_due_times_are_the_multiples_of_the_period_after_the_last_up_to_now(
    last: int, gap: int, period_s: float
) -> None:
    period = int(period_s * S)
    expected = [t for t in range(last - last % period, last + gap + 1, period) if t > last]
    assert due_times(last, last + gap, period_s).tolist() == expected


@each_device
def test_every_sensor_answers_with_one_value_per_moment(device: DeviceSpec) -> None:
    for count in (0, 1, 5):
        values = simulate(device, MONDAY + np.arange(count, dtype=np.int64) * S)
        assert list(values) == [sensor.key for sensor in device.sensors]
        assert all(v.shape == (count,) and v.dtype == np.float64 and np.all(np.isfinite(v)) for v in values.values())


def test_a_device_of_ones_own_behaves_by_its_kinds_and_ranges() -> None:
    device = DeviceSpec(
        "press", "Press", "Hall", "Hall",
        (
            SensorSpec("flow", "Flow", "l/min", normal_low=2, normal_high=4, limit_high=5),
            SensorSpec("free", "Free"),
            SensorSpec("strokes", "Strokes", "units", SensorKind.TOTALIZER, 0, 4),
            SensorSpec("fault", "Fault", kind=SensorKind.FLAG),
        ),
        is_machine=True,
    )  # fmt: skip
    values = simulate(device, due_times(MONDAY, MONDAY + DAY - S, 10))
    assert values["flow"].min() >= 0
    assert 0 <= values["free"].min() < values["free"].max()
    assert np.all(np.diff(values["strokes"]) >= 0)
    assert values["strokes"][-1] > 10_000
    assert set(values["fault"]) <= {0.0, 1.0}


@pytest.mark.parametrize("period_s", [0, -1, 86_401, float("nan")])
def test_a_period_out_of_bounds_is_refused(period_s: float) -> None:
    with pytest.raises(ValueError, match="period"):
        simulate(DEVICES["MX-01"], np.array([MONDAY], dtype=np.int64), period_s=period_s)


def test_times_in_more_than_one_dimension_and_periods_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        simulate(DEVICES["MX-01"], np.zeros((2, 2), dtype=np.int64))
    with pytest.raises(ValueError, match="period"):
        due_times(0, S, 0)
