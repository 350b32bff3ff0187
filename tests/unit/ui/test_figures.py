"""Figures as functions: what is drawn of which readings, in both themes, and that plotly takes it."""

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from dashapp.ingest.catalogue import SensorEntry
from dashapp.ui.figures import value_axis
from dashapp.ui.figures.history_chart import Span, history_chart, resolution_text, step_text, unit_of
from dashapp.ui.figures.live_chart import FEW, live_chart
from dashapp.ui.figures.theme import blank, colour, palette, resolved, token
from db.queries.series import Series

pytestmark = pytest.mark.requirement("UI-2")
NOW_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
SECOND_US, HOUR_US = 1_000_000, 3_600_000_000


def sensor(kind: str = "gauge", **changes: Any) -> SensorEntry:
    values: dict[str, Any] = {
        "id": 7, "device_key": "MX-02", "key": "temperature", "name": "Temperature", "unit": "°C", "kind": kind, "normal_low": 65.0,
        "normal_high": 95.0, "limit_low": None, "limit_high": 90.0, "severity": "critical", "period_s": 2.0,
    }  # fmt: skip
    return SensorEntry(**{**values, **changes})


def readings(*values: float, every_s: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Values that end now."""
    times = NOW_US - np.arange(len(values))[::-1] * int(every_s * SECOND_US)
    return times.astype(np.int64), np.array(values, float)


def hours(mean: list[float], low: list[float] | None = None, high: list[float] | None = None, left_out: tuple[int, ...] = ()) -> Series:
    """A series of hours; those at the positions `left_out` are missing."""
    kept = np.array([at for at in range(len(mean)) if at not in left_out], np.int64)
    times = NOW_US + kept * HOUR_US
    columns = [np.array(column, float)[kept] for column in (mean, low or mean, high or mean)]
    return Series(times, *columns, np.full(len(kept), 1800), "hour", HOUR_US)


def raw(*values: float, every_s: float = 2.0) -> Series:
    times, column = readings(*values, every_s=every_s)
    return Series(times, column, column, column, np.ones(len(values), np.int64), "raw")


def span(points: Series) -> Span:
    return Span(int(points.time_us[0]), int(points.time_us[-1]) + points.step_us, "UTC")


def trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in figure["data"] if one["name"] == name)


EVERY_FIGURE = {
    "live": live_chart(sensor(), *readings(80, 81, 92), NOW_US, "UTC"),
    "live without readings": live_chart(sensor(), *readings(), NOW_US, "UTC"),
    "live flag": live_chart(sensor("flag"), *readings(0, 1, 0), NOW_US, "UTC"),
    "live increment": live_chart(sensor("increment"), *readings(0, 3, 2), NOW_US, "UTC"),
    "live total": live_chart(sensor("totalizer", limit_high=None), *readings(1000, 1003), NOW_US, "UTC"),
    "history": history_chart(sensor(), hours([80, 81, 82], [70, 71, 72], [88, 91, 89]), Span(NOW_US, NOW_US + 3 * HOUR_US, "UTC")),
    "history of nothing": history_chart(sensor(), hours([]), Span(NOW_US, NOW_US + HOUR_US, "UTC")),
    "history of readings": history_chart(sensor(), raw(80, 81, 92), Span(NOW_US - 9 * SECOND_US, NOW_US, "UTC")),
    "history of a flag": history_chart(sensor("flag"), hours([0, 0.25, 0], [0, 0, 0], [0, 1, 0]), Span(NOW_US, NOW_US + HOUR_US, "UTC")),
    "history of an increment": history_chart(sensor("increment"), hours([1.5, 0, 2]), Span(NOW_US, NOW_US + HOUR_US, "UTC")),
    "blank": blank(),
}


@pytest.mark.requirement("UI-12")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", EVERY_FIGURE)
def test_every_figure_is_one_that_plotly_takes_in_both_themes(name, theme):
    figure = resolved(EVERY_FIGURE[name], theme)
    assert "token(" not in json.dumps(figure)
    go.Figure(figure)


@pytest.mark.requirement("UI-12")
def test_both_themes_have_the_same_colours_by_name():
    assert set(palette("dark")) <= set(palette("light"))
    for name in ("trace", "critical", "high", "medium", "low", "normal-band", "line-soft", "muted", "surface", "text"):
        assert palette("light")[name] != palette("dark")[name]


def test_a_colour_that_no_theme_has_is_refused():
    with pytest.raises(KeyError):
        token("pink")


def test_a_colour_can_be_seen_through():
    assert colour(token("critical", 0.2), "light") == "rgba(184,18,43,0.2)"
    assert colour("rgba(0,0,0,0)", "dark") == "rgba(0,0,0,0)"


# ---- The value axis


def test_the_axis_takes_in_a_limit_near_the_values_and_ends_on_round_numbers():
    low, high = value_axis.value_range(82.0, 86.0, sensor())
    assert low <= 82
    assert high >= 90
    step = value_axis.nice_step((high - low) / 5)
    assert low % step == high % step == 0


def test_a_limit_far_from_the_values_does_not_flatten_them():
    _, high = value_axis.value_range(1.0, 2.0, sensor(normal_low=0.0, normal_high=3.0, limit_high=500.0))
    assert high < 500


def test_noise_is_not_blown_up_to_fill_the_chart():
    low, high = value_axis.value_range(80.0, 80.1, sensor())
    assert high - low >= value_axis.LEAST_SHARE * 30


def test_values_that_are_never_negative_keep_an_axis_from_nought():
    low, _ = value_axis.value_range(0.5, 40.0, sensor(limit_high=None, normal_low=None, normal_high=None))
    assert low == 0


def test_bars_stand_on_nought():
    assert value_axis.bars_range(np.array([0.0, 0.0]))[0] == 0
    assert value_axis.bars_range(np.array([3.0, 9.0]))[0] == 0
    assert value_axis.bars_range(np.array([]))[0] == 0
    assert value_axis.bars_range(np.array([-2.0, 3.0]))[0] < -2


@pytest.mark.parametrize(("span_of_values", "decimals"), [(5000.0, 0), (30.0, 1), (0.5, 3), (1e-9, 4), (0.0, 1)])
def test_decimals_tell_values_apart(span_of_values, decimals):
    assert value_axis.decimals_for(span_of_values) == decimals


def test_a_table_shows_the_decimals_that_its_values_have():
    assert value_axis.decimals_of(np.array([73.2, 73.0])) == 1
    assert value_axis.decimals_of(np.array([96.903860, 98.0])) == 4
    assert value_axis.decimals_of(np.array([3.0])) == 0


def test_limits_are_named_at_their_lines_in_the_colour_of_their_severity():
    parts = value_axis.decorations(60, 100, sensor(limit_low=62.0))
    assert [one["text"] for one in parts["annotations"]] == ["limit<br>62 °C", "limit<br>90 °C"]
    assert {one["font"]["color"] for one in parts["annotations"]} == {token("critical")}
    assert [one["y0"] for one in parts["shapes"] if one["name"] == "limit"] == [62.0, 90.0]


def test_the_normal_band_is_open_where_it_has_no_end():
    (band,) = (one for one in value_axis.decorations(0, 10, sensor(normal_high=None, normal_low=2.0))["shapes"] if one["name"] == "normal")
    assert band["y0"] == 2.0
    assert band["y1"] > 100


def test_a_value_at_its_limit_is_not_beyond_it():
    assert not value_axis.beyond(90.0, sensor())
    assert value_axis.beyond(90.1, sensor())
    assert value_axis.beyond(4.9, sensor(limit_low=5.0))


# ---- The last fifteen minutes


def test_the_live_chart_ends_now_and_begins_fifteen_minutes_before():
    figure = EVERY_FIGURE["live"]
    assert figure["layout"]["xaxis"]["range"] == [NOW_US / 1000 - 900_000, NOW_US / 1000]


def test_the_last_point_is_marked_in_the_colour_of_what_it_went_beyond():
    assert trace(EVERY_FIGURE["live"], "last")["y"] == [92]
    assert trace(EVERY_FIGURE["live"], "last")["marker"]["color"] == token("critical")
    calm = live_chart(sensor(), *readings(80, 81), NOW_US, "UTC")
    assert trace(calm, "last")["marker"]["color"] == token("trace")


def test_the_live_line_is_broken_where_nothing_came():
    times, values = readings(80, 81, 82, 83)
    times[2:] += 60 * SECOND_US
    assert trace(live_chart(sensor(), times, values, NOW_US, "UTC"), "readings")["y"] == [80, 81, None, 82, 83]


def test_readings_that_come_more_rarely_than_said_are_still_joined():
    figure = live_chart(sensor(period_s=10.0), *readings(1, 2, 3, 4, every_s=60), NOW_US, "UTC")
    assert None not in trace(figure, "readings")["y"]


def test_few_readings_are_shown_as_points_on_the_line():
    few, many = (live_chart(sensor(), *readings(*[80.0] * count), NOW_US, "UTC") for count in (FEW, FEW + 1))
    assert trace(few, "readings")["mode"] == "lines+markers"
    assert trace(many, "readings")["mode"] == "lines"


def test_what_is_counted_is_drawn_as_bars_and_a_flag_as_steps():
    assert trace(EVERY_FIGURE["live increment"], "readings")["type"] == "bar"
    flag = trace(EVERY_FIGURE["live flag"], "readings")
    assert flag["line"]["shape"] == "hv"
    assert EVERY_FIGURE["live flag"]["layout"]["yaxis"]["ticktext"] == ["off", "on"]


# ---- Any range


def test_the_history_shows_the_whole_range_that_was_asked_for():
    figure = history_chart(sensor(), hours([80, 81]), Span(NOW_US - HOUR_US, NOW_US + 9 * HOUR_US, "UTC"))
    assert figure["layout"]["xaxis"]["range"] == [(NOW_US - HOUR_US) / 1000, (NOW_US + 9 * HOUR_US) / 1000]


def test_the_band_reaches_from_the_least_to_the_greatest_of_each_hour():
    band = trace(EVERY_FIGURE["history"], "min–max")
    assert band["y"] == [88, 91, 89, 72, 71, 70, None]
    assert band["x"][:3] == trace(EVERY_FIGURE["history"], "mean")["x"]


def test_a_bucket_stands_at_its_middle():
    assert trace(EVERY_FIGURE["history"], "mean")["x"][0] == (NOW_US + HOUR_US / 2) / 1000


def test_a_gap_breaks_line_and_band_and_a_lone_hour_is_a_dot():
    points = hours([1.0] * 30, left_out=(*range(10, 15), *range(16, 21)))
    figure = history_chart(sensor(limit_high=None), points, span(points))
    assert trace(figure, "mean")["y"].count(None) == 2
    assert trace(figure, "min–max")["x"].count(None) == 2  # two runs; one hour has no width
    assert trace(figure, "alone")["x"] == [(NOW_US + 15.5 * HOUR_US) / 1000]


@pytest.mark.parametrize(("missing", "breaks"), [((2, 3), 0), ((2, 3, 4), 1)])
def test_the_line_goes_on_over_less_than_three_steps(missing, breaks):
    points = hours([1.0] * 8, left_out=missing)
    assert trace(history_chart(sensor(), points, span(points)), "mean")["y"].count(None) == breaks


def test_what_went_beyond_a_limit_is_marked_though_the_mean_did_not():
    beyond = trace(EVERY_FIGURE["history"], "beyond the limit")
    assert beyond["y"] == [91]
    assert beyond["marker"]["color"] == token("critical")


def test_single_readings_have_no_band():
    assert [one["name"] for one in EVERY_FIGURE["history of readings"]["data"]] == ["readings", "beyond the limit"]


def test_what_is_counted_is_summed_in_each_bucket():
    counted = hours([1.5, 0.0, 2.0])
    assert trace(EVERY_FIGURE["history of an increment"], "sum")["y"] == [2700, 0, 3600]
    assert unit_of(sensor("increment", unit="units"), counted) == "units per 1 h"


def test_a_flag_is_shown_as_the_share_of_readings_that_were_on():
    figure = EVERY_FIGURE["history of a flag"]
    assert trace(figure, "mean")["y"] == [0, 0.25, 0]
    assert figure["layout"]["yaxis"]["tickformat"] == ".0%"


def test_a_chart_says_how_its_line_came_about():
    assert resolution_text(sensor(), hours([1.0])) == "1 h mean with min–max"
    assert resolution_text(sensor("increment"), hours([1.0])) == "sum of each 1 h"
    assert resolution_text(sensor("flag"), hours([1.0])) == "share of readings that are on, each 1 h"
    assert resolution_text(sensor(), raw(1.0)) == "raw readings"


@pytest.mark.parametrize(
    ("step_us", "words"), [(60 * SECOND_US, "1 min"), (11 * 60 * SECOND_US, "11 min"), (48 * HOUR_US, "2 d"), (2_500_000, "2.5 s")]
)
def test_a_step_is_said_in_its_largest_whole_unit(step_us, words):
    assert step_text(step_us) == words


def test_a_chart_of_two_thousand_points_is_small_on_the_wire():
    rng = np.random.default_rng(1)
    mean = rng.normal(80, 3, 2000)
    points = hours(mean.tolist(), (mean - 2).tolist(), (mean + 2).tolist())
    assert len(json.dumps(history_chart(sensor(), points, span(points)))) < 300_000
