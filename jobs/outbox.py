"""Job `send-notices`: what is in the outbox becomes notices, and notices go out, each channel on a thread of its own.

At least once: a notice is marked as being sent and committed before it is sent, and as sent after; a crash in between leaves a lease
that runs out, so it is sent again, once. Safe on two replicas: rows and channels are locked, what is locked is passed by.
"""

import logging
import os
import random
import secrets
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from dashapp.domain.delivery import TRIED_FOR_S, Waiting, decide, tokens_now, wait_s
from dashapp.domain.notices import SEVERITIES, Message, Told, digest, render
from dashapp.notices.facts import Plant, payload
from dashapp.notices.guard import allowed
from dashapp.notices.sender import Letter, Outcome, Target, file_name, send
from dashapp.settings import Settings
from db.commands import notices as commands
from db.engine import Database
from db.queries import notices as queries
from db.queries.reports import one_report
from db.tenancy import tenant_transaction
from jobs.telling import remind, tell

log = logging.getLogger("andon.notices")
WORKERS = 8
GRACE_S = 10.0  # a lease lasts this much longer than an attempt may take
Send = Callable[..., Outcome]


@dataclass(frozen=True, slots=True)
class Taken:
    """A notice that this process is to send now."""

    id: int
    channel_id: int
    target: Target
    message: Message
    facts: dict[str, str]
    attempts: int
    age_s: float
    failures: int
    letter: Letter | None = None  # of a report


class Notifier:
    """The outbox's consumer. `run` returns at once: sending has threads of its own, and a slow service holds up its channel alone."""

    def __init__(
        self, database: Database, settings: Settings, *, sending: Send = send, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._settings = settings
        self._send = sending
        self._clock = clock
        self._rules = allowed(settings.notify_allow)
        self.holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="notices")
        self._draining: set[tuple[int, int]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, now: datetime) -> int:
        """Makes notices of what happened and sets the channels going that have something to send; how many events and reminders."""
        with self._database.engine.connect() as connection:
            tenants = queries.tenants_to_notify(connection, now)
        return sum(self._run_tenant(tenant_id, now) for tenant_id in tenants)

    def _run_tenant(self, tenant_id: int, now: datetime) -> int:
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            plant = plant_of(connection, self._settings)
            heard = tell(connection, plant, now) + remind(connection, plant, now)
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            channels = queries.due_channels(connection, now)
        for channel_id in channels:
            self._set_going(tenant_id, channel_id)
        return heard

    def stop(self) -> None:
        """No further notice is begun; what is being sent is waited for."""
        self._stopping = True
        self._pool.shutdown(wait=True)

    def settle(self) -> None:
        """Waits until every channel that was set going has come to rest."""
        while self._draining:
            time.sleep(0.005)

    def _set_going(self, tenant_id: int, channel_id: int) -> None:
        with self._lock:
            if self._stopping or (tenant_id, channel_id) in self._draining:
                return
            self._draining.add((tenant_id, channel_id))
        self._pool.submit(self._drain, tenant_id, channel_id)

    def _drain(self, tenant_id: int, channel_id: int) -> None:
        """Sends what waits on a channel, one after the other, until nothing may go out now."""
        try:
            while not self._stopping and (taken := self._take(tenant_id, channel_id)) is not None:
                self._settle(tenant_id, taken, self._attempt(taken))
        except Exception:
            log.exception("notices of channel %d of tenant %d wait", channel_id, tenant_id)
        finally:
            with self._lock:
                self._draining.discard((tenant_id, channel_id))

    def _attempt(self, taken: Taken) -> Outcome:
        try:
            if taken.letter is not None:
                seconds = self._settings.notify_timeout_s
                return self._send(taken.target, taken.message, payload(taken.facts, taken.id), self._rules, seconds, taken.letter)
            return self._send(taken.target, taken.message, payload(taken.facts, taken.id), self._rules, self._settings.notify_timeout_s)
        except Exception as error:  # a fault of a library must not leave the notice without an answer
            log.exception("sending failed in an unexpected way")
            return Outcome("channel", f"sending failed: {type(error).__name__}")

    def _take(self, tenant_id: int, channel_id: int) -> Taken | None:
        now = self._clock()
        with tenant_transaction(self._database.engine, tenant_id) as connection:
            channel = commands.lock_channel(connection, channel_id, now)
            if channel is None or channel.paused:
                return None
            due = commands.waiting(connection, channel_id, now)
            if not due or any(row.under_way for row in due):
                return None
            due = _needed(connection, channel, due)
            tokens = tokens_now(channel.tokens, channel.tokens_age_s, channel.rate_messages, channel.rate_s)
            report = next((row for row in due if row.what == "report"), None)
            if report is not None:  # neither digested nor counted: it is one mail a day
                taken = self._report(connection, channel, report, now)
                commands.begin(connection, taken.id, taken.message.title, self.holder, now, self._settings.notify_timeout_s + GRACE_S)
                return taken
            recent = commands.recent(connection, channel_id, now, self._settings.notify_digest_s)
            for recipient in dict.fromkeys(row.recipient for row in due):
                rows = [row for row in due if row.recipient == recipient]
                count, since_digest_s = recent.get(recipient, (0, None))
                how = decide(
                    Waiting(len(rows), count, since_digest_s), tokens=tokens, failures=channel.failures,
                    digest_from=self._settings.notify_digest_from, digest_s=self._settings.notify_digest_s,
                )  # fmt: skip
                if how == "hold":
                    continue
                plant = plant_of(connection, self._settings)
                taken = (
                    self._digest(connection, channel, rows, plant, now)
                    if how == "digest"
                    else self._one(connection, channel, rows[0], plant, now)
                )
                commands.spend(connection, channel_id, tokens - 1, now)
                commands.begin(connection, taken.id, taken.message.title, self.holder, now, self._settings.notify_timeout_s + GRACE_S)
                return taken
        return None

    def _one(self, connection: Connection, channel: Any, row: Any, plant: Plant, now: datetime) -> Taken:
        if row.what == "digest":
            members = commands.digested(connection, [row.id])
            return _taken(
                channel, row.id, row, digest(_told(members), plant.name, plant.link("/alerts")), _digest_facts(members, plant), now
            )
        short = channel.kind in ("sms", "phone")
        return _taken(channel, row.id, row, render(row.what, row.facts, channel.templates, short=short), dict(row.facts), now)

    def _report(self, connection: Connection, channel: Any, row: Any, now: datetime) -> Taken:
        report = one_report(connection, row.report_id)
        assert report is not None  # its notices go with it
        letter = Letter(report.summary, report.html, bytes(report.pdf), report.pictures, file_name(report.title))
        return replace(_taken(channel, row.id, row, Message(report.title, report.summary), {"event": "report"}, now), letter=letter)

    def _digest(self, connection: Connection, channel: Any, rows: list[Any], plant: Plant, now: datetime) -> Taken:
        worst = min((row.severity for row in rows), key=SEVERITIES.index)
        made = commands.make_digest(connection, channel.id, rows[0].recipient, [row.id for row in rows], worst, now)
        members = commands.digested(connection, [made])
        return _taken(channel, made, rows[0], digest(_told(members), plant.name, plant.link("/alerts")), _digest_facts(members, plant), now)

    def _settle(self, tenant_id: int, taken: Taken, outcome: Outcome) -> None:
        """Marks it. A database that is away is asked again for a while: what was sent and not marked would be sent twice."""
        for attempt in range(6):
            try:
                with tenant_transaction(self._database.engine, tenant_id) as connection:
                    self._mark(connection, taken, outcome)
                return
            except DBAPIError as error:
                if attempt == 5:
                    raise
                log.warning("a notice that was sent could not be marked yet: %s", str(error).splitlines()[0])
                time.sleep(min(0.2 * 2**attempt, self._settings.notify_timeout_s))

    def _mark(self, connection: Connection, taken: Taken, outcome: Outcome) -> None:
        now = self._clock()
        if outcome.failure is None:
            if not commands.mark_sent(connection, taken.id, taken.channel_id, self.holder, now):
                log.warning("notice %d took longer than its lease: it may arrive twice", taken.id)
            return
        again: float | None = wait_s(taken.attempts + 1, random.random())
        pause = wait_s(taken.failures + 1, random.random()) if outcome.failure == "channel" else None
        if outcome.failure == "never" or taken.age_s > TRIED_FOR_S:
            again = None
        elif pause is not None:
            again = 0.0  # the channel waits, and what is on it with it
        log.warning("notice %d was not sent: %s", taken.id, outcome.error)
        commands.mark_failed(connection, taken.id, taken.channel_id, self.holder, outcome.error, now, again_in_s=again, pause_s=pause)


def plant_of(connection: Connection, settings: Settings) -> Plant:
    """The transaction's tenant as notices name it."""
    row = connection.execute(text("select name, zone from tenants")).one()
    return Plant(row.name, row.zone, settings.public_url or "")


def _needed(connection: Connection, channel: Any, due: list[Any]) -> list[Any]:
    """Without what nobody needs any more: all of it where the channel was switched off, reminders of what has been answered."""
    if not channel.enabled:
        commands.drop(connection, [row.id for row in due], "the channel was switched off")
        return []
    answered = [
        row.id
        for row in due
        if (row.what == "reminder" and row.alert_state not in ("B", "E"))
        or (row.what == "escalated" and row.alert_state in ("A", "C", "F"))
    ]
    if answered:
        commands.drop(connection, answered, "it was answered before this was sent")
    return [row for row in due if row.id not in answered]


def _taken(channel: Any, notice_id: int, row: Any, message: Message, facts: dict[str, str], now: datetime) -> Taken:
    target = Target(channel.kind, channel.settings, channel.secret, (row.recipient,) if row.recipient else ())
    age_s = (now - row.created_at).total_seconds()
    return Taken(notice_id, channel.id, target, message, facts, row.attempts, age_s, channel.failures)


def _told(members: list[Any]) -> list[Told]:
    return [Told(row.alert_id, row.what, row.severity, row.facts) for row in members]


def _digest_facts(members: list[Any], plant: Plant) -> dict[str, str]:
    worst = min((row.severity for row in members), key=SEVERITIES.index, default="low")
    return {
        "event": "digest", "severity": worst.capitalize(), "plant": plant.name, "link": plant.link("/alerts"), "count": str(len(members)),
        "alerts": ",".join(str(one) for one in dict.fromkeys(row.alert_id for row in members)),
    }  # fmt: skip
