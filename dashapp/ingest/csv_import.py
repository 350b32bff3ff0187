"""History from a file, through the one pipeline: no live rule runs on it, and its partitions are pinned (IN-5)."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashapp.ingest.batch import Batch, Outcome
from dashapp.ingest.csv_format import CsvFormat
from dashapp.ingest.csv_rows import Chunk, read_chunks
from dashapp.ingest.services import Services
from db.commands import imports as commands
from db.commands import partitions
from db.commands.imports import MOST_PROBLEMS, Problem
from db.commands.readings import DeadLetter, Rows
from db.queries.imports import stored_by
from db.tenancy import tenant_reading, tenant_transaction

BATCH_ROWS = 5_000
IN_FLIGHT = 4  # batches under way at once: enough to keep the writer busy, little enough to leave the lane to others
SHOWN = 20
WORD_EVERY_S = 0.5  # how often the row in `imports` says how far it is
Progress = Callable[[int, int], None]  # rows read, readings stored


class ImportStopped(Exception):
    """Somebody wants the import to end here: `state` is what it is from now on, the words say why."""

    def __init__(self, state: str, words: str = "") -> None:
        super().__init__(words or state)
        self.state = state
        self.words = words


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

    def span(self, times_us: NDArray[np.int64]) -> bool:
        """Widens the span by these times; whether it is wider now."""
        if not len(times_us):
            return False
        before = (self.first_us, self.last_us)
        low, high = int(times_us.min()), int(times_us.max())
        self.first_us = low if self.first_us is None else min(self.first_us, low)
        self.last_us = high if self.last_us is None else max(self.last_us, high)
        return (self.first_us, self.last_us) != before


@dataclass(slots=True)
class Piece:
    """Rows of a chunk with the line that each came from."""

    rows: Rows
    lines: NDArray[np.int64]

    def batches(self, most: int) -> Iterator["Piece"]:
        """The same in pieces of at most `most` rows; one without rows too, for what else a chunk brings."""
        for low in range(0, max(len(self.lines), 1), most):
            part = slice(low, low + most)
            yield Piece(self.rows.take(part), self.lines[part])


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
    """One import: reads chunks, submits them in small batches, counts what became of them, and says so in its row of `imports`.

    `import_id` is a row that is there already, in the state running; without one a row is made. `sensors` are the ids that the file
    may touch: an undo looks for readings in them. `stop` is asked between batches and may raise ImportStopped.
    """

    def __init__(
        self,
        services: Services,
        tenant_id: int,
        path: Path,
        fmt: CsvFormat,
        device_key: str,
        by: str,
        *,
        import_id: int | None = None,
        made: Mapping[str, list[int]] | None = None,
        stop: Callable[[str], None] = lambda _state: None,
    ) -> None:
        self._services = services
        self._tenant_id = tenant_id
        self._path = path
        self._format = fmt
        self._device_key = device_key
        self._by = by
        self._import_id = import_id
        self._made = dict(made or {})
        self._stop = stop
        self._room = threading.Semaphore(IN_FLIGHT)
        self._lock = threading.Lock()
        self._error: Exception | None = None
        self._already = 0  # stored by an earlier run of the same import: not duplicates now
        self._bytes_read = 0
        self._letters = 0
        self._problems: list[Problem] = []
        self._listed = 0
        self._word_at = -1.0
        self.report = ImportReport()

    def run(self, progress: Progress = lambda _rows, _stored: None) -> ImportReport:
        """Stores the file; devices and sensors exist by now. Raises what the pipeline raises; what was stored stays."""
        catalogue = self._services.catalogue.refreshed(self._tenant_id)
        sensor_ids = {name: sensor.id for name, sensor in catalogue.by_name.items()}
        names = {sensor.id: f"{sensor.device_key} {sensor.key}" for sensor in catalogue.sensors.values()}
        self.report.import_id = self._begin()
        try:
            for chunk in read_chunks(self._path, self._format, read=self._read):
                piece = pieces(chunk, self._device_key, sensor_ids)
                self.report.rows += rows_in(chunk)
                self._take_refused(chunk)
                for number, part in enumerate(piece.batches(BATCH_ROWS)):
                    self._submit(part, chunk if number == 0 else None, names)
                    progress(self.report.rows, self.report.stored)
            self._settle()
        except ImportStopped as stopped:
            self._settle()
            self._finish(stopped.state, stopped.words)
            raise
        except BaseException as error:
            self._finish("failed", str(error))
            raise
        self._finish("done", "")
        progress(self.report.rows, self.report.stored)
        return self.report

    def _read(self, size: int) -> None:
        self._bytes_read = size

    def _settle(self) -> None:
        """Waits for the batches under way, so that the counts are what was stored."""
        for _ in range(IN_FLIGHT):
            self._room.acquire()
        for _ in range(IN_FLIGHT):
            self._room.release()
        if self._error is not None:
            raise self._error

    def _take_refused(self, chunk: Chunk) -> None:
        for refused in chunk.refused:
            self.report.refused += 1
            self._note(Problem(refused.line, "refused", refused.field, refused.reason))
            if len(self.report.refused_examples) < SHOWN:
                self.report.refused_examples.append((refused.line, refused.field, refused.reason))

    def _note(self, problem: Problem) -> None:
        if self._listed < MOST_PROBLEMS:
            self._listed += 1
            self._problems.append(problem)

    def _submit(self, piece: Piece, chunk: Chunk | None, names: dict[int, str]) -> None:
        if self._error is not None:
            raise self._error
        import_id = self.report.import_id
        wider = self.report.span(piece.rows.times_us)
        self._tell(sooner=wider)  # an undo must know the span of what may be stored from now on
        self._room.acquire()

        def done(outcome: Outcome) -> None:
            with self._lock:
                self._count(piece, outcome, names)
            self._room.release()

        batch = Batch(
            self._tenant_id, "csv", f"import:{import_id}", piece.rows, done, import_id=import_id, dead=self._dead(chunk),
            raw=lambda row: f"line {piece.lines[row]}: {piece.rows.values[row]}".encode(),
        )  # fmt: skip
        try:
            self._services.pipeline.submit(batch, wait_s=120)
        except BaseException:
            self._room.release()
            raise

    def _dead(self, chunk: Chunk | None) -> list[DeadLetter]:
        """The refused rows as dead letters, as many of an import as are listed."""
        found = [] if chunk is None else chunk.refused[: max(MOST_PROBLEMS - self._letters, 0)]
        self._letters += len(found)
        source = f"import:{self.report.import_id}"
        return [DeadLetter("csv", source, each.field, f"line {each.line}: {each.reason}", each.raw[:16_384]) for each in found]

    def _count(self, piece: Piece, outcome: Outcome, names: dict[int, str]) -> None:
        report = self.report
        if outcome.error is not None:
            self._error = outcome.error
            return
        report.stored += outcome.stored
        report.duplicates += outcome.duplicates
        report.conflicts += len(outcome.conflicts)
        report.refused += len(outcome.refused)
        for row, kept in outcome.conflicts.items():
            sensor, line, value = names[int(piece.rows.sensor_ids[row])], int(piece.lines[row]), float(piece.rows.values[row])
            self._note(Problem(line, "conflict", sensor, "another value was there first and stays", value, kept))
            if len(report.conflict_examples) < SHOWN:
                report.conflict_examples.append((line, sensor, value, kept))
        for row, reason in outcome.refused.items():
            self._note(Problem(int(piece.lines[row]), "refused", names[int(piece.rows.sensor_ids[row])], reason))

    def _begin(self) -> int:
        engine = self._services.database.engine
        touched = sorted(self._touched())
        detail = {"device": self._device_key, "sensors": touched, "made": self._made}
        if self._import_id is None:
            with tenant_transaction(engine, self._tenant_id) as connection:
                size = self._path.stat().st_size
                return commands.insert_import(
                    connection, self._tenant_id, self._path.name, self._by, size=size, runner="command", detail=detail
                )
        with tenant_transaction(engine, self._tenant_id) as connection:
            commands.set_detail(connection, self._import_id, **detail)
            commands.forget_problems(connection, self._import_id)
        with tenant_reading(engine, self._tenant_id) as connection:
            self._already = stored_by(connection, self._import_id, touched)
        self.report.stored = self._already
        return self._import_id

    def _touched(self) -> set[int]:
        """Sensors that the file may write to: those of its columns, or all of the tenant where its rows name them."""
        catalogue = self._services.catalogue.of(self._tenant_id)
        if self._format.layout == "long" or self._format.device_column is not None:
            return set(catalogue.sensors)
        keys = {column.sensor_key for column in self._format.columns if column.sensor_key}
        return {sensor.id for (device, key), sensor in catalogue.by_name.items() if device == self._device_key and key in keys}

    def _tell(self, *, sooner: bool = False) -> None:
        """Says how far it is, every half second, and asks whether to go on."""
        if not sooner and time.monotonic() - self._word_at < WORD_EVERY_S:
            return
        self._word_at = time.monotonic()
        state = self._write()
        self._stop(state or "gone")

    def _write(self) -> str | None:
        with self._lock:
            report, problems, self._problems = self.report, self._problems, []
            repeated = report.duplicates - min(report.duplicates, self._already)
            now = commands.Progress(
                self._bytes_read, report.rows, report.stored, repeated, report.conflicts, report.refused, report.first_us, report.last_us
            )
        assert report.import_id is not None
        with tenant_transaction(self._services.database.engine, self._tenant_id) as connection:
            state = commands.write_progress(connection, report.import_id, now)
            if state is not None:
                commands.add_problems(connection, self._tenant_id, report.import_id, problems)
        return state

    def _finish(self, state: str, note: str) -> None:
        report = self.report
        report.duplicates -= min(report.duplicates, self._already)
        self._already = 0
        self._write()
        if report.stored and report.first_us is not None and report.last_us is not None:
            partitions.pin_partitions(self._services.database, report.first_us, report.last_us, f"import {report.import_id}")
        with tenant_transaction(self._services.database.engine, self._tenant_id) as connection:
            assert report.import_id is not None
            if state == "done":
                commands.drop_upload(connection, report.import_id)  # its file is not needed any more; who runs it removes it
            commands.move(connection, report.import_id, ("running", "cancelling"), state, note=note)
