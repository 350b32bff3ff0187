"""Dash's callbacks, which every open page asks once a second: past the routing of the API, whole in and whole out.

a2wsgi, which carries the pages, changes threads four times a request, for it streams; a callback's answer is one piece.
"""

import asyncio
import contextvars
import io
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from a2wsgi.wsgi import build_environ
from starlette.types import ASGIApp, Receive, Scope, Send

from dashapp.api.problems import too_large

CALLBACK = "/_dash-update-component"  # of the pages, and below `SCREEN_ROOT` of the wall screens
Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(slots=True)
class _Answer:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class CallbackDoor:
    """ASGI middleware before the pages; `executor` is theirs. A body may have `body_bytes`."""

    def __init__(self, rest: ASGIApp, pages: Wsgi, executor: Executor, body_bytes: int) -> None:
        self._rest = rest
        self._pages = pages
        self._executor = executor
        self._body_bytes = body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not scope["path"].endswith(CALLBACK) or scope["method"] != "POST":
            return await self._rest(scope, receive, send)
        body = await self._read(receive)
        if body is None:
            return
        if len(body) > self._body_bytes:
            return await too_large(self._body_bytes)(scope, receive, send)
        run = contextvars.copy_context().run  # the request's id goes along
        answer = await asyncio.get_running_loop().run_in_executor(self._executor, run, self._ask, scope, body)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _read(self, receive: Receive) -> bytearray | None:
        """The body, of one that is too long no more than shows it; None where the asker has gone."""
        body = bytearray()
        while len(body) <= self._body_bytes:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        return body

    def _ask(self, scope: Scope, body: bytearray) -> _Answer:
        environ: dict[str, Any] = {**build_environ(scope, io.BytesIO(body))}  # type: ignore[arg-type]
        answer = _Answer(500, [], b"")

        def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            answer.status = int(status.partition(" ")[0])
            answer.headers = [(name.lower().encode("latin1"), value.encode("latin1")) for name, value in headers]

        pieces = self._pages(environ, start)
        try:
            answer.body = b"".join(pieces)
        finally:
            getattr(pieces, "close", lambda: None)()
        return answer
