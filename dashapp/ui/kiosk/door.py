"""How a wall screen gets in: `/kiosk#token` once, then the application below `/kiosk/screen/` with a cookie of the screen's own.

The token stands behind the #, which browsers send to nobody; the page posts it, and takes it out of the address. Below `/kiosk/screen/`
answers only what showing pages needs: no export, no sign-in, no route that somebody adds.
"""

import hashlib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import flask
from flask import Blueprint, Flask, Response

from dashapp.actions import kiosk
from dashapp.ui import visitor
from dashapp.ui.refusals import refusal, wants_page
from dashapp.ui.visitor import SCREEN_ROOT, current_actor

PATH = "/kiosk"
PUBLIC_ENDPOINTS = ("kiosk.show", "kiosk.take", "kiosk.beat")  # they look at the screen's cookie themselves
SCREEN_ENDPOINTS = frozenset({"/", "/_dash-layout", "/_dash-dependencies", "/_dash-update-component"})
LARGEST_BODY = 1_000  # bytes
ROOT = Path(__file__).resolve().parents[3]
_BUILD = "andon_build"
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

door = Blueprint("kiosk", __name__)


def mount(server: Flask) -> None:
    """Puts the application below `/kiosk/screen/` too; requests there are wall screens' (`visitor.on_the_wall`)."""
    inner: Wsgi = server.wsgi_app

    def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path.startswith(SCREEN_ROOT + "/") and not environ.get("SCRIPT_NAME"):
            environ = {**environ, "SCRIPT_NAME": SCREEN_ROOT, "PATH_INFO": path.removeprefix(SCREEN_ROOT)}
        return inner(environ, start_response)

    server.wsgi_app = wsgi_app  # type: ignore[method-assign]
    server.extensions[_BUILD] = build()
    server.register_blueprint(door)


def check() -> Any:
    """Before every request of a wall screen: None lets it through."""
    if flask.request.endpoint not in SCREEN_ENDPOINTS:
        return refusal(404, "Not on a wall screen", "A wall screen shows its pages, nothing else.")
    if current_actor() is not None:
        return None
    if wants_page(flask.request):
        return flask.redirect(PATH, 302)
    return refusal(401, "Not a wall screen", "Open the screen by its link.")


@door.get(PATH)
def show() -> Response:
    """The page that exchanges the token for a cookie, goes on where there is a cookie, and otherwise says calmly what is wrong."""
    body = flask.render_template("andon/kiosk.html", opened=visitor.screen_of_cookie() is not None)
    return Response(body, mimetype="text/html")


@door.post(PATH)
def take() -> Response:
    """The exchange: `{"token": …}` → a cookie of the screen, 404 where there is no such link in use. A screen keeps what it has."""
    flask.request.max_content_length = LARGEST_BODY
    asked = flask.request.get_json(silent=True)
    token = asked.get("token") if isinstance(asked, dict) else None
    database = visitor.running().database
    link = kiosk.link_of(database, token) if isinstance(token, str) else None
    if link is None:
        return refusal(404, "No such link", "This link is not valid, or it was revoked.")
    screen = visitor.screen_of_cookie()
    held: str | None = flask.request.cookies.get(visitor.SCREEN_COOKIE)
    if screen is None or (screen.tenant_id, screen.link_id) != link:
        request = flask.request
        held = kiosk.open_screen(database, *link, request.remote_addr, request.headers.get("User-Agent"), datetime.now(UTC))
    if held is None:
        return refusal(404, "No such link", "This link is not valid, or it was revoked.")
    response = flask.jsonify(to=SCREEN_ROOT + "/")
    visitor.give_screen_cookie(response, held)
    return response


@door.get(f"{PATH}/beat")
def beat() -> Response:
    """Whether the server is there, for screens whose page asks nothing by itself: 204, or 401 once the link was revoked."""
    if visitor.screen_of_cookie() is None:
        return refusal(401, "Not a wall screen", "Open the screen by its link.")
    response = Response(status=204)
    response.headers["Andon-Time"] = str(int(datetime.now(UTC).timestamp() * 1000))
    tell_build(response)
    return response


def tell_build(response: Response) -> None:
    """Says of which version the answer is, and of which settings of the link: a screen that knows another one loads itself anew."""
    response.headers["Andon-Build"] = screen_build()


def screen_build() -> str:
    """Changes with the files of the server and with what the link shows."""
    screen = visitor.screen_of_cookie()
    shown = "" if screen is None else repr((screen.pages, screen.page_s, screen.theme, screen.lines))
    return flask.current_app.extensions[_BUILD] + hashlib.sha256(shown.encode()).hexdigest()[:8]


def build() -> str:
    """Changes with the application's code and assets."""
    files = [*ROOT.glob("assets/*.*"), *(file for folder in ("dashapp", "pages", "db") for file in ROOT.glob(f"{folder}/**/*.py"))]
    stamps = sorted(f"{file.relative_to(ROOT)} {file.stat().st_mtime_ns}" for file in files)
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:8]
