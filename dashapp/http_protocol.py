"""uvicorn's HTTP protocol with one write a response: head and body leave in one system call instead of two."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


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


class HttpProtocol(HttpToolsProtocol):
    """For `uvicorn.Config(http=…)`."""

    def connection_made(self, transport: Any) -> None:
        """Wraps the connection's transport."""
        super().connection_made(_OneWrite(transport, self.loop))  # type: ignore[arg-type]
