"""What a door hands to the pipeline, and what it is told."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from db.commands.readings import DeadLetter, Rows


class Busy(Exception):
    """The queue is full: the door answers 503 and when to come back."""

    retry_after_s = 1


class Unavailable(Exception):
    """The database could not take the readings in time; nothing of the batch is known to be stored."""

    retry_after_s = 5


def is_away(error: BaseException) -> bool:
    """Whether the database did not answer, or not now: worth another try, unlike what it refuses."""
    if isinstance(error, DBAPIError):
        error = error.orig or error
    if isinstance(error, psycopg.errors.PipelineAborted):  # by an error before it that was passed over
        return False
    return isinstance(error, psycopg.OperationalError | OSError | PoolTimeout)


@dataclass(slots=True)
class Outcome:
    """What became of a batch. Indices count its rows, not the items of a request."""

    stored: int = 0
    duplicates: int = 0
    conflicts: dict[int, float] = field(default_factory=dict)  # row → the value that was there first
    refused: dict[int, str] = field(default_factory=dict)  # row → why the database refused it
    replay: tuple[int, bytes] | None = None  # an Idempotency-Key seen before: the answer that it got
    error: Exception | None = None


@dataclass(slots=True)
class Idempotency:
    """A request that may come twice: who sent it, its key, a hash of its body, and how its answer is written."""

    principal: str
    key: str
    body_hash: bytes
    answer: Callable[[Outcome], tuple[int, bytes]]


@dataclass(slots=True)
class Batch:
    """Rows of one tenant from one source. `done` is called once, from a writer's thread, after the commit."""

    tenant_id: int
    door: str
    source: str
    rows: Rows
    done: Callable[[Outcome], None]
    raw: Callable[[int], bytes] | None = None  # the bytes of a row, for the dead letter of one that the database refuses
    context: Callable[[int], Mapping[str, Any]] | None = None  # and what its bytes do not say
    import_id: int | None = None
    dead: list[DeadLetter] = field(default_factory=list)
    idempotency: Idempotency | None = None
    outcome: Outcome = field(default_factory=Outcome)
    taken: int = 0  # rows already handed to a slice
    settled: int = 0  # rows whose transaction has committed
    accepted_at: float = field(default_factory=time.monotonic)


@dataclass(slots=True)
class Part:
    """A piece of a batch in one slice: rows low..high of it; `first` carries its dead letters and its Idempotency-Key."""

    batch: Batch
    low: int
    high: int

    @property
    def first(self) -> bool:
        """Whether the piece begins the batch."""
        return self.low == 0

    @property
    def rows(self) -> Rows:
        """The rows of the piece."""
        rows = self.batch.rows
        return rows if self.high - self.low == len(rows) else rows.take(slice(self.low, self.high))

    def __len__(self) -> int:
        return self.high - self.low
