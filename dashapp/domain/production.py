"""What a machine did, minute by minute, against its shifts: states, stops, losses, and the sums that OEE is made of.

A pure function of what was measured, what was planned and what people said, so that readings, edits and changes may come in any order:
the result depends on what there is alone. Times are microseconds since 1970 UTC on whole minutes, ranges are start ≤ time < end.

A stop is looked for within one shift; breaks are left out of it and do not end it. Standing still up to `MICRO_STOP_S` is a minor stop
(loss of effectiveness), longer it is a stop with a loss of its own: what its reason declares, else equipment failure where there
was a fault, else unexplained. Off-shift time is no downtime, and neither is time of which nothing is known. REQUIREMENTS PR-1 … PR-4.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.downtime import FAULTY, MICRO_STOP_S, MINUTE_US, RUNNING, SILENT, Floats, Ints, minute_kinds
from dashapp.domain.oee import Loss
from dashapp.domain.shifts import Shift

STARTUP_MINUTES = 5  # what is rejected so soon after a stop or the begin of a shift is a start-up loss

Flags = NDArray[np.bool_]


class State(IntEnum):
    """What a minute counts as."""

    OFF = 0  # not planned: between shifts, in a break
    RUN = 1
    MINOR = 2  # stands still for a moment: production time, and a loss of effectiveness
    STOP = 3  # downtime
    PLANNED_STOP = 4  # out of the planned busy time, by its reason
    UNKNOWN = 5


class Said(StrEnum):
    """What somebody can say of a stretch of a machine's time."""

    REASON = "reason"  # why it stood still; covers the stops that it touches
    SPLIT = "split"  # one stop is two from here on
    JOIN = "join"  # takes a split back
    STOP = "stop"  # it stood still, whatever was measured
    RUN = "run"  # it did not
    MEASURED = "measured"  # takes STOP and RUN back
    COMMENT = "comment"


@dataclass(frozen=True, slots=True)
class StopEdit:
    """Something that was said; never changed, only followed by another: of two about the same minute the later `at` holds.

    `open_start` and `open_end`: the edge is that of the stop, wherever readings that come later put it. A split is at `start_us`,
    a join takes those of its range back.
    """

    id: int
    at_us: int
    what: Said
    start_us: int
    end_us: int
    open_start: bool = False
    open_end: bool = False
    reason_id: int | None = None
    comment: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class MachineMinutes:
    """What was measured, columns of shape (n,) by minute from `start_us`: NaN where nothing was reported.

    `known_units` and `fault` have short silences filled (`downtime.filled`), `units` and `rejects` are what was counted.
    Rejects count as measured from `rejects_from_us` on; None: never.
    """

    start_us: int
    units: Floats
    rejects: Floats
    known_units: Floats
    fault: Floats
    rejects_from_us: int | None = None

    @property
    def end_us(self) -> int:
        """Where the columns end."""
        return self.start_us + len(self.units) * MINUTE_US


@dataclass(frozen=True, slots=True)
class Declared:
    """What people declared of a machine: (since, product id) in order, PRI by product as (since, seconds an item), losses by reason id."""

    products: Sequence[tuple[int, int]] = ()
    rates: Mapping[int, Sequence[tuple[int, float]]] = field(default_factory=dict)
    losses: Mapping[int, Loss] = field(default_factory=dict)
    edits: Sequence[StopEdit] = ()


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop, or the part of one that has a reason of its own. `planned_s` leaves breaks out; `open`: it goes on for all that is known."""

    start_us: int
    end_us: int
    planned_s: float
    loss: Loss
    reason_id: int | None
    fault: bool
    open: bool
    cut_start: bool  # somebody split it there
    cut_end: bool
    entered: bool  # nothing measured says so
    comment: str = ""
    reason_by: str = ""


@dataclass(frozen=True, slots=True)
class MinuteLog:
    """Columns of shape (n,) by minute from `start_us`: what each minute counts as. `loss` is -1 or an index of `LOSSES`.

    `begins`: the first minute of a stop or minor stop that is counted. `product` and `reason` are 0 for none, `pri_s` NaN for none.
    `stop` is when the stop began that the minute belongs to, -1 for none.
    """

    start_us: int
    state: Ints
    loss: Ints
    begins: Flags
    startup: Flags
    measured: Flags
    product: Ints
    pri_s: Floats
    reason: Ints
    stop: Ints
    shift: Ints


LOSSES = tuple(Loss)
LOSS_NUMBER = {loss: number for number, loss in enumerate(LOSSES)}
_STATE_OF = {Loss.PLANNED: State.PLANNED_STOP, Loss.MINOR: State.MINOR}  # of a longer stop; else it is downtime
_SAID_STOP, _SAID_RUN = 1, 2
_OVERRIDES = {Said.STOP: _SAID_STOP, Said.RUN: _SAID_RUN, Said.MEASURED: 0}
_WITH_WORDS = (Said.REASON, Said.COMMENT)
_ON_STOPS = (Said.REASON, Said.SPLIT, Said.JOIN, Said.COMMENT)


def machine_log(
    minutes: MachineMinutes, shifts: Sequence[Shift], declared: Declared, *, micro_stop_s: float = MICRO_STOP_S
) -> tuple[MinuteLog, list[Stop]]:
    """The log of the minutes, and the stops in it that are longer than minor ones, in order.

    `shifts` are in order and apart. A shift that reaches over an end of the minutes is judged by what is inside: hand whole shifts in.
    """
    made = _Making(minutes, shifts, declared, int(micro_stop_s // 60))
    stops = [stop for number in range(len(shifts)) for stop in made.shift(number)]
    return made.log, stops


class _Making:
    """A log on its way: the arrays, filled shift by shift."""

    def __init__(self, minutes: MachineMinutes, shifts: Sequence[Shift], declared: Declared, micro_minutes: int) -> None:
        self.start_us, count = minutes.start_us, len(minutes.units)
        self.count, self.micro_minutes = count, micro_minutes
        self.edits = sorted(declared.edits, key=lambda edit: (edit.at_us, edit.id))
        self.losses = declared.losses
        self.shifts = [(self._at(one.start_us), self._at(one.end_us)) for one in shifts]
        self.unfinished = [one.end_us > minutes.end_us for one in shifts]
        kinds = minute_kinds(minutes.known_units, minutes.fault)
        said = self._said()
        self.entered = said == _SAID_STOP
        self.running = ((kinds == RUNNING) & ~self.entered) | (said == _SAID_RUN)
        self.standing = ~self.running & ((kinds != SILENT) | self.entered)
        self.faulty = self.standing & (kinds == FAULTY)
        self.planned = np.zeros(count, bool)
        shift = np.full(count, -1, np.int64)
        for number, (one, (low, high)) in enumerate(zip(shifts, self.shifts, strict=True)):
            self.planned[low:high] = True
            shift[low:high] = number
            for begin, end in one.breaks:
                self.planned[self._at(begin) : self._at(end)] = False
        state = np.where(self.planned, np.where(self.running, State.RUN, State.UNKNOWN), State.OFF).astype(np.int64)
        product = _steps(self.start_us, count, [(since, float(number)) for since, number in declared.products], 0.0).astype(np.int64)
        pri_s = np.full(count, np.nan)
        for number in np.unique(product).tolist():
            here = product == number
            pri_s[here] = _steps(self.start_us, count, declared.rates.get(number, ()), np.nan)[here]
        first = minutes.rejects_from_us
        measured = np.zeros(count, bool)
        if first is not None:
            measured[max(0, min(count, (first - self.start_us) // MINUTE_US)) :] = True
        self.log = MinuteLog(
            self.start_us, state, np.full(count, -1, np.int64), np.zeros(count, bool), np.zeros(count, bool), measured, product, pri_s,
            np.zeros(count, np.int64), np.full(count, -1, np.int64), shift,
        )  # fmt: skip

    def _at(self, time_us: int) -> int:
        """The minute that a time lies in, within the columns."""
        return max(0, min(self.count, (time_us - self.start_us) // MINUTE_US))

    def _time(self, minute: int) -> int:
        return self.start_us + minute * MINUTE_US

    def _said(self) -> Ints:
        said = np.zeros(self.count, np.int64)
        for edit in self.edits:
            if edit.what in _OVERRIDES:
                said[self._at(edit.start_us) : self._at(edit.end_us)] = _OVERRIDES[edit.what]
        return said

    def shift(self, number: int) -> Iterator[Stop]:
        """Judges one shift."""
        low, high = self.shifts[number]
        if low >= high:
            return
        log = self.log
        if low == 0 or log.shift[low - 1] < 0:  # the machine starts with the shift
            log.startup[low : min(low + STARTUP_MINUTES, high)] = True
        # Breaks are passed over, unless the machine ran in them.
        places = low + np.flatnonzero(self.planned[low:high] | self.running[low:high])
        standing = (self.planned & self.standing)[places]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], standing.astype(np.int8), [0]])))
        for begin, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            run = places[begin:end]
            # What went on from the shift before is a stop of its own here, and counted there.
            goes_on = bool(run[0] == low > 0 and log.shift[low - 1] >= 0 and self.planned[low - 1] and self.standing[low - 1])
            log.begins[run[0]] = not goes_on
            log.stop[run] = self._time(int(run[0]))
            if len(run) <= self.micro_minutes:
                log.state[run], log.loss[run] = State.MINOR, LOSS_NUMBER[Loss.MINOR]
                continue
            after = int(run[-1]) + 1
            log.startup[after : min(after + STARTUP_MINUTES, high)] = True
            yield from self._stop(run, is_open=end == len(places) and self.unfinished[number])

    def _stop(self, run: Ints, *, is_open: bool) -> Iterator[Stop]:
        """The pieces of one stop, by what was said of it."""
        begin_us, end_us = self._time(int(run[0])), self._time(int(run[-1]) + 1)
        touching = [edit for edit in self.edits if edit.what in _ON_STOPS and edit.start_us < end_us and edit.end_us > begin_us]
        time_us = self.start_us + run * MINUTE_US
        edit_of = np.full(len(run), -1)
        cuts: set[int] = set()
        for number, edit in enumerate(touching):
            if edit.what is Said.REASON:
                edit_of[_covered(edit, time_us)] = number
            elif edit.what is Said.SPLIT and begin_us < edit.start_us < end_us:
                cuts.add(edit.start_us)
            elif edit.what is Said.JOIN:
                cuts = {at_us for at_us in cuts if not edit.start_us <= at_us < edit.end_us}
        reason = np.array([0] + [edit.reason_id or 0 for edit in touching])[edit_of + 1]
        changes = [0, *(at for at in range(1, len(run)) if reason[at] != reason[at - 1]), len(run)]
        edges = sorted({*changes, *(int(np.searchsorted(time_us, cut)) for cut in cuts)})
        fault = bool(self.faulty[run].any())
        for low, high in itertools.pairwise(edges):
            piece = run[low:high]
            if low > 0:
                self.log.begins[piece[0]] = True
            told = touching[edit_of[low]] if edit_of[low] >= 0 else None
            last = high == len(run)
            yield self._piece(piece, told, touching, fault=fault, is_open=is_open and last, cut=(low > 0, not last))

    def _piece(
        self, piece: Ints, told: StopEdit | None, touching: Sequence[StopEdit], *, fault: bool, is_open: bool,
        cut: tuple[bool, bool],
    ) -> Stop:
        reason_id = told.reason_id if told is not None else None
        loss = self.losses.get(reason_id or 0) or (Loss.FAILURE if fault else Loss.UNEXPLAINED)
        log = self.log
        log.state[piece], log.loss[piece], log.reason[piece] = _STATE_OF.get(loss, State.STOP), LOSS_NUMBER[loss], reason_id or 0
        start_us, end_us = self._time(int(piece[0])), self._time(int(piece[-1]) + 1)
        log.stop[piece] = start_us
        time_us = self.start_us + piece * MINUTE_US
        remarks = [edit for edit in touching if edit.comment and edit.what in _WITH_WORDS and _covered(edit, time_us).any()]
        return Stop(
            start_us, end_us, 60.0 * len(piece), loss, reason_id, fault, is_open, *cut, bool(self.entered[piece].all()),
            remarks[-1].comment if remarks else "", told.by if told is not None else "",
        )  # fmt: skip


def _covered(edit: StopEdit, time_us: Ints) -> Flags:
    """Which minutes of a stop that it touches an edit is about."""
    covered = np.ones(len(time_us), bool)
    if not edit.open_start:
        covered &= time_us >= edit.start_us
    if not edit.open_end:
        covered &= time_us < edit.end_us
    return covered


def _steps(start_us: int, count: int, changes: Sequence[tuple[int, float]], before: float) -> Floats:
    """By minute the value of the last change at or before it; `changes` are (since, value) in order."""
    since = np.array([each[0] for each in changes], np.int64)
    values = np.array([before, *(each[1] for each in changes)])
    return values[np.searchsorted(since, start_us + np.arange(count) * MINUTE_US, side="right")]
