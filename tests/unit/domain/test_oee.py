"""Figures of OEE: published examples to the digit, the identities that hold for any sums, and what is said where there is no figure."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain.oee import (
    COLUMNS,
    DID_NOT_RUN,
    DOWN,
    FIELDS,
    NO_FAILURE,
    NO_PLANNED_RUN_TIME,
    NO_PLANNED_TIME,
    NOT_MEASURED,
    NOTHING_MADE,
    TIMED,
    UNKNOWN,
    Loss,
    ProductionSums,
    Step,
    figures,
    total,
    waterfall,
)

pytestmark = pytest.mark.requirement("PR-1", "PR-2")


def shift(*, planned_min: float, down_min: float, pri_s: float, made: int, rejects: int, **more: float) -> ProductionSums:
    """A shift of one product, everything known, the downtime unexplained."""
    busy_s, down_s = 60.0 * planned_min, 60.0 * down_min
    return ProductionSums(
        calendar_s=86_400.0, planned_s=busy_s, known_s=busy_s, production_s=busy_s - down_s, unexplained_s=down_s, unexplained=1,
        produced=made, rejected_units=rejects, ideal_s=pri_s * made, rejected_ideal_s=pri_s * rejects, **more,
    )  # fmt: skip


def percent(value: float | None) -> str:
    assert value is not None
    return f"{100 * value:.2f}"


# Source → (planned min, down min, PRI s, made, rejected), availability, effectiveness, quality, OEE.
PUBLISHED = {
    "Vorne, oee.com, calculating OEE: 480 min, 60 min of breaks, 47 min down, 60 pieces a minute": (
        (420, 47, 1.0, 19_271, 423), "88.81", "86.11", "97.80", "74.79"
    ),
    "Vorne's worksheet of 2002-2005: 480 min, 15 + 30 min of breaks, 30 min down, 2 pieces a minute": (
        (435, 30, 30.0, 700, 25), "93.10", "86.42", "96.43", "77.59"
    ),
}  # fmt: skip


@pytest.mark.parametrize("source", PUBLISHED)
def test_published_examples_come_out_to_the_digit(source: str) -> None:
    (planned, down, pri_s, made, rejects), *wanted = PUBLISHED[source]
    found = figures(shift(planned_min=planned, down_min=down, pri_s=pri_s, made=made, rejects=rejects))
    shown = [percent(figure.value) for figure in (found.availability, found.effectiveness, found.quality, found.oee)]
    assert shown == wanted


def test_teep_is_oee_times_the_share_of_time_that_was_planned() -> None:
    # Vorne's example runs on one shift a day: 420 of 1,440 min.
    found = figures(shift(planned_min=420, down_min=47, pri_s=1.0, made=19_271, rejects=423))
    assert found.oee.value is not None
    assert found.teep.value == pytest.approx(found.oee.value * 420 / 1440)


def test_nee_does_not_count_setup_against_the_machine() -> None:
    # 480 min busy: 60 min of setup, 40 min of failures, 380 min of production. ISO 22400-2: NEE = AUPT/PBT × E × Q, AUPT with setup.
    sums = replace(
        shift(planned_min=480, down_min=100, pri_s=30.0, made=700, rejects=14),
        unexplained_s=0.0, unexplained=0, setup_s=3_600.0, setups=1, failure_s=2_400.0, failures=2,
    )  # fmt: skip
    found = figures(sums)
    assert found.availability.value == pytest.approx(380 / 480)
    assert found.nee.value == pytest.approx(440 / 480 * (700 * 0.5 / 380) * (686 / 700))
    assert (found.mtbf_s.value, found.mttr_s.value) == (380 * 60 / 2, 2_400 / 2)


def test_several_products_weigh_by_their_planned_run_time() -> None:
    quick = ProductionSums(known_s=3_600, planned_s=3_600, calendar_s=3_600, production_s=3_600, produced=300, rejected_units=30,
                           ideal_s=3_000, rejected_ideal_s=300)  # fmt: skip
    slow = ProductionSums(known_s=3_600, planned_s=3_600, calendar_s=3_600, production_s=2_400, produced=20, rejected_units=1,
                          ideal_s=2_000, rejected_ideal_s=100)  # fmt: skip
    both = figures(quick + slow)
    assert both.quality.value == pytest.approx(1 - 400 / 5_000)
    assert both.oee.value == pytest.approx(4_600 / 7_200)
    parts = [figures(part).oee.value for part in (quick, slow)]
    assert both.oee.value == pytest.approx(sum(part for part in parts if part is not None) / 2)  # of equal busy times


# ---- What is said where there is no figure


def test_without_planned_time_there_is_no_figure_but_a_word() -> None:
    found = figures(ProductionSums(calendar_s=86_400, unplanned=12))
    for name in ("availability", "effectiveness", "quality", "oee", "nee", "teep", "known"):
        assert (getattr(found, name).value, getattr(found, name).why) == (None, NO_PLANNED_TIME)
    assert waterfall(ProductionSums(calendar_s=86_400)) == []


def test_time_without_data_is_unknown_and_its_share_is_told() -> None:
    nothing = figures(ProductionSums(calendar_s=7_200, planned_s=3_600))
    assert (nothing.oee.value, nothing.oee.why, nothing.known.value) == (None, UNKNOWN, 0.0)
    half = figures(ProductionSums(calendar_s=7_200, planned_s=7_200, known_s=3_600, production_s=1_800, unexplained_s=1_800, produced=10,
                                  ideal_s=900))  # fmt: skip
    assert (half.known.value, half.availability.value, half.oee.value, half.teep.value) == (0.5, 0.5, 0.25, 0.25)


def test_rejects_that_are_not_measured_are_said_not_to_be_and_never_good() -> None:
    measured = shift(planned_min=60, down_min=0, pri_s=10, made=300, rejects=3)
    blind = replace(shift(planned_min=60, down_min=0, pri_s=10, made=300, rejects=0), unmeasured=300.0)
    for sums in (blind, measured + blind):
        found = figures(sums)
        assert sums.rejected is None
        assert sums.good is None
        assert (found.quality.value, found.quality.why) == (None, NOT_MEASURED)
        assert (found.oee.value, found.oee.why) == (None, NOT_MEASURED)
        assert found.effectiveness.value is not None
        assert {step.why for step in waterfall(sums) if step.kind is Step.QUALITY} == {NOT_MEASURED}


def test_units_without_a_planned_run_time_leave_effectiveness_open() -> None:
    found = figures(replace(shift(planned_min=60, down_min=6, pri_s=0, made=300, rejects=3), unrated=300.0))
    assert (found.effectiveness.value, found.effectiveness.why) == (None, NO_PLANNED_RUN_TIME)
    assert (found.oee.value, found.oee.why) == (None, NO_PLANNED_RUN_TIME)
    assert found.availability.value == pytest.approx(0.9)
    assert found.quality.value == pytest.approx(0.99)  # one product's counts are enough


def test_a_machine_that_only_stood_still_has_an_oee_of_zero_and_no_effectiveness() -> None:
    found = figures(ProductionSums(calendar_s=3_600, planned_s=3_600, known_s=3_600, failure_s=3_600, failures=1))
    assert (found.availability.value, found.oee.value) == (0.0, 0.0)
    assert (found.effectiveness.why, found.quality.why) == (DID_NOT_RUN, NOTHING_MADE)
    assert found.mttr_s.value == 3_600
    assert figures(ProductionSums(calendar_s=60, planned_s=60, known_s=60, production_s=60)).mtbf_s.why == NO_FAILURE


def test_faster_than_planned_is_shown_and_flagged_never_cut() -> None:
    sums = shift(planned_min=60, down_min=0, pri_s=12, made=330, rejects=0)
    found = figures(sums)
    assert found.effectiveness.value == pytest.approx(1.1)
    assert found.flagged
    assert found.oee.value == pytest.approx(1.1)
    speed = next(step for step in waterfall(sums) if step.key == Loss.SPEED)
    assert speed.seconds == pytest.approx(-360)
    assert not figures(shift(planned_min=60, down_min=0, pri_s=12, made=300, rejects=0)).flagged


# ---- What holds for any sums

seconds = st.integers(0, 50_000).map(float)
counts = st.integers(0, 5_000).map(float)


@st.composite
def any_sums(draw: st.DrawFn, *, measured: bool = True) -> ProductionSums:
    """Sums that a machine of one product can have."""
    down = {loss: draw(seconds) for loss in DOWN}
    production, unknown, planned_stop = draw(st.integers(1, 200_000)), draw(seconds), draw(seconds)
    made = draw(counts)
    rejects = draw(st.integers(0, int(made)))
    pri_s = draw(st.floats(0.01, 500, allow_subnormal=False))
    known = production + sum(down.values())
    return ProductionSums(
        calendar_s=known + unknown + planned_stop + draw(seconds), planned_s=known + unknown, known_s=known, production_s=production,
        failure_s=down[Loss.FAILURE], setup_s=down[Loss.SETUP], waiting_s=down[Loss.WAITING], unexplained_s=down[Loss.UNEXPLAINED],
        minor_s=float(draw(st.integers(0, production))), planned_stop_s=planned_stop, failures=draw(counts), produced=made,
        rejected_units=float(rejects), ideal_s=made * pri_s, rejected_ideal_s=rejects * pri_s,
        startup_ideal_s=draw(st.integers(0, rejects)) * pri_s, unmeasured=0.0 if measured else made,
    )  # fmt: skip


@given(any_sums())
def test_availability_times_effectiveness_times_quality_is_good_time_over_busy_time(sums: ProductionSums) -> None:
    found = figures(sums)
    assert found.oee.value == pytest.approx((sums.ideal_s - sums.rejected_ideal_s) / sums.known_s, rel=1e-12, abs=1e-15)
    factors = [found.availability.value, found.effectiveness.value, found.quality.value]
    if sums.produced:
        product = 1.0
        for factor in factors:
            assert factor is not None
            product *= factor
        assert product == pytest.approx(found.oee.value, rel=1e-9, abs=1e-12)
    assert found.flagged == (sums.ideal_s > sums.production_s)


@given(st.lists(any_sums(), min_size=1, max_size=4))
def test_the_sum_form_holds_for_several_products_and_machines(parts: list[ProductionSums]) -> None:
    whole = total(parts)
    found = figures(whole)
    assert found.oee.value == pytest.approx(sum(p.ideal_s - p.rejected_ideal_s for p in parts) / sum(p.known_s for p in parts), rel=1e-9)
    if whole.produced:
        product = (found.availability.value or 0) * (found.effectiveness.value or 0) * (found.quality.value or 0)
        assert product == pytest.approx(found.oee.value, rel=1e-9, abs=1e-12)


@given(any_sums())
def test_the_waterfall_goes_down_step_by_step_to_the_oee(sums: ProductionSums) -> None:
    steps = waterfall(sums)
    level = None
    for step in steps:
        assert step.seconds is not None
        if step.kind is Step.TIME:
            assert level is None or level == pytest.approx(step.seconds, rel=1e-9, abs=1e-6)
            level = step.seconds
        else:
            assert level is not None
            level -= step.seconds
    assert steps[-1].share == pytest.approx(figures(sums).oee.value, rel=1e-12, abs=1e-15)
    assert {Loss.FAILURE, Loss.SETUP, Loss.MINOR, Loss.SPEED, Loss.DEFECTS, Loss.STARTUP} <= {step.key for step in steps}


@given(any_sums(), any_sums(), any_sums())
def test_sums_add_up_in_any_order(one: ProductionSums, two: ProductionSums, three: ProductionSums) -> None:
    for name in FIELDS:
        assert getattr(one + (two + three), name) == pytest.approx(getattr((three + one) + two, name), rel=1e-12)
    assert one + ProductionSums() == one



@pytest.mark.parametrize("loss", TIMED)
def test_every_loss_that_stops_have_is_a_time_and_a_count(loss: Loss) -> None:
    seconds_name, count_name = COLUMNS[loss]
    assert replace(ProductionSums(), **{seconds_name: 90.0, count_name: 2.0}).of(loss) == (90.0, 2.0)
