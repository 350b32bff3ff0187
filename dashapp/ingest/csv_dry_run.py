"""What an import would do: counted against what is stored and against the file itself, with nothing written to the database."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from dashapp.ingest.csv_format import CsvFormat
from dashapp.ingest.csv_import import SHOWN, ImportReport, Piece, pieces, rows_in
from dashapp.ingest.csv_rows import Chunk, read_chunks
from db.queries.spans import reading_spans
from db.queries.stored_values import stored_values
from db.tenancy import tenant_reading

SLICE = 50_000
IN_MEMORY = 2_000_000  # readings; more of them wait on disk
PILES = 256
PILE_US = 3_600_000_000
Cells = NDArray[Any]
CELL = np.dtype([("sensor", "<i4"), ("line", "<u4"), ("time", "<i8"), ("value", "<f8")])


class _Names(dict[tuple[str, str], int]):
    """Ids by (device, sensor); one that the import would make gets a negative id of its own."""

    def __missing__(self, name: tuple[str, str]) -> int:
        self[name] = -1 - len(self)
        return self[name]


class _Readings:
    """The file's readings until all are known: in memory, and beyond IN_MEMORY in piles on disk.

    A pile holds whole hours: whatever is of one sensor and time lies in one pile, whatever the order of the file.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="andon-check-", dir=folder, ignore_cleanup_errors=True)
        self._parts: list[Cells] = []
        self._held = 0
        self._spilled = False

    def add(self, piece: Piece) -> None:
        """Takes the rows of a chunk."""
        cells = np.empty(len(piece.lines), CELL)
        cells["sensor"], cells["line"] = piece.rows.sensor_ids, piece.lines
        cells["time"], cells["value"] = piece.rows.times_us, piece.rows.values
        self._parts.append(cells)
        self._held += len(cells)
        if self._held > IN_MEMORY:
            self._spill()

    def piles(self) -> Iterator[Cells]:
        """All of them, in pieces that hold every reading of a sensor and time together."""
        if not self._spilled:
            yield np.concatenate(self._parts) if self._parts else np.empty(0, CELL)
            return
        self._spill()
        for number in range(PILES):
            file = self._pile(number)
            if file.exists():
                yield np.fromfile(file, CELL)
                file.unlink()

    def close(self) -> None:
        """Removes what lies on disk."""
        self._folder.cleanup()

    def _spill(self) -> None:
        cells = np.concatenate(self._parts) if self._parts else np.empty(0, CELL)
        self._parts, self._held, self._spilled = [], 0, True
        number = cells["time"] // PILE_US % PILES
        order = np.argsort(number, kind="stable")
        cells, number = cells[order], number[order]
        present, starts = np.unique(number, return_index=True)
        for pile, low, high in zip(present.tolist(), starts.tolist(), [*starts.tolist()[1:], len(cells)], strict=True):
            with self._pile(pile).open("ab") as file:
                cells[low:high].tofile(file)

    def _pile(self, number: int) -> Path:
        return Path(self._folder.name) / f"{number}"


def dry_run(
    engine: Engine, tenant_id: int, path: Path, fmt: CsvFormat, device_key: str, known: dict[tuple[str, str], int],
    progress: Callable[[int, int], None] = lambda _rows, _bytes: None, *,
    see: Callable[[Chunk], None] = lambda _chunk: None, folder: Path | None = None,
) -> tuple[ImportReport, list[tuple[str, str]]]:  # fmt: skip
    """The report that the import would give, and the (device, sensor) pairs that it would make.

    `progress` is told rows and bytes read, and may raise to end it; `see` is shown every chunk. Up to two million readings wait in
    memory, more in files of 24 bytes a reading in `folder`; they are gone afterwards.
    """
    report, read = ImportReport(), [0]
    names = _Names(known)
    readings = _Readings(folder)
    try:
        for chunk in read_chunks(path, fmt, read=lambda size: read.__setitem__(0, size)):
            report.rows += rows_in(chunk)
            report.refused += len(chunk.refused)
            for refused in chunk.refused[: SHOWN - len(report.refused_examples)]:
                report.refused_examples.append((refused.line, refused.field, refused.reason))
            piece = pieces(chunk, device_key, names)
            report.span(piece.rows.times_us)
            readings.add(piece)
            see(chunk)
            progress(report.rows, read[0])
        with tenant_reading(engine, tenant_id) as connection:
            spans = reading_spans(connection, [sensor_id for sensor_id in names.values() if sensor_id > 0])
            for pile in readings.piles():
                _count(connection, spans, pile, names, report)
                progress(report.rows, read[0])
    finally:
        readings.close()
    report.conflict_examples = sorted(report.conflict_examples)[:SHOWN]
    return report, [name for name, sensor_id in names.items() if sensor_id < 0]


def _count(
    connection: Connection, spans: dict[int, tuple[int, int]], cells: Cells, names: dict[tuple[str, str], int], report: ImportReport
) -> None:
    """Adds what becomes of these readings; in them is every reading of the file of the same sensors and times."""
    cells = cells[np.lexsort((cells["line"], cells["time"], cells["sensor"]))]
    same = np.zeros(len(cells), bool)
    same[1:] = (cells["sensor"][1:] == cells["sensor"][:-1]) & (cells["time"][1:] == cells["time"][:-1])
    leader = np.maximum.accumulate(np.where(same, 0, np.arange(len(cells))))
    kept = cells["value"][leader].copy()
    repeated = same.copy()
    _look_up(connection, spans, cells, kept, repeated)
    differs = repeated & (kept != cells["value"])
    report.stored += int((~repeated).sum())
    report.conflicts += int(differs.sum())
    report.duplicates += int(repeated.sum()) - int(differs.sum())
    by_id = {sensor_id: " ".join(name) for name, sensor_id in names.items()}
    at = np.flatnonzero(differs)
    for index in at[np.argsort(cells["line"][at], kind="stable")][:SHOWN].tolist():
        cell = cells[index]
        report.conflict_examples.append((int(cell["line"]), by_id[int(cell["sensor"])], float(cell["value"]), float(kept[index])))


def _look_up(
    connection: Connection, spans: dict[int, tuple[int, int]], cells: Cells, kept: NDArray[np.float64], repeated: NDArray[np.bool_]
) -> None:
    """Marks what is stored already, and puts the stored value in `kept`. Only where a sensor has history is it looked for."""
    if not spans:
        return
    ids = np.array(sorted(spans), np.int32)
    first, last = np.array([spans[sensor_id] for sensor_id in ids.tolist()], np.int64).T
    at = np.minimum(np.searchsorted(ids, cells["sensor"]), len(ids) - 1)
    known = np.flatnonzero((ids[at] == cells["sensor"]) & (cells["time"] >= first[at]) & (cells["time"] <= last[at]))
    for start in range(0, len(known), SLICE):
        part = known[start : start + SLICE]
        stored = stored_values(connection, cells["sensor"][part], cells["time"][part])
        if not stored:
            continue
        for at, sensor_id, time_us in zip(part.tolist(), cells["sensor"][part].tolist(), cells["time"][part].tolist(), strict=True):
            value = stored.get((sensor_id, time_us))
            if value is not None:
                repeated[at] = True
                kept[at] = value
