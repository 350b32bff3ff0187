"""Who a program is: a person by bearer token (JWT), a device by its key.

A token says who somebody is and until when; what they may do is read from the database with every request, so a changed role and a
disabled account hold at once, and a changed password ends the tokens that were given for the old one.
"""

import hashlib
import secrets
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import jwt
from fastapi import Request
from sqlalchemy import Engine

from dashapp.actions import changes
from dashapp.actions.actor import Actor
from dashapp.actions.keys import hash_of
from dashapp.api.problems import Problem
from dashapp.domain.fleet import Role
from db.commands.installation import shared_secret
from db.engine import Database
from db.queries import people as queries
from db.tenancy import tenant_reading

ALGORITHM = "HS256"
ISSUER = "andon"
AUDIENCE = "andon-api"
CLAIMS = ["exp", "iat", "iss", "aud", "sub", "tid", "jti"]
LONGEST_TOKEN = 4_096
SECRET_READ_EVERY_S = 60.0
_secrets: WeakKeyDictionary[Engine, tuple[float, str]] = WeakKeyDictionary()
_secrets_lock = threading.Lock()


def issue_token(
    database: Database, user: queries.Person, *, minutes: int = 30, now: datetime | None = None, tenant_id: int | None = None
) -> str:
    """A bearer token valid for `minutes`, for the person's own tenant or, for people of the platform, the one that is named."""
    now = now or datetime.now(UTC)
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + timedelta(minutes=minutes), "sub": str(user.id),
        "tid": user.tenant_id, "act": tenant_id or user.tenant_id, "pwd": _password_mark(user), "jti": secrets.token_urlsafe(12),
    }  # fmt: skip
    return jwt.encode(claims, _signing_secret(database), algorithm=ALGORITHM)


def read_token(database: Database, token: str, *, address: str | None = None) -> Actor:
    """Who a bearer token speaks for, with the role that they have now. Raises Problem 401 for one that is not valid (any more)."""
    if len(token) > LONGEST_TOKEN:
        raise _unauthorised("the token is not valid")
    try:
        claims = jwt.decode(
            token,
            _signing_secret(database),
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": CLAIMS},
        )
        user_id, tenant_id, active_id = int(claims["sub"]), int(claims["tid"]), int(claims.get("act", claims["tid"]))
    except jwt.ExpiredSignatureError as error:
        raise _unauthorised("the token has expired") from error
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise _unauthorised("the token is not valid") from error
    with tenant_reading(database.engine, tenant_id) as connection:
        user = queries.user(connection, user_id)
    if user is None or user.disabled_at is not None or not secrets.compare_digest(str(claims.get("pwd")), _password_mark(user)):
        raise _unauthorised("the token is not valid any more")
    abroad = active_id != tenant_id
    if abroad and not (user.is_platform and _exists(database, active_id)):
        raise _unauthorised("the token is not valid any more")
    role, lines = (Role.ADMIN, None) if abroad else (Role(user.role), user.lines)  # as in a session, see actor_of
    return Actor(
        "user", user.id, active_id, role, lines, user.name, address, is_platform=user.is_platform, home_tenant_id=tenant_id,
    )  # fmt: skip


def _exists(database: Database, tenant_id: int) -> bool:
    with database.engine.connect() as connection:
        return any(tenant.id == tenant_id for tenant in queries.tenants(connection))


def signed_in(request: Request) -> Actor:
    """FastAPI dependency: the person of the request's bearer token. Raises Problem 401."""
    token = _bearer(request.headers)
    if not token:
        raise _unauthorised("a bearer token is needed; POST /api/v1/auth/login gives one")
    return read_token(request.app.state.services.database, token, address=address_of(request))


def address_of(request: Request) -> str | None:
    """Where the request comes from; behind a trusted proxy what the proxy says."""
    return None if request.client is None else request.client.host


class KeyRing:
    """Looks keys up: from memory for five seconds, by the hash of the secret."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._recent: changes.Recent[queries.KeyGrant] = changes.Recent()

    def cached(self, secret: str) -> queries.KeyGrant | None:
        """What is remembered of a key; asks nobody. None also where nothing is known."""
        return self._recent.peek(hash_of(secret))

    def find(self, secret: str) -> queries.KeyGrant | None:
        """What the key opens; None where there is no such key, or it was revoked."""
        hashed = hash_of(secret)
        return self._recent.find(hashed, lambda: self._read(hashed))

    def read_key(self, headers: Mapping[str, str], scope: str) -> queries.KeyGrant:
        """The key of a request: `X-API-Key`, else `Authorization: Bearer …` or `ApiKey …`. Raises Problem 401 or 403."""
        secret = headers.get("x-api-key") or _bearer(headers, "bearer", "apikey")
        grant = self.find(secret) if secret else None
        if grant is None:
            reason = "unknown or revoked" if secret else "missing"
            raise _unauthorised(f"a key is needed: {reason}", field="X-API-Key", reason=reason, scheme="ApiKey")
        if scope not in grant.scopes:
            raise Problem(403, "Not allowed", f"This key may not {scope}.", field="X-API-Key", reason=f"needs the scope {scope}")
        return grant

    def _read(self, hashed: bytes) -> queries.KeyGrant | None:
        with self._database.engine.connect() as connection:
            return queries.find_key(connection, hashed)


def _bearer(headers: Mapping[str, str], *schemes: str) -> str:
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    return rest.strip() if scheme.lower() in (schemes or ("bearer",)) else ""


def _unauthorised(detail: str, *, scheme: str = "Bearer", **more: Any) -> Problem:
    challenge = {"WWW-Authenticate": f'{scheme} realm="andon"'}
    return Problem(401, "Not signed in", f"{detail[:1].upper()}{detail[1:]}.", headers=challenge, **more)


def _password_mark(user: queries.Person) -> str:
    """Ties a token to the password of its time, without saying anything about it: half the SHA-256 of a salted slow hash."""
    return hashlib.sha256((user.password_hash or "").encode()).hexdigest()[:32]


def _signing_secret(database: Database) -> str:
    """The installation's secret, read again every minute: who replaces it ends every token."""
    with _secrets_lock:
        known = _secrets.get(database.engine)
    if known is not None and time.monotonic() - known[0] < SECRET_READ_EVERY_S:
        return known[1]
    secret = shared_secret(database.engine, "jwt")
    with _secrets_lock:
        _secrets[database.engine] = (time.monotonic(), secret)
    return secret
