"""Tables as files, CSV or XLSX: a device's readings and statistics, the list of devices, alarm performance; and any table that is shown.

Streamed, in the memory of one piece; behind the guard of every page, and of the signed-in person's plant and lines alone. Readings of
several devices are had at `/exports`, by way of `GET /api/v1/readings/export`.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice

import msgspec
import numpy as np
from flask import Blueprint, Flask, Response, request

from dashapp.actions.actor import ActionError, require
from dashapp.actions.exports import TYPES, Export, Format, Pieces, export_pieces
from dashapp.domain.fleet import Role
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.services import Services
from dashapp.sheets import CSV_TYPE, MARK, XLSX_TYPE, Row, attachment, csv_text, iso_times, plain_number, xlsx_pieces
from dashapp.ui import csrf
from dashapp.ui.alarm_admin import performance_data
from dashapp.ui.context import actor, services, tenant_id, visible_devices
from dashapp.ui.device import view as texts
from dashapp.ui.forms import sentence
from dashapp.ui.refusals import refusal
from dashapp.ui.time_range import names_shift
from db.queries.exports import ExportSensor, readings_expected
from db.queries.series import statistics
from db.queries.shifts import shift_calendars
from db.queries.spans import reading_spans
from db.tenancy import tenant_reading

AT_ONCE = 4  # each export that runs holds a connection and a snapshot of the database
FORMS = "any(csv, xlsx)"
READING_FORMS = "any(csv, xlsx, parquet)"
SHOWN = f"/tables/shown.<{FORMS}:form>"
SHOWN_BYTES = 4_000_000
CSV_ROWS = 500  # in one piece
STATISTICS = (
    "device", "sensor", "unit", "from", "to", "mean", "median", "median_of", "std_deviation", "min", "max", "readings", "trend",
    "trend_per_hour",
)  # fmt: skip
DEVICES = (
    "device", "name", "place", "line", "sensor", "value", "unit", "time", "normal_low", "normal_high", "limit_low", "limit_high",
)  # fmt: skip

exports = Blueprint("exports", __name__)
_running = threading.BoundedSemaphore(AT_ONCE)


class ShownTable(msgspec.Struct):
    """What a page shows."""

    name: str
    head: list[str]
    rows: list[list[str | int | float | None]]


def register_exports(server: Flask) -> None:
    """Adds the download routes."""
    server.register_blueprint(exports)


@exports.get(f"/devices/<path:key>/readings.<{READING_FORMS}:form>")
def readings_file(key: str, form: Format) -> Response:
    """`?sensor=` (several or none: all), and a range as the device page has it: `?range=`, or `?from=` and `?to=`."""
    found = _asked(key)
    if isinstance(found, Response):
        return found
    _, sensors, start_us, end_us = found
    return readings_download(sensors, start_us, end_us, form)


@exports.get(f"/devices/<path:key>/statistics.<{FORMS}:form>")
def statistics_file(key: str, form: str) -> Response:
    """One row a sensor over the range."""
    found = _asked(key)
    if isinstance(found, Response):
        return found
    device, sensors, start_us, end_us = found
    stem = texts.file_stem(device.key, "statistics", start_us, end_us)
    return streamed(stem, form, STATISTICS, lambda app, tenant: _statistics_rows(app, tenant, sensors, start_us, end_us))


@exports.get(f"/devices.<{FORMS}:form>")
def devices_file(form: str) -> Response:
    """Every device with what it says now."""
    devices = visible_devices()
    return streamed("devices", form, DEVICES, lambda app, tenant: _device_rows(app, tenant, devices))


@exports.get(f"/alerts/performance.<{FORMS}:form>")
def performance_file(form: str) -> Response:
    """The figures of alarm performance over `?range=`, or `?from=` and `?to=`; for managers."""
    require(actor(), Role.MANAGER)
    zone = services().catalogue.of(tenant_id()).zone
    shown = performance_data.shown_for(services(), actor(), request.args.to_dict(), time.time_ns() // 1000, zone)
    if shown.range.problem:
        return refused(400, shown.range.problem)
    stem = texts.file_stem("alarm-performance", f"{shown.operators}", shown.figures.start_us, shown.figures.end_us)
    head, *rows = performance_data.csv_rows(shown)
    return streamed(stem, form, head, lambda _app, _tenant: iter(rows))


@exports.post(SHOWN)
def shown_table(form: str) -> Response:
    """A table as the page shows it, sent by the page: `{"name", "head", "rows"}`, cells as texts or numbers."""
    if not csrf.is_surely_ours(request):
        return refusal(403, "Not allowed", "Please save the table on its page.")
    request.max_content_length = SHOWN_BYTES
    try:
        asked = msgspec.json.decode(request.get_data(), type=ShownTable)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return refused(400, "The table cannot be read.")
    stem = "".join(c if c.isalnum() or c in "._- " else "-" for c in asked.name)[:80].strip() or "table"
    return streamed(stem, form, asked.head, lambda _app, _tenant: iter(asked.rows))


def readings_download(sensors: Sequence[SensorEntry], start_us: int, end_us: int, form: Format) -> Response:
    """Every reading of these sensors, one sensor after the other; what stops it is said."""
    wanted = tuple(ExportSensor(sensor.id, sensor.device_key, sensor.key, sensor.unit) for sensor in sensors)
    engine = services().database.engine
    with tenant_reading(engine, tenant_id()) as connection:
        expected = readings_expected(connection, [sensor.id for sensor in sensors], start_us, end_us)
    export = Export(tenant_id(), wanted, start_us, end_us, form, expected)
    try:
        pieces = export_pieces(engine, actor(), export)
    except ActionError as error:
        return refused(error.status, f"{sentence(error.reason)}.")
    return _download(pieces, export.name, TYPES[form])


def _asked(key: str) -> Response | tuple[DeviceEntry, list[SensorEntry], int, int]:
    """Device, sensors and range of the request, or the answer that says what is wrong with it."""
    device = next((one for one in visible_devices() if one.key == key), None)
    if device is None:
        return refused(404, f"There is no device {key}.")
    wanted = request.args.getlist("sensor")
    missing = [name for name in wanted if name not in device.sensors]
    if missing:
        return refused(404, f"{key} has no sensor {missing[0]}.")
    sensors = [device.sensors[name] for name in wanted] or list(device.sensors.values())
    if not sensors:
        return refused(404, f"{key} has no sensors.")
    zone = services().catalogue.of(tenant_id()).zone
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        spans = reading_spans(connection, [sensor.id for sensor in sensors])
        calendars = shift_calendars(connection, device.line) if names_shift(request.args.get("range")) else []
    span = (min(s[0] for s in spans.values()), max(s[1] for s in spans.values())) if spans else None
    view = texts.view_of(sensors[0], request.args.to_dict(), span, time.time_ns() // 1000, zone, calendars)
    if problem := view.range.problem:  # a file of another range than was asked for would deceive
        return refused(400, problem)
    return device, sensors, view.start_us, view.end_us


def refused(status: int, reason: str) -> Response:
    """What is wrong, as plain text."""
    return Response(reason + "\n", status, mimetype="text/plain")


def streamed(stem: str, form: str, head: Row, rows: Callable[[Services, int], Iterator[Row]]) -> Response:
    """A table as a download named after `stem`; `rows` runs while it is sent, so it is told beforehand what it needs."""
    if not _running.acquire(blocking=False):
        return Response(
            "Several exports are running. Try again in a moment.\n", 503, {"Retry-After": "5"}, mimetype="text/plain"
        )
    try:
        found = rows(services(), tenant_id())
        made = xlsx_pieces([(stem, head, found)]) if form == "xlsx" else _csv(head, found)
        return _download(_Pieces(made), f"{stem}.{form}", XLSX_TYPE if form == "xlsx" else CSV_TYPE)
    except BaseException:
        _running.release()
        raise


def _csv(head: Row, rows: Iterator[Row]) -> Iterator[bytes]:
    yield MARK.encode() + csv_text([head])
    for some in _batches(rows):
        yield csv_text(some)


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while some := list(islice(rows, CSV_ROWS)):
        yield some


def _download(pieces: "_Pieces | Pieces", name: str, kind: str) -> Response:
    response = Response(pieces, content_type=kind)
    response.headers["Content-Disposition"] = attachment(name)
    response.headers["Cache-Control"] = "no-store"
    return response


class _Pieces:
    """An iterable that gives back its place when it is read to the end or closed, whichever comes first."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._place = ExitStack()
        self._place.callback(_running.release)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        finally:
            self.close()

    def close(self) -> None:
        """Called by the server at the end, and when the client has gone."""
        closing = getattr(self._pieces, "close", None)
        if closing is not None:
            closing()
        self._place.close()


def _statistics_rows(app: Services, tenant: int, sensors: Sequence[SensorEntry], start_us: int, end_us: int) -> Iterator[Row]:
    start, end = iso_times(np.array([start_us, end_us]))
    for sensor in sensors:
        with tenant_reading(app.database.engine, tenant) as connection:
            one = statistics(connection, sensor.id, start_us, end_us)
        names = [sensor.device_key, sensor.key, sensor.unit, start, end]
        if one is None:
            yield [*names, "", "", "", "", "", "", 0, "", ""]
            continue
        sd = "" if np.isnan(one.sd) else one.sd
        moments = [one.mean, one.median, one.median_of, sd, one.min, one.max, one.count]
        yield [*names, *moments, one.trend.direction.value, one.trend.slope_per_hour]


def _device_rows(app: Services, tenant: int, devices: Sequence[DeviceEntry]) -> Iterator[Row]:
    now = app.live.now(tenant)
    for device in devices:
        for sensor in device.sensors.values():
            state = now.get(sensor.id)
            value = None if state is None else plain_number(state.total if sensor.kind == "increment" else state.value)
            at = iso_times(np.array([state.time_us]))[0] if state else None
            limits = [sensor.normal_low, sensor.normal_high, sensor.limit_low, sensor.limit_high]
            yield [device.key, device.name, device.place, device.line, sensor.key, value, sensor.unit, at, *limits]
        if not device.sensors:
            yield [device.key, device.name, device.place, device.line, *[None] * 8]
