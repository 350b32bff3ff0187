"""Scripts, styles and fonts: small on the wire, kept by the browser, read through Flask once."""

import asyncio
import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import brotli
import flask
import httpx
import pytest
from flask import Flask, Response

from dashapp import static_files
from dashapp.static_files import ASSETS, PLOTLY, StaticFiles

pytestmark = pytest.mark.requirement("UI-15")
SCRIPT = b"function andon() { return 'the same words again and again'; }\n" * 200
FINGERPRINTED = "/_dash-component-suites/dash/thing.v4_4_1m1795247627.min.js"


class Site:
    """Static files before a Flask server that knows a few of them, and counts how often it is asked."""

    def __init__(self, cache: Path) -> None:
        self.asked: list[str] = []
        server = Flask("site", static_folder=None)
        for path in ("/assets/app.js", FINGERPRINTED):
            server.add_url_rule(path, path, self._serve)
        server.add_url_rule("/assets/tiny.css", "tiny", lambda: Response("b{}", mimetype="text/css"))
        server.add_url_rule("/assets/inter.woff2", "font", lambda: Response(bytes(range(256)) * 8, mimetype="font/woff2"))
        self.files = StaticFiles(self._rest, server, cache)

    def _serve(self) -> Response:
        self.asked.append(flask.request.path)
        return Response(SCRIPT, mimetype="text/javascript")

    async def _rest(self, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 418, "headers": []})
        await send({"type": "http.response.body", "body": b"the application"})

    def get(self, path: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            given = {name.replace("_", "-"): value for name, value in headers.items()}
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self.files), base_url="http://plant") as client:
                return await client.request(method, path, headers={"accept-encoding": "", **given})

        return asyncio.run(ask())


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "cache")


def packed(site: Site, path: str, encoding: str) -> httpx.Response:
    """The answer once it comes in that encoding: Brotli's is made beside."""
    deadline = time.monotonic() + 30
    while True:
        answer = site.get(path, accept_encoding=encoding)
        if answer.headers.get("content-encoding") == encoding or time.monotonic() > deadline:
            return answer


def test_a_file_is_the_same_in_every_encoding_and_read_once(site):
    assert site.get("/assets/app.js").content == SCRIPT
    for encoding in ("gzip", "br"):
        answer = packed(site, "/assets/app.js", encoding)
        assert answer.headers["content-encoding"] == encoding
        assert answer.content == SCRIPT
        assert int(answer.headers["content-length"]) < len(SCRIPT) / 10
    assert site.asked == ["/assets/app.js"]


def test_gzip_serves_at_once_while_brotli_is_being_made(site, monkeypatch):
    may_end = threading.Event()
    compress = brotli.compress
    monkeypatch.setattr(static_files.brotli, "compress", lambda *given, **more: may_end.wait(30) and compress(*given, **more))
    assert site.get("/assets/app.js", accept_encoding="gzip, deflate, br").headers["content-encoding"] == "gzip"
    may_end.set()
    assert packed(site, "/assets/app.js", "br").headers["content-encoding"] == "br"


def test_what_was_compressed_is_there_after_a_restart(tmp_path, monkeypatch):
    packed(Site(tmp_path), "/assets/app.js", "br")
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob("*.br")):
        assert time.monotonic() < deadline
    monkeypatch.setattr(static_files.brotli, "compress", lambda *_given, **_more: pytest.fail("compressed again"))
    assert Site(tmp_path).get("/assets/app.js", accept_encoding="br").headers["content-encoding"] == "br"


def test_a_file_that_names_its_version_is_kept_for_ever_and_another_for_a_while(site):
    for path in (FINGERPRINTED, "/assets/app.js?m=1795250124.82"):
        assert site.get(path).headers["cache-control"] == "public, max-age=31536000, immutable"
    assert site.get("/assets/app.js").headers["cache-control"] == "public, max-age=600"


def test_a_file_that_the_browser_has_is_not_sent_again(site):
    tag = site.get("/assets/app.js").headers["etag"]
    assert tag.startswith('"')  # strong: the same bytes
    again = site.get("/assets/app.js", if_none_match=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert site.get("/assets/app.js", if_none_match='"another"').status_code == 200


def test_caches_are_told_that_the_answer_goes_by_the_encoding(site):
    assert site.get("/assets/app.js").headers["vary"] == "Accept-Encoding"


def test_small_files_and_fonts_go_out_as_they_are(site):
    for path in ("/assets/tiny.css", "/assets/inter.woff2"):
        assert "content-encoding" not in site.get(path, accept_encoding="gzip, br").headers


def test_a_question_for_the_head_gets_no_body(site):
    answer = site.get("/assets/app.js", method="HEAD")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", str(len(SCRIPT)))


def test_what_is_no_file_is_left_to_the_application(site):
    for path in ("/", "/assets/nothing.js", "/assets/../app.py", "/_dash-layout"):
        assert site.get(path).content == b"the application"
    assert site.get("/assets/app.js", method="POST").content == b"the application"


def test_plotly_is_answered_with_the_small_bundle_of_this_host(site):
    answer = site.get(PLOTLY, accept_encoding="gzip")
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256((ASSETS / "plotly.min.js").read_bytes()).digest()
    assert int(answer.headers["content-length"]) < 350_000
