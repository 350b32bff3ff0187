"""The HTTP door: `POST /api/v1/machines/data`, `/api/v1/readings`, `/api/v1/data` – one door, one or many readings.

It is plain ASGI: the framework's own request and response handling costs more than storing a reading does.
201 is said only after the commit.
"""

import asyncio
import hashlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from starlette.types import Receive, Scope, Send

from dashapp.actions.keys import hash_of
from dashapp.domain.limits import TooMany
from dashapp.headers import OF_DATA, OF_DATA_BY_HTTPS
from dashapp.http_protocol import READY, Ready, ready
from dashapp.ingest.batch import Batch, Busy, Idempotency, Outcome, Unavailable, is_away
from dashapp.ingest.catalogue import TenantCatalogue, UnknownTenant
from dashapp.ingest.intake import Register, is_welcome, reasons
from dashapp.ingest.items import Refusal
from dashapp.ingest.payloads import BodyError, Parsed, RawItems, parse
from dashapp.ingest.services import Services
from dashapp.ingest.writer import letter
from dashapp.request_id import current
from db.commands.readings import DeadLetter, Rows

PATHS = ("/api/v1/machines/data", "/api/v1/readings", "/api/v1/data")
MOST_LISTED = 1_000  # refused values listed in an answer; beyond it they are counted
LARGE_BODY = 200_000  # bytes from which parsing leaves the event loop
_EMPTY = Rows(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
Answer = tuple[int, bytes]
FindKey = Callable[[str], Any]


@dataclass(slots=True)
class _Request:
    body: bytes
    key: str | None
    idempotency_key: str | None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class _Principal:
    tenant_id: int
    source: str
    device_id: int | None  # the only device that the key may speak for


class IngestDoor:
    """ASGI application of the ingest routes.

    `find_key` looks a secret up (with `.tenant_id`, `.id`, `.scopes` and `.device_id`, or None), from its cache where it can;
    `cached_key` only looks into the cache.
    """

    def __init__(self, services: Services, *, find_key: FindKey, cached_key: FindKey, register: Register) -> None:
        self._services = services
        self._find_key = find_key
        self._cached_key = cached_key
        self._register = register
        self._answers: _Answers | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        try:
            request = await self._read(scope, receive)
            if request is None:
                return
            status, body = await self._answer(request) if isinstance(request, _Request) else request
        except TooMany as many:
            detail = f"{str(many)[:1].upper()}{str(many)[1:]}."
            problem = _problem(429, "Too many requests", detail, field="requests", reason=str(many))
            return await _send(scope, send, *problem, retry_after_s=many.retry_after_s)
        except Busy as busy:
            problem = _problem(503, "The queue is full", "Nothing of the request was stored; send it again.")
            return await _send(scope, send, *problem, retry_after_s=busy.retry_after_s)
        except Exception as error:
            if not isinstance(error, Unavailable) and not is_away(error):
                raise
            problem = _problem(503, "The database is away", "Send the request again: what was stored is not stored twice.")
            return await _send(scope, send, *problem, retry_after_s=Unavailable.retry_after_s)
        await _send(scope, send, status, body)

    async def _read(self, scope: Scope, receive: Receive) -> _Request | Answer | None:
        """The request; an answer where it is too large; None where the client went away before its end."""
        key = idempotency_key = None
        for name, value in scope["headers"]:
            if name == b"x-api-key":
                key = value.decode("latin-1")
            elif name == b"authorization" and key is None:
                scheme, _, rest = value.decode("latin-1").partition(" ")
                key = rest.strip() if scheme.lower() in ("bearer", "apikey") else None
            elif name == b"idempotency-key":
                idempotency_key = value.decode("latin-1")
        limit = self._services.settings.body_bytes
        message = await receive()
        body: bytes = message.get("body", b"")
        if message.get("more_body"):
            pieces = [body]
            size = len(body)
            while message.get("more_body") and size <= limit:
                message = await receive()
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
            body = b"".join(pieces)
        if message["type"] == "http.disconnect":
            return None
        if len(body) > limit:
            return _problem(413, "Too large", f"A body may have {limit} bytes; send fewer readings at a time.", field="body")
        client = scope.get("client")
        return _Request(body, key, idempotency_key, client[0] if client else None)

    async def _answer(self, request: _Request) -> Answer:
        principal = await self._principal(request.key, request.address)
        if isinstance(principal, str):
            return _problem(401, "A key is needed", "Send a valid ingest key in the header X-API-Key.", field="X-API-Key", reason=principal)
        wish = request.idempotency_key
        if wish is not None and not (0 < len(wish) <= 200 and wish.isprintable()):
            return _problem(422, "Unusable key", "1 to 200 printable characters are expected.", field="Idempotency-Key", reason="unusable")
        now_us = time.time_ns() // 1000
        raw = RawItems(request.body)
        try:
            parsed = await self._parse(request.body, principal, now_us)
        except UnknownTenant:
            return _problem(401, "A key is needed", "The key's plant is no more.", field="X-API-Key", reason="unknown or revoked")
        except BodyError as error:
            refused = [letter("http", principal.source, error.field, error.reason, request.body)]
            parsed = Parsed(_EMPTY, [], 1)
            unread = _problem(422, "The body cannot be read", error.reason, field=error.field, reason=error.reason)
            answer: Callable[[Outcome], Answer] = lambda _outcome: unread  # noqa: E731
        else:
            large = len(request.body) > LARGE_BODY
            refused = await asyncio.to_thread(_letters, parsed, raw, principal.source) if large else _letters(parsed, raw, principal.source)
            answer = lambda outcome: _report(parsed, outcome)  # noqa: E731
        outcome = await self._store(request, principal, parsed, raw, refused, answer)
        if outcome.replay is None:
            return answer(outcome)
        if outcome.replay[0] == 0:
            detail = "The same Idempotency-Key came with another body."
            return _problem(422, "The key was used before", detail, field="Idempotency-Key", reason="used")
        return outcome.replay

    async def _principal(self, secret: str | None, address: str | None) -> _Principal | str:
        """Who sends; else why nobody that may. Raises TooMany."""
        settings, limits = self._services.settings, self._services.limits
        if secret:
            grant = self._cached_key(secret) or await self._looked_up(secret, address)
            if grant is None:
                return "unknown or revoked"
            limits.ingest(f"key:{grant.id}")
            if "ingest" not in grant.scopes:
                return "this key may not send readings"
            return _Principal(grant.tenant_id, f"key:{grant.id}", grant.device_id)
        if settings.open_ingest and self._services.open_tenant_id is not None:
            limits.ingest(f"open from {address}")
            return _Principal(self._services.open_tenant_id, "open", None)
        limits.stranger(address)
        return "missing"

    async def _looked_up(self, secret: str, address: str | None) -> Any:
        """The key as the database has it; a stranger's until it is found."""
        limits, hashed = self._services.limits, hash_of(secret)
        known = limits.is_proven(hashed)
        if not known:
            limits.stranger(address)
        grant = await asyncio.to_thread(self._find_key, secret)
        if grant is None:
            limits.disprove(hashed)
        elif not known:
            limits.give_back(address)
            limits.prove(hashed)
        return grant

    async def _parse(self, body: bytes, principal: _Principal, now_us: int) -> Parsed:
        services = self._services
        tenant_id, device_id = principal.tenant_id, principal.device_id
        future_s = services.settings.future_s

        def read(catalogue: TenantCatalogue) -> Parsed:
            seen = catalogue if device_id is None else catalogue.only(device_id)
            return parse(body, seen, now_us, future_s=future_s)

        catalogue = services.catalogue.known(tenant_id) or await asyncio.to_thread(services.catalogue.of, tenant_id)
        parsed = await asyncio.to_thread(read, catalogue) if len(body) > LARGE_BODY else read(catalogue)
        wanted = [refusal.wanted for refusal in parsed.refused if refusal.wanted]
        if not wanted:
            return parsed
        welcome = [names for names in wanted if is_welcome(catalogue, names[0], device_id)]
        if welcome:
            await asyncio.to_thread(self._register, services, tenant_id, welcome)
        fresh = await asyncio.to_thread(services.catalogue.refreshed, tenant_id)
        return parsed if fresh is catalogue else await asyncio.to_thread(read, fresh)

    async def _store(
        self, request: _Request, principal: _Principal, parsed: Parsed, raw: RawItems, dead: list[DeadLetter],
        answer: Callable[[Outcome], Answer],
    ) -> Outcome:  # fmt: skip
        loop = asyncio.get_running_loop()
        if self._answers is None or self._answers.loop is not loop:
            self._answers = _Answers(loop)
        answers, future = self._answers, loop.create_future()

        def done(outcome: Outcome) -> None:
            answers.give(future, outcome)

        batch = Batch(
            principal.tenant_id, "http", principal.source, parsed.rows, done, dead=dead, raw=lambda row: raw[parsed.item_of_row[row]]
        )
        if request.idempotency_key is not None:
            batch.idempotency = Idempotency(principal.source, request.idempotency_key, hashlib.sha256(request.body).digest(), answer)
        self._services.pipeline.submit(batch)
        outcome = await future
        if outcome.error is not None:
            raise outcome.error
        return outcome


class _Answers:
    """Hands what became of posts from the writers' threads to the event loop, which is woken once for all that are ready."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._ready: deque[tuple[asyncio.Future[Outcome], Outcome]] = deque()
        self._woken = False

    def give(self, future: "asyncio.Future[Outcome]", outcome: Outcome) -> None:
        """From any thread."""
        self._ready.append((future, outcome))
        if not self._woken:  # it is unset before the last look: what is added after that wakes again
            self._woken = True
            self.loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._woken = False
        while self._ready:
            future, outcome = self._ready.popleft()
            if not future.done():  # the client may have gone
                future.set_result(outcome)


def _letters(parsed: Parsed, raw: RawItems, source: str) -> list[DeadLetter]:
    """One for each item of which something was refused: its first field and reason, and how many more there were."""
    by_item: dict[int, list[Refusal]] = {}
    for refusal in parsed.refused:
        by_item.setdefault(refusal.index, []).append(refusal)
    letters = []
    for index, found in by_item.items():
        letters.append(letter("http", source, *reasons(found), raw[index]))
    return letters


def _report(parsed: Parsed, outcome: Outcome) -> Answer:
    """What the door says of a request: 201 when something is stored (or was before), else why not."""
    if outcome.stored == len(parsed.item_of_row) == 1 and not parsed.refused:
        return _ONE_STORED
    rejected = [{"index": r.index, "field": r.field, "reason": r.reason} for r in parsed.refused[:MOST_LISTED]]
    rejected += [
        {"index": parsed.item_of_row[row], "field": "reading", "reason": reason} for row, reason in outcome.refused.items()
    ]
    conflicts = [
        {"index": parsed.item_of_row[row], "field": "value", "reason": f"{value!r} was stored first for this sensor and time"}
        for row, value in list(outcome.conflicts.items())[:MOST_LISTED]
    ]
    if outcome.stored or outcome.duplicates:
        content: dict[str, Any] = {
            "status": "success", "message": "Data received", "stored": outcome.stored, "duplicates": outcome.duplicates,
        }  # fmt: skip
        if conflicts:
            content["conflicts"] = conflicts
        content["rejected"] = rejected
        if max(len(parsed.refused), len(outcome.conflicts)) > MOST_LISTED:
            content["counts"] = {"conflicts": len(outcome.conflicts), "rejected": len(parsed.refused) + len(outcome.refused)}
        return 201, msgspec.json.encode(content)
    counts = {"stored": 0, "duplicates": 0, "conflicts": conflicts, "rejected": rejected}
    first = rejected[0] if rejected else conflicts[0]
    if not rejected:
        return _problem(409, "Another value was stored first", str(first["reason"]), errors=conflicts, **first, **counts)
    if parsed.unknown_device and not conflicts:
        return _problem(404, "Unknown device", str(first["reason"]), errors=rejected, **first, **counts)
    return _problem(422, "Nothing of it could be stored", str(first["reason"]), errors=rejected, **first, **counts)


_ONE_STORED = 201, b'{"status":"success","message":"Data received","stored":1,"duplicates":0,"rejected":[]}'


def _head(safe: list[tuple[bytes, bytes]]) -> Ready:
    length = len(_ONE_STORED[1])
    return ready([(b"content-type", b"application/json"), (b"content-length", b"%d" % length), *safe], length)


_ONE_STORED_HEAD, _ONE_STORED_BY_HTTPS = _head(OF_DATA), _head(OF_DATA_BY_HTTPS)


def _problem(status: int, title: str, detail: str, **more: Any) -> Answer:
    return status, msgspec.json.encode({"type": "about:blank", "title": title, "status": status, "detail": detail, **more})


async def _send(scope: Scope, send: Send, status: int, body: bytes, *, retry_after_s: int | None = None) -> None:
    content_type = b"application/json" if status < 400 else b"application/problem+json"
    if status >= 400 and (request := current()):  # here, and not where it is made: an answer that is remembered is sent under another id
        body = body[:-1] + f',"request_id":"{request}"}}'.encode()
    secure = scope.get("scheme") == "https"
    if body is _ONE_STORED[1]:
        head = _ONE_STORED_BY_HTTPS if secure else _ONE_STORED_HEAD
        await send({"type": "http.response.start", "status": status, "headers": head.headers, READY: head})
        await send({"type": "http.response.body", "body": body})
        return
    safe = OF_DATA_BY_HTTPS if secure else OF_DATA
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *safe]
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b'ApiKey realm="andon"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
