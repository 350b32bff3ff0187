"""The audit log: who did what, written in the transaction that does it, so that neither is there without the other."""

import json
import math
from collections.abc import Mapping
from typing import Any, Protocol

from sqlalchemy import Connection, text

INSERT = text(
    "insert into audit_log (tenant_id, actor, action, target, detail, address)"
    " values (current_setting('andon.tenant')::int, :actor, :action, :target, cast(:detail as jsonb), :address)"
)


class Acting(Protocol):
    """What the log needs to know of an actor: how it is named, and where it came from."""

    @property
    def label(self) -> str:
        """`user:7`, `key:3`, `job:simulate`, `command`."""

    @property
    def address(self) -> str | None:
        """The address that the request came from, where there was one."""


def record(
    connection: Connection,
    actor: Acting | str,
    action: str,
    target: str = "",
    detail: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> None:
    """Adds one entry to the log of the tenant whose transaction this is.

    `action` is a verb in snake case (`create_device`), `target` the key or label of what it was done to, `detail` anything that
    JSON holds: no passwords, no secrets. Without `address` the actor's own is written.
    """
    values = {
        "actor": actor if isinstance(actor, str) else actor.label,
        "action": action,
        "target": clean(target)[:300],
        "detail": json.dumps(_storable(detail or {})),
        "address": address if address is not None or isinstance(actor, str) else actor.address,
    }
    connection.execute(INSERT, values)


def _storable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {clean(str(name)): _storable(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_storable(inner) for inner in value]
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return clean(str(value))


def clean(value: str) -> str:
    """Text as PostgreSQL takes it: without NUL and without halves of surrogate pairs."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
