"""Control charts: published charts to their digit, the rules one by one, and how often they cry wolf."""

import math
from io import StringIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.spc import (
    NELSON,
    RANGES,
    WESTERN_ELECTRIC,
    Kind,
    Limits,
    broken,
    capability,
    deviation_factors,
    individuals,
    neighbours,
    subgroups,
    xbar,
)

pytestmark = pytest.mark.requirement("AN-4")

# NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2: flow rates of ten batches.
FLOW = np.array([49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1])
# Montgomery, Introduction to Statistical Quality Control, tables of the piston rings: inside diameters in mm, 25 samples and 15 later ones.
RINGS = np.loadtxt(
    StringIO("""
74.030 74.002 74.019 73.992 74.008
73.995 73.992 74.001 74.011 74.004
73.988 74.024 74.021 74.005 74.002
74.002 73.996 73.993 74.015 74.009
73.992 74.007 74.015 73.989 74.014
74.009 73.994 73.997 73.985 73.993
73.995 74.006 73.994 74.000 74.005
73.985 74.003 73.993 74.015 73.988
74.008 73.995 74.009 74.005 74.004
73.998 74.000 73.990 74.007 73.995
73.994 73.998 73.994 73.995 73.990
74.004 74.000 74.007 74.000 73.996
73.983 74.002 73.998 73.997 74.012
74.006 73.967 73.994 74.000 73.984
74.012 74.014 73.998 73.999 74.007
74.000 73.984 74.005 73.998 73.996
73.994 74.012 73.986 74.005 74.007
74.006 74.010 74.018 74.003 74.000
73.984 74.002 74.003 74.005 73.997
74.000 74.010 74.013 74.020 74.003
73.982 74.001 74.015 74.005 73.996
74.004 73.999 73.990 74.006 74.009
74.010 73.989 73.990 74.009 74.014
74.015 74.008 73.993 74.000 74.010
73.982 73.984 73.995 74.017 74.013
74.012 74.015 74.030 73.986 74.000
73.995 74.010 73.990 74.015 74.001
73.987 73.999 73.985 74.000 73.990
74.008 74.010 74.003 73.991 74.006
74.003 74.000 74.001 73.986 73.997
73.994 74.003 74.015 74.020 74.004
74.008 74.002 74.018 73.995 74.005
74.001 74.004 73.990 73.996 73.998
74.015 74.000 74.016 74.025 74.000
74.030 74.005 74.000 74.016 74.012
74.001 73.990 73.995 74.010 74.024
74.015 74.020 74.024 74.005 74.019
74.035 74.010 74.012 74.015 74.026
74.017 74.013 74.036 74.025 74.026
74.010 74.005 74.029 74.000 74.020
""")
)
UNIT = Limits(-3.0, 0.0, 3.0)  # of values that are counted in sigmas


def points(value, rules) -> dict[str, list[int]]:
    """Broken rules with their points, counted from 1."""
    return {key: (np.flatnonzero(found) + 1).tolist() for key, found in broken(np.array(value, float), UNIT, rules).items() if found.any()}


def test_nists_individuals_chart_comes_out_to_the_digit():
    chart = individuals(FLOW)

    assert round(chart.limits.center, 2) == 50.81
    assert round(chart.scatter_limits.center, 4) == 1.8778
    assert round(chart.limits.high, 4) == 55.8041
    assert round(chart.limits.low, 4) == 45.8159
    assert np.isnan(chart.scatter[0])
    assert not any(found.any() for found in broken(chart.value, chart.limits, WESTERN_ELECTRIC).values())


def test_montgomerys_piston_rings_by_ranges():
    chart = xbar(RINGS, Kind.XBAR_R, learned=RINGS[:25])

    mean, span = round(chart.limits.center, 3), round(chart.scatter_limits.center, 3)
    assert (mean, span) == (74.001, 0.023)
    _, reach, low, high = RANGES[5]  # the book goes on with the rounded figures
    assert (round(mean - reach * span, 3), round(mean + reach * span, 3)) == (73.988, 74.014)
    assert (low * span, round(high * span, 3)) == (0, 0.049)
    assert chart.limits.high == pytest.approx(74.0146, abs=5e-5)
    # Of the fifteen later samples 37, 38 and 39 lie above the limit; none of the first 25 is beyond any.
    assert (np.flatnonzero(broken(chart.value, chart.limits)["Nelson 1"]) + 1).tolist() == [37, 38, 39]
    assert not broken(chart.scatter, chart.scatter_limits)["Nelson 1"].any()


def test_montgomerys_piston_rings_by_standard_deviations():
    chart = xbar(RINGS[:25], Kind.XBAR_S)

    mean, deviation = round(chart.limits.center, 3), round(chart.scatter_limits.center, 4)
    assert (mean, deviation) == (74.001, 0.0094)
    _, reach, _, high = deviation_factors(5)
    assert (round(mean - reach * deviation, 3), round(mean + reach * deviation, 3)) == (73.988, 74.014)
    assert round(chart.scatter_limits.high, 4) == round(high * deviation, 4) == 0.0196
    assert round(chart.sigma, 2) == 0.01


def test_montgomerys_flow_width_from_its_mean_and_range():
    """Hard-bake process: mean 1.5056 µm, mean range 0.32521 of 25 samples of 5; specification 1.00 to 2.00."""
    d2, reach, low, high = RANGES[5]

    assert round(1.5056 + reach * 0.32521, 5) == 1.69325
    assert round(1.5056 - reach * 0.32521, 5) == 1.31795
    assert (round(low * 0.32521, 5), round(high * 0.32521, 5)) == (0, 0.68749)
    sigma = 0.32521 / d2
    assert round(sigma, 4) == 0.1398
    assert round(capability(1.5056, sigma, sigma, 1.0, 2.0).cp, 3) == 1.192


def test_nists_capability_comes_out_to_the_digit():
    found = capability(16, 2, 2, 8, 20)

    assert (round(found.cp, 4), round(found.cpk, 4)) == (1.0, 0.6667)
    assert (found.pp, found.ppk) == (found.cp, found.cpk)
    assert capability(16, 2, 2, None, 20).cp is None
    assert capability(16, 2, 2, None, 20).cpk == pytest.approx(4 / 6)
    assert capability(16, 2, 2, None, None).cpk is None
    assert capability(16, 0, 0, 8, 20).cp is None


@pytest.mark.parametrize(("size", "c4", "a3", "b3", "b4"), [
    (2, 0.7979, 2.659, 0, 3.267), (5, 0.9400, 1.427, 0, 2.089), (10, 0.9727, 0.975, 0.284, 1.716), (25, 0.9896, 0.606, 0.565, 1.435),
])  # fmt: skip
def test_factors_of_deviations_are_those_of_the_table(size, c4, a3, b3, b4):
    found = deviation_factors(size)

    assert (round(found[0], 4), *found[1:]) == (c4, a3, b3, b4)


@pytest.mark.parametrize("size", RANGES)
def test_factors_of_ranges_are_those_of_a_normal_distribution(size):
    """d2 is the mean of the range of n standard normal values: the integral of 1 - Φⁿ - (1 - Φ)ⁿ."""
    x = np.linspace(-8, 8, 4001)
    phi = np.array([0.5 * math.erfc(-each / math.sqrt(2)) for each in x])
    d2, a2, d3, d4 = RANGES[size]

    assert np.trapezoid(1 - phi**size - (1 - phi) ** size, x) == pytest.approx(d2, abs=0.0006)
    assert a2 == pytest.approx(3 / (d2 * math.sqrt(size)), abs=0.001)
    assert d3 + d4 == pytest.approx(2, abs=0.001) or d3 == 0


# One pattern for each rule, as its authors draw it: the last point completes it, and without its first point it is none.
PATTERNS = {
    "WE 1": [0.5, -0.4, 3.2],
    "WE 2": [2.4, 0.1, 2.1],
    "WE 3": [1.2, 1.6, -0.3, 1.4, 1.1],
    "WE 4": [0.3, 0.9, 0.2, 0.6, 0.1, 0.8, 0.4, 0.5],
    "Nelson 1": [0.5, -0.4, -3.2],
    "Nelson 2": [-0.3, -0.9, -0.2, -0.6, -0.1, -0.8, -0.4, -0.5, -0.2],
    "Nelson 3": [-1.4, -0.8, -0.2, 0.3, 0.9, 1.5],
    "Nelson 4": [0.5, -0.5, 0.6, -0.4, 0.7, -0.6, 0.4, -0.7, 0.5, -0.5, 0.6, -0.4, 0.7, -0.6],
    "Nelson 5": [-2.4, 0.1, -2.1],
    "Nelson 6": [-1.2, -1.6, 0.3, -1.4, -1.1],
    "Nelson 7": [0.4, -0.2, 0.3, 0.6, -0.5, 0.2, 0.7, -0.4, -0.1, 0.5, 0.3, -0.6, 0.2, -0.3, -0.8],
    "Nelson 8": [1.3, -1.4, 1.2, 1.6, -1.1, -1.5, 1.7, -1.2],
}


@pytest.mark.parametrize("key", PATTERNS)
def test_a_pattern_breaks_its_rule_at_its_last_point_and_not_before(key):
    rules = WESTERN_ELECTRIC if key.startswith("WE") else NELSON

    assert points(PATTERNS[key], rules)[key] == [len(PATTERNS[key])]
    if not key.endswith(" 1"):
        assert key not in points(PATTERNS[key][1:], rules)


def test_two_points_out_of_three_are_enough_at_the_very_beginning():
    assert points([2.5, 2.2], NELSON) == {"Nelson 5": [2]}


def test_what_lies_on_the_centre_line_ends_a_run():
    assert points([0.5] * 7 + [0.0] + [0.5] * 7, WESTERN_ELECTRIC) == {}
    assert "WE 4" in points([0.5] * 15, WESTERN_ELECTRIC)


@given(st.lists(st.floats(-4, 4), max_size=40))
def test_the_other_side_breaks_the_same_rules(values):
    plain = broken(np.array(values), UNIT)
    turned = broken(-np.array(values), UNIT)

    assert {key: found.tolist() for key, found in plain.items()} == {key: found.tolist() for key, found in turned.items()}


@given(st.lists(st.floats(-4, 4), max_size=40), st.integers(0, 40))
def test_what_comes_later_does_not_change_what_was_said(values, cut):
    whole = broken(np.array(values), UNIT)
    until = broken(np.array(values[:cut]), UNIT)

    assert all(whole[key][:cut].tolist() == found.tolist() for key, found in until.items())


@pytest.mark.parametrize(("wanted", "published"), [
    (("WE 1",), 370.40), (("WE 1", "WE 2"), 225.44), (("WE 1", "WE 4"), 152.73), (("WE 1", "WE 2", "WE 3", "WE 4"), 91.75),
])  # fmt: skip
def test_runs_until_a_false_alarm_are_as_long_as_champ_and_woodall_computed(wanted, published):
    """Champ and Woodall (1987), Technometrics 29, 393: mean run lengths of a process in control, by sets of rules."""
    random = np.random.default_rng(1987)
    rules = tuple(rule for rule in WESTERN_ELECTRIC if rule.key in wanted)
    lengths = []
    for _ in range(700):
        length, at = 0, np.empty(0, np.intp)
        while not len(at):
            values = random.normal(size=4000)  # ten times the longest mean: the seam between two is met in 1 of 20,000 runs
            at = np.flatnonzero(np.any(list(broken(values, UNIT, rules).values()), axis=0))
            length += int(at[0]) + 1 if len(at) else len(values)
        lengths.append(length)

    assert np.mean(lengths) == pytest.approx(published, abs=3.5 * np.std(lengths) / math.sqrt(len(lengths)))


def test_limits_are_frozen_by_what_they_were_learned_from():
    shifted = np.concatenate((FLOW, FLOW + 10))

    frozen = individuals(shifted, learned=FLOW)

    assert frozen.limits == individuals(FLOW).limits
    assert broken(frozen.value, frozen.limits)["Nelson 1"][10:].sum() >= 8


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=30), st.floats(0.01, 100), st.floats(-1e3, 1e3))
def test_another_unit_gives_the_same_chart(values, scale, offset):
    first, second = individuals(np.array(values)), individuals(np.array(values) * scale + offset)

    assert second.limits.center == pytest.approx(first.limits.center * scale + offset, abs=1e-6)
    assert second.sigma == pytest.approx(first.sigma * scale, abs=1e-6)


def test_where_nothing_scatters_what_moves_is_beyond():
    found = broken(np.array([5.0, 5.0, 5.1]), individuals(np.full(10, 5.0)).limits)

    assert found["Nelson 1"].tolist() == [False, False, True]
    assert not any(found[key].any() for key in found if key != "Nelson 1")


def test_subgroups_leave_out_what_is_left_over():
    assert subgroups(np.arange(11.0), 5).tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_correlation_of_neighbours():
    assert neighbours(np.arange(100.0)) > 0.9
    assert abs(neighbours(np.random.default_rng(1).normal(size=2000))) < 0.1
    assert neighbours(np.array([1.0, -1.0] * 50)) < -0.9
    assert neighbours(np.full(9, 2.0)) == neighbours(np.array([1.0])) == 0


@pytest.mark.parametrize("make", [
    lambda: individuals(FLOW[:1]), lambda: xbar(RINGS[:0]), lambda: xbar(FLOW[:, None]), lambda: xbar(np.zeros((3, 11))),
])  # fmt: skip
def test_what_no_limits_can_be_made_of_is_refused(make):
    with pytest.raises(ValueError, match="are needed"):
        make()
