"""Who opens a socket, and whether they still may: by bearer token, by the cookie of a session, or by a key that may read.

The doorkeeper lets them in, as it does for every request. What they came with is looked up again every second and a half, past everything
that is remembered: a disabled account, a revoked key, an ended session and a token that has run out end open sockets, on whichever replica
that was said.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Scope

from dashapp.actions.actor import Actor
from dashapp.actions.keys import hash_of
from dashapp.actions.sessions import actor_of
from dashapp.api.elsewhere import origins_of
from dashapp.api.problems import Problem
from dashapp.api.security import Access, Doorkeeper, address_of, credential_of
from dashapp.api.sockets.words import Event
from dashapp.api.tokens import Caller, read_caller, unauthorised
from dashapp.domain.fleet import Role
from dashapp.domain.limits import TooMany
from dashapp.ingest.services import Services
from db.engine import Database
from db.queries import people as queries

READER = Access(Role.VIEWER, key="read", one_device=True)


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody came with, as `security.credential_of` names it. `address` is where from, for the log of what they do."""

    kind: str
    secret: str
    address: str | None = None


def sees(actor: Actor, told: Event) -> bool:
    """Whether somebody may be shown this: narrowed to lines where the role is, to one device where the key is."""
    in_line = told.line is None or actor.lines is None or told.line in actor.lines
    return in_line and (actor.device_id is None or told.device_id in (None, actor.device_id))


async def admit(services: Services, scope: Scope, said: Mapping[str, Any] | None = None) -> tuple[Credential, Actor] | None:
    """Lets somebody in by their handshake, or by what they `said` since; None where neither says who it is.

    Raises Problem 401, 403 (also for a page of another site that the settings do not name) or 429.
    """
    connection = HTTPConnection(_with(scope, said) if said is not None else scope)
    if is_foreign(connection) and not is_invited(services, connection):
        raise Problem(403, "Not allowed", "This came from a page of another site.", field="Origin", reason="another site")
    doorkeeper: Doorkeeper = scope["app"].state.doorkeeper
    kind, secret = credential_of(connection)
    address = address_of(connection)
    try:
        if not secret:
            services.limits.stranger(address)
            return None
        caller = READER.checked(await doorkeeper.admit(connection))
    except TooMany as many:
        headers = {"Retry-After": str(many.retry_after_s)}
        raise Problem(429, "Too many requests", str(many), headers=headers) from many
    return Credential(kind, secret, address), caller.actor


def now(database: Database, credential: Credential) -> Actor:
    """Who that is at this moment. Raises Problem 401 where it is nobody any more, 403 for a key that may not read any more."""
    return replace(READER.checked(_caller(database, credential)).actor, address=credential.address)


def look_again(database: Database, known: Mapping[Credential, Actor]) -> dict[Credential, Actor | str]:
    """What became of them, as far as it changed: who it is now, or why it is nobody any more."""
    found: dict[Credential, Actor | str] = {}
    for credential, before in known.items():
        try:
            actor = now(database, credential)
        except Problem as problem:
            found[credential] = problem.detail
            continue
        if actor.tenant_id != before.tenant_id:
            found[credential] = "The session looks into another plant now."
        elif actor != before:
            found[credential] = actor
    return found


def is_foreign(connection: HTTPConnection) -> bool:
    """Whether a browser says that a page of another site opens this socket."""
    origin = connection.headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != connection.headers.get("host", "").lower()


async def in_time(close: Callable[[], Any], abort: Callable[[], None], seconds: float) -> None:
    """Closes a connection; one that does not take the word is ended without it."""
    try:
        await asyncio.wait_for(close(), seconds)
    except Exception:  # whatever stands in the way, it is over
        abort()


def _caller(database: Database, credential: Credential) -> Caller:
    if credential.kind == "bearer":
        return read_caller(database, credential.secret, address=credential.address)
    hashed = hash_of(credential.secret)
    with database.engine.connect() as connection:
        if credential.kind == "key":
            grant = queries.find_key(connection, hashed)
            if grant is None:
                raise unauthorised("the key was revoked", field="X-API-Key", reason="unknown or revoked")
            return Caller(Actor("key", grant.id, grant.tenant_id, Role.VIEWER, device_id=grant.device_id), grant.scopes)
        session = queries.find_session(connection, hashed)
    if session is None or session.expires_at <= datetime.now(UTC):
        raise unauthorised("the session has ended")
    return Caller(actor_of(session, credential.address))


def is_invited(services: Services, connection: HTTPConnection) -> bool:
    """Whether the settings let pages of that site ask: with a token or a key, since the doorkeeper takes no cookie from elsewhere."""
    origins = origins_of(services.settings.cors_origins)
    return "*" in origins or connection.headers.get("origin", "").rstrip("/") in origins


def _with(scope: Scope, said: Mapping[str, Any]) -> Scope:
    """The handshake as if it had brought what was said since: `token`, `apiKey`, or the names of HTTP's headers in whatever case."""
    kept = [(name, value) for name, value in scope["headers"] if name not in (b"authorization", b"x-api-key", b"cookie")]
    given = {str(name).lower(): value for name, value in said.items() if isinstance(value, str) and value}
    if "token" in given:
        kept.append((b"authorization", f"Bearer {given['token']}".encode("utf-8", "replace")))
    elif "authorization" in given:
        kept.append((b"authorization", given["authorization"].encode("utf-8", "replace")))
    if key := given.get("apikey", given.get("x-api-key")):
        kept.append((b"x-api-key", key.encode("utf-8", "replace")))
    return {**scope, "headers": kept}
