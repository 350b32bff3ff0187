"""Readings for somebody to take along: what, of when, as which file; streamed, at any length, in the memory of one piece."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Engine

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import Role
from dashapp.sheets import CSV_TYPE, MARK, XLSX_TYPE, csv_text, plain_number, sheet_times, xlsx_pieces
from db.queries.exports import ExportSensor, column_pieces, csv_pieces, export_sensors, readings_expected
from db.queries.series import Readings
from db.tenancy import tenant_reading

Format = Literal["csv", "parquet", "xlsx"]
FORMATS: tuple[Format, ...] = get_args(Format)
TYPES: dict[str, str] = {"csv": CSV_TYPE, "parquet": "application/vnd.apache.parquet", "xlsx": XLSX_TYPE}
HEAD = ("time", "device", "sensor", "value", "unit", "quality", "note")
NOTES = ("", "late", "delayed", "late delayed")  # by a reading's flags
AT_ONCE, AT_ONCE_EACH = 6, 2  # exports that run at a time: in this process, and of one person
MOST_SENSORS = 10_000
SHEET_ROWS = 100_000  # readings in a workbook: it is made cell by cell, and takes seconds


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: nothing named is everything. A sensor is a key (of each device that has one) or `DEVICE/KEY`."""

    start_us: int
    end_us: int
    format: str = "csv"
    devices: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """What is exported. `expected` is the number of readings by the sums of hours: what is imported meanwhile may come on top."""

    tenant_id: int
    sensors: tuple[ExportSensor, ...]
    start_us: int
    end_us: int
    format: Format
    expected: int

    @property
    def name(self) -> str:
        """The file's name: `MX-01_temperature_2026-11-14T1005Z_2026-11-14T1105Z.csv`."""
        ends = [datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H%MZ") for us in (self.start_us, self.end_us)]
        devices, sensors = ({getattr(one, field) for one in self.sensors} for field in ("device", "sensor"))
        parts = [_only(devices, "devices"), _only(sensors, "sensors"), *ends]
        return "_".join("".join(c if c.isalnum() or c in "._-" else "-" for c in part) for part in parts) + f".{self.format}"


def plan_export(engine: Engine, actor: Actor, wish: Wish) -> Export:
    """Looks the wish up, within the person's lines. Raises ActionError where there is no such device or sensor, or nothing is asked for."""
    require(actor, Role.VIEWER)
    if wish.format not in FORMATS:
        raise ActionError("format", f"one of {', '.join(FORMATS)} is expected")
    if wish.end_us <= wish.start_us:
        raise ActionError("to", "the end of the range must be after its start")
    with tenant_reading(engine, actor.tenant_id) as connection:
        sensors = _wanted(connection, actor, wish)
        expected = readings_expected(connection, [one.id for one in sensors], wish.start_us, wish.end_us)
    form: Format = next(one for one in FORMATS if one == wish.format)
    return Export(actor.tenant_id, tuple(sensors), wish.start_us, wish.end_us, form, expected)


def export_pieces(engine: Engine, actor: Actor, export: Export) -> "Pieces":
    """The file, piece by piece. Raises ActionError where it is too long for its format or too many exports run already.

    To be closed where it is not read to its end: its place is kept until then.
    """
    if export.format == "xlsx" and export.expected > SHEET_ROWS:
        reason = f"a workbook takes {SHEET_ROWS:,} readings and these are about {export.expected:,}"
        raise ActionError("format", f"{reason}: choose CSV or Parquet, or a shorter range")
    place = _take_place(actor)
    make = {"csv": _csv, "parquet": _parquet, "xlsx": _xlsx}[export.format]
    return Pieces(make(engine, export), place)


def running_exports(actor: Actor | None = None) -> int:
    """How many run now, of one person or of all."""
    with _lock:
        return _running.total() if actor is None else _running[_who(actor)]


class Pieces:
    """An iterator that gives its place back at its end or when it is closed, whichever comes first."""

    def __init__(self, pieces: Iterator[bytes], place: tuple[int, str]) -> None:
        self._pieces = pieces
        self._place: tuple[int, str] | None = place

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends what runs: no further piece is asked of the database."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
        with _lock:
            place, self._place = self._place, None
            if place is not None:
                _running[place] -= 1

    def __del__(self) -> None:
        self.close()


_lock = threading.RLock()
_running: Counter[tuple[int, str]] = Counter()


def _who(actor: Actor) -> tuple[int, str]:
    return actor.home, actor.label


def _take_place(actor: Actor) -> tuple[int, str]:
    place = _who(actor)
    with _lock:
        if _running[place] >= AT_ONCE_EACH:
            raise ActionError("export", f"{AT_ONCE_EACH} exports of yours are running; wait until one is done, or stop it", status=429)
        if _running.total() >= AT_ONCE:
            raise ActionError("export", "several exports are running; try again in a moment", status=503)
        _running[place] += 1
    return place


def _wanted(connection: Connection, actor: Actor, wish: Wish) -> list[ExportSensor]:
    seen = [one for one in export_sensors(connection, actor.device_id) if actor.lines is None or one.line in actor.lines]
    known = {one.device for one in seen}
    for key in wish.devices:
        if key not in known:
            raise ActionError("device", f"there is no device {key}, or it has no sensors", status=404)
    for line in wish.lines:
        if line not in {one.line for one in seen}:
            raise ActionError("line", f"there is no line {line}", status=404)
    found = [one for one in seen if (not wish.devices or one.device in wish.devices) and (not wish.lines or one.line in wish.lines)]
    if wish.sensors:
        for key in wish.sensors:
            if not any(key in (one.sensor, f"{one.device}/{one.sensor}") for one in found):
                raise ActionError("sensor", f"there is no sensor {key}", status=404)
        found = [one for one in found if one.sensor in wish.sensors or f"{one.device}/{one.sensor}" in wish.sensors]
    if not found:
        raise ActionError("device", "there are no sensors to export", status=404)
    if len(found) > MOST_SENSORS:
        raise ActionError("sensor", f"at most {MOST_SENSORS:,} sensors at a time, and these are {len(found):,}")
    return found


def _only(names: set[str], what: str) -> str:
    return next(iter(names)) if len(names) == 1 else f"{len(names)}-{what}"


def csv_head() -> bytes:
    """The first line of a CSV of readings."""
    return MARK.encode() + csv_text([HEAD])


def _csv(engine: Engine, export: Export) -> Iterator[bytes]:
    yield csv_head()
    yield from csv_lines(engine, export.tenant_id, export.sensors, export.start_us, export.end_us)


def csv_lines(engine: Engine, tenant_id: int, sensors: Iterable[ExportSensor], start_us: int, end_us: int) -> Iterator[bytes]:
    """Readings as lines, sensor by sensor, each in order of time."""
    for sensor in sensors:
        names, unit = _cells(sensor.device, sensor.sensor), _cells(sensor.unit)
        for piece in csv_pieces(engine, tenant_id, sensor, names, unit, start_us, end_us):
            yield piece.text


def _cells(*texts: str) -> str:
    """Texts as cells of a CSV, guarded. The empty one before them keeps a single empty text from being quoted."""
    return csv_text([["", *texts]]).decode()[1:-2]


def _parquet(engine: Engine, export: Export) -> Iterator[bytes]:
    """One row group a piece, compressed with zstd: times in UTC to the microsecond, names as dictionaries."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [
            ("time", pa.timestamp("us", tz="UTC")), ("device", name), ("sensor", name), ("value", pa.float64()), ("unit", name),
            ("quality", pa.int16()), ("note", name),
        ]
    )  # fmt: skip
    sink = _Sink()
    pool = pa.system_memory_pool()  # gives memory back; the default keeps what it had at most
    with pq.ParquetWriter(sink, schema, compression="zstd", memory_pool=pool) as writer:
        for sensor in export.sensors:
            for piece in column_pieces(engine, export.tenant_id, sensor.id, export.start_us, export.end_us):
                writer.write_table(_table(pa, piece, sensor, schema))
                yield sink.take()
    yield sink.take()


def _table(pa: Any, piece: Readings, sensor: ExportSensor, schema: Any) -> Any:
    def same(text: str) -> Any:
        return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(piece)), pa.array([text]))

    notes = pa.DictionaryArray.from_arrays(pa.array(piece.flags.astype("int32") & 3), pa.array(NOTES))
    columns = [
        pa.array(piece.time_us).cast(pa.timestamp("us", tz="UTC")), same(sensor.device), same(sensor.sensor), pa.array(piece.value),
        same(sensor.unit), pa.array(piece.quality), notes,
    ]  # fmt: skip
    return pa.table(columns, schema=schema)


class _Sink:
    """What a writer of files takes for a file: keeps what was written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """What was written may still be taken."""
        self.closed = True

    def take(self) -> bytes:
        """What was written since."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _xlsx(engine: Engine, export: Export) -> Iterator[bytes]:
    return xlsx_pieces([("Readings", ("time (UTC)", *HEAD[1:]), _reading_rows(engine, export))])


def _reading_rows(engine: Engine, export: Export) -> Iterator[Sequence[Any]]:
    for sensor in export.sensors:
        for piece in column_pieces(engine, export.tenant_id, sensor.id, export.start_us, export.end_us, rows=10_000):
            columns = zip(sheet_times(piece.time_us), piece.value.tolist(), piece.quality.tolist(), piece.flags.tolist(), strict=True)
            for at, value, quality, flags in columns:
                yield at, sensor.device, sensor.sensor, plain_number(value), sensor.unit, quality, NOTES[flags & 3]
