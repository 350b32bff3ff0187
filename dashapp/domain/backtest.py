"""What a rule would have raised: its settings replayed over stored readings. REQUIREMENTS AL-8.

`dashapp.domain.rules` decides here as it does while readings are stored, so that unchanged settings give the recorded, reading-driven
events one for one. Of the readings only those that may change something are asked about (`dashapp.domain.still`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain import rules
from dashapp.domain.rule_settings import SECOND_US, Limit, RuleSettings, RuleType
from dashapp.domain.rules import QUIET, Reading, RuleState, Signal, SignalKind
from dashapp.domain.still import NEVER_US, Floats, Times, stillness

REPLAYED = (RuleType.THRESHOLD, RuleType.RATE, RuleType.FAULT)
"""What readings drive; silence and other systems are not in them."""
WARM_UP_US = 86_400 * SECOND_US  # the longest delay: what began earlier has passed by then
FIRST_LOOK, LONGEST_LOOK = 64, 65_536


@dataclass(frozen=True, slots=True)
class Track:
    """A sensor's readings in the order in which they are evaluated, columns of shape (n,), times ascending.

    `before` is the one evaluated before them. Where `evaluated` is False a reading only counts as the one before the next (an import).
    """

    times_us: Times
    values: Floats
    before: Reading | None = None
    evaluated: NDArray[np.bool_] | None = None


@dataclass(frozen=True, slots=True)
class WouldBe:
    """An alert that a rule would have raised; `ended_us` is None where it would still be there. `severity` is the greatest."""

    raised_us: int
    ended_us: int | None
    severity: str
    limit: Limit


def replay(settings: RuleSettings, track: Track, offline_us: int, *, until_us: int | None = None) -> list[Signal]:
    """Every signal of the rule over the readings, from rest. `until_us` is how far the clock goes on after the last of them.

    Raises ValueError for a rule that readings do not drive.
    """
    if settings.type not in REPLAYED:
        raise ValueError(f"a rule of the type {settings.type} is not driven by readings")
    state, found = QUIET, list[Signal]()
    columns = _columns(settings, track, offline_us)
    row = 0
    while (row := _next(settings, state, columns, row)) < len(track.times_us):
        before = _before(track, row)
        reading = Reading(int(track.times_us[row]), float(track.values[row]))
        state, signals = rules.evaluate(settings, state, before, reading, offline_us)
        found += signals
        row += 1
    last = _before(track, len(track.times_us))
    if until_us is not None and last is not None:
        _, signals = rules.advance(settings, state, last, until_us, offline_us)
        found += signals
    return found


def would_be(signals: Sequence[Signal], from_us: int) -> list[WouldBe]:
    """The alerts of signals, of those that began or were there at `from_us` or later."""
    found: list[WouldBe] = []
    raised: Signal | None = None
    worst: Signal | None = None
    for signal in signals:
        if signal.kind is SignalKind.RAISED:
            raised = worst = signal
        elif signal.kind is SignalKind.SEVERITY_RAISED:
            worst = signal
        elif raised is not None and worst is not None:
            if signal.at_us > from_us:
                found.append(WouldBe(raised.at_us, signal.at_us, worst.severity.value, worst.limit))
            raised = worst = None
    if raised is not None and worst is not None:
        found.append(WouldBe(raised.at_us, None, worst.severity.value, worst.limit))
    return found


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is held against the bounds, by row (NaN: nothing is said, or it is not evaluated); and the rows that follow a silence."""

    times_us: Times
    measures: Floats
    evaluated: NDArray[np.bool_] | None
    after_gaps: NDArray[np.int64]


def _columns(settings: RuleSettings, track: Track, offline_us: int) -> _Columns:
    times, measures = track.times_us, track.values
    if not len(times):
        return _Columns(times, measures, None, np.empty(0, np.int64))
    lead = track.before
    steps = np.diff(times, prepend=times[0] if lead is None else lead.time_us)
    if settings.type is RuleType.RATE:
        changes = np.abs(np.diff(measures, prepend=measures[0] if lead is None else lead.value))
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            measures = changes / (steps / SECOND_US)
        if lead is None:
            measures[0] = np.nan  # the rate of a first reading is unknown
    if track.evaluated is not None:
        measures = np.where(track.evaluated, measures, np.nan)
    return _Columns(times, measures, track.evaluated, np.flatnonzero(steps > offline_us))


def _next(settings: RuleSettings, state: RuleState, columns: _Columns, row: int) -> int:
    """The next row that may change something, as `still.stirring` has it: by its measure, by its time, by the silence before it."""
    still = stillness(settings, state)
    end = len(columns.times_us)
    if still.until_us != NEVER_US:
        end = _evaluated(columns, int(np.searchsorted(columns.times_us[row:], still.until_us)) + row)
    if still.holds:
        gap = int(np.searchsorted(columns.after_gaps, row))
        while gap < len(columns.after_gaps) and columns.after_gaps[gap] < end:
            at = int(columns.after_gaps[gap])
            if columns.evaluated is None or columns.evaluated[at]:
                end = at
            gap += 1
    look = FIRST_LOOK
    while row < end:
        piece = columns.measures[row : min(row + look, end)]
        found = (piece < still.low) | (piece > still.high)
        first = int(found.argmax())
        if found[first]:
            return row + first
        row, look = row + len(piece), min(4 * look, LONGEST_LOOK)
    return end


def _evaluated(columns: _Columns, row: int) -> int:
    """The first evaluated row from this one on."""
    if columns.evaluated is None or row >= len(columns.times_us):
        return row
    following = columns.evaluated[row:]
    first = int(following.argmax())
    return row + first if following[first] else len(columns.times_us)


def _before(track: Track, row: int) -> Reading | None:
    return track.before if row == 0 else Reading(int(track.times_us[row - 1]), float(track.values[row - 1]))


def ends(alerts: Sequence[WouldBe], until_us: int) -> Iterator[tuple[int, int]]:
    """When each alert was there, of one that still is up to `until_us`."""
    for one in alerts:
        yield one.raised_us, until_us if one.ended_us is None else one.ended_us
