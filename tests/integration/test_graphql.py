"""GraphQL as a stranger's client asks it over HTTP: questions, changes, who may ask, and the playground."""

import json
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from graphql import get_introspection_query

from dashapp.actions.access import sign_in
from dashapp.domain.fleet import Role
from db.engine import Database
from tests.integration.access import PASSWORD, audit_of, forget_attempts, new_user
from tests.integration.sockets import PATIENCE_S, Plant, Replica, new_plant

pytestmark = pytest.mark.requirement("AP-2")
OVERVIEW = """
query GetSystemOverview {
  machines { machineId name location status }
  machinesStatus { machineId temperature vibration productionCount fault lastUpdated }
  systemStats { totalMachines activeMachines totalMeasurements activeAlerts avgSystemTemperature maxSystemVibration }
}"""
ACTIVE_ALERTS = "query { alerts(resolved: false) { id machineId alertType severity message createdAt } }"


def ask(replica: Replica, token: str, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = httpx.post(
        f"{replica.url}/graphql", json={"query": query, "variables": variables}, headers={"Authorization": f"Bearer {token}"},
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    return answer.json()


def data(answer: dict[str, Any]) -> dict[str, Any]:
    assert "errors" not in answer, answer
    return answer["data"]


def error(answer: dict[str, Any]) -> dict[str, Any]:
    """The only error."""
    (found,) = answer["errors"]
    assert "Traceback" not in json.dumps(answer)
    return found


def test_the_questions_of_the_source_are_answered(replica: Replica, plant: Plant) -> None:
    now = time.time()
    for n, value in enumerate((70.0, 74.0)):
        stamp = datetime.fromtimestamp(now - 10 + n, UTC).isoformat()
        replica.post(plant, machine_id="MX-01", temperature=value, vibration=25, production_count=5, fault=False, timestamp=stamp)
    found = data(ask(replica, plant.token(), OVERVIEW))
    assert found["machines"][0] == {"machineId": "MX-01", "name": "Press MX-01", "location": "Hall A", "status": "active"}
    (status,) = found["machinesStatus"]
    updated = datetime.fromisoformat(status.pop("lastUpdated").replace("Z", "+00:00"))
    assert abs(updated.timestamp() - (now - 9)) < 0.01
    assert status == {"machineId": "MX-01", "temperature": 74.0, "vibration": 25.0, "productionCount": 10.0, "fault": False}
    assert found["systemStats"] == {
        "totalMachines": 2, "activeMachines": 2, "totalMeasurements": 8, "activeAlerts": 0, "avgSystemTemperature": 74.0,
        "maxSystemVibration": 25.0,
    }  # fmt: skip
    recent = data(ask(replica, plant.token(), "{ measurements(limit: 10) { machineId temperature vibration productionCount timestamp } }"))
    assert [(row["temperature"], row["productionCount"]) for row in recent["measurements"]] == [(74.0, 5.0), (70.0, 5.0)]
    one = "query($m: String!) { machine(machineId: $m) { name } machineStatus(machineId: $m) { sensors { key value } } }"
    known = data(ask(replica, plant.token(), one, {"m": "MX-01"}))
    assert known["machine"] == {"name": "Press MX-01"}
    assert {each["key"]: each["value"] for each in known["machineStatus"]["sensors"]}["temperature"] == 74.0
    assert data(ask(replica, plant.token(), one, {"m": "MX-77"})) == {"machine": None, "machineStatus": None}


def test_measurements_are_of_a_time_and_newest_first_over_all_machines(replica: Replica, plant: Plant) -> None:
    now = time.time()
    for n in range(6):
        stamp = datetime.fromtimestamp(now - 60 + n // 2, UTC).isoformat()
        replica.post(plant, machine_id=f"MX-0{n % 2 + 1}", temperature=60 + n, vibration=n, timestamp=stamp)
    query = (
        "query($limit: Int, $from: DateTime, $to: DateTime) { measurements(limit: $limit, startTime: $from, endTime: $to)"
        " { id machineId temperature vibration values { key value } } }"
    )
    all_of_them = data(ask(replica, plant.token(), query))["measurements"]
    assert [row["temperature"] for row in all_of_them] == [64.0, 65.0, 62.0, 63.0, 60.0, 61.0]
    assert len({row["id"] for row in all_of_them}) == 6
    some = data(ask(replica, plant.token(), query, {"limit": 3}))["measurements"]
    assert some == all_of_them[:3]
    bounds = {"from": datetime.fromtimestamp(now - 59.5, UTC).isoformat(), "to": datetime.fromtimestamp(now - 58.5, UTC).isoformat()}
    between = data(ask(replica, plant.token(), query, bounds))["measurements"]
    assert [row["temperature"] for row in between] == [62.0, 63.0]


def test_an_alert_is_found_and_resolved_as_on_the_pages(replica: Replica, plant: Plant, database: Database) -> None:
    replica.temperature(plant, 95.0)
    (alert,) = data(ask(replica, plant.token(), ACTIVE_ALERTS))["alerts"]
    assert (alert["machineId"], alert["alertType"], alert["severity"]) == ("MX-01", "threshold_exceeded", "critical")
    resolve = "mutation($id: ID!) { resolveAlert(alertId: $id) { id resolved resolvedAt } }"
    refused = error(ask(replica, plant.token(), resolve, {"id": alert["id"]}))
    assert refused["extensions"] == {"code": "FORBIDDEN", "field": "role", "reason": "this needs the role operator or more"}
    operator = plant.token(Role.OPERATOR)
    still = error(ask(replica, operator, resolve, {"id": alert["id"]}))["extensions"]
    assert (still["code"], still["field"]) == ("CONFLICT", "alert")
    replica.temperature(plant, 70.0, at=time.time() + 0.5)
    done = data(ask(replica, operator, f"mutation {{ resolveAlert(alertId: {alert['id']}) {{ id resolved resolvedAt }} }}"))["resolveAlert"]
    assert (done["id"], done["resolved"]) == (alert["id"], True)
    assert done["resolvedAt"]
    assert "resolve_alert" in [action for _, action, _ in audit_of(database, plant.tenant_id)]
    assert data(ask(replica, operator, ACTIVE_ALERTS))["alerts"] == []
    gone = error(ask(replica, operator, resolve, {"id": "999999"}))["extensions"]
    assert (gone["code"], gone["field"]) == ("NOT_FOUND", "alert")
    ended = "{ alerts(resolved: true, severity: \"critical\", machineId: \"MX-01\") { id status } }"
    assert data(ask(replica, operator, ended))["alerts"] == [{"id": alert["id"], "status": "resolved"}]


def test_a_machine_is_put_into_maintenance_by_a_manager(replica: Replica, plant: Plant) -> None:
    change = "mutation($s: String!) { updateMachineStatus(machineId: \"MX-02\", status: $s) { machineId status } }"
    assert error(ask(replica, plant.token(Role.OPERATOR), change, {"s": "inactive"}))["extensions"]["code"] == "FORBIDDEN"
    manager = plant.token(Role.MANAGER)
    assert data(ask(replica, manager, change, {"s": "maintenance"}))["updateMachineStatus"]["status"] == "maintenance"
    wrong = error(ask(replica, manager, change, {"s": "asleep"}))["extensions"]
    assert (wrong["code"], wrong["field"]) == ("REFUSED", "status")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("{ alerts(severity: \"awful\") { id } }", "severity"), ("{ measurements(limit: 0) { id } }", "limit"),
        ("{ measurements(machineId: \"nobody\") { id } }", "machineId"), ("mutation { resolveAlert(alertId: \"x\") { id } }", "alertId"),
    ],
)  # fmt: skip
def test_what_is_refused_names_its_field(replica: Replica, plant: Plant, query: str, field: str) -> None:
    refused = error(ask(replica, plant.token(Role.OPERATOR), query))
    assert refused["extensions"]["field"] == field
    assert refused["extensions"]["reason"]


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("{" + "machinesStatus { sensors { " * 4 + "key" + " } }" * 4 + "}", "depth"),
        ("{" + " ".join(f"a{n}: systemStats {{ totalMachines }}" for n in range(40)) + "}", "aliases"),
        ("{" + " ".join(f"a{n}: measurements(limit: 1000) {{ values {{ key value }} }}" for n in range(12)) + "}", "cost"),
        # each fragment is two of the next: walked through use by use these are a million fields
        (
            "{ machines { ...f0 } } " + " ".join(
                f"fragment f{n} on Machine {{ a{n}: name ...f{n + 1} b{n}: name ...f{n + 1} }}" for n in range(20)
            ) + " fragment f20 on Machine { name }", "aliases",
        ),
    ],
)  # fmt: skip
def test_what_asks_too_much_is_refused_before_it_runs(replica: Replica, plant: Plant, query: str, what: str) -> None:
    token = plant.token()
    began = time.monotonic()
    answer = ask(replica, token, query)
    assert time.monotonic() - began < 2
    assert what in {each.get("extensions", {}).get("field") for each in answer["errors"]}
    assert answer["data"] is None


def test_more_tokens_than_may_be_are_not_even_read(replica: Replica, plant: Plant) -> None:
    refused = error(ask(replica, plant.token(), "{" + " machines" * 3_000 + " }"))
    assert "token" in refused["message"].lower()


def test_the_schema_may_be_asked_for_and_what_is_no_field_is_said(replica: Replica, plant: Plant) -> None:
    schema = data(ask(replica, plant.token(), get_introspection_query()))["__schema"]
    names = {each["name"] for each in schema["types"]}
    assert {"Machine", "MachineStatus", "Measurement", "Alert", "SystemStats", "DateTime"} <= names
    assert "nonsense" in error(ask(replica, plant.token(), "{ nonsense }"))["message"]


def test_what_goes_wrong_here_says_nothing_of_it(replica: Replica, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr("dashapp.api.graphql.reads.stats", broken)
    answer = ask(replica, plant.token(), "{ systemStats { totalMachines } }")
    assert "secret" not in json.dumps(answer)
    assert error(answer)["extensions"]["code"] == "INTERNAL"


# Who asks


@pytest.mark.requirement("AP-4")
def test_nobody_asks_without_signing_in(replica: Replica) -> None:
    answer = httpx.post(f"{replica.url}/graphql", json={"query": "{ machines { name } }"}, timeout=PATIENCE_S)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


@pytest.mark.requirement("AP-4", "FL-3")
def test_lines_and_tenants_are_kept_apart(replica: Replica, plant: Plant, database: Database) -> None:
    other = new_plant(database)
    replica.temperature(other, 95.0)
    replica.temperature(plant, 70.0, machine="MX-02")
    query = "{ machines { machineId } machinesStatus { machineId } alerts { id } measurements { machineId } systemStats { totalMachines } }"
    ours = data(ask(replica, plant.token(), query))
    assert (ours["alerts"], [row["machineId"] for row in ours["measurements"]]) == ([], ["MX-02"])
    narrow = data(ask(replica, plant.token(Role.VIEWER, ["A"]), query))
    assert narrow["machines"] == [{"machineId": "MX-01"}]
    assert (narrow["machinesStatus"], narrow["measurements"], narrow["systemStats"]) == ([], [], {"totalMachines": 1})


@pytest.mark.parametrize("body", ["", "[", "7", '{"query": 7}', '{"variables": []}', "{}"])
@pytest.mark.requirement("AP-5")
def test_what_is_no_question_is_a_problem(replica: Replica, plant: Plant, body: str) -> None:
    headers = {"Authorization": f"Bearer {plant.token()}", "Content-Type": "application/json"}
    answer = httpx.post(f"{replica.url}/graphql", content=body, headers=headers, timeout=PATIENCE_S)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


# The playground


@pytest.mark.requirement("UI-15")
def test_the_playground_is_served_to_people_alone_and_asks_nobody_else(replica: Replica, plant: Plant, database: Database) -> None:
    forget_attempts(database)
    stranger = httpx.get(f"{replica.url}/graphql", headers={"Accept": "text/html"}, timeout=PATIENCE_S)
    assert (stranger.status_code, stranger.headers["location"]) == (302, "/sign-in?next=/graphql")
    person = new_user(database, plant.tenant_id)
    cookies = {"andon_session": sign_in(database, person.email, PASSWORD, None, None, datetime.now(UTC)).token}
    with httpx.Client(cookies=cookies, base_url=replica.url, timeout=PATIENCE_S) as browser:
        page = browser.get("/graphql", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "script-src 'self'" in page.headers["content-security-policy"]
        assert "//" not in page.text.replace("<!--", "")
        for name in ("page.js", "page.css"):
            assert browser.get(f"/graphql/playground/{name}").status_code == 200
        assert browser.get("/graphql/playground/page.html").status_code == 404
    assert httpx.get(f"{replica.url}/graphql/playground/page.js", timeout=PATIENCE_S).status_code == 401
