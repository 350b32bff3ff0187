"""Kill −9 of the server thirty times while ten thousand readings come from a broker: none that the broker took is lost, none is twice."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Producer
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from dashapp.actions.actor import Actor
from dashapp.actions.connections import BrokerConnection, create_connection
from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from db.engine import connect_raw, open_database, psycopg_url
from tests.brokers import KafkaCluster, Mosquitto
from tests.integration.test_kill import START_S, Plant, assert_durable, plant  # noqa: F401 (a fixture)
from tests.serving import free_port

pytestmark = pytest.mark.kill

READINGS = 10_000
KILLS = 30
AFTER = 5  # of each part come when the server is gone
Send = Callable[[list[int], threading.Event], None]  # a part, and when the server is gone


def reading(second: int) -> bytes:
    """A message of one reading with its own time."""
    return json.dumps(
        {"device_id": "MX-01", "sensor_type": "production_count", "value": 1, "timestamp": START_S + second}
    ).encode()


def connect(plant: Plant, wanted: BrokerConnection) -> None:  # noqa: F811
    """A connection of the plant, on."""
    database = open_database(plant.postgres.url("app"), plant.postgres.url("owner"))
    create_connection(database, Settings(data_dir=plant.folder), Actor("user", 1, plant.tenant_id, Role.ADMIN), wanted)
    database.dispose()


@contextmanager
def counter(plant: Plant) -> Iterator[Callable[[], int]]:  # noqa: F811
    """Counts the readings that are stored, without the server."""
    with connect_raw(psycopg_url(plant.postgres.url("postgres"))) as connection:
        yield lambda: int(connection.execute("select coalesce(sum(readings), 0)::bigint from sensor_state").fetchone()[0])  # type: ignore[index]


def survive(plant: Plant, send: Send) -> None:  # noqa: F811
    """Sends everything in thirty parts and kills the server at a random moment of each, while it comes in; then lets it finish."""
    chance = random.Random(30)
    parts = [list(range(READINGS))[number::KILLS] for number in range(KILLS)]
    sent = 0
    with counter(plant) as stored:
        for part in parts:
            plant.start()
            before, target, killed = stored(), sent + chance.randrange(1, len(part) - AFTER), threading.Event()
            sender = threading.Thread(target=send, args=[part, killed])
            sender.start()
            sent += len(part)
            deadline = time.monotonic() + 60
            while stored() < target:
                assert time.monotonic() < deadline, f"{stored()} of {sent} are stored, {before} at the start: {log_of(plant)}"
                time.sleep(0.001)
            plant.kill()
            killed.set()
            sender.join()
            assert stored() < sent
        assert_durable(plant)
        plant.start()
        deadline = time.monotonic() + 60
        while stored() < READINGS:
            assert time.monotonic() < deadline, f"{stored()} of {READINGS} are stored: {log_of(plant)}"
            time.sleep(0.01)
    assert plant.stop() == 0
    plant.postgres.start()
    assert plant.stored() == list(range(READINGS))


def log_of(plant: Plant) -> str:  # noqa: F811
    """The end of what the server said."""
    return (plant.folder / "server.log").read_text()[-2000:]


@pytest.mark.requirement("IN-3", "IN-8", "OP-4")
def test_thirty_kills_on_the_mqtt_path_lose_and_double_nothing(plant: Plant, tmp_path: Path) -> None:  # noqa: F811
    with Mosquitto(tmp_path / "mosquitto", free_port()) as broker:
        connect(plant, BrokerConnection("Gateway", "mqtt", host="127.0.0.1", port=broker.port, topics=("iot/data",), enabled=True))
        plant.start()  # once, so that the broker knows the session: what is published before it goes nowhere
        client = Client(CallbackAPIVersion.VERSION2, "a press")
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        with counter(plant) as stored:
            deadline = time.monotonic() + 30
            while stored() == 0:
                assert time.monotonic() < deadline, log_of(plant)
                client.publish("iot/data", reading(0), qos=1).wait_for_publish(5)
                time.sleep(0.05)
        plant.kill()

        def send(seconds: list[int], killed: threading.Event) -> None:
            waiting = [client.publish("iot/data", reading(second), qos=1) for second in seconds[:-AFTER]]
            killed.wait()
            waiting += [client.publish("iot/data", reading(second), qos=1) for second in seconds[-AFTER:]]
            for each in waiting:
                each.wait_for_publish(30)
                assert each.is_published()

        survive(plant, send)
        client.disconnect()
        client.loop_stop()


@pytest.mark.requirement("IN-4", "IN-8", "OP-4")
def test_thirty_kills_on_the_kafka_path_lose_and_double_nothing(plant: Plant) -> None:  # noqa: F811
    with KafkaCluster("sensors-data:6") as cluster:
        wanted = BrokerConnection("Line", "kafka", servers=cluster.servers, topics=("sensors-data",), session_s=1, enabled=True)
        connect(plant, wanted)
        producer = Producer({"bootstrap.servers": cluster.servers, "acks": "all", "linger.ms": 1})
        refused: list[object] = []

        def produce(seconds: list[int]) -> None:
            for second in seconds:
                producer.produce("sensors-data", reading(second), on_delivery=lambda error, _record: error and refused.append(error))
            assert producer.flush(30) == 0

        def send(seconds: list[int], killed: threading.Event) -> None:
            for low in range(0, len(seconds) - AFTER, 5):  # a few at a time: all of a part would be one batch, stored or not
                produce(seconds[low : min(low + 5, len(seconds) - AFTER)])
            killed.wait()
            produce(seconds[-AFTER:])

        survive(plant, send)
        assert not refused
