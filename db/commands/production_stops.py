"""Stops as rows: each keeps its id while readings and edits move its edges. Inside a tenant's transaction, under PRODUCING_LOCK."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from dashapp.domain.production import Stop
from db.columns import from_us, to_us

Range = tuple[int, int]

_STORED = text(
    "select id, started_at, ended_at, gone_at, reason_id, comment, source, planned_s, loss, fault, reason_by, cut_start, cut_end"
    " from downtimes where device_id = :device and started_at >= :low and started_at < :high order by gone_at nulls first, id"
)
_INSERT = text(
    "insert into downtimes (tenant_id, device_id, started_at, ended_at, reason_id, comment, source, planned_s, loss, fault, reason_by,"
    " cut_start, cut_end)"
    " values (:tenant, :device, :started_at, :ended_at, :reason_id, :comment, :source, :planned_s, :loss, :fault, :reason_by,"
    " :cut_start, :cut_end)"
)
_UPDATE = text(
    "update downtimes set started_at = :started_at, ended_at = :ended_at, reason_id = :reason_id, comment = :comment, source = :source,"
    " planned_s = :planned_s, loss = :loss, fault = :fault, reason_by = :reason_by, cut_start = :cut_start,"
    " cut_end = :cut_end, gone_at = null, version = version + 1"
    " where id = :id"
)
_GONE = text("update downtimes set gone_at = now(), version = version + 1 where id = any(:ids) and gone_at is null")


def settle_stops(connection: Connection, tenant_id: int, device_id: int, part: Range, stops: Sequence[Stop]) -> None:
    """Makes the rows of stops that begin in a range those that were computed.

    A stop is the row with which it has most time in common; what is left of the rows is gone, and comes back if the stop does.
    """
    stored = connection.execute(_STORED, {"device": device_id, "low": from_us(part[0]), "high": from_us(part[1])}).all()
    taken: set[int] = set()
    pairs = sorted(
        (
            (-(row.gone_at is None), -_common(stop, row), row.id, number)
            for number, stop in enumerate(stops) for row in stored if _common(stop, row) > 0
        ),
    )  # fmt: skip
    row_of: dict[int, Any] = {}
    by_id = {row.id: row for row in stored}
    for _, _, row_id, number in pairs:
        if row_id not in taken and number not in row_of:
            taken.add(row_id)
            row_of[number] = by_id[row_id]
    new = []
    for number, stop in enumerate(stops):
        values = _values(stop)
        row = row_of.get(number)
        if row is None:
            new.append({"tenant": tenant_id, "device": device_id, **values})
        elif row.gone_at is not None or any(getattr(row, name) != value for name, value in values.items()):
            connection.execute(_UPDATE, {"id": row.id, **values})
    if new:
        connection.execute(_INSERT, new)
    if left := [row.id for row in stored if row.id not in taken and row.gone_at is None]:
        connection.execute(_GONE, {"ids": left})


def _common(stop: Stop, row: Any) -> int:
    """How long a stop and a row are at the same time, µs."""
    end_us = stop.end_us if row.ended_at is None else to_us(row.ended_at)
    return min(stop.end_us, end_us) - max(stop.start_us, to_us(row.started_at))


def _values(stop: Stop) -> dict[str, Any]:
    return {
        "started_at": from_us(stop.start_us), "ended_at": None if stop.open else from_us(stop.end_us), "reason_id": stop.reason_id,
        "comment": stop.comment or None, "source": "entered" if stop.entered else "split" if stop.cut_start or stop.cut_end else "detected",
        "planned_s": stop.planned_s, "loss": str(stop.loss), "fault": stop.fault, "reason_by": stop.reason_by, "cut_start": stop.cut_start,
        "cut_end": stop.cut_end,
    }  # fmt: skip
