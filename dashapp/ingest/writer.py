"""A writer: takes slices from its lane and commits each in one transaction, again where the database was away or in the way."""

import itertools
import logging
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from dashapp.ingest.batch import Batch, Idempotency, Outcome, Part, Unavailable, is_away
from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.lanes import Lane
from dashapp.ingest.live import Live
from db.binary import register
from db.commands import readings as commands
from db.commands.readings import DATA_ERRORS, DeadLetter, Rows, Stored
from db.engine import connect_raw

log = logging.getLogger("andon.ingest")
GIVE_UP_AFTER_S = 30.0
RETRY = ("40001", "40P01", "55P03")
READ_ONLY = "25006"  # the server became a standby: another connection may find the new primary
RAW_BYTES = 16_384
# Of a database elsewhere that vanished without a word: noticed in seconds, not in hours.
NETWORK = {
    "connect_timeout": "5", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3", "tcp_user_timeout": "20000",
}  # fmt: skip
DURABLE = "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') = 'off'"


@dataclass(slots=True)
class NewRows:
    """What rules are evaluated on, inside the transaction: the new rows of a slice and the state after them.

    A transaction that is tried again is evaluated again: what an evaluation keeps in memory it keeps by what is committed.
    """

    tenant_id: int
    rows: Rows
    state: commands.State
    received_at: float


@dataclass(slots=True)
class _Committed:
    """What a transaction changed: its new rows, and the state after them; None where nothing."""

    rows: Rows | None
    state: commands.State | None


Evaluate = Callable[[commands.Connection, NewRows], None]


def evaluate_nothing(connection: commands.Connection, new: NewRows) -> None:
    """No rules yet: the place where they are evaluated."""


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
    ) -> None:
        super().__init__(name=f"writer-{name}", daemon=True)
        self._lane = lane
        self._url = url.set(query={**NETWORK, **url.query})
        self._catalogue = catalogue
        self._live = live
        self._partitions = partitions
        self._evaluate = evaluate
        self._connection: psycopg.Connection[Any] | None = None
        self._away_since: float | None = None
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
        rows = _join(parts)
        if len(rows):  # before the transaction: these ask the database over connections of their own
            self._partitions(rows.times_us)
            increments = _increments(self._catalogue.of(tenant_id), rows.sensor_ids)
        connection = self._connected()
        # In pipeline mode what gives no rows costs no round trip; savepoints, for the careful way, do not work in it.
        with nullcontext() if careful else connection.pipeline():
            commands.enter(connection, tenant_id)
            live_parts, answered, again = _claim(connection, tenant_id, parts)
            if answered or again:
                rows = _join(live_parts)
                increments = _increments(self._catalogue.of(tenant_id), rows.sensor_ids)
            new: NewRows | None = None
            stored = Stored(new=np.zeros(0, bool))
            if len(rows):
                import_id = live_parts[0].batch.import_id
                stored = commands.store(connection, tenant_id, rows, increments, import_id=import_id, careful=careful)
                if stored.state is not None and stored.new.any() and import_id is None:
                    new = NewRows(tenant_id, rows.take(stored.new), stored.state, time.time())
                    began = time.perf_counter()
                    self._evaluate(connection, new)
                    self.figures["evaluate_s"] += time.perf_counter() - began
            outcomes = _outcomes(live_parts, stored)
            letters = _dead_letters(live_parts, outcomes)
            if letters:
                commands.write_dead_letters(connection, tenant_id, letters)
            for part, outcome in zip(live_parts, outcomes, strict=True):
                if part.batch.idempotency:
                    _remember(connection, tenant_id, part.batch.idempotency, outcome)
            end = connection.execute("commit", prepare=True)
        if end.statusmessage != "COMMIT":  # an aborted transaction answers ROLLBACK, and no error
            raise RuntimeError(f"the transaction ended with {end.statusmessage}: an error in it was passed over")
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
                self._connection.execute("rollback")
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


def _join(parts: Sequence[Part]) -> Rows:
    if len(parts) == 1:
        return parts[0].batch.rows.take(slice(parts[0].low, parts[0].high))
    pieces = [part.batch.rows.take(slice(part.low, part.high)) for part in parts if len(part)]
    if not pieces:
        return Rows(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
    return Rows(
        np.concatenate([piece.sensor_ids for piece in pieces]),
        np.concatenate([piece.times_us for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]),
        np.concatenate([piece.quality for piece in pieces]),
    )


def _increments(catalogue: Any, sensor_ids: NDArray[np.int32]) -> NDArray[np.bool_]:
    unique, inverse = np.unique(sensor_ids, return_inverse=True)
    kinds = [entry is not None and entry.kind == "increment" for entry in map(catalogue.sensors.get, unique.tolist())]
    return np.array(kinds, bool)[inverse]


def _outcomes(parts: Sequence[Part], stored: Stored) -> list[Outcome]:
    """The slice's result part by part, in each batch's own row numbers."""
    starts = list(itertools.accumulate((len(part) for part in parts), initial=0))
    fresh = [0, *np.cumsum(stored.new).tolist()]
    outcomes = [Outcome(fresh[end] - fresh[start]) for start, end in itertools.pairwise(starts)]
    for i, value in stored.conflicts.items():
        at = bisect_right(starts, i) - 1
        outcomes[at].conflicts[i - starts[at] + parts[at].low] = value
    for i, reason in stored.refused.items():
        at = bisect_right(starts, i) - 1
        outcomes[at].refused[i - starts[at] + parts[at].low] = reason
    for part, outcome in zip(parts, outcomes, strict=True):
        outcome.duplicates = len(part) - outcome.stored - len(outcome.conflicts) - len(outcome.refused)
    return outcomes


def letter(door: str, source: str, field: str, reason: str, raw: bytes) -> DeadLetter:
    """A dead letter of no more bytes than are kept of one."""
    return DeadLetter(door, source, field, reason, raw[:RAW_BYTES], len(raw) > RAW_BYTES)


def _dead_letters(parts: Sequence[Part], outcomes: Sequence[Outcome]) -> list[DeadLetter]:
    letters: list[DeadLetter] = []
    for part, outcome in zip(parts, outcomes, strict=True):
        batch = part.batch
        if part.first:
            letters += batch.dead
        for i, reason in outcome.refused.items():
            raw = batch.raw(i) if batch.raw else repr((batch.rows.sensor_ids[i], batch.rows.times_us[i], batch.rows.values[i])).encode()
            letters.append(letter(batch.door, batch.source, "reading", reason, raw))
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
