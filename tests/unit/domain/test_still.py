"""The readings that are let pass without asking a rule: none of them may change anything."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import RuleSettings, RuleType
from dashapp.domain.rules import QUIET, Reading, RuleState, arrived, evaluate, offline_limit_us, silent
from dashapp.domain.still import NO_READING_US, Pairs, stillness, stirring

S = 1_000_000
OFFLINE_US = offline_limit_us(2)
# Coarse numbers, so that limits, deadbands and delays are met exactly.
halves = st.integers(0, 24).map(lambda n: n / 2)
delays = st.sampled_from([0.0, 0.0, 2.0, 5.0, 40.0])
severities = st.sampled_from(list(Severity))


@st.composite
def rule(draw: st.DrawFn) -> RuleSettings:
    common = {
        "severity": draw(severities), "deadband": draw(st.sampled_from([0.0, 0.5, 2.0])), "on_delay_s": draw(delays),
        "off_delay_s": draw(delays), "latch": draw(st.booleans()),
    }  # fmt: skip
    kind = draw(st.sampled_from([RuleType.THRESHOLD, RuleType.THRESHOLD, RuleType.RATE, RuleType.FAULT]))
    if kind is RuleType.RATE:
        return RuleSettings(kind, rate=draw(halves), **common)
    if kind is RuleType.FAULT:
        return RuleSettings(kind, **common)
    maybe = st.one_of(st.none(), halves)
    return RuleSettings(
        kind, high=draw(maybe), high_high=draw(maybe), high_high_severity=draw(severities), low=draw(maybe), low_low=draw(maybe),
        low_low_severity=draw(severities), **common,
    )  # fmt: skip


readings = st.lists(st.tuples(st.sampled_from([1, 500_000, S, 2 * S, 29 * S, 30 * S, 30 * S + 1]), halves), max_size=30)


def one_pair(
    settings: RuleSettings, state: RuleState, before: Reading | None, reading: Reading, offline_us: int = OFFLINE_US
) -> bool:
    """Whether one reading before one rule stirs."""
    still = stillness(settings, state)
    pairs = Pairs(
        np.array([still.low]), np.array([still.high]), np.array([still.until_us], np.int64), np.array([still.holds]),
        np.array([offline_us], np.int64), np.array([settings.type is RuleType.RATE]),
    )  # fmt: skip
    last = before or Reading(NO_READING_US, 0.0)
    (stirs,) = stirring(
        pairs, np.array([reading.value]), np.array([reading.time_us], np.int64), np.array([last.value]), np.array([last.time_us], np.int64)
    )
    return bool(stirs)


@pytest.mark.requirement("AL-1")
@examples(max_examples=400)
@given(settings=rule(), steps=readings)
def test_a_still_reading_changes_nothing(settings: RuleSettings, steps: list[tuple[int, float]]) -> None:
    state, before, now_us = QUIET, None, 0
    for gap_us, value in steps:
        now_us += gap_us
        reading = Reading(now_us, value)
        after, signals = evaluate(settings, state, before, reading, OFFLINE_US)
        if not one_pair(settings, state, before, reading):
            assert (after, signals) == (state, ())
        state, before = after, reading


def test_the_limit_itself_is_still_and_the_next_number_stirs() -> None:
    settings = RuleSettings(high=90, low=10, deadband=5)

    def stirs(value: float, state: RuleState = QUIET) -> bool:
        return one_pair(settings, state, Reading(0, 50), Reading(S, value))

    assert not stirs(90)
    assert stirs(np.nextafter(90, 91))
    assert not stirs(10)
    assert stirs(np.nextafter(10, 9))
    raised, _ = evaluate(settings, QUIET, Reading(0, 50), Reading(S, 95), OFFLINE_US)
    assert not stirs(np.nextafter(85, 86), raised)
    assert stirs(85, raised)


def test_a_steady_alert_is_still() -> None:
    settings = RuleSettings(high=90)
    state, signals = evaluate(settings, QUIET, None, Reading(0, 95), OFFLINE_US)

    assert signals
    assert not one_pair(settings, state, Reading(0, 95), Reading(2 * S, 97))


def test_every_arrival_after_a_silence_stirs_and_none_before() -> None:
    settings = RuleSettings(RuleType.OFFLINE)

    assert not one_pair(settings, QUIET, None, Reading(0, 1))
    raised, _ = silent(settings, QUIET, 0, 31 * S, OFFLINE_US)
    assert one_pair(settings, raised, None, Reading(40 * S, 1))
    assert arrived(settings, raised, 40 * S)[0] == QUIET


@examples(max_examples=100)
@given(settings=rule(), steps=readings)
def test_what_a_rule_waits_for_is_the_same_after_being_kept(settings: RuleSettings, steps: list[tuple[int, float]]) -> None:
    assert RuleSettings.from_record(settings.record()) == settings
    state, before, now_us = QUIET, None, 0
    for gap_us, value in steps:
        now_us += gap_us
        state, _ = evaluate(settings, state, before, Reading(now_us, value), OFFLINE_US)
        before = Reading(now_us, value)
        assert RuleState.from_record(state.record()) == state
