"""Security headers, and the policy that names the scripts of the page that is sent."""

import asyncio
import base64
import gzip
import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import brotli
import pytest

from dashapp import headers
from dashapp.headers import SecurityHeaders, policy, script_hashes

pytestmark = pytest.mark.requirement("AP-4", "UI-15")
Sent = list[dict[str, Any]]


def sha256(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def application(*bodies: bytes, content_type: bytes = b"text/html; charset=utf-8", more: Sequence[tuple[bytes, bytes]] = ()) -> Any:
    async def app(_scope: Any, _receive: Any, send: Callable[[Any], Any]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", content_type), *more]})
        for index, body in enumerate(bodies):
            await send({"type": "http.response.body", "body": body, "more_body": index < len(bodies) - 1})

    return app


def ask(app: Any, *, scheme: str = "http", kind: str = "http") -> tuple[dict[str, str], bytes, Sent]:
    sent: Sent = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    asyncio.run(app({"type": kind, "scheme": scheme}, receive, send))
    found = {name.decode().lower(): value.decode() for name, value in sent[0].get("headers", [])}
    return found, b"".join(message.get("body", b"") for message in sent[1:]), sent


def test_every_response_says_how_it_may_be_used() -> None:
    found, _, _ = ask(SecurityHeaders(application(b"{}", content_type=b"application/json")))
    assert found["x-content-type-options"] == "nosniff"
    assert found["x-frame-options"] == "DENY"
    assert found["referrer-policy"] == "same-origin"
    assert found["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in found["permissions-policy"]
    assert "content-security-policy" not in found
    assert "strict-transport-security" not in found


def test_https_is_asked_for_only_where_it_is_spoken() -> None:
    app = SecurityHeaders(application(b"{}", content_type=b"application/json"))
    assert "max-age=31536000" in ask(app, scheme="https")[0]["strict-transport-security"]


def test_a_page_may_run_its_own_inline_scripts_and_no_others() -> None:
    page = b"<html><script src='/a.js'></script><SCRIPT>one()</SCRIPT ><script type='application/javascript'>two()\n</script></html>"
    found, body, _ = ask(SecurityHeaders(application(page)))
    assert body == page
    assert found["content-security-policy"] == policy((sha256("one()"), sha256("two()\n")))
    assert f"script-src 'self' '{sha256('one()')}' '{sha256('two()' + chr(10))}';" in found["content-security-policy"]


def test_the_policy_allows_this_host_and_neither_eval_nor_frames() -> None:
    said = dict(part.split(" ", 1) for part in policy().split("; "))
    assert said["default-src"] == "'none'"
    assert said["script-src"] == "'self'"
    assert said["frame-ancestors"] == said["base-uri"] == "'none'"
    assert said["form-action"] == said["connect-src"] == "'self'"
    assert "unsafe-eval" not in policy()
    assert "unsafe-inline" not in said["script-src"]
    assert "http" not in policy()


def test_the_same_script_is_named_once_and_line_ends_count_as_the_browser_reads_them() -> None:
    assert script_hashes(b"<script>a\r\nb</script><script>a\nb</script><script></script>") == (sha256("a\nb"),)


def test_a_data_attribute_that_ends_in_src_makes_a_script_no_external_one() -> None:
    assert script_hashes(b"<script data-src='x'>one()</script><script async src=x></script>") == (sha256("one()"),)


@pytest.mark.parametrize(("encoding", "compress"), [(b"gzip", gzip.compress), (b"br", brotli.compress)])
def test_a_page_that_was_compressed_is_read_all_the_same(encoding: bytes, compress: Callable[[bytes], bytes]) -> None:
    packed = compress(b"<script>one()</script>")
    found, body, _ = ask(SecurityHeaders(application(packed, more=[(b"content-encoding", encoding)])))
    assert body == packed
    assert sha256("one()") in found["content-security-policy"]


def test_a_page_sent_in_pieces_is_sent_whole_with_the_scripts_that_pieces_tore_apart() -> None:
    found, body, sent = ask(SecurityHeaders(application(b"<script>on", b"e()</scr", b"ipt>")))
    assert body == b"<script>one()</script>"
    assert sha256("one()") in found["content-security-policy"]
    assert len(sent) == 2


def test_a_page_beyond_measure_is_passed_on_under_a_policy_without_inline_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "LARGEST_PAGE", 100)
    found, body, sent = ask(SecurityHeaders(application(b"<script>one()</script>", b"x" * 200, b"y" * 200)))
    assert len(body) == 422
    assert found["content-security-policy"] == policy()
    assert len(sent) == 3


def test_what_the_application_has_said_itself_stays() -> None:
    own = [(b"Content-Security-Policy", b"default-src 'none'"), (b"X-Frame-Options", b"SAMEORIGIN")]
    _, _, sent = ask(SecurityHeaders(application(b"<html>", more=own)))
    said = [(name.lower(), value) for name, value in sent[0]["headers"]]
    assert said.count((b"x-frame-options", b"SAMEORIGIN")) == 1
    assert [value for name, value in said if name == b"content-security-policy"] == [b"default-src 'none'"]


def test_data_that_a_page_carries_in_a_script_element_needs_no_naming() -> None:
    page = b"""<script id="_dash-config" type="application/json">{"end_id": 1}</script><script type=text/javascript>one()</script>"""
    assert script_hashes(page) == (sha256("one()"),)


def test_a_websocket_passes_untouched() -> None:
    async def app(_scope: Any, _receive: Any, send: Callable[[Any], Any]) -> None:
        await send({"type": "websocket.accept", "headers": []})

    assert ask(SecurityHeaders(app), kind="websocket")[2] == [{"type": "websocket.accept", "headers": []}]
