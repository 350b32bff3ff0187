"""Who a program is: a person by bearer token (JWT) or by the session of their browser, a device or a script by its key.

What they may do is read from the database and remembered for five seconds at most: a changed role, a disabled account, a changed password,
a revoked key and a signed-out program hold at once on this replica, and within five seconds on the others. Whoever brings nothing that is
good is a stranger, and counts by the network address.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

import anyio.to_thread
from fastapi import Depends, FastAPI, Request
from starlette.requests import HTTPConnection

from dashapp.actions import changes
from dashapp.actions.actor import Actor, Forbidden
from dashapp.actions.keys import hash_of
from dashapp.actions.sessions import SESSION_COOKIE, SessionReader, actor_of
from dashapp.api.browser import is_ours
from dashapp.api.problems import Problem
from dashapp.api.tokens import LONGEST_TOKEN, Caller, read_caller, unauthorised
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from db.engine import Database
from db.queries import people as queries


class Doorkeeper:
    """Says who calls, for HTTP and WebSocket alike: one a server, as `app.state.doorkeeper`."""

    def __init__(self, services: Services, keys: "KeyRing") -> None:
        self._services = services
        self._keys = keys
        self._sessions = SessionReader(services.database, timedelta(hours=services.settings.session_hours))
        self._people: changes.Recent[Caller] = changes.Recent()

    async def admit(self, connection: HTTPConnection) -> Caller:
        """Who calls. Raises Problem 401 or 403 (a page of another site), TooMany where they called too often."""
        limits, address = self._services.limits, address_of(connection)
        kind, secret = credential_of(connection)
        if not secret:
            limits.stranger(address)
            raise unauthorised("a bearer token is needed; POST /api/v1/auth/login gives one")
        if kind == "session" and not is_ours(connection):
            detail = "This came from another site. A program comes with a bearer token instead of a session's cookie."
            raise Problem(403, "Not allowed", detail, field="Origin", reason="not one of Andon's own pages")
        hashed = hash_of(secret)
        known = limits.is_proven(hashed)
        if not known:
            limits.stranger(address)
        caller = self.remembered(kind, hashed)
        if caller is None:
            try:
                caller = await anyio.to_thread.run_sync(self._look_up, kind, secret, hashed, address)
            except Problem:
                limits.disprove(hashed)
                raise
        if not known:
            limits.give_back(address)
            limits.prove(hashed)
        limits.program(caller.actor.label)
        return replace(caller, actor=replace(caller.actor, address=address))

    def remembered(self, kind: str, hashed: bytes) -> Caller | None:
        """Who it is as far as that is in memory; asks nobody."""
        if kind == "key":
            grant = self._keys.peek(hashed)
            return None if grant is None else _caller_of(grant)
        caller = self._people.peek(hashed)
        return None if caller is None or caller.until <= time.time() else caller

    def _look_up(self, kind: str, secret: str, hashed: bytes, address: str | None) -> Caller:
        if kind == "key":
            grant = self._keys.find(secret)
            if grant is None:
                raise unauthorised("this key is unknown or revoked", field="X-API-Key", reason="unknown or revoked")
            return _caller_of(grant)
        if kind == "session":
            session = self._sessions.find(secret, datetime.now(UTC))
            if session is None:
                raise unauthorised("this session has ended; sign in again")
            return Caller(actor_of(session, address), until=session.expires_at.timestamp())
        before = changes.count()
        caller = read_caller(self._services.database, secret, address=address)
        self._people.keep(hashed, caller, before)
        return caller


def credential_of(connection: HTTPConnection) -> tuple[str, str]:
    """What a request comes with: ("key" | "bearer" | "session", the secret); the secret is "" where there is none.

    A key in `X-API-Key`, `Authorization: ApiKey …` or, as some gateways do, `Bearer …`; a token has two dots, a key has none.
    """
    headers = connection.headers
    secret = headers.get("x-api-key") or _bearer(headers, "apikey")
    if secret:
        return "key", secret
    secret = _bearer(headers)
    if secret:
        return ("bearer" if secret.count(".") == 2 or len(secret) > LONGEST_TOKEN else "key"), secret
    if "authorization" in headers:
        return "bearer", ""
    return "session", connection.cookies.get(SESSION_COOKIE, "")


class Access:
    """FastAPI dependency: the actor, who has at least this role. Declares what the table of routes says, too.

    `key` is the scope with which a key may come as well, in that role; `one_device` lets the key of one device in: the route then looks
    at `actor.device_id`.
    """

    def __init__(self, role: Role, *, key: str | None = None, one_device: bool = False) -> None:
        self.role = role
        self.key = key
        self.one_device = one_device

    async def __call__(self, request: Request) -> Actor:
        """The actor; who it is was found before the body was read, where the route is one of `routes.Route`."""
        return (await self.admit(request)).actor

    async def admit(self, request: Request) -> Caller:
        """Who calls. Raises Problem 401 or 403, Forbidden, TooMany."""
        kept: Caller | None = getattr(request.state, "caller", None)
        if kept is not None:
            return kept
        doorkeeper: Doorkeeper = request.app.state.doorkeeper
        caller = self.checked(await doorkeeper.admit(request))
        request.state.caller = caller
        return caller

    def checked(self, caller: Caller) -> Caller:
        """The caller in the role that the route is for. Raises Problem 403, Forbidden."""
        actor, scopes = caller.actor, caller.scopes
        if scopes is None:
            if not actor.role.includes(self.role):
                raise Forbidden(self.role)
            return caller
        if self.key is None:
            raise Problem(403, "Not allowed", "This needs a person: a key may not do it.", field="X-API-Key", reason="needs a person")
        if self.key not in scopes:
            raise Problem(403, "Not allowed", f"This key may not {self.key}.", field="X-API-Key", reason=f"needs the scope {self.key}")
        if actor.device_id is not None and not self.one_device:
            raise Problem(403, "Not allowed", "This key is for one device.", field="X-API-Key", reason="is for one device")
        return replace(caller, actor=replace(actor, role=self.role))


signed_in = Access(Role.VIEWER)
Person = Annotated[Actor, Depends(signed_in)]
Viewer = Annotated[Actor, Depends(Access(Role.VIEWER, key="read"))]
DeviceViewer = Annotated[Actor, Depends(Access(Role.VIEWER, key="read", one_device=True))]
Operator = Annotated[Actor, Depends(Access(Role.OPERATOR))]
Manager = Annotated[Actor, Depends(Access(Role.MANAGER))]
Admin = Annotated[Actor, Depends(Access(Role.ADMIN))]
Reporter = Annotated[Actor, Depends(Access(Role.OPERATOR, key="ingest", one_device=True))]


def register(api: FastAPI, services: Services) -> None:
    """Sets up what the dependencies above ask: `app.state.services`, `.keys` and `.doorkeeper`."""
    api.state.services = services
    api.state.keys = KeyRing(services.database)
    api.state.doorkeeper = Doorkeeper(services, api.state.keys)


def _caller_of(grant: queries.KeyGrant) -> Caller:
    return Caller(Actor("key", grant.id, grant.tenant_id, Role.VIEWER, device_id=grant.device_id), grant.scopes)


def address_of(connection: HTTPConnection) -> str | None:
    """Where the request comes from; behind a trusted proxy what the proxy says."""
    return None if connection.client is None else connection.client.host


class KeyRing:
    """Looks keys up: from memory for five seconds, by the hash of the secret."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: changes.Recent[queries.KeyGrant] = changes.Recent()

    def cached(self, secret: str) -> queries.KeyGrant | None:
        """What is remembered of a key; asks nobody. None also where nothing is known."""
        return self._recent.peek(hash_of(secret))

    def peek(self, hashed: bytes) -> queries.KeyGrant | None:
        """The same, by the hash."""
        return self._recent.peek(hashed)

    def find(self, secret: str) -> queries.KeyGrant | None:
        """What the key opens; None where there is no such key, or it was revoked."""
        hashed = hash_of(secret)
        return self._recent.find(hashed, lambda: self._read(hashed))

    def _read(self, hashed: bytes) -> queries.KeyGrant | None:
        with self._database.engine.connect() as connection:
            return queries.find_key(connection, hashed)


def _bearer(headers: Mapping[str, str], *schemes: str) -> str:
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    return rest.strip() if scheme.lower() in (schemes or ("bearer",)) else ""
