"""The queue before the writers: bounded in rows, fair between sources.

A slice holds rows of one tenant. Sources (door and key) take turns, so a long import does not starve a post.
"""

import threading
import time
from collections import OrderedDict, deque

from dashapp.ingest.batch import Batch, Busy, Part

TURN_ROWS = 1_000  # what one source may put into a slice before the next has its turn
# Whoever was answered after a slice of a crowd sends again at once. Waited for so long, half as many transactions store what they send,
# and the event loop has the interpreter for itself meanwhile: a third more posts a second from 32 senders, answered no later.
CROWD, LINGER_S = 8, 0.002


class Lane:
    """Batches that wait for one writer."""

    def __init__(self, *, most_rows: int, slice_rows: int) -> None:
        self._most_rows = most_rows
        self._slice_rows = slice_rows
        self._sources: OrderedDict[tuple[int, str, str], deque[Batch]] = OrderedDict()
        self._rows = 0
        self._ready = threading.Condition()
        self._crowded = False
        self._closed = False

    @property
    def rows(self) -> int:
        """Rows that wait."""
        return self._rows

    def put(self, batch: Batch, *, wait_s: float | None = None) -> None:
        """Queues a batch. Raises Busy when there is no room (for `wait_s` seconds, where given)."""
        size = max(len(batch.rows), 1)
        with self._ready:
            fits = self._room_for(size) or (wait_s is not None and self._ready.wait_for(lambda: self._room_for(size), wait_s))
            if not fits or self._closed:
                raise Busy
            self._rows += size
            self._sources.setdefault((batch.tenant_id, batch.door, batch.source), deque()).append(batch)
            self._ready.notify_all()

    def put_back(self, batch: Batch) -> None:
        """Queues a batch again that could not go into the slice under way."""
        with self._ready:
            self._rows += max(len(batch.rows), 1)
            batch.taken = 0
            self._sources.setdefault((batch.tenant_id, batch.door, batch.source), deque()).appendleft(batch)
            self._ready.notify_all()

    def take(self) -> list[Part]:
        """The next slice, waiting for one; empty when the lane is closed and drained."""
        if self._crowded and self._rows < self._slice_rows and not self._closed:
            time.sleep(LINGER_S)  # not on the condition: every batch would wake the writer
        with self._ready:
            self._ready.wait_for(lambda: self._sources or self._closed)
            parts: list[Part] = []
            if not self._sources:
                return parts
            tenant = next(iter(self._sources))[0]
            room = self._slice_rows
            turns = [key for key in self._sources if key[0] == tenant]
            served: set[tuple[int, str, str]] = set()
            while turns and room > 0:
                for key in list(turns):
                    pieces = len(parts)
                    room -= self._take_turn(key, min(room, TURN_ROWS), parts)
                    if len(parts) > pieces:
                        served.add(key)
                    if key not in self._sources:
                        turns.remove(key)
                    if room <= 0:
                        break
            # The tenant goes to the end, and in it who had a turn goes behind who had none.
            for key in sorted(turns, key=served.__contains__):
                self._sources.move_to_end(key)
            self._crowded = len(parts) >= CROWD
            self._ready.notify_all()
            return parts

    def close(self) -> None:
        """Takes nothing more; what waits is still handed out."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _room_for(self, size: int) -> bool:
        return self._closed or self._rows == 0 or self._rows + size <= self._most_rows

    def _take_turn(self, key: tuple[int, str, str], room: int, parts: list[Part]) -> int:
        waiting = self._sources[key]
        used = 0
        while waiting and used < room:
            batch = waiting[0]
            size = len(batch.rows)
            if parts and parts[-1].batch.import_id != batch.import_id:  # a slice is of one import or of none
                return room
            # What is answered under an Idempotency-Key is stored in one transaction with its answer.
            high = size if batch.idempotency else min(size, batch.taken + room - used)
            if parts and parts[-1].batch is batch:
                parts[-1].high = high
            else:
                parts.append(Part(batch, batch.taken, high))
            took = max(high - batch.taken, 1)
            used += took
            self._rows -= took
            batch.taken = high
            if high == size:
                waiting.popleft()
        if not waiting:
            del self._sources[key]
        return used
