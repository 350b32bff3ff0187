"""The way out to one client of `/ws`: what is written at once, what waits, and how a client is let go."""

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Protocol

from starlette.types import Scope, Send

from dashapp.actions.actor import Actor
from dashapp.api.sockets.messages import Data
from dashapp.api.sockets.who import in_time
from dashapp.api.sockets.words import Event, event
from dashapp.socket_protocol import EXTENSION

log = logging.getLogger("andon.sockets")
MOST_WAITING = 1_000_000  # bytes that a client may be behind by; beyond it, it is let go and comes back to resume
MOST_HELD = 20_000  # events that wait while a client catches up
AHEAD = 200_000  # bytes that a replay runs ahead of its client
PATIENCE_S = 30.0  # with a client that takes nothing of a replay
PARTING_S = 3.0  # with a client that does not take the word that it is let go
SIGNED_OUT, REFUSED, NOT_IN_TIME, TOO_SLOW, TOO_MANY, TRY_LATER = 4401, 4403, 4408, 4413, 4429, 1013


class Wire(Protocol):
    """A connection that takes frames (`dashapp.socket_protocol`)."""

    def write(self, frame: bytes) -> None: ...
    def waiting(self) -> int: ...
    def abort(self) -> None: ...


class Connection(ABC):
    """What `Client` says, it says through this. `push` and `end` do not wait."""

    actor: Actor

    def __init__(self, scope: Scope, send: Send) -> None:
        self._wire: Wire = scope["extensions"][EXTENSION]
        self._send = send
        self._held: deque[Event] | None = None
        self._ended = False
        self._tasks: set[asyncio.Task[None]] = set()

    def push(self, told: Event) -> None:
        """Hands an event over; a client that is too far behind is let go."""
        if self._ended:
            return
        if self._held is not None:
            self._held.append(told)
            if len(self._held) > MOST_HELD:
                self._shed()
        elif self._wire.waiting() > MOST_WAITING:
            self._shed()
        else:
            self._wire.write(told.frame)

    def end(self, code: int, reason: str) -> None:
        """Closes the connection; one that does not take the word is ended without it."""
        if not self._ended:
            self._ended = True
            self._leave()
            self._later(self._part(code, reason))

    async def _part(self, code: int, reason: str) -> None:
        def close() -> Any:
            return self._send({"type": "websocket.close", "code": code, "reason": reason[:120]})

        await in_time(close, self._wire.abort, PARTING_S)

    def _shed(self) -> None:
        log.info("a client is too slow and was let go: %s", self.actor.label)
        self.end(TOO_SLOW, "Too slow: come back and resume from the last event that you have.")

    @abstractmethod
    def _leave(self) -> None:
        """Leaves what it follows."""

    async def _behind(self, told: Event) -> None:
        """Sends an event of a replay, no faster than the client takes them."""
        began = time.monotonic()
        while self._wire.waiting() > AHEAD and not self._ended:
            if time.monotonic() - began > PATIENCE_S:
                self._shed()
            await asyncio.sleep(0.02)
        if not self._ended:
            self._wire.write(told.frame)

    def _tell(self, name: str, data: Data, *, identity: str | None = None) -> None:
        if not self._ended:  # an answer does not wait for what is being caught up with
            self._wire.write(event(name, data, identity=identity).frame)

    def _later(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
