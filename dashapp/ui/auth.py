"""The guard of the server that carries the pages: nothing but the way in and the static bundles answers to who is not signed in."""

from typing import Any

import flask
from dash.exceptions import DependencyException
from flask import Flask, Response, request
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from dashapp.actions.actor import ActionError, Forbidden
from dashapp.domain.limits import TooMany
from dashapp.ingest.services import Services
from dashapp.ui import csrf, gate, links, offline, visitor
from dashapp.ui.gate import SIGN_IN_PATH, SIGN_OUT_PATH
from dashapp.ui.kiosk import door
from dashapp.ui.page_roles import callback_roles, enforce_page_roles
from dashapp.ui.refusals import refusal, wants_page
from dashapp.ui.visitor import current_actor
from db import tenancy
from db.commands.installation import shared_secret

__all__ = ["SIGN_IN_PATH", "SIGN_OUT_PATH", "callback_roles", "current_actor", "enforce_page_roles", "guard"]
PUBLIC_RULES = ("/assets/", "/_dash-component-suites/")  # code and styles; the same for everyone, and no data in them
PUBLIC_ENDPOINTS = frozenset({"gate.show_sign_in", "gate.take_sign_in", "gate.show_set_up", "gate.take_set_up", "gate.take_sign_out",
                              *door.PUBLIC_ENDPOINTS, *offline.PUBLIC_ENDPOINTS})  # fmt: skip


def guard(server: Flask) -> None:
    """Closes the server: sessions, sign-in, set-up, sign-out, and one check before every request.

    `server.extensions["andon"]` holds the services. The check goes by the route that will answer, not by the path that was written, so
    that every route that somebody adds is closed until it is named here.
    """
    services: Services = server.extensions[visitor.EXTENSION]
    server.secret_key = shared_secret(services.database.engine, "csrf")
    server.extensions["andon_guarded"] = True
    visitor.register(server)
    server.register_blueprint(gate.gate)
    door.mount(server)
    server.before_request(_check)
    server.teardown_request(lambda _error: tenancy.only_reading.set(False))  # the thread serves somebody else next
    server.after_request(_never_store)
    server.register_error_handler(Forbidden, _forbidden)
    server.register_error_handler(ActionError, _not_done)
    server.register_error_handler(TooMany, _too_many)
    server.register_error_handler(DependencyException, _no_such_bundle)
    server.register_error_handler(OperationalError, _database_away)
    server.register_error_handler(PoolTimeout, _database_away)
    server.register_error_handler(HTTPException, _http)


def _check() -> Any:
    """Before every request: None lets it through."""
    if csrf.is_foreign(request):
        return refusal(403, "Not allowed", "This came from another site. Please do it on one of Andon's own pages.")
    limits = visitor.running().limits
    if visitor.on_the_wall():
        screen = visitor.screen_of_cookie()
        if screen is not None:
            limits.page(f"screen:{screen.id}")
        answer = door.check()
        tenancy.only_reading.set(True)
        return answer
    if is_public():
        return None
    who = current_actor()
    if who is not None:
        limits.page(f"session:{who.session_id}")
        return links.arrive(who, visitor.running()) if wants_page(request) else None
    limits.stranger(request.remote_addr)
    if wants_page(request):
        return gate.way_in()
    return refusal(401, "Not signed in", "Sign in first.", sign_in=SIGN_IN_PATH)


def is_public() -> bool:
    """Whether the route that will answer is one for everyone."""
    rule = "" if request.url_rule is None else request.url_rule.rule
    return request.endpoint in PUBLIC_ENDPOINTS or rule.startswith(PUBLIC_RULES)


def _never_store(response: Response) -> Response:
    """What is made for one person stays in no cache; a page is not shown again by “back” after signing out."""
    rule = "" if request.url_rule is None else request.url_rule.rule
    if not rule.startswith(PUBLIC_RULES):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _forbidden(error: Forbidden) -> Response:
    if error.required == "person":
        return refusal(403, "Not allowed", "A wall screen only shows; it changes nothing.")
    return refusal(403, "Not allowed", f"This needs the role {error.required} or more.")


def _not_done(error: ActionError) -> Response:
    return refusal(error.status, "Not possible", error.reason, field=error.field, reason=error.reason)


def _too_many(error: TooMany) -> Response:
    return refusal(429, "Too many requests", f"Too much was asked at once. Wait {error.retry_after_s} s.",
                   headers={"Retry-After": str(error.retry_after_s)})  # fmt: skip


def _no_such_bundle(_error: DependencyException) -> Response:
    return refusal(404, "No such file", "The page is of another version of the server; load it again.")


def _http(error: HTTPException) -> Any:
    """What Flask answers by itself, an unexpected error (which it has logged) among it."""
    if error.code is None or error.code < 400:
        return error
    if error.code == 500:
        return refusal(500, "Something went wrong here", "It is in the log of the server, under the request's id.")
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After", "WWW-Authenticate")}
    return refusal(error.code, error.name, error.description or error.name, headers=kept)


def _database_away(error: Exception) -> Response:
    flask.current_app.logger.error("the database is away: %s", error)
    return refusal(503, "The database is away", "Nothing is lost. Try again in a moment.", headers={"Retry-After": "2"})
