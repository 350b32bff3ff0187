"""The pages of connections and dead letters as a signed-in person's browser asks for them, on a real database."""

import json
from collections.abc import Iterator

import pytest
from flask import Flask

from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from dashapp.server import register_itself
from db.engine import Database
from tests.integration.access import new_user
from tests.integration.browsing import Visitor
from tests.integration.door import Door, Grant
from tests.integration.plant import Press, make_pipeline, running

pytestmark = pytest.mark.requirement("UI-6")


@pytest.fixture(scope="module")
def services(database: Database) -> Iterator[Services]:
    with running(make_pipeline(database)) as started:
        started.register = register_itself
        yield started


def visit(server: Flask, press: Press, path: str, role: Role = Role.ADMIN) -> Visitor:
    visitor = Visitor(server, new_user(press.database, press.tenant_id, role=role)).open(path)
    visitor.origin = path.partition("?")[0]
    return visitor


def sent(visitor: Visitor, button: str = "save", **values: object) -> dict[str, dict[str, object]]:
    """Sends the form of a connection."""
    visitor.set("connection-form", submitted={"values": values, "button": button, "at": 1})
    return visitor.run("connection-form.errors")


def press_button(visitor: Visitor, kind: str, output: str, **name: object) -> dict[str, dict[str, object]]:
    """Clicks one of a pattern's buttons."""
    identity = next(one for one in visitor.page if one.startswith("{") and {**json.loads(one), **name, "type": kind} == json.loads(one))
    visitor.set(identity, n_clicks=1)
    return visitor.run(output, f"{identity}.n_clicks")


def do(visitor: Visitor, what: str) -> dict[str, dict[str, object]]:
    """Presses a button of the only connection; the browser keeps which one it was."""
    identity = next(one for one in visitor.page if '"connection-do"' in one and f'"what":"{what}"' in one)
    visitor.set("connections-pressed", data={**json.loads(identity), "at": 1})
    return visitor.run("connections-said.children...")


GATEWAY = {"name": "Gateway", "host": "127.0.0.1", "port": "1", "topics": "iot/data\nandon/+/+", "version": "5", "clients": "1"}


def test_a_connection_is_made_by_its_form_switched_on_tried_and_removed(server: Flask, press: Press) -> None:
    assert "No connections yet" in visit(server, press, "/connections").text
    form = visit(server, press, "/connections?connection=new&kind=mqtt")
    assert sent(form, **{**GATEWAY, "host": ""})["connection-form"]["errors"] == {
        "host": "The name or address of a broker is expected, like mosquitto.plant.example."
    }
    answer = sent(form, **GATEWAY)
    assert answer["_pages_location"]["href"] == "/connections"
    listed = visit(server, press, "/connections")
    assert "Gateway" in listed.text
    assert "127.0.0.1:1: reads iot/data, andon/+/+" in listed.text
    done = do(listed, "switch")
    assert done["connections-said"]["children"] == "Gateway is on."
    assert press.column("select enabled from connections") == [True]
    shown = listed.run("connections-version.data")
    assert shown, "the list has changed"
    assert "Not running" in json.dumps(listed.run("connections.children"))
    tried = do(listed, "test")
    assert tried["connections-said"]["children"] == "Gateway: the test failed: nobody answers at this address and port."
    asked = do(listed, "remove")
    assert asked["connections-removal"]["is_open"] is True
    assert "“Gateway” goes" in json.dumps(asked["connections-removal-body"], ensure_ascii=False)


def test_save_and_test_stays_and_says_what_the_broker_said(server: Flask, press: Press) -> None:
    form = visit(server, press, "/connections?connection=new&kind=mqtt")
    answer = sent(form, "test", **GATEWAY)
    assert answer["connection-form"]["message"] == "Saved. Gateway: the test failed: nobody answers at this address and port."
    number = press.column("select id from connections")[0]
    assert answer["connection-editing"]["data"] == {"id": number, "kind": "mqtt"}
    edited = visit(server, press, f"/connections?connection={number}")
    assert sent(edited, **{**GATEWAY, "name": "Hall 1"})["_pages_location"]["href"] == "/connections"
    assert press.column("select name from connections") == ["Hall 1"]
    assert "This connection is gone" in visit(server, press, "/connections?connection=99999").text


def test_a_kafka_connection_says_what_it_sends(server: Flask, press: Press) -> None:
    form = visit(server, press, "/connections?connection=new&kind=kafka")
    where = {"servers": "one:9092\ntwo:9092", "topics": "sensors-data", "clients": "2"}
    sent(form, **where, name="Line", send_alerts=True, prefix="plant1.")
    assert "one:9092,two:9092: reads sensors-data; sends plant1.alerts" in visit(server, press, "/connections").text


@pytest.mark.requirement("IN-7")
def test_dead_letters_are_shown_replayed_and_dropped(server: Flask, services: Services, press: Press) -> None:
    assert "No dead letters" in visit(server, press, "/dead-letters", Role.MANAGER).text
    reading = {"device_id": "MX-01", "sensor_type": "oil", "value": 1.5, "timestamp": "2026-01-01T00:00:01Z"}
    Door(services, {"key": Grant(press.tenant_id)}, register_itself).post([reading, {"device_id": "MX-77", "fault": 1}])
    page = visit(server, press, "/dead-letters", Role.MANAGER)
    assert "“MX-01” has no sensor “oil”" in page.text.replace("\\u201c", "“")
    assert "2 letters" in page.text
    assert '\\"device_id\\": \\"MX-77\\"' in page.text, "what came is there to be read"
    page.set("letters-search", value="oil")
    narrowed = json.dumps(page.run("letters.children...", "letters-search.value"))
    assert "1 letter" in narrowed
    assert "MX-77" not in narrowed
    page.set("letters-search", value="")
    assert not page.run("letters-news.hidden"), "nothing is new"
    Door(services, {"key": Grant(press.tenant_id)}, register_itself).post({"device_id": "MX-78", "fault": 1})
    assert page.run("letters-news.hidden")["letters-news"]["hidden"] is False
    assert "MX-78" in json.dumps(page.run("letters.children...", "letters-news.n_clicks"))
    assert page.run("letters-news.hidden")["letters-news"]["hidden"] is True
    again = press_button(page, "letter-do", "letters-said.children...", what="replay", letter=0)
    assert "3 still refused" in str(again["letters-said"]["children"])
    dropped = press_button(page, "letter-do", "letters-said.children...", what="drop", letter=0)
    assert dropped["letters-said"]["children"] == "3 dropped."
    assert "No dead letters" in json.dumps(dropped["letters"]["children"])
    assert "3 letters" in visit(server, press, "/dead-letters?state=dropped", Role.MANAGER).text
