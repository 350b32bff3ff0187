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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine, text

from db.commands.system import declare_job, settle_request, take_requests

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
    what: str = ""  # for people


class Lease:
    """Which replica runs the jobs."""

    def __init__(self, engine: Engine, name: str = "jobs", holder: str | None = None) -> None:
        self._engine = engine
        self._name = name
        self.holder = holder or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
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

    def __init__(
        self, engine: Engine, jobs: list[Job], *, at_end: Sequence[Callable[[], None]] = (), replica: str | None = None
    ) -> None:
        self._engine = engine
        self._at_end = tuple(at_end)  # of what runs beside its job
        self.jobs = {job.name: job for job in jobs}
        self.lease = Lease(engine, holder=replica)
        self._locks = {name: threading.Lock() for name in self.jobs}
        self._recorded: dict[str, float] = {}
        self._asked: list[threading.Thread] = []
        self._pending: dict[str, list[float]] = {}  # name → [runs, failures] not yet recorded
        self.stopping = threading.Event()  # for jobs that take long: they leave off where they can go on
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(6)}, timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1}
        )

    def start(self) -> None:
        """Starts renewing the lease and running what is due."""
        self._renew()
        self._declare()
        self._scheduler.add_job(self._renew, "interval", seconds=RENEW_EVERY_S, id="renew-lease", misfire_grace_time=None)
        self._scheduler.add_job(self.take_requests, "interval", seconds=1, id="take-requests", misfire_grace_time=None)
        for job in self.jobs.values():
            self._scheduler.add_job(
                self.run, "interval", seconds=job.every_s, args=[job.name], id=job.name, misfire_grace_time=None,
                next_run_time=datetime.now(UTC),
            )  # fmt: skip
        self._scheduler.start()

    def stop(self) -> None:
        """Waits for what runs, gives the lease back."""
        self.stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
        for asked in self._asked:
            asked.join(30)
        for end in self._at_end:
            end()
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

    def take_requests(self) -> int:
        """Runs what somebody asked for, each in a thread of its own, where this replica runs the jobs; how many it took."""
        if not self.lease.held or self.stopping.is_set():
            return 0
        try:
            with self._engine.begin() as connection:
                taken = take_requests(connection, self.lease.holder)
        except Exception as error:
            log.warning("what was asked for was not looked up: %s", str(error).splitlines()[0])
            return 0
        for request_id, name in taken:
            # A thread of its own: APScheduler's shutdown waits for this job and holds the lock that adding one to it takes.
            asked = threading.Thread(target=self._run_requested, args=[request_id, name], name=f"asked-{name}", daemon=True)
            self._asked = [thread for thread in self._asked if thread.is_alive()] + [asked]
            asked.start()
        return len(taken)

    def _run_requested(self, request_id: int, name: str) -> None:
        began = time.perf_counter()
        if name not in self.jobs:
            result = "not run: the replica that runs the jobs does not have it"
        elif self._locks[name].locked():
            result = "not run: it was running already"
        else:
            well = self.run(name, force=True)
            took = f"in {time.perf_counter() - began:.2f} s"
            result = f"done {took}" if well else f"failed {took}"
        try:
            with self._engine.begin() as connection:
                settle_request(connection, request_id, result)
        except Exception as error:
            log.warning("the result of %s was not kept: %s", name, str(error).splitlines()[0])

    def _declare(self) -> None:
        try:
            with self._engine.begin() as connection:
                for job in self.jobs.values():
                    declare_job(connection, job.name, job.what, job.every_s)
        except Exception as error:
            log.warning("the table of jobs was not written: %s", str(error).splitlines()[0])

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
                        "insert into job_runs (name, last_started, last_finished, duration_s, runs, failures, last_error, next_at,"
                        " last_failed_at) values (:name, :started, now(), :duration, :runs, :failures, :error, :next,"
                        " case when cast(:error as text) is not null then now() end)"
                        " on conflict (name) do update set last_started = :started, last_finished = now(), duration_s = :duration,"
                        " runs = job_runs.runs + :runs, failures = job_runs.failures + :failures,"
                        " last_error = coalesce(:error, job_runs.last_error), next_at = :next,"
                        " last_failed_at = coalesce(excluded.last_failed_at, job_runs.last_failed_at)"
                    ),
                    {
                        "name": name, "started": started, "duration": duration_s, "runs": pending[0], "failures": pending[1],
                        "error": problem, "next": started + timedelta(seconds=self.jobs[name].every_s),
                    },
                )  # fmt: skip
            self._pending[name] = [0, 0]
        except Exception as error:
            log.warning("the run of %s was not recorded: %s", name, str(error).splitlines()[0])
