"""Every answer carries the id of its request: in a header, in what is said of an error, and in the log."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from dashapp.actions.access import sign_in
from dashapp.domain.fleet import DeviceSpec, Role
from dashapp.request_id import WithRequest, new
from dashapp.ui import help_pages
from db.commands.devices import insert_device
from db.engine import Database
from db.queries.people import Person
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, new_user
from tests.integration.plant import SENSORS
from tests.integration.test_every_route import Application, application, body_of, plant, whole  # noqa: F401
from tests.integration.web import ROUTER

pytestmark = pytest.mark.requirement("UI-14")


def cookie_of(database: Database, user: Person) -> dict[str, str]:
    """A browser's header with a session of that person."""
    return {"Cookie": f"andon_session={sign_in(database, user.email, PASSWORD, None, None, datetime.now(UTC)).token}"}


def test_every_route_answers_with_an_id(application: Application) -> None:  # noqa: F811
    routes = application.routes()
    answers = application.ask(*({"method": method, "url": path} for method, path in routes))
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(routes)
    for (method, path), answer, identity in zip(routes, answers, ids, strict=True):
        if answer.headers.get("content-type", "").startswith("application/problem+json") and answer.content:
            assert answer.json()["request_id"] == identity, f"{method} {path}"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "GET", "url": "/api/v1/no-such-thing"}, 404),
        ({"method": "GET", "url": "/devices/MX-01/readings.csv"}, 401),
        ({"method": "POST", "url": "/api/v1/auth/login", "data": {}}, 422),
        ({"method": "POST", "url": "/api/v1/readings", "json": {}}, 401),
        ({"method": "POST", "url": "/api/v1/auth/login", "data": {"username": "a@b.example", "password": "no"}}, 401),
    ],
)
def test_an_error_says_its_id(application: Application, request_: dict[str, Any], status: int) -> None:  # noqa: F811
    (answer,) = application.ask(request_)
    assert answer.status_code == status
    assert answer.headers["x-request-id"] == answer.json()["request_id"]


def test_an_id_from_a_proxy_is_kept_and_nonsense_is_not(application: Application) -> None:  # noqa: F811
    asked = [{"method": "GET", "url": "/api/v1/health", "headers": {"X-Request-Id": given}} for given in ("req-7.A_b", 'a"b\\', "x" * 65)]
    kept, *others = application.ask(*asked)
    assert kept.headers["x-request-id"] == "req-7.A_b"
    for answer in others:
        assert len(answer.headers["x-request-id"]) == len(new())


def test_a_callback_that_breaks_answers_500_with_the_id_that_is_in_the_log(
    application: Application, database: Database, plant: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,  # noqa: F811
) -> None:  # fmt: skip
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr(help_pages, "topic_of", broken)
    caplog.handler.addFilter(WithRequest())
    output = "..shell-help-body.children...shell-help-title.children.."
    body = {
        "output": output,
        "outputs": [{"id": identity, "property": "children"} for identity in ("shell-help-body", "shell-help-title")],
        "inputs": [{"id": "shell-help-topic", "property": "data", "value": {"path": "/"}}], "state": [],
        "changedPropIds": ["shell-help-topic.data"],
    }  # fmt: skip
    cookie = cookie_of(database, new_user(database, plant))
    with caplog.at_level(logging.ERROR):
        (answer,) = application.ask({"method": "POST", "url": "/_dash-update-component", "json": body, "headers": cookie})
    assert answer.status_code == 500
    assert answer.json()["title"] == "Something went wrong here"
    assert "a fault of ours" not in answer.text
    identity = answer.headers["x-request-id"]
    assert answer.json()["request_id"] == identity
    assert [record for record in caplog.records if record.exc_info and record.request == f"[{identity}] "]


def test_a_page_that_breaks_is_said_with_its_id_and_the_shell_stands(
    application: Application, database: Database, plant: int, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
) -> None:  # fmt: skip
    monkeypatch.setattr(help_pages, "prose", lambda *_: 1 / 0)
    cookie = cookie_of(database, new_user(database, plant))
    (answer,) = application.ask(
        {"method": "POST", "url": "/_dash-update-component", "json": body_of(ROUTER, "/help/glossary"), "headers": cookie}
    )
    assert answer.status_code == 200
    content = answer.json()["response"]["_pages_content"]["children"]
    assert content["type"] == "Failed"
    assert content["props"]["request"] == answer.headers["x-request-id"]


def test_a_part_that_breaks_leaves_the_others(
    application: Application, database: Database, plant: int, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
) -> None:  # fmt: skip
    with tenant_transaction(database.engine, plant) as connection:
        insert_device(connection, plant, DeviceSpec("MX-09", "Press", "", "", SENSORS))
    application.services.catalogue.forget(plant)
    monkeypatch.setattr(sys.modules["pages.overview"], "attention_list", lambda *_: 1 / 0)
    cookie = cookie_of(database, new_user(database, plant, Role.VIEWER))
    (answer,) = application.ask({"method": "POST", "url": "/_dash-update-component", "json": body_of(ROUTER, "/"), "headers": cookie})
    text = json.dumps(answer.json()["response"]["_pages_content"])
    assert "Needs attention: this part could not be shown" in text
    assert "overview-cards" in text
