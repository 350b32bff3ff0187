"""Reads of what programs follow (`db.commands.stream`): what is new since a snapshot, and all that there was since a position."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy import Connection, text

from db.binary import INT4, INT8
from db.commands.stream import Followed
from db.exchange import Statement, exchange, int4

TEXT = 25
CHUNK = 200  # rows at a time: each holds what one transaction stored


@dataclass(frozen=True, slots=True)
class Position:
    """Where a follower is: everything before it was had, and the event with this number of this row too. Written as an event's id."""

    epoch: int
    horizon: int
    row: int = 0
    part: int = 0

    def __str__(self) -> str:
        return f"{self.epoch}-{self.horizon}-{self.row}.{self.part}"

    @classmethod
    def parse(cls, written: str) -> "Position":
        """Raises ValueError for what is no id of ours."""
        try:
            epoch, horizon, event = written.split("-")
            row, _, part = event.partition(".")
            numbers = [int(each) for each in (epoch, horizon, row, part or "0")]
        except (ValueError, AttributeError) as error:
            raise ValueError(f"{written!r} is not the id of an event") from error
        if len(written) > 80 or any(not 0 <= each < 2**62 for each in numbers):
            raise ValueError("this is not the id of an event")
        return cls(*numbers)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """What one transaction told: `readings` (`unpacked`) or `alert` (JSON), and the horizon of its position."""

    id: int
    xid: int
    horizon: int
    kind: str
    body: bytes


BEGIN = Statement(b"andon_stream_begin", "begin isolation level repeatable read read only")
COMMIT = Statement(b"andon_stream_commit", "commit")
ENTER = Statement(b"andon_stream_enter", "select set_config('andon.tenant', $1::int::text, true)", (INT4,))
SNAPSHOT = Statement(b"andon_stream_snapshot", "select pg_current_snapshot()::text")
NEWS = Statement(
    b"andon_stream_news",
    "select id, xid::text::bigint, horizon, kind, body from stream_events"
    " where xid >= pg_snapshot_xmin($1::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)"
    " and xid < pg_snapshot_xmax(pg_current_snapshot()) and id > $2"  # a dump from another cluster may bring what is yet to come
    f" order by id limit {CHUNK}",
    (TEXT, INT8),
)


def snapshot_now(connection: "psycopg.Connection[Any]") -> str:
    """What is committed at this moment, as PostgreSQL writes a snapshot."""
    (result,) = exchange(connection, (SNAPSHOT, ()))
    return _text(result.get_value(0, 0))


def news(connection: "psycopg.Connection[Any]", tenant_id: int, since: str) -> tuple[str, list[StreamRow]]:
    """(snapshot now, rows that the snapshot `since` did not see). One round trip while there are few."""
    begin = (BEGIN, ()), (ENTER, (int4(tenant_id),)), (SNAPSHOT, ())
    *_, snapshot, found = exchange(connection, *begin, (NEWS, (since.encode(), _int8(0))))
    rows = _rows(found)
    while found.ntuples == CHUNK:
        (found,) = exchange(connection, (NEWS, (since.encode(), _int8(rows[-1].id))))
        rows += _rows(found)
    exchange(connection, (COMMIT, ()))
    return _text(snapshot.get_value(0, 0)), in_order(rows)


def followed(connection: Connection) -> tuple[Followed, int] | None:
    """How the tenant is followed, and the newest transaction that there is; None where it is not."""
    row = connection.execute(
        text("select epoch, kept_from, pg_snapshot_xmax(pg_current_snapshot())::text::bigint as newest from stream_followed")
    ).one_or_none()
    return None if row is None else (Followed(row.epoch, row.kept_from), row.newest)


def rows_since(connection: Connection, position: Position, seen: str, after: int) -> list[StreamRow]:
    """Up to `CHUNK` rows beyond the row `after` that a follower at `position` may have missed of what the snapshot `seen` sees.

    Rows of transactions that ran beside the one that it has last are among them, whether it has them or not.
    """
    found = connection.execute(
        text(
            "select id, xid::text::bigint as xid, horizon, kind, body from stream_events where xid >= cast(cast(:horizon as text) as xid8)"
            " and pg_visible_in_snapshot(xid, cast(cast(:seen as text) as pg_snapshot)) and id > :after order by id limit :limit"
        ),
        {"horizon": str(position.horizon), "seen": seen, "after": after, "limit": CHUNK},
    )
    return [StreamRow(row.id, row.xid, row.horizon, row.kind, bytes(row.body)) for row in found]


def in_order(rows: Iterable[StreamRow]) -> list[StreamRow]:
    """By transaction, and in it readings before the alerts that they raised.

    What was committed before the horizon of a row comes before that row: a follower who stops anywhere has it.
    """
    return sorted(rows, key=lambda row: (row.xid, row.kind != "readings", row.id))


def _rows(result: pq.abc.PGresult) -> list[StreamRow]:
    return [
        StreamRow(
            _number(result.get_value(n, 0)), _number(result.get_value(n, 1)), _number(result.get_value(n, 2)),
            _text(result.get_value(n, 3)), bytes(result.get_value(n, 4) or b""),
        )
        for n in range(result.ntuples)
    ]  # fmt: skip


def _number(raw: bytes | None) -> int:
    return int.from_bytes(raw or b"", "big")


def _text(raw: bytes | None) -> str:
    return bytes(raw or b"").decode()


def _int8(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)
