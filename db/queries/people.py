"""Reads of tenants, people, sessions and keys.

`find_…`, `tenants` and `has_users` run before a tenant is known: they call the look-ups of the schema, by hash or address, on any
connection. The others see the tenant whose transaction they run in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer; `zone` is an IANA name."""

    id: int
    key: str
    name: str
    is_demo: bool
    zone: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What signing in needs to know of an account. `password_hash` None: invited, no password yet."""

    tenant_id: int
    id: int
    password_hash: str | None
    disabled: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A user. `lines` None: every line of the plant."""

    tenant_id: int
    id: int
    email: str
    name: str
    role: str
    lines: tuple[str, ...] | None
    is_platform: bool
    preferences: dict[str, Any]
    password_hash: str | None
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A session that has not ended, with its person. `tenant_id` is the person's own, `active_tenant_id` the one looked into."""

    tenant_id: int
    id: int
    user_id: int
    active_tenant_id: int
    email: str
    name: str
    role: str
    lines: tuple[str, ...] | None
    is_platform: bool
    preferences: dict[str, Any]
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A line of somebody's list of sessions; times in UTC."""

    id: int
    user_id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    agent: str | None


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What a key opens: its tenant, what it may do, and the one device that it is bound to (None: every device)."""

    tenant_id: int
    id: int
    scopes: tuple[str, ...]
    device_id: int | None


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A line of the list of keys; `machine_id` is the key of the device that it is for."""

    id: int
    name: str
    hint: str
    scopes: tuple[str, ...]
    machine_id: str | None
    created_at: datetime
    revoked_at: datetime | None


PERSON = "tenant_id, id, email, name, role, lines, is_platform, preferences, password_hash, created_at, disabled_at"


def tenants(connection: Connection) -> list[Tenant]:
    """Every tenant, in the order in which they were made."""
    rows = connection.execute(text("select id, key, name, is_demo, zone from andon_tenants()"))
    return [Tenant(row.id, row.key, row.name, row.is_demo, row.zone) for row in rows]


def has_users(connection: Connection) -> bool:
    """Whether anybody at all has an account here."""
    return bool(connection.execute(text("select andon_has_users()")).scalar_one())


def find_user(connection: Connection, email: str) -> Credentials | None:
    """The account of an e-mail address, in whatever case it is written."""
    row = connection.execute(text("select * from andon_find_user(:email)"), {"email": email}).one_or_none()
    return None if row is None else Credentials(row.tenant_id, row.id, row.password_hash, row.disabled)


def find_session(connection: Connection, token_hash: bytes) -> FoundSession | None:
    """The session of a token, unless it has ended or its person is disabled."""
    row = connection.execute(text("select * from andon_find_session(:hash)"), {"hash": token_hash}).one_or_none()
    if row is None:
        return None
    return FoundSession(**{**row._mapping, "lines": _lines(row.lines)})


def find_key(connection: Connection, key_hash: bytes) -> KeyGrant | None:
    """What a key opens, unless it was revoked."""
    row = connection.execute(text("select * from andon_find_key(:hash)"), {"hash": key_hash}).one_or_none()
    return None if row is None else KeyGrant(row.tenant_id, row.id, tuple(row.scopes), row.device_id)


def user(connection: Connection, user_id: int) -> Person | None:
    """A person of this tenant."""
    row = connection.execute(text(f"select {PERSON} from users where id = :id"), {"id": user_id}).one_or_none()
    return None if row is None else Person(**{**row._mapping, "lines": _lines(row.lines)})


def users(connection: Connection) -> list[Person]:
    """The tenant's people by name."""
    rows = connection.execute(text(f"select {PERSON} from users order by lower(name), id"))
    return [Person(**{**row._mapping, "lines": _lines(row.lines)}) for row in rows]


def name_of(connection: Connection, label: str) -> str:
    """The name of a person by the label that events carry (`user:7`); of anything else, and of whom is gone, the label itself."""
    kind, _, number = label.partition(":")
    if kind != "user" or not number.isdigit():
        return label
    name: str | None = connection.execute(text("select name from users where id = :id"), {"id": int(number)}).scalar_one_or_none()
    return label if name is None else name


def sessions(connection: Connection, user_id: int, now: datetime) -> list[SessionRow]:
    """Somebody's sessions that have not ended, the one used last first."""
    rows = connection.execute(
        text(
            "select id, user_id, created_at, seen_at, expires_at, address, agent from sessions"
            " where user_id = :user and expires_at > :now order by seen_at desc, id desc"
        ),
        {"user": user_id, "now": now},
    )
    return [SessionRow(**row._mapping) for row in rows]


def keys(connection: Connection) -> list[KeyRow]:
    """The tenant's keys, those in use first, then the newest first."""
    rows = connection.execute(
        text(
            "select k.id, k.name, k.hint, k.scopes, d.key as machine_id, k.created_at, k.revoked_at from api_keys k"
            " left join devices d on d.id = k.device_id order by k.revoked_at is not null, k.created_at desc, k.id desc"
        )
    )
    return [KeyRow(**{**row._mapping, "scopes": tuple(row.scopes)}) for row in rows]


def device_exists(connection: Connection, device_id: int) -> bool:
    """Whether the tenant has this device."""
    found = connection.execute(text("select exists (select 1 from devices where id = :id)"), {"id": device_id})
    return bool(found.scalar_one())


def has_devices(connection: Connection) -> bool:
    """Whether the tenant has any device."""
    return bool(connection.execute(text("select exists (select 1 from devices)")).scalar_one())


def _lines(lines: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if lines is None else tuple(lines)
