"""Understands an export by its first bytes: encoding, separator, header, where time and values stand, what the columns
are called.

Pure: bytes in, a `CsvFormat` out; `csv_rows.read_chunks` reads a file by it. What was guessed can be looked at and
replaced field by field (`dataclasses.replace`) before anything is read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dashapp.ingest.csv_columns import VALUE_NAMES, Roles, find_roles
from dashapp.ingest.csv_encoding import CsvError, decode
from dashapp.ingest.csv_names import key_of_file, sensor_key, slug, unique, unit_of
from dashapp.ingest.csv_numbers import looks_decimal_comma, shown
from dashapp.ingest.csv_table import Table, find_table
from dashapp.ingest.csv_times import TIME_OF_DAY, match_shape
from dashapp.ingest.csv_zones import zone_exists

__all__ = ["Column", "CsvError", "CsvFormat", "Told", "guess_format", "sensor_key", "table_of", "unit_of"]

_SAMPLE_LINES = 2_000
_SAMPLE_CELLS = 200_000
_US_ZONES = ("America/", "US/", "UTC", "Etc/UTC", "GMT")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file, in its order. `sensor_key` None: not imported. `unit` as shown ("°C"). `numeric_share`:
    how much of what the sample holds in it is numbers, 0–1, and 0 where it holds nothing.
    """

    name: str
    sensor_key: str | None
    unit: str | None
    numeric_share: float


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How to read a file.

    `encoding` is a Python codec; `separator` one of , ; tab |; `decimal` "." or ",". `columns` are all columns in the
    file's order (named column_1 … where there is no header), and the other columns are given by name. `time_columns`
    are joined by a blank before they are read by `time_format`: "ISO8601", "epoch_s", "epoch_ms", "epoch_us",
    "epoch_ns", a strptime format (a fraction of a second and seconds may be missing from a cell), or None where a file
    mixes forms; then `day_first` tells 01/02 apart. `zone` is the IANA zone of times that carry none. In the wide
    layout each column is a sensor; in the long one `sensor_column` names the sensor of each row's value.
    """

    encoding: str
    separator: str
    decimal: str
    has_header: bool
    layout: Literal["wide", "long"]
    time_columns: tuple[str, ...]
    time_format: str | None
    zone: str
    day_first: bool
    columns: tuple[Column, ...]
    device_column: str | None
    sensor_column: str | None
    value_column: str | None
    quality_column: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody says of a file instead of the guess; None where they say nothing. Fields as in `CsvFormat`.

    "" as `device_column` or `sensor_column`: there is no such column.
    """

    encoding: str | None = None
    separator: str | None = None
    decimal: str | None = None
    has_header: bool | None = None
    time_columns: tuple[str, ...] = ()
    time_format: str | None = None
    device_column: str | None = None
    sensor_column: str | None = None
    value_column: str | None = None


NOTHING = Told()


def guess_format(sample: bytes, *, zone: str = "UTC", file_name: str = "", told: Told = NOTHING) -> CsvFormat:
    """The format of the file that begins with `sample` (64 kB and more make a good guess; a cut last line is left out).

    `zone` is the IANA zone of times without one; `file_name` names the sensor of a file that holds one and calls it
    "value"; `told` wins over what would be guessed. Raises CsvError(field, reason) with field file, encoding, zone,
    separator, header, columns, time or values.
    """
    if not zone_exists(zone):
        raise CsvError(
            "zone", f"{shown(zone)} is not a zone of the IANA time zone database; expected one such as Europe/Berlin"
        )
    table, encoding = table_of(sample, told)
    names, width = table.names, len(table.names)
    data = table.rows[: max(50, _SAMPLE_CELLS // width)]
    if not data:
        raise CsvError("values", "there are no rows below the header; expected rows of times and values")
    columns = [[row[position] for row in data] for position in range(width)]
    decimal = told.decimal or ("," if _decimal_comma(columns, table.separator) else ".")
    month_first = decimal == "." and zone.startswith(_US_ZONES)
    times = [_position(names, name) for name in told.time_columns]
    roles = find_roles(
        names, columns, has_header=table.has_header, decimal=decimal, month_first=month_first, times=times,
        wide=told.sensor_column == "",
    )  # fmt: skip
    if roles is None:
        raise CsvError("time", _no_time(data))
    roles = _told_roles(names, roles, told)
    if not roles.imported:
        raise CsvError("values", f"no column beside the time holds numbers; {_first_row(data)}; expected such as 12.5")

    def named(position: int | None) -> str | None:
        return None if position is None else names[position]

    return CsvFormat(
        encoding=encoding,
        separator=table.separator,
        decimal=decimal,
        has_header=table.has_header,
        layout="wide" if roles.value is None else "long",
        time_columns=tuple(names[position] for position in roles.times),
        time_format=told.time_format or roles.time.format,
        zone=zone,
        day_first=roles.time.day_first,
        columns=_columns(table, roles, file_name),
        device_column=named(roles.device),
        sensor_column=named(roles.sensor),
        value_column=named(roles.value),
        quality_column=named(roles.quality),
    )


def table_of(sample: bytes, told: Told = NOTHING) -> tuple[Table, str]:
    """The columns and rows that a sample begins with, whatever they mean, and its encoding. Raises CsvError."""
    text, encoding = decode(sample, told.encoding)
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    if len(lines) > 20 and not text.endswith(("\n", "\r")):
        lines.pop()  # the sample may end in the middle of it
    if not lines:
        raise CsvError("file", "there are no lines in it; expected a header and rows of times and values")
    return find_table(lines[:_SAMPLE_LINES], separator=told.separator, has_header=told.has_header), encoding


def _position(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise CsvError("columns", f"the file has no column “{name}”; it has: {', '.join(names[:12])}")
    return names.index(name)


def _told_roles(names: Sequence[str], roles: Roles, told: Told) -> Roles:
    """The roles as guessed, but for the columns that somebody named."""
    changes: dict[str, int | None] = {}
    if told.device_column is not None:
        changes["device"] = _position(names, told.device_column) if told.device_column else None
    if told.sensor_column:
        changes["sensor"] = _position(names, told.sensor_column)
    if told.value_column:
        changes["value"] = _position(names, told.value_column)
    if not changes:
        return roles
    roles = replace(roles, **changes)  # type: ignore[arg-type]
    if (roles.sensor is None) != (roles.value is None):
        missing = "value" if roles.value is None else "sensor"
        raise CsvError("columns", f"name the {missing} column too: one column names the sensor, another one holds its value")
    taken = (*roles.times, roles.device, roles.sensor)
    imported = (roles.value,) if roles.value is not None else tuple(at for at in roles.imported if at not in taken)
    return replace(roles, imported=imported)


def _columns(table: Table, roles: Roles, file_name: str) -> tuple[Column, ...]:
    taken: set[str] = set()
    before: set[str] = set()
    columns = []
    for position, name in enumerate(table.names):
        key: str | None = None
        base = re.sub(r" \(\d+\)$", "", name)
        base = base if base in before else name  # "Temp [°C] (2)" is the second "Temp [°C]"
        if position in roles.imported:
            key = sensor_key(base)
            if roles.value is not None:
                key = "value"
            elif len(roles.imported) == 1 and (not table.has_header or slug(name) in VALUE_NAMES):
                key = key_of_file(file_name) or "value"
            key = unique(key, taken)
            taken.add(key)
        unit = unit_of(base) or table.units[position] if key is not None else None
        before.add(name)
        columns.append(Column(name, key, unit, roles.shares[position]))
    return tuple(columns)


def _decimal_comma(columns: Sequence[Sequence[str]], separator: str) -> bool:
    marked = [cell for column in columns for cell in column[:500] if "," in cell or "." in cell]
    numbers = [cell for cell in marked if match_shape(cell.strip()) is None]  # 31.12.2024 has points and is none
    return looks_decimal_comma(numbers, doubtful_is_comma=separator != ",")


def _first_row(data: Sequence[Sequence[str]]) -> str:
    return f"a row begins with {', '.join(map(shown, data[min(1, len(data) - 1)][:6]))}"


def _no_time(data: Sequence[Sequence[str]]) -> str:
    """Why a file is refused that has no time."""
    if any(TIME_OF_DAY.fullmatch(cell.strip()) for row in data[:20] for cell in row):
        return (
            f"there are times of day but no dates; {_first_row(data)}; expected a date beside or before the time of day"
        )
    return (
        f"no column holds times; {_first_row(data)}; expected ISO 8601, DD.MM.YYYY or MM/DD/YYYY with a time of day, "
        "seconds or milliseconds since 1970, or a column of dates and one of times"
    )
