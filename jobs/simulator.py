"""The simulated fleet: what fell due since the last run goes through the pipeline like any other reading.

Values are a function of device, time and injected episodes (`dashapp.domain.simulation`), so a run that happens twice, or on two
replicas, stores nothing twice. What somebody asked of a device (`db.queries.simulation`) is read anew in every run.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from dashapp.domain.fleet import SEEDED_FLEET, DeviceSpec
from dashapp.domain.simulation import SEED, Episode, due_times, simulate
from dashapp.domain.simulation_control import Control
from dashapp.ingest.batch import Batch, Busy, Outcome
from dashapp.ingest.catalogue import TenantCatalogue, UnknownTenant
from dashapp.ingest.services import Services
from db.commands.installation import demo_state
from db.commands.readings import Rows
from db.queries.simulation import controlled_devices
from db.tenancy import tenant_reading

log = logging.getLogger("andon.simulator")
LONGEST_CATCH_UP_US = 60_000_000  # a longer gap is filled by `jobs.demo` at the start
EPISODES_MATTER = timedelta(days=2)  # the day's counters and the night before depend on what is over


@dataclass(frozen=True, slots=True)
class Due:
    """When a device is to report, microseconds since 1970 UTC; how much time a reading stands for (None: the sensor's period)."""

    times_us: NDArray[np.int64]
    period_s: float | None = None
    extra: tuple[Episode, ...] = ()


NOTHING = Due(np.empty(0, np.int64))


class Simulator:
    """Remembers up to when each device was simulated, and at what speed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._last: dict[tuple[int, str], tuple[int, float]] = {}

    def run(self, now: datetime) -> int:
        """Submits what fell due in every demo tenant; the number of readings."""
        with self._services.database.engine.connect() as connection:
            if demo_state(connection).changes:
                return 0  # it is being made, or taken away
        return sum(self._run(tenant_id, now) for tenant_id in self._services.demo_tenants())

    def _run(self, tenant_id: int, now: datetime) -> int:
        try:
            catalogue = self._services.catalogue.of(tenant_id)
        except UnknownTenant:
            return 0
        now_us = int(now.timestamp() * 1_000_000)
        with tenant_reading(self._services.database.engine, tenant_id) as connection:
            controls = read_controls(connection, now - EPISODES_MATTER)
        rows = simulated_rows(catalogue, lambda device: self._due(tenant_id, now_us, device, controls.get(device.key, Control())))
        if len(rows):
            try:
                self._services.pipeline.submit(Batch(tenant_id, "simulator", "", rows, _tell_trouble))
            except Busy:
                log.warning("the queue is full: %d simulated readings were left out", len(rows))
        return len(rows)

    def _due(self, tenant_id: int, now_us: int, device: DeviceSpec, control: Control) -> Due:
        place = (tenant_id, device.key)
        if not control.running:
            self._last.pop(place, None)
            return NOTHING
        period_s = control.period_s or own_period_s(device)
        period_us = int(period_s * 1_000_000)
        last_us, period_before_s = self._last.get(place, (max(now_us - 2 * period_us, control.changed_us), period_s))
        if period_before_s != period_s:
            # The first reading at another speed stands for a whole period of it, none of which may have been counted.
            last_us += period_us - 1
        self._last[place] = max(now_us, last_us), period_s
        times_us = due_times(max(last_us, now_us - LONGEST_CATCH_UP_US), now_us, period_s)
        return Due(times_us, control.period_s, control.episodes)


def read_controls(connection: Connection, since: datetime) -> dict[str, Control]:
    """What was asked of the tenant's devices, by key; injected episodes that end after `since`."""
    return {device.key: device.control for device in controlled_devices(connection, since)}


def own_period_s(device: DeviceSpec) -> float:
    """How often a device reports unless it is asked otherwise."""
    return min(sensor.period_s for sensor in device.sensors)


def simulated_rows(catalogue: TenantCatalogue, due_of: Callable[[DeviceSpec], Due]) -> Rows:
    """Rows of the seeded fleet's devices that the tenant (still) has, when `due_of(device)` says."""
    pieces: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for device, known in _present(catalogue):
        due = due_of(device)
        if not len(due.times_us):
            continue
        for key, values in simulate(device, due.times_us, seed=SEED, period_s=due.period_s, extra=due.extra).items():
            if key in known:
                pieces.append((np.full(len(due.times_us), known[key], np.int32), due.times_us, values))
    if not pieces:
        return Rows(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
    ids, times, values = (np.concatenate(column) for column in zip(*pieces, strict=True))
    return Rows(ids, times, values, np.full(len(ids), 192, np.int16))


def _present(catalogue: TenantCatalogue) -> Iterable[tuple[DeviceSpec, Mapping[str, int]]]:
    for device in SEEDED_FLEET:
        if entry := catalogue.devices.get(device.key):
            yield device, {key: sensor.id for key, sensor in entry.sensors.items()}


def _tell_trouble(outcome: Outcome) -> None:
    if outcome.error is not None:
        log.warning("simulated readings were not stored: %s", outcome.error)
