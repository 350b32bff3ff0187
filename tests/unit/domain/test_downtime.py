"""Machine states from minutes of units and faults."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.downtime import MINUTE_US, MachineState, Minutes, Span, machine_spans, off_shift, standing_since, time_in

NAN = float("nan")
START = 29_600_000 * MINUTE_US
RUN, MICRO, DOWN, IDLE, UNKNOWN = (
    MachineState.RUN,
    MachineState.MICRO,
    MachineState.DOWN,
    MachineState.IDLE,
    MachineState.UNKNOWN,
)


def minutes(units: list[float], fault: list[float] | None = None) -> Minutes:
    time_us = START + np.arange(len(units), dtype=np.int64) * MINUTE_US
    return Minutes(time_us, np.array(units, float), np.array(fault or [0.0] * len(units), float))


def states(units: list[float], fault: list[float] | None = None, **more: float) -> list[tuple[MachineState, int]]:
    spans = machine_spans(minutes(units, fault), START, START + len(units) * MINUTE_US, **more)
    return [(span.state, span.length_us // MINUTE_US) for span in spans]


def test_a_minute_with_a_unit_in_it_is_running() -> None:
    assert states([5, 4, 1, 6]) == [(RUN, 4)]


@pytest.mark.requirement("PR-4")
def test_a_stop_of_two_minutes_is_a_micro_stop_and_one_of_three_is_idle() -> None:
    assert states([5, 0, 0, 5]) == [(RUN, 1), (MICRO, 2), (RUN, 1)]
    assert states([5, 0, 0, 0, 5]) == [(RUN, 1), (IDLE, 3), (RUN, 1)]


@pytest.mark.requirement("PR-4")
def test_a_stop_with_a_fault_in_it_is_down_from_its_first_minute_to_its_last() -> None:
    assert states([5, 0, 0, 0, 0, 0, 5], [0, 0, 1, 1, 0, 0, 0]) == [(RUN, 1), (DOWN, 5), (RUN, 1)]


def test_a_fault_is_down_although_units_were_made_in_the_same_minute() -> None:
    assert states([5, 3, 5], [0, 1, 0]) == [(RUN, 1), (DOWN, 1), (RUN, 1)]


def test_minutes_without_readings_are_unknown_and_end_a_stop() -> None:
    assert states([5, NAN, NAN, 0, 0, 0], [0, NAN, NAN, 0, 0, 0]) == [(RUN, 1), (UNKNOWN, 2), (IDLE, 3)]


def test_a_machine_that_reports_every_two_minutes_is_not_unknown_in_between() -> None:
    units = [4, NAN, 4, NAN, 0, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 4]
    assert states(units, units, period_s=2) == [
        (DOWN, 1), (UNKNOWN, 1), (DOWN, 1), (UNKNOWN, 1), (MICRO, 1), (UNKNOWN, 7), (DOWN, 1)
    ]  # fmt: skip
    assert states(units, [0 * value for value in units], period_s=120) == [(RUN, 3), (MICRO, 2), (UNKNOWN, 7), (RUN, 1)]


def test_where_the_fault_is_reported_and_units_are_not_a_fault_is_still_known() -> None:
    assert states([NAN, NAN], [1, 0]) == [(DOWN, 1), (UNKNOWN, 1)]


def test_the_minute_under_way_does_not_call_a_running_machine_stopped() -> None:
    spans = machine_spans(minutes([5, 5, 0]), START, START + 2 * MINUTE_US + 3_000_000)
    assert spans == [Span(START, START + 2 * MINUTE_US + 3_000_000, RUN)]


def test_the_minute_under_way_shows_a_fault_at_once() -> None:
    spans = machine_spans(minutes([5, 5, 0], [0, 0, 1]), START, START + 2 * MINUTE_US + 3_000_000)
    assert [span.state for span in spans] == [RUN, DOWN]
    assert spans[-1].end_us == START + 2 * MINUTE_US + 3_000_000


def test_a_range_without_minutes_is_unknown_and_an_empty_one_has_no_spans() -> None:
    assert machine_spans(minutes([]), START, START + MINUTE_US) == [Span(START, START + MINUTE_US, UNKNOWN)]
    assert machine_spans(minutes([5]), START, START) == []


def test_minutes_outside_of_the_range_are_left_out() -> None:
    spans = machine_spans(minutes([5, 0, 5]), START + MINUTE_US, START + 2 * MINUTE_US)
    assert spans == [Span(START + MINUTE_US, START + 2 * MINUTE_US, MICRO)]


def test_a_stop_stands_since_its_first_span() -> None:
    spans = machine_spans(minutes([5, 0, 0, 0]), START, START + 4 * MINUTE_US)
    assert standing_since(spans) == START + MINUTE_US
    assert standing_since(machine_spans(minutes([0, 5]), START, START + 2 * MINUTE_US)) is None
    assert standing_since([]) is None


@given(
    units=st.lists(st.sampled_from([0.0, 3.0, NAN]), min_size=1, max_size=60),
    faults=st.lists(st.sampled_from([0.0, 1.0]), min_size=60, max_size=60),
    late=st.integers(0, MINUTE_US - 1),
)
def test_spans_fill_the_range_without_gaps_and_neighbours_differ(units: list[float], faults: list[float], late: int) -> None:
    end = START + len(units) * MINUTE_US - late
    spans = machine_spans(minutes(units, faults[: len(units)]), START, end)
    assert [spans[0].start_us, spans[-1].end_us] == [START, end]
    for before, after in itertools.pairwise(spans):
        assert before.end_us == after.start_us
        assert before.state is not after.state
    assert sum(time_in(spans, state) for state in MachineState) == end - START


@pytest.mark.requirement("PR-4")
def test_what_is_idle_outside_of_planned_time_is_off_shift() -> None:
    spans = machine_spans(minutes([5, 0, 0, 0, 0, 0, 0, 5]), START, START + 8 * MINUTE_US)
    shift = [(START, START + 3 * MINUTE_US), (START + 5 * MINUTE_US, START + 8 * MINUTE_US)]  # with a break
    found = [(span.state, span.length_us // MINUTE_US) for span in off_shift(spans, shift)]
    assert found == [(RUN, 1), (IDLE, 2), (MachineState.OFF, 2), (IDLE, 2), (RUN, 1)]
    assert off_shift(spans, [(START - MINUTE_US, START + 9 * MINUTE_US)]) == spans


@given(
    units=st.lists(st.sampled_from([0.0, 3.0, NAN]), min_size=1, max_size=40),
    faults=st.lists(st.sampled_from([0.0, 1.0]), min_size=40, max_size=40),
    edges=st.lists(st.integers(-5, 45 * 60), max_size=8, unique=True),
)
def test_shifts_take_nothing_but_idle_time_outside_of_them(units: list[float], faults: list[float], edges: list[int]) -> None:
    end = START + len(units) * MINUTE_US
    spans = machine_spans(minutes(units, faults[: len(units)]), START, end)
    ordered = [START + second * 1_000_000 for second in sorted(edges)]
    busy = list(zip(ordered[::2], ordered[1::2], strict=False))
    found = off_shift(spans, busy)
    assert [found[0].start_us, found[-1].end_us] == [START, end]
    assert all(before.end_us == after.start_us and before.state is not after.state for before, after in itertools.pairwise(found))
    for state in (RUN, DOWN, UNKNOWN):
        assert time_in(found, state) == time_in(spans, state)
    standing = [span for span in spans if span.state in (IDLE, MICRO)]
    inside = sum(max(0, min(high, span.end_us) - max(low, span.start_us)) for span in standing for low, high in busy)
    assert time_in(found, IDLE) + time_in(found, MICRO) == inside
