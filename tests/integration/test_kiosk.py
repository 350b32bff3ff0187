"""Wall screens: only hashes are kept, a link opens screens of its plant alone, a revoked one ends them, and a screen changes nothing."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import InternalError

import dashapp.actions
from dashapp.actions import kiosk
from dashapp.actions.actor import ActionError, Actor, Forbidden
from dashapp.actions.kiosk import ScreenReader, Showing
from dashapp.domain.fleet import Role
from dashapp.ui.visitor import SCREEN_COOKIE, SCREEN_ROOT
from db import tenancy
from db.engine import Database
from db.tenancy import tenant_transaction
from tests.integration.access import administrator, audit_of, new_tenant
from tests.integration.web import clean_dash, make_server, make_services

pytestmark = pytest.mark.requirement("UI-10")
NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
HALL = Showing("Hall 2", ("/", "/devices/MX-01?range=8h"), 30, "dark", ("Building A",))


def opened(database: Database, tenant: int, showing: Showing = HALL) -> tuple[int, str, str]:
    """(link, its token, the token of a screen that it opened)."""
    link_id, token = kiosk.create_link(database, administrator(tenant), showing)
    screen = kiosk.open_screen(database, *of_token(database, token), "10.0.0.7", "Chromium", datetime.now(UTC))
    assert screen is not None
    return link_id, token, screen


def of_token(database: Database, token: str) -> tuple[int, int]:
    found = kiosk.link_of(database, token)
    assert found is not None
    return found


def found(database: Database, screen: str, now: datetime | None = None) -> Any:
    return ScreenReader(database).find(screen, "10.0.0.7", now or datetime.now(UTC))


def test_a_screen_shows_what_its_link_says_as_a_viewer_of_the_plant(database: Database, tenant: int) -> None:
    link_id, _, screen = opened(database, tenant)

    shown = found(database, screen)

    assert (shown.tenant_id, shown.link_id, shown.pages, shown.page_s, shown.theme) == (tenant, link_id, HALL.pages, 30, "dark")
    actor = kiosk.actor_of(shown, "10.0.0.7")
    assert (actor.kind, actor.role, actor.lines, actor.label, actor.session_id) == (
        "kiosk", Role.VIEWER, ("Building A",), f"kiosk:{link_id}", None)  # fmt: skip


def test_only_hashes_of_tokens_are_kept(database: Database, tenant: int) -> None:
    _, token, screen = opened(database, tenant)
    with tenant_transaction(database.engine, tenant) as connection:
        tables = [connection.execute(text(f"select * from {table}")) for table in ("kiosk_links", "kiosk_screens", "audit_log")]
        kept = "".join(str(tuple(row)) for rows in tables for row in rows)
    assert "Hall 2" in kept
    assert token not in kept
    assert screen not in kept


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "' or true --", "\x00" * 43, "ü" * 43])
def test_a_wrong_token_opens_nothing(database: Database, tenant: int, token: str) -> None:
    opened(database, tenant)
    assert kiosk.link_of(database, token) is None
    assert found(database, token) is None


def test_a_revoked_link_opens_nothing_and_its_screens_end_at_once(database: Database, tenant: int) -> None:
    link_id, token, screen = opened(database, tenant)
    reader = ScreenReader(database)
    assert reader.find(screen, None, datetime.now(UTC)) is not None

    kiosk.revoke_link(database, administrator(tenant), link_id)

    assert reader.find(screen, None, datetime.now(UTC)) is None
    assert kiosk.link_of(database, token) is None
    assert kiosk.open_screen(database, tenant, link_id, None, None, datetime.now(UTC)) is None
    with pytest.raises(ActionError, match="revoked"):
        kiosk.revoke_link(database, administrator(tenant), link_id)
    with pytest.raises(ActionError, match="revoked"):
        kiosk.change_link(database, administrator(tenant), link_id, HALL)


def test_another_replica_learns_of_it_within_five_seconds(database: Database, tenant: int) -> None:
    link_id, _, screen = opened(database, tenant)
    reader = ScreenReader(database)
    assert reader.find(screen, None, datetime.now(UTC)) is not None
    begun = reader._recent._clock()
    with tenant_transaction(database.engine, tenant) as connection:  # elsewhere: nobody announces it here
        connection.execute(text("update kiosk_links set revoked_at = now() where id = :id"), {"id": link_id})

    reader._recent._clock = lambda: begun + 0.7
    assert reader.find(screen, None, datetime.now(UTC)) is not None
    reader._recent._clock = lambda: begun + 1.6  # and its page asks each second or two
    assert reader.find(screen, None, datetime.now(UTC)) is None


def test_a_changed_link_reaches_its_open_screens(database: Database, tenant: int) -> None:
    link_id, _, screen = opened(database, tenant)
    reader = ScreenReader(database)
    reader.find(screen, None, datetime.now(UTC))

    kiosk.change_link(database, administrator(tenant), link_id, Showing("Hall 3", ("/devices",)))

    assert reader.find(screen, None, datetime.now(UTC)).pages == ("/devices",)
    assert audit_of(database, tenant)[-1] == ("command", "change_wall_screen", "Hall 3")


def test_where_and_when_a_screen_was_seen_is_noted_once_a_minute(database: Database, tenant: int) -> None:
    _, _, screen = opened(database, tenant)
    (link,) = kiosk.list_links(database, administrator(tenant))
    first = link.screens[0].seen_at
    reader = ScreenReader(database)
    for later_s, address in ((30, "10.0.0.8"), (70, "10.0.0.9"), (100, "10.0.0.10")):
        reader.find(screen, address, first + timedelta(seconds=later_s))

    (link,) = kiosk.list_links(database, administrator(tenant))

    assert [(one.address, one.seen_at) for one in link.screens] == [("10.0.0.9", first + timedelta(seconds=70))]


def test_a_screen_that_was_away_for_a_month_has_ended(database: Database, tenant: int) -> None:
    _, _, screen = opened(database, tenant)
    with tenant_transaction(database.engine, tenant) as connection:
        connection.execute(text("update kiosk_screens set seen_at = now() - interval '31 days'"))
    assert found(database, screen) is None


def test_another_plants_administrator_neither_sees_nor_ends_it(database: Database, tenant: int) -> None:
    link_id, _, screen = opened(database, tenant)
    stranger = administrator(new_tenant(database))
    assert kiosk.list_links(database, stranger) == []
    for ask in (lambda: kiosk.revoke_link(database, stranger, link_id), lambda: kiosk.change_link(database, stranger, link_id, HALL)):
        with pytest.raises(ActionError, match="revoked"):
            ask()
    assert found(database, screen) is not None


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.MANAGER])
def test_links_are_for_administrators_alone(database: Database, tenant: int, role: Role) -> None:
    actor = Actor("user", 1, tenant, role)
    for ask in (lambda: kiosk.create_link(database, actor, HALL), lambda: kiosk.change_link(database, actor, 1, HALL),
                lambda: kiosk.revoke_link(database, actor, 1), lambda: kiosk.list_links(database, actor)):  # fmt: skip
        with pytest.raises(Forbidden):
            ask()


@pytest.mark.parametrize(
    ("field", "showing"),
    [
        ("name", Showing(" ")), ("name", Showing("x" * 101)), ("pages", Showing("x", ())), ("pages", Showing("x", ("/",) * 21)),
        ("pages", Showing("x", ("https://elsewhere.example/",))), ("pages", Showing("x", ("//elsewhere.example",))),
        ("pages", Showing("x", ("devices",))), ("pages", Showing("x", ("/a\nb",))), ("page_s", Showing("x", page_s=9)),
        ("page_s", Showing("x", page_s=601)), ("theme", Showing("x", theme="pink")), ("lines", Showing("x", lines=("",))),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_refused_by_name(database: Database, tenant: int, field: str, showing: Showing) -> None:
    with pytest.raises(ActionError) as refused:
        kiosk.create_link(database, administrator(tenant), showing)
    assert refused.value.field == field
    assert kiosk.list_links(database, administrator(tenant)) == []


def test_what_is_done_with_links_is_in_the_log(database: Database, tenant: int) -> None:
    link_id, _, _ = opened(database, tenant)
    kiosk.revoke_link(database, administrator(tenant), link_id)
    assert audit_of(database, tenant) == [
        ("command", "create_wall_screen", "Hall 2"),
        (f"kiosk:{link_id}", "open_wall_screen", f"kiosk:{link_id}"),
        ("command", "revoke_wall_screen", "Hall 2"),
    ]


# a screen changes nothing


def actions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public action that takes an actor, from every module of actions."""
    for module in pkgutil.iter_modules(dashapp.actions.__path__, "dashapp.actions."):
        for name, action in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            public = action.__module__ == module.name and not name.startswith(("_", "require"))
            if public and "actor" in inspect.signature(action).parameters:
                yield f"{module.name}.{name}", action


WRITING = {name: action for name, action in actions() if "tenant_transaction" in inspect.getsource(action)}
FOR_THE_SERVER_ITSELF = {"dashapp.actions.devices.register_unknown"}  # called by the ingest door with an actor of its own


def test_there_are_actions_to_try() -> None:
    assert {f"dashapp.actions.{name}" for name in ("kiosk.create_link", "sessions.end_session", "devices.create_device")} <= set(WRITING)


@pytest.mark.parametrize("name", sorted(set(WRITING) - FOR_THE_SERVER_ITSELF))
def test_a_wall_screen_can_call_no_action(name: str) -> None:
    class Untouched:
        """A database that nobody may ask."""

        def __getattr__(self, what: str) -> Any:
            if what in ("engine", "database"):
                return self
            raise AssertionError(f"{name} asked the database for {what}")

    screen = Actor("kiosk", 7, 1, Role.VIEWER, None, "Hall 2", "10.0.0.7")
    action = WRITING[name]
    given: dict[str, Any] = {"database": Untouched(), "services": Untouched(), "actor": screen}
    required = [one for one in inspect.signature(action).parameters.values() if one.default is inspect.Parameter.empty]
    positional = [given.get(one.name, 1) for one in required if one.kind is not inspect.Parameter.KEYWORD_ONLY]
    named = {one.name: given.get(one.name, 1) for one in required if one.kind is inspect.Parameter.KEYWORD_ONLY}
    if name == "dashapp.actions.sessions.sign_out":
        assert action(*positional, **named) is None  # it has no session: nothing is done
        return
    with pytest.raises((Forbidden, ActionError)) as refused:
        action(*positional, **named)
    assert isinstance(refused.value, Forbidden) or refused.value.status == 403


@pytest.fixture
def served(database: Database, tenant: int) -> Iterator[Flask]:
    with clean_dash():
        server, app = make_server(make_services(database, tenant))

        def rename(_value: str) -> str:
            with tenant_transaction(database.engine, tenant) as connection:
                connection.execute(text("update tenants set name = 'Renamed'"))
            return "renamed"

        rename.__module__ = "pages.overview"
        from dash import Input, Output

        app.callback(Output("renamed", "children"), Input("people-name", "value"))(rename)
        server.config["PROPAGATE_EXCEPTIONS"] = True
        yield server


def client_of(server: Flask, screen: str) -> FlaskClient:
    client = server.test_client()
    client.set_cookie(SCREEN_COOKIE, screen, path="/kiosk")
    return client


def test_the_database_refuses_what_a_screens_request_would_write(served: Flask, database: Database, tenant: int) -> None:
    _, _, screen = opened(database, tenant)
    body = {"output": "renamed.children", "outputs": {"id": "renamed", "property": "children"}, "changedPropIds": ["people-name.value"],
            "inputs": [{"id": "people-name", "property": "value", "value": "x"}]}  # fmt: skip
    with pytest.raises(InternalError, match="read-only transaction"):
        client_of(served, screen).post(f"{SCREEN_ROOT}/_dash-update-component", json=body)
    assert not tenancy.only_reading.get()  # the thread serves somebody else next


def test_a_token_is_exchanged_once_and_a_screen_keeps_its_cookie(served: Flask, database: Database, tenant: int) -> None:
    _, token = kiosk.create_link(database, administrator(tenant), HALL)
    client = served.test_client()
    answer = client.post("/kiosk", json={"token": token})
    assert answer.json == {"to": "/kiosk/screen/"}
    cookie = answer.headers["Set-Cookie"]
    assert token not in cookie
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Lax", "Path=/kiosk"))
    client.post("/kiosk", json={"token": token})
    (link,) = kiosk.list_links(database, administrator(tenant))
    assert len(link.screens) == 1
    assert client.get("/kiosk/beat").status_code == 204
    served.test_client().post("/kiosk", json={"token": token})
    assert len(kiosk.list_links(database, administrator(tenant))[0].screens) == 2


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 7}', b'{"token": "x"}', b'{"token": "' + b"x" * 43 + b'"}'])
def test_what_is_no_link_is_not_found(served: Flask, body: bytes) -> None:
    answer = served.test_client().post("/kiosk", data=body, content_type="application/json")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


def test_another_site_cannot_open_a_screen(served: Flask, database: Database, tenant: int) -> None:
    _, token = kiosk.create_link(database, administrator(tenant), HALL)
    answer = served.test_client().post("/kiosk", json={"token": token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_a_screen_is_told_of_another_version_and_of_changed_settings(served: Flask, database: Database, tenant: int) -> None:
    link_id, _, screen = opened(database, tenant)
    client = client_of(served, screen)
    before = client.get("/kiosk/beat").headers["Andon-Build"]
    assert client.get("/kiosk/beat").headers["Andon-Build"] == before

    kiosk.change_link(database, administrator(tenant), link_id, Showing("Hall 2", ("/devices",)))
    changed = client.get("/kiosk/beat").headers["Andon-Build"]
    served.extensions["andon_build"] = "12345678"
    newer = client.get("/kiosk/beat").headers["Andon-Build"]

    assert len({before, changed, newer}) == 3


def test_a_beat_after_the_link_was_revoked_says_so(served: Flask, database: Database, tenant: int) -> None:
    link_id, _, screen = opened(database, tenant)
    client = client_of(served, screen)
    assert client.get("/kiosk/beat").status_code == 204
    kiosk.revoke_link(database, administrator(tenant), link_id)
    assert client.get("/kiosk/beat").status_code == 401
    assert client.get(f"{SCREEN_ROOT}/_dash-layout").status_code == 401
