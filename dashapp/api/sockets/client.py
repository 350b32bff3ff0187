"""One client of `/ws`: what it says, what it follows, and how it catches up after a break."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from dashapp.actions.actor import Actor
from dashapp.api.problems import Problem
from dashapp.api.rest.common import visible
from dashapp.api.sockets.compose import Wish
from dashapp.api.sockets.connection import NOT_IN_TIME, REFUSED, SIGNED_OUT, TOO_MANY, TRY_LATER, Connection
from dashapp.api.sockets.hub import ALERTS, EVERYTHING, Hub, Room
from dashapp.api.sockets.messages import Data, Message, Wrong, answers, decode, since_of
from dashapp.api.sockets.replay import is_kept, missed
from dashapp.api.sockets.statuses import device_statuses, status_event
from dashapp.api.sockets.who import Credential, admit
from dashapp.api.sockets.words import CONNECTION_STATUS, ERROR, PONG, Event
from dashapp.ingest.catalogue import TenantCatalogue
from db.queries.stream import Position

log = logging.getLogger("andon.sockets")
SIGN_IN_S = 10.0
MOST_MESSAGES, MESSAGES_S = 200, 10.0  # that a client may send in so many seconds
_CODES = {401: SIGNED_OUT, 429: TOO_MANY, 503: TRY_LATER}
LOST = "events since then are not kept any more: read the history, then follow from here"


class Client(Connection):
    """A connection that has been accepted. `run` ends with it."""

    def __init__(self, hub: Hub, scope: Scope, send: Send) -> None:
        super().__init__(scope, send)
        self.credential: Credential
        self._hub = hub
        self._scope = scope
        self._room: Room | None = None
        self._devices: set[str] = set()
        self._alerts = self._system = False
        self._turn = asyncio.Lock()  # subscriptions come one after the other
        self._said: deque[float] = deque(maxlen=MOST_MESSAGES)

    async def run(self, receive: Receive, known: tuple[Credential, Actor] | None) -> None:
        """Until the connection ends. `known` is who came with the handshake; else the first message must say it."""
        parting: tuple[int, str] | None = None
        try:
            if known is not None:
                await self._come_in(*known)
            while (said := await self._next(receive)) is not None:
                await self._heed(said)
        except TimeoutError:
            parting = NOT_IN_TIME, "Nobody signed in within ten seconds."
        except Problem as problem:
            parting = _CODES.get(problem.status, REFUSED), problem.detail
        finally:
            self._leave()
            for task in self._tasks:
                task.cancel()
        if parting is not None and not self._ended:
            self._ended = True
            await self._part(*parting)

    def changed(self, actor: Actor) -> None:
        """The role or the lines are others: what may not be seen any more is left, and the client is told."""
        self.actor = actor
        self._later(self._look_over())

    async def _next(self, receive: Receive) -> bytes | None:
        """The next message; None where the connection ended. Raises TimeoutError where nobody signs in."""
        message = await asyncio.wait_for(receive(), None if self._room is not None else SIGN_IN_S)
        if message["type"] == "websocket.disconnect":
            return None
        text: str | None = message.get("text")
        return (message.get("bytes") or b"") if text is None else text.encode()

    async def _heed(self, said: bytes) -> None:
        now = time.monotonic()
        if len(self._said) == MOST_MESSAGES and now - self._said[0] < MESSAGES_S:
            self.end(TOO_MANY, f"More than {MOST_MESSAGES} messages in {MESSAGES_S:.0f} s.")
        self._said.append(now)
        if self._ended:
            return
        try:
            message = decode(said)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._tell(ERROR, {"field": "message", "reason": 'a JSON object {"event": …, "data": {…}} is expected'})
            return
        do = self._verbs.get(message.event)
        if message.event == "ping":
            self._tell(PONG, {"timestamp": time.time_ns() // 1_000_000, **answers(message)})
        elif do is None:
            known = ", ".join(self._verbs)
            self._tell(ERROR, {"field": "event", "reason": f"one of {known} and ping is expected", **answers(message)})
        elif self._room is None and message.event != "authenticate":
            self.end(SIGNED_OUT, "Sign in first, by a token in the handshake or by the event authenticate.")
        elif message.event == "authenticate":
            await self._attempt(do, message)
        else:  # what catches up takes its time; a ping is answered meanwhile
            self._later(self._attempt(do, message))

    async def _attempt(self, do: "Callable[[Client, Data], Awaitable[Data]]", message: Message) -> None:
        data = {"deviceId": message.data} if isinstance(message.data, str) else message.data or {}
        try:
            async with self._turn:
                answer = await do(self, data)
        except Wrong as wrong:
            self._tell(ERROR, {"field": wrong.field, "reason": wrong.reason, **answers(message)})
        except Problem:
            raise
        except Exception:
            log.exception("a client's %s was not followed", message.event)
            self._tell(ERROR, {"field": "event", "reason": "something went wrong here; try again", **answers(message)})
        else:
            self._tell(CONNECTION_STATUS, {**answer, **answers(message)})

    async def _come_in(self, credential: Credential, actor: Actor) -> None:
        self.credential, self.actor = credential, actor
        self._room = await self._hub.enter(self)
        data = {"status": "connected", "tenantId": actor.tenant_id, "role": actor.role, "name": actor.name}
        self._tell(CONNECTION_STATUS, data, identity=str(self._room.position))

    async def _authenticate(self, data: Data) -> Data:
        if not any(isinstance(data.get(name), str) for name in ("token", "apiKey")):
            raise Wrong("token", "a bearer token is expected (or an apiKey)")
        found = await admit(self._hub.services, self._scope, data)
        assert found is not None  # there is something to look up
        credential, actor = found
        if self._room is None:
            await self._come_in(credential, actor)
        elif actor.tenant_id != self.actor.tenant_id:
            raise Problem(401, "Not signed in", "The token is for another plant.")
        else:
            self.credential = credential
            self.changed(actor)
        return {"status": "authenticated"}

    async def _subscribe_device(self, data: Data) -> Data:
        plant = await self._plant()
        return await self._follow(plant, self._named(data, plant), alerts=False, since=since_of(data))

    async def _subscribe_alerts(self, data: Data) -> Data:
        return await self._follow(await self._plant(), set(), alerts=True, since=since_of(data))

    async def _resume(self, data: Data) -> Data:
        """Several subscriptions at one point, so that one place in the stream holds for all of them."""
        plant, since = await self._plant(), since_of(data)
        if since is None:
            raise Wrong("lastEventId", "the id of the last event is expected")
        wanted = self._named(data, plant) if data.get("deviceId") or data.get("deviceIds") else set()
        return await self._follow(plant, wanted, alerts=data.get("alerts") is True, since=since)

    async def _follow(self, plant: TenantCatalogue, wanted: set[str], *, alerts: bool, since: Position | None) -> Data:
        """Subscribes to devices and, where that is wished, to alerts."""
        assert self._room is not None
        groups: list[set[Any]] = []
        for key in wanted - self._devices:
            self._devices.add(key)
            self._room.want(key)
            groups.append(self._room.devices.setdefault(key, set()))
        if alerts and not self._alerts:
            self._alerts = True
            self._room.want(ALERTS)
            groups.append(self._room.alerts)
        await self._hub.settled(self._room)
        keys = self._seen(plant) if EVERYTHING in wanted else wanted
        resumed = await self._join(groups, Wish(frozenset(keys), alerts=alerts), since)
        if not resumed:
            await self._tell_now(plant, keys)
        answer: dict[str, Any] = {"status": "subscribed", "resumed": resumed}
        return answer | ({"devices": sorted(wanted)} if wanted else {}) | ({"alerts": True} if alerts else {})

    async def _unsubscribe_device(self, data: Data) -> Data:
        wanted = set(self._devices) if not data else set(self._named(data, await self._plant()))
        self._leave_devices(wanted)
        return {"status": "unsubscribed", "devices": sorted(wanted)}

    async def _unsubscribe_alerts(self, _data: Data) -> Data:
        self._leave_alerts()
        return {"status": "unsubscribed", "alerts": False}

    async def _subscribe_system(self, _data: Data) -> Data:
        assert self._room is not None
        self._system = True
        self._room.system.add(self)
        await self._hub.tell_system(self._room, self)
        return {"status": "subscribed", "system": True}

    async def _unsubscribe_system(self, _data: Data) -> Data:
        assert self._room is not None
        self._system = False
        self._room.system.discard(self)
        return {"status": "unsubscribed", "system": False}

    async def _join(self, groups: list[set[Any]], wish: Wish, since: Position | None) -> bool | None:
        """Joins the groups at a point of the stream, after it was told what it missed. True, or None where nothing was asked for."""
        assert self._room is not None
        for group in groups:
            group.add(self)
        if since is None:
            return None
        seen, epoch = self._room.snapshot, self._room.epoch  # with the line above at one point: nothing is delivered in between
        self._held = deque()
        try:
            async with self._hub.replays:
                await self._replay(since, seen, epoch, wish)
        finally:
            while self._held and not self._ended:
                await self._behind(self._held.popleft())
            self._held = None
        return True

    async def _replay(self, since: Position, seen: str, epoch: int, wish: Wish) -> None:
        """Sends what lies between, chunk by chunk. Raises Wrong where some of it is not there any more, before or by the end."""
        hub, tenant_id = self._hub, self.actor.tenant_id
        database = hub.services.database
        if not await hub.work(is_kept, database, tenant_id, since, epoch):
            raise Wrong("lastEventId", LOST)
        after: int | None = 0
        while after is not None and not self._ended:
            events, after = await hub.work(missed, database, hub.composer, self.actor, since, seen, wish, after)
            for told in events:
                await self._behind(told)
        if not await hub.work(is_kept, database, tenant_id, since, epoch):
            raise Wrong("lastEventId", LOST)

    async def _tell_now(self, plant: TenantCatalogue, keys: set[str]) -> None:
        """How the devices are at this moment: their status, and the last value of each sensor."""

        def look() -> tuple[list[Event], dict[str, str]]:
            made, statuses = [], {}
            for key, data in device_statuses(self._hub.services, plant, sorted(keys)):
                statuses[key] = str(data["status"])
                made.append(status_event(plant.devices[key], data))
                made += self._hub.composer.current(plant, key)
            return made, statuses

        made, statuses = await self._hub.work(look)
        if self._room is not None:
            for key, status in statuses.items():  # what it becomes from now on is told; others may follow it already
                self._room.statuses.setdefault(key, status)
        for told in made:
            await self._behind(told)

    async def _plant(self) -> TenantCatalogue:
        return await self._hub.work(self._hub.services.catalogue.of, self.actor.tenant_id)

    def _seen(self, plant: TenantCatalogue) -> set[str]:
        return {device.key for device in visible(plant, self.actor)}

    def _named(self, data: Data, plant: TenantCatalogue) -> set[str]:
        """The devices that a message names. Raises Wrong for one that is not there, or may not be seen."""
        many = data.get("deviceIds", [data.get("deviceId")])
        if not isinstance(many, list) or not many or not all(isinstance(key, str) for key in many) or len(many) > 1_000:
            raise Wrong("deviceId", "the key of a device is expected (or deviceIds, a list of them; * for all)")
        seen = self._seen(plant)
        if EVERYTHING in many:
            return {EVERYTHING} if self.actor.device_id is None else seen
        for key in many:
            if key not in seen:
                raise Wrong("deviceId", f"there is no device {key}")
        return set(many)

    async def _look_over(self) -> None:
        async with self._turn:
            plant = await self._plant()
            gone = {key for key in self._devices if key != EVERYTHING} - self._seen(plant)
            self._leave_devices(gone)
            self._tell(CONNECTION_STATUS, {"status": "changed", "role": self.actor.role, "unsubscribed": sorted(gone)})

    def _leave_devices(self, keys: set[str]) -> None:
        for key in keys & self._devices:
            self._devices.discard(key)
            if self._room is not None:
                group = self._room.devices.get(key, set())
                group.discard(self)
                if not group:
                    self._room.devices.pop(key, None)
                self._room.unwant(key)

    def _leave_alerts(self) -> None:
        if self._alerts and self._room is not None:
            self._alerts = False
            self._room.alerts.discard(self)
            self._room.unwant(ALERTS)

    def _leave(self) -> None:
        if self._room is not None:
            self._leave_devices(set(self._devices))
            self._leave_alerts()
            self._hub.leave(self, self._room)

    _verbs: Mapping[str, "Callable[[Client, Data], Awaitable[Data]]"] = {
        "authenticate": _authenticate, "resume": _resume, "subscribe-device": _subscribe_device, "unsubscribe-device": _unsubscribe_device,
        "subscribe-alerts": _subscribe_alerts, "unsubscribe-alerts": _unsubscribe_alerts, "subscribe-system": _subscribe_system,
        "unsubscribe-system": _unsubscribe_system,
    }  # fmt: skip
