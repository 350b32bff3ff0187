"""Brokers that are away for a minute, Mosquitto and all of a Kafka cluster at once, while a press goes on: nothing is lost or doubled."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from dashapp.actions.connections import BrokerConnection
from dashapp.ingest.services import Services
from db.engine import Database
from tests.brokers import KafkaCluster, Mosquitto
from tests.integration.brokered import connected, keeping, message, shown, state_of, stored
from tests.integration.plant import Press, make_pipeline, new_press, running
from tests.serving import free_port, wait_until

pytestmark = pytest.mark.kill
AWAY_S = 60
BACK_S = 60  # a client that was refused for long asks every half minute
BEFORE, MEANWHILE, AFTER = range(200), range(200, 400), range(400, 500)


@pytest.fixture
def services(database: Database) -> Iterator[Services]:
    with running(make_pipeline(database)) as started, keeping(started):
        yield started


@pytest.mark.requirement("IN-3", "IN-4", "IN-8")
def test_brokers_that_are_away_for_a_minute_lose_nothing(services: Services, database: Database, tmp_path: Path) -> None:
    by_mqtt, by_kafka, port = new_press(database), new_press(database), free_port()
    with (
        Mosquitto(tmp_path, port) as broker,
        KafkaCluster("sensors-data:3") as cluster,
        connected(services, by_mqtt, BrokerConnection("Gateway", "mqtt", host="127.0.0.1", port=port, topics=("iot/data",))) as first,
        connected(
            services, by_kafka, BrokerConnection("Line", "kafka", servers=cluster.servers, topics=("sensors-data",), session_s=2)
        ) as second,
    ):
        client = Client(CallbackAPIVersion.VERSION2, "a press")
        client.reconnect_delay_set(1, 1)
        client.connect("127.0.0.1", port)
        client.loop_start()
        producer = Producer({"bootstrap.servers": cluster.servers, "acks": "all", "enable.idempotence": True})

        def send(seconds: range) -> None:
            for second_of in seconds:
                client.publish("iot/data", message(second_of), qos=1)
                producer.produce("sensors-data", message(second_of))

        send(BEFORE)
        producer.flush(20)
        stored(by_mqtt, len(BEFORE))
        broker.stop()
        cluster.down()
        send(MEANWHILE)
        said = {first: by_mqtt, second: by_kafka}
        for number, press in said.items():
            wait_until(lambda press=press, number=number: state_of(press, number) != "connected", message="it does not say that it is away")
        time.sleep(AWAY_S)
        for number, press in said.items():
            assert shown(press, number)["running"][0]["last_error"]
        broker.start()
        cluster.up()
        send(AFTER)
        assert producer.flush(BACK_S) == 0
        for number, press in said.items():
            wait_until(lambda press=press, number=number: state_of(press, number) == "connected", BACK_S, "it does not come back")
            assert_each_once(press)
        client.disconnect()
        client.loop_stop()


def assert_each_once(press: Press) -> None:
    """As many as were sent, each with a time of its own."""
    assert len(stored(press, AFTER.stop)) == AFTER.stop
    assert len(press.readings()) == AFTER.stop
