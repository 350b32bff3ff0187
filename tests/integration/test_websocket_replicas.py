"""Following across a restart of the server and across two replicas: processes of their own on one database."""

import shutil
import tempfile
from collections.abc import Container, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.integration.sockets import PATIENCE_S, Follower, readings_of
from tests.serving import KEY, OWNER, Server

pytestmark = [pytest.mark.requirement("AP-3", "OP-1"), pytest.mark.embedded]


@pytest.fixture(scope="module")
def replicas() -> Iterator[tuple[Server, Server]]:
    """Two replicas of one plant; a test may stop them."""
    folder = Path(tempfile.mkdtemp(prefix="andon-test-"))
    both = Server(folder, {"ANDON_DEMO": "0"}), Server(folder, {"ANDON_DEMO": "0"})
    try:
        both[0].start()
        make_device(both[0])
        yield both
    finally:
        for each in reversed(both):
            if is_running(each):
                each.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def pair(replicas: tuple[Server, Server]) -> tuple[Server, Server]:
    """Both of them running."""
    for each in replicas:
        if not is_running(each):
            each.start()
    return replicas


def is_running(server: Server) -> bool:
    return server.process is not None and server.process.poll() is None


def token(server: Server) -> str:
    answer = httpx.post(f"{server.url}/api/v1/auth/login", data={"username": OWNER[0], "password": OWNER[1]}, timeout=PATIENCE_S)
    return answer.json()["access_token"]


def make_device(server: Server) -> None:
    sensors = [{"key": "temperature", "unit": "°C", "limit_high": 90, "severity": "critical"}]
    headers = {"Authorization": f"Bearer {token(server)}"}
    body = {"key": "MX-01", "name": "Press", "sensors": sensors}
    assert httpx.post(f"{server.url}/api/v1/devices", json=body, headers=headers, timeout=PATIENCE_S).status_code == 201


def post(server: Server, *values: float) -> None:
    for value in values:
        reading = {"machine_id": "MX-01", "temperature": value, "timestamp": datetime.now(UTC).isoformat()}
        answer = httpx.post(f"{server.url}/api/v1/readings", json=reading, headers={"X-API-Key": KEY}, timeout=PATIENCE_S)
        assert answer.status_code == 201, answer.text


def heard(follower: Follower, had: Container[str] = ()) -> list[float]:
    return [value for _, value in readings_of(follower, had)]


def until(follower: Follower, value: float) -> str:
    """Hears until this value; its id."""
    return follower.hear("sensor-data", lambda message: message["data"]["data"]["value"] == value and message["id"] is not None)["id"]


def test_what_one_replica_stores_is_told_by_the_other_under_the_same_ids(pair: tuple[Server, Server]) -> None:
    one, other = pair
    with Follower(one.url, token(one)) as here, Follower(other.url, token(one)) as there:
        for follower in (here, there):
            follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
            follower.subscribe("subscribe-alerts")
        post(one, 61.0, 62.0)
        post(other, 63.0, 95.0)
        for follower in (here, there):
            until(follower, 95.0)
            follower.hear("alert-triggered")
            assert heard(follower) == [61.0, 62.0, 63.0, 95.0]
        ids = [[each["id"] for each in follower.told if each["id"] and each["event"] != "connection-status"] for follower in (here, there)]
        assert ids[0] == ids[1]


def test_a_client_goes_on_at_another_replica_and_after_a_restart_without_loss(pair: tuple[Server, Server]) -> None:
    one, other = pair
    with Follower(one.url, token(one)) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
        post(other, 61.0, 62.0)
        last = until(follower, 62.0)
        had = {each["id"] for each in follower.told} - {None}
        post(other, 63.0)
    post(one, 64.0)
    with Follower(other.url, token(other)) as follower:  # the same client, at the other door
        follower.subscribe("resume", {"deviceIds": ["MX-01"], "alerts": True, "lastEventId": last})
        post(one, 65.0)
        last = until(follower, 65.0)
        assert heard(follower, had) == [63.0, 64.0, 65.0]
        had |= {each["id"] for each in follower.told}
        other.kill()  # without a word
        post(one, 66.0)
    one.stop()
    one.start()
    post(one, 67.0)
    with Follower(one.url, token(one)) as follower:
        follower.subscribe("resume", {"deviceIds": ["MX-01"], "lastEventId": last})
        post(one, 68.0)
        until(follower, 68.0)
        assert heard(follower, had) == [66.0, 67.0, 68.0]


def test_a_server_that_stops_says_so_and_is_not_kept_by_its_clients(pair: tuple[Server, Server]) -> None:
    one, _ = pair
    with Follower(one.url, token(one)) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "*"})
        assert one.stop() == 0
        assert follower.end() == (1012, "")


@pytest.mark.requirement("AP-4")
def test_who_is_signed_out_on_one_replica_loses_the_sockets_on_the_other(pair: tuple[Server, Server]) -> None:
    one, other = pair
    with httpx.Client(base_url=one.url, follow_redirects=False, timeout=PATIENCE_S) as browser:
        form = browser.get("/sign-in").text.partition('name="csrf_token" value="')[2].partition('"')[0]
        fields = {"email": OWNER[0], "password": OWNER[1], "csrf_token": form, "next": "/"}
        assert browser.post("/sign-in", data=fields).status_code == 303
        cookie = {"Cookie": f"andon_session={browser.cookies['andon_session']}"}
        with Follower(other.url, additional_headers=cookie, origin=other.url) as follower:
            follower.hear("connection-status")
            assert browser.post("/sign-out", headers={"Origin": one.url}).status_code == 303
            assert follower.end(6)[0] == 4401
