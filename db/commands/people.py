"""Writes of people, sessions, keys and sign-in attempts.

All but the attempts, which belong to no tenant, run in a tenant's transaction: the tenant of a row is the transaction's.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

TENANT = "current_setting('andon.tenant')::int"
SET_UP_LOCK = 7_266_302  # one first owner at a time
LONGEST_SESSION = timedelta(days=30)  # NIST SP 800-63B-4 §2.1.3: sign in anew after thirty days, activity or not


def lock_set_up(connection: Connection) -> None:
    """Waits until nobody else is making the first owner; let go with the transaction."""
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": SET_UP_LOCK})


def insert_user(
    connection: Connection,
    email: str,
    name: str,
    password_hash: str | None,
    role: str,
    lines: Sequence[str] | None,
    *,
    is_platform: bool = False,
) -> int | None:
    """The new person's id; None where the e-mail address has an account already, in this tenant or another."""
    values = {
        "email": email, "name": name, "hash": password_hash, "role": role, "platform": is_platform,
        "lines": None if lines is None else list(lines),
    }  # fmt: skip
    made: int | None = connection.execute(
        text(
            "insert into users (tenant_id, email, name, password_hash, role, lines, is_platform)"
            f" values ({TENANT}, :email, :name, :hash, :role, cast(:lines as text[]), :platform)"
            " on conflict (lower(email)) do nothing returning id"
        ),
        values,
    ).scalar_one_or_none()
    return made


def set_password(connection: Connection, user_id: int, password_hash: str) -> None:
    """Keeps a new hash."""
    connection.execute(
        text("update users set password_hash = :hash where id = :id"), {"id": user_id, "hash": password_hash}
    )


def renew_hash(connection: Connection, user_id: int, old: str, new: str) -> None:
    """Keeps the same password under newer parameters, unless somebody changed it meanwhile."""
    connection.execute(
        text("update users set password_hash = :new where id = :id and password_hash = :old"),
        {"id": user_id, "old": old, "new": new},
    )


def prefer(connection: Connection, user_id: int, preferences: dict[str, Any]) -> None:
    """Merges into a person's preferences."""
    connection.execute(
        text("update users set preferences = preferences || cast(:more as jsonb) where id = :id"),
        {"id": user_id, "more": json.dumps(preferences)},
    )


def insert_session(
    connection: Connection,
    user_id: int,
    token_hash: bytes,
    active_tenant_id: int,
    now: datetime,
    lasts: timedelta,
    address: str | None,
    agent: str | None,
) -> tuple[int, datetime]:
    """The new session's id and when it ends without activity."""
    expires_at = now + min(lasts, LONGEST_SESSION)
    values = {
        "user": user_id, "hash": token_hash, "active": active_tenant_id, "now": now, "expires": expires_at,
        "address": address, "agent": agent,
    }  # fmt: skip
    session_id: int = connection.execute(
        text(
            "insert into sessions (tenant_id, user_id, token_hash, active_tenant_id, created_at, seen_at, expires_at, address,"
            f" agent) values ({TENANT}, :user, :hash, :active, :now, :now, :expires, :address, :agent) returning id"
        ),
        values,
    ).scalar_one()
    return session_id, expires_at


def touch_session(
    connection: Connection, session_id: int, now: datetime, lasts: timedelta, at_most_every: timedelta
) -> datetime | None:
    """Notes that a session is used, and moves its end on: the new one. None where it was noted a moment ago, or has ended."""
    return connection.execute(
        text(
            "update sessions set seen_at = :now, expires_at = least(:now + :lasts, created_at + :longest)"
            " where id = :id and seen_at <= :now - :every returning expires_at"
        ),
        {"id": session_id, "now": now, "lasts": lasts, "longest": LONGEST_SESSION, "every": at_most_every},
    ).scalar_one_or_none()


def delete_session(connection: Connection, session_id: int, user_id: int | None = None) -> int | None:
    """Ends a session, of that person only where one is named; whose it was, or None where there is no such session."""
    return connection.execute(
        text(
            "delete from sessions where id = :id and (cast(:user as int) is null or user_id = :user) returning user_id"
        ),
        {"id": session_id, "user": user_id},
    ).scalar_one_or_none()


def delete_sessions_of(connection: Connection, user_id: int, except_id: int | None = None) -> int:
    """Ends somebody's sessions but one; how many."""
    return connection.execute(
        text("delete from sessions where user_id = :user and id is distinct from cast(:kept as int)"),
        {"user": user_id, "kept": except_id},
    ).rowcount


def move_session(connection: Connection, session_id: int, active_tenant_id: int) -> bool:
    """Makes a session look into another tenant; whether there is such a session."""
    moved = connection.execute(
        text("update sessions set active_tenant_id = :active where id = :id"),
        {"id": session_id, "active": active_tenant_id},
    )
    return moved.rowcount == 1


def insert_key(
    connection: Connection, name: str, key_hash: bytes, hint: str, scopes: Sequence[str], device_id: int | None
) -> int | None:
    """The new key's id; None where there is one of this secret."""
    made: int | None = connection.execute(
        text(
            "insert into api_keys (tenant_id, name, key_hash, hint, scopes, device_id)"
            f" values ({TENANT}, :name, :hash, :hint, :scopes, :device) on conflict (key_hash) do nothing returning id"
        ),
        {"name": name, "hash": key_hash, "hint": hint, "scopes": list(scopes), "device": device_id},
    ).scalar_one_or_none()
    return made


def keep_preset_key(connection: Connection, name: str, key_hash: bytes, hint: str) -> int:
    """The id of this tenant's key of the hash: made, or in use again where it was revoked."""
    key_id: int = connection.execute(
        text(
            f"insert into api_keys (tenant_id, name, key_hash, hint) values ({TENANT}, :name, :hash, :hint)"
            " on conflict (key_hash) do update set revoked_at = null, scopes = excluded.scopes, device_id = null returning id"
        ),
        {"name": name, "hash": key_hash, "hint": hint},
    ).scalar_one()
    return key_id


def revoke_key(connection: Connection, key_id: int) -> str | None:
    """The name of the key that was ended; None where there is none in use."""
    return connection.execute(
        text("update api_keys set revoked_at = now() where id = :id and revoked_at is null returning name"),
        {"id": key_id},
    ).scalar_one_or_none()


def delete_key(connection: Connection, key_hash: bytes) -> int | None:
    """Removes this tenant's key of the hash; its id, or None where it has none."""
    return connection.execute(
        text("delete from api_keys where key_hash = :hash returning id"), {"hash": key_hash}
    ).scalar_one_or_none()


def count_attempt(
    connection: Connection, limits: Sequence[tuple[bytes, int]], now: datetime, window: timedelta
) -> datetime | None:
    """Counts an attempt against every (subject, most in the window), unless one of them is used up.

    Returns None where it was counted, else when the next attempt is possible (aware UTC). Attempts of one subject wait for each
    other, so that ten at once are ten, on every replica.
    """
    for subject, _ in sorted(limits):
        lock = int.from_bytes(subject[:8], "big", signed=True)
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": lock})
    possible = [_possible_at(connection, subject, most, now, window) for subject, most in limits]
    refused = [at for at in possible if at is not None]
    if refused:
        return max(refused)
    for subject, _ in limits:
        connection.execute(
            text("insert into sign_in_attempts (subject, at) values (:subject, :now)"), {"subject": subject, "now": now}
        )
    return None


def forget_attempt(connection: Connection, subject: bytes, at: datetime | None = None) -> None:
    """Takes back a subject's attempts, or the one of that instant."""
    connection.execute(
        text("delete from sign_in_attempts where subject = :subject and (cast(:at as timestamptz) is null or at = :at)"),
        {"subject": subject, "at": at},
    )


def _possible_at(connection: Connection, subject: bytes, most: int, now: datetime, window: timedelta) -> datetime | None:
    """None while there are fewer than `most` in the window; else when the oldest that counts leaves it."""
    blocking: datetime | None = connection.execute(
        text(
            "select at from sign_in_attempts where subject = :subject and at > :since"
            " order by at desc offset :skipped limit 1"
        ),
        {"subject": subject, "since": now - window, "skipped": most - 1},
    ).scalar_one_or_none()
    return None if blocking is None else blocking + window
