"""Bearer tokens of people: one algorithm (HS256), one issuer, one audience, half an hour.

A token says who somebody is and until when; what they may do is read from the database. A changed password, a disabled account, and
signing the program out that the token was given to, end it.
"""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import jwt
from sqlalchemy import Engine

from dashapp.actions.actor import Actor
from dashapp.api.problems import Problem
from dashapp.domain.fleet import Role
from db.commands.installation import shared_secret
from db.engine import Database
from db.queries import people as queries
from db.queries.tokens import is_alive
from db.tenancy import tenant_reading

ALGORITHM = "HS256"
ISSUER = "andon"
AUDIENCE = "andon-api"
CLAIMS = ["exp", "iat", "iss", "aud", "sub", "tid", "jti"]
LONGEST_TOKEN = 4_096
SECRET_READ_EVERY_S = 60.0
_secrets: WeakKeyDictionary[Engine, tuple[float, str]] = WeakKeyDictionary()
_secrets_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an actor, and what their key may do (None: a person, whose role says that).

    `until` is when the credential runs out, in seconds since 1970; `family_id` the program of a person's token.
    """

    actor: Actor
    scopes: tuple[str, ...] | None = None
    until: float = float("inf")
    family_id: int | None = None


def issue_token(
    database: Database,
    user: queries.Person,
    *,
    minutes: int = 30,
    now: datetime | None = None,
    tenant_id: int | None = None,
    family_id: int | None = None,
) -> str:
    """A bearer token valid for `minutes`, for the person's own tenant or, for people of the platform, the one that is named.

    One of a family is valid no longer than that.
    """
    now = now or datetime.now(UTC)
    claims = {
        "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + timedelta(minutes=minutes), "sub": str(user.id),
        "tid": user.tenant_id, "act": tenant_id or user.tenant_id, "pwd": _password_mark(user), "jti": secrets.token_urlsafe(12),
    }  # fmt: skip
    if family_id is not None:
        claims["fam"] = family_id
    return jwt.encode(claims, _signing_secret(database), algorithm=ALGORITHM)


def read_token(database: Database, token: str, *, address: str | None = None) -> Actor:
    """Who a bearer token speaks for, with the role that they have now. Raises Problem 401 for one that is not valid (any more)."""
    return read_caller(database, token, address=address).actor


def read_caller(database: Database, token: str, *, address: str | None = None) -> Caller:
    """The same, with how long and by which program. Asks the database."""
    if len(token) > LONGEST_TOKEN:
        raise unauthorised("the token is not valid")
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
        family_id = None if claims.get("fam") is None else int(claims["fam"])
    except jwt.ExpiredSignatureError as error:
        raise unauthorised("the token has expired") from error
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise unauthorised("the token is not valid") from error
    with tenant_reading(database.engine, tenant_id) as connection:
        user = queries.user(connection, user_id)
        ended = family_id is not None and not is_alive(connection, family_id, user_id)
    if ended or user is None or user.disabled_at is not None or not secrets.compare_digest(str(claims.get("pwd")), _password_mark(user)):
        raise unauthorised("the token is not valid any more")
    abroad = active_id != tenant_id
    if abroad and not (user.is_platform and _exists(database, active_id)):
        raise unauthorised("the token is not valid any more")
    role, lines = (Role.ADMIN, None) if abroad else (Role(user.role), user.lines)  # as in a session, see actor_of
    actor = Actor(
        "user", user.id, active_id, role, lines, user.name, address, is_platform=user.is_platform, home_tenant_id=tenant_id,
    )  # fmt: skip
    return Caller(actor, until=float(claims["exp"]), family_id=family_id)


def _exists(database: Database, tenant_id: int) -> bool:
    with database.engine.connect() as connection:
        return any(tenant.id == tenant_id for tenant in queries.tenants(connection))


def unauthorised(detail: str, **more: Any) -> Problem:
    """The answer 401 with its challenges."""
    challenge = {"WWW-Authenticate": 'Bearer realm="andon", ApiKey realm="andon"'}
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
