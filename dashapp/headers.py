"""Security headers on every response, and for pages a content security policy made of the very page that is sent.

Scripts run from this host only, and inline ones only where this response holds them: each is named by its SHA-256. (Dash counts its inline
scripts at import, before Pages adds its own; so they are counted here, in what goes out.)
"""

import base64
import hashlib
import re
import zlib

import brotli
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_PAGE = 2_000_000  # bytes of HTML that are looked through for inline scripts; longer pages get a policy without any
SCRIPT = re.compile(rb"<script\b([^>]*)>(.*?)</script\s*>", re.IGNORECASE | re.DOTALL)
SOURCE = re.compile(rb"""(?:^|[\s"'])src\s*=""", re.IGNORECASE)
DATA = re.compile(rb"""(?:^|[\s"'])type\s*=\s*["']?application/(?:ld\+)?json""", re.IGNORECASE)
Headers = list[tuple[bytes, bytes]]

ALWAYS: dict[bytes, bytes] = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"permissions-policy": b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(),"
    b" microphone=(), midi=(), payment=(), usb=(), browsing-topics=()",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
HTTPS_ONLY = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
OF_DATA = [*ALWAYS.items()]  # of an answer that is surely no page
OF_DATA_BY_HTTPS = [*OF_DATA, HTTPS_ONLY]


def policy(script_hashes: tuple[str, ...] = ()) -> str:
    """The Content-Security-Policy of a page with these inline scripts (`sha256-…`, base64)."""
    scripts = " ".join(["'self'", *(f"'{name}'" for name in script_hashes)])
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {scripts}",
            "style-src 'self' 'unsafe-inline'",  # React and plotly set style attributes; no rule can name them
            "img-src 'self' data: blob:",  # blob: the chart that is saved as PNG
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        ]
    )


def script_hashes(page: bytes) -> tuple[str, ...]:
    """`sha256-…` of every inline script in the HTML, in order, each once. As the browser sees them: UTF-8, line ends as LF.

    Nothing is remembered from page to page: Dash writes a token of its own into each, and a page is looked through in 0.1 ms.
    """
    found: dict[str, None] = {}
    for attributes, body in SCRIPT.findall(page):
        if not body or SOURCE.search(attributes) or DATA.search(attributes):
            continue
        seen = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found["sha256-" + base64.b64encode(hashlib.sha256(seen).digest()).decode()] = None
    return tuple(found)


class SecurityHeaders:
    """ASGI middleware: goes around everything that is served. A header that the application has set itself stays."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; anything but HTTP passes untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Sender(send, secure=scope.get("scheme") == "https"))


class _Sender:
    """The way out of one response. A page is held back until it is whole, so that its scripts can be named ahead of it."""

    def __init__(self, send: Send, *, secure: bool) -> None:
        self._send = send
        self._secure = secure
        self._start: Message | None = None  # of a page that is being held back
        self._held: list[bytes] = []
        self._size = 0

    async def __call__(self, message: Message) -> None:
        """One message of the application."""
        if message["type"] == "http.response.start":
            headers = self._with_security(list(message.get("headers", [])))
            message = {**message, "headers": headers}
            if _value(headers, b"content-type").startswith(b"text/html"):
                self._start = message
                return
        elif self._start is not None and message["type"] == "http.response.body":
            await self._hold(message)
            return
        await self._send(message)

    async def _hold(self, message: Message) -> None:
        body: bytes = message.get("body", b"")
        more: bool = message.get("more_body", False)
        self._held.append(body)
        self._size += len(body)
        if more and self._size <= LARGEST_PAGE:
            return
        start, page = self._start, b"".join(self._held)
        assert start is not None
        self._start, self._held = None, []
        headers: Headers = start["headers"]
        if not _value(headers, b"content-security-policy"):
            found = () if more else script_hashes(_decoded(page, _value(headers, b"content-encoding")))
            headers.append((b"content-security-policy", policy(found).encode()))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": page, "more_body": more})

    def _with_security(self, headers: Headers) -> Headers:
        present = {name.lower() for name, _ in headers}
        headers += [(name, value) for name, value in ALWAYS.items() if name not in present]
        if self._secure and HTTPS_ONLY[0] not in present:
            headers.append(HTTPS_ONLY)
        return headers


def _value(headers: Headers, wanted: bytes) -> bytes:
    return next((value.lower() for name, value in headers if name.lower() == wanted), b"")


def _decoded(page: bytes, encoding: bytes) -> bytes:
    """The HTML itself, where something inside has compressed it; at most `LARGEST_PAGE` bytes are taken."""
    if encoding == b"gzip":
        return zlib.decompressobj(wbits=31).decompress(page, LARGEST_PAGE)
    if encoding == b"br":
        return bytes(brotli.decompress(page))
    return page
