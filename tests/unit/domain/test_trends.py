"""When a drifting value reaches its limit, and whether the interval that is said holds as often as it claims."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.statistics import Direction
from dashapp.domain.trends import HOUR_US, Line, fitted, reaches, student

pytestmark = pytest.mark.requirement("AN-6")
MINUTE_US = 60_000_000
START_US = 1_780_000_000_000_000


def minutes(n: int) -> np.ndarray:
    """Times one minute apart, as stored."""
    return START_US + np.arange(n) * MINUTE_US


def noise(n: int, memory: float, random: np.random.Generator) -> np.ndarray:
    """Noise of deviation 1 whose neighbours correlate by `memory`."""
    found = random.normal(size=n)
    for at in range(1, n):
        found[at] = memory * found[at - 1] + (1 - memory**2) ** 0.5 * found[at]
    return found


def line_of(value: np.ndarray) -> Line:
    """The line through one value a minute."""
    line = fitted(minutes(len(value)), value)
    assert line is not None
    return line


@pytest.mark.parametrize("memory", [0, 0.8])
def test_the_interval_holds_the_crossing_about_as_often_as_it_says(memory):
    random = np.random.default_rng(6)
    rise, limit = 0.02, 50 + 0.02 * 500  # a minute; reached after 500 of them, 360 of which are seen
    crossing = START_US + 500 * MINUTE_US
    held, said = 0, 0
    for _ in range(250):
        found = reaches(line_of(50 + rise * np.arange(360) + noise(360, memory, random)), limit, int(minutes(360)[-1]))
        if found is not None:
            said += 1
            held += found.earliest_us <= crossing and (found.latest_us is None or crossing <= found.latest_us)

    assert said > 200
    assert 0.90 <= held / said <= 0.995


def test_a_line_without_noise_is_carried_on_to_the_second():
    value = 20 + 0.5 * np.arange(60) / 60  # half a unit an hour, for an hour

    found = reaches(line_of(value + 1e-6 * np.sin(np.arange(60))), 21.5, int(minutes(60)[-1]))

    assert found.at_us == pytest.approx(START_US + 3 * HOUR_US, abs=1_000_000)
    assert found.earliest_us <= found.at_us <= found.latest_us
    assert found.latest_us - found.earliest_us < 60_000_000


def test_the_more_noise_the_wider_until_the_end_is_open():
    random = np.random.default_rng(2)
    shape = noise(240, 0.3, random)
    width, was_open = 0.0, False
    for size in (0.05, 0.2, 0.5, 2.0):
        found = reaches(line_of(10 + 0.01 * np.arange(240) + size * shape), 14, int(minutes(240)[-1]))
        if found is None or found.latest_us is None:
            was_open = True
            continue
        assert not was_open
        assert found.latest_us - found.earliest_us > width
        width = found.latest_us - found.earliest_us


@given(st.floats(-20, 20), st.floats(1, 100), st.integers(0, 10_000))
def test_nothing_is_said_of_what_is_not_on_its_way(limit, size, seed):
    random = np.random.default_rng(seed)
    drifting = line_of(50 + 0.05 * np.arange(120) + 0.01 * random.normal(size=120))
    now = int(minutes(120)[-1])

    assert reaches(drifting, limit, now) is None  # it rises, and the limit lies below
    assert reaches(drifting, 50 + 0.05 * 120 * (12 + size), now) is None  # too far to be said
    assert reaches(line_of(np.full(60, 5.0)), 6, now) is None


def test_noise_alone_seldom_warns():
    random = np.random.default_rng(8)
    warned = sum(reaches(line_of(noise(120, 0.5, random)), 3, int(minutes(120)[-1])) is not None for _ in range(300))

    assert warned <= 9


def test_falling_lines_reach_lower_limits():
    line = line_of(50 - 0.05 * np.arange(120) + 0.01 * np.sin(np.arange(120)))
    found = reaches(line, 40, int(minutes(120)[-1]))

    assert line.trend.direction is Direction.DECREASING
    assert line.now == pytest.approx(44.05, abs=0.1)
    assert found.at_us == pytest.approx(START_US + 200 * MINUTE_US, abs=MINUTE_US)


@pytest.mark.parametrize(("confidence", "freedom", "t"), [
    (0.95, 1, 12.706), (0.95, 2, 4.303), (0.95, 10, 2.228), (0.95, 120, 1.980), (0.99, 30, 2.750), (0.90, 5, 2.015),
])  # fmt: skip
def test_quantiles_are_those_of_the_table_of_t(confidence, freedom, t):
    assert round(student(confidence, freedom), 3) == t


def test_two_values_are_no_line():
    assert fitted(minutes(2), np.array([1.0, 2.0])) is None
