"""`Idempotency-Key` on changes: the same key with the same request is carried out once and answered the same.

The answer is a row, bound to the person or key, for 48 hours (job `tidy-up`). Only what was done is remembered; a refusal is asked anew.
What an answer shows this once (a secret) is not kept: the repetition is told so.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio.to_thread
import msgspec
from fastapi import Request, Response

from dashapp.actions.actor import Actor
from dashapp.api.problems import MEDIA_TYPE, Problem
from db.commands import answers as commands
from db.engine import Database
from db.tenancy import tenant_transaction

HEADER = "idempotency-key"
REPLAYED = "Idempotent-Replayed"
LONGEST = 200
GIVEN_UP_AFTER = timedelta(minutes=2)  # whoever had it went away before the answer was known
Handle = Callable[[Request], Awaitable[Response]]


async def once(request: Request, actor: Actor, handle: Handle) -> Response:
    """Carries the request out, or gives the answer that it had. Raises Problem 409 while the first is under way, 422 for another body."""
    key = request.headers[HEADER]
    if not 1 <= len(key) <= LONGEST or not key.isprintable() or not key.isascii():
        detail = f"1 to {LONGEST} visible characters are expected."
        raise Problem(422, "The key cannot be used", detail, field="Idempotency-Key", reason="not a key")
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    row = _Row(request.app.state.services.database, actor, key, hashlib.sha256(asked).digest())
    known = await anyio.to_thread.run_sync(row.claim)
    if known is not None:
        return _again(row, known)
    try:
        response = await handle(request)
    except BaseException:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(row.release)
        raise
    with anyio.CancelScope(shield=True):
        await anyio.to_thread.run_sync(row.settle, response)
    return response


class _Row:
    """The row of one key of one person."""

    def __init__(self, database: Database, actor: Actor, key: str, body_hash: bytes) -> None:
        self._engine = database.engine
        self._tenant_id = actor.tenant_id
        self._principal = f"rest {actor.label}"
        self._key = key
        self.body_hash = body_hash

    def claim(self) -> commands.Kept | None:
        with tenant_transaction(self._engine, self._tenant_id) as connection:
            return commands.claim(connection, self._principal, self._key, self.body_hash, datetime.now(UTC), GIVEN_UP_AFTER)

    def release(self) -> None:
        with tenant_transaction(self._engine, self._tenant_id) as connection:
            commands.release(connection, self._principal, self._key)

    def settle(self, response: Response) -> None:
        if not 200 <= response.status_code < 300:
            return self.release()
        status, body = response.status_code, bytes(response.body)
        if response.headers.get("cache-control") == "no-store":
            status, body = 409, _SHOWN_ONCE
        with tenant_transaction(self._engine, self._tenant_id) as connection:
            commands.keep(connection, self._principal, self._key, status, body)


def _again(row: _Row, known: commands.Kept) -> Response:
    if known.body_hash != row.body_hash:
        raise Problem(
            422, "The key was used before", "The same Idempotency-Key came with another request.", field="Idempotency-Key", reason="used"
        )
    if known.status == 0:
        detail = "The first request with this key is being carried out."
        raise Problem(409, "Not yet", detail, field="Idempotency-Key", reason="under way", headers={"Retry-After": "1"})
    media_type = "application/json" if known.status < 400 else MEDIA_TYPE
    return Response(known.response, known.status, {REPLAYED: "true"}, media_type if known.response else None)


_SHOWN_ONCE = msgspec.json.encode(
    {
        "type": "about:blank", "title": "Done before", "status": 409, "field": "Idempotency-Key", "reason": "used",
        "detail": "This was carried out, and its secret was shown then. It is not kept: make another one.",
    }
)  # fmt: skip
