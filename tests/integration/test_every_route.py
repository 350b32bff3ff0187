"""Nobody who is not signed in gets data: every route, page and callback of the application as it is put together."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dash
import httpx
import pytest
from argon2 import PasswordHasher
from dash import _get_app
from fastapi import FastAPI
from fastapi.routing import APIRoute, APIRouter
from flask import Flask

from dashapp.actions import kiosk, passwords
from dashapp.actions.access import sign_in
from dashapp.actions.kiosk import Showing
from dashapp.api.rest.ingest import PATHS
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services, make_services
from dashapp.server import create_app
from dashapp.settings import Settings
from dashapp.ui import auth
from dashapp.ui.visitor import SCREEN_COOKIE
from db.commands.partitions import PartitionKeeper
from db.engine import Database
from tests.integration.access import PASSWORD, administrator, forget_attempts, new_tenant, new_user
from tests.integration.web import ROUTER, clean_dash

pytestmark = pytest.mark.requirement("AP-4", "FL-3")
OPEN = {
    "GET /api/v1/health": 200,  # says nothing of any tenant
    "GET /openapi.json": 200, "GET /docs": 200, "GET /redoc": 200,  # what the API takes, and nothing that it holds
    "POST /api/v1/auth/login": 422,  # a form is missing
    "POST /api/v1/auth/refresh": 422,
    "POST /api/v1/auth/register": 422,
    "GET /sign-in": 200, "HEAD /sign-in": 200, "OPTIONS /sign-in": 200, "POST /sign-in": 403,
    "GET /set-up": 303, "HEAD /set-up": 303, "OPTIONS /set-up": 200, "POST /set-up": 303,
    "POST /sign-out": 403, "OPTIONS /sign-out": 200,
    "GET /kiosk": 200, "HEAD /kiosk": 200, "OPTIONS /kiosk": 200, "POST /kiosk": 404,  # opens with a link's token alone
    "OPTIONS /kiosk/beat": 200,
    "GET /manifest.webmanifest": 200, "HEAD /manifest.webmanifest": 200, "OPTIONS /manifest.webmanifest": 200,
    "GET /worker.js": 200, "HEAD /worker.js": 200, "OPTIONS /worker.js": 200,
    "GET /assets/andon.js": 200, "HEAD /assets/andon.js": 200, "OPTIONS /assets/andon.js": 200,
    "GET /assets/andon.css": 200, "HEAD /assets/andon.css": 200, "OPTIONS /assets/andon.css": 200,
    "GET /assets/thing": 404, "HEAD /assets/thing": 404, "OPTIONS /assets/thing": 200,
    "GET /_dash-component-suites/thing/thing": 404, "HEAD /_dash-component-suites/thing/thing": 404,
    "OPTIONS /_dash-component-suites/thing/thing": 200,
}  # fmt: skip
SECURITY = ("x-content-type-options", "x-frame-options", "referrer-policy")


class Application:
    """The whole of it, asked without a socket."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.asgi = create_app(services)
        self.api = next(part for part in _parts(self.asgi) if isinstance(part, FastAPI))
        self.flask = next(part for part in _parts(self.asgi) if isinstance(part, Flask))
        self.dash = _get_app.APP  # get_app() would give the one that answered last in this thread

    def ask(self, *requests: dict[str, Any]) -> list[httpx.Response]:
        async def all_of_them() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.asgi, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://andon.example") as client:
                return [await client.request(**request) for request in requests]

        return asyncio.run(all_of_them())

    def routes(self) -> list[tuple[str, str]]:
        """(method, path) of everything that answers, variables filled in."""
        rules = [(rule.rule, rule.methods or set()) for rule in self.flask.url_map.iter_rules()]
        paths = [(route.path, route.methods) for route in _routes(self.api.router)]
        found = {(method, _filled(path)) for path, methods in (*rules, *paths) for method in methods}
        found |= {("POST", path) for path in PATHS}
        return sorted(found, key=lambda one: (one[1], one[0]))


def _parts(outer: object, seen: set[int] | None = None) -> Iterator[object]:
    """An application and those inside it, through every middleware."""
    seen = set() if seen is None else seen
    if id(outer) in seen:
        return
    seen.add(id(outer))
    yield outer
    inside = [value for value in getattr(outer, "__dict__", {}).values() if callable(value)]
    for inner in (*inside, *(route.app for route in getattr(outer, "routes", []) if hasattr(route, "app"))):
        if type(inner).__module__.startswith(("dashapp", "fastapi", "flask", "a2wsgi", "starlette")):
            yield from _parts(inner, seen)


def _routes(router: APIRouter) -> Iterator[APIRoute]:
    """The routes of the API, those of included routers too."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from _routes(route.original_router)


def _filled(path: str) -> str:
    """A route with something in the place of its variables."""
    return re.sub(r"<[^>]+>|{[^}]+}", "thing", path)


@pytest.fixture(scope="module")
def plant(database: Database) -> int:
    return new_tenant(database)


@pytest.fixture(scope="module")
def whole(database: Database, plant: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    settings = Settings(data_dir=tmp_path_factory.mktemp("var"), rate_strangers=0, rate_programs=0)
    with clean_dash():
        services = make_services(settings, database, PartitionKeeper(database, settings.partition_by))
        services.open_tenant_id = plant
        yield Application(services)


@pytest.fixture
def application(whole: Application, database: Database, plant: int, monkeypatch: pytest.MonkeyPatch) -> Application:
    forget_attempts(database)
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    new_user(database, plant)
    return whole


def body_of(output: str, path: str = "/") -> dict[str, Any]:
    """What Dash's renderer sends for a callback."""
    inputs = [{"id": "_pages_location", "property": name, "value": value} for name, value in (("pathname", path), ("search", ""))]
    outputs = [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}]
    return {"output": output, "outputs": outputs, "inputs": inputs, "state": [], "changedPropIds": ["_pages_location.pathname"]}


def test_every_route_asks_who_is_there(application: Application) -> None:
    routes = application.routes()
    assert ("GET", "/api/v1/machines") in routes
    assert ("POST", "/_dash-update-component") in routes
    answers = application.ask(*({"method": method, "url": path, "headers": {"Accept": "*/*"}} for method, path in routes))
    answered = {}
    for (method, path), answer in zip(routes, answers, strict=True):
        assert answer.status_code < 500, f"{method} {path}"
        assert all(header in answer.headers for header in SECURITY), f"{method} {path}"
        if answer.status_code != 401:
            answered[f"{method} {path}"] = answer.status_code
    assert answered == OPEN


def test_every_page_leads_a_stranger_to_the_sign_in(application: Application) -> None:
    paths = [re.sub(r"<[^>]+>", "thing", page["path_template"] or page["path"]) for page in dash.page_registry.values()]
    assert "/" in paths
    for answer in application.ask(*({"method": "GET", "url": path, "headers": {"Accept": "text/html"}} for path in paths)):
        assert answer.status_code == 302
        assert answer.headers["location"].startswith("/sign-in")


def test_every_callback_refuses_a_stranger(application: Application) -> None:
    outputs = [output for output, entry in application.dash.callback_map.items() if "callback" in entry]
    assert ROUTER in outputs
    for answer in application.ask(*({"method": "POST", "url": "/_dash-update-component", "json": body_of(output)} for output in outputs)):
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_every_page_and_callback_says_the_role_that_it_needs(application: Application) -> None:
    declared = {module: page.get("role") for module, page in dash.page_registry.items()}
    assert {module for module, role in declared.items() if role not in list(Role)} == set()
    needed = auth.callback_roles(application.dash)
    assert set(needed) == {output for output, entry in application.dash.callback_map.items() if "callback" in entry}


@pytest.mark.parametrize("role", list(Role))
def test_every_page_opens_for_its_role_and_stays_shut_for_the_others(
    application: Application, database: Database, plant: int, role: Role
) -> None:
    user = new_user(database, plant, role)
    token = sign_in(database, user.email, PASSWORD, None, None, datetime.now(UTC)).token
    asked = {
        module: {
            "method": "POST", "url": "/_dash-update-component", "headers": {"Cookie": f"andon_session={token}"},
            "json": body_of(ROUTER, re.sub(r"<[^>]+>", "thing", page["path_template"] or page["path"])),
        }
        for module, page in dash.page_registry.items()
    }  # fmt: skip
    for module, answer in zip(asked, application.ask(*asked.values()), strict=True):
        assert answer.status_code == 200, module
        content = json.dumps(answer.json())
        assert ("This page needs the role" in content) == (not role.includes(Role(dash.page_registry[module]["role"]))), module


@pytest.fixture
def screen(database: Database, plant: int) -> str:
    """The cookie of a wall screen, as a header."""
    link_id, _ = kiosk.create_link(database, administrator(plant), Showing("Hall 2", ("/", "/devices/nobody")))
    return f"{SCREEN_COOKIE}={kiosk.open_screen(database, plant, link_id, '10.0.0.7', 'Chromium', datetime.now(UTC))}"


@pytest.mark.requirement("UI-10")
def test_a_wall_screen_is_answered_what_showing_pages_needs_and_no_other_route(application: Application, screen: str) -> None:
    routes = [(method, path) for method, path in application.routes() if not path.startswith(("/api", "/assets", "/_dash-component"))]
    shown = {f"{method} {path}" for method in ("GET", "HEAD", "OPTIONS") for path in ("/", "/_dash-layout", "/_dash-dependencies")}
    shown |= {"POST /_dash-update-component", "OPTIONS /_dash-update-component"}
    ways_out = [{"method": method, "url": f"/kiosk/screen{path}", "headers": {"Cookie": screen}} for method, path in routes]
    for (method, path), answer in zip(routes, application.ask(*ways_out), strict=True):
        assert (answer.status_code != 404) == (f"{method} {path}" in shown) or path == "/_dash-update-component", f"{method} {path}"
        assert answer.status_code not in (401, 403), f"{method} {path}"


@pytest.mark.requirement("UI-10")
def test_a_wall_screens_cookie_opens_nothing_outside_of_its_own_paths(application: Application, screen: str) -> None:
    routes = [(method, path) for method, path in application.routes() if path != "/kiosk/beat"]
    cookies = {"Cookie": screen, "Accept": "*/*"}
    with_cookie = application.ask(*({"method": method, "url": path, "headers": cookies} for method, path in routes))
    without = application.ask(*({"method": method, "url": path, "headers": {"Accept": "*/*"}} for method, path in routes))
    for route, one, other in zip(routes, with_cookie, without, strict=True):
        assert one.status_code == other.status_code, route


@pytest.mark.requirement("UI-10")
def test_a_wall_screen_sees_the_pages_of_a_viewer_and_calls_no_callback_of_others(application: Application, screen: str) -> None:
    url, headers = "/kiosk/screen/_dash-update-component", {"Cookie": screen}
    for module, page in dash.page_registry.items():
        path = re.sub(r"<[^>]+>", "thing", page["path_template"] or page["path"])
        (answer,) = application.ask({"method": "POST", "url": url, "headers": headers, "json": body_of(ROUTER, path)})
        assert answer.status_code == 200, module
        needs = "This page needs the role" in json.dumps(answer.json())
        assert needs == (page["role"] != Role.VIEWER), module
    for output, role in auth.callback_roles(application.dash).items():
        (answer,) = application.ask({"method": "POST", "url": url, "headers": headers, "json": body_of(output)})
        assert (answer.status_code == 403) == (role is not Role.VIEWER), output


@pytest.mark.requirement("UI-10")
def test_without_its_cookie_a_wall_screen_is_led_to_the_page_that_says_so(application: Application, screen: str) -> None:
    wrong = {"Cookie": f"{SCREEN_COOKIE}={'x' * 43}"}
    page, script, data = application.ask(
        {"method": "GET", "url": "/kiosk/screen/", "headers": {**wrong, "Accept": "text/html"}},
        {"method": "POST", "url": "/kiosk/screen/_dash-update-component", "headers": wrong, "json": body_of(ROUTER)},
        {"method": "GET", "url": "/kiosk/screen/_dash-layout", "headers": {"Cookie": screen.replace(SCREEN_COOKIE, "andon_session")}},
    )
    assert (page.status_code, page.headers["location"]) == (302, "/kiosk")
    assert (script.status_code, data.status_code) == (401, 401)


@pytest.mark.requirement("UI-15")
def test_the_policy_of_the_served_page_names_every_inline_script_in_it(application: Application, database: Database, plant: int) -> None:
    token = sign_in(database, new_user(database, plant).email, PASSWORD, None, None, datetime.now(UTC)).token
    headers = {"Accept": "text/html", "Cookie": f"andon_session={token}"}
    (page,) = application.ask({"method": "GET", "url": "/", "headers": headers})
    policy = page.headers["content-security-policy"]
    inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*json)[^>]*>(.+?)</script>", page.text, re.DOTALL)
    assert inline
    assert policy.count("'sha256-") == len(set(inline))
    assert "unsafe-eval" not in policy
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//", page.text)
