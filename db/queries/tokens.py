"""Reads of token families. `find_…` runs before a tenant is known, by hash; the others see the tenant of their transaction."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class FoundToken:
    """Where a refresh token belongs."""

    tenant_id: int
    id: int
    family_id: int


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A program that somebody has signed in; times in UTC."""

    id: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    address: str | None
    agent: str | None


def find_refresh_token(connection: Connection, token_hash: bytes) -> FoundToken | None:
    """The token of a hash, used or not."""
    row = connection.execute(text("select * from andon_find_refresh_token(:hash)"), {"hash": token_hash}).one_or_none()
    return None if row is None else FoundToken(row.tenant_id, row.id, row.family_id)


def is_alive(connection: Connection, family_id: int, user_id: int) -> bool:
    """Whether a family of that person has not ended."""
    found = connection.execute(
        text("select exists (select 1 from token_families where id = :id and user_id = :user and expires_at > now())"),
        {"id": family_id, "user": user_id},
    )
    return bool(found.scalar_one())


def families(connection: Connection, user_id: int, now: datetime) -> list[FamilyRow]:
    """Somebody's families that have not ended, the one used last first."""
    rows = connection.execute(
        text(
            "select id, created_at, seen_at, expires_at, address, agent from token_families"
            " where user_id = :user and expires_at > :now order by seen_at desc, id desc"
        ),
        {"user": user_id, "now": now},
    )
    return [FamilyRow(**row._mapping) for row in rows]
