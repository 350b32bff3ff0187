"""A head that is ready goes out as uvicorn itself would write it; whatever is not plain goes uvicorn's way."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from dashapp.http_protocol import READY, HttpProtocol, ready

BODY = b'{"stored":1}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY)), (b"x-frame-options", b"DENY")]
MADE = ready(HEADERS, len(BODY))


class Wire(asyncio.Transport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.sent = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def answered(request: bytes, *, made: bool, headers: list[tuple[bytes, bytes]]) -> tuple[bytes, bool]:
    """What goes out, and whether the connection is closed after it."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 201, "headers": headers, **({READY: MADE} if made else {})})
        await send({"type": "http.response.body", "body": BODY})

    config = uvicorn.Config(app, http=HttpProtocol, proxy_headers=False, access_log=False, log_level="warning")
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Sun, 22 Nov 2026 03:33:24 GMT")]
    protocol, wire = HttpProtocol(config, state, {}), Wire()
    protocol.connection_made(wire)
    protocol.data_received(request)
    while state.tasks:
        await asyncio.wait(state.tasks)
    await asyncio.sleep(0)  # what was written in this turn leaves at its end
    if protocol.timeout_keep_alive_task is not None:
        protocol.timeout_keep_alive_task.cancel()
    return wire.sent, wire.closed


@pytest.mark.parametrize("more", [[], [(b"x-request-id", b"abcde-fghij")]])
@pytest.mark.parametrize("line", [b"", b"Connection: close\r\n", b"Expect: 100-continue\r\n"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_a_head_that_is_ready_is_the_one_that_would_be_written(more: list[tuple[bytes, bytes]], line: bytes, version: bytes) -> None:
    request = b"POST / HTTP/%b\r\nHost: a\r\n%bContent-Length: 2\r\n\r\n{}" % (version, line)
    ours, theirs = (asyncio.run(answered(request, made=made, headers=[*HEADERS, *more])) for made in (True, False))
    assert ours == theirs
    assert ours[0].startswith(b"HTTP/1.1 ")
    assert ours[0].endswith(b"\r\n\r\n" + BODY)
    assert ours[1] == (b"close" in line or version == b"1.0")


def test_headers_that_somebody_changed_on_the_way_are_sent_as_they_are_now() -> None:
    changed = [*HEADERS[:2], (b"x-frame-options", b"SAMEORIGIN"), (b"vary", b"Origin")]
    request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
    ours, theirs = (asyncio.run(answered(request, made=made, headers=changed)) for made in (True, False))
    assert ours == theirs
    assert b"SAMEORIGIN" in ours[0]
