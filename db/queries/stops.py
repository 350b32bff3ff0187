"""Stops with their reasons and what was said of them, and where the time went by reason. Inside a tenant's transaction.

Times are microseconds since 1970 UTC, ranges are start ≤ time < end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, text

from dashapp.domain.oee import LOSS_WORDS, Loss
from db.columns import from_us, to_us

FOREVER_US = 4_102_444_800_000_000  # 2100


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason that a stop can have; `loss` is what it declares. In the order in which they are offered."""

    id: int
    code: str
    name: str
    loss: Loss
    position: int = 0


@dataclass(frozen=True, slots=True)
class EditRow:
    """Something that was said of a machine's time: see `dashapp.domain.production.Said`. `at_us` is when it was said."""

    id: int
    device_id: int
    what: str
    start_us: int
    end_us: int
    open_start: bool
    open_end: bool
    reason_id: int | None
    reason: str
    comment: str
    by: str
    at_us: int
    recorded_us: int


@dataclass(frozen=True, slots=True)
class StopRow:
    """A stop longer than a minor one. `end_us` None while it goes on; `planned_s` is its length without breaks.

    `source`: detected (from fault and missing production), entered, split. `fault`: a fault flag was up. `cut_start`, `cut_end`:
    that edge was set by a split. `said_by` names who gave the
    reason (`user:7`). `gone`: what was read or said later tells that there was no such stop.
    """

    id: int
    device_id: int
    device_key: str
    device_name: str
    line: str
    start_us: int
    end_us: int | None
    planned_s: float
    loss: Loss
    reason_id: int | None
    reason: str
    comment: str
    source: str
    fault: bool
    cut_start: bool
    cut_end: bool
    said_by: str
    version: int
    gone: bool = False
    edits: tuple[EditRow, ...] = field(default=())


_STOP = """
select d.id, d.device_id, m.key, m.name, m.line, d.started_at, d.ended_at, d.planned_s, d.loss, d.reason_id, r.name as reason, d.comment,
  d.source, d.fault, d.cut_start, d.cut_end, d.reason_by, d.version, d.gone_at
from downtimes d join devices m on m.id = d.device_id left join downtime_reasons r on r.id = d.reason_id"""
_STOPS = text(
    f"{_STOP} where d.gone_at is null and d.started_at < :end and coalesce(d.ended_at, 'infinity') > :start"
    " and (cast(:ids as int[]) is null or d.device_id = any(:ids)) and (cast(:lines as text[]) is null or m.line = any(:lines))"
    " and (cast(:losses as text[]) is null or d.loss = any(:losses)) order by d.started_at desc, d.id desc limit :limit"
)
_ONE = text(f"{_STOP} where d.id = :id")


def stops_between(
    connection: Connection, start_us: int, end_us: int, *, device_ids: Sequence[int] | None = None, lines: Sequence[str] | None = None,
    losses: Sequence[Loss] | None = None, limit: int = 500, with_edits: bool = False,
) -> list[StopRow]:  # fmt: skip
    """Stops that touch a range, whole, the newest first."""
    values = {
        "start": from_us(start_us), "end": from_us(end_us), "ids": None if device_ids is None else list(device_ids),
        "lines": None if lines is None else list(lines), "losses": None if losses is None else [str(one) for one in losses],
        "limit": limit,
    }  # fmt: skip
    found = [_stop(row) for row in connection.execute(_STOPS, values)]
    return _with_edits(connection, found) if with_edits else found


def one_stop(connection: Connection, stop_id: int) -> StopRow | None:
    """A stop with everything that was said of it, also one that is gone."""
    row = connection.execute(_ONE, {"id": stop_id}).one_or_none()
    return None if row is None else _with_edits(connection, [_stop(row)])[0]


def _stop(row: Any) -> StopRow:
    return StopRow(
        row.id, row.device_id, row.key, row.name, row.line, to_us(row.started_at), None if row.ended_at is None else to_us(row.ended_at),
        row.planned_s, Loss(row.loss), row.reason_id, row.reason or "", row.comment or "", row.source, row.fault, row.cut_start,
        row.cut_end, row.reason_by, row.version, row.gone_at is not None,
    )  # fmt: skip


_EDITS = text(
    "select e.*, coalesce(r.name, '') as reason from downtime_edits e left join downtime_reasons r on r.id = e.reason_id"
    " where e.device_id = any(:ids) and e.ends_at > :start and e.starts_at < :end order by e.at, e.id"
)


def edits_between(connection: Connection, device_ids: Sequence[int], start_us: int, end_us: int) -> list[EditRow]:
    """What was said of a range of these machines, in the order in which it holds."""
    rows = connection.execute(_EDITS, {"ids": list(device_ids), "start": from_us(start_us), "end": from_us(end_us)})
    return [
        EditRow(
            row.id, row.device_id, row.what, to_us(row.starts_at), to_us(row.ends_at), row.open_start, row.open_end, row.reason_id,
            row.reason, row.comment, row.by, to_us(row.at), to_us(row.recorded_at),
        )
        for row in rows
    ]  # fmt: skip


def _with_edits(connection: Connection, stops: Sequence[StopRow]) -> list[StopRow]:
    if not stops:
        return []
    low = min(stop.start_us for stop in stops)
    high = max(FOREVER_US if stop.end_us is None else stop.end_us for stop in stops)
    every = edits_between(connection, sorted({stop.device_id for stop in stops}), low, high)
    return [_given(stop, every) for stop in stops]


def _given(stop: StopRow, edits: Iterable[EditRow]) -> StopRow:
    end_us = FOREVER_US if stop.end_us is None else stop.end_us
    mine = tuple(one for one in edits if one.device_id == stop.device_id and one.start_us < end_us and one.end_us > stop.start_us)
    return replace(stop, edits=mine)


# ---- By reason


@dataclass(frozen=True, slots=True)
class ParetoBar:
    """What stops of a reason took in a range: seconds of planned busy time and how many began in it. `reason_id` 0: none given.

    `share` is of all bars, `cumulated` of this bar and those before it, by the order asked for.
    """

    reason_id: int
    reason: str
    loss: Loss
    seconds: float
    count: int
    share: float = 0.0
    cumulated: float = 0.0


_PARETO = text("""
select s.reason_id, s.loss, coalesce(r.name, '') as name,
  sum(extract(epoch from least(s.ends_at, :end) - greatest(s.starts_at, :start)))::float8 as seconds,
  count(*) filter (where s.begins and s.starts_at >= :start) as number
from production_spans s left join downtime_reasons r on r.id = s.reason_id
where s.device_id = any(:ids) and s.starts_at > cast(:start as timestamptz) - interval '1 hour' and s.starts_at < :end
  and s.ends_at > :start
  and s.loss <> '' and (:minor or s.loss <> 'minor') and (:planned or s.loss <> 'planned') group by 1, 2, 3""")


def pareto(
    connection: Connection, device_ids: Sequence[int], start_us: int, end_us: int, *, by: str = "time", minor: bool = False,
    planned: bool = False,
) -> list[ParetoBar]:  # fmt: skip
    """Reasons by the time that they took, or `by="count"`, the greatest first. `minor` and `planned`: those stops as well."""
    values = {"ids": list(device_ids), "start": from_us(start_us), "end": from_us(end_us), "minor": minor, "planned": planned}
    bars = [
        ParetoBar(row.reason_id, row.name or LOSS_WORDS[Loss(row.loss)], Loss(row.loss), row.seconds, row.number)
        for row in connection.execute(_PARETO, values)
    ]
    bars.sort(key=lambda bar: (-_weight(bar, by), -bar.seconds, bar.reason_id, bar.loss))
    whole, so_far = sum(_weight(bar, by) for bar in bars) or 1.0, 0.0
    found = []
    for bar in bars:
        so_far += _weight(bar, by)
        found.append(replace(bar, share=_weight(bar, by) / whole, cumulated=so_far / whole))
    return found


def _weight(bar: ParetoBar, by: str) -> float:
    return bar.count if by == "count" else bar.seconds


def reasons(connection: Connection, *, removed: bool = False) -> list[Reason]:
    """The reasons on offer, in their order; with those that were removed where that is asked for."""
    rows = connection.execute(
        text("select id, code, name, loss, position from downtime_reasons where removed_at is null or :removed order by position, id"),
        {"removed": removed},
    )
    return [Reason(row.id, row.code, row.name, Loss(row.loss), row.position) for row in rows]
