"""Partitions by time of `readings` and `rollup_minute`.

Made over the owner's engine, for the application's role cannot create tables.
"""

import math
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from db.columns import from_us, to_us
from db.engine import Database

Span = Literal["month", "week", "day"]
Times = NDArray[np.int64] | tuple[int, int]
READINGS, MINUTES = "readings", "rollup_minute"
MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
KNOWN_FOR_S = 60.0

_RANGES = """
with children as (
  select c.oid, c.relname,
    regexp_match(pg_get_expr(c.relpartbound, c.oid), $$FROM \\('(.+)'\\) TO \\('(.+)'\\)$$) as edges
  from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = cast(:parent as regclass))
select oid, relname as name, edges[1]::timestamptz as low, edges[2]::timestamptz as high
from children where edges is not null order by low"""
_SIZES = f"""
select p.name, p.low, p.high, pg_total_relation_size(p.oid) as bytes, greatest(c.reltuples, 0)::bigint as rows,
  exists (select 1 from pinned_partitions k where k.name = p.name) as pinned
from ({_RANGES}) p join pg_class c on c.oid = p.oid order by p.low"""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition: low ≤ time < high, microseconds since 1970 UTC."""

    name: str
    low_us: int
    high_us: int


@dataclass(frozen=True, slots=True)
class PartitionSize:
    """One partition with its size on disk, indexes included, its rows by the last ANALYZE, and whether it is pinned."""

    parent: str
    partition: Partition
    bytes: int
    rows: int
    pinned: bool


def partition_ranges(connection: Connection, parent: str) -> list[Partition]:
    """The partitions of `readings` or `rollup_minute` in order of time."""
    rows = connection.execute(text(_RANGES), {"parent": parent})
    return [Partition(row.name, to_us(row.low), to_us(row.high)) for row in rows]


def partition_sizes(connection: Connection) -> list[PartitionSize]:
    """Every partition of both tables with its size, in order of time."""
    return [
        PartitionSize(parent, Partition(row.name, to_us(row.low), to_us(row.high)), row.bytes, row.rows, row.pinned)
        for parent in (READINGS, MINUTES)
        for row in connection.execute(text(_SIZES), {"parent": parent})
    ]


def ensure_partitions(
    database: Database, times_us: Times, span: Span = "month", *, tables: Sequence[str] = (READINGS, MINUTES)
) -> list[str]:
    """Makes what is missing for these times (shape (n,)) or for all of (from, to); gives the names made.

    Minute rollups are always partitioned by month. What is covered is left as it is, also where it was made with
    another span: a new partition is clipped to the gap. Safe to run twice at once.
    """
    wanted: dict[str, Span] = {table: span if table == READINGS else "month" for table in tables}
    with database.owner.connect() as connection:
        if not any(_missing(connection, parent, times_us, each) for parent, each in wanted.items()):
            return []
    made = []
    with database.owner.begin() as connection:
        # The lock that andon_create_partition takes, before the ranges are read: nobody else fills a gap in between.
        connection.execute(text("select pg_advisory_xact_lock(hashtext('andon_partitions'))"))
        for parent, each in wanted.items():
            for low, high in _missing(connection, parent, times_us, each):
                parameters = {"parent": parent, "low": from_us(low), "high": from_us(high)}
                create = text("select andon_create_partition(:parent, :low, :high)")
                made.append(str(connection.execute(create, parameters).scalar_one()))
    return made


def ensure_ahead(database: Database, now: datetime, span: Span, ahead: int) -> list[str]:
    """Makes the partition of `now` and those of the next `ahead` spans; gives the names made."""
    low, high = span_of(to_us(now), span)
    for _ in range(ahead):
        high = span_of(high, span)[1]
    return ensure_partitions(database, (low, high), span)


def pin_partitions(database: Database, start_us: int, end_us: int, reason: str) -> list[str]:
    """Keeps retention from every partition that holds some of `start_us` ≤ time ≤ `end_us`; gives their names."""
    with database.engine.begin() as connection:
        names = [
            each.name
            for parent in (READINGS, MINUTES)
            for each in partition_ranges(connection, parent)
            if each.low_us <= end_us and start_us < each.high_us
        ]
        statement = "insert into pinned_partitions (name, reason) values (:name, :reason) on conflict do nothing"
        if names:
            connection.execute(text(statement), [{"name": name, "reason": reason} for name in names])
    return names


def release_partitions(connection: Connection, reason: str) -> list[str]:
    """Lets go of what was pinned for `reason`; gives the names that nothing else pins now."""
    names = connection.execute(text("delete from pinned_partitions where reason = :reason returning name"), {"reason": reason}).scalars()
    gone = list(names)
    left = connection.execute(text("select name from pinned_partitions where name = any(:names)"), {"names": gone})
    return sorted(set(gone) - set(left.scalars()))


def span_of(time_us: int, span: Span) -> tuple[int, int]:
    """The UTC month, week (from Monday) or day of a time: (low, high) in microseconds since 1970. Raises ValueError."""
    day = from_us(time_us).replace(hour=0, minute=0, second=0, microsecond=0)
    if span == "day":
        low, high = day, day + timedelta(days=1)
    elif span == "week":
        low = day - timedelta(days=(day - MONDAY).days % 7)
        high = low + timedelta(days=7)
    elif span == "month":
        low = day.replace(day=1)
        high = (low + timedelta(days=31)).replace(day=1)
    else:
        raise ValueError(f"partitions span a month, a week or a day, not {span!r}")
    return to_us(low), to_us(high)


class PartitionKeeper:
    """Makes partitions on the way in: called with the times of a slice, asks the database for what it does not know.

    What it knows it forgets after a minute, for retention may have dropped a partition in another process.
    """

    def __init__(self, database: Database, span: Span = "month") -> None:
        self._database = database
        self._span = span
        self._lock = threading.Lock()
        self._covered: dict[str, NDArray[np.int64]] = {}
        self._read_at = -math.inf

    def __call__(self, times_us: NDArray[np.int64]) -> None:
        """Makes what the times (shape (n,)) need; a look-up in memory when all is there."""
        if len(times_us) == 0 or self._covers(times_us):
            return
        with self._lock:
            ensure_partitions(self._database, times_us, self._span)
            with self._database.owner.connect() as connection:
                found = {parent: partition_ranges(connection, parent) for parent in (READINGS, MINUTES)}
            self._covered = {parent: _edges(partitions) for parent, partitions in found.items()}
            self._read_at = time.monotonic()

    def _covers(self, times_us: NDArray[np.int64]) -> bool:
        if time.monotonic() - self._read_at > KNOWN_FOR_S:
            return False
        return all(bool(_inside(times_us, edges).all()) for edges in self._covered.values())


def _edges(partitions: list[Partition]) -> NDArray[np.int64]:
    """Shape (n, 2): low and high, in order of time."""
    return np.array([(each.low_us, each.high_us) for each in partitions], np.int64).reshape(-1, 2)


def _inside(times_us: NDArray[np.int64], edges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which times a partition holds; shape (n,)."""
    if len(edges) == 0:
        return np.zeros(len(times_us), np.bool_)
    at = np.searchsorted(edges[:, 0], times_us, side="right") - 1
    inside: NDArray[np.bool_] = (at >= 0) & (times_us < edges[at, 1])
    return inside


def _missing(connection: Connection, parent: str, times_us: Times, span: Span) -> list[tuple[int, int]]:
    """What is to be made, in order of time: whole spans, clipped to the gaps between the partitions that there are."""
    edges = _edges(partition_ranges(connection, parent))
    if isinstance(times_us, tuple):
        wanted = list(_spans_between(*times_us, edges, span))
    else:
        outside = times_us[~_inside(times_us, edges)]
        wanted = sorted({_clipped(int(each), edges, span) for each in _one_a_day(outside)})
    return wanted


def _one_a_day(times_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """One time of each UTC day: partitions begin and end with days."""
    return times_us[np.unique(times_us // 86_400_000_000, return_index=True)[1]]


def _spans_between(start_us: int, end_us: int, edges: NDArray[np.int64], span: Span) -> Iterator[tuple[int, int]]:
    """Clipped spans of every gap in start ≤ time < end."""
    at = start_us
    while at < end_us:
        position = int(np.searchsorted(edges[:, 0], at, side="right")) - 1
        if position >= 0 and at < edges[position, 1]:
            at = int(edges[position, 1])
            continue
        low, high = _clipped(at, edges, span)
        yield low, high
        at = high


def _clipped(time_us: int, edges: NDArray[np.int64], span: Span) -> tuple[int, int]:
    """The span that holds a time which no partition holds, cut where its neighbours begin and end."""
    low, high = span_of(time_us, span)
    position = int(np.searchsorted(edges[:, 0], time_us, side="right"))
    if position > 0:
        low = max(low, int(edges[position - 1, 1]))
    if position < len(edges):
        high = min(high, int(edges[position, 0]))
    return low, high
