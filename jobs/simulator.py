"""The simulated fleet: what fell due since the last run goes through the pipeline like any other reading.

Values are a function of device and time (`dashapp.domain.simulation`), so a run that happens twice, or on two replicas,
stores nothing twice.
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from functools import partial

import numpy as np

from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec
from dashapp.domain.simulation import due_times, simulate
from dashapp.ingest.batch import Batch, Busy, Outcome
from dashapp.ingest.catalogue import TenantCatalogue
from dashapp.ingest.services import Services
from db.commands.readings import Rows

log = logging.getLogger("andon.simulator")
SEED = 1
LONGEST_CATCH_UP_US = 60_000_000  # a longer gap is filled by `jobs.demo` at the start


class Simulator:
    """Remembers up to when each device was simulated."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._last_us: dict[tuple[int, str], int] = {}

    def run(self, now: datetime) -> int:
        """Submits what fell due in every demo tenant; the number of readings."""
        now_us = int(now.timestamp() * 1_000_000)
        submitted = 0
        for tenant_id in self._services.demo_tenants():
            catalogue = self._services.catalogue.of(tenant_id)
            rows = simulated_rows(catalogue, partial(self._due, tenant_id, now_us))
            if len(rows):
                submitted += len(rows)
                try:
                    self._services.pipeline.submit(Batch(tenant_id, "simulator", "", rows, _tell_trouble))
                except Busy:
                    log.warning("the queue is full: %d simulated readings were left out", len(rows))
        return submitted

    def _due(self, tenant_id: int, now_us: int, device: DeviceSpec) -> np.ndarray:
        period_s = min(sensor.period_s for sensor in device.sensors)
        last_us = self._last_us.get((tenant_id, device.key), now_us - int(2 * period_s * 1_000_000))
        self._last_us[tenant_id, device.key] = now_us
        return due_times(max(last_us, now_us - LONGEST_CATCH_UP_US), now_us, period_s)


def simulated_rows(catalogue: TenantCatalogue, times_of: "partial[np.ndarray]", *, period_s: float | None = None) -> Rows:
    """Rows of the seeded fleet's devices that the tenant (still) has, at the times that `times_of(device)` gives."""
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for device, known in _present(catalogue):
        times_us = times_of(device)
        if not len(times_us):
            continue
        for key, values in simulate(device, times_us, seed=SEED, period_s=period_s).items():
            if key in known:
                pieces.append((np.full(len(times_us), known[key], np.int32), times_us, values))
    if not pieces:
        return Rows(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
    ids, times, values = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return Rows(ids, times, values, np.full(len(ids), 192, np.int16))


def _present(catalogue: TenantCatalogue) -> Iterable[tuple[DeviceSpec, dict[str, int]]]:
    for device in SEEDED_FLEET:
        if entry := catalogue.devices.get(device.key):
            yield device, {key: sensor.id for key, sensor in entry.sensors.items()}


def _tell_trouble(outcome: Outcome) -> None:
    if outcome.error is not None:
        log.warning("simulated readings were not stored: %s", outcome.error)
