"""The pages of alerts as a signed-in person's browser asks for them, on a real database: lists, answers, conflicts, the journal, files."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from dashapp.actions import alerts as actions
from dashapp.actions.actor import Actor
from dashapp.actions.raised_elsewhere import RaisedElsewhere, raise_alert
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec, Severity
from dashapp.ingest.services import Services
from db.commands.devices import insert_device
from db.engine import Database
from db.queries.alerts import events_of
from db.tenancy import tenant_reading, tenant_transaction
from tests.integration.access import new_tenant, new_user
from tests.integration.browsing import Visitor

pytestmark = pytest.mark.requirement("AL-6", "UI-3")
DESK, ANSWERED = "shell-desk", "shell-desk.answered"


class Plant:
    """A tenant with a machine on each of two lines, and alerts that another system told."""

    def __init__(self, database: Database, services: Services) -> None:
        self.database, self.services = database, services
        self.tenant_id = new_tenant(database)
        self.manager = Actor("user", 0, self.tenant_id, Role.MANAGER)
        with tenant_transaction(database.engine, self.tenant_id) as connection:
            for key, line in (("P-1", "A"), ("P-2", "B")):
                sensor = SensorSpec("temperature", "Temperature", "°C", period_s=2)
                insert_device(connection, self.tenant_id, DeviceSpec(key, key, "Hall 1", line, (sensor,)))
        services.catalogue.forget(self.tenant_id)

    def tell(self, device: str, code: str, severity: Severity = Severity.HIGH, message: str = "", at: datetime | None = None) -> int:
        told = RaisedElsewhere(device, code, message or f"{code} on {device}", severity, at=at)
        made, _ = raise_alert(self.database, self.manager, told)
        self.services.alerts.moved(self.tenant_id)
        return made

    def actor(self, person) -> Actor:
        return Actor("user", person.id, self.tenant_id, person.role)


@pytest.fixture
def plant(database: Database, services: Services) -> Plant:
    return Plant(database, services)


def visitor(server: Flask, plant: Plant, role: Role, path: str, lines: list[str] | None = None) -> Visitor:
    made = Visitor(server, new_user(plant.database, plant.tenant_id, role, lines=lines)).open(path)
    made.origin = path
    return made


def ask(who: Visitor, verb: str, *ids: int, **more) -> dict[str, str]:
    """What the browser's desk asks; what was refused, by id."""
    who.set(DESK, asked={"verb": verb, "ids": list(ids), "nonce": 7, **more})
    answer = who.run(ANSWERED)[DESK]["answered"]
    assert answer["nonce"] == 7
    return answer["refused"]


def test_the_list_has_the_most_severe_first_and_then_only_what_changed(server, plant):
    low, critical = plant.tell("P-1", "slow", Severity.LOW), plant.tell("P-2", "hot", Severity.CRITICAL)
    seen = visitor(server, plant, Role.OPERATOR, "/alerts")
    assert [row["id"] for row in seen.page["alerts-list"]["rows"]] == [critical, low]
    assert seen.run("alerts-list.delta") == {}
    assert ask(seen, "acknowledge", low, comment="on my way") == {}
    plant.services.alerts.moved(plant.tenant_id)
    delta = seen.run("alerts-list.delta")["alerts-list"]["delta"]
    assert not delta["whole"]
    assert [row["id"] for row in delta["rows"]] == [low]
    assert delta["order"] == [critical, low]
    assert delta["rows"][0]["state"] == "Acknowledged"
    assert delta["rows"][0]["by"]
    assert seen.run("alerts-list.delta") == {}


def test_somebody_narrowed_to_lines_sees_and_answers_for_theirs_alone(server, plant):
    mine, other = plant.tell("P-1", "slow"), plant.tell("P-2", "hot", Severity.CRITICAL)
    seen = visitor(server, plant, Role.OPERATOR, "/alerts", lines=["A"])
    assert [row["id"] for row in seen.page["alerts-list"]["rows"]] == [mine]
    assert seen.page[DESK]["news"]["count"] == 1
    assert seen.page[DESK]["news"]["worst"] == "high"
    assert ask(seen, "acknowledge", mine, other) == {str(other): "There is no such alert."}
    assert f"/alerts/{other}" not in visitor(server, plant, Role.VIEWER, "/alerts/history", lines=["A"]).text
    assert seen.client.get(f"/alerts/{other}", headers={"Accept": "text/html"}).status_code == 404
    assert seen.client.get(f"/alerts/{mine}", headers={"Accept": "text/html"}).status_code == 200


def test_a_viewer_is_offered_nothing_and_may_do_nothing(server, plant):
    alert = plant.tell("P-1", "slow")
    seen = visitor(server, plant, Role.VIEWER, "/alerts")
    assert not seen.page[DESK]["verbs"]
    for verb in ("acknowledge", "shelve"):
        with pytest.raises(AssertionError, match="This needs the role operator or more"):
            ask(seen, verb, alert, minutes=30, comment="noise")
    assert "in_service" not in visitor(server, plant, Role.OPERATOR, "/alerts").page[DESK]["verbs"]


def test_who_comes_second_is_told_who_was_first(server, plant):
    alert = plant.tell("P-1", "slow")
    first, second = visitor(server, plant, Role.OPERATOR, "/alerts"), visitor(server, plant, Role.OPERATOR, "/alerts")
    assert ask(first, "acknowledge", alert) == {}
    said = ask(second, "acknowledge", alert)[str(alert)]
    assert "acknowledged it before" in said
    assert said[0].isupper()
    assert not said.startswith("User:")


def test_what_cannot_be_is_said_of_each_and_the_others_are_done(server, plant):
    one, two = plant.tell("P-1", "slow"), plant.tell("P-2", "hot")
    seen = visitor(server, plant, Role.OPERATOR, "/alerts")
    assert ask(seen, "acknowledge", one) == {}
    assert list(ask(seen, "acknowledge", one, two, 999_999)) == [str(one), "999999"]
    assert ask(seen, "shelve", one, minutes=30, comment="") == {str(one): "Say why."}
    assert "8 hours" in ask(seen, "shelve", one, minutes=60 * 24, comment="noise")[str(one)]
    assert list(ask(seen, "explode", one)) == [str(one)]


def test_shelved_ones_do_not_ring_and_say_why(server, plant):
    alert = plant.tell("P-1", "slow")
    seen = visitor(server, plant, Role.OPERATOR, "/alerts")
    assert ask(seen, "shelve", alert, minutes=30, comment="Chattering") == {}
    plant.services.alerts.moved(plant.tenant_id)
    news = seen.run("shell-desk.news")[DESK]["news"]
    assert news["count"] == 0
    assert news["alerts"] == []
    (row,) = seen.run("alerts-list.delta")["alerts-list"]["delta"]["rows"]
    assert row["silences"][0]["words"] == "Shelved"
    assert row["silences"][0]["reason"] == "Chattering"
    assert "unshelve" in row["can"]
    assert seen.run("shell-desk.news") == {}


def test_the_page_of_an_alert_has_its_whole_journal_and_moves_on(server, plant):
    alert = plant.tell("P-1", "slow", message="the belt is slow")
    seen = visitor(server, plant, Role.OPERATOR, f"/alerts/{alert}")
    assert "the belt is slow" in seen.text
    assert "Raised" in seen.text
    assert seen.run("alert-body") == {}
    assert ask(seen, "acknowledge", alert, comment="looking at it") == {}
    plant.services.alerts.moved(plant.tenant_id)
    body = str(seen.run("alert-body")["alert-body"])
    assert "“looking at it”" in body
    assert "Acknowledged" in body
    with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
        assert len(events_of(connection, alert)) == body.count("now ") == 2
    assert seen.run("alert-body") == {}


def test_the_history_pages_on_and_keeps_its_filters(server, plant):
    now = datetime.now(UTC)
    for number in range(53):
        plant.tell("P-1", f"code-{number}", at=now - timedelta(minutes=60 - number))
    plant.tell("P-2", "hot", Severity.CRITICAL)
    page = visitor(server, plant, Role.VIEWER, "/alerts/history?device=P-1&range=24h")
    rows = page.page["alert-history"]["rows"]
    assert len(rows) == 50
    assert rows[0][0]["text"] == "code-52 on P-1"
    assert {row[1] for row in rows} == {"P-1"}
    older = page.text.split('"children": "Older"')[1].split('"href": "')[1].split('"')[0]
    assert "device=P-1" in older
    assert "range=24h" in older
    rest = visitor(server, plant, Role.VIEWER, older).page["alert-history"]["rows"]
    assert [row[0]["text"] for row in rest] == ["code-2 on P-1", "code-1 on P-1", "code-0 on P-1"]
    assert len(visitor(server, plant, Role.VIEWER, "/alerts/history?severity=critical").page["alert-history"]["rows"]) == 1
    assert "alert-history" not in visitor(server, plant, Role.VIEWER, "/alerts/history?state=resolved").page
    assert "That page is not there" in visitor(server, plant, Role.VIEWER, "/alerts/history?after=nonsense").text


def test_the_file_has_all_of_it_and_no_formula(server, plant):
    alert = plant.tell("P-1", "slow", message="=cmd|'/c calc'!A1")
    plant.tell("P-2", "hot")
    actions.acknowledge_alert(plant.database, Actor("user", 0, plant.tenant_id, Role.OPERATOR), alert, "seen")
    seen = visitor(server, plant, Role.VIEWER, "/alerts/history", lines=["A"])
    answer = seen.client.get("/alerts/history.csv?range=24h")
    assert answer.status_code == 200
    assert "alerts.csv" in answer.headers["Content-Disposition"]
    (row,) = csv.DictReader(io.StringIO(answer.get_data(as_text=True).lstrip("\ufeff")))
    assert row["message"] == "'=cmd|'/c calc'!A1"
    assert row["state"] == "acknowledged"
    assert row["raised"].endswith("Z")
    assert seen.client.get("/alerts/history.csv?range=nonsense").status_code == 400
