"""History from a file, through the one pipeline: no live rule runs on it, and its partitions are pinned (IN-5)."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text

from dashapp.ingest.batch import Batch, Outcome
from dashapp.ingest.csv_format import CsvFormat
from dashapp.ingest.csv_rows import Chunk, read_chunks
from dashapp.ingest.services import Services
from db.commands import partitions
from db.commands.readings import DeadLetter, Rows
from db.tenancy import tenant_transaction

IN_FLIGHT = 4  # chunks under way at once: enough to keep the writer busy, little enough to stay small
SHOWN = 20
Progress = Callable[[int, int], None]  # rows read, readings stored


@dataclass(slots=True)
class ImportReport:
    """What an import did, or would do. Lines count from 1; values are as they came and as they are kept."""

    rows: int = 0
    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0
    first_us: int | None = None
    last_us: int | None = None
    conflict_examples: list[tuple[int, str, float, float]] = field(default_factory=list)  # line, sensor, in the file, kept
    refused_examples: list[tuple[int, str, str]] = field(default_factory=list)  # line, field, reason
    import_id: int | None = None

    def span(self, times_us: NDArray[np.int64]) -> None:
        """Widens the span by these times."""
        if len(times_us):
            low, high = int(times_us.min()), int(times_us.max())
            self.first_us = low if self.first_us is None else min(self.first_us, low)
            self.last_us = high if self.last_us is None else max(self.last_us, high)


@dataclass(slots=True)
class Piece:
    """Rows of a chunk with the line that each came from."""

    rows: Rows
    lines: NDArray[np.int64]


def pieces(chunk: Chunk, device_key: str, sensor_ids: Mapping[tuple[str, str], int]) -> Piece:
    """A chunk as rows, in the order of the file; empty cells are left out.

    The file's device column wins over `device_key`. Raises KeyError for a sensor that is not in `sensor_ids`.
    """
    devices = chunk.device_keys.tolist() if chunk.device_keys is not None else [device_key] * len(chunk.time_us)
    ids: list[NDArray[np.int32]] = []
    cells: list[NDArray[np.int64]] = []  # row numbers within the chunk
    values: list[NDArray[np.float64]] = []
    for column_key, column in chunk.values.items():
        good = np.flatnonzero(~np.isnan(column))
        keys = chunk.sensor_keys.tolist() if chunk.sensor_keys is not None else [column_key] * len(devices)
        ids.append(np.array([sensor_ids[devices[i], keys[i]] for i in good.tolist()], np.int32))
        cells.append(good)
        values.append(column[good])
    if not ids:
        return Piece(_rows(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0)), np.empty(0, np.int64))
    at = np.concatenate(cells)
    order = np.argsort(at, kind="stable")
    at = at[order]
    rows = _rows(np.concatenate(ids)[order], chunk.time_us[at], np.concatenate(values)[order])
    return Piece(rows, chunk.line_numbers[at])


def rows_in(chunk: Chunk) -> int:
    """Lines of the file that the chunk speaks of, refused ones too, each once."""
    return len({refused.line for refused in chunk.refused}.union(chunk.line_numbers.tolist()))


def _rows(ids: NDArray[np.int32], times: NDArray[np.int64], values: NDArray[np.float64]) -> Rows:
    return Rows(ids, times, values, np.full(len(ids), 192, np.int16))


class CsvImport:
    """One import: reads chunks, submits them, counts what became of them."""

    def __init__(self, services: Services, tenant_id: int, path: Path, fmt: CsvFormat, device_key: str, by: str) -> None:
        self._services = services
        self._tenant_id = tenant_id
        self._path = path
        self._format = fmt
        self._device_key = device_key
        self._by = by
        self._room = threading.Semaphore(IN_FLIGHT)
        self._lock = threading.Lock()
        self._error: Exception | None = None
        self.report = ImportReport()

    def run(self, progress: Progress) -> ImportReport:
        """Stores the file; devices and sensors exist by now. Raises what the pipeline raises; what was stored stays."""
        catalogue = self._services.catalogue.refreshed(self._tenant_id)
        sensor_ids = {name: sensor.id for name, sensor in catalogue.by_name.items()}
        names = {sensor.id: f"{sensor.device_key} {sensor.key}" for sensor in catalogue.sensors.values()}
        self.report.import_id = self._begin(catalogue.devices.get(self._device_key))
        try:
            for chunk in self._chunks():
                piece = pieces(chunk, self._device_key, sensor_ids)
                self.report.rows += rows_in(chunk)
                self._submit(piece, chunk, names)
                progress(self.report.rows, self.report.stored)
            for _ in range(IN_FLIGHT):
                self._room.acquire()
            if self._error is not None:
                raise self._error
        except BaseException:
            self._finish("failed")
            raise
        self._finish("done")
        progress(self.report.rows, self.report.stored)
        return self.report

    def _chunks(self) -> Iterator[Chunk]:
        for chunk in read_chunks(self._path, self._format):
            if self._error is not None:
                raise self._error
            yield chunk

    def _submit(self, piece: Piece, chunk: Chunk, names: dict[int, str]) -> None:
        report = self.report
        for refused in chunk.refused:
            report.refused += 1
            if len(report.refused_examples) < SHOWN:
                report.refused_examples.append((refused.line, refused.field, refused.reason))
        dead = [
            DeadLetter("csv", f"import:{report.import_id}", refused.field, f"line {refused.line}: {refused.reason}", refused.raw[:16_384])
            for refused in chunk.refused
        ]
        report.span(piece.rows.times_us)
        self._room.acquire()

        def done(outcome: Outcome) -> None:
            with self._lock:
                self._count(piece, outcome, names)
            self._room.release()

        batch = Batch(
            self._tenant_id, "csv", f"import:{report.import_id}", piece.rows, done, import_id=report.import_id, dead=dead,
            raw=lambda row: f"line {piece.lines[row]}: {piece.rows.values[row]}".encode(),
        )  # fmt: skip
        self._services.pipeline.submit(batch, wait_s=120)

    def _count(self, piece: Piece, outcome: Outcome, names: dict[int, str]) -> None:
        report = self.report
        if outcome.error is not None:
            self._error = outcome.error
            return
        report.stored += outcome.stored
        report.duplicates += outcome.duplicates
        report.conflicts += len(outcome.conflicts)
        report.refused += len(outcome.refused)
        for row, kept in list(outcome.conflicts.items())[: SHOWN - len(report.conflict_examples)]:
            sensor = names[int(piece.rows.sensor_ids[row])]
            report.conflict_examples.append((int(piece.lines[row]), sensor, float(piece.rows.values[row]), kept))

    def _begin(self, device: object) -> int:
        with tenant_transaction(self._services.database.engine, self._tenant_id) as connection:
            import_id: int = connection.execute(
                text("insert into imports (tenant_id, file_name, device_id, by) values (:tenant, :file, :device, :by) returning id"),
                {"tenant": self._tenant_id, "file": self._path.name, "device": getattr(device, "id", None), "by": self._by},
            ).scalar_one()
        return import_id

    def _finish(self, state: str) -> None:
        report = self.report
        moments = [None if us is None else datetime.fromtimestamp(us / 1e6, UTC) for us in (report.first_us, report.last_us)]
        with tenant_transaction(self._services.database.engine, self._tenant_id) as connection:
            connection.execute(
                text(
                    "update imports set finished_at = now(), state = :state, rows_read = :rows, stored = :stored,"
                    " duplicates = :duplicates, conflicts = :conflicts, refused = :refused, first_at = :first, last_at = :last"
                    " where id = :id"
                ),
                {
                    "state": state, "rows": report.rows, "stored": report.stored, "duplicates": report.duplicates,
                    "conflicts": report.conflicts, "refused": report.refused, "first": moments[0], "last": moments[1],
                    "id": report.import_id,
                },
            )  # fmt: skip
        if report.stored and report.first_us is not None and report.last_us is not None:
            partitions.pin_partitions(self._services.database, report.first_us, report.last_us, f"import {report.import_id}")

