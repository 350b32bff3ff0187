"""The thread that reads what was committed, of every tenant that somebody follows here, and hands it to the event loop as events."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import psycopg
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from dashapp.api.sockets.compose import Composer, Wish
from dashapp.api.sockets.words import Event
from dashapp.ingest.catalogue import UnknownTenant
from db.engine import connect_raw
from db.queries.stream import news

log = logging.getLogger("andon.sockets")
GATHER_S = 0.008  # commits come one by one at hundreds a second; a pass costs about a millisecond whatever it finds
LOOK_S = 1.0  # a look without being told: word of another replica may have been lost
LONGEST_PAUSE_S = 5.0


class Followed(Protocol):
    """A tenant that is read. `wish` and its number are replaced together, by the event loop."""

    tenant_id: int
    epoch: int
    read_to: str
    wish: tuple[int, Wish]


Deliver = Callable[[Any, str, list[Event], int, bool], None]  # tenant, snapshot, events, number of the wish, whether anything was new


class Reader(threading.Thread):
    """Wakes by `wake`, reads, delivers. `rooms` gives what is followed now; `deliver` is called in this thread and must not wait."""

    def __init__(self, url: URL, composer: Composer, rooms: Callable[[], Iterable[Followed]], deliver: Deliver) -> None:
        super().__init__(name="stream-reader", daemon=True)
        self._url = url
        self._composer = composer
        self._rooms = rooms
        self._deliver = deliver
        self._moved: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stopping = False
        self._connection: psycopg.Connection[Any] | None = None

    def wake(self, tenant_id: int) -> None:
        """Something of the tenant was committed, or somebody wants to hear of more. Called in any thread."""
        self._moved.put(tenant_id)

    def stop(self) -> None:
        """Ends at once."""
        self._stopping = True
        self._moved.put(0)
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        """Until it is stopped; a database that is away is tried again, and nothing is passed over meanwhile."""
        pause_s, looked_at = 0.1, 0.0
        while not self._stopping:
            moved = self._told()
            if time.monotonic() - looked_at >= LOOK_S:
                moved, looked_at = None, time.monotonic()
            try:
                for room in self._rooms():
                    if moved is None or room.tenant_id in moved:
                        self._read(room)
                pause_s = 0.1
            except (psycopg.Error, SQLAlchemyError, OSError) as error:  # what was not read is read the next time
                log.info("the stream is read again: %s", error)
                self._disconnect()
                looked_at = 0.0
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
            time.sleep(GATHER_S)
        self._disconnect()

    def _told(self) -> set[int] | None:
        """Tenants of which somebody said something; waits for a moment where nobody did."""
        moved: set[int] = set()
        try:
            moved.add(self._moved.get(timeout=LOOK_S))
            while True:
                moved.add(self._moved.get_nowait())
        except queue.Empty:
            pass
        return moved

    def _read(self, room: Followed) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = connect_raw(self._url)
        number, wish = room.wish
        snapshot, rows = news(self._connection, room.tenant_id, room.read_to)
        try:
            events = self._composer.events(room.tenant_id, room.epoch, rows, wish) if rows else []
        except UnknownTenant:
            events = []
        except (psycopg.Error, SQLAlchemyError, OSError):
            raise
        except Exception:  # of one row that nobody can read: the others must not wait for it for ever
            log.exception("events of tenant %s were passed over", room.tenant_id)
            events = []
        room.read_to = snapshot
        self._deliver(room, snapshot, events, number, bool(rows))

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
