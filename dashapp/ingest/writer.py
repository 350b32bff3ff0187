"""A writer: takes slices from its lane and commits each in one transaction, again where the database was away or in the way."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from sqlalchemy.engine import URL

from dashapp.ingest.batch import Batch, Idempotency, Outcome, Part, Unavailable
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
RAW_BYTES = 16_384


@dataclass(slots=True)
class NewRows:
    """What rules are evaluated on, inside the transaction: the new rows of a slice and the state after them."""

    tenant_id: int
    rows: Rows
    state: commands.State
    received_at: float


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
        self._url = url
        self._catalogue = catalogue
        self._live = live
        self._partitions = partitions
        self._evaluate = evaluate
        self._connection: psycopg.Connection[Any] | None = None
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
                log.exception("a slice was not stored")
                self._fail(parts, error)
            self.figures["busy_s"] += time.perf_counter() - began
        if self._connection is not None:
            self._connection.close()

    def _commit(self, parts: list[Part]) -> None:
        deadline = time.monotonic() + GIVE_UP_AFTER_S
        careful = False
        pause_s = 0.01
        while True:
            try:
                again = self._transaction(parts, careful=careful)
                break
            except (psycopg.Error, OSError) as error:
                state = getattr(error, "sqlstate", None) or ""
                self._roll_back()
                if state.startswith(DATA_ERRORS) and not careful:
                    careful = True
                    continue
                if state.startswith(DATA_ERRORS):
                    raise
                self.figures["retries"] += 1
                if time.monotonic() > deadline:
                    raise Unavailable from error
                if state not in RETRY:
                    log.warning("storing is tried again: %s", str(error).strip().splitlines()[0] if str(error) else repr(error))
                    pause_s = min(pause_s * 2, 0.5)
                time.sleep(pause_s)
        for batch in again:
            self._lane.put_back(batch)

    def _transaction(self, parts: list[Part], *, careful: bool) -> list[Batch]:
        """Stores the parts; gives the batches that must wait for the next slice (an Idempotency-Key twice in this one)."""
        connection = self._connected()
        tenant_id = parts[0].batch.tenant_id
        # In pipeline mode what gives no rows costs no round trip; savepoints, for the careful way, do not work in it.
        with nullcontext() if careful else connection.pipeline():
            commands.enter(connection, tenant_id)
            live_parts, answered, again = _claim(connection, tenant_id, parts)
            rows = _join(live_parts)
            new: NewRows | None = None
            stored = Stored(new=np.zeros(0, bool))
            if len(rows):
                self._partitions(rows.times_us)
                catalogue = self._catalogue.of(tenant_id)
                increments = _increments(catalogue, rows.sensor_ids)
                import_id = live_parts[0].batch.import_id
                stored = commands.store(connection, tenant_id, rows, increments, import_id=import_id, careful=careful)
                if stored.state is not None and stored.new.any() and import_id is None:
                    new = NewRows(tenant_id, rows.take(stored.new), stored.state, time.time())
                    began = time.perf_counter()
                    self._evaluate(connection, new)
                    self.figures["evaluate_s"] += time.perf_counter() - began
            outcomes = [_outcome(part, stored, offset) for part, offset in _offsets(live_parts)]
            letters = _dead_letters(live_parts, outcomes)
            if letters:
                commands.write_dead_letters(connection, tenant_id, letters)
            for part, outcome in zip(live_parts, outcomes, strict=True):
                if part.batch.idempotency:
                    _remember(connection, tenant_id, part.batch.idempotency, outcome)
            connection.execute("commit", prepare=True)
        self._count(stored, len(letters))
        if stored.state is not None and stored.new.any():
            fresh = new.rows if new is not None else rows.take(stored.new)
            self._live.publish(tenant_id, fresh, stored.state)
        for part, outcome in zip(live_parts, outcomes, strict=True):
            _settle(part, outcome)
        for part, replay in answered:
            part.batch.outcome.replay = replay
            _settle(part, Outcome())
        return again

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = connect_raw(self._url)
            register(self._connection)
        return self._connection

    def _roll_back(self) -> None:
        try:
            if self._connection is not None:
                self._connection.execute("rollback")
        except psycopg.Error:
            self._connection.close()  # type: ignore[union-attr]
            self._connection = None

    def _fail(self, parts: list[Part], error: Exception) -> None:
        self._roll_back()
        for part in parts:
            part.batch.outcome.error = error if isinstance(error, Unavailable) else Unavailable(str(error))
            _settle(part, Outcome())

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


def _offsets(parts: Sequence[Part]) -> list[tuple[Part, int]]:
    found, offset = [], 0
    for part in parts:
        found.append((part, offset))
        offset += len(part)
    return found


def _increments(catalogue: Any, sensor_ids: NDArray[np.int32]) -> NDArray[np.bool_]:
    unique, inverse = np.unique(sensor_ids, return_inverse=True)
    kinds = [entry is not None and entry.kind == "increment" for entry in map(catalogue.sensors.get, unique.tolist())]
    return np.array(kinds, bool)[inverse]


def _outcome(part: Part, stored: Stored, offset: int) -> Outcome:
    """The slice's result, in the batch's own row numbers."""
    size = len(part)
    if size == 0:
        return Outcome()
    fresh = int(stored.new[offset : offset + size].sum())
    shift = part.low - offset
    inside = range(offset, offset + size)
    conflicts = {i + shift: value for i, value in stored.conflicts.items() if i in inside}
    refused = {i + shift: reason for i, reason in stored.refused.items() if i in inside}
    return Outcome(fresh, size - fresh - len(conflicts) - len(refused), conflicts, refused)


def _dead_letters(parts: Sequence[Part], outcomes: Sequence[Outcome]) -> list[DeadLetter]:
    letters: list[DeadLetter] = []
    for part, outcome in zip(parts, outcomes, strict=True):
        batch = part.batch
        if part.first:
            letters += batch.dead
        for i, reason in outcome.refused.items():
            raw = batch.raw(i) if batch.raw else repr((batch.rows.sensor_ids[i], batch.rows.times_us[i], batch.rows.values[i])).encode()
            letters.append(DeadLetter(batch.door, batch.source, "reading", reason, raw[:RAW_BYTES], len(raw) > RAW_BYTES))
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
        body_hash, status, response = seen.fetchone()  # type: ignore[misc]
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
    batch.settled += len(part)
    if batch.settled >= len(batch.rows):
        batch.done(total)
