"""Planned maintenance: windows in which a device, a group, a line or the whole plant is out of service. REQUIREMENTS AL-4."""

from datetime import UTC, datetime, timedelta

from fastapi import APIRouter, Request
from pydantic import Field

from dashapp.actions.actor import ActionError
from dashapp.actions.maintenance import Window, end_window_now, plan_window
from dashapp.api.rest.common import database_of, device_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager, Viewer
from dashapp.api.shapes import Cursor, From, Id, In, Limit, Number, Out, Page, Time, To, When, cut, example
from db.queries.maintenance import WindowRow, maintenance_windows
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/maintenance", tags=["maintenance"], route_class=Route)
SPAN = timedelta(days=365)


class WindowWish(In):
    """When, what and why. One of a device, a group and a line; none of them is the whole plant."""

    starts_at: When
    ends_at: When
    reason: str = Field(min_length=1, max_length=500)
    machine_id: str | None = Field(None, max_length=100)
    group_id: Number | None = None
    line: str | None = Field(None, min_length=1, max_length=200)

    model_config = example(
        {"starts_at": "2099-05-01T06:00:00Z", "ends_at": "2099-05-01T10:00:00Z", "reason": "Bearing is changed", "machine_id": "MX-01"}
    )  # fmt: skip


class WindowOut(Out):
    """A window; `began_at` and `ended_at` are null until it is so."""

    id: int
    device_id: int | None
    device_name: str | None
    group_id: int | None
    group_name: str | None
    line: str | None
    starts_at: Time
    ends_at: Time
    reason: str
    by: str
    began_at: Time | None
    ended_at: Time | None


class Windows(Page):
    """Windows in the order in which they begin."""

    windows: list[WindowOut]


@router.get("")
def list_windows(
    request: Request, actor: Viewer, since: From = None, to: To = None, limit: Limit = 100, cursor: Cursor = None
) -> Windows:
    """Windows that overlap a range; without one, from now on for a year."""
    now = datetime.now(UTC)
    low = since or now
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = maintenance_windows(connection, low, to or max(low, now) + SPAN)
    page, following = cut(found, _place, limit, cursor)
    return Windows(windows=[WindowOut.model_validate(row) for row in page], next_cursor=following)


@router.post("", status_code=201)
def post_window(request: Request, actor: Manager, wish: WindowWish) -> WindowOut:
    """Plans one. One that has begun by its own time begins within a second."""
    device_id = None if wish.machine_id is None else device_of(request, actor, wish.machine_id).id
    window = Window(wish.starts_at, wish.ends_at, wish.reason, device_id, wish.group_id, wish.line)
    window_id = plan_window(database_of(request), actor, window)
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = maintenance_windows(connection, datetime.now(UTC) - SPAN, wish.ends_at)
    row = next((row for row in found if row.id == window_id), None)
    if row is None:
        raise ActionError("window_id", "it was taken back as it was made", status=409)
    return WindowOut.model_validate(row)


@router.delete("/{window_id}", status_code=204)
def delete_window(request: Request, actor: Manager, window_id: Id) -> None:
    """Ends one that is on, or takes back one that has not begun. 409 where it has ended."""
    end_window_now(database_of(request), actor, window_id)


def _place(row: WindowRow) -> list[object]:
    return [row.starts_at.isoformat(), row.id]
