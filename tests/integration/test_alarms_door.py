"""Alerts by the API: raised by a key, answered by people, on their lines alone."""

import pytest
from sqlalchemy import text

from dashapp.domain.fleet import Role
from db.tenancy import tenant_reading, tenant_transaction
from tests.integration.test_api import admin, bearer, call, key, post, services  # noqa: F401

pytestmark = pytest.mark.requirement("AL-3", "AP-1")
HOT = {"machine_id": "MX-01", "temperature": 95.0, "vibration": 20.0, "production_count": 1, "fault": False}


def test_a_reading_above_its_limit_is_an_alert_that_an_operator_answers(call, key, bearer, services, tenant) -> None:  # noqa: F811
    assert post(call, key, HOT).status_code == 201
    operator = bearer(Role.OPERATOR)

    services.alerts.moved(tenant)
    (alert,) = call("GET", "/api/v1/alerts", headers=operator).json()
    told = [alert[name] for name in ("machine_id", "code", "severity", "status")]
    assert told == ["MX-01", "high_temperature", "critical", "triggered"]
    assert alert["message"] == "Temperature 95\u202f°C is above 90\u202f°C"

    answer = call("POST", f"/api/v1/alerts/{alert['id']}/acknowledge", headers=operator, json={"comment": "on my way"})
    assert (answer.status_code, answer.json()["status"]) == (200, "acknowledged")
    assert [(e["what"], e["comment"]) for e in answer.json()["events"]] == [("raised", None), ("acknowledged", "on my way")]

    again = call("PUT", f"/api/v1/alerts/{alert['id']}/acknowledge", headers=bearer(Role.MANAGER))
    assert again.status_code == 409
    assert "operator acknowledged it before, at " in again.json()["reason"]
    still = call("POST", f"/api/v1/alerts/{alert['id']}/resolve", headers=operator)
    assert (still.status_code, "still there" in still.json()["reason"]) == (409, True)


def test_shelving_is_as_long_as_the_role_allows(call, key, bearer, services, tenant) -> None:  # noqa: F811
    post(call, key, HOT)
    services.alerts.moved(tenant)
    operator = bearer(Role.OPERATOR)
    (alert,) = call("GET", "/api/v1/alerts", headers=operator).json()
    path = f"/api/v1/alerts/{alert['id']}"

    too_long = call("POST", f"{path}/shelve", headers=operator, json={"reason": "loose", "minutes": 8 * 60 + 1})
    assert (too_long.status_code, too_long.json()["field"]) == (422, "until")
    assert call("POST", f"{path}/shelve", headers=bearer(Role.VIEWER), json={"reason": "loose", "minutes": 5}).status_code == 403
    shelved = call("POST", f"{path}/shelve", headers=operator, json={"reason": "loose", "minutes": 30})
    assert [each["reason"] for each in shelved.json()["suppressed_by"]] == ["loose"]
    assert call("POST", f"{path}/unshelve", headers=operator).json()["suppressed_by"] == []


def test_another_system_raises_one_alert_however_often_it_says_so(call, key, bearer, services, tenant) -> None:  # noqa: F811
    told = {"machine_id": "MX-02", "code": "low_oil", "message": "Oil is low", "severity": "warning"}

    first = call("POST", "/api/v1/alerts", json=told, headers={"X-API-Key": key})
    second = call("POST", "/api/v1/alerts", json=told, headers={"X-API-Key": key})

    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    operator = bearer(Role.OPERATOR)
    one = call("GET", f"/api/v1/alerts/{first.json()['id']}", headers=operator).json()
    assert (one["occurrences"], one["severity"], one["type"], one["message"]) == (2, "medium", "external", "Oil is low")
    closed = call("POST", f"/api/v1/alerts/{one['id']}/resolve", headers=operator, json={"comment": "filled up"}).json()
    assert (closed["status"], [e["what"] for e in closed["events"]]) == ("resolved", ["raised", "returned", "acknowledged"])
    history = call("GET", "/api/v1/alerts/history", headers=operator, params={"status": "resolved"}).json()
    assert ([each["id"] for each in history["alerts"]], history["next_cursor"]) == ([one["id"]], None)


def test_wrong_ones_are_refused_with_the_field(call, key) -> None:  # noqa: F811
    told = {"machine_id": "MX-02", "code": "low oil!", "message": "Oil is low"}

    refused = call("POST", "/api/v1/alerts", json=told, headers={"X-API-Key": key})
    assert (refused.status_code, refused.json()["field"]) == (422, "code")
    unknown = call("POST", "/api/v1/alerts", json={**told, "code": "oil", "machine_id": "MX-99"}, headers={"X-API-Key": key})
    assert (unknown.status_code, unknown.json()["field"]) == (404, "machine_id")
    assert call("POST", "/api/v1/alerts", json=told).status_code == 401


def test_a_person_of_one_line_meets_no_alert_of_another(call, key, bearer, services, tenant, database) -> None:  # noqa: F811
    post(call, key, HOT)
    services.alerts.moved(tenant)
    with tenant_reading(database.engine, tenant) as connection:
        alert_id = connection.execute(text("select id from alerts")).scalar_one()
    stranger = bearer(Role.OPERATOR, ["Building Z"])

    assert call("GET", "/api/v1/alerts", headers=stranger).json() == []
    assert call("GET", f"/api/v1/alerts/{alert_id}", headers=stranger).status_code == 404
    assert call("POST", f"/api/v1/alerts/{alert_id}/acknowledge", headers=stranger).status_code == 404
    assert call("GET", "/api/v1/alerts/history", headers=stranger).json()["alerts"] == []


def test_what_is_told_leaves_a_row_in_the_outbox_and_what_is_silent_none(call, key, services, tenant, database) -> None:  # noqa: F811
    told = {"machine_id": "MX-02", "code": "oil", "message": "Oil is low"}
    with tenant_transaction(database.engine, tenant) as connection:
        window = text(
            "insert into maintenance_windows (tenant_id, line, starts_at, ends_at, reason, began_at)"
            " values (:tenant, 'Building A', now(), now() + interval '1 hour', 'works', now())"
        )
        connection.execute(window, {"tenant": tenant})
    call("POST", "/api/v1/alerts", json=told, headers={"X-API-Key": key})
    with tenant_transaction(database.engine, tenant) as connection:
        silent = connection.execute(text("select payload from outbox")).scalars().all()
        connection.execute(text("delete from maintenance_windows"))
    call("POST", "/api/v1/alerts", json={**told, "code": "water"}, headers={"X-API-Key": key})

    with tenant_reading(database.engine, tenant) as connection:
        rows = connection.execute(text("select topic, payload from outbox")).all()
        event_id, alert_id = connection.execute(text("select id, alert_id from alert_events where not silent")).one()
    assert silent == []
    assert [(row.topic, row.payload) for row in rows] == [
        ("alert", {"alert_id": alert_id, "event_id": event_id, "what": "raised", "state": "B", "severity": "medium", "level": 0})
    ]
