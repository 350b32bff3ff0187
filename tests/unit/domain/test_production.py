"""What minutes count as against shifts and what people said, and the sums of any part of them."""

import itertools
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.downtime import MINUTE_US
from dashapp.domain.oee import FIELDS, Loss, ProductionSums, figures, total
from dashapp.domain.production import Declared, MachineMinutes, MinuteLog, Said, State, Stop, StopEdit, machine_log
from dashapp.domain.production_sums import Span, cut, log_of, part_of, part_sums, spans_of
from dashapp.domain.shifts import Shift

pytestmark = pytest.mark.requirement("PR-1", "PR-2", "PR-4")
START = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
PRODUCT, BREAKDOWN, CHANGEOVER, SERVICE, JAM = 1, 11, 12, 13, 14
LOSSES = {BREAKDOWN: Loss.FAILURE, CHANGEOVER: Loss.SETUP, SERVICE: Loss.PLANNED, JAM: Loss.MINOR}
ALL_DAY = (Shift("Day", date(2026, 1, 1), START, START + 1440 * MINUTE_US),)


def at(minute: int) -> int:
    return START + minute * MINUTE_US


def minutes(units: list[float | None], fault: dict[int, float] | None = None, rejects: list[float] | None = None) -> MachineMinutes:
    """Minutes from START: units made, None where nothing was reported."""
    made = np.array([np.nan if one is None else one for one in units], float)
    faults = np.where(np.isnan(made), np.nan, 0.0)
    for minute, value in (fault or {}).items():
        faults[minute] = value
    bad = np.zeros(len(units)) if rejects is None else np.array(rejects, float)
    return MachineMinutes(START, made, bad, made, faults, START)


def said(what: Said, low: int, high: int, *, number: int = 1, reason: int | None = None, edges: tuple[bool, bool] = (False, False),
         spoken: int | None = None, comment: str = "") -> StopEdit:  # fmt: skip
    return StopEdit(number, at(high if spoken is None else spoken), what, at(low), at(high), *edges, reason, comment, "user:1")


def judged(units: list[float | None], *edits: StopEdit, shifts: tuple[Shift, ...] = ALL_DAY, **more) -> tuple[MinuteLog, list[Stop]]:
    declared = Declared([(START, PRODUCT)], {PRODUCT: [(START, 6.0)]}, LOSSES, edits)
    return machine_log(minutes(units, **more), shifts, declared)


def states(log: MinuteLog) -> str:
    return "".join("-rmsp?"[state] for state in log.state.tolist())


def sums(log: MinuteLog, given_minutes: MachineMinutes, *edges: int) -> list[ProductionSums]:
    every = [at(0), *(at(edge) for edge in edges), at(len(log.state))]
    found = part_sums(log, given_minutes.units, given_minutes.rejects, part_of(START, len(log.state), every), len(every) - 1)
    return [total(one for (part, _), one in found.items() if part == number) for number in range(len(every) - 1)]


# ---- What a minute counts as


def test_up_to_two_minutes_is_a_minor_stop_and_longer_is_downtime() -> None:
    log, stops = judged([5, 0, 5, 0, 0, 5, 0, 0, 0, 5])
    assert states(log) == "rmrmmrsssr"
    assert [(stop.start_us, stop.end_us, stop.loss, stop.open) for stop in stops] == [(at(6), at(9), Loss.UNEXPLAINED, False)]
    whole = sums(log, minutes([5, 0, 5, 0, 0, 5, 0, 0, 0, 5]))[0]
    assert (whole.production_s, whole.minor_s, whole.minors, whole.unexplained_s, whole.unexplained) == (420, 180, 2, 180, 1)


def test_a_stop_with_a_fault_is_a_failure_until_somebody_says_otherwise() -> None:
    units = [5, 0, 0, 0, 5]
    assert judged(units, fault={2: 1})[1][0].loss is Loss.FAILURE
    reason = said(Said.REASON, 1, 4, reason=CHANGEOVER, edges=(True, True))
    stop = judged(units, reason, fault={2: 1})[1][0]
    assert (stop.loss, stop.reason_id, stop.fault, stop.reason_by) == (Loss.SETUP, CHANGEOVER, True, "user:1")


def test_off_shift_standing_still_is_no_downtime_and_a_stop_ends_with_its_shift() -> None:
    shifts = (Shift("Early", date(2026, 1, 1), at(0), at(6)), Shift("Late", date(2026, 1, 1), at(9), at(20)))
    log, stops = judged([5] * 3 + [0] * 9 + [5] * 3, shifts=shifts)
    assert states(log) == "rrrsss---sssrrr"
    assert [(stop.start_us, stop.end_us) for stop in stops] == [(at(3), at(6)), (at(9), at(12))]


def test_what_goes_on_over_a_change_of_shift_is_counted_once() -> None:
    shifts = (Shift("Early", date(2026, 1, 1), at(0), at(6)), Shift("Late", date(2026, 1, 1), at(6), at(20)))
    log, stops = judged([5, 5] + [0] * 8 + [5], shifts=shifts)
    assert states(log) == "rrssssssssr"
    assert len(stops) == 2
    early, late = sums(log, minutes([5, 5] + [0] * 8 + [5]), 6)
    assert (early.unexplained_s, early.unexplained, late.unexplained_s, late.unexplained) == (240, 1, 240, 0)


def test_a_break_is_left_out_of_a_stop_and_does_not_end_it() -> None:
    shift = replace(ALL_DAY[0], breaks=((at(4), at(7)),))
    log, stops = judged([5, 5, 0, 0, 0, 0, 0, 0, 5], shifts=(shift,))
    assert states(log) == "rrss---sr"
    assert [(stop.start_us, stop.end_us, stop.planned_s) for stop in stops] == [(at(2), at(8), 180)]
    ran_on = judged([5, 5, 0, 0, 5, 5, 5, 0, 5], shifts=(shift,))[0]
    assert states(ran_on) == "rrmm---mr"
    off = sums(ran_on, minutes([5, 5, 0, 0, 5, 5, 5, 0, 5]))[0]
    assert (off.produced, off.unplanned, off.calendar_s, off.planned_s) == (15, 15, 540, 360)


def test_nothing_known_is_neither_running_nor_downtime() -> None:
    log, stops = judged([5, None, None, None, 0, None, 5])
    assert states(log) == "r???m?r"
    assert stops == []
    whole = sums(log, minutes([5, None, None, None, 0, None, 5]))[0]
    assert (whole.planned_s, whole.known_s, whole.unknown_s) == (420, 180, 240)


def test_a_stop_is_open_while_it_lasts_for_all_that_is_known() -> None:
    assert [stop.open for stop in judged([5, 0, 0, 0])[1]] == [True]
    ended_with_shift = (Shift("Short", date(2026, 1, 1), at(0), at(4)),)
    assert [stop.open for stop in judged([5, 0, 0, 0], shifts=ended_with_shift)[1]] == [False]
    in_a_break = replace(ALL_DAY[0], breaks=((at(4), at(6)),))
    assert [stop.open for stop in judged([5, 0, 0, 0, 0], shifts=(in_a_break,))[1]] == [True]


# ---- What people said


def test_a_reason_covers_the_stop_wherever_its_edges_move() -> None:
    reason = said(Said.REASON, 2, 4, reason=BREAKDOWN, edges=(True, True))  # given when it was known for two minutes
    log, stops = judged([5, 5, 0, 0, 0, 0, 0, 5], reason)
    assert [(stop.start_us, stop.end_us, stop.reason_id) for stop in stops] == [(at(2), at(7), BREAKDOWN)]
    assert sums(log, minutes([5, 5, 0, 0, 0, 0, 0, 5]))[0].failure_s == 300
    # A unit that comes late makes two stops of it: both have the reason that was given to the one.
    _, two = judged([5, 5, 0, 0, 0, 5, 0, 0, 0, 5], said(Said.REASON, 2, 9, reason=BREAKDOWN, edges=(True, True)))
    assert [stop.reason_id for stop in two] == [BREAKDOWN, BREAKDOWN]


def test_the_later_word_holds_in_whatever_order_they_come() -> None:
    first = said(Said.REASON, 1, 5, reason=BREAKDOWN, spoken=6, number=2)
    later = said(Said.REASON, 1, 5, reason=CHANGEOVER, spoken=9, number=1)
    for order in ((first, later), (later, first)):
        assert judged([5, 0, 0, 0, 0, 5], *order)[1][0].reason_id == CHANGEOVER
    taken_back = said(Said.REASON, 1, 5, reason=None, spoken=10, number=3)
    assert judged([5, 0, 0, 0, 0, 5], first, later, taken_back)[1][0].loss is Loss.UNEXPLAINED


def test_a_split_makes_two_stops_each_with_a_reason_of_its_own() -> None:
    units = [5, 0, 0, 0, 0, 0, 0, 5]
    halves = said(Said.SPLIT, 4, 5, spoken=8)
    first = said(Said.REASON, 1, 4, reason=BREAKDOWN, edges=(True, False), spoken=9, number=2)
    second = said(Said.REASON, 4, 7, reason=CHANGEOVER, edges=(False, True), spoken=10, number=3)
    log, stops = judged(units, halves, first, second)
    assert [(stop.start_us, stop.end_us, stop.loss, stop.cut_start, stop.cut_end) for stop in stops] == [
        (at(1), at(4), Loss.FAILURE, False, True), (at(4), at(7), Loss.SETUP, True, False),
    ]  # fmt: skip
    whole = sums(log, minutes(units))[0]
    assert (whole.failure_s, whole.failures, whole.setup_s, whole.setups) == (180, 1, 180, 1)
    unexplained = judged(units, halves, fault={1: 1})[1]
    assert [stop.loss for stop in unexplained] == [Loss.FAILURE, Loss.FAILURE]  # the fault is of the whole
    joined = judged(units, halves, said(Said.JOIN, 4, 5, spoken=11, number=4))[1]
    assert [(stop.start_us, stop.end_us) for stop in joined] == [(at(1), at(7))]


def test_a_planned_stop_is_not_in_the_planned_busy_time() -> None:
    units = [5, 0, 0, 0, 5, 5]
    log, _ = judged(units, said(Said.REASON, 1, 4, reason=SERVICE))
    assert states(log) == "rppprr"
    whole = sums(log, minutes(units))[0]
    assert (whole.planned_s, whole.known_s, whole.planned_stop_s, whole.planned_stops) == (180, 180, 180, 1)
    assert figures(whole).availability.value == 1.0


def test_a_reason_that_declares_idling_costs_effectiveness_not_availability() -> None:
    log, _ = judged([5, 0, 0, 0, 5], said(Said.REASON, 1, 4, reason=JAM))
    whole = sums(log, minutes([5, 0, 0, 0, 5]))[0]
    assert (whole.production_s, whole.minor_s, whole.minors) == (300, 180, 1)


def test_a_stop_can_be_entered_and_what_was_measured_overruled_and_taken_back() -> None:
    units: list[float | None] = [5, 5, 5, 5, None, None, 5]
    entered = said(Said.STOP, 3, 6)
    log, stops = judged(units, entered)
    assert states(log) == "rrrsssr"
    assert stops[0].entered
    assert sums(log, minutes(units))[0].produced == 25  # what was counted stays counted
    assert states(judged(units, entered, said(Said.MEASURED, 3, 6, number=2, spoken=8))[0]) == "rrrr??r"
    assert states(judged([5, 0, 0, 0, 5], said(Said.RUN, 1, 4))[0]) == "rrrrr"
    assert states(judged([5, 0, 0, 0, 0, 5], said(Said.RUN, 1, 3))[0]) == "rrrmmr"


def test_rejects_soon_after_a_start_are_start_up_rejects() -> None:
    units: list[float | None] = [10.0] * 20 + [0.0] * 4 + [10.0] * 20
    rejects = [1.0] * 44
    late = (Shift("Late", date(2026, 1, 1), at(2), at(600)),)
    log, _ = judged(units, shifts=late, rejects=rejects)
    whole = sums(log, minutes(units, rejects=rejects))[0]
    assert whole.rejected_units == 42
    assert whole.rejected_ideal_s == 42 * 6
    assert whole.startup_ideal_s == 10 * 6  # five minutes after the shift began, five after the stop


def test_products_change_with_the_minute_and_what_has_no_planned_run_time_is_counted_apart() -> None:
    declared = Declared([(at(2), 1), (at(4), 2), (at(6), 3)], {1: [(START, 6.0)], 2: [(START, 3.0), (at(5), 4.0)]}, LOSSES)
    given_minutes = minutes([10.0] * 8)
    log, _ = machine_log(given_minutes, ALL_DAY, declared)
    found = part_sums(log, given_minutes.units, given_minutes.rejects, np.zeros(8, np.int64), 1)
    assert {product: (one.produced, one.ideal_s, one.unrated) for (_, product), one in found.items()} == {
        0: (20, 0, 20), 1: (20, 120, 0), 2: (20, 70, 0), 3: (20, 0, 20),
    }  # fmt: skip


def test_rejects_are_measured_from_the_first_one_on() -> None:
    blind = replace(minutes([10.0] * 6), rejects_from_us=at(4))
    log, _ = machine_log(blind, ALL_DAY, Declared([(START, PRODUCT)], {PRODUCT: [(START, 6.0)]}))
    before, after = sums(log, blind, 4)
    assert (before.unmeasured, after.unmeasured) == (40, 0)
    assert before.rejected is None
    assert (before + after).rejected is None
    assert after.rejected == 0


# ---- What holds for anything


@st.composite
def anything(draw: st.DrawFn) -> tuple[MachineMinutes, tuple[Shift, ...], Declared]:
    """Three hours of a machine: what it made, shifts with breaks, products, and edits of every sort."""
    count = 180
    runs = draw(st.lists(st.tuples(st.sampled_from([None, 0.0, 0.0, 7.0, 12.0]), st.integers(1, 25)), min_size=1, max_size=30))
    units: list[float | None] = [value for value, length in runs for _ in range(length)][:count]
    units += [None] * (count - len(units))
    faults = {minute: 1.0 for minute in draw(st.lists(st.integers(0, count - 1), max_size=4)) if units[minute] is not None}
    rejects = [float(draw(st.integers(0, 2))) if unit else 0.0 for unit in units]
    edges = sorted(draw(st.sets(st.integers(-30, 220), min_size=2, max_size=5)))
    shifts = tuple(
        Shift(f"S{low}", date(2026, 1, 1), at(low), at(high), ((at(low + 2), at(low + 5)),) if high - low > 20 else ())
        for low, high in itertools.pairwise(edges)
        if draw(st.booleans())
    )
    edits = []
    for number in range(draw(st.integers(0, 6))):
        low = draw(st.integers(0, count - 2))
        what = draw(st.sampled_from(list(Said)))
        reason = draw(st.sampled_from([None, BREAKDOWN, CHANGEOVER, SERVICE, JAM])) if what is Said.REASON else None
        edges_open = (draw(st.booleans()), draw(st.booleans()))
        edits.append(said(what, low, draw(st.integers(low + 1, count)), number=number, reason=reason, edges=edges_open,
                          spoken=draw(st.integers(0, 300))))  # fmt: skip
    change = draw(st.integers(0, count))
    declared = Declared([(at(0), 1), (at(change), 2)], {1: [(START, 5.0)], 2: [(START, 2.5)]}, LOSSES, edits)
    return replace(minutes(units, faults, rejects), rejects_from_us=at(draw(st.integers(0, 60)))), shifts, declared


@given(anything(), st.data())
def test_any_split_of_a_range_adds_up_to_the_whole(case: tuple[MachineMinutes, tuple[Shift, ...], Declared], data: st.DataObject) -> None:
    given_minutes, shifts, declared = case
    log, _ = machine_log(given_minutes, shifts, declared)
    whole = sums(log, given_minutes)[0]
    cuts = sorted(data.draw(st.sets(st.integers(1, 179), max_size=6)))
    parts = sums(log, given_minutes, *cuts)
    for name in FIELDS:
        assert getattr(total(parts), name) == getattr(whole, name)
    assert whole.calendar_s == 180 * 60
    assert whole.known_s == whole.production_s + whole.down_s
    assert whole.produced + whole.unplanned == np.nansum(given_minutes.units)


@given(anything())
def test_spans_carry_all_that_sums_need_and_stops_all_downtime(case: tuple[MachineMinutes, tuple[Shift, ...], Declared]) -> None:
    given_minutes, shifts, declared = case
    log, stops = machine_log(given_minutes, shifts, declared)
    spans = spans_of(log)
    assert [span.start_us for span in spans[1:]] == [span.end_us for span in spans[:-1]]
    assert sums(log_of(spans), given_minutes) == sums(log, given_minutes)
    whole = sums(log, given_minutes)[0]
    assert sum(stop.planned_s for stop in stops if stop.loss in (Loss.FAILURE, Loss.SETUP, Loss.UNEXPLAINED)) == whole.down_s
    for before, after in itertools.pairwise(stops):
        assert before.end_us <= after.start_us


@given(anything())
def test_the_order_in_which_edits_arrive_does_not_matter(case: tuple[MachineMinutes, tuple[Shift, ...], Declared]) -> None:
    given_minutes, shifts, declared = case
    backwards = replace(declared, edits=list(reversed(declared.edits)))
    one, two = machine_log(given_minutes, shifts, declared), machine_log(given_minutes, shifts, backwards)
    assert one[1] == two[1]
    assert spans_of(one[0]) == spans_of(two[0])


@given(anything(), st.integers(1, 179))
def test_minutes_known_later_change_nothing_of_shifts_that_are_over(
    case: tuple[MachineMinutes, tuple[Shift, ...], Declared], known: int
) -> None:
    """What is computed while the day goes on is, of a shift that is over, what is computed afterwards."""
    given_minutes, shifts, declared = case
    early = replace(given_minutes, **{name: getattr(given_minutes, name)[:known] for name in ("units", "rejects", "known_units", "fault")})
    then, afterwards = machine_log(early, shifts, declared)[0], machine_log(given_minutes, shifts, declared)[0]
    for shift in shifts:
        if shift.end_us <= at(known):
            low, high = (max(0, (edge - START) // MINUTE_US) for edge in (shift.start_us, shift.end_us))
            assert spans_of(then, low=low, high=high) == spans_of(afterwards, low=low, high=high)


def test_a_cut_span_counts_its_stop_where_it_began() -> None:
    span = Span(at(0), at(10), State.STOP, Loss.FAILURE, begins=True)
    assert cut(span, at(0), at(4)) == replace(span, end_us=at(4))
    assert cut(span, at(4), at(20)) == replace(span, start_us=at(4), begins=False)
    assert cut(span, at(10), at(20)) is None
