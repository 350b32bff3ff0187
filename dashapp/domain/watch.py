"""One rule watching one target: what its readings, arrivals and the clock do to its alert."""

from dataclasses import dataclass

from dashapp.domain import alerts, rules
from dashapp.domain.alerts import AlertState, Event
from dashapp.domain.rule_settings import SECOND_US, RuleSettings, RuleType
from dashapp.domain.rules import Reading, RuleState, Signal


@dataclass(frozen=True, slots=True)
class Watch:
    """What a rule waits for on a target, and the alert there."""

    rule: RuleState = rules.QUIET
    alert: AlertState = alerts.NOTHING


Outcome = tuple[Watch, tuple[Event, ...]]


def escalation_us(settings: RuleSettings) -> tuple[int, ...]:
    """The moments of `escalate_after_s`, in microseconds."""
    return tuple(round(seconds * SECOND_US) for seconds in settings.escalate_after_s)


def read(
    settings: RuleSettings, watch: Watch, before: Reading | None, reading: Reading, arrived_us: int, offline_us: int
) -> Outcome:
    """A reading that arrived at `arrived_us`; old on arrival (by more than `offline_us`) it is delayed. A late one does nothing.

    For an offline rule only its arrival counts, and there a late one counts as well.
    """
    if settings.type is RuleType.OFFLINE:
        rule, signals = rules.arrived(settings, watch.rule, arrived_us)
        return _told(settings, watch, rule, signals, arrived_us, delayed=False)
    rule, signals = rules.evaluate(settings, watch.rule, before, reading, offline_us)
    return _told(settings, watch, rule, signals, arrived_us, delayed=arrived_us - reading.time_us > offline_us)


def sweep(settings: RuleSettings, watch: Watch, before: Reading | None, lag_us: int, now_us: int, offline_us: int) -> Outcome:
    """The clock at `now_us`. `before` is the last evaluated reading, which came `lag_us` after its own time: the sensor's clock is
    taken to be as far behind now."""
    rule, signals = rules.advance(settings, watch.rule, before, now_us - lag_us, offline_us)
    return _told(settings, watch, rule, signals, now_us, delayed=False)


def sweep_silence(settings: RuleSettings, watch: Watch, last_arrival_us: int | None, now_us: int, offline_us: int) -> Outcome:
    """The clock at `now_us` for an offline rule; what was never live (None) is not offline."""
    if last_arrival_us is None:
        return _told(settings, watch, watch.rule, (), now_us, delayed=False)
    rule, signals = rules.silent(settings, watch.rule, last_arrival_us, now_us, offline_us)
    return _told(settings, watch, rule, signals, now_us, delayed=False)


def sweep_judged(settings: RuleSettings, watch: Watch, condition: bool | None, now_us: int) -> Outcome:
    """A look at an anomaly or a trend at `now_us`; None where nothing is known anew."""
    rule, signals = rules.judged(settings, watch.rule, condition, now_us)
    return _told(settings, watch, rule, signals, now_us, delayed=False)


def _told(
    settings: RuleSettings, watch: Watch, rule: RuleState, signals: tuple[Signal, ...], now_us: int, *, delayed: bool
) -> Outcome:
    """What the rule signalled and what passed by the clock, in the order of their moments."""
    alert = watch.alert
    events: list[Event] = []
    escalation = escalation_us(settings)
    for signal in signals:
        alert, passed = alerts.advance(alert, min(signal.at_us, now_us), escalation)
        # Who could not have known is asked from the moment of the arrival.
        alert, said = alerts.signalled(alert, signal, latch=settings.latch, asked_us=now_us if delayed else None)
        events += (*passed, *said)
    alert, passed = alerts.advance(alert, now_us, escalation)
    return Watch(rule, alert), (*events, *passed)
