"""Writes of reports: definitions, what was made, and the mails that carry it. Inside a tenant's transaction."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from db.commands.named import insert_named, update_named

DEFINED = ("name", "kind", "line", "channel_id", "recipients", "after_min", "enabled")
_INSERT = text("""
insert into reports (tenant_id, definition_id, name, kind, line, title, starts_at, ends_at, made_at, recipients, summary, html, pictures,
                     pdf)
values (current_setting('andon.tenant')::int, :definition_id, :name, :kind, :line, :title, :starts_at, :ends_at, :made_at, :recipients,
        :summary, :html, cast(:pictures as jsonb), :pdf)
on conflict do nothing returning id""")
_MAIL = text("""
insert into notifications (tenant_id, channel_id, channel, recipient, what, severity, title, report_id, created_at, due_at)
select current_setting('andon.tenant')::int, c.id, c.name, :recipient, 'report', 'low', :title, :report, :now, :now
from channels c where c.id = :channel""")


def insert_definition(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Its id; None where the name is taken."""
    return insert_named(connection, "report_definitions", {name: values[name] for name in DEFINED})


def update_definition(connection: Connection, definition_id: int, values: Mapping[str, Any]) -> bool:
    """False where the name is taken. What begins again, or is about something else now, is not made up for."""
    anew = "case when (enabled, kind, line) is distinct from (cast(:enabled as boolean), :kind, :line) then now() else since end"
    return update_named(
        connection, "report_definitions", definition_id, {name: values[name] for name in DEFINED}, f"since = {anew}"
    )


def delete_definition(connection: Connection, definition_id: int) -> None:
    """What it reported stays."""
    connection.execute(text("delete from report_definitions where id = :id"), {"id": definition_id})


def lock_definition(connection: Connection, definition_id: int) -> Any | None:
    """A definition, locked; None where it is gone."""
    return connection.execute(text("select * from report_definitions where id = :id for update"), {"id": definition_id}).one_or_none()


def insert_report(connection: Connection, values: Mapping[str, Any]) -> int | None:
    """Keeps a report; its id, or None where the period is reported already: then another replica was first."""
    made: int | None = connection.execute(_INSERT, {**values, "pictures": json.dumps(values["pictures"])}).scalar_one_or_none()
    return made


def queue_mails(
    connection: Connection, report_id: int, title: str, channel_id: int, recipients: Sequence[str], now: datetime
) -> int:
    """One notice for each recipient; how many. The outbox sends them."""
    for recipient in recipients:
        connection.execute(
            _MAIL, {"report": report_id, "title": title[:300], "channel": channel_id, "recipient": recipient, "now": now}
        )
    return len(recipients)
