"""Answers that are remembered under an Idempotency-Key, of changes by REST; readings keep theirs in their own transaction (the writer)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from db.commands.people import TENANT


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a key: the hash of what it came with, and the answer; status 0 while that is not known yet."""

    body_hash: bytes
    status: int
    response: bytes
    at: datetime


def claim(connection: Connection, principal: str, key: str, body_hash: bytes, now: datetime, given_up_after: timedelta) -> Kept | None:
    """None where the key is new, or whoever claimed it never answered: the caller carries the request out. Else what is known."""
    values = {"principal": principal, "key": key, "hash": body_hash, "now": now, "old": now - given_up_after}
    claimed = connection.execute(
        text(
            "insert into idempotency_keys as k (tenant_id, principal, key, body_hash, at, status, response)"
            f" values ({TENANT}, :principal, :key, :hash, :now, 0, '') on conflict (tenant_id, principal, key) do update"
            " set at = excluded.at where k.status = 0 and k.at < :old and k.body_hash = excluded.body_hash returning key"
        ),
        values,
    ).one_or_none()
    if claimed is not None:
        return None
    row = connection.execute(
        text("select body_hash, status, response, at from idempotency_keys where principal = :principal and key = :key"), values
    ).one_or_none()
    return None if row is None else Kept(bytes(row.body_hash), row.status, bytes(row.response), row.at)


def keep(connection: Connection, principal: str, key: str, status: int, response: bytes) -> None:
    """Remembers the answer."""
    connection.execute(
        text("update idempotency_keys set status = :status, response = :response where principal = :principal and key = :key"),
        {"principal": principal, "key": key, "status": status, "response": response},
    )


def release(connection: Connection, principal: str, key: str) -> None:
    """Forgets a claim: nothing was done, and the same may be asked again."""
    connection.execute(
        text("delete from idempotency_keys where principal = :principal and key = :key and status = 0"),
        {"principal": principal, "key": key},
    )
