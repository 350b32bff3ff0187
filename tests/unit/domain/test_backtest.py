"""Replay: the pre-filter leaves out nothing, and what it says is what the rule says reading by reading."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashapp.domain import rules
from dashapp.domain.backtest import Track, replay, would_be
from dashapp.domain.rule_settings import RuleSettings, RuleType
from dashapp.domain.rules import QUIET, Reading

pytestmark = pytest.mark.requirement("AL-8")
S = 1_000_000
OFFLINE_US = 30 * S
VALUES = st.sampled_from([0.0, 48.0, 50.0, 85.0, 88.0, 90.0, 90.5, 95.0, 99.0, 110.0])
SETTINGS = st.builds(
    RuleSettings,
    type=st.just(RuleType.THRESHOLD),
    high=st.just(90.0),
    high_high=st.sampled_from([None, 98.0]),
    low=st.sampled_from([None, 50.0]),
    deadband=st.sampled_from([0.0, 5.0]),
    on_delay_s=st.sampled_from([0.0, 4.0, 40.0]),
    off_delay_s=st.sampled_from([0.0, 6.0]),
) | st.builds(RuleSettings, type=st.just(RuleType.RATE), rate=st.sampled_from([0.5, 5.0]), on_delay_s=st.sampled_from([0.0, 3.0]))


def track(values: list[float], step_s: float = 2, **more: object) -> Track:
    return Track(np.arange(len(values), dtype=np.int64) * round(step_s * S), np.array(values), **more)  # type: ignore[arg-type]


def one_by_one(settings: RuleSettings, given_track: Track) -> list[rules.Signal]:
    state, before, found = QUIET, given_track.before, []
    for n, (time_us, value) in enumerate(zip(given_track.times_us.tolist(), given_track.values.tolist(), strict=True)):
        reading = Reading(time_us, value)
        if given_track.evaluated is None or given_track.evaluated[n]:
            state, signals = rules.evaluate(settings, state, before, reading, OFFLINE_US)
            found += signals
        before = reading
    return found


@given(
    SETTINGS,
    st.lists(st.tuples(VALUES, st.sampled_from([1, 2, 2, 2, 7, 29, 31, 90])), max_size=60),
    st.booleans(),
    st.lists(st.booleans(), min_size=60, max_size=60),
)
def test_it_says_what_the_rule_says_reading_by_reading(settings, readings, led, evaluated) -> None:
    values = np.array([value for value, _ in readings], float)
    times = np.cumsum(np.array([step for _, step in readings], np.int64)) * S
    before = Reading(-5 * S, 95.0) if led else None
    given_track = Track(times, values, before, np.array(evaluated[: len(values)], bool))

    assert replay(settings, given_track, OFFLINE_US) == one_by_one(settings, given_track)


def test_a_deadband_makes_one_alert_of_three() -> None:
    values = [80.0, 91, 89, 91, 89, 91, 80]
    plain = would_be(replay(RuleSettings(high=90), track(values), OFFLINE_US), 0)
    with_deadband = would_be(replay(RuleSettings(high=90, deadband=5), track(values), OFFLINE_US), 0)

    assert (len(plain), len(with_deadband)) == (3, 1)
    assert (with_deadband[0].raised_us, with_deadband[0].ended_us) == (2 * S, 12 * S)


def test_a_delay_that_passes_after_the_last_reading_counts_up_to_the_silence_that_ends_it() -> None:
    settings = RuleSettings(high=90, on_delay_s=10)

    assert replay(settings, track([95.0]), OFFLINE_US) == []
    assert [signal.at_us for signal in replay(settings, track([95.0]), OFFLINE_US, until_us=60 * S)] == [10 * S]
    assert replay(RuleSettings(high=90, on_delay_s=40), track([95.0]), OFFLINE_US, until_us=60 * S) == []


def test_alerts_that_had_ended_before_are_left_out_and_one_that_is_there_is_open() -> None:
    signals = replay(RuleSettings(high=90, high_high=98), track([95.0, 80, 95, 99]), OFFLINE_US)
    (only,) = would_be(signals, 3 * S)

    assert (only.raised_us, only.ended_us, only.severity, only.limit) == (4 * S, None, "critical", "high_high")


def test_what_readings_do_not_drive_is_refused() -> None:
    with pytest.raises(ValueError, match="offline"):
        replay(RuleSettings(type=RuleType.OFFLINE), track([1.0]), OFFLINE_US)
