"""Rows of production as they are stored: hours, days, spans, progress. Inside a tenant's transaction, under PRODUCING_LOCK.

What is there already and came out the same is left alone. Times are microseconds since 1970 UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from dashapp.domain.oee import FIELDS, ProductionSums
from dashapp.domain.production_sums import Span
from db.binary import FLOAT8, BinaryArray
from db.columns import HOUR_US, fetch_columns, from_us, ids_array, run, times_array, to_us
from db.queries.production_rows import read_spans

COLUMNS = ", ".join(FIELDS)
Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Progress:
    """From where to where a machine's production is computed."""

    first_us: int
    computed_to_us: int
    rejects_from_us: int | None


@dataclass(frozen=True, slots=True)
class Piece:
    """Sums of one product in a part of an hour that reaches over no edge of a shift or day."""

    start_us: int
    end_us: int
    product_id: int
    sums: ProductionSums


def read_progress(connection: Connection, device_id: int) -> Progress | None:
    """How far a machine is computed; None: not at all."""
    row = connection.execute(
        text("select first_at, computed_to, rejects_from from production_progress where device_id = :device"), {"device": device_id}
    ).one_or_none()
    if row is None:
        return None
    return Progress(to_us(row.first_at), to_us(row.computed_to), None if row.rejects_from is None else to_us(row.rejects_from))


def keep_progress(
    connection: Connection, tenant_id: int, device_id: int, computed_to_us: int, first_us: int, rejects_from_us: int | None
) -> None:
    """Says how far it is computed."""
    connection.execute(
        text(
            "insert into production_progress as p (tenant_id, device_id, first_at, computed_to, rejects_from)"
            " values (:tenant, :device, :first, :to, :rejects) on conflict (tenant_id, device_id) do update set"
            " first_at = excluded.first_at, computed_to = excluded.computed_to, rejects_from = excluded.rejects_from"
            " where (p.first_at, p.computed_to, p.rejects_from) is distinct from"
            " (excluded.first_at, excluded.computed_to, excluded.rejects_from)"
        ),
        {
            "tenant": tenant_id, "device": device_id, "first": from_us(first_us), "to": from_us(computed_to_us),
            "rejects": None if rejects_from_us is None else from_us(rejects_from_us),
        },
    )  # fmt: skip


def insert_mark(connection: Connection, tenant_id: int, device_id: int, low_us: int, high_us: int) -> None:
    """Leaves a stretch to the next run."""
    connection.execute(
        text("insert into production_dirty (tenant_id, device_id, starts_at, ends_at) values (:tenant, :device, :low, :high)"),
        {"tenant": tenant_id, "device": device_id, "low": from_us(low_us), "high": from_us(high_us)},
    )


# ---- Hours and spans

_HOURS = f"""
select starts_at, ends_at, product_id, {COLUMNS} from production_hours
where device_id = %(device)s and starts_at >= %(low)s and starts_at < %(high)s"""
_FLOATS = ", ".join(f"%({name})b" for name in FIELDS)
_INSERT_HOURS = f"""
insert into production_hours (tenant_id, device_id, starts_at, ends_at, product_id, {COLUMNS})
select %(tenant)s, %(device)s, u.* from unnest(%(starts)b, %(ends)b, %(products)b, {_FLOATS}) as u"""
_INSERT_SPANS = """
insert into production_spans (tenant_id, device_id, starts_at, ends_at, state, loss, begins, startup, measured, product_id, pri_s,
  reason_id, stop_at)
select %(tenant)s, %(device)s, u.starts, u.ends, u.state, u.loss, u.begins, u.startup, u.measured, u.product, u.pri, u.reason,
  case when u.stop > timestamptz 'epoch' then u.stop end
from unnest(%(starts)b, %(ends)b, %(state)b, %(loss)s::text[], %(begins)s::bool[], %(startup)s::bool[], %(measured)s::bool[], %(product)b,
  %(pri)b, %(reason)b, %(stop)b) as u (starts, ends, state, loss, begins, startup, measured, product, pri, reason, stop)"""


def settle_hours(
    connection: Connection, tenant_id: int, device_id: int, part: Range, pieces: Sequence[Piece], spans: Sequence[Span]
) -> list[int]:
    """Makes the rows of whole hours those that were computed; the hours that were not so before."""
    stored = _by_hour(_stored_pieces(connection, device_id, part))
    stored_spans = _by_hour(read_spans(connection, device_id, *part))
    wanted, wanted_spans = _by_hour(pieces), _by_hour(spans)
    hours = {*stored, *stored_spans, *wanted, *wanted_spans}
    changed = sorted(
        hour for hour in hours
        if stored.get(hour, set()) != wanted.get(hour, set()) or stored_spans.get(hour, set()) != wanted_spans.get(hour, set())
    )  # fmt: skip
    if not changed:
        return []
    for table in ("production_hours", "production_spans"):
        run(
            connection,
            f"delete from {table} h using unnest(%(hours)b) as u (hour) where h.device_id = %(device)s and h.starts_at >= u.hour"
            " and h.starts_at < u.hour + interval '1 hour'",
            {"device": device_id, "hours": times_array(np.array(changed, np.int64))},
        )
    again = set(changed)
    _insert_pieces(connection, tenant_id, device_id, [one for one in pieces if one.start_us // HOUR_US * HOUR_US in again])
    _insert_spans(connection, tenant_id, device_id, [one for one in spans if one.start_us // HOUR_US * HOUR_US in again])
    return changed


def _by_hour(parts: Iterable[Any]) -> dict[int, set[Any]]:
    found: dict[int, set[Any]] = {}
    for part in parts:
        found.setdefault(part.start_us // HOUR_US * HOUR_US, set()).add(part)
    return found


def _stored_pieces(connection: Connection, device_id: int, part: Range) -> list[Piece]:
    parameters = {"device": device_id, "low": from_us(part[0]), "high": from_us(part[1])}
    names = ("starts_at", "ends_at", "product_id", *FIELDS)
    starts, ends, products, *columns = (column.tolist() for column in fetch_columns(connection, names, _HOURS, parameters))
    return [
        Piece(start, end, product, ProductionSums(*sums))
        for start, end, product, *sums in zip(starts, ends, products, *columns, strict=True)
    ]


def _insert_pieces(connection: Connection, tenant_id: int, device_id: int, pieces: Sequence[Piece]) -> None:
    if not pieces:
        return
    columns = {name: BinaryArray(np.array([getattr(one.sums, name) for one in pieces]), FLOAT8) for name in FIELDS}
    run(connection, _INSERT_HOURS, {"tenant": tenant_id, "device": device_id, **_edges(pieces), **columns,
                                    "products": ids_array([one.product_id for one in pieces])})  # fmt: skip


def _insert_spans(connection: Connection, tenant_id: int, device_id: int, spans: Sequence[Span]) -> None:
    if not spans:
        return
    run(
        connection,
        _INSERT_SPANS,
        {
            "tenant": tenant_id, "device": device_id, **_edges(spans),
            "state": ids_array([int(one.state) for one in spans]), "loss": [one.loss or "" for one in spans],
            "begins": [one.begins for one in spans], "startup": [one.startup for one in spans],
            "measured": [one.measured for one in spans], "product": ids_array([one.product_id for one in spans]),
            "pri": BinaryArray(np.array([one.pri_s or 0.0 for one in spans]), FLOAT8),
            "reason": ids_array([one.reason_id for one in spans]),
            "stop": times_array(np.array([one.stop_us or 0 for one in spans], np.int64)),
        },
    )  # fmt: skip


def _edges(parts: Sequence[Piece] | Sequence[Span]) -> dict[str, Any]:
    return {
        "starts": times_array(np.array([one.start_us for one in parts], np.int64)),
        "ends": times_array(np.array([one.end_us for one in parts], np.int64)),
    }


# ---- Days

_SUMMED = ", ".join(f"sum({name})" for name in FIELDS)
_DAYS = f"""
insert into production_days (tenant_id, device_id, starts_at, ends_at, product_id, {COLUMNS})
select %(tenant)s, %(device)s, u.low, max(h.ends_at), h.product_id, {_SUMMED}
from unnest(%(lows)b, %(highs)b) as u (low, high)
join production_hours h on h.device_id = %(device)s and h.starts_at >= u.low and h.starts_at < u.high
group by u.low, h.product_id"""


def settle_days(connection: Connection, tenant_id: int, device_id: int, days: Sequence[Range]) -> None:
    """Adds the days up again from their hours."""
    lows, highs = (times_array(np.array(edge, np.int64)) for edge in zip(*days, strict=True))
    parameters = {"tenant": tenant_id, "device": device_id, "lows": lows, "highs": highs}
    run(
        connection,
        "delete from production_days d using unnest(%(lows)b, %(highs)b) as u (low, high)"
        " where d.device_id = %(device)s and d.starts_at >= u.low and d.starts_at < u.high",
        parameters,
    )
    run(connection, _DAYS, parameters)
