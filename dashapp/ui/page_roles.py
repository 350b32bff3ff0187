"""Which role a page and its callbacks need. Moving inside the application never asks for the page's URL, so the page itself is guarded.

A page says `register_page(…, role=Role.MANAGER)`. Its layout (and its title, where that is a function) answers only to a person with
the role, whoever calls it: Dash's router, which takes the path from what the browser sends, or the shell. Its callbacks need the same
role: a callback belongs to the module that its function was written in. Modules of `dashapp.ui` answer to everyone who is signed in,
unless they say `ROLE = Role.…`.
"""

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import dash
import flask
from dash import Dash, _callback, html
from dash.development.base_component import Component

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from dashapp.ui.parts import empty_state
from dashapp.ui.refusals import refusal
from dashapp.ui.visitor import current_actor

OPEN_TO_ALL = ("dash.", "dashapp.ui.")  # the router, the shell and its parts


def enforce_page_roles(app: Dash) -> None:
    """Guards the pages that are registered and every callback. To be called once, when all pages are.

    Raises RuntimeError for a page without a role, and for a callback whose role nobody can tell: a fault of ours, found at the start.
    """
    for module, page in dash.page_registry.items():
        role = _declared_role(module, page)
        page["layout"] = _guarded(page["layout"], role, _not_allowed_page)
        if callable(page["title"]):
            page["title"] = _guarded(page["title"], role, lambda _needed: "Not allowed")
    unclear = [name for name, role in _roles(app).items() if role is None]
    if unclear:
        raise RuntimeError(f"nobody can tell which role these callbacks need: {', '.join(unclear)}")
    app.server.before_request(lambda: _check_callback(app))


def callback_roles(app: Dash) -> dict[str, Role]:
    """The least role that every server-side callback needs, by the callback's output."""
    return {name: role for name, role in _roles(app).items() if role is not None}


def _roles(app: Dash) -> dict[str, Role | None]:
    entries = {**_callback.GLOBAL_CALLBACK_MAP, **app.callback_map}
    return {name: _role_of(entry["callback"].__module__) for name, entry in entries.items() if "callback" in entry}


def _declared_role(module: str, page: dict[str, Any]) -> Role:
    if page.get("role") not in list(Role):
        raise RuntimeError(f"the page {module} must say its role: register_page(…, role=Role.VIEWER)")
    return Role(page["role"])


def _role_of(module: str) -> Role | None:
    """The role that a module's callbacks need; None where it is neither a page nor one of ours."""
    if module in dash.page_registry:
        return Role(dash.page_registry[module]["role"])
    said = getattr(sys.modules.get(module), "ROLE", None)
    if said is not None:
        return Role(said)
    return Role.VIEWER if module.startswith(OPEN_TO_ALL) else None


def _guarded(inner: Any, role: Role, instead: Callable[[Role], Any]) -> Callable[..., Any]:
    """A page's layout or title for people with the role, and something else for everyone else. `inner` may be a component."""

    def answer(*args: Any, **values: Any) -> Any:
        if not _may(current_actor(), role):
            return instead(role)
        return inner(*args, **values) if callable(inner) else inner

    return wraps(inner)(answer) if callable(inner) else answer


def _check_callback(app: Dash) -> Any:
    """Before each request: None where it may go on."""
    if flask.request.endpoint != f"{app.config.routes_pathname_prefix}_dash-update-component":
        return None
    actor = current_actor()
    if actor is None:
        return None if "andon_guarded" in app.server.extensions else refusal(401, "Not signed in", "Sign in first.")
    try:
        body = flask.request.get_json(silent=True)
    except RecursionError:  # brackets in brackets in brackets
        body = None
    output = body.get("output") if isinstance(body, dict) else None
    entry = app.callback_map.get(output) if isinstance(output, str) else None
    if entry is None or "callback" not in entry:
        return refusal(404, "No such callback", "The page is of another version of the server; load it again.")
    role = _role_of(entry["callback"].__module__)
    if role is None or not _may(actor, role):
        return refusal(403, "Not allowed", f"This needs the role {role or Role.ADMIN} or more.")
    return None


def _may(actor: Actor | None, role: Role) -> bool:
    return actor is not None and actor.role.includes(role)


def _not_allowed_page(role: Role) -> Component:
    text = f"This page needs the role {role} or more. An administrator can give it to you."
    return html.Div(empty_state("Not allowed", text, html.A("To the overview", href="/", className="btn")), className="card")
