"""Which replica runs which client of a connection: leases, shared evenly.

Each client of a connection is a slot with a lease of its own and a fixed name at the broker: a replica that dies leaves it to another
one, and with it the session. A process that died on this machine is seen to be dead, so that a restart need not wait for its leases.
"""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, text

from jobs.scheduler import Lease

log = logging.getLogger("andon.connections")


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A client of a connection; `number` -1 is the one that sends."""

    tenant_id: int
    connection_id: int
    number: int

    @property
    def lease(self) -> str:
        """The lease's name."""
        return f"connection:{self.tenant_id}:{self.connection_id}:{self.number}"


def space() -> str:
    """Names the space of process numbers that this process is in, this boot of this machine; "" where the system does not say."""
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"
    return ""


class Slots:
    """The leases that this replica holds. `replica` is host:process:random."""

    def __init__(self, engine: Engine, replica: str) -> None:
        self._engine = engine
        self._holder = f"{replica}@{space()}"
        self._presence = Lease(engine, f"runner:{replica}", self._holder)
        self.held: dict[Slot, Lease] = {}
        self._tidied = False

    def settle(self, wanted: list[Slot], end: Callable[[list[Slot]], None]) -> None:
        """Prolongs what is held, lets go of what is too much or not wanted, takes what is free up to an even share.

        `end` is called with slots before they are let go, so that no two clients have one name.
        """
        if not self._tidied:
            self._bury()
            self._tidied = True
        self._presence.renew()
        share = -(-len(wanted) // self._runners())
        unwanted = [slot for slot in self.held if slot not in set(wanted)]
        too_many = [slot for slot in self.held if slot not in unwanted][share:]
        end(unwanted + too_many)
        for slot in unwanted + too_many:
            self.release(slot)
        for slot, lease in list(self.held.items()):
            if not lease.renew():
                log.warning("%s runs elsewhere now", slot.lease)
                del self.held[slot]
        for slot in wanted:
            if len(self.held) >= share:
                break
            lease = Lease(self._engine, slot.lease, self._holder)
            if slot not in self.held and lease.renew():
                self.held[slot] = lease

    def expired(self) -> list[Slot]:
        """What could not be prolonged in time: somebody else may hold it by now."""
        return [slot for slot, lease in self.held.items() if not lease.held]

    def release(self, slot: Slot) -> None:
        """Lets another replica take it at once. To be called once its client has ended."""
        lease = self.held.pop(slot, None)
        if lease is not None:
            with suppress(Exception):  # it runs out by itself
                lease.release()

    def leave(self) -> None:
        """Lets go of everything."""
        for slot in list(self.held):
            self.release(slot)
        with suppress(Exception):
            self._presence.release()

    def _runners(self) -> int:
        """How many replicas run connections."""
        with self._engine.connect() as connection:
            counted = connection.execute(text("select count(*) from leases where name like 'runner:%' and expires_at > now()"))
            return max(1, counted.scalar_one())

    def _bury(self) -> None:
        """Removes the leases of processes of this machine that are dead, and signs of replicas that are long gone."""
        with self._engine.begin() as connection:
            ours = "(name like 'connection:%' or name like 'runner:%')"
            holders = connection.execute(text(f"select distinct holder from leases where {ours}")).scalars().all()
            dead = [holder for holder in holders if holder != self._holder and is_dead(holder)]
            connection.execute(
                text(f"delete from leases where {ours} and (holder = any(:dead) or expires_at < now() - interval '10 minutes')"),
                {"dead": dead},
            )


def is_dead(holder: str) -> bool:
    """Whether the process host:process:random@space is known to be dead; False wherever that cannot be seen from here."""
    name, _, where = holder.partition("@")
    number = name.split(":")[-2] if name.count(":") >= 2 else ""
    if not where or where != space() or not number.isdigit():
        return False
    if int(number) == os.getpid():  # the number is ours now
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
