"""REST as a whole: what pages can do programs can, tags and cursors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashapp.api.rest import rules as rest_rules
from dashapp.domain.fleet import Role
from dashapp.domain.rule_settings import RuleSettings
from db.engine import Database
from tests.integration.site import API, Site, done, open_site, refused

pytestmark = pytest.mark.requirement("AP-1")
NOW = datetime.now(UTC).replace(microsecond=0)


def reading(seconds: float, **values: Any) -> dict[str, Any]:
    return {"machine_id": "MX-01", "timestamp": (NOW - timedelta(seconds=seconds)).isoformat(), **(values or {"temperature": 71.5})}


def test_a_device_lives_its_life_by_rest(site: Site) -> None:
    made = site.ask("POST", f"{API}/devices", json={"key": "press-1", "location": "Hall 2", "line": "line-2",
                                                    "sensors": [{"key": "pressure", "unit": "bar", "limit_high": 10}]})  # fmt: skip
    assert done(made, 201)["location"] == "Hall 2"
    path = made.headers["location"]
    assert done(site.post({"machine_id": "press-1", "pressure": 7.5}), 201)["stored"] == 1
    now = done(site.ask("GET", f"{path}/current"))
    assert [(one["key"], one["value"], one["unit"]) for one in now["sensors"]] == [("pressure", 7.5, "bar")]
    state = done(site.ask("GET", f"{path}/status"))
    assert (state["reporting"], state["alert_status"], state["last_reading"]["value"]) == (True, "normal", 7.5)
    assert done(site.ask("PATCH", path, json={"status": "maintenance"}))["status"] == "maintenance"
    config = done(site.ask("PUT", f"{path}/config", json={"name": "Press", "sensors": [
        {"key": "pressure", "unit": "bar", "limit_high": 9}, {"key": "temperature", "unit": "°C"}]}))  # fmt: skip
    assert {one["key"]: one["limit_high"] for one in config["sensors"]} == {"pressure": 9, "temperature": None}
    other = {"name": "Press", "sensors": [{"key": "pressure", "unit": "psi"}]}
    refused(site.ask("PUT", f"{path}/config", json=other), 409, "sensors.0.unit")
    converted = done(site.ask("PUT", f"{path}/sensors/pressure", json={"name": "Pressure", "unit": "kPa", "unit_change": "convert"}))
    assert converted == {"converted": 1}
    assert done(site.ask("GET", f"{path}/history"))["history"][0]["pressure"] == pytest.approx(750)
    done(site.ask("PUT", f"{path}/sensors", json={"order": ["temperature", "pressure"]}), 204)
    done(site.ask("DELETE", f"{path}/sensors/temperature"), 204)
    assert done(site.ask("GET", f"{path}/removal"))["readings"] == 1
    done(site.ask("DELETE", path), 204)
    refused(site.ask("GET", path), 404, "machine_id")


def test_both_names_lead_to_the_same_device(site: Site) -> None:
    done(site.post(reading(5)), 201)
    for rest in ("", "/status", "/current", "/history", "/measurements"):
        first, second = (done(site.ask("GET", f"{API}/{name}/MX-01{rest}")) for name in ("machines", "devices"))
        assert first == second


def test_history_comes_in_pages_that_miss_and_repeat_nothing(site: Site) -> None:
    done(site.post([reading(second) for second in range(10)]), 201)
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = done(site.ask("GET", f"{API}/devices/MX-01/history", params={"limit": 4, **cursor}))
        found += [row["timestamp"] for row in page["history"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(found) == len(set(found)) == 10
    assert found == sorted(found, reverse=True)
    inside = {"from": (NOW - timedelta(seconds=5)).isoformat(), "to": (NOW - timedelta(seconds=2)).isoformat()}
    assert len(done(site.ask("GET", f"{API}/devices/MX-01/history", params=inside))["history"]) == 3
    answer = site.ask("GET", f"{API}/machines/MX-01/measurements", params={"limit": 4})
    assert len(done(site.ask("GET", answer.links["next"]["url"]))) == 4


@pytest.mark.requirement("AP-5")
@pytest.mark.parametrize("cursor", ["x", "W10", "bnVsbA", "WyJ4Il0", "WzEuNV0", "W1tdXQ", "eyJhIjoxfQ", "😀", "W3RydWVd"])
def test_what_is_no_cursor_is_refused(site: Site, cursor: str) -> None:
    for path in ("devices/MX-01/history", "devices", "rules", "users", "channels/notices", "alerts/history", "imports", "maintenance"):
        answer = site.ask("GET", f"{API}/{path}", params={"cursor": cursor})
        if answer.status_code != 200:  # of another list it may be one
            refused(answer, 422, "cursor")


@pytest.mark.requirement("AP-5")
def test_lists_go_on_where_they_were_though_rows_come_and_go(site: Site) -> None:
    for name in ("a", "b", "c", "d"):
        done(site.ask("POST", f"{API}/devices", json={"key": name}), 201)
    first = done(site.ask("GET", f"{API}/devices", params={"limit": 3}))
    assert [one["machine_id"] for one in first["devices"]] == ["MX-01", "MX-02", "a"]
    done(site.ask("DELETE", f"{API}/devices/a"), 204)
    done(site.ask("POST", f"{API}/devices", json={"key": "ab"}), 201)
    rest = done(site.ask("GET", f"{API}/devices", params={"limit": 3, "cursor": first["next_cursor"]}))
    assert [one["machine_id"] for one in rest["devices"]] == ["ab", "b", "c"]


@pytest.mark.requirement("AP-5")
def test_what_has_not_changed_is_a_304_and_what_has_is_not(site: Site) -> None:
    done(site.post(reading(5)), 201)
    paths = [f"{API}/{path}" for path in ("machines", "machines/status", "devices", "devices/MX-01/current", "alerts", "rules", "config")]
    for path in paths:
        for _ in range(2):  # from the routes, then from memory
            answer = site.ask("GET", path)
            tag = answer.headers["etag"]
            assert answer.headers["cache-control"] == "private, no-cache"
            again = site.ask("GET", path, headers={"If-None-Match": f'"other", W/{tag}'})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
    before = site.ask("GET", f"{API}/machines/status").headers["etag"]
    done(site.post(reading(1, temperature=72.0)), 201)
    assert site.ask("GET", f"{API}/machines/status", headers={"If-None-Match": before}).status_code == 200


def test_the_state_in_memory_says_what_the_routes_say_and_asks_who_it_is(site: Site, database: Database, tenant: int) -> None:
    done(site.post(reading(5, temperature=71.5, production_count=3, fault=True)), 201)
    cold = site.ask("GET", f"{API}/machines/status")
    warm = site.ask("GET", f"{API}/machines/status")
    assert done(cold) == done(warm)
    row = done(warm)[0]
    assert (row["machine_id"], row["temperature"], row["production_count"], row["fault"]) == ("MX-01", 71.5, 3, True)
    assert site.ask("GET", f"{API}/machines/status", None).status_code == 401
    assert site.ask("GET", f"{API}/machines/status", None, headers={"X-API-Key": "andon_nobody"}).status_code == 401
    refused(site.ask("GET", f"{API}/devices/none/current"), 404, "machine_id")
    only = done(site.ask("POST", f"{API}/keys", json={"name": "MX-02", "scopes": ["read"], "machine_id": "MX-02"}), 201)["key"]
    for _ in range(2):
        key = {"X-API-Key": only}
        assert [one["machine_id"] for one in done(site.ask("GET", f"{API}/machines/status", None, headers=key))] == ["MX-02"]
        refused(site.ask("GET", f"{API}/devices/MX-01/current", None, headers=key), 404, "machine_id")
    done(site.post(reading(1, temperature=73.25)), 201)
    assert done(site.ask("GET", f"{API}/machines/status"))[0]["temperature"] == 73.25


def test_rules_windows_channels_policies_groups_views_screens_and_keys_by_rest(site: Site) -> None:
    group = done(site.ask("POST", f"{API}/groups", json={"name": "Presses", "devices": ["MX-01"]}), 201)
    rule = done(site.ask("POST", f"{API}/rules", json={"name": "Hot", "target": {"group_id": group["id"], "sensor": "temperature"},
                                                      "settings": {"high": 95, "severity": "high"}}), 201)  # fmt: skip
    assert (rule["target"], rule["settings"]["high"]) == ({"machine_id": None, "group_id": group["id"], "sensor": "temperature"}, 95)
    refused(site.ask("DELETE", f"{API}/groups/{group['id']}"), 409, "group")
    assert done(site.ask("POST", f"{API}/rules/{rule['id']}/disable"))["enabled"] is False
    changed = {**rest_rules.EXAMPLE, "name": "Hotter"}
    assert done(site.ask("PUT", f"{API}/rules/{rule['id']}", json=changed))["target"]["machine_id"] == "MX-01"
    assert [one["what"] for one in done(site.ask("GET", f"{API}/rules/{rule['id']}/versions"))] == ["changed", "disabled", "created"]
    refused(site.ask("POST", f"{API}/rules", json={**changed, "policy_id": 99}), 409, "body")
    refused(site.ask("POST", f"{API}/rules", json={**changed, "settings": {"high": 9, "low": 10}}), 422, "high")
    done(site.ask("DELETE", f"{API}/rules/{rule['id']}"), 204)
    done(site.ask("PUT", f"{API}/groups/{group['id']}", json={"name": "Both", "devices": ["MX-01", "MX-02"]}))
    refused(site.ask("PUT", f"{API}/groups/{group['id']}", json={"name": "Both", "devices": ["none"]}), 404, "devices")
    assert done(site.ask("GET", f"{API}/groups/{group['id']}"))["devices"] == ["MX-01", "MX-02"]

    window = {"starts_at": (NOW + timedelta(hours=1)).isoformat(), "ends_at": (NOW + timedelta(hours=2)).isoformat(), "reason": "Oil"}
    planned = done(site.ask("POST", f"{API}/maintenance", json={**window, "machine_id": "MX-01"}), 201)
    assert [one["id"] for one in done(site.ask("GET", f"{API}/maintenance"))["windows"]] == [planned["id"]]
    done(site.ask("DELETE", f"{API}/maintenance/{planned['id']}"), 204)
    done(site.ask("DELETE", f"{API}/groups/{group['id']}"), 204)

    channel = done(site.ask("POST", f"{API}/channels", json={"name": "Hook", "kind": "webhook",
                                                            "address": "https://198.51.100.7/secret-path"}), 201)  # fmt: skip
    assert "secret-path" not in site.ask("GET", f"{API}/channels").text
    assert done(site.ask("POST", f"{API}/channels/{channel['id']}/disable"))["enabled"] is False
    assert done(site.ask("PUT", f"{API}/channels/{channel['id']}", json={"name": "Hook 2", "kind": "webhook"}))["hint"] == channel["hint"]
    policy = done(site.ask("POST", f"{API}/policies", json={"name": "Night", "steps": [
        {"after_s": 0, "targets": [{"channel_id": channel["id"]}]}]}), 201)  # fmt: skip
    assert done(site.ask("GET", f"{API}/policies/{policy['id']}"))["steps"][0]["targets"][0]["channel_id"] == channel["id"]
    assert done(site.ask("GET", f"{API}/channels/notices"))["notices"] == []
    done(site.ask("DELETE", f"{API}/policies/{policy['id']}"), 204)
    done(site.ask("DELETE", f"{API}/channels/{channel['id']}"), 204)

    view = done(site.ask("POST", f"{API}/views", json={"name": "Mine", "path": "/devices/MX-01?range=8h"}), 201)
    shared = done(site.ask("POST", f"{API}/views/{view['id']}/share"))
    assert [one["name"] for one in done(site.ask("GET", f"{API}/views", Role.VIEWER))] == ["Mine"]
    refused(site.ask("POST", f"{API}/views", json={"name": "Away", "path": "https://elsewhere.example/"}), 422, "address")
    done(site.ask("DELETE", f"{API}/views/{shared['id']}"), 204)

    screen = site.ask("POST", f"{API}/screens", json={"name": "Hall 2", "pages": ["/"]})
    assert screen.headers["cache-control"] == "no-store"
    assert done(screen, 201)["path"] == f"/kiosk#{screen.json()['token']}"
    assert "token" not in done(site.ask("GET", f"{API}/screens"))[0]
    done(site.ask("DELETE", f"{API}/screens/{screen.json()['id']}"), 204)

    key = done(site.ask("POST", f"{API}/keys", json={"name": "Reader", "scopes": ["read"]}), 201)
    assert site.ask("GET", f"{API}/machines", None, headers={"X-API-Key": key["key"]}).status_code == 200
    done(site.ask("DELETE", f"{API}/keys/{key['id']}"), 204)
    assert site.ask("GET", f"{API}/machines", None, headers={"X-API-Key": key["key"]}).status_code == 401
    assert key["key"] not in site.ask("GET", f"{API}/keys").text


def test_an_alert_is_answered_shelved_and_taken_out_of_service_by_rest(site: Site) -> None:
    raised = {"machine_id": "MX-01", "code": "oil_low", "message": "Oil level below minimum", "severity": "warning"}
    alert = done(site.ask("POST", f"{API}/alerts", None, json=raised, headers={"X-API-Key": site.key}), 201)
    assert done(site.ask("POST", f"{API}/alerts", None, json=raised, headers={"X-API-Key": site.key}), 200) == {**alert, "created": False}
    path = f"{API}/alerts/{alert['id']}"
    assert done(site.ask("POST", f"{path}/out-of-service", json={"reason": "Rebuilt"}))["suppressed_by"][0]["kind"] == "out_of_service"
    assert done(site.ask("POST", f"{path}/in-service"))["suppressed_by"] == []
    assert done(site.ask("POST", f"{path}/shelve", json={"reason": "Later", "minutes": 5}))["suppressed_by"][0]["kind"] == "shelved"
    assert done(site.ask("POST", f"{path}/unshelve"))["suppressed_by"] == []
    assert done(site.ask("PUT", f"{path}/acknowledge", Role.OPERATOR, json={"comment": "Seen"}))["status"] == "acknowledged"
    assert refused(site.ask("POST", f"{path}/acknowledge", Role.OPERATOR), 409, "alert")["reason"]
    assert done(site.ask("PUT", f"{path}/resolve", Role.OPERATOR))["status"] == "resolved"
    assert [one["id"] for one in done(site.ask("GET", f"{API}/alerts/history"))["alerts"]] == [alert["id"]]


def test_people_make_accounts_and_see_to_their_own_sign_ins(site: Site) -> None:
    wish = {"email": f"lead-{site.tenant}@plant.example", "name": "Lead", "role": "manager", "password": "seventeen red beets"}
    made = done(site.ask("POST", f"{API}/users", json=wish), 201)
    assert "password" not in made
    assert made["id"] in [one["id"] for one in done(site.ask("GET", f"{API}/users"))["users"]]
    refused(site.ask("POST", f"{API}/users", json={**wish, "name": "Again"}), 409, "email")
    given = done(site.ask("POST", f"{API}/auth/login", None, data={"username": wish["email"], "password": wish["password"]}))
    mine = {"Authorization": f"Bearer {given['access_token']}"}
    programs = done(site.ask("GET", f"{API}/sessions", None, headers=mine))["programs"]
    assert len(programs) == 1
    done(site.ask("PATCH", f"{API}/me/preferences", None, headers=mine, json={"zone": "plant"}), 204)
    done(site.ask("DELETE", f"{API}/sessions/programs/{programs[0]['id']}", None, headers=mine), 204)
    assert site.ask("GET", f"{API}/auth/me", None, headers=mine).status_code == 401


def test_registration_is_closed_until_a_setting_opens_it(site: Site) -> None:
    wish = {"username": "Ada", "email": f"ada-{site.tenant}@plant.example", "password": "nineteen blue turnips"}
    refused(site.ask("POST", f"{API}/auth/register", None, json=wish), 403, "registration")
    site.services.settings = site.services.settings.model_copy(update={"registration": True})
    made = done(site.ask("POST", f"{API}/auth/register", None, json=wish), 201)
    assert (made["username"], made["role"]) == ("Ada", "viewer")
    refused(site.ask("POST", f"{API}/auth/register", None, json=wish), 409, "email")
    refused(site.ask("POST", f"{API}/auth/register", None, json={**wish, "email": "b@x.example", "password": "password"}), 422, "password")


def test_figures_and_trends_are_those_of_the_plant(site: Site) -> None:
    done(site.post([reading(60 * minute, temperature=70 + minute / 10, production_count=2) for minute in range(30)]), 201)
    dashboard = done(site.ask("GET", f"{API}/metrics/dashboard"))
    assert (dashboard["devices"], dashboard["machines"], dashboard["alerts"]["total"]) == (2, 2, 0)
    assert dashboard["readings_today"] + 60 >= 60
    trends = done(site.ask("GET", f"{API}/analytics/trends/MX-01", params={"sensor": "temperature"}))
    (found,) = trends["sensors"]
    assert (found["range"]["count"], found["last_hour"]["trend"]["direction"]) == (30, "decreasing")
    assert found["last_hour"]["trend"]["slope_per_hour"] == pytest.approx(-6)
    assert len(found["points"]) == 30
    summary = done(site.ask("GET", f"{API}/analytics/summary"))
    assert {one["sensor"]: one["mean"] for one in summary["sensors"] if one["machine_id"] == "MX-01"}["temperature"] == pytest.approx(71.45)
    assert done(site.ask("GET", f"{API}/status"))["devices_reporting"] == 1
    assert done(site.ask("GET", f"{API}/metrics/system"))["readings"] == 60
    assert done(site.ask("GET", f"{API}/config"))["zone"] == "UTC"
    refused(site.ask("GET", f"{API}/analytics/summary", params={"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}), 422, "from")


def test_a_file_is_sent_understood_planned_and_thrown_away(site: Site) -> None:
    body = b"time;hall temperature\n2026-01-05 06:00;71,5\n2026-01-05 06:01;71,9\n"
    made = done(site.ask("POST", f"{API}/imports", params={"file_name": "hall.csv"}, content=body), 201)
    path = f"{API}/imports/{made['id']}"
    seen = done(site.ask("GET", f"{path}/preview"))
    assert (seen["separator"], seen["decimal"], seen["rows"][0]["values"]) == (";", ",", {"hall_temperature": 71.5})
    refused(site.ask("POST", f"{path}/check"), 422, "device")
    planned = done(site.ask("PUT", f"{path}/plan", json={"device": "MX-01", "columns": {"hall temperature": {"key": "temperature"}}}))
    assert planned["plan"]["device"] == "MX-01"
    assert done(site.ask("POST", f"{path}/check"))["state"] == "checking"
    refused(site.ask("PUT", f"{path}/plan", json={"device": "MX-02"}), 409, "import")
    done(site.ask("POST", f"{path}/cancel"))
    assert done(site.ask("GET", f"{path}/problems")) == []
    done(site.ask("DELETE", path), 204)
    refused(site.ask("GET", path), 404, "import_id")
    refused(site.ask("POST", f"{API}/imports", params={"file_name": "x.csv"}, content=b""), 422, "body")


def test_a_file_may_be_larger_than_a_body_and_no_larger_than_the_setting(database: Database, tenant: int, tmp_path: Any) -> None:
    with open_site(database, tenant, tmp_path, body_bytes=10_000, upload_bytes=1_000_000) as site:
        body = b"time,temperature\n" + b"2026-01-05T06:00:00Z,71.5\n" * 5_000
        assert len(body) > 100_000
        assert done(site.ask("POST", f"{API}/imports", params={"file_name": "x.csv"}, content=body), 201)["bytes"] == len(body)
        refused(site.ask("POST", f"{API}/imports", params={"file_name": "x.csv"}, content=body * 10), 413, "body")
        refused(site.ask("POST", f"{API}/devices", content=body), 413, "body")


@pytest.mark.requirement("AP-5")
def test_what_lies_too_deep_is_refused_and_a_misspelt_field_too(site: Site) -> None:
    deep = b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    refused(site.ask("POST", f"{API}/groups", content=deep, headers={"Content-Type": "application/json"}), 400, "body")
    refused(site.ask("POST", f"{API}/groups", json={"name": "x", "device": []}), 422, "device")
    for path, field in (("alerts/99999999999999999999", "alert_id"), ("rules/0", "rule_id"), ("devices?limit=501", "limit")):
        refused(site.ask("GET", f"{API}/{path}"), 422, field)


def test_every_setting_of_a_rule_is_one_of_the_route() -> None:
    assert set(rest_rules.Settings.model_fields) == set(RuleSettings.__dataclass_fields__)
