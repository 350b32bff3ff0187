"""The life of an alert: base states A … F with the suppressors over them. REQUIREMENTS §4, ISA-18.2 §5.

Pure: every function takes a state and gives the next one with the events in their order, or raises Refused and says why.
Base states: A normal, B unacknowledged active, C acknowledged active, D returned unacknowledged, E latched unacknowledged,
F latched acknowledged. While a suppressor is on, the base state goes on and its events are silent: nobody is told.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from dashapp.domain.fleet import Severity
from dashapp.domain.rule_settings import URGENCY, Limit
from dashapp.domain.rules import Signal, SignalKind


class Base(StrEnum):
    """ISA-18.2 states without the suppressed ones."""

    NORMAL = "A"
    UNACKNOWLEDGED = "B"
    ACKNOWLEDGED = "C"
    RETURNED = "D"
    LATCHED_UNACKNOWLEDGED = "E"
    LATCHED_ACKNOWLEDGED = "F"


ACTIVE = (Base.UNACKNOWLEDGED, Base.ACKNOWLEDGED)
UNANSWERED = (Base.UNACKNOWLEDGED, Base.RETURNED, Base.LATCHED_UNACKNOWLEDGED)


class What(StrEnum):
    """What an event says."""

    RAISED = "raised"
    RE_RAISED = "re_raised"
    SEVERITY_RAISED = "severity_raised"
    RETURNED = "returned"
    ACKNOWLEDGED = "acknowledged"
    RESET = "reset"
    ESCALATED = "escalated"
    SHELVED = "shelved"
    SHELVING_ENDED = "shelving_ended"
    SUPPRESSED = "suppressed"
    SUPPRESSION_ENDED = "suppression_ended"
    OUT_OF_SERVICE = "out_of_service"
    BACK_IN_SERVICE = "back_in_service"


class SuppressorKind(StrEnum):
    """Why nobody is told: by an operator (G), by design (H), for maintenance (I)."""

    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out_of_service"


_BEGINS = {
    SuppressorKind.SHELVED: What.SHELVED, SuppressorKind.SUPPRESSED: What.SUPPRESSED, SuppressorKind.OUT_OF_SERVICE: What.OUT_OF_SERVICE,
}  # fmt: skip
_ENDS = {
    SuppressorKind.SHELVED: What.SHELVING_ENDED, SuppressorKind.SUPPRESSED: What.SUPPRESSION_ENDED,
    SuppressorKind.OUT_OF_SERVICE: What.BACK_IN_SERVICE,
}  # fmt: skip


class Refused(Exception):
    """An action that the state does not allow; nothing changes. `reason` is for the person who asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Suppressor:
    """Until `until_us` (None: until somebody ends it), or until the condition clears. `source` tells several of a kind apart."""

    kind: SuppressorKind
    since_us: int
    until_us: int | None = None
    until_clear: bool = False
    by: str = "system"
    reason: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class AlertState:
    """One rule on one target: its base state, its open alert where it has one, and what is over it.

    `number` counts the alerts of the target; `asked_us` is since when somebody is asked to answer (None: nobody is), from which
    escalation counts; `severity` is the greatest since the alert was raised (or raised again).
    """

    base: Base = Base.NORMAL
    severity: Severity | None = None
    number: int = 0
    raised_us: int | None = None
    occurrences: int = 0
    level: int = 0
    asked_us: int | None = None
    acknowledged_us: int | None = None
    acknowledged_by: str | None = None
    suppressors: tuple[Suppressor, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether nobody is told."""
        return bool(self.suppressors)

    def suppressed_by(self, kind: SuppressorKind, source: str = "") -> Suppressor | None:
        """The suppressor of this kind and source."""
        return next((each for each in self.suppressors if (each.kind, each.source) == (kind, source)), None)

    def record(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return asdict(self)

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> "AlertState":
        """The other way."""
        over = tuple(Suppressor(**{**each, "kind": SuppressorKind(each["kind"])}) for each in record["suppressors"])
        severity = record["severity"]
        return AlertState(
            **{**record, "base": Base(record["base"]), "severity": Severity(severity) if severity else None, "suppressors": over}
        )


NOTHING = AlertState()


@dataclass(frozen=True, slots=True)
class Event:
    """A transition: when, what, the base state after it, whether somebody is told, and who did it why."""

    at_us: int
    what: What
    state: Base
    silent: bool
    severity: Severity | None
    number: int
    level: int = 0
    by: str = "system"
    comment: str = ""
    delayed: bool = False
    limit: Limit | None = None


Outcome = tuple[AlertState, tuple[Event, ...]]


def signalled(alert: AlertState, signal: Signal, *, latch: bool, asked_us: int | None = None) -> Outcome:
    """What a rule's signal does. A signal that says what the alert knows already changes nothing.

    `asked_us` is when a delayed one arrived: its events are marked, and who could not have known before is asked from then on.
    """
    delayed = asked_us is not None
    now_us = signal.at_us if asked_us is None else asked_us
    if signal.kind is SignalKind.RETURNED:
        return _returned(alert, signal, latch, delayed)
    if alert.base in ACTIVE:
        assert alert.severity is not None  # an active alert has one
        if URGENCY[signal.severity] <= URGENCY[alert.severity]:
            return alert, ()
        asked_us = now_us if alert.base is Base.ACKNOWLEDGED else alert.asked_us
        level = 0 if alert.base is Base.ACKNOWLEDGED else alert.level
        return _raised(alert, signal, What.SEVERITY_RAISED, delayed, asked_us=asked_us, level=level)
    if alert.base is Base.NORMAL:
        fresh = AlertState(number=alert.number + 1, raised_us=signal.at_us, suppressors=alert.suppressors)
        return _raised(fresh, signal, What.RAISED, delayed, asked_us=now_us, level=0)
    answered = alert.base is Base.LATCHED_ACKNOWLEDGED
    asked_us = now_us if answered else alert.asked_us
    return _raised(alert, signal, What.RE_RAISED, delayed, asked_us=asked_us, level=0 if answered else alert.level)


def commented(events: tuple[Event, ...], comment: str, by: str = "system") -> tuple[Event, ...]:
    """The same events with who and why."""
    return tuple(replace(event, comment=comment, by=by) for event in events)


def acknowledge(alert: AlertState, at_us: int, by: str, comment: str = "") -> Outcome:
    """B→C, D→A, E→F."""
    following = {
        Base.UNACKNOWLEDGED: Base.ACKNOWLEDGED, Base.RETURNED: Base.NORMAL, Base.LATCHED_UNACKNOWLEDGED: Base.LATCHED_ACKNOWLEDGED,
    }  # fmt: skip
    if alert.base is Base.NORMAL:
        raise Refused("there is nothing to acknowledge: this alert has ended")
    if alert.base not in following:
        raise Refused(f"{alert.acknowledged_by} acknowledged it before")
    after = replace(alert, base=following[alert.base], asked_us=None, acknowledged_us=at_us, acknowledged_by=by)
    return _closed(after), (_event(after, at_us, What.ACKNOWLEDGED, by=by, comment=comment),)


def reset(alert: AlertState, at_us: int, by: str, comment: str = "") -> Outcome:
    """F→A: lets go of a latch that was acknowledged."""
    if alert.base is Base.LATCHED_UNACKNOWLEDGED:
        raise Refused("acknowledge it first, then reset it")
    if alert.base is not Base.LATCHED_ACKNOWLEDGED:
        raise Refused("the condition is still there" if alert.base in ACTIVE else "there is no latch to reset")
    return _reset(alert, at_us, by, comment)


def resolve(alert: AlertState, at_us: int, by: str, comment: str = "") -> Outcome:
    """Done with it: from D acknowledges and closes, from E and F resets. Nobody resolves what is still active."""
    if alert.base in ACTIVE:
        raise Refused("the condition is still there: acknowledge it, or shelve it until it is over")
    if alert.base is Base.NORMAL:
        raise Refused("this alert has ended already")
    if alert.base is Base.RETURNED:
        return acknowledge(alert, at_us, by, comment)
    if alert.base is Base.LATCHED_UNACKNOWLEDGED:
        alert = replace(alert, acknowledged_us=at_us, acknowledged_by=by)
    return _reset(alert, at_us, by, comment)


def shelve(
    alert: AlertState, at_us: int, by: str, reason: str, *, until_us: int | None = None, until_clear: bool = False
) -> Outcome:
    """Nobody is told until a moment, or until the condition clears; shelving again moves the end."""
    if not reason.strip():
        raise Refused("say why")
    if (until_us is None) is not until_clear:
        raise Refused("say until when: a time, or until it clears")
    if until_us is not None and until_us <= at_us:
        raise Refused("the end lies before the beginning")
    if until_clear and alert.base not in ACTIVE:
        raise Refused("the condition is clear: there is nothing to wait for")
    return _begin(alert, Suppressor(SuppressorKind.SHELVED, at_us, until_us, until_clear, by, reason))


def unshelve(alert: AlertState, at_us: int, by: str, comment: str = "") -> Outcome:
    """Ends shelving before its time."""
    if alert.suppressed_by(SuppressorKind.SHELVED) is None:
        raise Refused("it is not shelved")
    return _end(alert, SuppressorKind.SHELVED, "", at_us, by, comment)


def out_of_service(
    alert: AlertState, at_us: int, by: str, reason: str, *, until_us: int | None = None, source: str = ""
) -> Outcome:
    """For maintenance: until somebody takes it back, or until `until_us`."""
    if not reason.strip():
        raise Refused("say why")
    if alert.suppressed_by(SuppressorKind.OUT_OF_SERVICE, source) is not None:
        raise Refused("it is out of service already")
    return _begin(alert, Suppressor(SuppressorKind.OUT_OF_SERVICE, at_us, until_us, False, by, reason, source))


def in_service(alert: AlertState, at_us: int, by: str, comment: str = "", *, source: str = "") -> Outcome:
    """Ends being out of service."""
    if alert.suppressed_by(SuppressorKind.OUT_OF_SERVICE, source) is None:
        raise Refused("it is not out of service")
    return _end(alert, SuppressorKind.OUT_OF_SERVICE, source, at_us, by, comment)


def suppress(alert: AlertState, at_us: int, reason: str = "") -> Outcome:
    """The rule's suppress-when condition is true; again changes nothing."""
    if alert.suppressed_by(SuppressorKind.SUPPRESSED) is not None:
        return alert, ()
    return _begin(alert, Suppressor(SuppressorKind.SUPPRESSED, at_us, reason=reason))


def unsuppress(alert: AlertState, at_us: int) -> Outcome:
    """The rule's suppress-when condition is false; again changes nothing."""
    if alert.suppressed_by(SuppressorKind.SUPPRESSED) is None:
        return alert, ()
    return _end(alert, SuppressorKind.SUPPRESSED, "", at_us, "system", "")


def advance(alert: AlertState, now_us: int, escalate_after_us: tuple[int, ...]) -> Outcome:
    """What passes by the clock up to `now_us`, in its order: suppressors that end, levels that are reached."""
    events: list[Event] = []
    while True:
        ends = [(each.until_us, each) for each in alert.suppressors if each.until_us is not None and each.until_us <= now_us]
        escalates_us = escalates_at(alert, escalate_after_us)
        if ends:  # while one is on nothing escalates
            at_us, ended = min(ends, key=lambda end: end[0])
            alert, more = _end(alert, ended.kind, ended.source, at_us, "system", "")
            events += more
        elif escalates_us is not None and escalates_us <= now_us:
            alert = replace(alert, level=alert.level + 1)
            events.append(_event(alert, escalates_us, What.ESCALATED))
        else:
            return alert, tuple(events)


def escalates_at(alert: AlertState, escalate_after_us: tuple[int, ...]) -> int | None:
    """When the alert reaches its next level if nobody answers; None where it does not."""
    if alert.asked_us is None or alert.base not in UNANSWERED or alert.silent or alert.level >= len(escalate_after_us):
        return None
    return alert.asked_us + escalate_after_us[alert.level]


def _event(alert: AlertState, at_us: int, what: What, **more: Any) -> Event:
    return Event(at_us, what, alert.base, alert.silent, alert.severity, alert.number, alert.level, **more)


def _raised(alert: AlertState, signal: Signal, what: What, delayed: bool, *, asked_us: int | None, level: int) -> Outcome:
    after = replace(
        alert, base=Base.UNACKNOWLEDGED, severity=signal.severity, level=level, asked_us=None if alert.silent else asked_us,
        occurrences=alert.occurrences + (what is not What.SEVERITY_RAISED), acknowledged_us=None, acknowledged_by=None,
    )  # fmt: skip
    return after, (_event(after, signal.at_us, what, delayed=delayed, limit=signal.limit),)


def _returned(alert: AlertState, signal: Signal, latch: bool, delayed: bool) -> Outcome:
    if alert.base not in ACTIVE:
        return alert, ()
    answered = alert.base is Base.ACKNOWLEDGED
    latched, normal = Base.LATCHED_UNACKNOWLEDGED, Base.RETURNED
    if answered:
        latched, normal = Base.LATCHED_ACKNOWLEDGED, Base.NORMAL
    after = replace(alert, base=latched if latch else normal)
    events = [_event(after, signal.at_us, What.RETURNED, delayed=delayed)]
    shelving = after.suppressed_by(SuppressorKind.SHELVED)
    after = _closed(after)
    if shelving is not None and shelving.until_clear:
        after, more = _end(after, SuppressorKind.SHELVED, "", signal.at_us, "system", "")
        events += more
    return after, tuple(events)


def _reset(alert: AlertState, at_us: int, by: str, comment: str) -> Outcome:
    after = replace(alert, base=Base.NORMAL, asked_us=None)
    return _closed(after), (_event(after, at_us, What.RESET, by=by, comment=comment),)


def _closed(alert: AlertState) -> AlertState:
    """What is left of a target whose alert has ended: its count, and what is over it."""
    return AlertState(number=alert.number, suppressors=alert.suppressors) if alert.base is Base.NORMAL else alert


def _begin(alert: AlertState, suppressor: Suppressor) -> Outcome:
    others = tuple(each for each in alert.suppressors if (each.kind, each.source) != (suppressor.kind, suppressor.source))
    after = replace(alert, suppressors=(*others, suppressor), asked_us=None)
    event = _event(after, suppressor.since_us, _BEGINS[suppressor.kind], by=suppressor.by, comment=suppressor.reason)
    return after, (replace(event, silent=alert.silent),)  # the first of them is told


def _end(alert: AlertState, kind: SuppressorKind, source: str, at_us: int, by: str, comment: str) -> Outcome:
    """Takes a suppressor away; after the last an active alert is announced as B, and who did not answer is asked from now on."""
    after = replace(alert, suppressors=tuple(each for each in alert.suppressors if (each.kind, each.source) != (kind, source)))
    if not after.silent:
        if after.base is Base.ACKNOWLEDGED:
            after = replace(after, base=Base.UNACKNOWLEDGED, acknowledged_us=None, acknowledged_by=None)
        if after.base in UNANSWERED:
            after = replace(after, asked_us=at_us, level=0)
    return after, (_event(after, at_us, _ENDS[kind], by=by, comment=comment),)
