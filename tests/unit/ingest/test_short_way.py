"""One clean reading is decoded the short way: whatever is sent, it comes to the same as read with care."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashapp.ingest import payloads
from tests.unit.ingest.names import GOOD, NOW, read, rows

DEVICES = st.sampled_from(["MX-01", "Q-1", "nobody", "", 7, None, "MX-01\u0000"])
SENSORS = st.sampled_from(["temperature", "vibration", "energy", "fault", "production_count", "quality", "no such", 5, None])
ODD = st.sampled_from([None, "7", 10**400, 1e101])
VALUES = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5), st.booleans(), ODD)
TIMES = st.sampled_from([
    NOW, "2026-05-01T06:00:00.123456Z", "2026-05-01T08:00:00+02:00", "2026-05-01 06:00", "2026-05-01", " 2026-05-01T06:00:00Z ",
    "yesterday", "2026-05-01T06:00:00Z\u0000", "1970-01-01T00:00:00Z", "2027-01-01T00:00:00Z", 1_777_615_200,
    1_777_615_200_000, None, True, "",
])  # fmt: skip
ITEMS = st.fixed_dictionaries(
    {},
    optional={
        "device_id": DEVICES, "deviceId": DEVICES, "machine_id": DEVICES, "sensor_type": SENSORS, "sensorType": SENSORS, "value": VALUES,
        "timestamp": TIMES, "time": TIMES, "unit": st.sampled_from(["°C", "°F", "mm/s", "", None, 3]),
        "quality": st.sampled_from([192, 0, 64, 256, -1, 1.5, 192.0, True, None]), "location": st.just("Hall A"), "temperature": VALUES,
    },
)  # fmt: skip


@pytest.mark.requirement("IN-2", "IN-7")
@settings(max_examples=1_500, deadline=None)
@given(ITEMS, st.booleans())
def test_an_item_comes_to_the_same_read_the_short_way_and_with_care(item: dict[str, Any], like_a_good_one: bool) -> None:
    body = json.dumps(GOOD | item if like_a_good_one else item).encode()

    short, careful = read(body), read(b" " + body)  # a space in front: not the short way

    assert rows(short) == rows(careful)
    assert (short.refused, list(short.item_of_row), short.items, short.undated) == (
        careful.refused, list(careful.item_of_row), careful.items, careful.undated,
    )  # fmt: skip


@pytest.mark.requirement("IN-2")
@pytest.mark.parametrize("names", [{}, {"device_id": "deviceId", "sensor_type": "sensorType"}])
def test_a_clean_reading_takes_the_short_way(monkeypatch: pytest.MonkeyPatch, names: dict[str, str]) -> None:
    monkeypatch.setattr(payloads, "read_item", None)

    parsed = read({names.get(key, key): value for key, value in GOOD.items()})

    assert rows(parsed) == [(1, 1_777_615_200_000_000, 71.5, 192)]
