"""The HTTP door: what it answers, and that nothing which comes through it is lost or breaks it."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from dashapp.api.rest.ingest import PATHS, IngestDoor
from dashapp.domain.fleet import DeviceSpec, SensorSpec
from dashapp.ingest import writer
from dashapp.ingest.services import Services
from db.commands.devices import insert_device
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.door import READING, Door, Grant, problem
from tests.integration.plant import Press, make_pipeline, running

# --- what is answered


@pytest.mark.requirement("IN-1")
@pytest.mark.parametrize("path", PATHS)
def test_one_reading_is_answered_when_it_is_stored(door: Door, press: Press, path: str) -> None:
    response = door.post(READING, path=path)

    assert (response.status_code, response.headers["content-type"]) == (201, "application/json")
    assert response.json() == {"status": "success", "message": "Data received", "stored": 1, "duplicates": 0, "rejected": []}
    assert list(press.readings().values()) == [71.5]


@pytest.mark.requirement("IN-7", "IN-8")
def test_of_a_batch_each_part_is_accounted_for(door: Door, press: Press) -> None:
    door.post(READING)

    response = door.post([READING, {**READING, "value": 1}, {**READING, "value": "x"}, {**READING, "timestamp": "2020-05-01T06:00:01Z"}])

    assert response.status_code == 201
    assert response.json() | {"rejected": [], "conflicts": []} == {
        "status": "success", "message": "Data received", "stored": 1, "duplicates": 1, "rejected": [], "conflicts": [],
    }  # fmt: skip
    assert [(each["index"], each["field"]) for each in response.json()["conflicts"]] == [(1, "value")]
    assert [(each["index"], each["field"]) for each in response.json()["rejected"]] == [(2, "value")]
    assert press.column("select convert_from(raw, 'utf8') from dead_letters") == [json.dumps({**READING, "value": "x"})]


@pytest.mark.requirement("IN-8")
def test_a_replay_is_answered_like_the_first_time(door: Door) -> None:
    door.post(READING)

    assert door.post(READING).json() | {"duplicates": 1} == door.post([READING]).json()


@pytest.mark.requirement("IN-8")
def test_another_value_for_the_same_instant_alone_is_a_conflict(door: Door) -> None:
    door.post(READING)

    content = problem(door.post({**READING, "value": 1}), 409)

    assert (content["field"], content["index"]) == ("value", 0)
    assert "71.5" in content["reason"]


@pytest.mark.requirement("IN-7")
def test_an_unknown_device_is_not_found(door: Door) -> None:
    content = problem(door.post([{**READING, "device_id": "NO-1"}, {**READING, "device_id": "NO-2"}]), 404)

    assert content["field"] == "device_id"
    assert [each["index"] for each in content["rejected"]] == [0, 1]
    assert problem(door.post([{**READING, "device_id": "NO-1"}, {**READING, "value": None}]), 422)["stored"] == 0


@pytest.mark.requirement("AP-4")
@pytest.mark.parametrize(
    ("key", "reason"), [(None, "missing"), ("", "missing"), ("wrong", "unknown"), ("reader", "may not send"), ("gone", "unknown")]
)
def test_without_a_key_for_ingest_nothing_is_taken(door: Door, press: Press, key: str | None, reason: str) -> None:
    door.grants |= {"reader": Grant(press.tenant_id, scopes=("read",)), "gone": Grant(-1)}

    response = door.post(READING, key=key)

    assert reason in problem(response, 401)["reason"]
    assert response.headers["www-authenticate"].startswith("ApiKey")
    assert press.readings() == {}


@pytest.mark.requirement("AP-4")
@pytest.mark.parametrize("value", ["Bearer key", "bearer key", "ApiKey key"])
def test_a_key_may_come_as_authorization(door: Door, value: str) -> None:
    assert door.post(READING, key=None, authorization=value).status_code == 201
    assert door.post(READING, key=None, authorization="Basic key").status_code == 401


@pytest.mark.requirement("AP-4")
def test_a_key_of_one_device_speaks_for_no_other(door: Door, press: Press, database: Database, services: Services) -> None:
    with tenant_transaction(database.engine, press.tenant_id) as connection:
        device_id = insert_device(connection, press.tenant_id, DeviceSpec("D-2", "Second", "", "", (SensorSpec("temperature", "T"),)))
    services.catalogue.forget(press.tenant_id)
    door.grants["own"] = Grant(press.tenant_id, device_id=device_id)

    assert problem(door.post(READING, key="own"), 404)["field"] == "device_id"
    assert door.post([{**READING, "device_id": "D-2"}], key="own").json()["stored"] == 1
    assert door.post([READING, {**READING, "device_id": "D-2"}], key="own").json()["duplicates"] == 1
    assert len(press.readings()) == 1


@pytest.mark.requirement("IN-7")
def test_a_device_made_a_moment_ago_is_found(door: Door, press: Press, database: Database, services: Services) -> None:
    problem(door.post({**READING, "device_id": "D-3"}), 404)
    with tenant_transaction(database.engine, press.tenant_id) as connection:
        insert_device(connection, press.tenant_id, DeviceSpec("D-3", "Third", "", "", (SensorSpec("temperature", "T"),)))
    services.catalogue.forget(press.tenant_id)

    assert door.post({**READING, "device_id": "D-3"}).status_code == 201


@pytest.mark.requirement("IN-7")
def test_an_unknown_device_registers_where_the_plant_allows_it(door: Door, press: Press, database: Database, services: Services) -> None:
    def register(_services: Services, tenant_id: int, wanted: list[tuple[str, str, str]]) -> None:
        with tenant_transaction(database.engine, tenant_id) as connection:
            for device, sensor, unit in wanted:
                insert_device(connection, tenant_id, DeviceSpec(device, device, "", "", (SensorSpec(sensor, sensor, unit),)))
        services.catalogue.forget(tenant_id)

    with tenant_transaction(database.engine, press.tenant_id) as connection:
        connection.execute(text("update tenants set settings = '{\"auto_register\": true}'"))
    services.catalogue.forget(press.tenant_id)
    door.register = register

    response = door.post([{**READING, "device_id": "NEW-1", "unit": "°C"}, {**READING, "device_id": "NEW\u0000"}])

    assert (response.json()["stored"], len(response.json()["rejected"])) == (1, 1)


# --- Idempotency-Key


@pytest.mark.requirement("IN-7")
def test_a_request_with_a_key_gets_the_same_answer_again(door: Door, press: Press) -> None:
    undated = [{"machine_id": "MX-01", "production_count": 3}, {"machine_id": "MX-01", "production_count": "x"}]

    first, again = (door.post(undated, idempotency_key="a") for _ in range(2))
    other = door.post(undated[:1], idempotency_key="a")

    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert problem(other, 422)["field"] == "Idempotency-Key"
    assert press.states()[press.count][2:] == (3.0, 1)
    assert len(press.column("select 1 from dead_letters")) == 1


@pytest.mark.requirement("IN-7")
def test_a_refusal_is_repeated_too(door: Door, press: Press) -> None:
    first, again = (door.post({**READING, "value": None}, idempotency_key="a") for _ in range(2))

    assert (first.status_code, first.content) == (422, again.content)
    assert len(press.column("select 1 from dead_letters")) == 1


@pytest.mark.requirement("IN-7", "IN-8")
def test_the_same_request_many_times_at_once_is_stored_once(door: Door, press: Press) -> None:
    answers = door.post_all([{"machine_id": "MX-01", "production_count": 3}] * 20, idempotency_key="a")

    assert {(each.status_code, each.content) for each in answers} == {(201, answers[0].content)}
    assert press.states()[press.count][2:] == (3.0, 1)


@pytest.mark.requirement("IN-7")
@pytest.mark.parametrize("key", ["", "x" * 201, "a\tb", "\x7f"])
def test_an_unusable_key_is_refused(door: Door, press: Press, key: str) -> None:
    assert problem(door.post(READING, idempotency_key=key), 422)["field"] == "Idempotency-Key"
    assert press.readings() == {}


# --- when it cannot be stored now


@pytest.mark.requirement("IN-1")
def test_a_full_queue_answers_503_and_when_to_come_back(database: Database, press: Press) -> None:
    small = make_pipeline(database, queue_rows=1_000)
    door = Door(small, {"key": Grant(press.tenant_id)})
    with running(small), tenant_transaction(database.engine, press.tenant_id) as connection:
        connection.execute(text("select 1 from sensor_state for update"))
        release = asyncio.run(fill_and_release(door, connection.rollback))

    assert {each.status_code for each in release} == {201, 503}
    refused = [each for each in release if each.status_code == 503]
    assert all(problem(each, 503) and int(each.headers["retry-after"]) >= 1 for each in refused)
    assert len(press.readings()) == sum(each.json()["stored"] for each in release if each.status_code == 201)


async def fill_and_release(door: Door, release: Callable[[], None]) -> list[httpx.Response]:
    """Posts until the queue is full, then lets the writers go on: more than waits in it and in the slice under way together."""
    ingest = IngestDoor(door.services, find_key=door._find, cached_key=door._find, register=door.register)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(ingest), base_url="http://plant", headers={"X-API-Key": "key"}) as client:
        posts = []
        for number in range(50):
            seconds = range(number * 60, number * 60 + 60)
            body = [{**READING, "timestamp": 1_500_000_000 + second} for second in seconds]
            posts.append(asyncio.create_task(client.post(PATHS[0], json=body)))
        await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        release()
        return list(await asyncio.gather(*posts))


@pytest.mark.requirement("IN-1", "OP-4")
def test_a_database_that_is_away_answers_503(database: Database, press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    services = make_pipeline(database)
    door = Door(services, {"key": Grant(press.tenant_id), "away": OperationalError("", {}, psycopg.OperationalError("refused"))})
    door.services.catalogue.of(press.tenant_id)
    connect = writer.connect_raw

    def refused(_url: Any) -> Any:
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(writer, "GIVE_UP_AFTER_S", 0.1)
    monkeypatch.setattr(writer, "connect_raw", refused)
    with running(services):
        for key in ("key", "away"):
            response = door.post(READING, key=key)
            problem(response, 503)
            assert int(response.headers["retry-after"]) >= 1
        monkeypatch.setattr(writer, "connect_raw", connect)
        assert door.post(READING).status_code == 201


@pytest.mark.requirement("IN-7")
def test_a_body_beyond_the_limit_is_too_large(door: Door, press: Press) -> None:
    limit = door.services.settings.body_bytes

    assert problem(door.post(b" " * (limit + 1)), 413)["field"] == "body"
    assert problem(door.post(b" " * limit), 422)["field"] == "body"
    assert len(press.column("select 1 from dead_letters")) == 1


@pytest.mark.requirement("IN-1")
def test_a_client_that_goes_away_in_the_middle_leaves_nothing_behind(door: Door, press: Press) -> None:
    ingest = IngestDoor(door.services, find_key=door._find, cached_key=door._find, register=door.register)
    messages = iter([{"type": "http.request", "body": b'[{"device_id"', "more_body": True}, {"type": "http.disconnect"}])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(ingest({"type": "http", "headers": [(b"x-api-key", b"key")]}, receive, send))

    assert sent == []
    assert press.column("select 1 from dead_letters") == []
