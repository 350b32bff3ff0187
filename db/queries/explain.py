"""Everything behind a figure of a machine: enough to compute it again without this program (docs/oee.md). In a tenant's transaction.

Times are microseconds since 1970 UTC, ranges are start ≤ time < end; an explained range is taken to whole minutes.
"""

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.oee import ProductionSums
from dashapp.domain.production import State
from dashapp.domain.production_sums import Span, cut
from dashapp.domain.shifts import Shift, of_line, shifts_between
from db.columns import HOUR_US
from db.queries.production import production_known, production_sums
from db.queries.production_facts import ProducingMachine, producing_machines
from db.queries.production_rows import counts_of_parts, spans_of_parts
from db.queries.products import products
from db.queries.shifts import shift_calendars
from db.queries.stops import EditRow, StopRow, edits_between, stops_between

LONGEST_US = 100 * 24 * HOUR_US  # of one machine


@dataclass(frozen=True, slots=True)
class ExplainedInterval:
    """A stretch with everything the same, and what was counted in it. Units are whole as counted; `pri_s` None: not known."""

    start_us: int
    end_us: int
    state: State
    loss: str
    begins: bool
    startup: bool
    measured: bool
    product_id: int
    product: str
    pri_s: float | None
    reason_id: int
    produced: float
    rejected: float
    stop_us: int | None


@dataclass(frozen=True, slots=True)
class Explained:
    """What the figures of a machine in a range are made of."""

    machine: ProducingMachine
    start_us: int
    end_us: int
    known_to_us: int | None
    sums: ProductionSums
    intervals: tuple[ExplainedInterval, ...]
    shifts: tuple[Shift, ...]
    stops: tuple[StopRow, ...]
    edits: tuple[EditRow, ...]


def explain(connection: Connection, device_id: int, start_us: int, end_us: int) -> Explained | None:
    """The intervals, counts, products, shifts, stops and edits behind the figures of a machine; None where it has none.

    `sums` are those that the pages show; the intervals add up to them.
    """
    machine = next(iter(producing_machines(connection, [device_id])), None)
    if machine is None:
        return None
    low, high = start_us // MINUTE_US * MINUTE_US, end_us // MINUTE_US * MINUTE_US
    shifts = shifts_between(of_line(shift_calendars(connection), machine.line), low, high)
    return Explained(
        machine, low, high, production_known(connection, [device_id]).to_us, production_sums(connection, [device_id], low, high)[device_id],
        tuple(_intervals(connection, device_id, low, high)), tuple(shifts),
        tuple(stops_between(connection, low, high, device_ids=[device_id], limit=100_000, with_edits=False)),
        tuple(edits_between(connection, [device_id], low, high)),
    )  # fmt: skip


def _intervals(connection: Connection, device_id: int, low: int, high: int) -> list[ExplainedInterval]:
    stored = spans_of_parts(connection, [(device_id, low // HOUR_US * HOUR_US, high)]).get(device_id, [])
    spans = [part for part in (cut(span, low, high) for span in stored) if part is not None]
    if not spans:
        return []
    units, rejects = (np.nan_to_num(column) for column in counts_of_parts(connection, [(device_id, low, high)])[0])
    names = {product.id: product.name for product in products(connection, removed=True)}
    starts = [(span.start_us - low) // MINUTE_US for span in spans]
    lengths = [(span.end_us - span.start_us) // MINUTE_US for span in spans]
    return [
        _interval(span, names.get(span.product_id, ""), float(units[at : at + length].sum()), float(rejects[at : at + length].sum()))
        for span, at, length in zip(spans, starts, lengths, strict=True)
    ]


def _interval(span: Span, product: str, produced: float, rejected: float) -> ExplainedInterval:
    return ExplainedInterval(
        span.start_us, span.end_us, span.state, "" if span.loss is None else str(span.loss), span.begins, span.startup, span.measured,
        span.product_id, product, span.pri_s, span.reason_id, produced, rejected, span.stop_us,
    )  # fmt: skip


HEADER = (
    "machine", "start", "end", "seconds", "shift", "state", "loss", "begins", "startup", "reject_measured", "product", "pri_s", "reason",
    "produced", "rejected", "comment", "said_by",
)  # fmt: skip


def explain_rows(explained: Explained, reason_names: dict[int, str]) -> list[Sequence[object]]:
    """The intervals as rows under `HEADER`; times in RFC 3339 UTC to the minute. From these alone every figure can be computed again."""
    rows: list[Sequence[object]] = []
    stops = {stop.start_us: stop for stop in explained.stops}
    begins = [shift.start_us for shift in explained.shifts]
    for one in explained.intervals:
        place = bisect.bisect_right(begins, one.start_us) - 1
        shift = explained.shifts[place] if place >= 0 and one.start_us < explained.shifts[place].end_us else None
        stop = None if one.stop_us is None else stops.get(one.stop_us)
        rows.append(
            (
                explained.machine.key, _iso(one.start_us), _iso(one.end_us), (one.end_us - one.start_us) // 1_000_000,
                "" if shift is None else shift.name, one.state.name.lower(), one.loss, int(one.begins), int(one.startup), int(one.measured),
                one.product, "" if one.pri_s is None else one.pri_s, reason_names.get(one.reason_id, ""), one.produced,
                one.rejected, "" if stop is None else stop.comment, "" if stop is None else stop.said_by,
            )
        )  # fmt: skip
    return rows


def _iso(time_us: int) -> str:
    return str(np.datetime64(time_us, "us").astype("datetime64[s]")) + "Z"
