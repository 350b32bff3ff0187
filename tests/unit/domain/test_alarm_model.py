"""Rules, actions, clocks, restarts, late and repeated readings in any order: the domain says what the simple model says."""

import json

import pytest
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dashapp.domain import alerts
from dashapp.domain.alerts import AlertState, Refused
from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import RuleSettings
from dashapp.domain.rules import Reading, RuleState
from dashapp.domain.watch import Outcome, Watch, escalation_us, read, sweep
from tests.unit.domain.alarm_model import Limit, Model

S = 1_000_000
OFFLINE_US = 30 * S
VALUES = st.sampled_from([70.0, 84.0, 85.0, 88.0, 90.0, 91.0, 99.0, 100.0, 101.0])
PLAIN = ["acknowledge", "resolve", "reset", "unshelve", "out_of_service", "in_service", "suppress", "unsuppress"]


class Alarms(RuleBasedStateMachine):
    """One rule on one sensor."""

    @initialize(
        deadband=st.sampled_from([0, 5]), on=st.sampled_from([0, 0, 4, 33]), off=st.sampled_from([0, 0, 6, 35]), latch=st.booleans(),
        steps=st.sampled_from([[], [60], [20, 45]]), two=st.booleans(),
    )  # fmt: skip
    def begin(self, deadband: int, on: int, off: int, latch: bool, steps: list[int], two: bool) -> None:
        self.settings = RuleSettings(
            high=90, severity=Severity.MEDIUM, high_high=100 if two else None, deadband=deadband, on_delay_s=on, off_delay_s=off,
            latch=latch, escalate_after_s=tuple(steps),
        )  # fmt: skip
        limits = [Limit(90, "medium"), *([Limit(100, "critical")] if two else [])]
        self.model = Model(limits, deadband, on, off, latch, steps)
        self.watch, self.before, self.now = Watch(), None, 100
        self.seen: list[tuple[int, str, str, bool, str | None, int]] = []

    @rule(gap=st.sampled_from([1, 2, 2, 3, 10, 29, 30, 31, 50]), value=VALUES)
    def reading(self, gap: int, value: float) -> None:
        self.now += gap
        self._read(self.now, value)
        self.model.read(self.now, value)

    @precondition(lambda self: self.before is not None)
    @rule(back=st.integers(0, 60), value=VALUES)
    def late_or_again(self, back: int, value: float) -> None:
        self._sweep()
        self._read(self.before.time_us // S - back, value)
        self.model.read(self.before.time_us // S - back, value)

    @rule(gap=st.sampled_from([1, 5, 20, 31, 61, 200]))
    def time_passes(self, gap: int) -> None:
        self.now += gap
        self._sweep()

    @rule(verb=st.sampled_from(PLAIN))
    def somebody_acts(self, verb: str) -> None:
        self._sweep()
        at_us = self.now * S
        words = {"suppress": (), "unsuppress": (), "out_of_service": ("ann", "works")}.get(verb, ("ann",))
        self._act(lambda alert: getattr(alerts, verb)(alert, at_us, *words), self.model.act(verb, self.now))

    @rule(span=st.sampled_from([10, 40, None]))
    def somebody_shelves(self, span: int | None) -> None:
        self._sweep()
        end = {"until_clear": True} if span is None else {"until_us": (self.now + span) * S}
        done = self.model.act("shelve", self.now, "clear" if span is None else self.now + span)
        self._act(lambda alert: alerts.shelve(alert, self.now * S, "ann", "works", **end), done)

    @rule()
    def restart(self) -> None:
        kept = json.dumps([self.watch.rule.record(), self.watch.alert.record()])
        rule_record, alert_record = json.loads(kept)
        self.watch = Watch(RuleState.from_record(rule_record), AlertState.from_record(alert_record))

    @invariant()
    def says_the_same(self) -> None:
        if hasattr(self, "model"):
            assert self.seen == self.model.events
            assert self.watch.alert.base == self.model.base

    def _read(self, second: int, value: float) -> None:
        reading = Reading(second * S, value)
        self._keep(read(self.settings, self.watch, self.before, reading, self.now * S, OFFLINE_US))
        if self.before is None or reading.time_us > self.before.time_us:
            self.before = reading

    def _sweep(self) -> None:
        self._keep(sweep(self.settings, self.watch, self.before, 0, self.now * S, OFFLINE_US))
        self.model.happen(self.now)

    def _act(self, do, done: bool) -> None:
        try:
            alert, events = do(self.watch.alert)
        except Refused:
            events = None
        assert done is (events is not None)
        if events is None:
            return
        self._keep((Watch(self.watch.rule, alert), events))

    def _keep(self, outcome: Outcome) -> None:
        self.watch, events = outcome
        alert, passed = alerts.advance(self.watch.alert, self.now * S, escalation_us(self.settings))
        assert (alert, passed) == (self.watch.alert, ())  # nothing is left that should have passed
        for e in events:
            self.seen.append((e.at_us // S, e.what.value, e.state.value, e.silent, e.severity.value if e.severity else None, e.level))


TestAlarms = pytest.mark.requirement("AL-1", "AL-2")(Alarms.TestCase)
TestAlarms.settings = examples(max_examples=120, stateful_step_count=40, deadline=None)
