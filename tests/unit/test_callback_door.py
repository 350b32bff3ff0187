"""The way of Dash's callbacks: whole in, whole out, in a thread of the pages; everything else goes on."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dashapp.callback_door import CALLBACK, CallbackDoor

pytestmark = pytest.mark.requirement("UI-1")


class Pages:
    """A WSGI application that says what it was asked, and where."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.threads: set[str] = set()
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> "Pages":
        self.asked.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        self.threads.add(threading.current_thread().name)
        start_response("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b'{"response"'
        yield b": {}}"

    def close(self) -> None:
        self.closed += 1


class Elsewhere:
    """What is behind the door."""

    def __init__(self) -> None:
        self.paths: list[str] = []

    async def __call__(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.paths.append(scope["path"])


def ask(
    pages: Any, *pieces: bytes, path: str = CALLBACK, method: str = "POST", leaves: bool = False, behind: Any = None
) -> list[dict[str, Any]]:
    """What is sent to who posts these pieces, one message each, and then `leaves` perhaps."""
    messages = [{"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1 or leaves} for at, piece in enumerate(pieces)]
    messages += [{"type": "http.disconnect"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": method, "path": path, "query_string": b"", "http_version": "1.1", "scheme": "http", "root_path": "",
        "headers": [(b"host", b"plant"), (b"cookie", b"andon_session=x")], "server": ("127.0.0.1", 8050), "client": ("127.0.0.1", 9),
    }  # fmt: skip
    with ThreadPoolExecutor(1, thread_name_prefix="pages") as executor:
        asyncio.run(CallbackDoor(behind or Elsewhere(), pages, executor, body_bytes=20)(scope, receive, send))
    return sent


@pytest.mark.parametrize("path", [CALLBACK, "/kiosk/screen" + CALLBACK])
def test_a_callback_is_answered_in_one_piece_by_a_thread_of_the_pages(path: str) -> None:
    pages = Pages()
    start, body = ask(pages, b'{"out', b'put": 1}', path=path)
    assert pages.bodies == [b'{"output": 1}']
    asked = pages.asked[0]
    assert (asked["PATH_INFO"], asked["HTTP_COOKIE"], asked["REMOTE_ADDR"]) == (path, "andon_session=x", "127.0.0.1")
    assert start["status"] == 200
    assert start["headers"] == [(b"content-type", b"application/json"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
    assert body == {"type": "http.response.body", "body": b'{"response": {}}'}
    assert {name.partition("_")[0] for name in pages.threads} == {"pages"}
    assert pages.closed == 1


@pytest.mark.parametrize(("path", "method"), [("/", "GET"), (CALLBACK, "OPTIONS"), ("/sign-in", "POST")])
def test_everything_else_goes_on(path: str, method: str) -> None:
    behind, pages = Elsewhere(), Pages()
    assert ask(pages, b"", path=path, method=method, behind=behind) == []
    assert behind.paths == [path]
    assert not pages.asked


def test_a_body_that_is_too_long_is_refused_by_name_and_not_read_to_its_end() -> None:
    pages = Pages()
    start, body = ask(pages, b"x" * 21, b"y" * 1_000)
    assert start["status"] == 413
    assert b"A body may have 20 bytes." in body["body"]
    assert not pages.asked


def test_whoever_leaves_before_the_end_is_not_answered() -> None:
    pages = Pages()
    assert ask(pages, b"{", leaves=True) == []
    assert not pages.asked


def test_pages_that_fail_in_the_middle_are_closed_and_the_error_is_told() -> None:
    class Failing(Pages):
        def __iter__(self) -> Iterator[bytes]:
            yield b"{"
            raise LookupError

    pages = Failing()
    with pytest.raises(LookupError):
        ask(pages, b"{}")
    assert pages.closed == 1
