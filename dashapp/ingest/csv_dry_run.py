"""What an import would do: counted against what is stored and against the file itself, with nothing written."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from dashapp.ingest.csv_format import CsvFormat
from dashapp.ingest.csv_import import SHOWN, ImportReport, pieces, rows_in
from dashapp.ingest.csv_rows import read_chunks
from db.commands.readings import Rows
from db.queries.stored_values import stored_values
from db.tenancy import tenant_reading

SLICE = 50_000


class _Names(dict[tuple[str, str], int]):
    """Ids by (device, sensor); one that the import would make gets a negative id of its own."""

    def __missing__(self, name: tuple[str, str]) -> int:
        self[name] = -1 - len(self)
        return self[name]


def dry_run(
    engine: Engine, tenant_id: int, path: Path, fmt: CsvFormat, device_key: str, known: dict[tuple[str, str], int],
    progress: Callable[[int], None] = lambda _rows: None,
) -> tuple[ImportReport, list[tuple[str, str]]]:  # fmt: skip
    """The report that the import would give, and the (device, sensor) pairs that it would make. 24 bytes of memory a reading."""
    report = ImportReport()
    names = _Names(known)
    parts: list[tuple[Rows, NDArray[np.int64]]] = []
    for chunk in read_chunks(path, fmt):
        report.rows += rows_in(chunk)
        report.refused += len(chunk.refused)
        for refused in chunk.refused[: SHOWN - len(report.refused_examples)]:
            report.refused_examples.append((refused.line, refused.field, refused.reason))
        piece = pieces(chunk, device_key, names)
        report.span(piece.rows.times_us)
        parts.append((piece.rows, piece.lines))
        progress(report.rows)
    if parts:
        _count(engine, tenant_id, parts, names, report)
    return report, [name for name, sensor_id in names.items() if sensor_id < 0]


def _count(
    engine: Engine, tenant_id: int, parts: list[tuple[Rows, NDArray[np.int64]]], names: dict[tuple[str, str], int], report: ImportReport
) -> None:
    ids = np.concatenate([rows.sensor_ids for rows, _ in parts])
    times = np.concatenate([rows.times_us for rows, _ in parts])
    values = np.concatenate([rows.values for rows, _ in parts])
    lines = np.concatenate([part_lines for _, part_lines in parts])
    order = np.lexsort((lines, times, ids))
    same = np.zeros(len(order), bool)
    same[1:] = (ids[order][1:] == ids[order][:-1]) & (times[order][1:] == times[order][:-1])
    leader = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    kept = values[order][leader]
    repeated = same.copy()
    _look_up(engine, tenant_id, ids[order], times[order], kept, repeated)
    differs = repeated & (kept != values[order])
    report.stored = int((~repeated).sum())
    report.conflicts = int(differs.sum())
    report.duplicates = int(repeated.sum()) - report.conflicts
    by_id = {sensor_id: " ".join(name) for name, sensor_id in names.items()}
    for at in np.flatnonzero(differs)[:SHOWN].tolist():
        row = order[at]
        report.conflict_examples.append((int(lines[row]), by_id[int(ids[row])], float(values[row]), float(kept[at])))


def _look_up(
    engine: Engine, tenant_id: int, ids: NDArray[np.int32], times: NDArray[np.int64], kept: NDArray[np.float64],
    repeated: NDArray[np.bool_],
) -> None:  # fmt: skip
    """Marks what is stored already, and puts the stored value in `kept`."""
    known = np.flatnonzero(ids > 0)
    with tenant_reading(engine, tenant_id) as connection:
        for start in range(0, len(known), SLICE):
            part = known[start : start + SLICE]
            stored = stored_values(connection, ids[part], times[part])
            for at in part.tolist():
                value = stored.get((int(ids[at]), int(times[at])))
                if value is not None:
                    repeated[at] = True
                    kept[at] = value
