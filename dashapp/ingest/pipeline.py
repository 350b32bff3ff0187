"""Many doors, one pipeline: group commit of readings, state, alerts and outbox; only then are the doors answered.

Two lanes, each with a writer (a thread and a connection): small posts do not wait behind a bulk transaction in flight.
DESIGN decision 5.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.engine import URL

from dashapp.ingest.batch import Batch, Busy
from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.lanes import Lane
from dashapp.ingest.live import Live
from dashapp.ingest.writer import Asks, Evaluate, Writer, ask_nothing, evaluate_nothing
from db.engine import Database

log = logging.getLogger("andon.ingest")
SMALL_ROWS = 64


class Partitions(Protocol):
    """Makes the partitions that these times need."""

    def __call__(self, times_us: NDArray[np.int64]) -> None: ...


class Pipeline:
    """The only way into `readings`."""

    def __init__(
        self,
        database: Database,
        catalogue: Catalogue,
        live: Live,
        partitions: Partitions,
        *,
        queue_rows: int = 200_000,
        slice_rows: int = 5_000,
        evaluate: Evaluate = evaluate_nothing,
        asks: Asks = ask_nothing,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lanes = {
            "small": Lane(most_rows=queue_rows, slice_rows=slice_rows),
            "bulk": Lane(most_rows=queue_rows, slice_rows=slice_rows),
        }
        url: URL = database.engine.url
        self._writers = [
            Writer(name, lane, url, catalogue, live, partitions, evaluate, asks, clock) for name, lane in self.lanes.items()
        ]
        self._running = threading.Event()
        self._turned_away = 0
        self.started_at = time.time()

    def start(self) -> None:
        """Starts the writers."""
        for writer in self._writers:
            writer.start()
        self._running.set()

    def stop(self, timeout_s: float = 30) -> None:
        """Takes nothing more, commits what was accepted, ends the writers."""
        self._running.clear()
        for lane in self.lanes.values():
            lane.close()
        for writer in self._writers:
            if writer.is_alive():
                writer.join(timeout_s)

    def submit(self, batch: Batch, *, wait_s: float | None = None) -> None:
        """Queues a batch; `batch.done` is called after its commit. Raises Busy where there is no room."""
        if not self._running.is_set():
            raise Busy
        small = len(batch.rows) <= SMALL_ROWS and batch.import_id is None
        try:
            self.lanes["small" if small else "bulk"].put(batch, wait_s=wait_s)
        except Busy:
            self._turned_away += 1
            raise

    @property
    def waiting_rows(self) -> int:
        """Readings that are accepted and not yet stored."""
        return sum(lane.rows for lane in self.lanes.values())

    @property
    def is_running(self) -> bool:
        """Whether it takes readings."""
        return self._running.is_set()

    @property
    def has_lost_a_writer(self) -> bool:
        """Whether a writer has ended that nobody stopped."""
        return self._running.is_set() and not all(writer.is_alive() for writer in self._writers)

    @property
    def tries_again(self) -> bool:
        """Whether a writer waits for a database that is away."""
        return any(writer.tries_again for writer in self._writers)

    def take_slowest_s(self) -> float:
        """The longest way of a batch from its door to its commit since this was last asked; 0 where there was none."""
        return max(writer.take_slowest_s() for writer in self._writers)

    def figures(self) -> dict[str, float]:
        """Counters since the start: transactions, rows stored, duplicates, conflicts, refused, seconds in transactions."""
        total: dict[str, float] = {"turned_away": self._turned_away}
        for writer in self._writers:
            for name, value in writer.figures.items():
                total[name] = total.get(name, 0) + value
        return total


def store_and_wait(pipeline: Pipeline, make: Callable[[Callable[..., None]], Batch], *, timeout_s: float = 60) -> Batch:
    """Submits the batch that `make(done)` gives and waits for its commit; for doors that run in a thread of their own."""
    finished = threading.Event()
    batch = make(lambda _outcome: finished.set())
    pipeline.submit(batch, wait_s=timeout_s)
    if not finished.wait(timeout_s):
        raise TimeoutError(f"not stored within {timeout_s:.0f} s")
    if batch.outcome.error is not None:
        raise batch.outcome.error
    return batch
