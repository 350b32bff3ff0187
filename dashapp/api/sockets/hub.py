"""Everybody who follows something here: a room for each tenant, with its position in the stream, and who is in it.

All of it lives on the event loop; what waits for the database does so in threads. The order is what makes resuming exact: a room's
snapshot moves with each delivery, whoever comes in does so between two of them, and what lies before is replayed up to that snapshot.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from dashapp.actions.actor import Actor
from dashapp.api.problems import Problem
from dashapp.api.sockets.compose import Composer, Wish
from dashapp.api.sockets.reader import Reader
from dashapp.api.sockets.statuses import device_statuses, status_event, system_status
from dashapp.api.sockets.who import Credential, look_again, sees
from dashapp.api.sockets.words import ALERT_RESOLVED, ALERT_TRIGGERED, ALERT_UPDATED, SYSTEM_STATUS, Event, event
from dashapp.ingest.services import Services
from db.commands.stream import follow
from db.engine import connect_raw
from db.queries.stream import Position, snapshot_now

log = logging.getLogger("andon.sockets")
EVERYTHING = "*"
GUARD_EVERY_S = 1.5
STATUS_EVERY_S = 1.0
SYSTEM_EVERY_S = 5.0
FOLLOW_EVERY_S = 60.0
FOLLOW_MORE = timedelta(minutes=2)  # than what is kept: somebody who left a moment before the server stopped comes back in time
EMPTY_FOR_S = 60.0
THREADS = 6
MOST_REPLAYS = 4  # at once: after a restart everybody comes back in the same second
T = TypeVar("T")
ALERT_EVENTS = (ALERT_TRIGGERED, ALERT_RESOLVED, ALERT_UPDATED)


class Member(Protocol):
    """Somebody in a room. Neither may wait."""

    credential: Credential
    actor: Actor

    def push(self, told: Event) -> None:
        """Takes an event that it may see."""

    def end(self, code: int, reason: str) -> None:
        """Closes the connection."""

    def changed(self, actor: Actor) -> None:
        """What it may see is another now."""


class Room:
    """A tenant that is followed here."""

    def __init__(self, tenant_id: int) -> None:
        self.tenant_id = tenant_id
        self.epoch = 0
        self.snapshot = ""  # everything that it sees was delivered
        self.read_to = ""  # the same, of the reader's thread
        self.opened: asyncio.Future[None] | None = None
        self.members: set[Member] = set()
        self.devices: dict[str, set[Member]] = {}
        self.alerts: set[Member] = set()
        self.system: set[Member] = set()
        self.movers: set[asyncio.Event] = set()  # set when something was committed
        self.wish: tuple[int, Wish] = (0, Wish(frozenset(), alerts=False))
        self.passed = -1  # number of the wish that the last delivery was made by
        self.waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.statuses: dict[str, str] = {}
        self.followed_at = self.empty_since = time.monotonic()
        self._wanted: Counter[str] = Counter()

    @property
    def position(self) -> Position:
        """From here on nothing was delivered."""
        return Position(self.epoch, int(self.snapshot.partition(":")[0]))

    @property
    def followed_devices(self) -> set[str]:
        """Devices that somebody follows by their name."""
        return {key for key in self._wanted if key != EVERYTHING}

    @property
    def follows_everything(self) -> bool:
        """Whether somebody follows all of them."""
        return EVERYTHING in self._wanted

    def want(self, device: str) -> None:
        """Has the events of a device (or all, or `alerts`) made from the next pass on."""
        self._wanted[device] += 1
        self._rewish()

    def unwant(self, device: str) -> None:
        """One of those who wanted them does not any more."""
        self._wanted[device] -= 1
        if self._wanted[device] <= 0:
            del self._wanted[device]
            self.statuses.pop(device, None)
        self._rewish()

    def told(self, member_of: Event) -> Iterator[Member]:
        """Whom an event is for, each once."""
        if member_of.name in ALERT_EVENTS:
            return iter(self.alerts)
        some, everyone = self.devices.get(member_of.device, ()), self.devices.get(EVERYTHING, ())
        return iter({*some, *everyone} if some and everyone else some or everyone)

    def _rewish(self) -> None:
        number, before = self.wish
        devices = None if EVERYTHING in self._wanted else frozenset(key for key in self._wanted if not key.startswith("\n"))
        now = Wish(devices, alerts=ALERTS in self._wanted)
        if now != before:
            self.wish = number + 1, now


ALERTS = "\nalerts"  # among what is wanted: no device is called that


class Hub:
    """One a process; begins with the server and ends before the database does."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.composer = Composer(services)
        self.members: set[Member] = set()
        self._rooms: dict[int, Room] = {}
        self._reader: Reader | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.keep = timedelta(minutes=services.settings.resume_minutes)
        self.replays = asyncio.Semaphore(MOST_REPLAYS)
        self._threads = ThreadPoolExecutor(THREADS, "sockets")

    def start(self) -> None:
        """To be called on the event loop."""
        loop = asyncio.get_running_loop()

        def deliver(room: Room, snapshot: str, events: list[Event], number: int, new: bool) -> None:
            loop.call_soon_threadsafe(self._deliver, room, snapshot, events, number, new)

        self._reader = Reader(self.services.database.engine.url, self.composer, self._open_rooms, deliver)
        self._reader.start()
        self.services.live.followers.append(self._reader.wake)
        self._tasks = [asyncio.create_task(each, name=name) for each, name in ((self._guard(), "guard"), (self._tend(), "tend"))]

    async def stop(self) -> None:
        """Ends the reader and the clocks; connections are the server's to close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._reader is not None:
            if self._reader.wake in self.services.live.followers:
                self.services.live.followers.remove(self._reader.wake)
            await asyncio.to_thread(self._reader.stop)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def work(self, do: Callable[..., T], *arguments: Any) -> T:
        """What waits for the database, in a thread of ours: who follows never takes a thread from who asks."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, do, *arguments)

    async def enter(self, member: Member) -> Room:
        """Brings somebody into the room of their tenant. Raises Problem 503 where the tenant cannot be followed at the moment."""
        tenant_id = member.actor.tenant_id
        room = self._rooms.get(tenant_id)
        if room is None:
            room = self._rooms[tenant_id] = Room(tenant_id)
        room.members.add(member)
        self.members.add(member)
        try:
            if room.opened is None:
                room.opened = asyncio.ensure_future(self._open(room))
            await asyncio.shield(room.opened)
        except Exception as error:
            log.warning("tenant %s cannot be followed: %s", tenant_id, error)
            room.opened = None
            self.leave(member, room)
            raise Problem(503, "Not now", "The plant cannot be followed at the moment. Try again.") from error
        return room

    def leave(self, member: Member, room: Room) -> None:
        """Takes somebody out of everything."""
        self.members.discard(member)
        room.members.discard(member)
        for group in (room.alerts, room.system, *room.devices.values()):
            group.discard(member)
        if not room.members:
            room.empty_since = time.monotonic()

    async def settled(self, room: Room) -> None:
        """Returns when everything that is wanted by now is made into events: whoever joins a group then misses nothing."""
        number = room.wish[0]
        if room.passed >= number:
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        room.waiting.append((number, waiting))
        assert self._reader is not None
        self._reader.wake(room.tenant_id)
        await asyncio.wait_for(waiting, 30)

    def _open_rooms(self) -> list[Room]:
        return [room for room in list(self._rooms.values()) if room.read_to]

    async def _open(self, room: Room) -> None:
        def prepare() -> tuple[int, str]:
            followed = follow(self.services.database, room.tenant_id, self.keep + FOLLOW_MORE)
            self.services.catalogue.of(room.tenant_id)
            self.services.live.now(room.tenant_id)
            with connect_raw(self.services.database.engine.url) as connection:
                return followed.epoch, snapshot_now(connection)

        room.epoch, room.snapshot = await self.work(prepare)
        room.followed_at = time.monotonic()
        room.read_to = room.snapshot

    def _deliver(self, room: Room, snapshot: str, events: list[Event], number: int, new: bool) -> None:
        room.snapshot = snapshot
        for told in events:
            for member in room.told(told):
                if sees(member.actor, told):
                    member.push(told)
        if new:
            for mover in room.movers:
                mover.set()
        room.passed = number
        ready = [waiting for wanted, waiting in room.waiting if wanted <= number]
        room.waiting = [each for each in room.waiting if each[0] > number]
        for waiting in ready:
            if not waiting.done():
                waiting.set_result(None)

    async def _guard(self) -> None:
        """Ends the connections of who may not be here any more, and tells the others what they may see now."""
        while True:
            await asyncio.sleep(GUARD_EVERY_S)
            known = {member.credential: member.actor for member in self.members}
            if not known:
                continue
            try:
                found = await self.work(look_again, self.services.database, known)
            except Exception as error:  # the database is away: who they are is as it was
                log.info("who is connected is looked up again: %s", error)
                continue
            for member in list(self.members):
                became = found.get(member.credential)
                if isinstance(became, str):
                    member.end(4401, became)
                elif became is not None:
                    member.changed(became)

    async def _tend(self) -> None:
        """Statuses of devices and of the system, following that is to be renewed, rooms that are empty."""
        system_at = 0.0
        while True:
            await asyncio.sleep(STATUS_EVERY_S)
            now = time.monotonic()
            system = now - system_at >= SYSTEM_EVERY_S
            if system:
                system_at = now
            for room in self._open_rooms():
                try:
                    await self._tend_room(room, now, system=system)
                except Exception as error:  # a database that is away, or a plant that is no more: the next second is another
                    log.info("tenant %s: %s", room.tenant_id, error)

    async def _tend_room(self, room: Room, now: float, *, system: bool) -> None:
        if not room.members and now - room.empty_since > EMPTY_FOR_S:
            del self._rooms[room.tenant_id]
            return
        if room.devices and (room.followed_devices or room.follows_everything):
            await self._tell_statuses(room)
        if system and room.system:
            await self._tell_system(room, list(room.system))
        if room.members and now - room.followed_at >= FOLLOW_EVERY_S:
            room.followed_at = now
            again = await self.work(follow, self.services.database, room.tenant_id, self.keep + FOLLOW_MORE)
            if again.epoch != room.epoch:
                room.epoch = again.epoch
                for member in list(room.members):
                    member.end(4409, "The database was away for too long: what happened meanwhile is in the history.")

    async def _tell_statuses(self, room: Room) -> None:
        wanted = None if room.follows_everything else room.followed_devices

        def look() -> list[tuple[str, str, Event]]:
            plant = self.services.catalogue.of(room.tenant_id)
            keys = plant.devices.keys() if wanted is None else wanted & plant.devices.keys()
            found = [each for each in device_statuses(self.services, plant, keys) if room.statuses.get(each[0]) != each[1]["status"]]
            return [(key, str(data["status"]), status_event(plant.devices[key], data)) for key, data in found]

        for key, status, told in await self.work(look):
            known = key in room.statuses
            room.statuses[key] = status
            for member in room.told(told) if known else ():
                if sees(member.actor, told):
                    member.push(told)

    async def _tell_system(self, room: Room, members: list[Member]) -> None:
        made: dict[object, Event] = {}
        for member in members:
            seen = member.actor.lines, member.actor.device_id
            if seen not in made:
                made[seen] = event(SYSTEM_STATUS, await self.work(system_status, self.services, member.actor))
            member.push(made[seen])

    async def tell_system(self, room: Room, member: Member) -> None:
        """How the system is now, to one who has just asked."""
        await self._tell_system(room, [member])
