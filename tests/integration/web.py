"""A small web application under the guard, with pages of every role, for tests of access."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import dash
import flask
from dash import Dash, Input, Output, _callback, _pages, dcc, html
from flask import Flask
from flask.testing import FlaskClient

from dashapp.actions.access import sign_in
from dashapp.ingest.limits import Limits
from dashapp.settings import Settings
from dashapp.ui import auth
from db.engine import Database
from db.queries import people
from tests.integration.access import PASSWORD

ROUTER = ".._pages_content.children..._pages_store.data.."
GLOBALS = (_callback.GLOBAL_CALLBACK_LIST, _callback.GLOBAL_CALLBACK_MAP, _callback.GLOBAL_INLINE_SCRIPTS, _pages.PAGE_REGISTRY)


@contextmanager
def clean_dash() -> Iterator[None]:
    """What Dash keeps for the whole process is empty inside, and as it was afterwards."""
    before = [store.copy() for store in GLOBALS]
    for store in GLOBALS:
        store.clear()
    try:
        yield
    finally:
        for store, kept in zip(GLOBALS, before, strict=True):
            store.clear()
            (store.extend if isinstance(store, list) else store.update)(kept)


def make_dash(server: Flask) -> Dash:
    """Pages `/` for everyone and `/people` for administrators, each with a callback; one callback of the shell, one in the browser."""
    app = Dash("app", server=server, use_pages=True, pages_folder="", suppress_callback_exceptions=True, include_pages_meta=False)
    dash.register_page("pages.overview", path="/", role="viewer", title="Overview", layout=lambda **_: html.Div("the plant"))
    dash.register_page(
        "pages.people", path_template="/people/<name>", role="admin", title=lambda name="": f"About {name}",
        layout=lambda name="", **_: html.Div([f"the file of {name}", dcc.Input(id="people-name")]),
    )  # fmt: skip
    add_callback(app, "overview-value", "pages.overview")
    add_callback(app, "people-saved", "pages.people")
    add_callback(app, "shell-account", "dashapp.ui.account")
    app.clientside_callback("() => 1", Output("in-browser", "children"), Input("people-name", "value"))
    app.layout = lambda: html.Div([dash.page_container, html.P("inside")])
    return app


def add_callback(app: Dash, output: str, module: str) -> None:
    """A callback as if it were written in that module."""

    def answer(value: str | None) -> str:
        actor = auth.current_actor()
        return f"{output} for {'nobody' if actor is None else actor.name}: {value}"

    answer.__module__ = module
    app.callback(Output(output, "children"), Input("people-name", "value"))(answer)


def make_services(database: Database, plant: int, **settings: Any) -> SimpleNamespace:
    """What the way in needs of the running system."""
    made = Settings(**settings)
    return SimpleNamespace(database=database, settings=made, limits=Limits(made), set_up_code=None, open_tenant_id=plant)


def make_server(services: SimpleNamespace) -> tuple[Flask, Dash]:
    """The guarded server. Besides Dash's, it has routes that somebody forgot to think about."""
    server = Flask("andon", static_folder=None)
    server.extensions["andon"] = services
    server.config["TESTING"] = True
    app = make_dash(server)
    auth.enforce_page_roles(app)
    with server.test_request_context("/"):
        server.preprocess_request()
    auth.guard(server)

    @server.route("/export.csv", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def export() -> str:
        return f"data of {flask.request.method}"

    return server, app


def signed_in_client(server: Flask, user: people.Person) -> FlaskClient:
    """A browser with a session of that person."""
    client = server.test_client()
    signed_in = sign_in(server.extensions["andon"].database, user.email, PASSWORD, "127.0.0.1", "Firefox", datetime.now(UTC))
    client.set_cookie("andon_session", signed_in.token)
    return client


def call(client: FlaskClient, output: str, value: Any = "x", **headers: str) -> Any:
    """Runs a callback as the browser does."""
    identifier, prop = output.rsplit(".", 1) if output != ROUTER else ("", "")
    body = {
        "output": output, "outputs": {"id": identifier, "property": prop}, "changedPropIds": ["people-name.value"],
        "inputs": [{"id": "people-name", "property": "value", "value": value}],
    }  # fmt: skip
    return client.post("/_dash-update-component", json=body, headers=headers)


def go(client: FlaskClient, path: str, search: str = "", *, location: str = "_pages_location") -> Any:
    """Moves to a page inside the application, as Dash's router is asked to."""
    body = {
        "output": ROUTER,
        "outputs": [{"id": "_pages_content", "property": "children"}, {"id": "_pages_store", "property": "data"}],
        "inputs": [
            {"id": location, "property": "pathname", "value": path},
            {"id": location, "property": "search", "value": search},
        ],
        "changedPropIds": ["_pages_location.pathname"],
    }
    return client.post("/_dash-update-component", json=body)
