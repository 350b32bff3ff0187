"""The WebSocket as a stranger's client meets it: a plain client, a real server, a real database."""

import base64
import http.client
import json
import os
import socket
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import text

from dashapp.actions.access import sign_in
from dashapp.actions.actor import Actor
from dashapp.actions.alerts import acknowledge_alert, resolve_alert
from dashapp.actions.sessions import sign_out
from dashapp.domain.fleet import Role
from db.commands.stream import forget
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, administrator, forget_attempts, new_user
from tests.integration.sockets import PATIENCE_S, Plant, Replica, readings_of
from tests.serving import wait_until

pytestmark = pytest.mark.requirement("AP-3")


def test_a_client_is_told_of_each_reading_of_the_device_that_it_subscribed_to(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token()) as follower:
        hello = follower.hear("connection-status")
        assert (hello["data"]["status"], hello["data"]["role"]) == ("connected", "viewer")
        answer = follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
        assert answer["data"]["devices"] == ["MX-01"]
        replica.temperature(plant, 71.5)
        told = follower.hear("sensor-data", lambda message: message["id"] is not None)
        assert set(told) == {"event", "id", "data"}
        assert told["data"]["deviceId"] == "MX-01"
        assert told["data"]["sensor"] == "temperature"
        assert told["data"]["data"] == {"value": 71.5, "unit": "°C", "status": "normal", "quality": 192}
        assert told["data"]["timestamp"].endswith("Z")
        replica.temperature(plant, 95.0)
        assert follower.hear("sensor-data", lambda message: message["id"] is not None)["data"]["data"]["status"] == "alert"


def test_whoever_subscribes_is_told_first_how_it_stands(replica: Replica, plant: Plant) -> None:
    replica.temperature(plant, 66.0)
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-device", "MX-01")  # the key alone, as with Socket.IO
        status, value = (next(each for each in follower.told if each["event"] == name) for name in ("device-status", "sensor-data"))
        assert (status["id"], status["data"]["status"]) == (None, "online")
        assert (value["id"], value["data"]["data"]["value"]) == (None, 66.0)


def test_a_device_that_was_not_subscribed_to_is_not_told_of(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token()) as one, replica.follow(plant.token()) as every:
        one.subscribe("subscribe-device", {"deviceId": "MX-01"})
        every.subscribe("subscribe-device", {"deviceId": "*"})
        replica.temperature(plant, 70.0, machine="MX-02")
        replica.temperature(plant, 71.0, machine="MX-01")
        one.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 71.0)
        every.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 71.0)
        assert readings_of(one) == [("MX-01", 71.0)]
        assert readings_of(every) == [("MX-02", 70.0), ("MX-01", 71.0)]
        one.subscribe("unsubscribe-device", {"deviceId": "MX-01"})
        replica.temperature(plant, 72.0)
        every.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 72.0)
        one.say("ping", id=7)
        assert one.hear("pong")["data"]["inReplyTo"] == 7
        assert readings_of(one) == [("MX-01", 71.0)]


def test_an_alert_is_told_from_its_raising_to_its_end(replica: Replica, plant: Plant, database: Database) -> None:
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-alerts")
        replica.temperature(plant, 95.5)
        raised = follower.hear("alert-triggered")
        data = raised["data"]
        assert (data["deviceId"], data["code"], data["severity"]) == ("MX-01", "high_temperature", "critical")
        assert (data["value"], data["threshold"], data["status"]) == (95.5, 90, "triggered")
        who = administrator(plant.tenant_id)
        acknowledge_alert(database, who, int(data["alertId"]))
        assert follower.hear("alert-updated")["data"]["status"] == "acknowledged"
        replica.temperature(plant, 70.0, at=time.time() + 0.5)
        ended = follower.hear("alert-resolved")
        assert ended["data"]["alertId"] == data["alertId"]
        assert ended["id"] != raised["id"]


def test_an_alert_that_a_person_resolves_is_told_as_resolved(replica: Replica, plant: Plant, database: Database) -> None:
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-alerts", {})
        replica.temperature(plant, 95.5)
        raised = follower.hear("alert-triggered")
        replica.temperature(plant, 70.0, at=time.time() + 0.5)  # it returned, and waits for an answer
        resolve_alert(database, administrator(plant.tenant_id), int(raised["data"]["alertId"]))
        assert follower.hear("alert-resolved")["data"]["alertId"] == raised["data"]["alertId"]
        follower.subscribe("unsubscribe-alerts")


def test_the_state_of_the_system_is_told(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-system")
        status = next(each for each in follower.told if each["event"] == "system-status")["data"]
        assert (status["status"], status["devices"]["total"]) == ("healthy", 2)
        assert follower.hear("system-status")["data"]["alerts"] == {"open": 0, "unanswered": 0}


def test_a_device_that_begins_to_report_is_told_as_online(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "MX-02"})
        assert next(each for each in follower.told if each["event"] == "device-status")["data"]["status"] == "never"
        replica.temperature(plant, 70.0, machine="MX-02")
        assert follower.hear("device-status")["data"]["status"] == "online"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("no json", "message"), ("[]", "message"), ('{"data": {}}', "message"), ('{"event": "dance"}', "event"),
        ('{"event": "subscribe-device"}', "deviceId"), ('{"event": "subscribe-device", "data": {"deviceId": 7}}', "deviceId"),
        ('{"event": "subscribe-device", "data": {"deviceId": "MX-99"}}', "deviceId"),
        ('{"event": "subscribe-alerts", "data": {"lastEventId": "yesterday"}}', "lastEventId"),
        ('{"event": "subscribe-alerts", "data": {"lastEventId": 7}}', "lastEventId"), ('{"event": "resume"}', "lastEventId"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_answered_with_the_field_and_the_connection_stays(
    replica: Replica, plant: Plant, message: str, field: str
) -> None:
    with replica.follow(plant.token()) as follower:
        follower.socket.send(message)
        error = follower.hear("error")["data"]
        assert error["field"] == field
        assert error["reason"]
        follower.say("ping")
        follower.hear("pong")


# After a break


def temperatures(replica: Replica, plant: Plant, first: int, last: int) -> None:
    for value in range(first, last):
        replica.temperature(plant, 60 + value / 10)


def test_what_was_missed_in_a_break_is_told_once_and_in_order(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
        follower.subscribe("subscribe-alerts")
        temperatures(replica, plant, 0, 5)
        follower.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 60.4)
        last, had = follower.told[-1]["id"], {each["id"] for each in follower.told}
    temperatures(replica, plant, 5, 20)
    replica.temperature(plant, 99.0)
    with replica.follow(plant.token()) as again:
        answer = again.subscribe("resume", {"deviceIds": ["MX-01"], "alerts": True, "lastEventId": last})["data"]
        assert (answer["resumed"], answer["devices"], answer["alerts"]) == (True, ["MX-01"], True)
        temperatures(replica, plant, 20, 22)
        again.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 62.1)
        assert [value for _, value in readings_of(again, had)] == [60 + n / 10 for n in range(5, 20)] + [99.0, 62.0, 62.1]
        assert [each["event"] for each in again.told if each["event"].startswith("alert-")] == ["alert-triggered", "alert-updated"]


def test_who_was_told_nothing_yet_resumes_from_where_it_came_in(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token()) as follower:
        last = follower.hear("connection-status")["id"]
        follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
    temperatures(replica, plant, 0, 3)
    with replica.follow(plant.token()) as again:
        again.subscribe("subscribe-device", {"deviceId": "MX-01", "lastEventId": last})
        assert [value for _, value in readings_of(again)] == [60.0, 60.1, 60.2]


def test_nothing_is_lost_and_nothing_is_doubled_while_others_write_and_the_client_comes_and_goes(replica: Replica, plant: Plant) -> None:
    stop = threading.Event()
    written: list[float] = []

    def write(machine: str, offset: float) -> None:
        n = 0
        with httpx.Client(base_url=replica.url, headers={"X-API-Key": plant.key}, timeout=PATIENCE_S) as client:
            while not stop.is_set() or n < 40:
                value = round(offset + n / 1000, 3)
                body = {"machine_id": machine, "temperature": value, "timestamp": datetime.now(UTC).isoformat()}
                client.post("/api/v1/readings", json=body).raise_for_status()
                written.append(value)
                n += 1
                time.sleep(0.002)

    writers = [threading.Thread(target=write, args=each) for each in (("MX-01", 60.0), ("MX-02", 70.0), ("MX-01", 50.0))]
    with replica.follow(plant.token()) as follower:
        last = follower.hear("connection-status")["id"]
    for writer in writers:
        writer.start()
    heard: dict[str, float] = {}
    for _ in range(5):
        with replica.follow(plant.token()) as follower:
            follower.subscribe("subscribe-device", {"deviceId": "*", "lastEventId": last})
            follower.quiet(0.1)
            for each in follower.told:
                if each["event"] == "sensor-data" and each["id"] is not None:
                    heard[each["id"]], last = each["data"]["data"]["value"], each["id"]
    stop.set()
    for writer in writers:
        writer.join()
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "*", "lastEventId": last})
        for each in follower.told:
            if each["event"] == "sensor-data" and each["id"] is not None:
                heard[each["id"]] = each["data"]["data"]["value"]
    assert len(written) > 100
    assert sorted(heard.values()) == sorted(written)  # by their ids each once, whatever was told twice


def test_a_place_that_is_not_kept_any_more_is_said_and_the_client_goes_on_from_now(
    replica: Replica, plant: Plant, database: Database
) -> None:
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
        temperatures(replica, plant, 0, 2)
        last = follower.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 60.1)["id"]
    temperatures(replica, plant, 2, 4)
    with tenant_transaction(database.engine, plant.tenant_id) as connection:
        assert forget(connection, datetime.now(UTC)) >= 4
    with replica.follow(plant.token()) as again:
        again.say("subscribe-device", {"deviceId": "MX-01", "lastEventId": last})
        assert "history" in again.hear("error")["data"]["reason"]
        temperatures(replica, plant, 4, 5)
        again.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 60.4)


# Those who read too slowly


def slow_client(replica: Replica, token: str) -> socket.socket:
    """A client that subscribes to everything and then reads nothing; its buffer is as small as it may be."""
    host, port = replica.url.removeprefix("http://").split(":")
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((host, int(port)))
    key = base64.b64encode(os.urandom(16)).decode()
    raw.sendall(
        f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        f"Sec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    )
    answer = http.client.HTTPResponse(raw)
    answer.begin()
    assert answer.status == 101
    payload = json.dumps({"event": "subscribe-device", "data": {"deviceId": "*"}}).encode()
    raw.sendall(bytes((0x81, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
    return raw


def test_a_client_that_does_not_read_is_let_go_and_the_others_hear_everything_in_time(
    replica: Replica, plant: Plant, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dashapp.api.sockets.connection.MOST_WAITING", 20_000)
    monkeypatch.setattr("dashapp.api.sockets.connection.PARTING_S", 0.3)
    caplog.set_level("INFO", "andon.sockets")
    with replica.follow(plant.token()) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
        for listening in replica.server.servers[0].sockets:  # whoever comes from now on has a small buffer at this end, too
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        raw, slowest, batches = slow_client(replica, plant.token()), 0.0, 0
        while "too slow" not in caplog.text:
            assert batches < 200, "it was never let go"
            began = time.monotonic()
            first = int(time.time() * 1000) - 100_000 + batches * 100
            readings = [{"device_id": "MX-01", "sensor_type": "vibration", "value": n, "timestamp": first + n} for n in range(100)]
            sent = {"json": readings, "headers": {"X-API-Key": plant.key}, "timeout": PATIENCE_S}
            httpx.post(f"{replica.url}/api/v1/readings", **sent).raise_for_status()
            for _ in range(100):
                follower.hear("sensor-data", lambda message: message["id"] is not None)
            batches += 1
            slowest = max(slowest, time.monotonic() - began)
        assert len(readings_of(follower)) == 100 * batches
        assert slowest < 2
        raw.settimeout(15)
        with suppress(ConnectionError):  # what was sent before, and then the end
            while raw.recv(65_536):
                pass
        raw.close()


def test_who_sends_too_much_is_let_go(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token()) as follower:
        for _ in range(260):
            follower.say("ping")
        assert follower.end()[0] == 4429


def test_nothing_is_written_down_of_a_plant_that_nobody_follows(replica: Replica, plant: Plant, database: Database) -> None:
    temperatures(replica, plant, 0, 3)
    with tenant_transaction(database.engine, plant.tenant_id) as connection:
        assert connection.execute(text("select count(*) from stream_events where kind = 'readings'")).scalar_one() == 0


def test_signing_out_ends_the_sockets_of_the_session(replica: Replica, plant: Plant, database: Database) -> None:
    forget_attempts(database)
    person = new_user(database, plant.tenant_id)
    signed = sign_in(database, person.email, PASSWORD, None, None, datetime.now(UTC))
    with replica.follow(additional_headers={"Cookie": f"andon_session={signed.token}"}, origin=replica.url) as follower:
        follower.hear("connection-status")
        sign_out(database, Actor("user", person.id, plant.tenant_id, Role.VIEWER, session_id=signed.session_id))
        assert follower.end()[0] == 4401


def test_no_connection_is_left_behind(replica: Replica, plant: Plant) -> None:
    for _ in range(5):
        with replica.follow(plant.token()) as follower:
            follower.subscribe("subscribe-device", {"deviceId": "*"})
            assert replica.sockets()
    wait_until(lambda: not replica.sockets())
