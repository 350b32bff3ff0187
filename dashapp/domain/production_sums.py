"""From a machine's minutes to spans that can be kept and shown, and to the sums of any parts of its time.

Counts are never spread: a unit belongs to the minute in which it was counted. So parts add up to the whole exactly.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dashapp.domain.downtime import MINUTE_US, Floats, Ints
from dashapp.domain.oee import COLUMNS, FIELDS, TIMED, Loss, ProductionSums
from dashapp.domain.production import LOSS_NUMBER, MinuteLog, State


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time with everything the same. `product_id` and `reason_id` are 0 for none, `pri_s` and `loss` None.

    `begins`: the stop or minor stop is counted here. `stop_us` is when the stop began (None: no stop), `shift_us` when the shift did.
    """

    start_us: int
    end_us: int
    state: State
    loss: Loss | None = None
    begins: bool = False
    startup: bool = False
    measured: bool = True
    product_id: int = 0
    pri_s: float | None = None
    reason_id: int = 0
    stop_us: int | None = None


HOUR_MINUTES = 60


def spans_of(log: MinuteLog, *, low: int = 0, high: int | None = None) -> list[Span]:
    """The minutes low … high of a log as spans, in order, without gaps, none over a full hour (UTC)."""
    high = len(log.state) if high is None else high
    if low >= high:
        return []
    part = slice(low, high)
    begins = log.begins[part].copy()
    keys = (
        log.state[part], log.loss[part], log.startup[part], log.measured[part], log.product[part], log.reason[part], log.stop[part],
        log.shift[part], np.nan_to_num(log.pri_s[part], nan=-1.0),
    )  # fmt: skip
    new = begins.copy()
    new |= (log.start_us // MINUTE_US + np.arange(low, high)) % HOUR_MINUTES == 0
    new[0] = True
    for key in keys:
        new[1:] |= key[1:] != key[:-1]
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], high - low)
    losses = tuple(Loss)
    return [
        Span(
            log.start_us + (low + begin) * MINUTE_US, log.start_us + (low + end) * MINUTE_US, State(int(log.state[low + begin])),
            None if log.loss[low + begin] < 0 else losses[int(log.loss[low + begin])], bool(begins[begin]),
            bool(log.startup[low + begin]), bool(log.measured[low + begin]), int(log.product[low + begin]),
            None if np.isnan(log.pri_s[low + begin]) else float(log.pri_s[low + begin]), int(log.reason[low + begin]),
            None if log.stop[low + begin] < 0 else int(log.stop[low + begin]),
        )
        for begin, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]  # fmt: skip


def log_of(spans: Sequence[Span]) -> MinuteLog:
    """The minutes of spans one after the other, at least one; `start_us` means something only where there is no gap between them."""
    lengths = [(span.end_us - span.start_us) // MINUTE_US for span in spans]

    def column(values: Iterable[float], kind: type) -> Any:
        return np.repeat(np.array(list(values), kind), lengths)

    begins = column((False for _ in spans), bool)
    at = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    begins[at] = [span.begins for span in spans]
    return MinuteLog(
        spans[0].start_us,
        column((int(span.state) for span in spans), np.int64),
        column((-1 if span.loss is None else LOSS_NUMBER[span.loss] for span in spans), np.int64),
        begins,
        column((span.startup for span in spans), bool),
        column((span.measured for span in spans), bool),
        column((span.product_id for span in spans), np.int64),
        column((np.nan if span.pri_s is None else span.pri_s for span in spans), np.float64),
        column((span.reason_id for span in spans), np.int64),
        column((-1 if span.stop_us is None else span.stop_us for span in spans), np.int64),
        column((0 for _ in spans), np.int64),
    )  # fmt: skip


def cut(span: Span, low_us: int, high_us: int) -> Span | None:
    """The part of a span inside of a range; what begins before it is counted before it."""
    start_us, end_us = max(span.start_us, low_us), min(span.end_us, high_us)
    if start_us >= end_us:
        return None
    return replace(span, start_us=start_us, end_us=end_us, begins=span.begins and start_us == span.start_us)


def part_sums(log: MinuteLog, units: Floats, rejects: Floats, part: Ints, parts: int) -> dict[tuple[int, int], ProductionSums]:
    """Sums by (part, product) of the minutes with `part` ≥ 0; parts without a minute are left out.

    `units` and `rejects` are by minute as `log`, NaN for none reported.
    """
    inside = np.flatnonzero(part >= 0)
    products, product = np.unique(log.product[inside], return_inverse=True)
    group = part[inside] * len(products) + product
    size = parts * len(products)
    columns = _columns(log, np.nan_to_num(units), np.nan_to_num(rejects))
    sums = {name: np.bincount(group, values[inside], size) for name, values in columns.items()}
    filled = np.flatnonzero(np.bincount(group, minlength=size)).tolist()
    return {
        (at // len(products), int(products[at % len(products)])): ProductionSums(*(float(sums[name][at]) for name in FIELDS))
        for at in filled
    }


def _columns(log: MinuteLog, units: Floats, rejects: Floats) -> dict[str, Floats]:
    """Every sum's column by minute."""
    state = log.state
    busy = (state == State.RUN) | (state == State.MINOR) | (state == State.STOP) | (state == State.UNKNOWN)
    made, bad = units * busy, rejects * busy
    rated = ~np.isnan(log.pri_s)
    pri_s = np.nan_to_num(log.pri_s)
    columns: dict[str, Floats] = {
        "calendar_s": np.full(len(state), 60.0),
        "planned_s": 60.0 * busy,
        "known_s": 60.0 * (busy & (state != State.UNKNOWN)),
        "production_s": 60.0 * ((state == State.RUN) | (state == State.MINOR)),
        "produced": made,
        "rejected_units": bad,
        "unrated": made * ~rated,
        "unmeasured": made * ~log.measured,
        "unplanned": units * ~busy,
        "ideal_s": made * pri_s,
        "rejected_ideal_s": bad * pri_s,
        "startup_ideal_s": bad * pri_s * log.startup,
    }
    for loss in TIMED:
        seconds, count = COLUMNS[loss]
        here = log.loss == LOSS_NUMBER[loss]
        columns[seconds], columns[count] = 60.0 * here, 1.0 * (here & log.begins)
    return columns


def part_of(start_us: int, count: int, edges_us: Sequence[int]) -> Ints:
    """By minute the number of the part that it lies in, for parts between ascending edges; -1 before the first and after the last."""
    part = np.searchsorted(np.asarray(edges_us, np.int64), start_us + np.arange(count) * MINUTE_US, side="right") - 1
    return np.where(part >= len(edges_us) - 1, -1, part)
