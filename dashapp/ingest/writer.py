"""A writer: takes slices from its lane and commits each in one transaction, again where the database was away or in the way."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dashapp.ingest import slices
from dashapp.ingest.batch import Batch, Idempotency, Outcome, Part, Unavailable, is_away
from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.lanes import Lane
from dashapp.ingest.live import Live
from db.binary import register
from db.commands import readings as commands
from db.commands.readings import DATA_ERRORS, DeadLetter, Rows, Stored
from db.commands.stream import note_readings
from db.engine import connect_raw
from db.exchange import Parameters, Result, Statement

log = logging.getLogger("andon.ingest")
GIVE_UP_AFTER_S = 30.0
RETRY = ("40001", "40P01", "55P03", "26000")  # the last: the connection has lost its prepared statements
READ_ONLY = "25006"  # the server became a standby: another connection may find the new primary
RAW_BYTES = 16_384
# Of a database elsewhere that vanished without a word: noticed in seconds, not in hours.
NETWORK = {
    "connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
}  # fmt: skip
DURABLE = "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"


@dataclass(slots=True)
class NewRows:
    """What rules are evaluated on, inside the transaction: the new rows of a slice, the state after them and what it was before.

    A transaction that is tried again is evaluated again: what an evaluation keeps in memory it keeps by what is committed.
    """

    tenant_id: int
    rows: Rows
    state: commands.State
    received_at: float
    before_us: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))  # by sensor, as in `state`
    before_values: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    asked: Sequence[Result] = ()  # what the evaluation asked beside the lock of the state


@dataclass(slots=True)
class _Committed:
    """What a transaction changed: its new rows, and the state after them; None where nothing."""

    rows: Rows | None
    state: commands.State | None


Evaluate = Callable[[commands.Connection, NewRows], None]
Asks = Callable[[int, NDArray[np.int32]], Sequence[tuple[Statement, Parameters]]]  # tenant and sensors → what is asked beside


def evaluate_nothing(connection: commands.Connection, new: NewRows) -> None:
    """Without rules: the place where they are evaluated."""


def ask_nothing(tenant_id: int, sensor_ids: NDArray[np.int32]) -> Sequence[tuple[Statement, Parameters]]:
    """What an evaluation asks that needs nothing."""
    return ()


class Writer(threading.Thread):
    """One thread, one connection, one transaction at a time."""

    def __init__(
        self,
        name: str,
        lane: Lane,
        url: URL,
        catalogue: Catalogue,
        live: Live,
        partitions: Callable[[NDArray[np.int64]], None],
        evaluate: Evaluate,
        asks: Asks = ask_nothing,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name=f"writer-{name}", daemon=True)
        self._lane = lane
        self._url = url.set(query={**NETWORK, **url.query})
        self._catalogue = catalogue
        self._live = live
        self._partitions = partitions
        self._evaluate = evaluate
        self._asks = asks
        self._clock = clock
        self._connection: psycopg.Connection[Any] | None = None
        self._away_since: float | None = None
        self._slowest_s = 0.0
        self.figures: dict[str, float] = dict.fromkeys(
            ("transactions", "stored", "duplicates", "conflicts", "refused", "dead_letters", "retries", "busy_s", "evaluate_s"), 0
        )

    def run(self) -> None:
        """Until the lane is closed and drained."""
        while parts := self._lane.take():
            began = time.perf_counter()
            try:
                self._commit(parts)
            except Exception as error:  # the doors must hear of it whatever it is
                log.error("a slice was not stored", exc_info=not isinstance(error, Unavailable))
                self._roll_back()
                for part in parts:
                    part.batch.outcome.error = error if isinstance(error, Unavailable) else Unavailable(str(error))
                    _settle(part, Outcome())
            self.figures["busy_s"] += time.perf_counter() - began
        if self._connection is not None:
            self._connection.close()

    @property
    def tries_again(self) -> bool:
        """Whether the database is away and a slice waits for it."""
        return self._away_since is not None

    def take_slowest_s(self) -> float:
        """The longest way from a door to the commit since this was last asked, in seconds."""
        slowest, self._slowest_s = self._slowest_s, 0.0
        return slowest

    def _commit(self, parts: list[Part]) -> None:
        began = time.monotonic()
        careful = unsure = False
        pause_s = 0.01
        while True:
            try:
                stored, answered, again = self._transaction(parts, careful=careful)
                break
            except (psycopg.Error, DBAPIError, PoolTimeout, OSError) as error:
                state = getattr(getattr(error, "orig", None) or error, "sqlstate", None) or ""
                self._roll_back()
                if state.startswith(DATA_ERRORS) and not careful:
                    careful = True
                    continue
                lost = state not in RETRY
                if lost and not is_away(error) and state != READ_ONLY:
                    raise
                self.figures["retries"] += 1
                if lost:
                    unsure = True
                    self._disconnect()
                    self._away_since = self._away_since or began
                    log.warning("storing is tried again: %s", str(error).strip().splitlines()[0] if str(error) else repr(error))
                    pause_s = min(pause_s * 2, 0.5)
                # Once it has been away for so long, every slice has one try: who waits in the queue hears of it now.
                since = self._away_since if lost and self._away_since else began
                if time.monotonic() > since + GIVE_UP_AFTER_S:
                    raise Unavailable from error
                time.sleep(pause_s)
        self._away_since = None
        self._slowest_s = max(self._slowest_s, time.monotonic() - parts[0].batch.accepted_at)
        self._tell(parts[0].batch.tenant_id, stored, unsure=unsure)
        for part, outcome in answered:
            _settle(part, outcome)
        for batch in again:
            self._lane.put_back(batch)

    def _transaction(self, parts: list[Part], *, careful: bool) -> "tuple[_Committed, list[tuple[Part, Outcome]], list[Batch]]":
        """Stores the parts in one transaction, which has been committed when this returns.

        Gives what to publish, each part with its outcome, and the batches that must wait for the next slice (an
        Idempotency-Key twice in this one).
        """
        tenant_id = parts[0].batch.tenant_id
        rows = slices.join(parts)
        if len(rows):  # before the transaction: these ask the database over connections of their own
            self._partitions(rows.times_us)
            increments = slices.increments(self._catalogue.of(tenant_id), rows.sensor_ids)
        connection = self._connected()
        alone = len(rows) == 0 or any(part.batch.idempotency for part in parts)  # something is asked before the rows are stored
        if alone:
            commands.enter(connection, tenant_id)
        live_parts, answered, again = _claim(connection, tenant_id, parts)
        if answered or again:
            rows = slices.join(live_parts)
            increments = slices.increments(self._catalogue.of(tenant_id), rows.sensor_ids)
        new: NewRows | None = None
        stored = Stored(new=np.zeros(0, bool))
        if len(rows):
            import_id = live_parts[0].batch.import_id
            live, arrived_at = import_id is None, self._clock()
            stored = commands.store(
                connection, tenant_id, rows, increments, import_id=import_id, careful=careful, entered=alone,
                arrived_us=round(arrived_at * 1e6) if live else None,
                delayed=slices.delayed(self._catalogue.of(tenant_id), rows, arrived_at) if live else None,
                beside=self._asks(tenant_id, rows.sensor_ids) if live else (),
            )  # fmt: skip
            if stored.state is not None and stored.before_us is not None and stored.before_values is not None and stored.new.any() and live:
                fresh = rows.take(stored.new)
                new = NewRows(tenant_id, fresh, stored.state, arrived_at, stored.before_us, stored.before_values, stored.asked)
                began = time.perf_counter()
                self._evaluate(connection, new)
                self.figures["evaluate_s"] += time.perf_counter() - began
        outcomes = slices.outcomes(live_parts, stored)
        letters = _dead_letters(live_parts, outcomes)
        if letters:
            commands.write_dead_letters(connection, tenant_id, letters)
        for part, outcome in zip(live_parts, outcomes, strict=True):
            if part.batch.idempotency:
                _remember(connection, tenant_id, part.batch.idempotency, outcome)
        commands.commit(connection, *((note_readings(tenant_id, new.rows),) if new is not None and stored.is_followed else ()))
        self._count(stored, len(letters))
        fresh = new.rows if new is not None else rows.take(stored.new) if stored.new.any() else None
        settled = list(zip(live_parts, outcomes, strict=True)) + [(part, Outcome(replay=replay)) for part, replay in answered]
        return _Committed(fresh, stored.state), settled, again

    def _tell(self, tenant_id: int, committed: "_Committed", *, unsure: bool) -> None:
        """Publishes what was committed. What fails here is not the doors' business: the readings are stored."""
        try:
            if unsure:  # a commit whose answer was lost may have stored what now counts as duplicates
                self._live.forget(tenant_id)
            if committed.rows is not None and committed.state is not None:
                self._live.publish(tenant_id, committed.rows, committed.state)
        except Exception:
            log.exception("what is current is read anew")
            self._live.forget(tenant_id)

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = connect_raw(self._url)
            register(self._connection)
            self._connection.execute(DURABLE)
        return self._connection

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                commands.roll_back(self._connection)
        except psycopg.Error:
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _count(self, stored: Stored, letters: int) -> None:
        fresh = int(stored.new.sum())
        self.figures["transactions"] += 1
        self.figures["stored"] += fresh
        self.figures["conflicts"] += len(stored.conflicts)
        self.figures["refused"] += len(stored.refused)
        self.figures["duplicates"] += len(stored.new) - fresh - len(stored.conflicts) - len(stored.refused)
        self.figures["dead_letters"] += letters


def letter(door: str, source: str, field: str, reason: str, raw: bytes, context: Mapping[str, Any] | None = None) -> DeadLetter:
    """A dead letter of no more bytes than are kept of one; `context` is what a replay needs besides."""
    return DeadLetter(door, source, field, reason, raw[:RAW_BYTES], len(raw) > RAW_BYTES, context or {})


def _dead_letters(parts: Sequence[Part], outcomes: Sequence[Outcome]) -> list[DeadLetter]:
    letters: list[DeadLetter] = []
    for part, outcome in zip(parts, outcomes, strict=True):
        batch = part.batch
        if part.first:
            letters += batch.dead
        for i, reason in outcome.refused.items():
            raw = batch.raw(i) if batch.raw else repr((batch.rows.sensor_ids[i], batch.rows.times_us[i], batch.rows.values[i])).encode()
            letters.append(letter(batch.door, batch.source, "reading", reason, raw, batch.context(i) if batch.context else None))
    return letters


def _claim(
    connection: commands.Connection, tenant_id: int, parts: list[Part]
) -> tuple[list[Part], list[tuple[Part, tuple[int, bytes]]], list[Batch]]:
    """Sorts out requests whose Idempotency-Key was seen: (parts to store, parts with their answer, batches for the next slice)."""
    if not any(part.batch.idempotency for part in parts):
        return parts, [], []
    fresh: list[Part] = []
    answered: list[tuple[Part, tuple[int, bytes]]] = []
    again: list[Batch] = []
    claimed: set[tuple[str, str]] = set()
    for part in parts:
        wish = part.batch.idempotency
        if wish is None or not part.first:
            fresh.append(part)
            continue
        if (wish.principal, wish.key) in claimed:
            again.append(part.batch)
            continue
        claimed.add((wish.principal, wish.key))
        claim = connection.execute(
            "insert into idempotency_keys (tenant_id, principal, key, body_hash, at, status, response)"
            " values (%s, %s, %s, %s, now(), 0, '') on conflict do nothing returning key",
            (tenant_id, wish.principal, wish.key, wish.body_hash),
        )
        if claim.fetchone():
            fresh.append(part)
            continue
        seen = connection.execute(
            "select body_hash, status, response from idempotency_keys where principal = %s and key = %s", (wish.principal, wish.key)
        )
        found = seen.fetchone()
        if found is None:  # it was swept away in between: as if it had never been
            again.append(part.batch)
            continue
        body_hash, status, response = found
        same = bytes(body_hash) == wish.body_hash
        answered.append((part, (status, bytes(response)) if same else (0, b"")))
    return fresh, answered, again


def _remember(connection: commands.Connection, tenant_id: int, wish: Idempotency, outcome: Outcome) -> None:
    status, response = wish.answer(outcome)
    connection.execute(
        "update idempotency_keys set status = %s, response = %s where principal = %s and key = %s",
        (status, response, wish.principal, wish.key),
    )


def _settle(part: Part, outcome: Outcome) -> None:
    batch = part.batch
    total = batch.outcome
    total.stored += outcome.stored
    total.duplicates += outcome.duplicates
    total.conflicts.update(outcome.conflicts)
    total.refused.update(outcome.refused)
    total.replay = outcome.replay or total.replay
    batch.settled += len(part)
    if batch.settled >= len(batch.rows):
        try:
            batch.done(total)
        except Exception:  # a door that has gone must not take the others' answers with it
            log.exception("a door could not be answered")
