"""What was answered under an `Idempotency-Key`, so that what arrives twice is done once. Inside a tenant's transaction."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

_CLAIM = text(
    "insert into idempotency_keys (tenant_id, principal, key, body_hash, at, status, response)"
    " values (current_setting('andon.tenant')::int, :principal, :key, :hash, now(), 0, '') on conflict do nothing returning key"
)
_SEEN = text("select body_hash, response from idempotency_keys where principal = :principal and key = :key")
_KEEP = text("update idempotency_keys set status = 200, response = :response where principal = :principal and key = :key")


class KeyReused(Exception):
    """The key was used before for something else."""


def claim(connection: Connection, principal: str, key: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """None for a key that is new, from now on this transaction's; else what was answered the first time.

    Waits for another transaction that has just claimed it. Raises KeyReused where something else was asked under it.
    """
    hashed = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).digest()
    names = {"principal": principal, "key": key}
    if connection.execute(_CLAIM, {**names, "hash": hashed}).scalar_one_or_none() is not None:
        return None
    row = connection.execute(_SEEN, names).one()
    if bytes(row.body_hash) != hashed:
        raise KeyReused(key)
    answer: dict[str, Any] = json.loads(bytes(row.response) or b"{}")
    return answer


def remember(connection: Connection, principal: str, key: str, answer: Mapping[str, Any]) -> None:
    """Keeps what was answered, for whoever asks again."""
    connection.execute(_KEEP, {"principal": principal, "key": key, "response": json.dumps(answer).encode()})
