"""Downloads as CSV: the readings of a range, its statistics, the list of devices.

Streamed, at any length, in the memory of one piece; behind the guard of every page, and of the signed-in person's plant and
lines alone.
"""

import csv
import io
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import numpy as np
from flask import Blueprint, Flask, Response, request

from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.services import Services
from dashapp.ui.context import services, tenant_id, visible_devices
from dashapp.ui.device import view as texts
from db.queries.series import Readings, statistics, stream_readings
from db.queries.spans import reading_spans
from db.tenancy import tenant_reading

AT_ONCE = 4  # each export that runs holds a connection and a snapshot of the database
MARK = "\ufeff"  # tells spreadsheets that it is UTF-8
FORMULA = re.compile(r"^\s*[=+\-@]|^[\t\r]")
FLAG_WORDS = {0: "", 1: "late", 2: "delayed", 3: "late delayed"}

exports = Blueprint("exports", __name__)
_running = threading.BoundedSemaphore(AT_ONCE)


def register_exports(server: Flask) -> None:
    """Adds the download routes."""
    server.register_blueprint(exports)


@exports.get("/devices/<path:key>/readings.csv")
def readings_csv(key: str) -> Response:
    """`?sensor=` (several or none: all), and a range as the device page has it: `?range=`, or `?from=` and `?to=`."""
    found = _asked(key)
    if isinstance(found, Response):
        return found
    device, sensors, start_us, end_us = found
    names = (
        "-".join(sensor.key for sensor in sensors) if len(sensors) < len(device.sensors) or len(sensors) == 1 else "all"
    )
    stem = texts.file_stem(device.key, names, start_us, end_us)
    return _streamed(stem, lambda app, tenant: _reading_rows(app, tenant, sensors, start_us, end_us))


@exports.get("/devices/<path:key>/statistics.csv")
def statistics_csv(key: str) -> Response:
    """One row a sensor over the range."""
    found = _asked(key)
    if isinstance(found, Response):
        return found
    device, sensors, start_us, end_us = found
    stem = texts.file_stem(device.key, "statistics", start_us, end_us)
    return _streamed(stem, lambda app, tenant: _statistics_rows(app, tenant, sensors, start_us, end_us))


@exports.get("/devices.csv")
def devices_csv() -> Response:
    """Every device with what it says now."""
    devices = visible_devices()
    return _streamed("devices", lambda app, tenant: _device_rows(app, tenant, devices))


def csv_cell(value: Any) -> Any:
    """A cell that a spreadsheet reads as what it is: text that would run as a formula gets an apostrophe before it."""
    if isinstance(value, str) and FORMULA.match(value):
        return "'" + value
    return value


def csv_text(rows: Iterable[Sequence[Any]]) -> bytes:
    """Rows as CSV, guarded, in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def iso_times(time_us: "np.ndarray[Any, np.dtype[np.int64]]") -> list[str]:
    """RFC 3339 in UTC, to the millisecond where nothing is finer; shape (n,)."""
    unit = "us" if (time_us % 1000).any() else "ms"
    return [text + "Z" for text in np.datetime_as_string(time_us.astype("datetime64[us]"), unit=unit).tolist()]


def _asked(key: str) -> Response | tuple[DeviceEntry, list[SensorEntry], int, int]:
    """Device, sensors and range of the request, or the answer that says what is wrong with it."""
    device = next((one for one in visible_devices() if one.key == key), None)
    if device is None:
        return _refused(404, f"There is no device {key}.")
    wanted = request.args.getlist("sensor")
    missing = [name for name in wanted if name not in device.sensors]
    if missing:
        return _refused(404, f"{key} has no sensor {missing[0]}.")
    sensors = [device.sensors[name] for name in wanted] or list(device.sensors.values())
    if not sensors:
        return _refused(404, f"{key} has no sensors.")
    zone = services().catalogue.of(tenant_id()).zone
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        spans = reading_spans(connection, [sensor.id for sensor in sensors])
    span = (min(s[0] for s in spans.values()), max(s[1] for s in spans.values())) if spans else None
    view = texts.view_of(sensors[0], request.args.to_dict(), span, time.time_ns() // 1000, zone)
    if problem := view.range.problem:  # a file of another range than was asked for would deceive
        return _refused(400, problem)
    return device, sensors, view.start_us, view.end_us


def _refused(status: int, reason: str) -> Response:
    return Response(reason + "\n", status, mimetype="text/plain")


def _streamed(stem: str, rows: Callable[[Services, int], Iterator[bytes]]) -> Response:
    """A download named after `stem`; `rows` runs while it is sent, so it is told beforehand what it needs."""
    if not _running.acquire(blocking=False):
        return Response(
            "Several exports are running. Try again in a moment.\n", 503, {"Retry-After": "5"}, mimetype="text/plain"
        )
    try:
        pieces = rows(services(), tenant_id())
        response = Response(_Pieces(pieces), mimetype="text/csv; charset=utf-8")  # type: ignore[arg-type]
    except BaseException:
        _running.release()
        raise
    response.headers["Content-Disposition"] = (
        f"attachment; filename*=UTF-8''{quote(stem)}.csv; filename=\"{_plain(stem)}.csv\""
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _plain(stem: str) -> str:
    return stem.encode("ascii", "replace").decode().replace("?", "-")


class _Pieces:
    """An iterable that gives back its place when it is read to the end or closed, whichever comes first."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._place = ExitStack()
        self._place.callback(_running.release)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield MARK.encode()
            yield from self._pieces
        finally:
            self.close()

    def close(self) -> None:
        """Called by the server at the end, and when the client has gone."""
        closing = getattr(self._pieces, "close", None)
        if closing is not None:
            closing()
        self._place.close()


def _reading_rows(
    app: Services, tenant: int, sensors: Sequence[SensorEntry], start_us: int, end_us: int
) -> Iterator[bytes]:
    yield csv_text([["time", "device", "sensor", "value", "unit", "quality", "note"]])
    by_id = {sensor.id: sensor for sensor in sensors}
    with tenant_reading(app.database.engine, tenant) as connection:
        for piece in stream_readings(connection, list(by_id), start_us, end_us):
            yield _reading_lines(piece, by_id[int(piece.sensor_id[0])])


def _reading_lines(piece: Readings, sensor: SensorEntry) -> bytes:
    """One piece, of one sensor: only time, value, quality and note differ from line to line."""
    device, name, unit = (
        csv_text([["", text]]).decode()[1:-2] for text in (sensor.device_key, sensor.key, sensor.unit)
    )
    columns = zip(
        iso_times(piece.time_us), piece.value.tolist(), piece.quality.tolist(), piece.flags.tolist(), strict=True
    )
    # repr keeps every digit of a double, so that what is exported can be imported again.
    lines = [
        f"{at},{device},{name},{_number(value)},{unit},{quality},{FLAG_WORDS.get(flags, '')}\r\n"
        for at, value, quality, flags in columns
    ]
    return "".join(lines).encode()


def _number(value: float) -> int | float:
    """A whole number without its point."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def _statistics_rows(
    app: Services, tenant: int, sensors: Sequence[SensorEntry], start_us: int, end_us: int
) -> Iterator[bytes]:
    head = [
        "device",
        "sensor",
        "unit",
        "from",
        "to",
        "mean",
        "median",
        "median_of",
        "std_deviation",
        "min",
        "max",
        "readings",
    ]
    yield csv_text([[*head, "trend", "trend_per_hour"]])
    start, end = iso_times(np.array([start_us, end_us]))
    for sensor in sensors:
        with tenant_reading(app.database.engine, tenant) as connection:
            one = statistics(connection, sensor.id, start_us, end_us)
        names = [sensor.device_key, sensor.key, sensor.unit, start, end]
        if one is None:
            yield csv_text([[*names, "", "", "", "", "", "", 0, "", ""]])
            continue
        sd = "" if np.isnan(one.sd) else one.sd
        moments = [one.mean, one.median, one.median_of, sd, one.min, one.max, one.count]
        yield csv_text([[*names, *moments, one.trend.direction.value, one.trend.slope_per_hour]])


def _device_rows(app: Services, tenant: int, devices: Sequence[DeviceEntry]) -> Iterator[bytes]:
    yield csv_text(
        [
            [
                "device",
                "name",
                "place",
                "line",
                "sensor",
                "value",
                "unit",
                "time",
                "normal_low",
                "normal_high",
                "limit_low",
                "limit_high",
            ]
        ]
    )
    now = app.live.now(tenant)
    for device in devices:
        rows = []
        for sensor in device.sensors.values():
            state = now.get(sensor.id)
            value = None if state is None else _number(state.total if sensor.kind == "increment" else state.value)
            at = iso_times(np.array([state.time_us]))[0] if state else None
            limits = [sensor.normal_low, sensor.normal_high, sensor.limit_low, sensor.limit_high]
            rows.append(
                [device.key, device.name, device.place, device.line, sensor.key, value, sensor.unit, at, *limits]
            )
        yield csv_text(rows or [[device.key, device.name, device.place, device.line, *[None] * 8]])
