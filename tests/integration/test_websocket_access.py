"""Who may follow by WebSocket: origins, tokens, keys, roles and lines, and how fast a revocation reaches what is open."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from websockets.exceptions import InvalidStatus

from dashapp.actions.access import sign_in
from dashapp.actions.keys import create_key, revoke_key
from dashapp.api.tokens import issue_token
from dashapp.domain.fleet import Role
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, administrator, forget_attempts, new_user
from tests.integration.sockets import Follower, Plant, Replica, new_plant, readings_of

pytestmark = pytest.mark.requirement("AP-3")


def refusal(replica: Replica, **more: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refused:
        replica.follow(**more)
    return refused.value.response.status_code, json.loads(refused.value.response.body or b"{}")


@pytest.mark.requirement("AP-4", "AP-5")
def test_a_page_of_another_site_is_refused_also_with_a_good_cookie(replica: Replica, plant: Plant, database: Database) -> None:
    forget_attempts(database)
    person = new_user(database, plant.tenant_id)
    token = sign_in(database, person.email, PASSWORD, None, None, datetime.now(UTC)).token
    cookie = {"Cookie": f"andon_session={token}"}
    status, problem = refusal(replica, additional_headers=cookie, origin="https://elsewhere.example")
    assert (status, problem["field"]) == (403, "Origin")
    assert refusal(replica, additional_headers=cookie)[0] == 403  # nothing says that it is one of our pages
    with replica.follow(additional_headers=cookie, origin=replica.url) as follower:
        assert follower.hear("connection-status")["data"]["name"] == person.name


@pytest.mark.requirement("AP-4")
def test_a_page_of_a_site_that_the_settings_name_comes_in_by_token_and_not_by_cookie(
    replica: Replica, plant: Plant, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_attempts(database)
    monkeypatch.setattr(replica.services.settings, "cors_origins", "https://desk.example")
    signed = sign_in(database, new_user(database, plant.tenant_id).email, PASSWORD, None, None, datetime.now(UTC))
    cookie = {"Cookie": f"andon_session={signed.token}"}
    for path in ("/ws", "/graphql"):
        with Follower(replica.url, plant.token(), path=path, origin="https://desk.example"):
            pass
        with pytest.raises(InvalidStatus):
            Follower(replica.url, plant.token(), path=path, origin="https://elsewhere.example")
    assert refusal(replica, additional_headers=cookie, origin="https://desk.example")[0] == 403


@pytest.mark.requirement("AP-4")
def test_a_token_that_is_not_good_is_refused_at_the_handshake(replica: Replica) -> None:
    status, problem = refusal(replica, token="not.a.token")
    assert (status, problem["title"]) == (401, "Not signed in")


@pytest.mark.requirement("AP-4")
def test_who_cannot_set_a_header_signs_in_by_the_first_message(replica: Replica, plant: Plant) -> None:
    with replica.follow() as follower:
        follower.say("authenticate", {"token": plant.token()})
        assert follower.hear("connection-status")["data"]["status"] == "connected"
        follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
    with replica.follow() as follower:
        follower.say("subscribe-alerts")
        assert follower.end()[0] == 4401
    with replica.follow() as follower:
        follower.say("authenticate", {"token": "wrong"})
        assert follower.end()[0] == 4401


@pytest.mark.requirement("AP-4")
@pytest.mark.parametrize("how", ["token", "session"])
def test_who_is_revoked_loses_the_open_connection_within_five_seconds(
    replica: Replica, plant: Plant, database: Database, how: str
) -> None:
    forget_attempts(database)
    person = new_user(database, plant.tenant_id)
    signed = sign_in(database, person.email, PASSWORD, None, None, datetime.now(UTC))
    cookie = {"additional_headers": {"Cookie": f"andon_session={signed.token}"}, "origin": replica.url}
    plant.people["viewer None"] = person
    with replica.follow(plant.token()) if how == "token" else replica.follow(**cookie) as follower:
        follower.subscribe("subscribe-device", {"deviceId": "MX-01"})
        with tenant_transaction(database.engine, plant.tenant_id) as connection:  # as another replica would: nobody here is told
            if how == "token":
                connection.execute(text("update users set disabled_at = now() where id = :id"), {"id": person.id})
            else:
                connection.execute(text("delete from sessions where id = :id"), {"id": signed.session_id})
        began = time.monotonic()
        assert follower.end()[0] == 4401
        assert time.monotonic() - began < 5


@pytest.mark.requirement("DB-6", "FL-4")
def test_a_tenant_hears_nothing_of_another(replica: Replica, plant: Plant, database: Database) -> None:
    other = new_plant(database)  # with devices of the same keys
    with replica.follow(plant.token()) as ours, replica.follow(other.token()) as theirs:
        for follower in (ours, theirs):
            follower.subscribe("subscribe-device", {"deviceId": "*"})
            follower.subscribe("subscribe-alerts")
        replica.temperature(other, 95.0)
        replica.temperature(plant, 71.0)
        theirs.hear("alert-triggered")
        ours.hear("sensor-data", lambda message: message["id"] is not None)
        assert [each for each in ours.quiet(0.3) if each["event"] != "device-status"] == []
        assert readings_of(ours) == [("MX-01", 71.0)]
        foreign = next(each["id"] for each in theirs.told if each["id"] and each["event"] == "sensor-data")
    with replica.follow(plant.token()) as ours:
        ours.say("subscribe-device", {"deviceId": "*", "lastEventId": foreign})
        assert ours.hear("error")["data"]["field"] == "lastEventId"


@pytest.mark.requirement("FL-3")
def test_who_is_limited_to_a_line_hears_of_that_line_alone(replica: Replica, plant: Plant) -> None:
    with replica.follow(plant.token(Role.VIEWER, ["A"])) as follower:
        follower.say("subscribe-device", {"deviceId": "MX-02"})
        assert follower.hear("error")["data"]["field"] == "deviceId"
        follower.subscribe("subscribe-device", {"deviceId": "*"})
        follower.subscribe("subscribe-alerts")
        replica.temperature(plant, 95.0, machine="MX-02")
        replica.temperature(plant, 71.0, machine="MX-01")
        follower.hear("sensor-data", lambda message: message["id"] is not None)
        assert [each for each in follower.quiet(0.3) if each["event"] != "device-status"] == []
        assert readings_of(follower) == [("MX-01", 71.0)]
        assert not any(each["event"].startswith("alert") for each in follower.told)


@pytest.mark.requirement("AP-4")
def test_a_key_that_may_read_follows_and_one_of_a_device_follows_that_device_alone(
    replica: Replica, plant: Plant, database: Database
) -> None:
    who = administrator(plant.tenant_id)
    assert refusal(replica, additional_headers={"X-API-Key": plant.key})[0] == 403  # it may send, not read
    with tenant_transaction(database.engine, plant.tenant_id) as connection:
        device_id = connection.execute(text("select id from devices where key = 'MX-01'")).scalar_one()
    key_id, key = create_key(database, who, "screen", ["read"], None)
    _, narrow = create_key(database, who, "gateway of MX-01", ["read"], device_id)
    with (
        replica.follow(additional_headers={"X-API-Key": key}) as every,
        replica.follow(additional_headers={"Authorization": f"ApiKey {narrow}"}) as one,
    ):
        for follower in (every, one):
            follower.subscribe("subscribe-device", {"deviceId": "*"})
            follower.subscribe("subscribe-alerts")
        one.say("subscribe-device", {"deviceId": "MX-02"})
        assert one.hear("error")["data"]["field"] == "deviceId"
        replica.temperature(plant, 95.0, machine="MX-02")
        replica.temperature(plant, 71.0)
        for follower in (every, one):
            follower.hear("sensor-data", lambda message: message["data"]["data"]["value"] == 71.0)
        assert readings_of(every) == [("MX-02", 95.0), ("MX-01", 71.0)]
        assert readings_of(one) == [("MX-01", 71.0)]
        assert [any(each["event"] == "alert-triggered" for each in follower.told) for follower in (every, one)] == [True, False]
        revoke_key(database, who, key_id)
        assert every.end(5)[0] == 4401


@pytest.mark.requirement("AP-4")
def test_a_token_of_the_hour_is_replaced_without_a_break(replica: Replica, plant: Plant) -> None:
    short = issue_token(plant.database, plant.person(), minutes=1, now=datetime.now(UTC) - timedelta(seconds=50))
    with replica.follow(short) as stays, replica.follow(short) as ends:
        stays.say("authenticate", {"token": plant.token()})
        stays.hear("connection-status", lambda message: message["data"]["status"] == "authenticated")
        assert ends.end()[0] == 4401
        stays.say("ping")
        stays.hear("pong")
