"""Anomalies of made-up machines: what is found, what is left alone, and that nothing is known before it happens."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashapp.domain.anomalies import DEFAULT, begins, filled, learn, least_rows, watch

pytestmark = pytest.mark.requirement("AN-5")
LEARNED = 400


def machine(rows: int, seed: int = 7) -> np.ndarray:
    """Five sensors: load and current that move together, a flow, a temperature that wanders, one that stands still."""
    random = np.random.default_rng(seed)
    load = random.normal(0, 1, rows)
    current = 12 + load + random.normal(0, 0.3, rows)
    wander = np.cumsum(random.normal(0, 0.02, rows)) + random.normal(0, 0.01, rows)
    return np.column_stack((50 + 3 * load, current, 32 + random.normal(0, 0.8, rows), 70 + wander, np.full(rows, 5.0)))


def alarms(values: np.ndarray, learned: int = LEARNED) -> np.ndarray:
    """Which of the rows after the learned ones are under alarm."""
    model, state = learn(values[:learned])
    return watch(model, state, values[learned:])[0].alarm


def test_a_step_of_one_sensor_is_found_soon_and_ends_when_it_is_back():
    values = machine(1200)
    values[600:900, 2] -= 1.6  # of a flow whose single rows scatter by 0.8

    alarm = alarms(values)

    assert alarm[:200].mean() < 0.1
    assert any(600 <= first <= 630 for first in begins(alarm) + LEARNED)
    assert alarm[630 - LEARNED : 895 - LEARNED].all()
    assert alarm[930 - LEARNED :].mean() < 0.1


def test_sensors_that_part_are_found_though_each_alone_is_where_it_always_was():
    values = machine(1000)
    values[600:, 1] -= 0.5  # the current sinks by half of what it moves: only with the load unmoved is that strange
    together, alone = alarms(values[:, :2]), alarms(values[:, 1:2])

    assert together[250:].mean() > 0.95
    assert together[:200].mean() < 0.1
    assert alone[250:].mean() < 0.5


def test_a_drift_of_what_wandered_while_we_learned_is_no_alarm():
    random = np.random.default_rng(4)
    values = (70 + np.cumsum(random.normal(0, 0.05, 6000)) + random.normal(0, 0.02, 6000))[:, None]

    assert alarms(values, 2000).mean() < 0.05


def test_a_lasting_fault_does_not_become_the_normal():
    values = machine(6000)
    values[600:, 2] -= 2

    assert alarms(values)[230:].all()


def test_the_clock_does_not_matter_normal_rows_put_in_before_a_fault_change_nothing_but_the_time():
    values = machine(1000)
    values[700:, 2] -= 2
    longer = np.concatenate((values[:LEARNED], values[:LEARNED][::-1], values[LEARNED:]))

    shorter, later = alarms(values)[200:], alarms(longer)[200 + LEARNED :]

    assert (shorter == later).mean() > 0.97
    assert shorter[130:].all()
    assert alarms(longer)[: LEARNED + 200].mean() < 0.1


@settings(deadline=None, max_examples=30)  # a busy machine is not a failure
@given(st.lists(st.integers(1, 299), max_size=6), st.integers(0, 299))
def test_rows_in_any_chunks_score_the_same_and_what_comes_later_changes_nothing(cuts, strange):
    values = machine(700)
    values[LEARNED + strange :, 0] += 40
    model, state = learn(values[:LEARNED])
    whole, _ = watch(model, state, values[LEARNED:])
    scores, alarm = [], []
    for chunk in np.split(values[LEARNED:], sorted(cuts)):
        found, state = watch(model, state, chunk)
        scores.append(found.score)
        alarm.append(found.alarm)
    np.testing.assert_allclose(np.concatenate(scores), whole.score, rtol=1e-9)
    assert np.array_equal(np.concatenate(alarm), whole.alarm)

    model, state = learn(values[:LEARNED])
    until, _ = watch(model, state, values[LEARNED : LEARNED + strange])
    np.testing.assert_allclose(until.score, whole.score[:strange], rtol=1e-9)


def test_what_the_sensors_add_makes_up_the_score_and_the_greatest_is_the_one_that_broke():
    values = machine(800)
    values[500:, 2] += 5
    model, state = learn(values[:LEARNED])

    found, _ = watch(model, state, values[LEARNED:])

    np.testing.assert_allclose(found.parts.sum(axis=1), found.score)
    assert (found.parts >= 0).all()
    assert found.parts[200].argmax() == 2


@settings(deadline=None, max_examples=30)
@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e4))
def test_the_unit_does_not_matter(offset, scale):
    values = machine(700)[:, :3]
    values[600:, 2] -= 2
    plain, other = (learn(each[:LEARNED]) for each in (values, values * scale + offset))

    first = watch(*plain, values[LEARNED:])[0].score
    second = watch(*other, (values * scale + offset)[LEARNED:])[0].score

    np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-6)


def test_a_sensor_that_stood_still_raises_an_alarm_when_it_leaves_its_place_only():
    values = machine(900)
    assert alarms(values).mean() < 0.1

    values[600:, 4] = 9.0
    model, state = learn(values[:LEARNED])
    found, _ = watch(model, state, values[LEARNED:])

    assert found.alarm[230:].all()
    assert found.parts[300].argmax() == 4


def test_a_sensor_that_moved_while_we_learned_is_given_more_room_than_one_that_stood():
    """Both scatter alike in the short run; the level of the first goes up and down by itself, which is no news of it."""
    random = np.random.default_rng(3)
    level = np.repeat(np.convolve(random.normal(0, 0.5, 200), [1, 0.8, 0.6, 0.4], mode="same"), 20)
    values = np.column_stack((50 + level + random.normal(0, 0.5, 4000), 50 + random.normal(0, 0.5, 4000)))

    plain = replace(DEFAULT, stretch=0.0)
    shares = []
    for settings_ in (plain, DEFAULT):
        model, state = learn(values[:LEARNED], settings_)
        shares.append(watch(model, state, values[LEARNED:])[0].alarm.mean())

    assert shares[1] < 0.7 * shares[0]


def test_a_spike_while_learning_does_not_hide_what_comes():
    values = machine(1000)
    values[600:, 2] -= 2
    spiked = values.copy()
    spiked[100, 2] = 1e4

    assert alarms(values)[250:].all()
    assert alarms(spiked)[260:].all()


def test_missing_values_count_as_the_ones_before_them():
    values = machine(900)
    gappy = values.copy()
    gappy[::7, 0] = np.nan
    gappy[0] = np.nan
    gappy[500:520] = np.nan

    assert alarms(gappy).mean() < 0.1
    rows = np.array([[np.nan, 1.0], [2.0, np.nan], [np.nan, np.nan], [3.0, 4.0]])
    assert filled(rows, np.array([9.0, 8.0])).tolist() == [[9, 1], [2, 1], [2, 1], [3, 4]]


@pytest.mark.parametrize(("values", "reason"), [
    (np.zeros((least_rows(8) - 1, 8)), "169 rows or more"),
    (np.full((500, 1), np.nan), "no value"),
])  # fmt: skip
def test_what_nothing_can_be_learned_from_is_refused(values, reason):
    with pytest.raises(ValueError, match=reason):
        learn(values)


def test_nothing_to_judge_changes_nothing():
    model, state = learn(machine(LEARNED))

    found, after = watch(model, state, np.empty((0, 5)))

    assert len(found.score) == 0
    assert after is state


def test_an_alarm_that_was_on_does_not_begin_again():
    on = np.array([True, True, False, True])

    assert begins(on).tolist() == [0, 3]
    assert begins(on, before=True).tolist() == [3]


def test_ordinary_noise_is_quiet_whatever_the_number_of_sensors():
    """Limits learned from few rows of many sensors would be too low, were they not raised by what T² says of new rows."""
    for sensors in (1, 4, 8, 12):
        random = np.random.default_rng(sensors)
        shares = [alarms(random.normal(0, 1, (2400, sensors))).mean() for _ in range(8)]
        assert np.mean(shares) < 0.07, sensors
    plain = replace(DEFAULT, margin=0.3)
    model, state = learn(machine(2400)[:LEARNED], plain)
    assert watch(model, state, machine(2400)[LEARNED:])[0].alarm.mean() > 0.07  # else the test could not fail
