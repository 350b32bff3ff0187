"""The Kafka door: one member of a consumer group, in one thread, which polls, hands over, and commits offsets after the database has.

One batch is under way at a time. While the database takes long the partitions are paused and the group is still answered, so that a
rebalance finds the member alive: partitions that go are waited for and committed, or, where that takes too long, go uncommitted and are
read again by whoever has them next. What is read twice is stored once.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from dashapp.brokers import kafka as broker
from dashapp.brokers.wanted import Kafka, SecretMissing
from dashapp.ingest.batch import Busy, is_away
from dashapp.ingest.client_status import ClientStatus
from dashapp.ingest.intake import MOST_MESSAGES, Flight, Intake
from dashapp.ingest.messages import Message

log = logging.getLogger("andon.kafka")
LINGER_S = 0.005  # for more records, once there is one
PAUSE_AFTER_S = 1.0  # a batch that takes longer lets the group go on without records
LAST_WAIT_S = 5.0  # for what is under way when partitions go, or the door ends
LAG_EVERY_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
LONGEST_KEY = 100
Place = tuple[str, int]  # topic and partition


class KafkaDoor(threading.Thread):
    """Runs until it is stopped; brokers that are away are asked again. `wanted` is read at each start of a consumer."""

    def __init__(self, intake: Intake, wanted: Callable[[], Kafka], slot: int, plant: str, *, chance: Any = random) -> None:
        super().__init__(name=f"kafka-{plant}-{slot}", daemon=True)
        self.status = ClientStatus()
        self._intake, self._read_wanted, self._slot, self._chance = intake, wanted, slot, chance
        self._halt = threading.Event()
        self._owned: set[Place] = set()
        self._flight: Flight | None = None
        self._ends: dict[Place, int] = {}  # of the flight: the offset to go on from
        self._due: dict[Place, int] = {}  # offsets whose commit failed: in a rebalance, mostly
        self._extra: list[Record] = []  # came although the partitions were paused
        self._doubtful = False  # a broker has not answered: whether any does is asked for
        self._down = False  # none has since

    def stop(self, *, forget: bool = False) -> None:
        """Ends it once what is under way is stored and committed; the group keeps its offsets."""
        self._halt.set()

    def run(self) -> None:
        """Joins the group, reads until it ends, waits, again."""
        pause_s = FIRST_PAUSE_S
        while not self._halt.is_set():
            began = time.monotonic()
            try:
                self._once()
            except (KafkaException, SecretMissing) as error:
                self.status.fail(broker.plain(error))
            except Exception as error:
                if not is_away(error):
                    log.exception("the Kafka client %s has failed", self.name)
                self.status.fail(broker.plain(error))
            pause_s = FIRST_PAUSE_S if time.monotonic() - began > LONGEST_PAUSE_S else min(LONGEST_PAUSE_S, pause_s * 2)
            self._halt.wait(pause_s * self._chance.uniform(0.5, 1.0))

    def _once(self) -> None:
        wanted = self._read_wanted()
        self.status.move("connecting", f"to {wanted.servers}")
        self._owned.clear()
        self._due.clear()
        self._extra.clear()
        self._doubtful = self._down = False
        consumer = Consumer(broker.consuming(wanted, f"{wanted.client_id}-{self._slot}") | {"error_cb": self._said})
        try:
            consumer.subscribe(list(wanted.topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)
            self._read(consumer, wanted)
        finally:
            consumer.close()

    def _read(self, consumer: Consumer, wanted: Kafka) -> None:
        looked_at = 0.0
        while not self._halt.is_set():
            records, self._extra = self._extra, []
            first = consumer.poll(0 if records else 0.5)
            if first is not None:
                records.append(first)
            if records:
                records += consumer.consume(MOST_MESSAGES - len(records), LINGER_S)
            good = [record for record in records if self._is_record(record, wanted)]
            if good:
                self._store(consumer, good)
            if time.monotonic() - looked_at > LAG_EVERY_S:
                looked_at = time.monotonic()
                if self._answers(consumer):  # a commit would wait ten seconds for nobody
                    self._commit(consumer, {})
                    self._look_at_lag(consumer)

    def _is_record(self, record: Record, wanted: Kafka) -> bool:
        error = record.error()
        if error is None:
            return True
        if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED):
            self.status.fail(f"{error.str()} ({', '.join(wanted.topics)})")
        elif error.code() != KafkaError._PARTITION_EOF:
            self.status.note(error.str())
        return False

    def _store(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Until the records are stored and their offsets committed, or somebody else has to read them again."""
        now_us = time.time_ns() // 1000
        messages = [_message(record, now_us) for record in records]
        ends: dict[Place, int] = {}
        for record in records:
            ends[record.topic(), record.partition()] = record.offset() + 1  # ascending within a partition
        paused: list[TopicPartition] = []
        try:
            while ends.keys() & self._owned:
                if self._fly(consumer, messages, ends, paused):
                    return
                if self._halt.is_set():
                    return
        finally:
            self._flight = None
            back = [part for part in paused if (part.topic, part.partition) in self._owned]
            if back:
                consumer.resume(back)
        self.status.note("partitions went to another member before their records were stored: they are read again there")

    def _fly(self, consumer: Consumer, messages: list[Message], ends: dict[Place, int], paused: list[TopicPartition]) -> bool:
        """One try; whether it is stored and committed."""
        try:
            flight = self._flight = self._intake.submit(messages)
        except Busy:
            self.status.move("waiting", "the queue is full: offsets are not committed")
            self._stay(consumer, paused, 0.05)
            return False
        except Exception as error:  # names cannot be looked up: the database is away
            self._put_off(consumer, paused, error)
            return False
        self._ends = ends
        began = time.monotonic()
        while not flight.done.wait(0.2):
            if self._halt.is_set() and time.monotonic() - began > LAST_WAIT_S:
                return False
            if time.monotonic() - began > PAUSE_AFTER_S:
                self._stay(consumer, paused, 0)
        self._flight = None
        if flight.error is not None:
            self._put_off(consumer, paused, flight.error)
            return False
        self.status.land(flight)
        if self.status.state == "waiting":
            self.status.move("connected")
        self._commit(consumer, ends)
        return True

    def _put_off(self, consumer: Consumer, paused: list[TopicPartition], error: Exception) -> None:
        self.status.fail(f"not stored yet, offsets are not committed: {broker.plain(error)}", "waiting")
        self._stay(consumer, paused, 0.5)

    def _stay(self, consumer: Consumer, paused: list[TopicPartition], wait_s: float) -> None:
        """Answers the group without reading."""
        if not paused:
            paused += consumer.assignment()
            if paused:
                consumer.pause(paused)
        record = consumer.poll(0)
        if record is not None:
            self._extra.append(record)
        self._halt.wait(wait_s)

    def _commit(self, consumer: Consumer, ends: dict[Place, int]) -> None:
        """These and what is due from before. What cannot be now is tried again here, or read again by whoever has the partition then."""
        mine = {place: end for place, end in (self._due | ends).items() if place in self._owned}
        if not mine:
            return
        self._due = mine
        try:
            consumer.commit(offsets=[TopicPartition(topic, number, end) for (topic, number), end in mine.items()], asynchronous=False)
        except KafkaException as error:
            self._doubtful = True
            self.status.note(f"offsets were not committed: {broker.plain(error)}")
        else:
            self._due = {}

    def _assigned(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned |= {(part.topic, part.partition) for part in partitions}
        self._down = False  # the group's coordinator has just answered
        self.status.move("connected", self._said_of_owned())

    def _revoked(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Called while polling, with a batch under way only where that takes long."""
        going = {(part.topic, part.partition) for part in partitions}
        flight = self._flight
        if flight is not None and flight.done.wait(LAST_WAIT_S) and flight.error is None:
            self._commit(consumer, {place: end for place, end in self._ends.items() if place in going})
        self._lost(consumer, partitions)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._owned -= {(part.topic, part.partition) for part in partitions}
        self._due = {place: end for place, end in self._due.items() if place in self._owned}
        self._extra = [record for record in self._extra if (record.topic(), record.partition()) in self._owned]
        if not self._down:  # partitions also go because nobody answers
            self.status.move("connected", self._said_of_owned())

    def _said_of_owned(self) -> str:
        count = len(self._owned)
        if not count:
            return "has no partition: there are more clients than partitions"
        return f"reads {count} partition{'' if count == 1 else 's'}"

    def _said(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._is_down()
        elif error.code() in (KafkaError._AUTHENTICATION, KafkaError._SSL, KafkaError._RESOLVE):
            self.status.fail(error.str())
        else:
            self._doubtful = True
            self.status.note(error.str())

    def _is_down(self) -> None:
        self._doubtful = self._down = True
        self.status.fail("no broker answers", "connecting")

    def _answers(self, consumer: Consumer) -> bool:
        """Whether a broker does, asked for only once one did not: librdkafka says that all are down once, or not at all."""
        if not self._doubtful:
            return True
        try:
            consumer.list_topics(timeout=0.5)
        except KafkaException:
            if not self._down:  # said once: what a broker refused since then stays to be read
                self._is_down()
            return False
        if self._down:
            self.status.move("connected", self._said_of_owned())
        self._doubtful = self._down = False
        return True

    def _look_at_lag(self, consumer: Consumer) -> None:
        """Records behind the end of each partition, by what the last answers said."""
        if not self._owned:
            self.status.lag = None
            return
        behind, known = 0, False
        for part in consumer.position(consumer.assignment()):
            _, high = consumer.get_watermark_offsets(part, cached=True)
            if high >= 0 and part.offset >= 0:
                known, behind = True, behind + max(0, high - part.offset)
        if known:
            self.status.lag = behind


def _message(record: Record, now_us: int) -> Message:
    kind, time_ms = record.timestamp()
    time_us = now_us if kind == TIMESTAMP_NOT_AVAILABLE else time_ms * 1000
    return Message(record.value() or b"", _device(record.key()), time_us, f"{record.topic()} {record.partition()}:{record.offset()}")


def _device(key: Any) -> str:
    """The device that a record's key names, for payloads that name none."""
    if not key or len(key) > LONGEST_KEY:
        return ""
    try:
        name = key.decode() if isinstance(key, bytes) else str(key)
    except UnicodeDecodeError:
        return ""
    return name if name.isprintable() else ""
