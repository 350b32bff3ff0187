"""Streams a CSV file, by its `CsvFormat`, into numpy columns: constant memory, file order kept, and what is refused
named by line and column.

What a refusal costs: a cell that is no number costs itself (its value is NaN), a row without a readable time or of the
wrong width costs that row, and never a neighbour.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashapp.ingest.csv_encoding import raw_encoding
from dashapp.ingest.csv_format import CsvError, CsvFormat
from dashapp.ingest.csv_names import header_names, sensor_key, unique
from dashapp.ingest.csv_numbers import parse_numbers, shown
from dashapp.ingest.csv_records import Record, read_records
from dashapp.ingest.csv_table import is_unit_row
from dashapp.ingest.csv_times import parse_times
from dashapp.ingest.csv_zones import LocalTimes

__all__ = ["Chunk", "RefusedRow", "read_chunks"]

_HEADER_WITHIN = 1_000  # records in which the header must come
_MOST_KEYS = 10_000  # distinct devices or sensors that one file may name: memory stays bounded
_KEY_CHARS = 200
_MOST_CELLS = 500_000  # cells held at once


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row or cell that was not taken: `line` from 1, `raw` its bytes in the file (line end apart), `field` the
    column, `reason` why.
    """

    line: int
    raw: bytes
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.field}: {self.reason}"


def _no_lines() -> NDArray[np.int64]:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Up to `rows` rows in file order, n of them.

    `line_numbers` (n,) from 1; `time_us` (n,) microseconds since 1970 UTC; `values` float64 (n,) by sensor key, or
    under "value" alone in the long layout, NaN where a cell is empty or refused. `device_keys` (n,) where the file
    names devices; `sensor_keys` (n,) in the long layout, unique as `sensor_key` makes them; `quality` (n,) the cells of
    the quality column as written. `ambiguous_lines`: lines whose local time comes twice on its zone's clock (see
    `LocalTimes` for which is taken).
    """

    line_numbers: NDArray[np.int64]
    time_us: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]
    refused: list[RefusedRow]
    device_keys: NDArray[np.object_] | None = None
    sensor_keys: NDArray[np.object_] | None = None
    quality: NDArray[np.object_] | None = None
    ambiguous_lines: NDArray[np.int64] = field(default_factory=_no_lines)


def read_chunks(
    path: Path, fmt: CsvFormat, *, rows: int = 20_000, read: Callable[[int], None] = lambda _bytes: None
) -> Iterator[Chunk]:
    """The file's rows in chunks of at most `rows` (fewer where they are wide); a chunk may hold refusals alone. `read` is
    told how many bytes of the file have been read, before each chunk.

    Raises CsvError where the file does not have `fmt` at all (field header or encoding), OSError where it cannot be
    read.
    """
    reader = _Reader(fmt, raw_encoding(path, fmt.encoding))
    errors = "replace" if fmt.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape"
    try:
        file = path.open(encoding=fmt.encoding, errors=errors, newline=None)
    except LookupError:
        raise CsvError(
            "encoding", f"{shown(fmt.encoding)} is not an encoding known here; expected one such as utf-8 or cp1252"
        ) from None
    rows = max(1, min(rows, _MOST_CELLS // reader.width))
    with file:
        for records in read_records(file, fmt.separator, rows=rows, is_row=reader.is_row):
            read(file.buffer.tell())
            if records := reader.after_header(records):
                chunk = reader.chunk(records)
                if len(chunk.line_numbers) or chunk.refused:
                    yield chunk
    if reader.seeking:
        raise CsvError("header", reader.no_header())


@dataclass(slots=True)
class _Keys:
    """Names of a file's devices or sensors → their keys, the same for the same name throughout the file."""

    what: str
    encoding: str
    make: Callable[[str, set[str]], str]
    keys: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    def key(self, name: str) -> str:
        """The key of a name (stripped). Raises ValueError with the reason where it names nothing."""
        if (known := self.keys.get(name)) is not None:
            return known
        expected = f"expected the name of a {self.what}"
        if not name:
            raise ValueError(f"the {self.what} is empty; {expected}")
        if len(name) > _KEY_CHARS:
            raise ValueError(f"{shown(name)} is longer than {_KEY_CHARS} characters; {expected}")
        if not name.isprintable():
            raise ValueError(f"{shown(name)} has characters that are no text in {self.encoding}; {expected}")
        if len(self.keys) >= _MOST_KEYS:
            raise ValueError(
                f"more than {_MOST_KEYS:,} {self.what}s in one file; is this the column that names the {self.what}?"
            )
        key = self.keys[name] = self.make(name, self.taken)
        self.taken.add(key)
        return key


class _Reader:
    """Turns records into chunks; carries from chunk to chunk what a file needs remembered."""

    def __init__(self, fmt: CsvFormat, raw: str) -> None:
        self.fmt = fmt
        self.raw = raw
        self.names = tuple(column.name for column in fmt.columns)
        self.width = len(self.names)
        self.time_positions = [self._position(name) for name in fmt.time_columns]
        self.time_field = " + ".join(fmt.time_columns)
        self.device = None if fmt.device_column is None else self._position(fmt.device_column)
        self.sensor = None if fmt.sensor_column is None else self._position(fmt.sensor_column)
        self.quality = None if fmt.quality_column is None else self._position(fmt.quality_column)
        self.imported = self._imported()
        self.local = LocalTimes(fmt.zone)
        self.devices = _Keys("device", fmt.encoding, lambda name, taken: name)
        self.sensors = _Keys("sensor", fmt.encoding, lambda name, taken: unique(sensor_key(name), taken))
        self.seeking = fmt.has_header
        self.bytes_of: dict[int, bytes] = {}
        self.passed = 0
        self.below_header = False

    def _position(self, name: str) -> int:
        if name not in self.names:
            raise CsvError(
                "columns", f"there is no column {shown(name)}; the columns are {', '.join(map(shown, self.names[:12]))}"
            )
        return self.names.index(name)

    def _imported(self) -> list[tuple[int, str]]:
        if self.fmt.layout == "long":
            if self.fmt.value_column is None or self.sensor is None:
                raise CsvError("columns", "the long layout needs a sensor column and a value column")
            return [(self._position(self.fmt.value_column), "value")]
        return [(at, column.sensor_key) for at, column in enumerate(self.fmt.columns) if column.sensor_key is not None]

    def is_header(self, cells: Sequence[str]) -> bool:
        padded = [*cells, *[""] * (self.width - len(cells))]
        return header_names(padded[: self.width]) == self.names and not any(
            cell.strip() for cell in padded[self.width :]
        )

    def after_header(self, records: list[Record]) -> list[Record]:
        """The records below the header and its row of units; all of them once it has passed."""
        start = 0
        while self.seeking and start < len(records):
            if self.is_header(records[start].cells):
                self.seeking, self.below_header = False, True
            elif self.passed >= _HEADER_WITHIN:
                raise CsvError("header", self.no_header())
            start, self.passed = start + 1, self.passed + 1
        if self.below_header and start < len(records):
            self.below_header = False
            start += is_unit_row(records[start].cells)
        return records[start:]

    def no_header(self) -> str:
        return f"no line of the first {self.passed:,} is the header {shown(self.fmt.separator.join(self.names))}"

    def is_row(self, cells: list[str]) -> bool:
        """Whether cells are a row by themselves: as many as there are columns, with a time."""
        if len(cells) < self.width or any(cell.strip() for cell in cells[self.width :]):
            return False
        return not parse_times([self._time_cell(cells)], self.fmt.time_format, self.fmt.day_first)[2]

    def _time_cell(self, cells: Sequence[str]) -> str:
        return " ".join(cells[position].strip() for position in self.time_positions)

    def refuse(self, record: Record, name: str, reason: str) -> RefusedRow:
        """The refusal of a row or of its cell `name`; refusals of one row share its bytes."""
        if record.line not in self.bytes_of:
            self.bytes_of[record.line] = record.text.encode(self.raw, "surrogateescape")
        return RefusedRow(record.line, self.bytes_of[record.line], name, reason)

    def chunk(self, records: list[Record]) -> Chunk:
        """The chunk of `records`: width first, then times, then keys, then values; a row is refused once, its cells
        each.
        """
        self.bytes_of.clear()
        refused: list[RefusedRow] = []
        rows = self._of_width(records, refused)
        columns = self._columns(rows)
        times, good, twice = self._timed(rows, columns, refused)
        devices = self._keys(rows, columns, self.device, self.devices, good, refused)
        sensors = self._keys(rows, columns, self.sensor, self.sensors, good, refused)
        if not good.all():
            rows = [rows[index] for index in np.flatnonzero(good).tolist()]
            columns, times, twice = self._columns(rows), times[good], twice[good]
            devices = None if devices is None else devices[good]
            sensors = None if sensors is None else sensors[good]
        values = {}
        for position, key in self.imported:
            values[key], bad = parse_numbers(columns[position], self.fmt.decimal)
            refused += [self.refuse(rows[index], self.names[position], reason) for index, reason in bad]
        lines = np.array([row.line for row in rows], dtype=np.int64)
        quality = None
        if self.quality is not None:
            quality = np.array([cell.strip() for cell in columns[self.quality]], dtype=object)
        refused.sort(key=lambda refusal: refusal.line)
        return Chunk(lines, times, values, refused, devices, sensors, quality, lines[twice])

    def _columns(self, rows: list[Record]) -> list[tuple[str, ...]]:
        return list(zip(*[row.cells for row in rows], strict=True)) or [()] * self.width

    def _of_width(self, records: list[Record], refused: list[RefusedRow]) -> list[Record]:
        """Rows with a cell for each column. Empty rows, comments (#) and a header that comes again are passed over."""
        rows = []
        for record in records:
            cells = record.cells
            if len(cells) == self.width and cells[self.time_positions[0]] not in ("", self.fmt.time_columns[0]):
                rows.append(record)
            elif record.broken is not None:
                refused.append(self.refuse(record, "row", record.broken))
            elif (
                not any(map(str.strip, cells))
                or record.text.startswith("#")
                or (self.fmt.has_header and self.is_header(cells))
            ):
                continue
            elif len(cells) >= self.width and not any(map(str.strip, cells[self.width :])):
                rows.append(Record(record.line, record.text, cells[: self.width]))
            else:
                hint = (
                    "the last may be cut"
                    if len(cells) < self.width
                    else f"one that holds {shown(self.fmt.separator)} needs quotes"
                )
                reason = f"the row has {len(cells)} cells; expected {self.width} ({hint})"
                refused.append(self.refuse(record, "row", reason))
        return rows

    def _timed(
        self, rows: list[Record], columns: list[tuple[str, ...]], refused: list[RefusedRow]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """The rows' times in UTC, which rows have one, and which local times come twice; each of shape (n,)."""
        cells: Sequence[str] = columns[self.time_positions[0]]
        if len(self.time_positions) > 1:
            cells = [self._time_cell(row.cells) for row in rows]
        times, local, bad = parse_times(cells, self.fmt.time_format, self.fmt.day_first)
        good = np.ones(len(rows), dtype=np.bool_)
        for index, reason in bad:
            refused.append(self.refuse(rows[index], self.time_field, reason))
            good[index] = False
        twice = np.zeros(len(rows), dtype=np.bool_)
        moved = np.flatnonzero(local & good)
        times[moved], twice[moved], never = self.local.to_utc(times[moved], self._series(rows, moved))
        for index in moved[never].tolist():
            why = "the clocks went forward past it; is the zone right?"
            reason = f"{shown(cells[index])} does not exist in {self.fmt.zone}: {why}"
            refused.append(self.refuse(rows[index], self.time_field, reason))
            good[index] = False
        return times, good, twice

    def _series(self, rows: list[Record], chosen: NDArray[np.int64]) -> Sequence[Hashable] | None:
        """What tells the series of the chosen rows apart: device and sensor as written."""
        at = [position for position in (self.device, self.sensor) if position is not None]
        if not at or self.local.is_utc:
            return None
        return [tuple(rows[index].cells[position] for position in at) for index in chosen.tolist()]

    def _keys(
        self,
        rows: list[Record],
        columns: list[tuple[str, ...]],
        position: int | None,
        names: _Keys,
        good: NDArray[np.bool_],
        refused: list[RefusedRow],
    ) -> NDArray[np.object_] | None:
        """The keys that a column names (n,), None without that column; rows that name nothing are refused and marked in
        `good`.
        """
        if position is None:
            return None
        keys = np.full(len(rows), "", dtype=object)
        for index in np.flatnonzero(good).tolist():
            try:
                keys[index] = names.key(columns[position][index].strip())
            except ValueError as error:
                refused.append(self.refuse(rows[index], self.names[position], str(error)))
                good[index] = False
        return keys
