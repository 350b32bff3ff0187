"""How each part of this replica is, in one word each, with since when and what to do: for `/api/v1/health` and for `/system`."""

import logging
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy.exc import SQLAlchemyError

from db.queries.system import Probe, probe

if TYPE_CHECKING:
    from dashapp.ingest.services import Services

log = logging.getLogger("andon.system")
Mood = Literal["good", "warn", "bad", "off"]
LEAST_FREE, LITTLE_FREE = 0.03, 0.10  # of the disk


@dataclass(frozen=True, slots=True)
class Part:
    """A part: its word, and how that is to be taken. `advice` is "" where nothing is to be done; `since_ms` since 1970 UTC."""

    key: str
    name: str
    word: str
    mood: Mood
    detail: str = ""
    advice: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All parts; `latency_ms` is the database's, None where it does not answer."""

    parts: tuple[Part, ...]
    latency_ms: float | None
    probe: Probe | None

    @property
    def serves(self) -> bool:
        """Whether readings can be stored and read here."""
        return all(part.mood != "bad" for part in self.parts if part.key in ("database", "writers", "queue"))

    def part(self, key: str) -> Part:
        """The part of that key."""
        return next(part for part in self.parts if part.key == key)


class Health:
    """Looks, and remembers since when a part is as it is."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self._since: dict[str, tuple[str, int]] = {}

    def look(self) -> Report:
        """How everything is at this moment; one query."""
        began = time.perf_counter()
        asked: Probe | None = None
        try:
            with self._services.database.engine.connect() as connection:
                asked = probe(connection)
        except (SQLAlchemyError, OSError) as error:  # whatever the driver says, the answer is the same
            log.debug("the database does not answer: %s", error)
        latency_ms = None if asked is None else round((time.perf_counter() - began) * 1000, 2)
        now_ms = time.time_ns() // 1_000_000
        parts = [self._database(asked, latency_ms), self._writers(), self._queue(), self._listener()]
        parts += [self._jobs(asked), self._simulator(asked), self._disk()]
        return Report(tuple(self._since_when(part, now_ms) for part in parts), latency_ms, asked)

    def _since_when(self, part: Part, now_ms: int) -> Part:
        word, since = self._since.get(part.key, ("", now_ms))
        if word != part.word:
            since = now_ms
            self._since[part.key] = part.word, since
        return Part(part.key, part.name, part.word, part.mood, part.detail, part.advice, since)

    def _database(self, asked: Probe | None, latency_ms: float | None) -> Part:
        kind = "embedded" if self._services.settings.embedded else "external"
        if asked is None:
            advice = "Look at the database server and its log. Readings are tried again for 30 s, then doors answer 503."
            return Part("database", "Database", "away", "bad", f"PostgreSQL, {kind}", advice)
        slow = latency_ms is not None and latency_ms > 250
        detail = f"PostgreSQL {asked.version}, {kind}, answered in {latency_ms:.1f} ms"
        return Part("database", "Database", "slow" if slow else "answers", "warn" if slow else "good", detail,
                    "The server has much to do: see what else runs on it." if slow else "")  # fmt: skip

    def _writers(self) -> Part:
        pipeline = self._services.pipeline
        if pipeline.has_lost_a_writer:
            return Part("writers", "Writers", "ended", "bad", "", "Start this replica again; its log says why they ended.")
        if not pipeline.is_running:
            return Part("writers", "Writers", "not started", "warn")
        if pipeline.tries_again:
            return Part("writers", "Writers", "waiting", "bad", "for the database", "They go on by themselves once it answers.")
        return Part("writers", "Writers", "ready", "good", "small posts and bulk, apart")

    def _queue(self) -> Part:
        share = self._services.pipeline.waiting_rows / self._services.settings.queue_rows
        detail = f"{self._services.pipeline.waiting_rows:,} of {self._services.settings.queue_rows:,} readings wait"
        if share >= 0.9:
            advice = "More comes in than can be stored: doors answer 503 and senders try again."
            return Part("queue", "Queue", "full", "bad", detail, advice)
        if share >= 0.5:
            return Part("queue", "Queue", "filling", "warn", detail, "More comes in than is stored at the moment.")
        return Part("queue", "Queue", "flowing", "good", detail)

    def _listener(self) -> Part:
        if self._services.listener.connected:
            return Part("listener", "Listener", "connected", "good", "hears of other replicas’ changes")
        advice = "Pages may be seconds behind other replicas. It needs a direct connection, not one through a pooler."
        return Part("listener", "Listener", "connecting", "warn", "", advice)

    def _jobs(self, asked: Probe | None) -> Part:
        if asked is None:
            return Part("jobs", "Jobs", "unknown", "warn", "the database does not say")
        if asked.leader is None:
            return Part("jobs", "Jobs", "nobody", "bad", "no replica runs the jobs", "Start a replica with ANDON_JOBS=1.")
        where = "this replica" if asked.leader == self._services.replica else asked.leader.rpartition(":")[0]
        return Part("jobs", "Jobs", "run", "good", f"on {where}")

    def _simulator(self, asked: Probe | None) -> Part:
        if asked is None or not asked.demo:
            return Part("simulator", "Simulator", "off", "off", "there is no demo plant" if asked else "")
        if asked.simulated_at is None or _age_s(asked.simulated_at, asked.now) > 30:
            return Part("simulator", "Simulator", "silent", "warn", "it has not run for half a minute", "See the job “simulate” below.")
        return Part("simulator", "Simulator", "runs", "good", "the demo plant")

    def _disk(self) -> Part:
        if not self._services.settings.embedded:
            return Part("disk", "Disk", "not ours", "off", "the database is on another server")
        usage = disk_of(self._services.settings.data_dir)
        share = usage.free / usage.total
        detail = f"{usage.free / 1e9:,.1f} GB of {usage.total / 1e9:,.1f} GB free"
        advice = "Free some space or move ANDON_DATA_DIR: PostgreSQL stops when the disk is full."
        if share < LEAST_FREE:
            return Part("disk", "Disk", "full", "bad", detail, advice)
        if share < LITTLE_FREE:
            return Part("disk", "Disk", "short", "warn", detail, advice)
        return Part("disk", "Disk", "enough", "good", detail)


def disk_of(folder: Path) -> "shutil._ntuple_diskusage":
    """The disk that a folder is on, or will be once it is made."""
    folder = folder.absolute()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder)


def _age_s(moment: datetime, now: datetime) -> float:
    return (now - moment).total_seconds()
