"""How pages say no: problem details for scripts, a page in words for people."""

import json
from typing import Any

import flask
from flask import Request, Response

from dashapp.request_id import current

CHALLENGE = {"WWW-Authenticate": 'Session realm="andon"'}  # a 401 must say how to sign in; no browser pops anything up for this


def wants_page(request: Request) -> bool:
    """Whether a person navigates here: a GET that asks for HTML, of a page and not of what pages are made of."""
    asks = "text/html" in request.headers.get("Accept", "") and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    return asks and request.method in ("GET", "HEAD") and not request.path.startswith("/_")


def refusal(status: int, title: str, detail: str, *, headers: dict[str, str] | None = None, **more: Any) -> Response:
    """RFC 9457 problem details; for a person who navigates, or sent a form, the same in words."""
    headers = {**(CHALLENGE if status == 401 else {}), **(headers or {})}
    form = flask.request.mimetype in ("application/x-www-form-urlencoded", "multipart/form-data")
    if wants_page(flask.request) or (form and not flask.request.path.startswith("/_")):
        body = flask.render_template("andon/refused.html", title=title, detail=detail, request_id=current())
        return Response(body, status, headers, mimetype="text/html")
    content = {"type": "about:blank", "title": title, "status": status, "detail": detail, "request_id": current(), **more}
    return Response(json.dumps(content), status, headers, mimetype="application/problem+json")
