"""A tenant with a press, and a running pipeline into it, for tests of the way in."""

import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from sqlalchemy import text

from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec
from dashapp.ingest.batch import Batch, Idempotency, Outcome
from dashapp.ingest.pipeline import Pipeline
from dashapp.ingest.services import Services, make_services
from dashapp.ingest.writer import Evaluate, evaluate_nothing
from dashapp.settings import Settings
from db.columns import to_us
from db.commands.devices import insert_device
from db.commands.partitions import PartitionKeeper
from db.commands.readings import DeadLetter, Rows
from db.engine import Database
from db.tenancy import tenant_reading, tenant_transaction

START_US = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
PATIENCE_S = 60
SENSORS = (
    SensorSpec("temperature", "Temperature", "°C"),
    SensorSpec("vibration", "Vibration", "mm/s"),
    SensorSpec("production_count", "Produced", "", SensorKind.INCREMENT),
    SensorSpec("fault", "Fault", "", SensorKind.FLAG),
)
_numbers = itertools.count(1)
Reading = tuple[int, float, float]  # sensor id, seconds after START_US, value


@dataclass(frozen=True)
class Press:
    """A tenant's machine `MX-01`, and the ids of its sensors."""

    database: Database
    tenant_id: int
    temperature: int
    vibration: int
    count: int
    fault: int

    def readings(self) -> dict[tuple[int, int], float]:
        """(sensor, microseconds since 1970) → value, all that is stored."""
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            found = connection.execute(text("select sensor_id, time, value from readings")).all()
        return {(row.sensor_id, to_us(row.time)): row.value for row in found}

    def states(self) -> dict[int, tuple[int | None, float | None, float, int]]:
        """Sensor → (time, value, total, number of readings)."""
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            found = connection.execute(text("select sensor_id, time, value, total, readings from sensor_state")).all()
        return {row.sensor_id: (row.time and to_us(row.time), row.value, row.total, row.readings) for row in found}

    def column(self, query: str) -> list[object]:
        """What a query of one column gives, as the tenant sees it."""
        with tenant_reading(self.database.engine, self.tenant_id) as connection:
            return list(connection.execute(text(query)).scalars())


def new_press(database: Database) -> Press:
    """A press in a tenant of its own."""
    key = f"press-{os.getpid()}-{next(_numbers)}"
    with database.engine.begin() as connection:
        tenant_id = connection.execute(text("select andon_create_tenant(:key, :key, 'UTC', false)"), {"key": key}).scalar_one()
    with tenant_transaction(database.engine, tenant_id) as connection:
        insert_device(connection, tenant_id, DeviceSpec("MX-01", "Press", "", "", SENSORS))
        ids = dict(connection.execute(text("select key, id from sensors")).all())
    return Press(database, tenant_id, ids["temperature"], ids["vibration"], ids["production_count"], ids["fault"])


def make_pipeline(
    database: Database, *, evaluate: Evaluate = evaluate_nothing, queue_rows: int = 200_000, slice_rows: int = 5_000
) -> Services:
    """Services of a replica; nothing runs yet."""
    keeper = PartitionKeeper(database)
    services = make_services(Settings(), database, keeper)
    services.pipeline = Pipeline(
        database, services.catalogue, services.live, keeper, queue_rows=queue_rows, slice_rows=slice_rows, evaluate=evaluate
    )
    return services


@contextmanager
def running(services: Services) -> Iterator[Services]:
    """Its writers run inside of the block."""
    services.pipeline.start()
    try:
        yield services
    finally:
        services.pipeline.stop()


def rows(readings: Sequence[Reading]) -> Rows:
    """Columns of readings."""
    sensors, seconds, values = zip(*readings, strict=True) if readings else ((), (), ())
    times_us = START_US + np.round(np.array(seconds, float) * 1e6).astype(np.int64)
    return Rows(np.array(sensors, np.int32), times_us, np.array(values, float), np.full(len(readings), 192, np.int16))


class Sent:
    """A batch on its way: `outcome()` waits for its commit."""

    def __init__(
        self,
        press: Press,
        readings: Sequence[Reading],
        *,
        source: str = "key:1",
        dead: Sequence[DeadLetter] = (),
        idempotency: Idempotency | None = None,
        import_id: int | None = None,
    ) -> None:
        self._settled = threading.Event()
        self.batch = Batch(
            press.tenant_id, "http", source, rows(readings), lambda _outcome: self._settled.set(), dead=list(dead), idempotency=idempotency,
            import_id=import_id, raw=lambda row: f"row {row}".encode(),
        )  # fmt: skip

    def to(self, pipeline: Pipeline) -> "Sent":
        """Submits it."""
        pipeline.submit(self.batch, wait_s=PATIENCE_S)
        return self

    def waiting_in(self, pipeline: Pipeline, lane: str = "small") -> "Sent":
        """Lays it into a lane of a pipeline that does not run yet, so that it shares the first slice."""
        pipeline.lanes[lane].put(self.batch)
        return self

    @property
    def settled(self) -> bool:
        """Whether its door was answered."""
        return self._settled.is_set()

    def outcome(self) -> Outcome:
        """What became of it. Raises what the door would be told."""
        assert self._settled.wait(PATIENCE_S), "the door was never answered"
        if self.batch.outcome.error is not None:
            raise self.batch.outcome.error
        return self.batch.outcome


def now_s() -> float:
    """Now in seconds after START_US: what `Sent` counts in."""
    return time.time() - START_US / 1e6


def store(services: Services, press: Press, *readings: Reading) -> None:
    """Readings that are committed when it comes back."""
    Sent(press, list(readings)).to(services.pipeline).outcome()


def once(key: str, body: bytes = b"body", principal: str = "key:1") -> Idempotency:
    """A request with an Idempotency-Key that is answered by what was stored."""
    return Idempotency(principal, key, body, lambda outcome: (201, f"stored {outcome.stored}".encode()))
