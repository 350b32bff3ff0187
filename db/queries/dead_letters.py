"""Dead letters: what was refused, as it came, with why. Open until somebody replays or drops it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

_COLUMNS = "id, received_at, door, source, field, reason, raw, truncated, settled_at, settled_how, context, tries"
STATES = ("open", "replayed", "dropped", "")


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `context`: device, time_us and origin where the bytes do not say them."""

    id: int
    received_at: datetime
    door: str
    source: str
    field: str
    reason: str
    raw: bytes
    truncated: bool
    settled_at: datetime | None
    settled_how: str | None
    context: dict[str, Any]
    tries: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: "" is every one. `search` is looked for in the reason and in the bytes."""

    state: str = "open"
    door: str = ""
    source: str = ""
    search: str = ""


def _where(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    parts, values = ["true"], dict[str, Any]()
    if wanted.state == "open":
        parts.append("settled_at is null")
    elif wanted.state:
        parts.append("settled_how = :state")
        values["state"] = wanted.state
    for name in ("door", "source"):
        if found := getattr(wanted, name):
            parts.append(f"{name} = :{name}")
            values[name] = found
    if wanted.search:
        parts.append("(position(lower(:search) in lower(reason)) > 0 or position(:needle in raw) > 0)")
        values |= {"search": wanted.search, "needle": wanted.search.encode("utf-8", "surrogatepass")}
    return " and ".join(parts), values


def dead_letters(connection: Connection, wanted: Wanted, *, before: int | None = None, limit: int = 50) -> list[Letter]:
    """The newest first; `before` is the id that the page before ended with."""
    where, values = _where(wanted)
    if before is not None:
        where, values = f"{where} and id < :before", {**values, "before": before}
    query = text(f"select {_COLUMNS} from dead_letters where {where} order by id desc limit :limit")
    return [_letter(row) for row in connection.execute(query, {**values, "limit": limit})]


def letters_by_id(connection: Connection, ids: Sequence[int]) -> list[Letter]:
    """The open ones of these, the oldest first."""
    rows = connection.execute(
        text(f"select {_COLUMNS} from dead_letters where id = any(:ids) and settled_at is null order by id"), {"ids": list(ids)}
    )
    return [_letter(row) for row in rows]


def open_ids(connection: Connection, wanted: Wanted, limit: int) -> list[int]:
    """The oldest open ones that fit, for a replay of many."""
    where, values = _where(wanted)
    rows = connection.execute(
        text(f"select id from dead_letters where {where} and settled_at is null order by id limit :limit"), {**values, "limit": limit}
    )
    return list(rows.scalars())


def count_letters(connection: Connection, wanted: Wanted, most: int = 10_000) -> int:
    """How many fit, counted up to `most`."""
    where, values = _where(wanted)
    counted: int = connection.execute(
        text(f"select count(*) from (select from dead_letters where {where} limit :most) found"), {**values, "most": most}
    ).scalar_one()
    return counted


def letter_sources(connection: Connection) -> list[tuple[str, str]]:
    """(door, source) of the open ones."""
    rows = connection.execute(text("select distinct door, source from dead_letters where settled_at is null order by 1, 2 limit 200"))
    return [(row.door, row.source) for row in rows]


def letters_version(connection: Connection) -> str:
    """Moves whenever a letter comes or is settled."""
    row = connection.execute(
        text(
            "select (select max(id) from dead_letters) as newest, (select max(settled_at) from dead_letters) as settled,"
            " (select sum(tries) from dead_letters where settled_at is null) as tries"
        )
    ).one()
    return f"{row.newest}|{row.settled}|{row.tries}"


def _letter(row: Any) -> Letter:
    return Letter(**{**row._mapping, "raw": bytes(row.raw)})
