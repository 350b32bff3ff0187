"""Hostile input: what is wrong is named by field and reason, and nothing else is lost."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashapp.ingest.payloads import MOST_ITEMS, RawItems
from tests.unit.ingest.names import GOOD, NOW, read, refusal, refused

BAD_VALUES = [
    b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"1e101", b'"NaN"', b'"Infinity"', b'"71.5"', b'""', b"null", b"true", b"false",
    b"[]", b"{}", b"[71.5]", b'"' + b"x" * 1_000_000 + b'"', b"9" * 5_000, b"-" + b"9" * 5_000, b"9" * 400, b"[" * 200 + b"]" * 200,
    b'{"a":' * 200 + b"1" + b"}" * 200, b'"\xff\xfe"', b'"\\u0000"', b'"\\ud800"',
]  # fmt: skip


def around(bad: bytes) -> bytes:
    """A list with a good reading on both sides of a bad item."""
    before, after = (json.dumps({**GOOD, "timestamp": text}).encode() for text in ("2026-05-01T05:00:00Z", "2026-05-01T05:00:01Z"))
    return b"[" + before + b",\n " + bad + b" , " + after + b"]"


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: repr(value[:12]))
def test_a_value_that_is_none_is_named_and_its_neighbours_are_kept(value: bytes) -> None:
    item = b'{"device_id": "MX-01", "sensor_type": "temperature", "value": ' + value + b', "timestamp": "2026-05-01T06:00:00Z"}'

    parsed = read(around(item))

    (wrong,) = parsed.refused
    assert (wrong.index, wrong.field) == (1, "value")
    assert 0 < len(wrong.reason) < 300
    assert list(parsed.item_of_row) == [0, 2]
    assert RawItems(around(item))[1] == item


BAD_ITEMS: list[tuple[bytes, str]] = [
    (b"1", "body"), (b"null", "body"), (b'"text"', "body"), (b"[]", "body"), (b"[[[]]]", "body"), (b"NaN", "body"),
    (b"{}", "device_id"), (b'{"device_id": 7}', "device_id"), (b'{"device_id": ""}', "device_id"), (b'{"device_id": null}', "device_id"),
    (b'{"machine_id": ["MX-01"], "temperature": 1}', "machine_id"),
    (b'{"device_id": "\xff\xfe", "sensor_type": "temperature", "value": 1}', "device_id"),
    (b'{"device_id": "\\ud800", "sensor_type": "temperature", "value": 1}', "device_id"),
    (b'{"device_id": "MX-01"}', "sensor_type"), (b'{"device_id": "MX-01", "sensor_type": 3, "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "pressure", "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "\xff", "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "tem\\u0000perature", "value": 1}', "sensor_type"),
    (b'{"device_id": "MX-01", "sensor_type": "temperature"}', "value"),
    (b'{"machine_id": "MX-01", "timestamp": "2026-05-01T06:00:00Z"}', "sensor_type"),
    (b'{"machine_id": "MX-01", "pressure": 4}', "pressure"),
    (b'{"machine_id": "MX-01", "fault": 2}', "fault"), (b'{"machine_id": "MX-01", "fault": 0.5}', "fault"),
    (b'{"machine_id": "MX-01", "production_count": -1}', "production_count"),
    (b'{"machine_id": "MX-01", "temperature": true}', "temperature"),
    (b'{"device_id": "MX-01", "sensor_type": "temperature", "value": 1, "quality": 999}', "quality"),
    (b'{"device_id": "MX-01", "sensor_type": "temperature", "value": 1, "quality": "GOOD"}', "quality"),
    (b'{"device_id": "NO-1", "sensor_type": "temperature", "value": 1}', "device_id"),
    (b'{"machine_id": "NO-1", "temperature": 1}', "machine_id"),
]  # fmt: skip


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize(("item", "field"), BAD_ITEMS, ids=lambda value: repr(value[:60]))
def test_a_bad_item_is_named_by_its_field_and_its_neighbours_are_kept(item: bytes, field: str) -> None:
    parsed = read(around(item))

    (wrong,) = parsed.refused
    assert (wrong.index, wrong.field) == (1, field)
    assert wrong.reason.encode().decode().isprintable()
    assert list(parsed.item_of_row) == [0, 2]
    assert RawItems(around(item))[1] == item


@pytest.mark.requirement("IN-7")
def test_an_unknown_device_is_told_apart_from_what_is_malformed() -> None:
    unknown = {"device_id": "NO-1", "sensor_type": "temperature", "value": 1, "unit": "°C"}

    parsed = read([unknown, GOOD])

    assert parsed.unknown_device
    assert parsed.refused[0].wanted == ("NO-1", "temperature", "°C")
    assert not read([unknown, {**GOOD, "value": "x"}]).unknown_device


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize("name", ["x" * 101, "a\u0000b", "\ud800", "line\nbreak", ""])
def test_nobody_is_offered_for_registration_under_a_name_that_cannot_be_kept(name: str) -> None:
    assert all(wrong.wanted is None for wrong in refused({"device_id": name, "sensor_type": "t", "value": 1}))


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize(
    "body",
    [
        b"", b"  \n", b"[]", b"{", b"[1,", b"nonsense", b"7", b'"text"', b"null", b"true", b"NaN", b"\xff\xfe\x00", b"\x00", b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b'{"readings": []}', b'{"readings": 7}',
        "[{}]".encode("utf-16"), b'[{"device_id":"MX-01"}]]', b"9" * 100_000, b"[" + b"1," * MOST_ITEMS + b"1]",
    ],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_a_body_without_readings_says_why(body: bytes) -> None:
    field, reason = refusal(body)

    assert field in ("body", "device_id")
    assert 0 < len(reason) < 400
    assert reason.isprintable()


@pytest.mark.requirement("IN-7")
def test_an_item_of_endless_fields_is_one_refusal() -> None:
    assert refusal({"machine_id": "MX-01", **{f"sensor-{i}": i for i in range(5_000)}})[0] == "body"


FIELDS = st.sampled_from(["device_id", "machine_id", "deviceId", "sensor_type", "value", "timestamp", "unit", "quality", "fault", "x"])
TEXTS = st.sampled_from(["MX-01", "temperature", NOW])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS, inner | TEXTS, max_size=6),
    max_leaves=20,
)


@pytest.mark.requirement("IN-7")
@settings(max_examples=200, deadline=None)
@given(ANY_JSON)
def test_whatever_json_comes_every_item_is_stored_or_refused_with_a_reason(content: Any) -> None:
    found = refused(content)

    assert all(wrong.field and wrong.reason for wrong in found)
    if not any(wrong.field == "body" and wrong.index == 0 for wrong in found):
        parsed = read(content)
        assert {*parsed.item_of_row, *(wrong.index for wrong in found)} == set(range(parsed.items))


@pytest.mark.requirement("IN-7")
@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=40).map(around))
def test_whatever_bytes_come_nothing_but_a_named_reason_is_raised(body: bytes) -> None:
    raw = RawItems(body)

    assert all(wrong.field and wrong.reason and raw[wrong.index] in body for wrong in refused(body))
