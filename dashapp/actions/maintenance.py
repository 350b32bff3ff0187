"""Planned maintenance: what is out of service over a window, set up ahead, changed until it begins, ended before its time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from dashapp.domain.watch import escalation_us
from db.columns import to_us
from db.commands import audit
from db.commands.alarms import Target
from db.commands.maintenance import end_window
from db.engine import Database
from db.queries.rules import one_rule
from db.tenancy import tenant_transaction

LONGEST = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Window:
    """When, what and why: a device, a group, a line, or (none of them) the whole plant."""

    starts_at: datetime
    ends_at: datetime
    reason: str
    device_id: int | None = None
    group_id: int | None = None
    line: str | None = None


def plan_window(database: Database, actor: Actor, window: Window, *, now: datetime | None = None) -> int:
    """The new window's id; managers and above. One that has begun by its own time begins within a second."""
    require(actor, Role.MANAGER)
    moment = now or datetime.now(UTC)
    reason = audit.clean(window.reason).strip()
    if not 1 <= len(reason) <= 500:
        raise ActionError("reason", "say why, in up to 500 characters")
    if window.ends_at <= window.starts_at:
        raise ActionError("ends_at", "the end lies before the beginning")
    if window.ends_at <= moment:
        raise ActionError("ends_at", "this is over already")
    if window.ends_at - window.starts_at > LONGEST:
        raise ActionError("ends_at", f"a window lasts {LONGEST.days} days at most")
    if sum(part is not None for part in (window.device_id, window.group_id, window.line)) > 1:
        raise ActionError("target", "one of a device, a group and a line is expected")
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        for field, table, wanted in (("device", "devices", window.device_id), ("group", "device_groups", window.group_id)):
            there = text(f"select exists (select 1 from {table} where id = :id)")
            if wanted is not None and not connection.execute(there, {"id": wanted}).scalar_one():
                raise ActionError(field, f"there is no such {field}", status=404)
        if actor.lines is not None and not _on_lines(connection, actor, window):
            raise ActionError("target", "you may plan for your own lines only", status=403)
        starts_at = max(window.starts_at, moment)
        window_id: int = connection.execute(
            text(
                "insert into maintenance_windows (tenant_id, device_id, group_id, line, starts_at, ends_at, reason, by)"
                " values (:tenant, :device, :group, :line, :starts, :ends, :reason, :by) returning id"
            ),
            {
                "tenant": actor.tenant_id, "device": window.device_id, "group": window.group_id, "line": window.line,
                "starts": starts_at, "ends": window.ends_at, "reason": reason, "by": actor.label,
            },
        ).scalar_one()  # fmt: skip
        span = {"id": window_id, "starts_at": starts_at.isoformat(), "ends_at": window.ends_at.isoformat()}
        audit.record(connection, actor, "plan_window", reason, span)
    return window_id


def end_window_now(database: Database, actor: Actor, window_id: int, *, now: datetime | None = None) -> None:
    """Ends a window that is on, or takes back one that has not begun; managers and above. 409 where it has ended."""
    require(actor, Role.MANAGER)
    moment = now or datetime.now(UTC)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        row = connection.execute(
            text("select id, reason, device_id, group_id, line, starts_at, ends_at, ended_at, began_at from maintenance_windows"
                 " where id = :id for update"),
            {"id": window_id},
        ).one_or_none()  # fmt: skip
        window = None if row is None else Window(row.starts_at, row.ends_at, row.reason, row.device_id, row.group_id, row.line)
        if row is None or window is None or (actor.lines is not None and not _on_lines(connection, actor, window)):
            raise ActionError("window", "there is no such window", status=404)
        if row.ended_at is not None:
            raise ActionError("window", "this window has ended", status=409)

        def steps(target: Target) -> tuple[int, ...]:
            rule = one_rule(connection, target.rule_id)
            return () if rule is None else escalation_us(rule.settings)

        if row.began_at is None:
            connection.execute(text("delete from maintenance_windows where id = :id"), {"id": window_id})
        else:
            end_window(connection, actor.tenant_id, window_id, to_us(moment), actor.label, steps)
        audit.record(connection, actor, "end_window", row.reason, {"id": window_id, "begun": row.began_at is not None})


def _on_lines(connection: Connection, actor: Actor, window: Window) -> bool:
    outside: bool = connection.execute(
        text(
            "select exists (select 1 from devices d where not d.line = any(:lines) and (cast(:device as int) is null or d.id = :device)"
            " and (cast(:line as text) is null or d.line = :line)"
            " and (cast(:group as int) is null or d.id in (select m.device_id from device_group_members m where m.group_id = :group)))"
        ),
        {"lines": list(actor.lines or ()), "device": window.device_id, "group": window.group_id, "line": window.line},
    ).scalar_one()
    return not outside
