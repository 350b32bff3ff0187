"""One table of jobs, run by APScheduler on the replica that holds the lease.

The lease is a row with a fencing token, not an advisory lock: those break behind a pooler and can outlive a dead host
(DESIGN decision 9). A job may run twice; each is safe to.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, text

log = logging.getLogger("andon.jobs")
LEASE_S = 15
RENEW_EVERY_S = 5
RECORD_EVERY_S = 10  # a job that runs each second does not write a row each second


@dataclass(frozen=True, slots=True)
class Job:
    """A verb, how often, and what it runs with the time of the run."""

    name: str
    every_s: float
    run: Callable[[datetime], object]


class Lease:
    """Which replica runs the jobs."""

    def __init__(self, engine: Engine, name: str = "jobs") -> None:
        self._engine = engine
        self._name = name
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self.token = 0
        self._held_until = 0.0

    @property
    def held(self) -> bool:
        """Whether this replica holds it, by its own clock and with a margin."""
        return time.monotonic() < self._held_until

    def renew(self) -> bool:
        """Takes the lease where it is free or expired, or prolongs it."""
        asked = time.monotonic()
        with self._engine.begin() as connection:
            row = connection.execute(
                text(
                    "insert into leases (name, holder, token, expires_at) values (:name, :holder, 1, now() + :s * interval '1 s')"
                    " on conflict (name) do update set holder = :holder, expires_at = now() + :s * interval '1 s',"
                    " token = leases.token + case when leases.holder = :holder then 0 else 1 end"
                    " where leases.holder = :holder or leases.expires_at < now() returning token"
                ),
                {"name": self._name, "holder": self.holder, "s": LEASE_S},
            ).one_or_none()
        self.token = row.token if row else 0
        self._held_until = asked + LEASE_S - 1 if row else 0.0
        return row is not None

    def release(self) -> None:
        """Lets another replica take it at once."""
        self._held_until = 0.0
        with self._engine.begin() as connection:
            mine = {"name": self._name, "holder": self.holder}
            connection.execute(text("delete from leases where name = :name and holder = :holder"), mine)


class Scheduler:
    """Runs the table of jobs while this replica holds the lease."""

    def __init__(self, engine: Engine, jobs: list[Job]) -> None:
        self._engine = engine
        self.jobs = {job.name: job for job in jobs}
        self.lease = Lease(engine)
        self._locks = {name: threading.Lock() for name in self.jobs}
        self._recorded: dict[str, float] = {}
        self._pending: dict[str, list[float]] = {}  # name → [runs, failures] not yet recorded
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(6)}, timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1}
        )

    def start(self) -> None:
        """Starts renewing the lease and running what is due."""
        self._renew()
        self._scheduler.add_job(self._renew, "interval", seconds=RENEW_EVERY_S, id="renew-lease", misfire_grace_time=None)
        for job in self.jobs.values():
            self._scheduler.add_job(
                self.run, "interval", seconds=job.every_s, args=[job.name], id=job.name, misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )  # fmt: skip
        self._scheduler.start()

    def stop(self) -> None:
        """Waits for what runs, gives the lease back."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        try:
            self.lease.release()
        except Exception as error:  # the database may have gone first
            log.info("the lease was not given back: %s", error)

    def run(self, name: str, *, force: bool = False) -> bool:
        """Runs a job now unless it runs already or another replica holds the lease; says whether it ran well."""
        if not (self.lease.held or force) or not self._locks[name].acquire(blocking=False):
            return False
        started, clock = datetime.now(UTC), time.perf_counter()
        problem: str | None = None
        try:
            self.jobs[name].run(started)
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"[:1000]
            log.exception("job %s failed", name)
        finally:
            self._locks[name].release()
        self._record(name, started, time.perf_counter() - clock, problem)
        return problem is None

    def _renew(self) -> None:
        try:
            held_before = self.lease.held
            if self.lease.renew() and not held_before:
                log.info("this replica runs the jobs")
        except Exception as error:
            log.warning("the lease was not renewed: %s", str(error).splitlines()[0])

    def _record(self, name: str, started: datetime, duration_s: float, problem: str | None) -> None:
        pending = self._pending.setdefault(name, [0, 0])
        pending[0] += 1
        pending[1] += problem is not None
        if problem is None and time.monotonic() - self._recorded.get(name, -RECORD_EVERY_S) < RECORD_EVERY_S:
            return
        self._recorded[name] = time.monotonic()
        # Nothing is asked of APScheduler here: its shutdown waits for this job and holds its lock meanwhile.
        try:
            with self._engine.begin() as connection:
                connection.execute(
                    text(
                        "insert into job_runs (name, last_started, last_finished, duration_s, runs, failures, last_error, next_at)"
                        " values (:name, :started, now(), :duration, :runs, :failures, :error, :next)"
                        " on conflict (name) do update set last_started = :started, last_finished = now(), duration_s = :duration,"
                        " runs = job_runs.runs + :runs, failures = job_runs.failures + :failures,"
                        " last_error = coalesce(:error, job_runs.last_error), next_at = :next"
                    ),
                    {
                        "name": name, "started": started, "duration": duration_s, "runs": pending[0], "failures": pending[1],
                        "error": problem, "next": started + timedelta(seconds=self.jobs[name].every_s),
                    },
                )  # fmt: skip
            self._pending[name] = [0, 0]
        except Exception as error:
            log.warning("the run of %s was not recorded: %s", name, str(error).splitlines()[0])
