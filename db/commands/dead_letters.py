"""Writes of dead letters that somebody looks after, inside a tenant's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text


def settle_letters(connection: Connection, ids: Sequence[int], how: str) -> int:
    """Marks open ones as `replayed` or `dropped`; how many there were."""
    return connection.execute(
        text(
            "update dead_letters set settled_at = now(), settled_how = :how, tries = tries + :tried"
            " where id = any(:ids) and settled_at is null"
        ),
        {"ids": list(ids), "how": how, "tried": 1 if how == "replayed" else 0},
    ).rowcount


def refuse_again(connection: Connection, refused: Mapping[int, tuple[str, str]]) -> None:
    """They stay open: {id: (field, reason)} of the try just made."""
    if not refused:
        return
    connection.execute(
        text(
            "update dead_letters d set field = u.field, reason = u.reason, tries = d.tries + 1"
            " from unnest(cast(:ids as bigint[]), cast(:fields as text[]), cast(:reasons as text[])) as u (id, field, reason)"
            " where d.id = u.id and d.settled_at is null"
        ),
        {"ids": list(refused), "fields": [field for field, _ in refused.values()], "reasons": [why[:500] for _, why in refused.values()]},
    )


def forget_settled(connection: Connection, before: datetime) -> int:
    """Deletes those that were replayed or dropped so long ago; open ones stay until somebody looks after them."""
    return connection.execute(text("delete from dead_letters where settled_at < :before"), {"before": before}).rowcount
