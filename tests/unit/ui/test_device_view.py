"""Which range a device page shows, and how it says things."""

import math
from typing import Any

import pytest

from dashapp.domain.statistics import Direction, Summary, Trend
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.device import view as texts
from dashapp.ui.device.head import device_path, place_text
from dashapp.ui.device.tables import delay_text, quality_text
from dashapp.ui.time_range import DAY_US, HOUR_US

pytestmark = pytest.mark.requirement("UI-2")
NOW_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
YEAR_2014_US = 1_388_534_400_000_000


def sensor(**changes: Any) -> SensorEntry:
    values: dict[str, Any] = {
        "id": 1, "device_key": "NAB-1", "key": "temperature", "name": "Temperature", "unit": "°C", "kind": "gauge", "normal_low": 20.0,
        "normal_high": 80.0, "limit_low": 15.0, "limit_high": 85.0, "severity": "critical", "period_s": 2.0,
    }  # fmt: skip
    return SensorEntry(**{**values, **changes})


def view(query: dict[str, Any], span: tuple[int, int] | None, zone: str = "UTC") -> texts.View:
    return texts.view_of(sensor(), query, span, NOW_US, zone)


LIVE = (NOW_US - 90 * DAY_US, NOW_US - 1_000_000)
ENDED = (YEAR_2014_US, YEAR_2014_US + 78 * DAY_US)


def test_a_device_that_reports_is_shown_over_the_last_day():
    shown = view({}, LIVE)
    assert shown.range.preset == "24h"
    assert (shown.start_us, shown.end_us, shown.note) == (NOW_US - DAY_US, NOW_US, "")


@pytest.mark.parametrize(("age_us", "preset"), [(HOUR_US // 2, "1h"), (3 * HOUR_US, "8h"), (20 * HOUR_US, "24h")])
def test_a_device_that_began_today_is_shown_over_what_it_fills(age_us, preset):
    assert view({}, (NOW_US - age_us, NOW_US)).range.preset == preset


@pytest.mark.requirement("UI-14")
def test_history_that_ended_long_ago_is_found_without_being_asked_for():
    shown = view({}, ENDED)
    assert shown.range.preset == "all"
    assert shown.start_us <= ENDED[0] < ENDED[1] <= shown.end_us
    assert shown.end_us < YEAR_2014_US + 90 * DAY_US  # not up to now: twelve empty years
    assert shown.note == "Nothing has come since 20 Mar 2014 00:00: this is everything there is."


def test_very_long_history_that_ended_is_shown_from_its_last_week():
    span = (YEAR_2014_US, YEAR_2014_US + 900 * DAY_US)
    shown = view({}, span)
    assert shown.range.preset == "7d"
    assert shown.start_us == span[1] - 7 * DAY_US + 1_000_000


@pytest.mark.parametrize("preset", ["1h", "8h", "24h", "7d", "30d", "1y"])
def test_ranges_of_history_that_ended_count_back_from_its_last_reading_and_say_so(preset):
    shown = view({"range": preset}, ENDED)
    assert shown.start_us < ENDED[1] < shown.end_us <= ENDED[1] + 1_000_000
    assert shown.range.preset == preset
    assert shown.note == "Nothing has come since 20 Mar 2014 00:00: the range counts back from there."


def test_a_device_that_was_quiet_for_an_hour_has_not_ended():
    shown = view({"range": "1h"}, (NOW_US - 90 * DAY_US, NOW_US - 2 * HOUR_US))
    assert (shown.end_us, shown.note) == (NOW_US, "")


def test_all_reaches_from_the_first_reading_to_the_last():
    assert view({"range": "all"}, ENDED).end_us < YEAR_2014_US + 90 * DAY_US
    assert view({"range": "all"}, LIVE).end_us >= NOW_US


@pytest.mark.requirement("UI-13")
def test_the_range_of_the_url_is_the_range_that_is_shown():
    assert view({"range": "7d"}, LIVE).range.preset == "7d"
    fixed = view({"from": "2014-01-15T08:00", "to": "2014-01-15T09:00Z"}, LIVE, "Europe/Berlin")
    assert (fixed.start_us, fixed.end_us) == (YEAR_2014_US + 14 * DAY_US + 7 * HOUR_US, YEAR_2014_US + 14 * DAY_US + 9 * HOUR_US)


@pytest.mark.requirement("UI-14")
def test_a_range_that_cannot_be_read_is_said_and_the_usual_one_shown():
    shown = view({"from": "banana"}, LIVE)
    assert shown.range.preset == "24h"
    assert "banana" in shown.note


def test_a_sensor_without_readings_is_shown_over_the_usual_range():
    assert view({}, None).range.preset == "24h"
    assert view({"range": "all"}, None).range.preset == "all"


def test_the_sensor_of_the_url_is_chosen_and_else_the_first_level():
    fault, level = sensor(key="fault", kind="flag"), sensor(key="pressure")
    device = DeviceEntry(1, "MX-02", "Welding", "", "", True, "machine", "active", 0, {"fault": fault, "pressure": level})
    assert texts.chosen_sensor(device, "fault") is fault
    assert texts.chosen_sensor(device, "nothing") is level
    assert texts.chosen_sensor(device, ["fault", "pressure"]) is level
    assert texts.chosen_sensor(DeviceEntry(1, "x", "x", "", "", False, "", "active", 0), None) is None


@pytest.mark.requirement("UI-14")
def test_times_are_written_in_the_zone():
    assert texts.when(NOW_US, "Asia/Kathmandu", seconds=True) == "1 Jan 2026 05:45:00"
    assert texts.range_text(view({"range": "1h"}, LIVE)) == "31 Dec 2025 23:00:00 – 1 Jan 2026 00:00:00"
    assert texts.range_text(view({"range": "7d"}, LIVE)) == "25 Dec 2025 00:00 – 1 Jan 2026 00:00"


def summary(slope: float = 0.0, direction: Direction = Direction.STABLE, **changes: Any) -> Summary:
    values: dict[str, Any] = {
        "count": 1800, "mean": 84.21, "median": 84.0, "sd": 2.1, "min": 79.6, "max": 93.8, "median_of": "readings",
        "trend": Trend(slope, 0.001, direction),
    }  # fmt: skip
    return Summary(**{**values, **changes})


@pytest.mark.requirement("AN-1")
@pytest.mark.parametrize(
    ("one", "words"),
    [
        (summary(4.13, Direction.INCREASING), "rising, +4.1\u00a0°C/h"),
        (summary(-0.031, Direction.DECREASING), "falling, −0.031\u00a0°C/h"),
        (summary(1234.0, Direction.INCREASING), "rising, +1,234\u00a0°C/h"),
        (summary(3.0), "stable"),
        (None, "–"),
    ],
)
def test_a_trend_is_said_in_words_with_its_slope_an_hour(one, words):
    assert texts.trend_text(one, sensor()) == words


@pytest.mark.requirement("AN-1")
def test_the_statistics_have_a_column_for_each_range():
    rows = {row[0]: row[1:] for row in texts.statistics_rows([summary(), None, summary(sd=math.nan, count=1)], sensor())}
    assert rows["mean"] == ["84.2", "–", "84.2"]
    assert rows["std. deviation"] == ["2.1", "–", "–"]
    assert rows["readings"] == ["1,800", "–", "1"]
    assert "total" not in rows


def test_what_is_counted_has_a_total_and_no_slope():
    counter = sensor(kind="increment", unit="units")
    rows = {row[0]: row[1:] for row in texts.statistics_rows([summary(0.1, Direction.INCREASING, mean=1.5)], counter)}
    assert rows["total"] == ["2,700"]
    assert rows["trend"] == ["rising"]


@pytest.mark.parametrize(
    ("changes", "normal", "limits"),
    [
        ({}, "normal 20–80", "below 15 °C, above 85 °C"),
        ({"normal_low": -5.0, "limit_low": None}, "normal −5 to 80", "above 85 °C"),
        ({"normal_high": None, "limit_high": None}, "normal from 20", "below 15 °C"),
        ({"normal_low": None, "limit_low": None, "limit_high": None}, "normal up to 80", "none"),
        ({"normal_low": None, "normal_high": None}, "", "below 15 °C, above 85 °C"),
    ],
)
def test_normal_range_and_limits_are_said_in_words(changes, normal, limits):
    assert texts.normal_text(sensor(**changes)) == normal
    assert texts.limits_text(sensor(**changes)) == limits


def test_what_stands_beside_a_chart_names_unit_period_band_and_zone():
    assert texts.sensor_facts(sensor(), "UTC") == "°C, every 2 s, normal 20–80, UTC"
    assert texts.sensor_facts(sensor(unit="", normal_low=None, normal_high=None), "UTC") == "every 2 s, UTC"


@pytest.mark.parametrize(("quality", "words"), [(192, "good"), (64, "uncertain"), (0, "bad"), (216, "good (216)"), (20, "bad (20)")])
def test_quality_is_a_word(quality, words):
    assert quality_text(quality) == words


@pytest.mark.parametrize(
    ("delay_s", "words"),
    [(0.21, "0.2 s"), (-3, "0.0 s"), (180, "3 min"), (3 * 3600, "3 h"), (5 * 86400, "5 d"), (12.2 * 31_557_600, "12 y")],
)
def test_how_late_a_reading_came_is_said_in_its_unit(delay_s, words):
    assert delay_text(round(delay_s * 1e6)) == words


def test_any_key_has_a_path_and_a_file_name():
    assert device_path("press 1/é?") == "/devices/press%201%2F%C3%A9%3F"
    name = texts.file_stem("press 1/é", "a,b", NOW_US, NOW_US + HOUR_US)
    assert name == "press-1-é_a-b_2026-01-01T0000Z_2026-01-01T0100Z"


def test_the_line_is_said_where_the_place_does_not_name_it():
    def device(place: str, line: str) -> DeviceEntry:
        return DeviceEntry(1, "x", "x", place, line, False, "", "active", 0)

    assert place_text(device("Building A - Floor 1", "Building A")) == "Building A - Floor 1"
    assert place_text(device("Hall 3", "L1")) == "Hall 3 · L1"
    assert place_text(device("", "")) == ""
