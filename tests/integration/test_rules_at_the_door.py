"""Rules through the HTTP door, with what real sensors and requests show: suppress-when of another sensor, an answer sent twice."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from dashapp.actions.rules import RuleDraft, create_rule
from dashapp.domain.fleet import Role
from dashapp.domain.rule_settings import RuleSettings, SuppressWhen
from db.commands.rules import RuleTarget
from db.tenancy import tenant_reading
from tests.integration.test_api import admin, bearer, call, key, post, services  # noqa: F401

OFF = SuppressWhen("vibration", "below", 1)


def reading(at: datetime, *, temperature: float, vibration: float) -> dict[str, object]:
    return {"machine_id": "MX-01", "temperature": temperature, "vibration": vibration, "timestamp": at.isoformat()}


@pytest.fixture
def rule(database, admin, tenant) -> int:  # noqa: F811
    """No other temperature rule; this one tells nobody while the machine stands still."""
    with tenant_reading(database.engine, tenant) as connection:
        sensor = connection.execute(
            text("select s.id from sensors s join devices d on d.id = s.device_id where d.key = 'MX-01' and s.key = 'temperature'")
        ).scalar_one()
    wish = RuleDraft("hot while running", RuleSettings(high=70, suppress_when=OFF), RuleTarget(sensor_id=sensor))
    return create_rule(database, admin, wish)


@pytest.mark.requirement("AL-2")
def test_what_is_suppressed_by_another_sensor_is_recorded_and_announced_when_it_ends(call, key, rule, tenant, database) -> None:  # noqa: F811
    start = datetime.now(UTC) - timedelta(seconds=20)
    for seconds, temperature, vibration in ((0, 60, 0.2), (2, 75, 0.2), (4, 76, 0.3), (6, 77, 12)):
        assert post(call, key, reading(start + timedelta(seconds=seconds), temperature=temperature, vibration=vibration)).status_code == 201
    with tenant_reading(database.engine, tenant) as connection:
        events = connection.execute(
            text("select e.what, e.silent from alert_events e join alerts a on a.id = e.alert_id where a.rule_id = :rule order by e.id"),
            {"rule": rule},
        ).all()
    assert [(what, silent) for what, silent in events] == [("raised", True), ("suppression_ended", False)]


@pytest.mark.requirement("AL-6", "UI-11")
def test_an_answer_that_is_sent_again_with_its_time_stands_once(call, key, bearer, services, tenant) -> None:  # noqa: F811
    post(call, key, {"machine_id": "MX-01", "temperature": 95.0, "vibration": 20.0, "production_count": 1, "fault": False})
    services.alerts.moved(tenant)
    operator = bearer(Role.OPERATOR)
    (alert,) = call("GET", "/api/v1/alerts", headers=operator).json()
    path, said = f"/api/v1/alerts/{alert['id']}/acknowledge", {"comment": "seen", "at": datetime.now(UTC).isoformat()}
    for _ in range(3):
        answer = call("POST", path, headers=operator, json=said)
        assert (answer.status_code, answer.json()["status"]) == (200, "acknowledged")
    assert [event["what"] for event in answer.json()["events"]] == ["raised", "acknowledged"]
    second = call("POST", path, headers=bearer(Role.MANAGER), json=said)
    assert (second.status_code, "acknowledged it before" in second.json()["reason"]) == (409, True)
