"""Writes of token families and their refresh tokens, inside a tenant's transaction."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from db.commands.people import TENANT


@dataclass(frozen=True, slots=True)
class Family:
    """A family that is held until the transaction ends, and whether the token that led to it was used before."""

    id: int
    user_id: int
    active_tenant_id: int
    expires_at: datetime
    used: bool


def insert_family(
    connection: Connection, user_id: int, active_tenant_id: int, now: datetime, lasts: timedelta, address: str | None, agent: str | None
) -> int:
    """The new family's id."""
    values = {"user": user_id, "active": active_tenant_id, "now": now, "end": now + lasts, "address": address, "agent": agent}
    family_id: int = connection.execute(
        text(
            "insert into token_families (tenant_id, user_id, active_tenant_id, created_at, seen_at, expires_at, address, agent)"
            f" values ({TENANT}, :user, :active, :now, :now, :end, :address, :agent) returning id"
        ),
        values,
    ).scalar_one()
    return family_id


def insert_refresh_token(connection: Connection, family_id: int, token_hash: bytes, now: datetime) -> None:
    """Gives a family its next token."""
    connection.execute(
        text(f"insert into refresh_tokens (tenant_id, family_id, token_hash, issued_at) values ({TENANT}, :family, :hash, :now)"),
        {"family": family_id, "hash": token_hash, "now": now},
    )


def use_refresh_token(connection: Connection, token_id: int, family_id: int, now: datetime, address: str | None) -> Family | None:
    """Marks a token as used and holds its family; None where that has ended. Two at once wait for each other: the second finds it used."""
    row = connection.execute(
        text("select id, user_id, active_tenant_id, expires_at from token_families where id = :id for update"), {"id": family_id}
    ).one_or_none()
    if row is None:
        return None
    first = connection.execute(
        text("update refresh_tokens set used_at = :now where id = :id and used_at is null returning id"), {"id": token_id, "now": now}
    ).one_or_none()
    if first is not None:
        connection.execute(
            text("update token_families set seen_at = :now, address = coalesce(:address, address) where id = :id"),
            {"id": family_id, "now": now, "address": address},
        )
    return Family(row.id, row.user_id, row.active_tenant_id, row.expires_at, first is None)


def delete_family(connection: Connection, family_id: int, user_id: int | None = None) -> int | None:
    """Ends a family, of that person only where one is named; whose it was, or None where there is no such family."""
    return connection.execute(
        text("delete from token_families where id = :id and (cast(:user as int) is null or user_id = :user) returning user_id"),
        {"id": family_id, "user": user_id},
    ).scalar_one_or_none()


def delete_families_of(connection: Connection, user_id: int) -> int:
    """Ends somebody's families; how many."""
    return connection.execute(text("delete from token_families where user_id = :user"), {"user": user_id}).rowcount


def forget_old_families(connection: Connection, now: datetime) -> int:
    """Removes those that have run out; how many."""
    return connection.execute(text("delete from token_families where expires_at <= :now"), {"now": now}).rowcount
