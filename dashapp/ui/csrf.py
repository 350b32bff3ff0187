"""That a request which changes something comes from our own pages.

Every unsafe request, Dash's callbacks included, is looked at for where it comes from (Sec-Fetch-Site, else Origin: browsers set them, pages
cannot). Forms carry a token besides: a random value in a cookie, and its HMAC in the form, so that both must come from here.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

import flask
from flask import Request, Response

from dashapp.ui.visitor import set_cookie

COOKIE = "andon_csrf"
FIELD = "csrf_token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SIZE = 32  # bytes of an HMAC-SHA-256
_FRESH = "andon_csrf_fresh"


def is_foreign(request: Request) -> bool:
    """Whether a browser says that another site made this unsafe request."""
    if request.method in SAFE:
        return False
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is not None and not _is_ours(origin, request)


def is_surely_ours(request: Request) -> bool:
    """Whether a browser says that one of our pages made this request, or the form's token does."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site == "same-origin" or (site is None and origin is not None and _is_ours(origin, request)):
        return True
    return has_token(request)


def has_token(request: Request) -> bool:
    """Whether the form brings the token that goes with the cookie."""
    value, given = request.cookies.get(COOKIE, ""), request.form.get(FIELD, "")
    try:
        raw = base64.urlsafe_b64decode(given)
    except ValueError:
        return False
    return bool(value) and hmac.compare_digest(_masked(raw[:SIZE], raw[SIZE:]), _signed(value))


def token() -> str:
    """The token for a form that is being drawn. `keep` must see the response: it gives the browser the value that goes with it."""
    value: str = flask.request.cookies.get(COOKIE) or flask.g.get(_FRESH, "")
    if not 20 <= len(value) <= 60:
        value = secrets.token_urlsafe(24)
        setattr(flask.g, _FRESH, value)
    mask = secrets.token_bytes(SIZE)  # the page is compressed: the same token never stands in it twice
    return base64.urlsafe_b64encode(mask + _masked(mask, _signed(value))).decode()


def keep(response: Response) -> Response:
    """Gives the browser the value that a token of this response was made for, where it had none."""
    fresh = flask.g.get(_FRESH)
    if fresh is not None:
        set_cookie(response, COOKIE, fresh)
    return response


def _is_ours(origin: str, request: Request) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == request.host.lower()
    except ValueError:
        return False


def _signed(value: str) -> bytes:
    key = str(flask.current_app.config["SECRET_KEY"]).encode()
    return hmac.new(key, b"form:" + value.encode("utf-8", "replace"), hashlib.sha256).digest()


def _masked(mask: bytes, value: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(mask, value, strict=False))
