"""The guard: nobody who is not signed in gets data, nobody gets in from another site, roles hold on pages and callbacks."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dash
import pytest
from argon2 import PasswordHasher
from dash import Dash, Input, Output, html
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from dashapp.actions import passwords
from dashapp.actions.access import sign_in
from dashapp.actions.actor import ActionError, Forbidden
from dashapp.domain.fleet import Role
from dashapp.ui import auth, context
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import PASSWORD, forget_attempts, new_tenant, new_user
from tests.integration.web import ROUTER, add_callback, call, clean_dash, go, make_dash, make_server, make_services, signed_in_client

pytestmark = pytest.mark.requirement("AP-4", "FL-3")
HTML = {"Accept": "text/html,application/xhtml+xml"}
JSON = {"Accept": "application/json"}


@pytest.fixture(scope="module")
def plant(database: Database) -> int:
    return new_tenant(database)


@pytest.fixture(scope="module")
def served(database: Database, plant: int) -> Iterator[tuple[Flask, Dash]]:
    with clean_dash():
        yield make_server(make_services(database, plant))


@pytest.fixture
def server(served: tuple[Flask, Dash], database: Database, plant: int, monkeypatch: pytest.MonkeyPatch) -> Flask:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    new_user(database, plant)  # so that there is somebody
    return served[0]


def paths_of(server: Flask) -> list[tuple[str, str]]:
    """Every route with every method, variables filled in."""
    found = []
    for rule in server.url_map.iter_rules():
        path = re.sub(r"<string:package_name>/<path:fingerprinted_path>", "dash/no-such-file.js", rule.rule)
        path = re.sub(r"<path:filename>", "no-such-file.css", path)
        path = re.sub(r"<[^>]+>", "some/page", path)
        found += [(method, path) for method in sorted(rule.methods or ())]
    return found


def test_every_route_refuses_who_is_not_signed_in(server: Flask) -> None:
    """But for the way in and the static bundles, of which these are not there."""
    client, answered = server.test_client(), {}
    for method, path in paths_of(server):
        response = client.open(path, method=method, headers=JSON)
        if response.status_code != 401:
            answered[f"{method} {path}"] = response.status_code
        else:
            assert response.mimetype == "application/problem+json"
            assert b"plant" not in response.data
    ways_in = {f"{method} {path}": 200 for method in ("HEAD", "GET", "OPTIONS") for path in ("/sign-in",)}
    ways_in |= {"HEAD /set-up": 303, "GET /set-up": 303, "OPTIONS /set-up": 200, "POST /sign-in": 403, "POST /set-up": 303}
    ways_in |= {"POST /sign-out": 403, "OPTIONS /sign-out": 200}
    ways_in |= {"GET /kiosk": 200, "HEAD /kiosk": 200, "OPTIONS /kiosk": 200, "POST /kiosk": 404, "OPTIONS /kiosk/beat": 200}
    files = {f"{method} {path}": 404 for method in ("HEAD", "GET") for path in (
        "/assets/no-such-file.css", "/_dash-component-suites/dash/no-such-file.js")}  # fmt: skip
    files |= {f"OPTIONS {path}": 200 for path in ("/assets/no-such-file.css", "/_dash-component-suites/dash/no-such-file.js")}
    assert answered == ways_in | files


@pytest.mark.parametrize("token", ["", "x" * 43, "\x7f", "' or true --"])
def test_a_made_up_session_is_none(server: Flask, token: str) -> None:
    client = server.test_client()
    client.set_cookie("andon_session", token)
    assert client.get("/_dash-layout").status_code == 401
    assert call(client, "overview-value.children").status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/assets/../_dash-layout", "/assets/%2e%2e/export.csv", "//export.csv", "/assets/..%2fexport.csv", "/export.csv/", "/./export.csv"],
)
def test_no_way_of_writing_a_path_gets_around_the_guard(server: Flask, path: str) -> None:
    response = server.test_client().get(path, headers=JSON)
    assert response.status_code in (308, 401, 404)
    assert b"data of" not in response.data
    assert b"inside" not in response.data


def test_a_person_who_navigates_is_led_to_the_sign_in_and_the_way_is_kept(server: Flask) -> None:
    client = server.test_client()
    assert client.get("/", headers=HTML).location == "/sign-in"
    there = client.get("/devices/MX-01?range=8h&x=a%26b", headers=HTML)
    assert there.status_code == 302
    form = client.get(there.location).text
    assert 'name="next" value="/devices/MX-01?range=8h&amp;x=a%26b"' in form
    script = {**HTML, "Sec-Fetch-Mode": "cors"}
    assert client.get("/devices/MX-01", headers=script).status_code == 401
    assert client.get("/_dash-layout", headers=HTML).status_code == 401
    assert client.post("/devices/MX-01", headers=HTML).status_code in (401, 405)


def test_who_is_signed_in_gets_pages_data_and_callbacks_and_no_cache_keeps_them(server: Flask, database: Database, plant: int) -> None:
    client = signed_in_client(server, new_user(database, plant))
    for path in ("/", "/_dash-layout", "/_dash-dependencies", "/export.csv"):
        response = client.get(path, headers=HTML)
        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
    response = call(client, "overview-value.children", "7")
    assert "overview-value for person" in response.text
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "change", ["delete from sessions", "update users set disabled_at = now()", "update sessions set expires_at = now()"]
)
def test_an_ended_session_answers_401_to_scripts_and_leads_people_to_the_sign_in(
    server: Flask, database: Database, tenant: int, change: str
) -> None:
    client = signed_in_client(server, new_user(database, tenant))
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text(change))
    assert call(client, "overview-value.children").status_code == 401
    response = client.get("/alerts", headers=HTML)
    assert response.location == "/sign-in?next=/alerts"
    assert "andon_session=;" in response.headers["Set-Cookie"]


# other sites


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://proxied.example"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://LOCALHOST"}, True),
        ({"Origin": "http://localhost:8051"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "http://localhost.evil.example"}, False),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://[broken"}, False),
        ({}, True),  # no browser
    ],
    ids=str,
)
def test_a_callback_and_every_other_change_must_come_from_our_own_pages(
    server: Flask, database: Database, plant: int, headers: dict[str, str], passes: bool
) -> None:
    client = signed_in_client(server, new_user(database, plant))
    assert call(client, "overview-value.children", **headers).status_code == (200 if passes else 403)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = client.open("/export.csv", method=method, headers=headers)
        assert (response.status_code, b"data of" in response.data) == ((200, True) if passes else (403, False))
    assert client.get("/export.csv", headers=headers).status_code == 200  # a link from another site is no change


# roles


@pytest.mark.parametrize("role", list(Role))
def test_a_page_answers_only_to_its_role_however_it_is_asked_for(server: Flask, database: Database, plant: int, role: Role) -> None:
    client = signed_in_client(server, new_user(database, plant, role))
    assert "the plant" in go(client, "/").text
    for asked in (go(client, "/people/ada"), go(client, "/people/ada", "?name=ada"), go(client, "/people/ada", location="anything")):
        assert asked.status_code == 200
        assert ("the file of ada" in asked.text) == (role is Role.ADMIN)
        assert ("About ada" in asked.text) == (role is Role.ADMIN)
        assert ("Not allowed" in asked.text) == (role is not Role.ADMIN)


@pytest.mark.parametrize("role", list(Role))
def test_a_callback_needs_the_role_of_its_page(server: Flask, database: Database, plant: int, role: Role) -> None:
    client = signed_in_client(server, new_user(database, plant, role))
    assert call(client, "overview-value.children").status_code == 200
    assert call(client, "shell-account.children").status_code == 200
    assert call(client, "people-saved.children").status_code == (200 if role is Role.ADMIN else 403)


@pytest.mark.parametrize("output", ["nothing.children", "in-browser.children", "", None, 7, ["overview-value.children"], {}])
def test_a_callback_that_is_not_there_is_not_found(server: Flask, database: Database, plant: int, output: Any) -> None:
    client = signed_in_client(server, new_user(database, plant))
    assert client.post("/_dash-update-component", json={"output": output, "inputs": []}).status_code == 404


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'"x"', b"[" * 5_000])
def test_a_callback_request_that_cannot_be_read_is_refused(server: Flask, database: Database, plant: int, body: bytes) -> None:
    client = signed_in_client(server, new_user(database, plant))
    assert client.post("/_dash-update-component", data=body, content_type="application/json").status_code == 404


def test_a_role_that_is_taken_away_is_gone_after_five_seconds_at_most(
    server: Flask, database: Database, tenant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = signed_in_client(server, new_user(database, tenant, Role.ADMIN))
    assert call(client, "people-saved.children").status_code == 200
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update users set role = 'viewer'"))
    reader = server.extensions["andon_sessions"]
    later = reader._recent._clock() + 5.1
    monkeypatch.setattr(reader._recent, "_clock", lambda: later)
    assert call(client, "people-saved.children").status_code == 403


def test_the_roles_of_all_callbacks_can_be_listed(served: tuple[Flask, Dash]) -> None:
    assert auth.callback_roles(served[1]) == {
        ROUTER: Role.VIEWER,
        "overview-value.children": Role.VIEWER,
        "people-saved.children": Role.ADMIN,
        "shell-account.children": Role.VIEWER,
    }


def test_a_page_without_a_role_is_a_fault_that_is_found_at_the_start() -> None:
    with clean_dash():
        app = make_dash(Flask("andon", static_folder=None))
        dash.register_page("pages.forgotten", path="/forgotten", layout=html.Div())
        with pytest.raises(RuntimeError, match=r"pages\.forgotten must say its role"):
            auth.enforce_page_roles(app)


def test_a_callback_of_a_module_that_says_no_role_is_a_fault_that_is_found_at_the_start() -> None:
    with clean_dash():
        app = make_dash(Flask("andon", static_folder=None))
        add_callback(app, "stray", "pages._helper")
        with pytest.raises(RuntimeError, match="stray"):
            auth.enforce_page_roles(app)


def test_a_part_of_pages_may_say_the_role_of_its_callbacks_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "ROLE", Role.MANAGER, raising=False)
    with clean_dash():
        app = make_dash(Flask("andon", static_folder=None))
        add_callback(app, "shared", context.__name__)
        auth.enforce_page_roles(app)
        assert auth.callback_roles(app)["shared.children"] is Role.MANAGER


def test_a_callback_that_appears_later_without_a_role_is_refused_to_everyone(database: Database, plant: int) -> None:
    with clean_dash():
        server, app = make_server(make_services(database, plant))
        app.callback(Output("late", "children"), Input("people-name", "value"))(lambda value: value)
        app.callback_map["late.children"]["callback"].__module__ = "somewhere.else"
        client = signed_in_client(server, new_user(database, plant, Role.ADMIN))
        assert call(client, "late.children").status_code == 403


def test_without_the_guard_pages_and_callbacks_answer_to_nobody() -> None:
    with clean_dash():
        server = Flask("andon", static_folder=None)
        app = make_dash(server)
        auth.enforce_page_roles(app)
        client = server.test_client()
        assert call(client, "overview-value.children").status_code == 401
        assert auth.current_actor() is None
        with server.test_request_context("/"):
            assert auth.current_actor() is None
            assert "the plant" not in str(dash.page_registry["pages.overview"]["layout"]())


# what goes wrong inside


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Forbidden(Role.MANAGER), 403),
        (ActionError("name", "there is one already", status=409), 409),
        (OperationalError("select", {}, ConnectionError("a secret of the inside")), 503),
    ],
)
def test_what_actions_refuse_is_said_as_a_problem_to_scripts_and_in_words_to_people(
    database: Database, plant: int, error: Exception, status: int
) -> None:
    with clean_dash():
        server, app = make_server(make_services(database, plant))

        def fail(_value: str) -> str:
            raise error

        fail.__module__ = "pages.overview"
        app.callback(Output("failing", "children"), Input("people-name", "value"))(fail)
        server.add_url_rule("/failing", view_func=lambda: fail(""))
        client = signed_in_client(server, new_user(database, plant))
        response = call(client, "failing.children")
        assert (response.status_code, response.mimetype) == (status, "application/problem+json")
        assert "secret" not in response.text
        page = client.get("/failing", headers=HTML)
        assert (page.status_code, page.mimetype) == (status, "text/html")
        assert "<h1>" in page.text


def test_a_second_sign_in_of_another_browser_leaves_the_first_alone(server: Flask, database: Database, plant: int) -> None:
    user = new_user(database, plant)
    first = signed_in_client(server, user)
    sign_in(database, user.email, PASSWORD, None, None, datetime.now(UTC))
    assert first.get("/_dash-layout").status_code == 200
