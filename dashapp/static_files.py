"""Scripts, styles and fonts: compressed once, cached by the browser for ever, answered without Flask.

Stock Dash sends 8.5 MB uncompressed on a cold visit (DESIGN decision 11). Each file is read once through Flask, which knows where Dash
keeps it; Brotli's best level is made in the background and kept on disk, gzip serves until it is there.
"""

import gzip
import hashlib
import logging
import queue
import re
import threading
from dataclasses import dataclass, field
from pathlib import Path

import anyio.to_thread
import brotli
from flask import Flask
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger("andon.static")
ASSETS = Path(__file__).resolve().parents[1] / "assets"
PREFIXES = ("/assets/", "/_dash-component-suites/")
PLOTLY = "/_dash-component-suites/plotly/package_data/plotly.min.js"  # what Dash asks for; answered with the part that we use
COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml", "application/manifest+json")
FOR_EVER = b"public, max-age=31536000, immutable"
A_WHILE = b"public, max-age=600"  # a name that may get another content: then asked again with its tag
VERSIONED = re.compile(r"\.v\d+_\d+_\d+\w*m\d+\.")
SMALLEST = 500  # bytes below which compressing gains nothing


@dataclass(slots=True)
class _File:
    """A static file and its encodings; `bodies` by content encoding."""

    tag: bytes
    mimetype: bytes
    bodies: dict[bytes, bytes] = field(default_factory=dict)


class StaticFiles:
    """ASGI middleware before the web application. `cache_dir` keeps what took long to compress."""

    def __init__(self, app: ASGIApp, server: Flask, cache_dir: Path) -> None:
        self._app = app
        self._server = server
        self._cache_dir = cache_dir
        self._files: dict[str, _File | None] = {}
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[_File] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a static file; passes everything else on."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or not scope["path"].startswith(PREFIXES):
            return await self._app(scope, receive, send)
        path = scope["path"]
        if path not in self._files:
            await anyio.to_thread.run_sync(self._load, path)
        found = self._files.get(path)
        if found is None:
            return await self._app(scope, receive, send)
        await _answer(scope, send, found, lasting=bool(VERSIONED.search(path)) or b"m=" in scope["query_string"])

    def warm(self, paths: list[str]) -> None:
        """Reads files before anybody asks for them."""
        for path in paths:
            self._load(path)

    def _load(self, path: str) -> None:
        with self._lock:
            if path in self._files or len(self._files) > 2_000:
                return
            body, mimetype = self._read(path)
            if body is None:  # not there: Flask says so, each time, in its own words
                return
            found = _File(b'"' + hashlib.sha256(body).hexdigest()[:32].encode() + b'"', mimetype.encode(), {b"identity": body})
            if len(body) > SMALLEST and mimetype.startswith(COMPRESSIBLE):
                kept = self._kept(found)
                if kept.exists():
                    found.bodies[b"br"] = kept.read_bytes()
                else:
                    self._later(found)
                found.bodies[b"gzip"] = gzip.compress(body, 6)
            self._files[path] = found

    def _read(self, path: str) -> tuple[bytes | None, str]:
        if path == PLOTLY:
            return (ASSETS / "plotly.min.js").read_bytes(), "text/javascript; charset=utf-8"
        with self._server.test_client() as client, client.get(path) as answer:
            return (answer.data if answer.status_code == 200 else None), answer.content_type or ""

    def _kept(self, found: _File) -> Path:
        return self._cache_dir / f"{found.tag.decode().strip(chr(34))}.br"

    def _later(self, found: _File) -> None:
        self._waiting.put(found)
        if self._worker is None:
            self._worker = threading.Thread(target=self._compress, name="compress", daemon=True)
            self._worker.start()

    def _compress(self) -> None:
        while True:
            found = self._waiting.get()
            body = brotli.compress(found.bodies[b"identity"], quality=11)
            found.bodies[b"br"] = body
            try:
                self._cache_dir.mkdir(parents=True, exist_ok=True)
                part = self._kept(found).with_suffix(".part")
                part.write_bytes(body)
                part.rename(self._kept(found))
            except OSError as error:
                log.warning("a compressed file was not kept: %s", error)


async def _answer(scope: Scope, send: Send, found: _File, *, lasting: bool) -> None:
    wanted = {name: value for name, value in scope["headers"] if name in (b"accept-encoding", b"if-none-match")}
    headers = [
        (b"content-type", found.mimetype),
        (b"etag", found.tag),
        (b"cache-control", FOR_EVER if lasting else A_WHILE),
        (b"vary", b"Accept-Encoding"),
    ]
    if found.tag in wanted.get(b"if-none-match", b""):
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    accepted = {part.split(b";")[0].strip() for part in wanted.get(b"accept-encoding", b"").split(b",")}
    encoding = next((name for name in (b"br", b"gzip") if name in accepted and name in found.bodies), b"identity")
    body = found.bodies[encoding]
    if encoding != b"identity":
        headers.append((b"content-encoding", encoding))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
