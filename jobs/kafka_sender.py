"""Sends what waits in the outbox of a connection to Kafka: alerts, metrics, events. At least once, in order, keyed by the event's id.

Rows are leased, sent, and deleted once the brokers have acknowledged them; a process that dies in between leaves them to the next one
when the lease is over.
"""

import json
import logging
import random
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from dashapp.brokers import kafka as broker
from dashapp.brokers.wanted import Kafka, SecretMissing
from dashapp.ingest.batch import is_away
from dashapp.ingest.client_status import ClientStatus
from dashapp.ingest.services import Services
from db.commands.connections import Outgoing, count_outgoing, settle_outgoing, take_outgoing
from db.tenancy import tenant_transaction

log = logging.getLogger("andon.kafka")
MOST = 500
LOOK_EVERY_S = 0.5
LEASE_S = 60
SEND_WITHIN_S = 25.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


class KafkaSender(threading.Thread):
    """Runs until it is stopped; `wanted` is read at each start of a producer."""

    def __init__(self, services: Services, tenant_id: int, connection_id: int, wanted: Callable[[], Kafka], plant: str) -> None:
        super().__init__(name=f"kafka-{plant}-out", daemon=True)
        self.status = ClientStatus()
        self._services, self._tenant_id, self._id, self._read_wanted = services, tenant_id, connection_id, wanted
        self._halt = threading.Event()

    def stop(self, *, forget: bool = False) -> None:
        """Ends it after what is being sent."""
        self._halt.set()

    def run(self) -> None:
        """Looks twice a second; brokers that are away are tried again, ever less often."""
        pause_s = FIRST_PAUSE_S
        while not self._halt.is_set():
            try:
                wanted = self._read_wanted()
                producer = Producer(broker.producing(wanted, f"{wanted.client_id}-out") | {"error_cb": self._said})
                producer.list_topics(timeout=10)
                self.status.move("connected", "sends what happens")
                pause_s = FIRST_PAUSE_S
                while not self._halt.is_set():
                    if not self._send(producer, wanted):
                        self._halt.wait(LOOK_EVERY_S)
            except (KafkaException, SecretMissing) as error:
                self.status.fail(broker.plain(error))
            except Exception as error:
                if not is_away(error):
                    log.exception("the Kafka sender %s has failed", self.name)
                self.status.fail(broker.plain(error))
            self._halt.wait(pause_s * random.uniform(0.5, 1.0))
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    def _send(self, producer: Producer, wanted: Kafka) -> bool:
        """One round; whether there was something."""
        with tenant_transaction(self._services.database.engine, self._tenant_id) as connection:
            taken = take_outgoing(connection, self._id, MOST, LEASE_S)
            self.status.lag = len(taken) if len(taken) < MOST else count_outgoing(connection, self._id)
        producer.poll(0)
        if not taken:
            return False
        sent, errors = self._produce(producer, wanted, taken)
        failed = [each.id for each in taken if each.id not in sent]
        error = next(iter(errors), "no broker took it in time") if failed else ""
        with tenant_transaction(self._services.database.engine, self._tenant_id) as connection:
            settle_outgoing(connection, list(sent), failed, error, min(60.0, 2.0 ** min(taken[0].attempts, 6)))
        self.status.messages += len(sent)
        self.status.stored += len(sent)
        if failed:
            self.status.fail(f"not sent yet: {error}", "waiting")
        elif self.status.state != "connected":
            self.status.move("connected", "sends what happens")
        self.status.lag = len(failed) + max(0, (self.status.lag or 0) - len(taken))
        return not failed

    def _produce(self, producer: Producer, wanted: Kafka, taken: list[Outgoing]) -> tuple[set[int], list[str]]:
        """(rows that the brokers have, what went wrong with the others)."""
        sent: set[int] = set()
        errors: list[str] = []

        def delivered(number: int) -> Callable[[KafkaError | None, Any], None]:
            def note(error: KafkaError | None, _record: Any) -> None:
                if error is None:
                    sent.add(number)
                else:
                    errors.append(error.str())

            return note

        for each in taken:
            value = json.dumps(each.value, ensure_ascii=False, separators=(",", ":")).encode()
            producer.produce(wanted.prefix + each.topic, value, key=each.key.encode(), on_delivery=delivered(each.id))
        producer.flush(SEND_WITHIN_S)
        return sent, errors

    def _said(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self.status.fail("no broker answers", "connecting")
        else:
            self.status.note(error.str())
