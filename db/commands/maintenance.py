"""Planned maintenance windows: what they hold is out of service from their beginning to their end. Inside a tenant's transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from dashapp.domain import alerts
from dashapp.domain.alerts import AlertState, Event, Refused
from dashapp.domain.watch import Watch
from db.columns import from_us, to_us
from db.commands.alarms import WINDOW, Change, Facts, Loaded, Target, load, open_targets, save

_HELD = """
select d.id from devices d, maintenance_windows w where w.id = :id and (w.device_id = d.id or w.line = d.line
  or w.group_id in (select m.group_id from device_group_members m where m.device_id = d.id)
  or (w.device_id is null and w.group_id is null and w.line is null))"""
Escalation = Callable[[Target], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class DueWindow:
    """A window that is to begin, or to end."""

    id: int
    starts_us: int
    ends_us: int
    began: bool
    reason: str
    by: str


def due_windows(connection: Connection, now_us: int) -> list[DueWindow]:
    """Windows that should have begun or ended by now; one that another replica is busy with is left to it."""
    rows = connection.execute(
        text(
            "select id, starts_at, ends_at, began_at is not null as began, reason, by from maintenance_windows where ended_at is null"
            " and (ends_at <= :now or (began_at is null and starts_at <= :now)) order by id for update skip locked"
        ),
        {"now": from_us(now_us)},
    )
    return [DueWindow(row.id, to_us(row.starts_at), to_us(row.ends_at), row.began, row.reason, row.by) for row in rows]


def begin_window(connection: Connection, tenant_id: int, window: DueWindow, escalation: Escalation) -> None:
    """Takes open alerts of what it holds out of service; what is raised during it is silent by the window itself."""
    loaded = load(connection, open_targets(connection, _devices(connection, window.id)))
    connection.execute(
        text("update maintenance_windows set began_at = :at where id = :id"), {"at": from_us(window.starts_us), "id": window.id}
    )
    changes = []
    for target, each in loaded.items():
        alert, events = alerts.out_of_service(
            each.watch.alert, window.starts_us, window.by, window.reason, source=f"{WINDOW}{window.id}"
        )
        changes.append(_change(each, alert, events, escalation(target)))
    save(connection, tenant_id, changes)


def end_window(connection: Connection, tenant_id: int, window_id: int, at_us: int, by: str, escalation: Escalation) -> None:
    """Takes what it holds back into service at that moment: an alert that is still active is announced then."""
    loaded = load(connection, open_targets(connection, _devices(connection, window_id)))
    connection.execute(
        text("update maintenance_windows set ended_at = :at, began_at = coalesce(began_at, :at) where id = :id"),
        {"at": from_us(at_us), "id": window_id},
    )
    changes = []
    for target, each in loaded.items():
        try:
            alert, events = alerts.in_service(each.watch.alert, at_us, by, source=f"{WINDOW}{window_id}")
        except Refused:  # it had not begun
            continue
        changes.append(_change(each, alert, events, escalation(target)))
    save(connection, tenant_id, changes)


def no_facts(_event: object) -> Facts:
    """For changes without an event that raises."""
    raise AssertionError("nothing was raised")


def _change(loaded: Loaded, alert: AlertState, events: tuple[Event, ...], steps: tuple[int, ...]) -> Change:
    return Change(loaded, Watch(loaded.watch.rule, alert), events, loaded.version, no_facts, steps, loaded.due_us)


def _devices(connection: Connection, window_id: int) -> list[int]:
    return list(connection.execute(text(_HELD), {"id": window_id}).scalars())
