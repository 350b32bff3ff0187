"""Who asks, for resolvers: of a request the actor, of a connection its place in the hub."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import anyio.to_thread
from starlette.websockets import WebSocket
from strawberry.exceptions import ConnectionRejectionError
from strawberry.fastapi import BaseContext

from dashapp.actions.actor import ActionError, Actor
from dashapp.api.problems import Problem
from dashapp.api.sockets.hub import Hub, Room
from dashapp.api.sockets.who import Credential, admit, in_time
from dashapp.api.sockets.words import ALERT_TRIGGERED, Event
from dashapp.ingest.services import Services
from dashapp.socket_protocol import EXTENSION

MOST_ALERTS = 500  # that wait for a subscriber; whoever is further behind is told so
PARTING_S = 3.0
T = TypeVar("T")


class Context(BaseContext):
    """Of one request, or of one connection with everything that it asks and subscribes to."""

    def __init__(self, hub: Hub, actor: Actor | None = None) -> None:
        super().__init__()
        self.hub = hub
        self.connection: Connection | None = None
        self._actor = actor

    @property
    def services(self) -> Services:
        """The running system."""
        return self.hub.services

    @property
    def actor(self) -> Actor:
        """Who it is at this moment."""
        if self.connection is not None:
            return self.connection.actor
        if self._actor is None:
            raise ActionError("token", "sign in first", status=403)
        return self._actor

    async def work(self, do: Callable[..., T], *arguments: Any) -> T:
        """What waits for the database, off the event loop. On a connection it counts as a request does. Raises TooMany."""
        if self.connection is not None:
            self.services.limits.program(self.actor.label)
            return await self.hub.work(do, *arguments)
        return await anyio.to_thread.run_sync(do, *arguments)


class Connection:
    """A WebSocket on `/graphql`, known to the hub, which ends it when its person may not be here any more."""

    def __init__(self, socket: WebSocket, credential: Credential, actor: Actor) -> None:
        self.credential = credential
        self.actor = actor
        self.room: Room | None = None
        self._socket = socket
        self._parting: asyncio.Task[None] | None = None

    def push(self, told: Event) -> None:
        """Nothing is sent but what is subscribed to (`Tap`)."""

    def changed(self, actor: Actor) -> None:
        """The next answer goes by it."""
        self.actor = actor

    def end(self, code: int, reason: str) -> None:
        """Closes the connection."""
        if self._parting is None:
            wire = self._socket.scope["extensions"][EXTENSION]
            closing = in_time(lambda: self._socket.close(code, reason[:120]), wire.abort, PARTING_S)
            self._parting = asyncio.ensure_future(closing)


class Tap:
    """The alerts of one subscription."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.credential = connection.credential
        self.waiting: asyncio.Queue[int] = asyncio.Queue(MOST_ALERTS)
        self.is_behind = False

    @property
    def actor(self) -> Actor:
        """Whose connection it is."""
        return self._connection.actor

    def push(self, told: Event) -> None:
        """Takes the alert's id; what it is now is read when it is sent."""
        if told.name != ALERT_TRIGGERED:
            return
        try:
            self.waiting.put_nowait(int(str(told.data["alertId"])))
        except asyncio.QueueFull:
            self.is_behind = True

    def changed(self, actor: Actor) -> None:
        """The connection knows."""

    def end(self, code: int, reason: str) -> None:
        """The connection does it."""


async def enter(context: Context, socket: WebSocket, parameters: object) -> None:
    """Signs a connection in by what `connection_init` brings, else by its handshake. Raises ConnectionRejectionError."""
    said = parameters if isinstance(parameters, Mapping) and parameters else None
    leave(context)  # the older protocol lets a client say it again
    try:
        if len(context.hub.members) >= context.services.settings.sockets:
            raise Problem(503, "Too many connections", "Try again in a moment.")
        found = await admit(context.services, socket.scope, said)
        if found is None and said is not None:
            found = await admit(context.services, socket.scope)
        if found is None:
            raise Problem(401, "Not signed in", 'A token is needed: connection_init with {"Authorization": "Bearer …"}.')
        credential, actor = found
        if actor.device_id is not None:
            raise Problem(403, "Not allowed", "This key is for one device.")
        connection = Connection(socket, credential, actor)
        connection.room = await context.hub.enter(connection)
    except Problem as problem:
        raise ConnectionRejectionError({"message": problem.detail, "extensions": {"status": problem.status}}) from problem
    context.connection = connection


def leave(context: Context) -> None:
    """The connection has ended."""
    connection = context.connection
    if connection is not None and connection.room is not None:
        context.hub.leave(connection, connection.room)
