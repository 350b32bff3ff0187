"""Imports of history: send a file, say how it is read, check it, start it, take it back. Managers and above. REQUIREMENTS IN-5."""

import threading
from typing import Annotated, Any, Literal

import anyio.from_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from starlette.requests import ClientDisconnect

from dashapp.actions import imports as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.api.problems import Problem
from dashapp.api.rest.common import database_of, services_of
from dashapp.api.routes import Route, StreamRoute
from dashapp.api.security import Manager
from dashapp.api.shapes import Cursor, Id, In, Limit, Out, Page, Time, cut, example
from dashapp.ingest import uploads
from dashapp.ingest.csv_encoding import CsvError
from dashapp.ingest.csv_format import CsvFormat
from dashapp.ingest.csv_plan import Plan, planned_format, preview, sample_of
from dashapp.ingest.services import Services
from dashapp.ingest.uploads import UploadRefused
from db.queries.imports import ImportRow, find_import, import_problems, list_imports
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/imports", tags=["imports"], route_class=Route)
incoming = APIRouter(prefix="/api/v1/imports", tags=["imports"], route_class=StreamRoute)
AT_ONCE = 2  # each holds a thread until the last byte is here
PREVIEW_ROWS = 8
MOST_SHOWN = 1_000
ImportState = Literal[
    "draft", "checking", "checked", "queued", "running", "cancelling", "done", "failed", "cancelled", "interrupted", "undoing", "undone"
]
_places = threading.BoundedSemaphore(AT_ONCE)


class ColumnPlan(In):
    """What becomes of a column: `key` null as guessed, "" left out; the rest is for a sensor that is made."""

    key: str | None = Field(None, max_length=200)
    name: str = Field("", max_length=200)
    unit: str | None = Field(None, max_length=200)
    kind: Literal["", "gauge", "increment", "totalizer", "flag"] = ""


Word = Annotated[str, Field(max_length=1_000)]


class PlanWish(In):
    """Corrections of what is guessed of the file; what is left out stays as guessed. Columns go by their name in the file."""

    encoding: Word = ""
    separator: Word = ""
    decimal: Literal["", ".", ","] = ""
    header: Literal["", "yes", "no"] = ""
    time_column: Word = ""
    clock_column: Word = ""
    time_format: Word = ""
    zone: Word = ""
    device_column: Word | None = None
    sensor_column: Word | None = None
    value_column: Word = ""
    device: Word = ""
    device_name: Word = ""
    columns: dict[Word, ColumnPlan] = Field(default_factory=dict, max_length=2_000)

    model_config = example({"device": "MX-01", "zone": "Europe/Zurich"})


class Import(Out):
    """An import and how far it is. `plan` is what was set, `check` what the dry run found."""

    id: int
    file_name: str
    by: str
    state: ImportState
    note: str
    started_at: Time
    finished_at: Time | None
    rows_read: int
    stored: int
    duplicates: int
    conflicts: int
    refused: int
    removed: int
    first_at: Time | None
    last_at: Time | None
    bytes: int
    bytes_read: int
    plan: dict[str, Any]
    check: dict[str, Any] | None


class Imports(Page):
    """Imports, the newest first."""

    imports: list[Import]


class PreviewRow(Out):
    """A row as it will be read; without a time it is refused, and `wrong` says why by column."""

    line: int
    time: Time | None
    device: str
    values: dict[str, float | None]
    wrong: dict[str, str]


class ColumnOut(Out):
    """A column of the file, and the sensor that it goes to."""

    name: str
    sensor: str | None
    unit: str | None


class Understood(Out):
    """How the file is read."""

    encoding: str
    separator: str
    decimal: str
    has_header: bool
    layout: Literal["wide", "long"]
    time_columns: list[str]
    time_format: str | None
    zone: str
    device_column: str | None
    sensor_column: str | None
    value_column: str | None
    columns: list[ColumnOut]
    rows: list[PreviewRow]


class Trouble(Out):
    """A row that was not stored, and why."""

    line: int
    kind: str
    what: str
    reason: str
    value: str | float | None
    kept: str | float | None


class _Body:
    """The bytes of a request that come in on the event loop, read from a thread."""

    def __init__(self, request: Request) -> None:
        self._pieces = request.stream()
        self._rest = b""

    def read(self, most: int) -> bytes:
        """At most so many bytes; b"" at the end."""
        while not self._rest:
            try:
                self._rest = anyio.from_thread.run(self._pieces.__anext__)
            except StopAsyncIteration:
                return b""
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece


@incoming.post(
    "",
    status_code=201,
    openapi_extra={"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": "time,temperature\n"
    "2026-01-05T06:00:00Z,71.5\n2026-01-05T06:01:00Z,71.9\n"}}}},
)  # fmt: skip
def post_import(
    request: Request, response: Response, actor: Manager,
    file_name: Annotated[str, Query(min_length=1, max_length=200, examples=["press.csv"])],
) -> Import:  # fmt: skip
    """The body is the file. It waits until it was checked and started; `…/preview` says how it is understood."""
    services, size = services_of(request), int(request.headers.get("content-length") or 0)
    if not size and "transfer-encoding" in request.headers:
        raise Problem(411, "Not taken", "The request does not say how long the file is.", field="Content-Length", reason="missing")
    if not _places.acquire(blocking=False):
        raise Problem(503, "Not now", "Other files are being sent. Try again in a moment.", headers={"Retry-After": "10"})
    try:
        uploads.check_room(services.settings, size)
        kept = uploads.receive(services.settings, _Body(request).read, size)
    except UploadRefused as refused:
        raise Problem(refused.status, "Not taken", refused.reason, field="body", reason=refused.reason) from refused
    except ClientDisconnect as gone:
        raise Problem(400, "Not taken", "The connection ended before the whole file was here.", field="body", reason="cut off") from gone
    finally:
        _places.release()
    import_id = actions.register_upload(services.database, actor, file_name, kept, size)
    response.headers["Location"] = f"/api/v1/imports/{import_id}"
    return _json(_row(request, actor, import_id))


@router.get("")
def get_imports(request: Request, actor: Manager, limit: Limit = 50, cursor: Cursor = None) -> Imports:
    """Every import of the last thousand."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        rows = list_imports(connection, MOST_SHOWN)
    page, following = cut(rows, lambda row: [-row.id], limit, cursor)
    return Imports(imports=[_json(row) for row in page], next_cursor=following)


@router.get("/{import_id}")
def get_import(request: Request, actor: Manager, import_id: Id) -> Import:
    """One import."""
    return _json(_row(request, actor, import_id))


@router.get("/{import_id}/preview")
def get_preview(request: Request, actor: Manager, import_id: Id) -> Understood:
    """How the file is read by its plan, with its first rows. 422 says what is to be set where that cannot be told."""
    services, row = services_of(request), _row(request, actor, import_id)
    path = uploads.path_of(services.settings, row.upload)
    if path is None:
        raise ActionError("import_id", "the file is no longer on this server", status=409)
    try:
        fmt = _format(services, actor, row)
        rows = preview(path, fmt, PREVIEW_ROWS)
    except CsvError as error:
        raise ActionError(error.field, error.reason) from error
    return Understood(
        encoding=fmt.encoding, separator=fmt.separator, decimal=fmt.decimal, has_header=fmt.has_header, layout=fmt.layout,
        time_columns=list(fmt.time_columns), time_format=fmt.time_format, zone=fmt.zone, device_column=fmt.device_column,
        sensor_column=fmt.sensor_column, value_column=fmt.value_column,
        columns=[ColumnOut(name=column.name, sensor=column.sensor_key, unit=column.unit) for column in fmt.columns],
        rows=[PreviewRow(line=one.line, time=one.time_us, device=one.device, values=one.values, wrong=one.wrong) for one in rows],
    )  # fmt: skip


@router.get("/{import_id}/problems")
def get_problems(request: Request, actor: Manager, import_id: Id) -> list[Trouble]:
    """What was not stored, in the order of the file: the first thousand rows of it."""
    _row(request, actor, import_id)
    found: list[Trouble] = []
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        for piece in import_problems(connection, import_id):
            found += [Trouble(**dict(zip(Trouble.model_fields, row, strict=True))) for row in piece]
            if len(found) >= MOST_SHOWN:
                break
    return found[:MOST_SHOWN]


@router.put("/{import_id}/plan")
def put_plan(request: Request, actor: Manager, import_id: Id, wish: PlanWish) -> Import:
    """Keeps how the file is to be read; what was checked before counts no more."""
    try:
        plan = Plan.of(wish.model_dump(exclude_unset=True))
    except CsvError as error:
        raise ActionError(error.field, error.reason) from error
    actions.plan_import(database_of(request), actor, import_id, plan.json())
    return _json(_row(request, actor, import_id))


@router.post("/{import_id}/check")
def check_import(request: Request, actor: Manager, import_id: Id) -> Import:
    """Has the whole file read and compared, without storing any of it."""
    services, row = services_of(request), _row(request, actor, import_id)
    if row.state in ("draft", "checked"):
        try:
            plan, fmt = Plan.of(row.detail.get("plan")), _format(services, actor, row)
        except CsvError as error:
            raise ActionError(error.field, error.reason) from error
        if fmt.device_column is None and not plan.device.strip():
            raise ActionError("device", "say by the plan which device the file is of")
        devices = None if fmt.device_column is not None else [plan.device]
    else:
        devices = None
    actions.check_import(services.database, actor, import_id, devices=devices)
    services.imports_wanted.set()
    return _json(_row(request, actor, import_id))


@router.post("/{import_id}/start")
def start_import(request: Request, actor: Manager, import_id: Id) -> Import:
    """Stores one that was checked, or one that stopped before its end: what is there stays."""
    actions.start_import(database_of(request), actor, import_id)
    services_of(request).imports_wanted.set()
    return _json(_row(request, actor, import_id))


@router.post("/{import_id}/cancel")
def cancel_import(request: Request, actor: Manager, import_id: Id) -> Import:
    """Stops it where it is."""
    actions.cancel_import(database_of(request), actor, import_id)
    return _json(_row(request, actor, import_id))


@router.post("/{import_id}/undo")
def undo_import(request: Request, actor: Manager, import_id: Id) -> Import:
    """Has everything taken back that it stored and made."""
    actions.undo_import(database_of(request), actor, import_id)
    services_of(request).imports_wanted.set()
    return _json(_row(request, actor, import_id))


@router.delete("/{import_id}", status_code=204)
def delete_import(request: Request, actor: Manager, import_id: Id) -> None:
    """Throws the file away, and the import where it stored nothing."""
    services = services_of(request)
    uploads.remove(services.settings, actions.discard_import(services.database, actor, import_id))


def _row(request: Request, actor: Actor, import_id: int) -> ImportRow:
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        row = find_import(connection, import_id)
    if row is None:
        raise ActionError("import_id", "there is no such import", status=404)
    return row


def _format(services: Services, actor: Actor, row: ImportRow) -> CsvFormat:
    """The format that the file is read by. Raises CsvError, ActionError where it is not here."""
    path = uploads.path_of(services.settings, row.upload)
    if path is None:
        raise ActionError("import_id", "the file is no longer on this server", status=409)
    zone = services.catalogue.of(actor.tenant_id).zone
    return planned_format(sample_of(path), Plan.of(row.detail.get("plan")), zone=zone, file_name=row.file_name)


def _json(row: ImportRow) -> Import:
    values = {name: getattr(row, name) for name in Import.model_fields if name not in ("plan", "check")}
    return Import(**values, plan=row.detail.get("plan") or {}, check=row.detail.get("check"))


