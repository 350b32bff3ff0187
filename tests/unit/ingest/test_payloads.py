"""Every payload shape becomes columns; what is wrong is named, and takes nothing else with it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.ingest.names import GOOD, NOW, NOW_US, read, refusal, rows

# --- shapes


WIDE = {"machine_id": "MX-01", "temperature": 71.5, "vibration": 2.5, "production_count": 3, "fault": False, "timestamp": NOW}
CAMEL = {
    "deviceId": "MX-01", "timestamp": NOW, "sensorType": "temperature", "value": 71.5, "unit": "°C",
    "location": "Hall A", "status": "online",
}  # fmt: skip
FOUR = [(1, NOW_US, 71.5, 192), (2, NOW_US, 2.5, 192), (3, NOW_US, 3.0, 192), (4, NOW_US, 0.0, 192)]


@pytest.mark.requirement("IN-2")
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (GOOD, FOUR[:1]),
        ([GOOD], FOUR[:1]),
        (CAMEL, FOUR[:1]),
        ([CAMEL], FOUR[:1]),
        (WIDE, FOUR),
        ([WIDE], FOUR),
        ([GOOD, {**CAMEL, "sensorType": "vibration", "value": 2.5, "unit": None}, {"machine_id": "MX-01", "fault": 0, "timestamp": NOW}],
         [FOUR[0], FOUR[1], FOUR[3]]),
        ({"readings": [GOOD]}, FOUR[:1]),
        ({"deviceId": "MX-01", "sensor": "temperature", "value": 71.5, "time": NOW}, FOUR[:1]),
        ({"device_id": "MX-01", "metric": "temperature", "value": 71.5, "ts": NOW}, FOUR[:1]),
    ],
)  # fmt: skip
def test_every_shape_gives_the_same_rows(content: Any, expected: list[Any]) -> None:
    parsed = read(content)

    assert rows(parsed) == expected
    assert not parsed.refused
    assert not parsed.undated


@pytest.mark.requirement("IN-2")
def test_a_device_that_measures_quality_reports_it_in_the_wide_shape_too() -> None:
    assert rows(read({"machine_id": "Q-1", "quality": 93.5, "timestamp": NOW})) == [(6, NOW_US, 93.5, 192)]
    assert rows(read({**GOOD, "quality": 64}))[0][3] == 64


@pytest.mark.requirement("IN-2")
def test_the_device_is_the_same_whichever_way_a_list_is_read() -> None:
    both = {"machine_id": "Q-1", "device_id": "MX-01", "sensor_type": "temperature", "value": 1, "timestamp": NOW}

    assert [r.field for r in read(both).refused] == [r.field for r in read([both]).refused] == ["sensor_type"]


# --- units


@pytest.mark.requirement("IN-2", "IN-7")
@pytest.mark.parametrize(
    ("unit", "value", "stored"), [("°C", 71.5, 71.5), ("celsius", 71.5, 71.5), ("°F", 212, 100), ("K", 373.15, 100), (None, 71.5, 71.5)]
)
def test_a_known_unit_is_converted_into_the_sensors_own(unit: str | None, value: float, stored: float) -> None:
    for content in ({**GOOD, "unit": unit, "value": value}, [{**GOOD, "unit": unit, "value": value}]):
        assert read(content).rows.values.tolist() == pytest.approx([stored])


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize("unit", ["psi", "furlongs", "", 7, ["°C"], {"of": "°C"}, True, "\ud800", "x" * 1_000_000])
def test_a_unit_that_does_not_convert_is_refused(unit: Any) -> None:
    field, reason = refusal([{**GOOD, "unit": unit}])

    assert field == "unit"
    assert len(reason) < 300


# --- times


@pytest.mark.requirement("IN-2")
@pytest.mark.parametrize(
    ("text", "seconds_before"),
    [
        ("2026-05-01T06:00:00Z", 0), ("2026-05-01T08:00:00+02:00", 0), ("2026-05-01T06:00:00", 0), ("2026-05-01 05:59:59Z", 1),
        ("2026-05-01T05:59:59.250Z", 0.75), ("2026-05-01T05:59:59.250", 0.75), ("2026-05-01", 21_600), ("2026-05-01T00:30:00-05:30", 0),
        (1_777_615_200, 0), (1_777_615_199.25, 0.75), (1_777_615_200_000, 0), (1_777_615_199_999, 0.001), (1_777_615_200_000_000, 0),
        (1_777_615_199_999_999, 0.000_001), (" 2026-05-01T06:00:00Z ", 0),
    ],
)  # fmt: skip
def test_a_time_is_utc_unless_it_names_a_zone(text: Any, seconds_before: float) -> None:
    for content in ({**GOOD, "timestamp": text}, [{**GOOD, "timestamp": text}]):
        assert read(content).rows.times_us.tolist() == [NOW_US - round(seconds_before * 1e6)]


@pytest.mark.requirement("IN-8")
@given(st.integers(min_value=1_000_000_000_000, max_value=NOW_US // 1000))
def test_a_time_in_milliseconds_is_the_same_instant_as_number_and_as_text(milliseconds: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    spellings = [milliseconds, milliseconds / 1000, f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z", moment.isoformat()]

    assert {read([{**GOOD, "timestamp": spelling}]).rows.times_us.tolist()[0] for spelling in spellings} == {milliseconds * 1000}


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "2026-13-01T06:00:00Z", "2026-05-01T06:00:61Z", "2026-05-01T06:00:00+02:00Z", "2026-05-01T06:00:00-01Z",
        "2026-05-01T06:00:00ZZ", "2026-05-01T06:00:00\u0000Z", True, False, [], {}, float("nan"), float("inf"), 1e300, 10**400, "\ud800",
        "1" * 1_000_000,
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: Any) -> None:
    field, reason = refusal([{**GOOD, "timestamp": text}])

    assert field == "timestamp"
    assert "expected" in reason
    assert len(reason) < 300


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2026-05-01T06:05:01Z", "future"), (NOW_US + 300_000_001, "future"), ("9999-12-31T23:59:59Z", "future"),
        ("1989-12-31T23:59:59Z", "before 1990"), ("0001-01-01T00:00:00+23:59", "before 1990"), (0, "before 1990"), (-1e17, "before 1990"),
    ],
)  # fmt: skip
def test_a_time_out_of_range_is_refused(text: Any, reason: str) -> None:
    assert refusal([{**GOOD, "timestamp": text}])[0] == "timestamp"
    assert reason in refusal([{**GOOD, "timestamp": text}])[1]


@pytest.mark.requirement("IN-7")
def test_five_minutes_ahead_is_still_taken() -> None:
    assert len(read([{**GOOD, "timestamp": "2026-05-01T06:05:00Z"}]).rows) == 1


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize("undated", [{}, {"timestamp": None}])
def test_a_reading_without_a_time_takes_the_servers(undated: dict[str, Any]) -> None:
    parsed = read({"device_id": "MX-01", "sensor_type": "temperature", "value": 1, **undated})

    assert rows(parsed) == [(1, NOW_US, 1.0, 192)]
    assert parsed.undated


@pytest.mark.requirement("IN-7", "IN-8")
def test_undated_readings_of_one_sensor_in_one_body_are_none_of_them_a_duplicate() -> None:
    parsed = read([{"machine_id": "MX-01", "production_count": 2, "vibration": 1.0}, {"machine_id": "MX-01", "production_count": 2}])

    assert rows(parsed) == [(3, NOW_US, 2.0, 192), (2, NOW_US, 1.0, 192), (3, NOW_US + 1, 2.0, 192)]


# --- the fast way and the slow way agree


SENSORS = st.sampled_from(["temperature", "vibration", "production_count", "fault", "energy"])
VALUES = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), st.none(), st.just("7"),
    st.sampled_from([0, 1, -0.0, 1e100]),
)
MOMENTS = st.datetimes(min_value=datetime(1989, 12, 31), max_value=datetime(2026, 5, 1, 6, 6))
TIMES = st.one_of(
    MOMENTS.map(lambda moment: moment.isoformat() + "Z"),
    MOMENTS.map(lambda moment: moment.isoformat(timespec="milliseconds") + "Z"),
    MOMENTS.map(lambda moment: moment.isoformat(" ") + "+01:00"),
    st.text(alphabet="0123456789-:.TZ +", min_size=18, max_size=28),
)
ITEMS = st.lists(
    st.fixed_dictionaries(
        {"sensor": SENSORS, "value": VALUES, "time": TIMES}, optional={"quality": st.integers(-1, 256), "unit": st.just("°C")}
    ),
    min_size=1,
    max_size=8,
)
NAMES = {
    "narrow": {"device": "device_id", "sensor": "sensor_type", "value": "value", "time": "timestamp", "quality": "quality", "unit": "unit"},
    "camel": {"device": "deviceId", "sensor": "sensorType", "value": "value", "time": "timestamp", "quality": "quality", "unit": "unit"},
}


@pytest.mark.requirement("IN-2")
@settings(max_examples=300, deadline=None)
@given(ITEMS, st.sampled_from(sorted(NAMES)))
def test_a_list_reads_the_same_by_columns_as_item_by_item(items: list[dict[str, Any]], shape: str) -> None:
    names = NAMES[shape]
    written = [{names[key]: value for key, value in {"device": "MX-01", **item}.items()} for item in items]

    by_columns = read(written)
    item_by_item = read({"readings": written})

    assert rows(by_columns) == rows(item_by_item)
    assert list(by_columns.item_of_row) == list(item_by_item.item_of_row)
    assert by_columns.refused == item_by_item.refused


GAUGES = st.sampled_from(["temperature", "vibration", "energy"])
CLEAN = st.lists(st.tuples(GAUGES, st.floats(-1e6, 1e6), MOMENTS.filter(lambda moment: moment.year > 1989)), min_size=1, max_size=20)


@pytest.mark.requirement("IN-2")
@settings(deadline=None)
@given(CLEAN)
def test_clean_readings_are_the_same_rows_in_every_shape(items: list[tuple[str, float, datetime]]) -> None:
    in_time = [(sensor, value, moment.isoformat() + "Z") for sensor, value, moment in items if moment <= datetime(2026, 5, 1, 6)]
    narrow = [{"device_id": "MX-01", "sensor_type": s, "value": v, "timestamp": t} for s, v, t in in_time]
    camel = [{"deviceId": "MX-01", "sensorType": s, "value": v, "timestamp": t} for s, v, t in in_time]
    wide = [{"machine_id": "MX-01", s: v, "timestamp": t} for s, v, t in in_time]

    shapes = [rows(read(shape)) for shape in (narrow, camel, wide) if shape]

    assert all(shape == shapes[0] and len(shape) == len(in_time) for shape in shapes)
