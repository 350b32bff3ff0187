"""Kafka: what strangers' clients produce is stored once, offsets follow the commit; alerts, metrics and events go out by the outbox."""

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from sqlalchemy import text

from dashapp.actions.connections import BrokerConnection, change_connection, try_connection
from dashapp.ingest.batch import Busy, Unavailable
from dashapp.ingest.services import Services
from db.commands import audit
from db.commands.connections import queue_metrics
from db.commands.partitions import MINUTES, ensure_partitions
from db.engine import Database
from db.queries.connections import SENDER
from db.tenancy import tenant_transaction
from tests.brokers import KafkaCluster
from tests.integration.brokered import PATIENCE_S, administrator, connected, keeping, letters, message, shown, state_of, stored, values
from tests.integration.plant import Press, make_pipeline, running
from tests.serving import wait_until

pytestmark = pytest.mark.requirement("IN-4")
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    topics = ("sensors-data", "shapes:1", "bad:1", "held:1", "away:2", "shared:4", "tried:1", "alerts:1", "metrics:1", "events:1")
    with KafkaCluster(*topics) as started:
        yield started


@pytest.fixture(scope="module")
def services(database: Database) -> Iterator[Services]:
    with running(make_pipeline(database)) as started, keeping(started):
        yield started


def kafka(cluster: KafkaCluster, press: Press, *topics: str, **more: Any) -> BrokerConnection:
    """A connection to the cluster, in a group of its own."""
    return BrokerConnection(**{"name": "Line", "kind": "kafka", "servers": cluster.servers, "topics": topics, "session_s": 2, **more})


def produce(cluster: KafkaCluster, topic: str, *payloads: bytes, **more: Any) -> None:
    """By confluent-kafka, acknowledged by all brokers."""
    producer = Producer({"bootstrap.servers": cluster.servers, "acks": "all"})
    for payload in payloads:
        producer.produce(topic, payload, **more)
    assert producer.flush(20) == 0


def committed(cluster: KafkaCluster, press: Press, topic: str, partitions: int) -> int:
    """Records of a topic whose offsets the press's group has committed."""
    group = press.column("select settings->>'group' from connections")[0]
    consumer = Consumer({"bootstrap.servers": cluster.servers, "group.id": group})
    try:
        found = consumer.committed([TopicPartition(topic, number) for number in range(partitions)], timeout=10)
    finally:
        consumer.close()
    return sum(max(0, part.offset) for part in found)


def test_what_kcat_produces_is_stored_and_then_committed(services: Services, press: Press, cluster: KafkaCluster) -> None:
    lines = b"\n".join(message(second, 70 + second) for second in range(3))
    with connected(services, press, kafka(cluster, press, "sensors-data")) as number:
        subprocess.run(["kcat", "-P", "-b", cluster.servers, "-t", "sensors-data"], input=lines, check=True, timeout=30)
        assert stored(press, 3) == [70, 71, 72]
        wait_until(lambda: committed(cluster, press, "sensors-data", 4) == 3)
        wait_until(lambda: (client := shown(press, number)["running"][0])["stored"] == 3 and client["lag"] == 0)
    with connected(services, press, kafka(cluster, press, "sensors-data")):
        produce(cluster, "sensors-data", message(9))
        assert len(stored(press, 4)) == 4, "it goes on where the group was"


def test_the_record_says_the_time_and_its_key_the_device_where_the_payload_does_not(
    services: Services, press: Press, cluster: KafkaCluster
) -> None:
    with connected(services, press, kafka(cluster, press, "shapes")):
        produce(cluster, "shapes", json.dumps({"temperature": 71}).encode(), key=b"MX-01", timestamp=START_MS + 1234)
        produce(cluster, "shapes", json.dumps({"machine_id": "MX-01", "vibration": 3}).encode(), timestamp=START_MS + 2000)
        produce(cluster, "shapes", json.dumps([json.loads(message(3, 73)), json.loads(message(4, 74))]).encode())
        assert stored(press, 4) == [71, 3, 73, 74]
    assert press.column("select extract(epoch from min(time))::text from readings") == ["1767225601.234000"]


@pytest.mark.requirement("IN-7")
def test_bad_records_are_dead_letters_and_hold_nothing_up(services: Services, press: Press, cluster: KafkaCluster) -> None:
    with connected(services, press, kafka(cluster, press, "bad")):
        produce(cluster, "bad", b"\xff\xfe", b"", message(1, device_id="MX-99"), message(1))
        assert stored(press, 1) == [71.5]
        found = letters(press, 3)
        wait_until(lambda: committed(cluster, press, "bad", 1) == 4)
    assert [(door, field) for door, field, *_ in found] == [("kafka", "body"), ("kafka", "body"), ("kafka", "device_id")]
    assert found[0][3] == b"\xff\xfe"
    assert found[2][4]["origin"] == "bad 0:2"


def test_offsets_wait_for_the_commit(services: Services, press: Press, cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = services.pipeline.submit
    refusals = iter([Busy(), Busy(), Unavailable("away")])
    seen: list[int] = []

    def reluctant(batch: Any, **more: Any) -> None:
        if batch.tenant_id == press.tenant_id and (refusal := next(refusals, None)) is not None:
            seen.append(committed(cluster, press, "held", 1))
            if isinstance(refusal, Busy):
                raise refusal
            batch.outcome.error = refusal
            batch.done(batch.outcome)
            return
        submit(batch, **more)

    monkeypatch.setattr(services.pipeline, "submit", reluctant)
    with connected(services, press, kafka(cluster, press, "held")) as number:
        produce(cluster, "held", message(1))
        assert stored(press, 1) == [71.5]
        wait_until(lambda: committed(cluster, press, "held", 1) == 1)
        assert seen == [0, 0, 0]
        wait_until(lambda: "away" in str(shown(press, number)["running"][0]["last_error"]))
        wait_until(lambda: state_of(press, number) == "connected")


def test_brokers_that_are_away_lose_nothing(services: Services, press: Press, cluster: KafkaCluster) -> None:
    with connected(services, press, kafka(cluster, press, "away")) as number:
        produce(cluster, "away", *(message(second) for second in range(50)))
        cluster.down()
        try:
            away = "it does not say that they are away"  # a commit under way waits ten seconds for them
            wait_until(lambda: state_of(press, number) == "connecting", PATIENCE_S, away)
        finally:
            cluster.up()
        produce(cluster, "away", *(message(second) for second in range(50, 100)))
        assert len(stored(press, 100)) == 100
        wait_until(lambda: state_of(press, number) == "connected")


def test_members_come_and_go_while_records_come(services: Services, press: Press, cluster: KafkaCluster) -> None:
    with connected(services, press, kafka(cluster, press, "shared", clients=2)) as number:
        wait_until(lambda: state_of(press, number, 1) == "connected")
        produce(cluster, "shared", *(message(second) for second in range(400)))
        for clients in (1, 3, 2):
            wanted = kafka(cluster, press, "shared", clients=clients)
            change_connection(services.database, services.settings, administrator(press), number, wanted)
            services.connections_wanted.set()
            produce(cluster, "shared", *(message(second) for second in range(400 + clients * 400, 800 + clients * 400)))
        assert len(stored(press, 1600)) == 1600
        wait_until(lambda: committed(cluster, press, "shared", 4) == 1600, 30)
    assert len(set(press.column("select time from readings"))) == 1600


def sent(cluster: KafkaCluster, topic: str, count: int) -> list[tuple[str, Any]]:
    """(key, value) of what kcat reads of a topic from its beginning."""
    command = ["kcat", "-C", "-q", "-b", cluster.servers, "-t", topic, "-o", "beginning", "-c", str(count), "-f", "%k\t%s\n"]
    done = subprocess.run(command, check=True, timeout=30, capture_output=True, text=True)
    return [(line.partition("\t")[0], json.loads(line.partition("\t")[2])) for line in done.stdout.splitlines()]


def raise_alert(press: Press) -> int:
    """An alert with its event, written as the evaluation does; the event's id."""
    with tenant_transaction(press.database.engine, press.tenant_id) as connection:
        return connection.execute(
            text(
                "with a as (insert into alerts (tenant_id, device_id, sensor_id, type, code, severity, state, message, value, raised_at)"
                " select :tenant, d.id, :sensor, 'threshold_exceeded', 'high_temperature', 'critical', 'B', 'Too hot', 95, now()"
                " from devices d returning id, device_id, sensor_id)"
                " insert into alert_events (tenant_id, alert_id, device_id, sensor_id, at, what, state, severity)"
                " select :tenant, id, device_id, sensor_id, now(), 'raised', 'B', 'critical' from a returning id"
            ),
            {"tenant": press.tenant_id, "sensor": press.temperature},
        ).scalar_one()


def test_alerts_metrics_and_events_go_out_with_their_ids_as_keys(services: Services, press: Press, cluster: KafkaCluster) -> None:
    wanted = kafka(cluster, press, sends=("alerts", "metrics", "events"))
    with connected(services, press, wanted, state=None) as number:
        wait_until(lambda: state_of(press, number, SENDER) == "connected")
        event = raise_alert(press)
        now_us = time.time_ns() // 1000
        ensure_partitions(press.database, (now_us - 60_000_000, now_us), tables=(MINUTES,))
        with tenant_transaction(press.database.engine, press.tenant_id) as connection:
            audit.record(connection, "user:1", "rename_device", "MX-01", {"name": "Press"})
            connection.execute(
                text(
                    "insert into rollup_minute (tenant_id, sensor_id, bucket, count, sum, mean, m2, min, max, first, last)"
                    " select :tenant, :sensor, date_trunc('minute', now()), 2, 142, 71, 2, 70, 72, 70, 72"
                ),
                {"tenant": press.tenant_id, "sensor": press.temperature},
            )
            low, high = connection.execute(text("select now() - interval '2 minutes', now()")).one()
            assert queue_metrics(connection, low, high) == 1
        key, alert = sent(cluster, "alerts", 1)[0]
        assert (key, alert["event_id"], alert["event"]) == (str(event), event, "raised")
        assert (alert["device_id"], alert["sensor_type"], alert["severity"], alert["value"]) == ("MX-01", "temperature", "critical", 95)
        _, metric = sent(cluster, "metrics", 1)[0]
        assert (metric["device_id"], metric["mean"], metric["count"], metric["unit"]) == ("MX-01", 71, 2, "°C")
        events = [value for _, value in sent(cluster, "events", 1)]
        assert [each["event"] for each in events] == ["create_connection"] or events[-1]["target"]
        wait_until(lambda: press.column("select count(*) from outbox") == [0])
        assert shown(press, number)["waiting"] == 0


def test_what_cannot_be_sent_waits_and_goes_out_once_the_brokers_are_back(services: Services, press: Press, cluster: KafkaCluster) -> None:
    with connected(services, press, kafka(cluster, press, prefix="alerts-of-", sends=("alerts",)), state=None) as number:
        wait_until(lambda: state_of(press, number, SENDER) == "connected")
        produce(cluster, "alerts-of-alerts", b"{}")  # the topic is there
        cluster.down()
        try:
            events = [raise_alert(press) for _ in range(3)]
            assert shown(press, number)["waiting"] == 3
        finally:
            cluster.up()
        wait_until(lambda: press.column("select count(*) from outbox") == [0], 60)
        keys = [key for key, _ in sent(cluster, "alerts-of-alerts", 4) if key]
        assert sorted(keys) == sorted(map(str, events))


def test_nothing_waits_for_a_connection_that_is_off(services: Services, press: Press) -> None:
    raise_alert(press)
    assert press.column("select count(*) from outbox where connection_id is not null") == [0]


def test_the_test_says_which_topic_is_missing(services: Services, press: Press, cluster: KafkaCluster) -> None:
    with connected(services, press, kafka(cluster, press, "tried"), state=None) as number:
        assert try_connection(services.database, services.settings, administrator(press), number) is None
    wrong = BrokerConnection(name="Nobody", kind="kafka", servers="127.0.0.1:1", topics=("sensors-data",))
    with connected(services, press, wrong, state="connecting") as number:
        said = try_connection(services.database, services.settings, administrator(press), number)
        assert "no broker answers" in str(said)
    assert values(press) == []


def test_time_is_not_lost_by_a_record_of_no_time(cluster: KafkaCluster) -> None:
    from dashapp.ingest.kafka import _message

    class Record:
        """A record as old brokers give it."""

        topic = staticmethod(lambda: "t")
        partition = staticmethod(lambda: 0)
        offset = staticmethod(lambda: 5)
        key = staticmethod(lambda: None)
        value = staticmethod(lambda: b"{}")
        timestamp = staticmethod(lambda: (0, -1))

    assert _message(Record(), 77).time_us == 77
