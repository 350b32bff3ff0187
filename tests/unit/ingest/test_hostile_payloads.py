"""Hostile input: what is wrong is named by field and reason, and nothing else is lost."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashapp.ingest.payloads import RawItems
from tests.unit.ingest.hostile import BAD_BODIES, BAD_ITEMS, BAD_VALUES, around, item_with
from tests.unit.ingest.names import GOOD, NOW, read, refusal, refused


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize("value", BAD_VALUES, ids=lambda value: repr(value[:12]))
def test_a_value_that_is_none_is_named_and_its_neighbours_are_kept(value: bytes) -> None:
    item = item_with(value)

    parsed = read(around(item))

    (wrong,) = parsed.refused
    assert (wrong.index, wrong.field) == (1, "value")
    assert 0 < len(wrong.reason) < 300
    assert list(parsed.item_of_row) == [0, 2]
    assert RawItems(around(item))[1] == item


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
@pytest.mark.parametrize("body", BAD_BODIES, ids=lambda body: repr(body[:12]))
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
