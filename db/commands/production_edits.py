"""Writes of what people say of a machine's stops. Only added to; each marks what it changes. Inside a tenant's transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from dashapp.domain.production import Said
from db.columns import from_us
from db.commands.production_marks import mark_production

_INSERT = text(
    "insert into downtime_edits (tenant_id, device_id, what, starts_at, ends_at, open_start, open_end, reason_id, comment, by, at)"
    " values (current_setting('andon.tenant')::int, :device, :what, :start, :end, :open_start, :open_end, :reason, :comment, :by, :at)"
    " returning id"
)


def insert_stop_edit(
    connection: Connection, device_id: int, what: Said, start_us: int, end_us: int, *, by: str, at: datetime,
    open_edges: tuple[bool, bool] = (False, False), reason_id: int | None = None, comment: str = "",
) -> int:  # fmt: skip
    """The edit's id; what it touches is computed anew. See `dashapp.domain.production.StopEdit`."""
    values = {
        "device": device_id, "what": str(what), "start": from_us(start_us), "end": from_us(end_us), "open_start": open_edges[0],
        "open_end": open_edges[1], "reason": reason_id, "comment": comment, "by": by, "at": at,
    }  # fmt: skip
    edit_id: int = connection.execute(_INSERT, values).scalar_one()
    mark_production(connection, start_us, end_us, device_ids=[device_id])
    return edit_id


def insert_reasons(
    connection: Connection, device_id: int, said: Sequence[tuple[int, int, int, str]], *, by: str, after: timedelta
) -> None:
    """Reasons of many whole stops of a machine at once: (start, end, reason id, comment), each given some time after its stop began."""
    rows = [
        {
            "device": device_id, "what": str(Said.REASON), "start": from_us(start_us), "end": from_us(end_us), "open_start": True,
            "open_end": True, "reason": reason_id, "comment": comment, "by": by, "at": from_us(start_us) + after,
        }
        for start_us, end_us, reason_id, comment in said
    ]  # fmt: skip
    if rows:
        connection.execute(text(_INSERT.text.removesuffix(" returning id")), rows)
        mark_production(connection, min(one[0] for one in said), max(one[1] for one in said), device_ids=[device_id])
