"""Hostile input through the HTTP door: field and reason, a dead letter with the bytes as they came, nothing else lost."""


import pytest

from db.engine import Database
from tests.integration.door import READING, Door, Grant, problem
from tests.integration.plant import Press, new_press
from tests.unit.ingest.hostile import BAD_BODIES, BAD_ITEMS, BAD_VALUES, around, item_with


@pytest.mark.requirement("IN-7")
def test_whatever_stands_between_two_good_readings_costs_itself_alone(door: Door, database: Database) -> None:
    bad = [item_with(value) for value in BAD_VALUES] + [item for item, _ in BAD_ITEMS]
    for item in bad:
        press = new_press(database)
        door.grants["key"] = Grant(press.tenant_id)

        response = door.post(around(item))

        assert (response.status_code, response.json()["stored"]) == (201, 2), item[:80]
        (refused,) = response.json()["rejected"]
        assert refused["index"] == 1
        assert refused["field"]
        assert refused["reason"]
        assert len(press.readings()) == 2
        assert [bytes(raw) for raw in press.column("select raw from dead_letters")] == [item[:16_384]]


@pytest.mark.requirement("IN-7")
def test_a_bad_item_alone_is_refused_with_field_and_reason_and_kept(door: Door, press: Press) -> None:
    bad = [item_with(value) for value in BAD_VALUES] + [item for item, _ in BAD_ITEMS if not item.startswith(b"[")]

    answers = [door.post(item) for item in bad]

    for item, response in zip(bad, answers, strict=True):
        content = problem(response, response.status_code)
        assert response.status_code in (404, 422), item[:80]
        assert content["field"]
        assert content["reason"]
    assert press.readings() == {}
    assert [bytes(raw) for raw in press.column("select raw from dead_letters order by id")] == [item[:16_384] for item in bad]


@pytest.mark.requirement("IN-7")
def test_a_body_that_cannot_be_read_is_refused_and_kept(door: Door, press: Press) -> None:
    for body in BAD_BODIES:
        content = problem(door.post(body), 422)
        assert content["field"]
        assert content["reason"]

    kept = [bytes(raw) for raw in press.column("select raw from dead_letters order by id")]
    assert kept == [body[:16_384] for body in BAD_BODIES]


@pytest.mark.requirement("IN-7")
def test_every_refused_item_of_a_large_batch_is_kept_and_counted(door: Door, press: Press) -> None:
    body = [{**READING, "timestamp": 1_500_000_000 + i, "value": i if i % 2 else "x"} for i in range(5_000)]

    content = door.post(body).json()

    assert (content["stored"], len(content["rejected"]), content["counts"]["rejected"]) == (2_500, 1_000, 2_500)
    assert press.column("select count(*) from dead_letters") == [2_500]
