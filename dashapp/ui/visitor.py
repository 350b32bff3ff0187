"""Who is behind a request: Flask-Login on the session row that the cookie names; below `SCREEN_ROOT` the wall screen of its own cookie.

The two never mix: a wall screen's cookie is sent to its own paths alone, and a person's says nothing there.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import flask
from flask import Flask, Request, Response
from flask_login import LoginManager, UserMixin, current_user

from dashapp.actions import kiosk
from dashapp.actions.access import SignedIn
from dashapp.actions.actor import Actor
from dashapp.actions.sessions import SESSION_COOKIE as COOKIE
from dashapp.actions.sessions import SessionReader, actor_of
from dashapp.ingest.services import Services
from db.commands.people import LONGEST_SESSION
from db.queries.kiosk import FoundScreen
from db.queries.people import FoundSession

SCREEN_COOKIE, SCREEN_COOKIE_PATH = "andon_screen", "/kiosk"
SCREEN_ROOT = "/kiosk/screen"  # where `dashapp.ui.kiosk.door` mounts the application for wall screens
EXTENSION = "andon"  # where `web.create_web` leaves the services
_READER = "andon_sessions"
_SCREENS = "andon_screens"


class Visitor(UserMixin):  # type: ignore[misc]
    """Flask-Login's user: a person in a session."""

    def __init__(self, session: FoundSession, address: str | None) -> None:
        self.session = session
        self.actor = actor_of(session, address)

    def get_id(self) -> str:
        """The person's id, unique over all tenants."""
        return str(self.session.user_id)


class ScreenVisitor(UserMixin):  # type: ignore[misc]
    """Flask-Login's user: a wall screen."""

    def __init__(self, screen: FoundScreen, address: str | None) -> None:
        self.screen = screen
        self.actor = kiosk.actor_of(screen, address)

    def get_id(self) -> str:
        """The screen's name among users."""
        return f"kiosk-{self.screen.tenant_id}-{self.screen.id}"


def running() -> Services:
    """The services of the server that answers the request."""
    return cast(Services, flask.current_app.extensions[EXTENSION])


def lasts() -> timedelta:
    """How long a session lasts without activity."""
    return timedelta(hours=running().settings.session_hours)


def register(server: Flask) -> None:
    """Sets Flask-Login up. Its own session cookie and its remember-me cookie are not used."""
    services: Services = server.extensions[EXTENSION]
    reader = SessionReader(services.database, timedelta(hours=services.settings.session_hours))
    server.extensions[_READER] = reader
    server.extensions[_SCREENS] = kiosk.ScreenReader(services.database)
    server.config["REMEMBER_COOKIE_NAME"] = "andon_unused"
    login = LoginManager(server)
    login.session_protection = None

    @login.request_loader  # type: ignore[misc]
    def load(request: Request) -> Visitor | ScreenVisitor | None:
        if on_the_wall():
            screen = screen_of_cookie()
            return None if screen is None else ScreenVisitor(screen, request.remote_addr)
        session = reader.find(request.cookies.get(COOKIE, ""), datetime.now(UTC))
        return None if session is None else Visitor(session, request.remote_addr)


def current_actor() -> Actor | None:
    """The Actor of the request under way; None where nobody is signed in, there is no request, or the server has no guard yet."""
    if not flask.has_request_context() or _READER not in flask.current_app.extensions or not current_user.is_authenticated:
        return None
    return cast(Visitor | ScreenVisitor, current_user).actor


def on_the_wall() -> bool:
    """Whether the request under way is a wall screen's, by where it was sent."""
    return flask.has_request_context() and flask.request.script_root == SCREEN_ROOT


def screen_of_cookie() -> FoundScreen | None:
    """The wall screen that the browser is, whatever path it asks for below `/kiosk`."""
    reader: kiosk.ScreenReader = flask.current_app.extensions[_SCREENS]
    return reader.find(flask.request.cookies.get(SCREEN_COOKIE, ""), flask.request.remote_addr, datetime.now(UTC))


def give_screen_cookie(response: Response, token: str) -> None:
    """Makes the browser a wall screen; to be given again at each visit, since browsers forget a cookie after 400 days."""
    set_cookie(response, SCREEN_COOKIE, token, path=SCREEN_COOKIE_PATH, max_age=400 * 86_400)


def preferences() -> dict[str, Any]:
    """What the person of the request has set for themselves; empty where nobody is signed in, and for a wall screen."""
    who = current_actor()
    return {} if who is None or who.kind == "kiosk" else cast(Visitor, current_user).session.preferences


def give_cookie(response: Response, signed_in: SignedIn) -> None:
    """Puts the session's token into the browser. The server decides when it ends: the cookie outlives every session."""
    set_cookie(response, COOKIE, signed_in.token, max_age=int(LONGEST_SESSION.total_seconds()))


def take_cookie(response: Response) -> None:
    """Removes it."""
    set_cookie(response, COOKIE, "", max_age=0)


def set_cookie(response: Response, name: str, value: str, *, path: str = "/", **more: Any) -> None:
    """A cookie for this host that no script reads, Secure as the settings say."""
    wanted = running().settings.secure_cookies
    secure = flask.request.is_secure if wanted == "auto" else wanted == "1"
    response.set_cookie(name, value, httponly=True, samesite="Lax", path=path, secure=secure, **more)
