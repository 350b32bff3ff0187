"""What this replica takes in, second by second for the last fifteen minutes; and word to the others that it is alive."""

import itertools
import logging
import os
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dashapp.settings import VERSION
from db.commands import system as commands

if TYPE_CHECKING:
    from dashapp.ingest.services import Services

log = logging.getLogger("andon.system")
KEPT_S = 900
BEAT_EVERY_S = 5
NOW_S = 5  # what "now" means for a rate


@dataclass(frozen=True, slots=True)
class Sample:
    """One second: counters since the start, what waits, and the longest way from a door to its commit in it."""

    at_ms: int
    stored: float
    refused: float
    turned_away: float
    waiting: int
    lag_s: float


class Meter(threading.Thread):
    """Samples the pipeline once a second."""

    def __init__(self, services: "Services") -> None:
        super().__init__(name="meter", daemon=True)
        self._services = services
        self._halt = threading.Event()
        self._samples: deque[Sample] = deque(maxlen=KEPT_S + 1)

    def run(self) -> None:
        """Until it is told to stop."""
        turn = 0
        while not self._halt.wait(0 if not turn else 1):
            self._sample()
            if turn % BEAT_EVERY_S == 0:
                self._beat()
            turn += 1

    def stop(self) -> None:
        """Ends, and says that this replica has gone."""
        self._halt.set()
        if self.is_alive():
            self.join(5)
            try:
                commands.forget_replica(self._services.database.engine, self._services.replica)
            except Exception as error:  # the database may have gone first
                log.info("the replica did not sign off: %s", str(error).splitlines()[0])

    def per_second(self) -> float:
        """Readings stored a second, over the last five."""
        return self._rate(NOW_S, "stored")

    def refused_per_minute(self) -> float:
        """Readings refused, and posts turned away because the queue was full, in the last minute."""
        return 60 * (self._rate(60, "refused") + self._rate(60, "turned_away"))

    def average_per_second(self) -> float:
        """Readings stored a second over all that is kept, at most fifteen minutes."""
        return self._rate(KEPT_S, "stored")

    def lag_s(self) -> float | None:
        """The longest way from a door to the commit in the last five seconds; None where nothing was stored."""
        return max((one.lag_s for one in list(self._samples)[-NOW_S:] if one.lag_s > 0), default=None)

    def points(self, every_s: int = 10) -> list[tuple[int, float]]:
        """`(t_ms, readings a second)` of the last fifteen minutes."""
        kept = list(self._samples)[::-every_s][::-1]
        return [
            (after.at_ms, round((after.stored - before.stored) * 1000 / max(after.at_ms - before.at_ms, 1), 2))
            for before, after in itertools.pairwise(kept)
        ]

    def _rate(self, seconds: int, name: str) -> float:
        kept = list(self._samples)[-(seconds + 1) :]
        if len(kept) < 2:
            return 0.0
        gained: float = getattr(kept[-1], name) - getattr(kept[0], name)
        return max(gained, 0.0) * 1000 / max(kept[-1].at_ms - kept[0].at_ms, 1)

    def _sample(self) -> None:
        pipeline = self._services.pipeline
        figures = pipeline.figures()
        self._samples.append(
            Sample(
                time.time_ns() // 1_000_000, figures["stored"], figures["dead_letters"], figures["turned_away"], pipeline.waiting_rows,
                pipeline.take_slowest_s(),
            )
        )  # fmt: skip

    def _beat(self) -> None:
        services = self._services
        try:
            services.health.look()
            commands.beat(
                services.database.engine, replica=services.replica, host=socket.gethostname(), pid=os.getpid(), version=VERSION,
                runs_jobs=services.settings.jobs, started_at=datetime.fromtimestamp(services.started_at, UTC),
                readings_per_s=round(self.per_second(), 2),
            )  # fmt: skip
        except Exception as error:  # it is away: the next beat says more
            log.info("this replica could not say that it lives: %s", str(error).splitlines()[0])
