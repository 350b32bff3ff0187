"""Readings by the million, on their way out: which sensors, how many, and piece by piece.

A piece is one statement in a transaction of its own, which goes on where the piece before ended (by the primary key: sensor, then time).
So an export of any length holds neither a snapshot nor a connection while its reader is slow, and stops within a piece when the reader has
gone. PostgreSQL itself writes the lines of a CSV: this process hands bytes on, and its interpreter stays free for the pages.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection, Engine, text

from db.columns import DAY_US, HOUR_US, driver, fetch_columns, from_us, ids_array
from db.queries.series import Readings
from db.tenancy import tenant_reading

CSV_ROWS = 20_000  # a piece of about 1.2 MB
PIECE_ROWS = 50_000  # a row group of Parquet

SENSORS = """
select s.id, d.key as device, s.key as sensor, s.unit, coalesce(d.line, '') as line from sensors s
join devices d on d.tenant_id = s.tenant_id and d.id = s.device_id
where cast(:device as int) is null or d.id = :device
order by d.key, s.position, s.id"""

# Whole hours by their sums, the rest by counting; a tenant of which nothing was closed yet has no sums.
EXPECTED = """
with done as (select least(%(end)s, coalesce((select max(computed_to) from rollup_progress), '-infinity')) as at),
edges as (select least(%(first)s, %(end)s) as low, greatest(least(%(first)s, %(end)s), least(at, %(last)s)) as high from done)
select coalesce((select sum(count)::bigint from {table} r where sensor_id = any(%(ids)b)
         and bucket >= (select low from edges) and bucket < (select high from edges)), 0)
     + (select count(*) from readings where sensor_id = any(%(ids)b) and time >= %(start)s and time < (select low from edges))
     + (select count(*) from readings where sensor_id = any(%(ids)b) and time >= (select high from edges) and time < %(end)s)"""

_RANGE = "sensor_id = %(sensor)s and time >= %(start)s and time < %(end)s order by time limit %(rows)s"

# The text of a time to the millisecond, or to the microsecond where something is finer.
_LINES = """
select string_agg(
         to_char(time, {form}) || %(names)s || value || %(unit)s || quality
         || case flags when 0 then E',\\r\\n' when 1 then E',late\\r\\n' when 2 then E',delayed\\r\\n' else E',late delayed\\r\\n' end, ''),
       count(*), (extract(epoch from max(time)) * 1000000)::bigint, bool_or(date_trunc('milliseconds', time) <> time)
from (select time, value, quality, flags from readings where """ + _RANGE + ") r"
_TO_MILLISECONDS = """'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'"""
_TO_MICROSECONDS = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
_COLUMNS = ("sensor_id", "time", "value", "quality", "flags", "received_at")
_ROWS = f"select {', '.join(_COLUMNS)} from readings where " + _RANGE


@dataclass(frozen=True, slots=True)
class ExportSensor:
    """One sensor of an export, by the names that stand in the file."""

    id: int
    device: str
    sensor: str
    unit: str
    line: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """A piece of a CSV, and how many readings it holds."""

    text: bytes
    rows: int


def export_sensors(connection: Connection, device_id: int | None = None) -> list[ExportSensor]:
    """Every sensor of the plant, or of one device, by device and in its device's order."""
    return [ExportSensor(*row) for row in connection.execute(text(SENSORS), {"device": device_id})]


def readings_expected(connection: Connection, sensor_ids: Sequence[int], start_us: int, end_us: int) -> int:
    """How many readings a range holds: exactly, but for what arrived late and is not yet in the sums."""
    if not sensor_ids or end_us <= start_us:
        return 0
    table, width = ("rollup_hour", HOUR_US) if end_us - start_us <= 60 * DAY_US else ("rollup_day", DAY_US)
    parameters = {
        "ids": ids_array(sensor_ids), "start": from_us(start_us), "end": from_us(end_us),
        "first": from_us(-(-start_us // width) * width), "last": from_us(end_us // width * width),
    }  # fmt: skip
    row = driver(connection).execute(EXPECTED.format(table=table).encode(), parameters).fetchone()
    return int(row[0]) if row else 0


def csv_pieces(
    engine: Engine, tenant_id: int, sensor: ExportSensor, names: str, unit: str, start_us: int, end_us: int, *, rows: int = CSV_ROWS
) -> Iterator[Lines]:
    """The lines `time,{names},value,{unit},quality,note` of one sensor, in order of time; `names` and `unit` as they stand in a CSV."""
    form = _TO_MILLISECONDS
    while start_us < end_us:
        parameters = {
            "sensor": sensor.id, "start": from_us(start_us), "end": from_us(end_us), "rows": rows,
            "names": f",{names},", "unit": f",{unit},",
        }  # fmt: skip
        with tenant_reading(engine, tenant_id) as connection:
            found = driver(connection).execute(_LINES.format(form=form).encode(), parameters).fetchone()
            if found and found[3] and form == _TO_MILLISECONDS:
                form = _TO_MICROSECONDS
                found = driver(connection).execute(_LINES.format(form=form).encode(), parameters).fetchone()
        if found is None or not found[1]:
            return
        yield Lines(found[0].encode(), int(found[1]))
        if found[1] < rows:
            return
        start_us = int(found[2]) + 1


def column_pieces(
    engine: Engine, tenant_id: int, sensor_id: int, start_us: int, end_us: int, *, rows: int = PIECE_ROWS
) -> Iterator[Readings]:
    """The readings of one sensor as columns, in order of time."""
    while start_us < end_us:
        parameters = {"sensor": sensor_id, "start": from_us(start_us), "end": from_us(end_us), "rows": rows}
        with tenant_reading(engine, tenant_id) as connection:
            piece = Readings(*fetch_columns(connection, _COLUMNS, _ROWS, parameters))
        if not len(piece):
            return
        yield piece.take(np.argsort(piece.time_us, kind="stable"))
        if len(piece) < rows:
            return
        start_us = int(piece.time_us.max()) + 1
