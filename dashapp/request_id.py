"""The id of a request: in the answer's `X-Request-Id`, in every line that is logged on the way, and in what is said of an error.

Somebody reads it out from the screen, and whoever runs the server finds what happened in the log.
"""

import logging
import os
import re
from contextvars import ContextVar

from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-request-id"
GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_SIGNS = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648's, five bits each
_PAIRS = [first + second for first in _SIGNS for second in _SIGNS]
_current: ContextVar[str] = ContextVar("andon_request_id", default="")


def current() -> str:
    """The id of the request that is being answered; empty outside of one."""
    return _current.get()


def new() -> str:
    """`k7mqa-3xv5p`: fifty random bits in signs that nobody mistakes for another."""
    bits = int.from_bytes(os.urandom(7), "big")
    first = f"{_PAIRS[bits & 1023]}{_PAIRS[bits >> 10 & 1023]}{_SIGNS[bits >> 20 & 31]}"
    return f"{first}-{_PAIRS[bits >> 25 & 1023]}{_PAIRS[bits >> 35 & 1023]}{_SIGNS[bits >> 45 & 31]}"


class RequestIds:
    """ASGI middleware around everything: takes the id that a proxy gives, makes one otherwise, and sends it with the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything but HTTP passes untouched."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        identity = given.decode() if GIVEN.fullmatch(given) else new()
        header = (HEADER, identity.encode())

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        before = _current.set(identity)
        try:
            await self._app(scope, receive, tell)
        finally:
            _current.reset(before)


class WithRequest(logging.Filter):
    """Gives each line of the log `%(request)s`: `[k7mqa-3xv5p] `, or nothing where it belongs to no request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets everything through."""
        record.request = f"[{current()}] " if current() else ""
        return True
