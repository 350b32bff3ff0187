"""GraphQL on a connection: `gql` over both WebSocket protocols, and the client of source 000 §4.4."""

import asyncio
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportConnectionFailed, TransportProtocolError, TransportQueryError, TransportServerError
from gql.transport.websockets import WebsocketsTransport
from sqlalchemy import text
from websockets.exceptions import ConnectionClosed, InvalidStatus

from dashapp.actions.access import sign_in
from dashapp.domain.limits import TooMany
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, forget_attempts, new_user
from tests.integration.sockets import PATIENCE_S, Follower, Plant, Replica

pytestmark = pytest.mark.requirement("AP-2")
PROTOCOLS = [WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL, WebsocketsTransport.APOLLO_SUBPROTOCOL]


def transport(replica: Replica, token: str | None, protocol: str) -> WebsocketsTransport:
    payload = {} if token is None else {"Authorization": f"Bearer {token}"}
    return WebsocketsTransport(url=f"{replica.url.replace('http', 'ws')}/graphql", subprotocols=[protocol], init_payload=payload)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_live_data_and_alerts_come_by_both_protocols(replica: Replica, plant: Plant, protocol: str) -> None:
    async def listen() -> tuple[list[Any], list[Any]]:
        statuses: list[Any] = []
        alerts: list[Any] = []
        async with Client(transport=transport(replica, plant.token(), protocol)) as session:

            async def live() -> None:
                async for each in session.subscribe(gql("subscription { liveMachineData { machineId temperature fault } }")):
                    statuses.append(each["liveMachineData"])
                    if len(statuses) == 1:
                        await asyncio.to_thread(replica.temperature, plant, 95.0)
                    elif statuses[-1]:
                        return

            async def news() -> None:
                async for each in session.subscribe(gql("subscription { newAlert { machineId severity message resolved } }")):
                    alerts.append(each["newAlert"])
                    return

            hearing = asyncio.ensure_future(news())
            await asyncio.wait_for(asyncio.gather(live(), hearing), PATIENCE_S)
        return statuses, alerts

    statuses, (alert,) = asyncio.run(listen())
    assert statuses[0] == []
    assert statuses[-1] == [{"machineId": "MX-01", "temperature": 95.0, "fault": False}]
    assert (alert["machineId"], alert["severity"], alert["resolved"]) == ("MX-01", "critical", False)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_protocols_answer_questions_too(replica: Replica, plant: Plant, protocol: str) -> None:
    async def one() -> Any:
        async with Client(transport=transport(replica, plant.token(), protocol)) as session:
            return await session.execute(gql("{ machines { machineId } }"))

    assert asyncio.run(one()) == {"machines": [{"machineId": "MX-01"}, {"machineId": "MX-02"}]}


@pytest.mark.requirement("AP-4")
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("token", [None, "not.a.token"])
def test_a_connection_without_a_good_token_is_not_acknowledged(replica: Replica, protocol: str, token: str | None) -> None:
    async def one() -> None:
        async with Client(transport=transport(replica, token, protocol)):
            pass

    with pytest.raises((TransportServerError, TransportQueryError, TransportConnectionFailed, TransportProtocolError)):
        asyncio.run(one())


def old_client(replica: Replica, **more: Any) -> Follower:
    """The client of source 000 §4.4: no subprotocol is named."""
    return Follower(replica.url, path="/graphql", **more)


def heard(follower: Follower, kind: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        message = json.loads(follower.socket.recv(timeout=PATIENCE_S))
        if message["type"] == kind:
            return message
    raise AssertionError(f"no {kind} came")


def test_the_client_of_the_source_is_answered_without_naming_a_protocol(replica: Replica, plant: Plant, database: Database) -> None:
    forget_attempts(database)
    person = new_user(database, plant.tenant_id)
    cookie = sign_in(database, person.email, PASSWORD, None, None, datetime.now(UTC)).token
    with old_client(replica, additional_headers={"Cookie": f"andon_session={cookie}"}, origin=replica.url) as follower:
        assert follower.socket.subprotocol is None
        follower.socket.send(json.dumps({"type": "connection_init"}))
        heard(follower, "connection_ack")
        query = "subscription { liveMachineData { machineId temperature vibration productionCount fault lastUpdated } }"
        follower.socket.send(json.dumps({"id": "1", "type": "start", "payload": {"query": query}}))
        assert heard(follower, "data") == {"type": "data", "id": "1", "payload": {"data": {"liveMachineData": []}}}
        replica.temperature(plant, 72.5)
        (status,) = heard(follower, "data")["payload"]["data"]["liveMachineData"]
        assert (status["machineId"], status["temperature"]) == ("MX-01", 72.5)
        follower.socket.send(json.dumps({"id": "1", "type": "stop"}))


@pytest.mark.requirement("AP-4")
def test_a_page_of_another_site_opens_no_connection(replica: Replica, plant: Plant) -> None:
    with pytest.raises(InvalidStatus) as refused:
        old_client(replica, token=plant.token(), origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403


@pytest.mark.requirement("AP-4")
def test_who_is_revoked_loses_the_connection_within_five_seconds(replica: Replica, plant: Plant, database: Database) -> None:
    token = plant.token()
    with old_client(replica, token=token) as follower:
        follower.socket.send(json.dumps({"type": "connection_init"}))
        heard(follower, "connection_ack")
        with tenant_transaction(database.engine, plant.tenant_id) as connection:
            connection.execute(text("update users set disabled_at = now() where id = :id"), {"id": plant.person().id})
        began = time.monotonic()
        assert follower.end()[0] == 4401
        assert time.monotonic() - began < 5


@pytest.mark.requirement("AP-4")
def test_who_says_nothing_is_let_go_and_who_signs_in_twice_is_there_once(
    replica: Replica, plant: Plant, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    with old_client(replica, token=plant.token()) as follower:
        for _ in range(3):
            follower.socket.send(json.dumps({"type": "connection_init"}))
            heard(follower, "connection_ack")
        with tenant_transaction(database.engine, plant.tenant_id) as connection:
            connection.execute(text("update users set disabled_at = now() where id = :id"), {"id": plant.person().id})
        assert follower.end()[0] == 4401
    monkeypatch.setattr("dashapp.api.graphql.door.SIGN_IN_S", 0.2)
    with old_client(replica) as follower:
        assert follower.end()[0] == 4408


@pytest.mark.requirement("AP-4")
def test_questions_on_a_connection_count_like_requests(replica: Replica, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    with old_client(replica, token=plant.token()) as follower:
        follower.socket.send(json.dumps({"type": "connection_init"}))
        heard(follower, "connection_ack")

        def refuse(_who: str) -> None:
            raise TooMany(7)

        monkeypatch.setattr(replica.services.limits, "program", refuse)
        follower.socket.send(json.dumps({"id": "1", "type": "start", "payload": {"query": "{ machines { name } }"}}))
        (refused,) = heard(follower, "data")["payload"]["errors"]
        assert refused["extensions"] == {"code": "TOO_MANY", "retry_after_s": 7}


@pytest.mark.parametrize("message", ["[]", "7", '{"type": "start", "id": "1"}', '{"type": 1}', '{"type": "start"}', "{}"])
def test_what_is_no_message_of_the_older_protocol_ends_the_connection_alone(replica: Replica, plant: Plant, message: str) -> None:
    with old_client(replica, token=plant.token()) as follower:
        follower.socket.send(json.dumps({"type": "connection_init"}))
        heard(follower, "connection_ack")
        with suppress(ConnectionClosed):
            follower.socket.send(message)
            follower.socket.send(json.dumps({"type": "connection_terminate"}))
        assert follower.end()[0] in (1000, 4400)


@pytest.mark.parametrize(("payload", "word"), [({"query": ""}, "query"), ({"query": "{ machines { name } }", "operationName": "x"}, "x")])
def test_a_question_that_is_none_is_answered_with_what_is_wrong(
    replica: Replica, plant: Plant, payload: dict[str, Any], word: str
) -> None:
    with old_client(replica, token=plant.token()) as follower:
        follower.socket.send(json.dumps({"type": "connection_init"}))
        heard(follower, "connection_ack")
        follower.socket.send(json.dumps({"id": "1", "type": "start", "payload": payload}))
        refused = heard(follower, "error")["payload"]
        assert refused["extensions"]["code"] == "BAD_REQUEST"
        assert word in refused["message"]


def test_a_subscription_that_asks_too_much_is_refused_too(replica: Replica, plant: Plant) -> None:
    with old_client(replica, token=plant.token()) as follower:
        follower.socket.send(json.dumps({"type": "connection_init"}))
        heard(follower, "connection_ack")
        aliases = " ".join(f"a{n}: machineId" for n in range(40))
        query = f"subscription {{ liveMachineData {{ {aliases} }} }}"
        follower.socket.send(json.dumps({"id": "1", "type": "start", "payload": {"query": query}}))
        assert heard(follower, "error")["payload"]["extensions"]["field"] == "aliases"
