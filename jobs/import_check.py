"""The dry run of an import: what the whole file would do, as it is kept with the import and shown before anything is stored."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashapp.ingest import uploads
from dashapp.ingest.csv_dry_run import dry_run
from dashapp.ingest.csv_format import CsvError
from dashapp.ingest.csv_import import ImportStopped
from dashapp.ingest.csv_plan import MOST_PAIRS, Plan, planned_format, sample_of
from dashapp.ingest.csv_rows import Chunk
from dashapp.ingest.services import Services
from db.columns import from_us
from db.commands import imports as commands
from db.commands.partitions import READINGS, partition_ranges, span_of
from db.queries.imports import ImportRow
from db.tenancy import tenant_reading, tenant_transaction

WORD_EVERY_S = 0.5
LISTED = 200
DRAWN_SERIES = 4
DRAWN_BINS = 600


class Drawing:
    """The file's values as a chart draws them: least and greatest of each stretch of time, whose width doubles when it gets too long."""

    def __init__(self, most_series: int = DRAWN_SERIES, bins: int = DRAWN_BINS) -> None:
        self._most = most_series
        self._bins = bins
        self._width_us = 1_000_000
        self._series: dict[tuple[str, str], dict[int, list[float]]] = {}

    def see(self, chunk: Chunk, device: str) -> None:
        """Adds a chunk."""
        for name, times, values in _series_of(chunk, device):
            if name not in self._series and len(self._series) >= self._most:
                continue
            self._add(self._series.setdefault(name, {}), times, values)

    def points(self) -> list[dict[str, Any]]:
        """`{device, sensor, points: [[ms, low, high], …]}` of each series, in order of time."""
        width = self._width_us
        return [
            {
                "device": device, "sensor": sensor,
                "points": [[(bin * width + width // 2) / 1000, low, high] for bin, (low, high) in sorted(bins.items())],
            }
            for (device, sensor), bins in self._series.items()
        ]  # fmt: skip

    def _add(self, bins: dict[int, list[float]], times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        good = ~np.isnan(values)
        times, values = times[good], values[good]
        if not len(times):
            return
        at = times // self._width_us
        found, inverse = np.unique(at, return_inverse=True)
        lows, highs = np.full(len(found), np.inf), np.full(len(found), -np.inf)
        np.minimum.at(lows, inverse, values)
        np.maximum.at(highs, inverse, values)
        for bin, low, high in zip(found.tolist(), lows.tolist(), highs.tolist(), strict=True):
            known = bins.get(bin)
            bins[bin] = [low, high] if known is None else [min(known[0], low), max(known[1], high)]
        while any(len(each) > self._bins for each in self._series.values()):
            self._coarser()

    def _coarser(self) -> None:
        self._width_us *= 2
        for name, bins in self._series.items():
            merged: dict[int, list[float]] = {}
            for bin, (low, high) in bins.items():
                known = merged.get(bin // 2)
                merged[bin // 2] = [low, high] if known is None else [min(known[0], low), max(known[1], high)]
            self._series[name] = merged


def _series_of(chunk: Chunk, device: str) -> list[tuple[tuple[str, str], NDArray[np.int64], NDArray[np.float64]]]:
    if chunk.device_keys is None and chunk.sensor_keys is None:
        return [((device, key), chunk.time_us, values) for key, values in chunk.values.items()]
    count = len(chunk.time_us)
    devices = chunk.device_keys if chunk.device_keys is not None else np.full(count, device, object)
    found = []
    for key, values in chunk.values.items():
        sensors = chunk.sensor_keys if chunk.sensor_keys is not None else np.full(count, key, object)
        for pair in list(dict.fromkeys(zip(devices.tolist(), sensors.tolist(), strict=True)))[:50]:
            mine = (devices == pair[0]) & (sensors == pair[1])
            found.append((pair, chunk.time_us[mine], values[mine]))
    return found


def check(services: Services, tenant_id: int, row: ImportRow, path: Path, plan: Plan, go_on: Callable[[], None]) -> dict[str, Any]:
    """What is shown of a dry run, as JSON. Raises CsvError, OSError, and ImportStopped when somebody gives it up."""
    catalogue = services.catalogue.refreshed(tenant_id)
    fmt = planned_format(sample_of(path), plan, zone=catalogue.zone, file_name=row.file_name)
    known = {name: sensor.id for name, sensor in catalogue.by_name.items()}
    drawing, months, told = Drawing(), set[int](), [0.0]
    engine = services.database.engine

    def see(chunk: Chunk) -> None:
        drawing.see(chunk, plan.device)
        months.update(np.unique(chunk.time_us // 86_400_000_000).tolist())

    def progress(rows: int, read: int) -> None:
        go_on()
        if time.monotonic() - told[0] < WORD_EVERY_S:
            return
        told[0] = time.monotonic()
        with tenant_transaction(engine, tenant_id) as connection:
            if commands.note_life(connection, row.id, bytes_read=read) != "checking":
                raise ImportStopped("draft")

    report, new = dry_run(
        engine, tenant_id, path, fmt, plan.device, known, progress, see=see, folder=uploads.folder(services.settings)
    )
    if len(new) > MOST_PAIRS:
        raise CsvError("columns", f"the file would make {len(new):,} sensors, more than {MOST_PAIRS:,}; is the right column taken?")
    found = asdict(report)
    found["new"] = [list(pair) for pair in new[:LISTED]]
    found["new_sensors"] = len(new)
    found["new_devices"] = sorted({device for device, _ in new} - set(catalogue.devices))[:LISTED]
    found["series"] = drawing.points()
    found["partitions"] = _partitions(services, tenant_id, months)
    return found


def _partitions(services: Services, tenant_id: int, days: set[int]) -> dict[str, Any]:
    """Which partitions of readings the file reaches: how many there are, and those that would be made."""
    span = services.settings.partition_by
    with tenant_reading(services.database.engine, tenant_id) as connection:
        there = partition_ranges(connection, READINGS)
    wanted: dict[int, bool] = {}
    for day in sorted(days):
        time_us = day * 86_400_000_000
        inside = next((each for each in there if each.low_us <= time_us < each.high_us), None)
        wanted[inside.low_us if inside else span_of(time_us, span)[0]] = inside is not None
    new = [low for low, exists in wanted.items() if not exists]
    return {
        "span": span, "count": len(wanted), "new": len(new),
        "first": from_us(min(wanted)).date().isoformat() if wanted else None,
        "last": from_us(max(wanted)).date().isoformat() if wanted else None,
    }  # fmt: skip
