"""What someone can do with an alert: answer it, let go of a latch, shelve it, take it out of service.

Every action: role, one transaction, events with who, when and why, audit row. An actor who is narrowed to lines meets only theirs.
ActionError has status 404 for an alert that is not there, 409 for what its state refuses; the reason is for people and names who
was first. `at` is the original time of what was done without a network: neither before the alert was told nor in the future.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain import alerts
from dashapp.domain.alerts import ACTIVE, AlertState, Event, Outcome, Refused
from dashapp.domain.fleet import Role, Severity
from dashapp.domain.rule_settings import Limit, RuleType
from dashapp.domain.rules import Signal, SignalKind
from dashapp.domain.watch import Watch, escalation_us
from db.columns import from_us, to_us
from db.commands import audit
from db.commands.alarms import Change, Loaded, Target, load, save
from db.commands.maintenance import no_facts
from db.engine import Database
from db.queries.alert_targets import AlertTarget, alert_targets, target_of
from db.queries.people import name_of
from db.queries.rules import one_rule
from db.tenancy import tenant_transaction

CLOCKS_DIFFER = timedelta(seconds=60)  # a phone's clock may be ahead by this much
LONGEST_COMMENT = 2_000
LONGEST_SHELVING: Mapping[Role, timedelta] = {
    Role.OPERATOR: timedelta(hours=8), Role.MANAGER: timedelta(days=7), Role.ADMIN: timedelta(days=7),
}  # fmt: skip


def longest_shelving(operator_hours: float, manager_hours: float) -> dict[Role, timedelta]:
    """How long each role may shelve, by the settings of the installation."""
    manager = timedelta(hours=manager_hours)
    return {Role.OPERATOR: timedelta(hours=operator_hours), Role.MANAGER: manager, Role.ADMIN: manager}


Which = int | Target  # an open alert by its id, or a rule on a target, with or without an alert
Do = Callable[[AlertState, int], Outcome]  # state and moment → state and events


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one of many."""

    id: int
    error: ActionError | None = None


@dataclass(frozen=True, slots=True)
class _Wish:
    """An action on its way: which verb, what it does to a state, with which words."""

    verb: str
    role: Role
    do: Do
    comment: str = ""
    at: datetime | None = None
    now: datetime | None = None
    ends_external: bool = False  # nothing measures what another system told: who resolves it says that it is over


def acknowledge_alert(
    database: Database, actor: Actor, alert_id: int, comment: str = "", *, at: datetime | None = None, now: datetime | None = None
) -> None:
    """Says that somebody has seen it and acts; operators and above."""
    _one(database, actor, alert_id, _acknowledgement(actor, comment, at, now))


def acknowledge_alerts(
    database: Database, actor: Actor, alert_ids: Sequence[int], comment: str = "", *, at: datetime | None = None,
    now: datetime | None = None,
) -> list[Answer]:  # fmt: skip
    """Acknowledges many in one transaction; what cannot be is told of each, and does not keep the others from it."""
    return _many(database, actor, list(dict.fromkeys(alert_ids)), _acknowledgement(actor, comment, at, now))


def resolve_alert(
    database: Database, actor: Actor, alert_id: int, comment: str = "", *, at: datetime | None = None, now: datetime | None = None
) -> None:
    """Closes what has returned; operators and above. 409 while the condition is still there."""
    do: Do = lambda alert, at_us: alerts.resolve(alert, at_us, actor.label, comment)  # noqa: E731
    _one(database, actor, alert_id, _Wish("resolve_alert", Role.OPERATOR, do, comment, at, now, ends_external=True))


def reset_alert(
    database: Database, actor: Actor, alert_id: int, comment: str = "", *, at: datetime | None = None, now: datetime | None = None
) -> None:
    """Lets go of a latch that was acknowledged; operators and above."""
    do: Do = lambda alert, at_us: alerts.reset(alert, at_us, actor.label, comment)  # noqa: E731
    _one(database, actor, alert_id, _Wish("reset_alert", Role.OPERATOR, do, comment, at, now))


def shelve_alert(
    database: Database,
    actor: Actor,
    which: Which,
    reason: str,
    *,
    until: datetime | None = None,
    until_clear: bool = False,
    longest: Mapping[Role, timedelta] = LONGEST_SHELVING,
    at: datetime | None = None,
    now: datetime | None = None,
) -> None:
    """Nobody is told until a moment, or until it clears; operators and above, each as long as their role may (`longest`)."""
    require(actor, Role.OPERATOR)
    moment = now or datetime.now(UTC)
    limit = longest.get(actor.role, timedelta(0))
    if until is not None and until - moment > limit:
        raise ActionError("until", f"your role may shelve for {_hours(limit)} at most")
    end = None if until is None else to_us(until)
    do: Do = lambda alert, at_us: alerts.shelve(alert, at_us, actor.label, reason, until_us=end, until_clear=until_clear)  # noqa: E731
    _one(database, actor, which, _Wish("shelve_alert", Role.OPERATOR, do, reason, at, now))


def unshelve_alert(database: Database, actor: Actor, which: Which, comment: str = "", *, now: datetime | None = None) -> None:
    """Ends shelving before its time; operators and above."""
    do: Do = lambda alert, at_us: alerts.unshelve(alert, at_us, actor.label, comment)  # noqa: E731
    _one(database, actor, which, _Wish("unshelve_alert", Role.OPERATOR, do, comment, None, now))


def out_of_service(
    database: Database, actor: Actor, which: Which, reason: str, *, until: datetime | None = None, now: datetime | None = None
) -> None:
    """Takes a rule on a target out of service, until somebody takes it back or until a moment; managers and above."""
    end = None if until is None else to_us(until)
    do: Do = lambda alert, at_us: alerts.out_of_service(alert, at_us, actor.label, reason, until_us=end)  # noqa: E731
    _one(database, actor, which, _Wish("out_of_service", Role.MANAGER, do, reason, None, now))


def in_service(database: Database, actor: Actor, which: Which, comment: str = "", *, now: datetime | None = None) -> None:
    """Takes it back into service; managers and above."""
    do: Do = lambda alert, at_us: alerts.in_service(alert, at_us, actor.label, comment)  # noqa: E731
    _one(database, actor, which, _Wish("in_service", Role.MANAGER, do, comment, None, now))


def _acknowledgement(actor: Actor, comment: str, at: datetime | None, now: datetime | None) -> _Wish:
    do: Do = lambda alert, at_us: alerts.acknowledge(alert, at_us, actor.label, comment)  # noqa: E731
    return _Wish("acknowledge_alert", Role.OPERATOR, do, comment, at, now)


def _one(database: Database, actor: Actor, which: Which, wish: _Wish) -> None:
    (answer,) = _many(database, actor, [which], wish)
    if answer.error is not None:
        raise answer.error


def _many(database: Database, actor: Actor, wanted: Sequence[Which], wish: _Wish) -> list[Answer]:
    require(actor, wish.role)
    if len(wish.comment) > LONGEST_COMMENT:
        raise ActionError("comment", f"at most {LONGEST_COMMENT:,} characters are expected")
    now = wish.now or datetime.now(UTC)
    if wish.at is not None and wish.at > now + CLOCKS_DIFFER:
        raise ActionError("at", "this lies in the future")
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, actor, wanted)
        loaded = load(connection, [each.target for each in found.values()])
        answers, changes = [], []
        for which in wanted:
            error = None
            try:
                if which not in found:
                    raise ActionError("alert", "there is no such alert", status=404)
                changes += _decided(connection, actor, found[which], loaded[found[which].target], wish, now)
            except ActionError as refused:
                error = refused
            answers.append(Answer(which if isinstance(which, int) else 0, error))
        save(connection, actor.tenant_id, changes)
    return answers


def _found(connection: Connection, actor: Actor, wanted: Sequence[Which]) -> dict[Which, AlertTarget]:
    by_id = alert_targets(connection, [which for which in wanted if isinstance(which, int)])
    found: dict[Which, AlertTarget] = {}
    for which in wanted:
        there = by_id.get(which) if isinstance(which, int) else target_of(connection, which)
        if there is not None and (actor.lines is None or there.line in actor.lines):
            found[which] = there
    return found


def _decided(
    connection: Connection, actor: Actor, found: AlertTarget, loaded: Loaded, wish: _Wish, now: datetime
) -> list[Change]:
    """The change of one alert, with its audit row; nothing where it is as wished already. Raises ActionError."""
    at = min(wish.at or now, now)
    if wish.verb == "acknowledge_alert" and wish.at is not None and _stands(found, actor, at):
        return []  # the same answer, sent again by a phone that did not hear of the first one's arrival
    if found.id is not None and loaded.alert_id != found.id:
        by = f" {name_of(connection, found.answered_by)} acknowledged it" if found.answered_by else ""
        raise ActionError("alert", f"this alert has ended.{by}".strip(), status=409)
    rule = one_rule(connection, loaded.target.rule_id)
    steps = () if rule is None else escalation_us(rule.settings)
    state, events = alerts.advance(loaded.watch.alert, to_us(now), steps)
    _check_moment(state, wish, at)
    try:
        if wish.ends_external and rule is not None and rule.settings.type is RuleType.EXTERNAL and state.base in ACTIVE:
            signal = Signal(SignalKind.RETURNED, to_us(at), state.severity or Severity.LOW, Limit.EXTERNAL)
            state, more = alerts.signalled(state, signal, latch=False)
            events += alerts.commented(more, wish.comment, actor.label)
        done: tuple[Event, ...] = ()
        if not events or state.base.value != "A":  # returning may have ended it
            state, done = wish.do(state, to_us(at))
    except Refused as refused:
        raise ActionError("alert", _reason(connection, state, refused), status=409) from refused
    detail = {"alert_id": found.id, "at": at.isoformat(), **({"comment": wish.comment} if wish.comment else {})}
    audit.record(connection, actor, wish.verb, found.label, detail)
    watch = Watch(loaded.watch.rule, state)
    return [Change(loaded, watch, (*events, *done), loaded.version, no_facts, steps, loaded.due_us)]


def _stands(found: AlertTarget, actor: Actor, at: datetime) -> bool:
    """Whether the actor's own answer of that moment, or a later one, stands already."""
    return found.answered_by == actor.label and found.answered_at is not None and found.answered_at >= at


def _check_moment(state: AlertState, wish: _Wish, at: datetime) -> None:
    if wish.at is None:
        return
    if state.raised_us is not None and at < from_us(state.raised_us):
        raise ActionError("at", "this lies before the alert was raised")
    if state.asked_us is not None and at < from_us(state.asked_us):
        raise ActionError("alert", "it was told again after that: look at it once more", status=409)


def _reason(connection: Connection, state: AlertState, refused: Refused) -> str:
    if state.acknowledged_by is None or state.acknowledged_us is None:
        return refused.reason
    first, moment = f"{state.acknowledged_by} acknowledged it before", from_us(state.acknowledged_us).strftime("%H:%M:%S UTC")
    return refused.reason.replace(first, f"{name_of(connection, state.acknowledged_by)} acknowledged it before, at {moment}")


def _hours(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
