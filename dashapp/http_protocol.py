"""uvicorn's HTTP protocol with one write a response: head and body leave in one system call instead of two.

Thousands of posts a second get the same answer but for its request id: what is alike in it was checked and written once (`Ready`).
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

READY = "andon.ready"  # in an `http.response.start`: that its first headers are `Ready`


@dataclass(frozen=True, slots=True)
class Ready:
    """The head of an answer that is always the same: its headers, their lines as they go out, and the length of the body."""

    headers: list[tuple[bytes, bytes]]
    lines: bytes
    length: int


def ready(headers: list[tuple[bytes, bytes]], length: int) -> Ready:
    """What is written once of these headers, of which `content-length` is one. They are the application's own, in small letters."""
    return Ready(headers, _lines(headers), length)


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


class _OneWrite:
    """A transport that sends at the end of the event loop's turn what was written in it."""

    __slots__ = ("_loop", "_pieces", "_transport")

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._pieces: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Keeps the data until the turn ends."""
        if not self._pieces:
            self._loop.call_soon(self._flush)
        self._pieces.append(data)

    def close(self) -> None:
        """Sends what is kept, then closes."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._pieces:
            data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            self._pieces = []
            if not self._transport.is_closing():
                self._transport.write(data)


class _Cycle(RequestResponseCycle):
    """One request and its response, of which the head may be ready."""

    async def send(self, message: Any) -> None:
        """As uvicorn's, without looking at each header of a head that is ready."""
        made: Ready | None = message.get(READY)
        if made is None or not self._is_plain() or message["headers"][: len(made.headers)] != made.headers:
            return await super().send(message)
        self.response_started, self.waiting_for_100_continue = True, False
        self.chunked_encoding, self.expected_content_length = False, made.length
        more = _lines(message["headers"][len(made.headers) :])
        self.transport.write(b"".join((STATUS_LINE[message["status"]], _lines(self.default_headers), made.lines, more, b"\r\n")))

    def _is_plain(self) -> bool:
        """Whether the head is all that is to be thought of."""
        return self.keep_alive and not (self.response_started or self.disconnected or self.access_log or self.flow.write_paused)


class HttpProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    def on_headers_complete(self) -> None:
        """Has the new request answered by our cycle, which begins in the next turn of the event loop."""
        super().on_headers_complete()
        if type(self.cycle) is RequestResponseCycle:
            self.cycle.__class__ = _Cycle

    def connection_made(self, transport: Any) -> None:
        """Wraps the connection's transport."""
        super().connection_made(_OneWrite(transport, self.loop))  # type: ignore[arg-type]
