"""Runs connections: this replica's share of the clients of every connection that is on, each in a thread of its own.

Twice a second it looks for what is on, starts and ends clients, and writes how they are. Where the database is away nothing new begins;
clients go on until their lease would be another's, and hold their acknowledgements back meanwhile.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dashapp.brokers.wanted import Kafka, Mqtt, SecretMissing, read_kafka, read_mqtt, secrets_of
from dashapp.ingest.client_status import ClientStatus
from dashapp.ingest.intake import Intake, Register
from dashapp.ingest.kafka import KafkaDoor
from dashapp.ingest.mqtt import MqttDoor
from dashapp.ingest.services import Services
from db.commands import connections as commands
from db.queries.connections import SENDER, WantedConnection, find_connection, wanted_connections
from db.tenancy import tenant_reading, tenant_transaction
from jobs.kafka_sender import KafkaSender
from jobs.slots import Slot, Slots

log = logging.getLogger("andon.connections")
LOOK_EVERY_S = 0.5
RENEW_EVERY_S = 4.0
TELL_EVERY_S = 2.0
END_S = 12.0
COUNTERS = ("messages", "stored", "duplicates", "conflicts", "refused")


class Client(Protocol):
    """A thread that runs one client."""

    status: ClientStatus

    def start(self) -> None: ...
    def stop(self, *, forget: bool = False) -> None: ...
    def is_alive(self) -> bool: ...
    def join(self, timeout: float | None = None) -> None: ...


@dataclass(slots=True)
class Running:
    """A client that runs, the version of its connection that it runs, and the counters that have been written."""

    client: Client
    version: int
    told: dict[str, int]
    state: tuple[str, str] | None = None


class ConnectionKeeper(threading.Thread):
    """One for each replica; `register` makes devices and sensors that may register themselves."""

    def __init__(self, services: Services, register: Register) -> None:
        super().__init__(name="connections", daemon=True)
        self._services, self._register = services, register
        self._slots = Slots(services.database.engine, services.replica)
        self._running: dict[Slot, Running] = {}
        self._wanted: dict[tuple[int, int], WantedConnection] = {}
        self._halt = threading.Event()
        self._renewed_at = self._told_at = float("-inf")

    def stop(self) -> None:
        """Ends every client once what it has under way is stored, and gives the leases back."""
        self._halt.set()
        self._services.connections_wanted.set()
        if self.is_alive():
            self.join(END_S + 5)

    def run(self) -> None:
        """Until it is stopped; a database that is away is asked again."""
        while not self._halt.is_set():
            try:
                self.look()
            except Exception as error:
                log.warning("connections are looked for again: %s", str(error).splitlines()[0] if str(error) else repr(error))
                self._end(self._slots.expired())
            self._services.connections_wanted.wait(LOOK_EVERY_S)
            self._services.connections_wanted.clear()
        self._tell_all()
        self._end(list(self._running))
        self._slots.leave()

    def look(self) -> None:
        """Once: what is on, what of it is ours, and how it is."""
        with self._services.database.engine.connect() as connection:
            found = wanted_connections(connection)
        before, self._wanted = self._wanted, {(each.tenant_id, each.id): each for each in found}
        slots = [Slot(each.tenant_id, each.id, number) for each in found for number in numbers(each)]
        changed = before != self._wanted
        if changed or time.monotonic() - self._renewed_at > RENEW_EVERY_S:
            self._renewed_at = time.monotonic()
            self._slots.settle(slots, self._end)
            self._end([slot for slot in self._running if slot not in self._slots.held])
        self._end([slot for slot, each in self._running.items() if each.version != self._version(slot) or not each.client.is_alive()])
        for slot in self._slots.held:
            if slot not in self._running and not self._halt.is_set():
                self._begin(slot)
        due = time.monotonic() - self._told_at > TELL_EVERY_S
        if due:
            self._told_at = time.monotonic()
        self._tell_all(lambda each: due or each.state != (each.client.status.state, each.client.status.detail))

    def _version(self, slot: Slot) -> int | None:
        found = self._wanted.get((slot.tenant_id, slot.connection_id))
        return found.version if found is not None else None

    def _begin(self, slot: Slot) -> None:
        wanted = self._wanted[slot.tenant_id, slot.connection_id]
        services, source = self._services, f"connection:{slot.connection_id}"
        row = self._row(slot)
        if row is None:
            return
        client: Client
        if slot.number == SENDER:
            client = KafkaSender(services, slot.tenant_id, slot.connection_id, lambda: self._kafka(slot), row.plant)
        else:
            intake = Intake(services, slot.tenant_id, row.kind, source, self._register)
            if row.kind == "mqtt":
                with tenant_reading(services.database.engine, slot.tenant_id) as connection:
                    subscribed = commands.subscribed_before(connection, slot.connection_id, slot.number)
                client = MqttDoor(intake, lambda: self._mqtt(slot), slot.number, row.plant, subscribed=subscribed)
            else:
                client = KafkaDoor(intake, lambda: self._kafka(slot), slot.number, row.plant)
        self._running[slot] = Running(client, wanted.version, dict.fromkeys(COUNTERS, 0))
        client.start()

    def _row(self, slot: Slot) -> Any:
        with tenant_reading(self._services.database.engine, slot.tenant_id) as connection:
            return find_connection(connection, slot.connection_id)

    def _there(self, slot: Slot) -> Any:
        row = self._row(slot)
        if row is None:
            raise SecretMissing("the connection was removed")
        return row

    def _mqtt(self, slot: Slot) -> Mqtt:
        row = self._there(slot)
        return read_mqtt(row.settings, row.secret, self._folder(row.plant))

    def _kafka(self, slot: Slot) -> Kafka:
        row = self._there(slot)
        return read_kafka(row.settings, row.secret, self._folder(row.plant))

    def _folder(self, plant: str) -> Path:
        return secrets_of(self._services.settings, plant)

    def _end(self, slots: list[Slot]) -> None:
        """Stops their clients, all at once, and waits for them."""
        ending = [(slot, self._running.pop(slot)) for slot in slots if slot in self._running]
        for slot, each in ending:
            each.client.stop(forget=self._is_removed(slot))
        deadline = time.monotonic() + END_S
        for slot, each in ending:
            each.client.join(max(0.1, deadline - time.monotonic()))
            if each.client.is_alive():
                log.warning("%s is still ending", slot.lease)

    def _is_removed(self, slot: Slot) -> bool:
        """Whether the connection is gone for good: then the broker need not keep anything for it."""
        if self._halt.is_set() or (slot.tenant_id, slot.connection_id) in self._wanted:
            return False
        try:
            return self._row(slot) is None
        except Exception:  # the database is away: it may still be there
            return False

    def _tell_all(self, wanted: Callable[[Running], bool] = lambda _each: True) -> None:
        for slot, each in list(self._running.items()):
            try:
                if wanted(each):
                    self._tell(slot, each)
            except Exception as error:
                log.info("the state of %s was not written: %s", slot.lease, str(error).splitlines()[0])

    def _tell(self, slot: Slot, each: Running) -> None:
        status = each.client.status
        each.state = status.state, status.detail
        now = {name: getattr(status, name) for name in COUNTERS}
        values = {name: now[name] - each.told[name] for name in COUNTERS} | {
            "replica": self._services.replica, "state": status.state, "detail": status.detail[:500], "since": status.since,
            "per_s": round(status.per_s(), 2), "lag": status.lag, "last_message_at": status.last_message_at,
            "last_error": status.last_error, "last_error_at": status.last_error_at, "subscribed": list(status.subscribed),
        }  # fmt: skip
        with tenant_transaction(self._services.database.engine, slot.tenant_id) as connection:
            commands.write_client(connection, slot.connection_id, slot.number, values)
        each.told = now


def numbers(wanted: WantedConnection) -> list[int]:
    """The slots of a connection."""
    return [*range(wanted.clients), *([SENDER] if wanted.sends else [])]

