"""What a machine did, minute by minute: made units, stood still for a moment, stood still with a fault, or idled.

From what it counted and from its fault flag alone. Without a shift calendar standing still without a fault is no downtime:
it may be planned, so it is called idle. REQUIREMENTS PR-4.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

MINUTE_US = 60_000_000
MICRO_STOP_S = 120.0  # the longest stop that counts as a loss of speed, REQUIREMENTS PR-4

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class MachineState(StrEnum):
    """What a machine does in a span of time."""

    RUN = "run"
    MICRO = "micro"  # no unit for at most MICRO_STOP_S, without a fault
    DOWN = "down"  # no unit, and a fault at some time of it
    IDLE = "idle"  # no unit for longer, without a fault
    OFF = "off"  # no unit and no fault, where nothing was planned
    UNKNOWN = "unknown"  # nothing was reported


STANDING = frozenset({MachineState.MICRO, MachineState.DOWN, MachineState.IDLE})


@dataclass(frozen=True, slots=True)
class Minutes:
    """Whole minutes in order, columns of shape (n,): where each begins (µs since 1970), units made in it, greatest fault flag.

    NaN where nothing was reported. A minute that is left out is one in which nothing was reported.
    """

    time_us: Ints
    units: Floats
    fault: Floats


@dataclass(frozen=True, slots=True)
class Span:
    """start ≤ time < end, in µs since 1970."""

    start_us: int
    end_us: int
    state: MachineState

    @property
    def length_us(self) -> int:
        """How long it lasted."""
        return self.end_us - self.start_us


def machine_spans(
    minutes: Minutes, start_us: int, end_us: int, *, period_s: float = 2.0, micro_stop_s: float = MICRO_STOP_S
) -> list[Span]:
    """The spans of a range without gaps between them, neighbours in different states.

    `period_s` is how often the machine reports: a silence of at most three periods is not unknown, what the next reading counts was
    made in it. The minute under way says something only once a unit or a fault is in it.
    """
    first = start_us // MINUTE_US
    count = max(-(-end_us // MINUTE_US) - first, 0)
    if count == 0:
        return []
    units, fault = filled(minutes, first, count, silence_minutes(period_s))
    states = _states(units, fault, int(micro_stop_s // 60))
    if end_us % MINUTE_US and count > 1 and not (units[-1] > 0 or fault[-1] > 0):
        states[-1] = states[-2]
    return _spans(states, first, start_us, end_us)


def silence_minutes(period_s: float) -> int:
    """How many minutes on end without a reading are not unknown, for a machine that reports so often."""
    return max(1, round(3 * period_s / 60))


def filled(minutes: Minutes, first: int, count: int, longest: int) -> tuple[Floats, Floats]:
    """Units and faults by minute of the range; short silences take what the next known minute says."""
    index = minutes.time_us // MINUTE_US - first
    inside = (index >= 0) & (index < count)
    units, fault = np.full(count, np.nan), np.full(count, np.nan)
    units[index[inside]] = minutes.units[inside]
    fault[index[inside]] = minutes.fault[inside]
    known = np.flatnonzero(~(np.isnan(units) & np.isnan(fault)))
    for before, after in zip(known[:-1].tolist(), known[1:].tolist(), strict=True):
        if 1 < after - before <= longest:
            units[before + 1 : after] = units[after]
            fault[before + 1 : after] = fault[after]
    return units, fault


RUNNING, FAULTY, STILL, SILENT = range(4)


def minute_kinds(units: Floats, fault: Floats) -> Ints:
    """What was measured in each minute: RUNNING, FAULTY, STILL or SILENT."""
    what = np.full(len(units), STILL)
    what[np.isnan(units)] = SILENT
    what[fault > 0] = FAULTY
    what[(units > 0) & ~(fault > 0)] = RUNNING
    return what


def _states(units: Floats, fault: Floats, micro_minutes: int) -> list[MachineState]:
    """The state of each minute; a stop is judged as a whole: by its length, and by a fault anywhere in it."""
    what = minute_kinds(units, fault)
    states: list[MachineState] = []
    at = 0
    while at < len(what):
        kind = what[at]
        until = at
        while until < len(what) and (what[until] == kind or (kind in (FAULTY, STILL) and what[until] in (FAULTY, STILL))):
            until += 1
        states += [_state(kind, what[at:until], micro_minutes)] * (until - at)
        at = until
    return states


def _state(kind: np.int64, run: Ints, micro_minutes: int) -> MachineState:
    if kind == RUNNING:
        return MachineState.RUN
    if kind == SILENT:
        return MachineState.UNKNOWN
    if (run == FAULTY).any():
        return MachineState.DOWN
    return MachineState.MICRO if len(run) <= micro_minutes else MachineState.IDLE


def _spans(states: Sequence[MachineState], first: int, start_us: int, end_us: int) -> list[Span]:
    edges = [0, *(at for at in range(1, len(states)) if states[at] != states[at - 1]), len(states)]
    return [
        Span(max((first + low) * MINUTE_US, start_us), min((first + high) * MINUTE_US, end_us), states[low])
        for low, high in itertools.pairwise(edges)
    ]


def off_shift(spans: Sequence[Span], busy: Sequence[tuple[int, int]]) -> list[Span]:
    """The spans with what is idle outside of planned working time called off: nights, breaks, free days.

    `busy` are the planned intervals in order and apart, start ≤ time < end in µs. Running and faults stay what they are.
    """
    found: list[Span] = []
    for span in spans:
        parts = _split(span, busy) if span.state in (MachineState.IDLE, MachineState.MICRO) else [span]
        for part in parts:
            if found and found[-1].state is part.state:
                found[-1] = Span(found[-1].start_us, part.end_us, part.state)
            else:
                found.append(part)
    return found


def _split(span: Span, busy: Sequence[tuple[int, int]]) -> list[Span]:
    parts: list[Span] = []
    at = span.start_us
    for low, high in busy:
        low, high = max(low, at), min(high, span.end_us)
        if high <= low:
            continue
        if low > at:
            parts.append(Span(at, low, MachineState.OFF))
        parts.append(Span(low, high, span.state))
        at = high
    if at < span.end_us:
        parts.append(Span(at, span.end_us, MachineState.OFF))
    return parts


def standing_since(spans: Sequence[Span]) -> int | None:
    """When the stop began that the last span belongs to, in µs; None where the machine runs or nothing is known.

    Two states of standing that follow each other are one stop.
    """
    since = None
    for span in reversed(spans):
        if span.state not in STANDING:
            break
        since = span.start_us
    return since


def time_in(spans: Sequence[Span], state: MachineState) -> int:
    """How long a machine was in a state altogether, in µs."""
    return sum(span.length_us for span in spans if span.state is state)
