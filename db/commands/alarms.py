"""What rules wait for and what is over their alerts, read and written inside a tenant's transaction; alerts and their events with it.

A target is one rule on one sensor, or (sensor 0) on a device itself. Whoever changes one loads it first, which locks it until the end
of the transaction: two replicas, the sweep and a person never decide on the same target at once. An event that somebody is to be told
leaves a row in the outbox, in the same statement.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection

from dashapp.domain.alerts import AlertState, Base, Event, Suppressor, SuppressorKind, escalates_at
from dashapp.domain.fleet import Severity
from dashapp.domain.rules import QUIET, RuleState
from dashapp.domain.watch import Watch
from db.commands import alarm_sql as sql
from db.jsonb import Call, ask
from db.notify import ALERTS

AnyConnection = Connection | psycopg.Connection[Any]
WINDOW = "window:"  # source of a suppressor that is a maintenance window: it is read with the target, not written with it


class Target(NamedTuple):
    """One rule on one sensor of a device; `sensor_id` 0: on the device itself."""

    rule_id: int
    device_id: int
    sensor_id: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """A target as it is. `alert_id` is its open alert; `on` whether its rule is there and enabled, in the version `version`."""

    target: Target
    version: int
    on: bool
    watch: Watch
    alert_id: int | None
    due_us: int | None


@dataclass(frozen=True, slots=True)
class Facts:
    """What an alert says of what happened: texts, and the value that was too much (None: not of a value)."""

    type: str
    code: str
    message: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """A target as it was and as it is to be, with the events between. `facts_of` is asked about each event that raises."""

    before: Loaded
    after: Watch
    events: Sequence[Event]
    version: int
    facts_of: Callable[[Event], Facts]
    escalate_after_us: tuple[int, ...] = ()
    due_us: int | None = None
    repeats: int = 0  # told again of what is told already: counted on the open alert

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to write."""
        return not self.events and not self.repeats and self.after == self.before.watch and self.due_us == self.before.due_us


def load(connection: AnyConnection, targets: Iterable[Target]) -> dict[Target, Loaded]:
    """Locks the targets (in an order that all keep) and reads them. A state of another version of the rule is none."""
    wanted = [{"rule": t.rule_id, "device": t.device_id, "sensor": t.sensor_id} for t in sorted(set(targets))]
    if not wanted:
        return {}
    *_, rows = ask(connection, (sql.LOCK_RULES, (wanted,)), (sql.LOCK_TARGETS, (wanted,)), (sql.READ_TARGETS, (wanted,)))
    loaded = (_loaded(row) for row in rows)
    return {each.target: each for each in loaded}


def open_targets(connection: AnyConnection, device_ids: Sequence[int]) -> list[Target]:
    """Targets with an open alert on these devices."""
    (rows,) = ask(connection, (sql.OPEN_TARGETS, (list(device_ids),)))
    return [Target(*row) for row in rows]


def rule_targets(connection: AnyConnection, rule_id: int) -> list[Target]:
    """Targets of a rule that wait for something, have an open alert, or have something over it."""
    (rows,) = ask(connection, (sql.RULE_TARGETS, (rule_id,)))
    return [Target(*row) for row in rows]


def due_targets(connection: AnyConnection, now_us: int) -> list[Target]:
    """Targets on which something passes by the clock: delays, suppressors that end, levels that are reached."""
    (rows,) = ask(connection, (sql.DUE_TARGETS, ([now_us],)))
    return [Target(*row) for row in rows]


def save(connection: AnyConnection, tenant_id: int, changes: Iterable[Change]) -> int:
    """Writes what changed, the outbox, and word to every replica; the number of events."""
    wanted = [change for change in changes if not change.nothing]
    document: dict[str, list[dict[str, Any]]] = {"states": [], "over": [], "alerts": [], "fresh": [], "events": []}
    for change in wanted:
        _describe(change, document)
    calls: list[Call] = []
    if document["states"]:
        calls.append((sql.WRITE_STATES, (tenant_id, document)))
    if document["over"]:
        calls.append((sql.WRITE_OVER, (tenant_id, document)))
    if document["alerts"] or any(not event["fresh"] for event in document["events"]):
        calls.append((sql.WRITE_ALERTS, (tenant_id, document)))
    if document["fresh"]:  # after the ones before them have ended
        calls.append((sql.RAISE_ALERTS, (tenant_id, document)))
    if document["alerts"] or document["fresh"] or document["over"]:
        calls.append((sql.TELL, ([ALERTS, f":{tenant_id}"],)))
    if calls:
        ask(connection, *calls)
    return len(document["events"])


def _loaded(row: dict[str, Any]) -> Loaded:
    over = [
        Suppressor(**{**each, "kind": SuppressorKind(each["kind"])}) for each in row["over"]
    ] + [
        Suppressor(SuppressorKind.OUT_OF_SERVICE, each["since_us"], None, False, each["by"], each["reason"], f"{WINDOW}{each['id']}")
        for each in row["windows"] or ()
    ]  # fmt: skip
    alert = AlertState(suppressors=tuple(over))
    if found := row["alert"]:
        alert = replace(
            alert, base=Base(found["state"]), severity=Severity(found["severity"]), number=1, raised_us=found["raised_us"],
            occurrences=found["occurrences"], level=found["level"], asked_us=found["asked_us"],
            acknowledged_us=found["acknowledged_us"], acknowledged_by=found["acknowledged_by"],
        )  # fmt: skip
    kept = row["state"] is not None and row["state_version"] == row["version"]
    return Loaded(
        Target(row["rule"], row["device"], row["sensor"]), row["version"] or 0, bool(row["enabled"]),
        Watch(RuleState.from_record(row["state"]) if kept else QUIET, alert), found["id"] if found else None, row["due_us"],
    )  # fmt: skip


def _describe(change: Change, document: dict[str, list[dict[str, Any]]]) -> None:
    before, after = change.before, change.after
    name = dict(zip(("rule", "device", "sensor"), before.target, strict=True))
    if after.rule != before.watch.rule or change.due_us != before.due_us:
        state = {} if after.rule.quiet else {"state": after.rule.record(), "version": change.version, "due_us": change.due_us}
        document["states"].append({**name, **state})
    if (over := _own(after.alert)) != _own(before.watch.alert):
        document["over"].append({**name, "all": [_suppressor(each) for each in over]})
    known = before.watch.alert.number
    mine = [event for event in change.events if event.number == known]
    fresh = [event for event in change.events if event.number > known]
    if before.alert_id is not None and (mine or change.repeats or after.alert != before.watch.alert):
        now = after.alert if after.alert.number == known else AlertState()
        document["alerts"].append({"id": before.alert_id, **_row(change, now, mine)})
    if fresh:
        document["fresh"].append({**name, **_row(change, after.alert, fresh)})
    for event in change.events:
        document["events"].append(
            {
                **name, "n": len(document["events"]), "alert_id": before.alert_id if event.number == known else None,
                "fresh": event.number > known, **_event(change, event),
            }
        )  # fmt: skip


def _row(change: Change, alert: AlertState, events: Sequence[Event]) -> dict[str, Any]:
    """An alert's columns after these events; one that has ended keeps what it was last."""
    ended = alert.base is Base.NORMAL
    last = events[-1] if events else None
    answer = next((e for e in reversed(events) if e.what in ("acknowledged", "reset")), None)
    told = next((e for e in reversed(events) if e.limit is not None), None)
    severity = last.severity if last is not None and last.severity is not None else alert.severity
    row: dict[str, Any] = {
        "state": alert.base.value, "severity": severity, "level": last.level if last is not None else alert.level,
        "occurrences": change.repeats + sum(e.what in ("raised", "re_raised") for e in events), "delayed": any(e.delayed for e in events),
        "asked_us": alert.asked_us, "escalates_us": escalates_at(alert, change.escalate_after_us),
        "acknowledged_us": alert.acknowledged_us, "acknowledged_by": alert.acknowledged_by,
        "ended_us": last.at_us if ended and last is not None else None, "last_us": last.at_us if last is not None else None,
    }  # fmt: skip
    if ended and answer is not None:
        row |= {"acknowledged_us": answer.at_us, "acknowledged_by": answer.by}
    row["keep_answer"] = ended and answer is None
    if told is not None:
        facts = change.facts_of(told)
        row |= {"type": facts.type, "code": facts.code, "message": facts.message, "value": facts.value, "cause": told.limit}
    first = next((e for e in events if e.what == "raised"), None)
    return row if first is None else {**row, "raised_us": first.at_us}


def _event(change: Change, event: Event) -> dict[str, Any]:
    value = change.facts_of(event).value if event.limit is not None else None
    return {
        "at_us": event.at_us, "what": event.what, "state": event.state, "silent": event.silent, "severity": event.severity,
        "level": event.level, "by": event.by, "comment": event.comment or None, "delayed": event.delayed, "value": value,
    }  # fmt: skip


def _own(alert: AlertState) -> list[Suppressor]:
    return [each for each in alert.suppressors if not each.source.startswith(WINDOW)]


def _suppressor(each: Suppressor) -> dict[str, Any]:
    return {
        "kind": each.kind, "source": each.source, "since_us": each.since_us, "until_us": each.until_us, "until_clear": each.until_clear,
        "reason": each.reason, "by": each.by,
    }  # fmt: skip
