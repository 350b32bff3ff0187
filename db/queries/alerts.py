"""Reads of alerts: those that are open, the journal, one with its events. Lines narrow what somebody sees (None: every line)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from dashapp.domain.alarm_words import WORDS
from dashapp.domain.alerts import Base
from db.columns import from_us, to_us

MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class Over:
    """Why nobody is told: `shelved`, `suppressed` or `out_of_service`, since when, until when, by whom and why."""

    kind: str
    since_us: int
    until_us: int | None
    until_clear: bool
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert as pages and programs show it. `state` is the base state A … F, `word` its simple word; people by their names."""

    id: int
    rule_id: int | None
    rule_name: str
    rule_type: str
    device_id: int
    device_key: str
    device_name: str
    place: str
    line: str
    sensor_id: int | None
    sensor_key: str | None
    sensor_name: str | None
    unit: str
    type: str
    code: str
    cause: str
    severity: str
    state: str
    message: str
    value: float | None
    raised_at_us: int
    ended_at_us: int | None
    last_event_us: int
    occurrences: int
    escalation_level: int
    escalates_at_us: int | None
    acknowledged_at_us: int | None
    acknowledged_by: str | None
    delayed: bool
    version: int
    over: tuple[Over, ...] = ()

    @property
    def word(self) -> str:
        """triggered, acknowledged or resolved."""
        return WORDS[Base(self.state)]

    @property
    def active(self) -> bool:
        """Whether the condition is there."""
        return self.state in ("B", "C")

    @property
    def unanswered(self) -> bool:
        """Whether it waits for an acknowledgement."""
        return self.state in ("B", "D", "E")

    @property
    def silent(self) -> bool:
        """Whether nobody is told."""
        return bool(self.over)


@dataclass(frozen=True, slots=True)
class EventRow:
    """A transition: when, what, the base state after it, by whom and why; `silent`: nobody was told."""

    id: int
    alert_id: int | None
    at_us: int
    recorded_us: int
    what: str
    state: str
    severity: str | None
    silent: bool
    delayed: bool
    level: int
    by: str
    comment: str | None
    value: float | None


@dataclass(frozen=True, slots=True)
class JournalFilter:
    """What the journal shows. `words` of triggered, acknowledged, resolved; times are of the raising; empty or None: all."""

    words: Sequence[str] = ()
    severities: Sequence[str] = ()
    device_key: str | None = None
    line: str | None = None
    from_us: int | None = None
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Alerts, the newest first, and the cursor of the next page (None: this is the last)."""

    alerts: list[AlertRow] = field(default_factory=list)
    next_cursor: str | None = None


_PERSON = """coalesce((select u.name from users u where {0} = 'user:' || u.id and u.tenant_id = a.tenant_id), {0})"""
_OVER = """(select json_agg(json_build_array(o.kind, o.since_us, o.until_us, o.until_clear, o.by, o.reason) order by o.since_us) from (
  select s.kind, (extract(epoch from s.since) * 1000000)::bigint as since_us, (extract(epoch from s.until) * 1000000)::bigint as until_us,
    s.until_clear, {person} as by, s.reason from alert_suppressors s
  where s.rule_id = a.rule_id and s.device_id = a.device_id and s.sensor_id = coalesce(a.sensor_id, 0)
  union all
  select 'out_of_service', (extract(epoch from w.began_at) * 1000000)::bigint, (extract(epoch from w.ends_at) * 1000000)::bigint,
    false, {window_person}, w.reason from maintenance_windows w
  where w.began_at is not null and w.ended_at is null and (w.device_id = d.id or w.line = d.line
    or w.group_id in (select m.group_id from device_group_members m where m.device_id = d.id)
    or (w.device_id is null and w.group_id is null and w.line is null))) o)""".format(
    person=_PERSON.format("s.by"), window_person=_PERSON.format("w.by")
)
_SELECT = f"""
select a.id, a.rule_id, coalesce(r.name, '') as rule_name, coalesce(r.type, '') as rule_type, a.device_id, d.key as device_key,
  d.name as device_name, d.place, d.line, a.sensor_id, s.key as sensor_key, s.name as sensor_name, coalesce(s.unit, '') as unit, a.type,
  a.code, a.cause, a.severity, a.state, a.message, a.value, a.raised_at, a.ended_at,
  coalesce(a.last_event_at, a.raised_at) as last_event_at, a.occurrences, a.escalation_level, a.escalates_at, a.acknowledged_at,
  {_PERSON.format("a.acknowledged_by")} as acknowledged_by, a.delayed, a.version, case when a.ended_at is null then {_OVER} end as over
from alerts a
join devices d on d.tenant_id = a.tenant_id and d.id = a.device_id
left join sensors s on s.tenant_id = a.tenant_id and s.id = a.sensor_id
left join rules r on r.tenant_id = a.tenant_id and r.id = a.rule_id
where (cast(:lines as text[]) is null or d.line = any(:lines))"""
_PRIORITY = """ order by array_position(array['critical', 'high', 'medium', 'low'], a.severity), a.state in ('C', 'F'), a.raised_at, a.id"""
_TRIGGERED, _ACKNOWLEDGED, _RESOLVED = ("B", "D", "E"), ("C", "F"), ("A",)
_STATES = {"triggered": _TRIGGERED, "acknowledged": _ACKNOWLEDGED, "resolved": _RESOLVED}


def open_alerts(connection: Connection, *, lines: Sequence[str] | None = None) -> list[AlertRow]:
    """Alerts that have not ended, the most severe first, in it who waits for an answer, the oldest first."""
    found = connection.execute(text(f"{_SELECT} and a.ended_at is null{_PRIORITY}"), {"lines": _list(lines)})
    return [_row(row) for row in found]


def one_alert(connection: Connection, alert_id: int, *, lines: Sequence[str] | None = None) -> AlertRow | None:
    """An alert, open or ended; None where it is not there, or not on these lines."""
    found = connection.execute(text(f"{_SELECT} and a.id = :id"), {"lines": _list(lines), "id": alert_id}).one_or_none()
    return None if found is None else _row(found)


def alerts_by_id(connection: Connection, ids: Sequence[int]) -> list[AlertRow]:
    """These alerts, open or ended; those that are not there are left out."""
    found = connection.execute(text(f"{_SELECT} and a.id = any(:ids)"), {"lines": None, "ids": list(ids)})
    return [_row(row) for row in found]


def alert_journal(
    connection: Connection, wanted: JournalFilter, *, after: str | None = None, limit: int = 50, lines: Sequence[str] | None = None
) -> JournalPage:
    """Alerts, the newest first, open and ended; `after` is the cursor of the page before. Raises ValueError for no cursor of ours."""
    conditions: list[str] = []
    values: dict[str, Any] = {"lines": _list(lines), "limit": min(limit, MOST_LISTED) + 1}
    if wanted.words:
        conditions.append("a.state = any(:states)")
        values["states"] = [state for word in wanted.words for state in _STATES.get(word, ())]
    columns = {"severities": "a.severity = any(:severities)", "device_key": "d.key = :device_key", "line": "d.line = :line"}
    for name, column in columns.items():
        if value := getattr(wanted, name):
            conditions.append(column)
            values[name] = value if isinstance(value, str) else list(value)
    for name, column in (("from_us", "a.raised_at >= :from_us"), ("to_us", "a.raised_at < :to_us")):
        if (moment := getattr(wanted, name)) is not None:
            conditions.append(column)
            values[name] = from_us(moment)
    if after is not None:
        moment, _, number = after.partition("-")
        conditions.append("(a.raised_at, a.id) < (:after_at, :after_id)")
        values |= {"after_at": from_us(int(moment)), "after_id": int(number)}
    more = "".join(f" and {condition}" for condition in conditions)
    found = connection.execute(text(f"{_SELECT}{more} order by a.raised_at desc, a.id desc limit :limit"), values)
    alerts = [_row(row) for row in found]
    if len(alerts) < values["limit"]:
        return JournalPage(alerts)
    last = alerts[-2]
    return JournalPage(alerts[:-1], f"{last.raised_at_us}-{last.id}")


def events_of(connection: Connection, alert_id: int) -> list[EventRow]:
    """Every event of an alert, in the order in which they were recorded."""
    found = connection.execute(
        text(
            f"select a.id, a.alert_id, a.at, a.recorded_at, a.what, a.state, a.severity, a.silent, a.delayed, a.level,"
            f" {_PERSON.format('a.by')} as by, a.comment, a.value from alert_events a where a.alert_id = :id order by a.id"
        ),
        {"id": alert_id},
    )
    return [EventRow(row.id, row.alert_id, to_us(row.at), to_us(row.recorded_at), *row[4:]) for row in found]


def target_events(connection: Connection, rule_id: int, device_id: int, sensor_id: int = 0, *, limit: int = 200) -> list[EventRow]:
    """What happened to a rule on a target, with or without an alert: the newest first."""
    found = connection.execute(
        text(
            f"select a.id, a.alert_id, a.at, a.recorded_at, a.what, a.state, a.severity, a.silent, a.delayed, a.level,"
            f" {_PERSON.format('a.by')} as by, a.comment, a.value from alert_events a where a.rule_id = :rule and a.device_id = :device"
            f" and coalesce(a.sensor_id, 0) = :sensor order by a.id desc limit :limit"
        ),
        {"rule": rule_id, "device": device_id, "sensor": sensor_id, "limit": limit},
    )
    return [EventRow(row.id, row.alert_id, to_us(row.at), to_us(row.recorded_at), *row[4:]) for row in found]


def _row(row: Any) -> AlertRow:
    values = dict(row._mapping)
    for name in ("raised_at", "ended_at", "escalates_at", "acknowledged_at"):
        moment: datetime | None = values.pop(name)
        values[f"{name}_us"] = None if moment is None else to_us(moment)
    values["last_event_us"] = to_us(values.pop("last_event_at"))
    values["over"] = tuple(Over(*each) for each in values["over"] or ())
    return AlertRow(**values)


def _list(lines: Sequence[str] | None) -> list[str] | None:
    return None if lines is None else list(lines)
