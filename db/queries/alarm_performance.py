"""The journal of a range, as the figures of the alarm system's performance take it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from dashapp.domain.alarm_performance import Happening
from db.columns import from_us, to_us


@dataclass(frozen=True, slots=True)
class Whose:
    """A rule on a target, as a table names it."""

    rule: str
    device_key: str
    sensor: str


@dataclass(frozen=True, slots=True)
class Journal:
    """What happened, in its order, and whose it is by `Happening.source`."""

    happenings: list[Happening] = field(default_factory=list)
    sources: dict[int, Whose] = field(default_factory=dict)


def journal_of(connection: Connection, start_us: int, end_us: int, *, lines: Sequence[str] | None = None) -> Journal:
    """Whole lives of the alerts that were open in start ≤ time < end. Lines narrow what is seen (None: every line)."""
    rows = connection.execute(
        text(
            "select e.at, e.what, e.state, coalesce(e.severity, a.severity) as severity, e.silent, a.rule_id, a.device_id, a.sensor_id,"
            " coalesce(r.name, '') as rule, d.key, coalesce(s.name, '') as sensor, a.code"
            " from alerts a join alert_events e on e.tenant_id = a.tenant_id and e.alert_id = a.id"
            " join devices d on d.tenant_id = a.tenant_id and d.id = a.device_id"
            " left join sensors s on s.tenant_id = a.tenant_id and s.id = a.sensor_id"
            " left join rules r on r.tenant_id = a.tenant_id and r.id = a.rule_id"
            " where a.raised_at < :high and (a.ended_at is null or a.ended_at >= :low)"
            " and (cast(:lines as text[]) is null or d.line = any(:lines)) order by e.at, e.id"
        ),
        {"low": from_us(start_us), "high": from_us(end_us), "lines": None if lines is None else list(lines)},
    )
    journal, numbers = Journal(), dict[tuple[object, ...], int]()
    for row in rows:
        name = (row.rule_id, row.code if row.rule_id is None else "", row.device_id, row.sensor_id)
        source = numbers.setdefault(name, len(numbers))
        journal.sources.setdefault(source, Whose(row.rule or row.code, row.key, row.sensor))
        journal.happenings.append(Happening(to_us(row.at), source, row.what, row.state, row.severity, row.silent))
    return journal
