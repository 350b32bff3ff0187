"""Rows of brokers: readings a second from MQTT at QoS 1 and from Kafka, one reading a message, durable, rules and pages' state included.

What is published waits at the broker before the clock starts, so that the publisher takes no processor from what is measured. The clock
runs from the moment at which the connection is switched on until every reading is committed.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.context import Context
from benchmarks.load import needed
from benchmarks.plant import Plant, free_port
from benchmarks.report import Goal, Row
from dashapp.actions.actor import Actor
from dashapp.actions.connections import BrokerConnection, create_connection, remove_connection, switch_connection
from dashapp.domain.fleet import Role
from dashapp.settings import Settings
from tests.brokers import KafkaCluster, Mosquitto

DEVICES, SENSORS = 100, 5
WAIT_S = 120
MOST_UNDER_WAY = 20_000  # published at once: a client has 65,535 numbers for messages


def payloads(count: int) -> Iterator[bytes]:
    """One reading each, of every sensor in turn, at times of now that are all different."""
    began = time.time()
    for number in range(count):
        turn, sensor = divmod(number, DEVICES * SENSORS)
        moment = began - 3600 + turn / 10
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{int(moment * 1000) % 1000:03}Z"
        names = {"device_id": f"d{sensor // SENSORS}", "sensor_type": f"s{sensor % SENSORS}"}
        yield json.dumps({**names, "value": 50 + sensor % 7, "timestamp": stamp}).encode()


def mqtt(context: Context) -> list[Row]:
    """Readings a second from Mosquitto, one a message at QoS 1, each acknowledged after its commit."""
    needed("mosquitto", "mosquitto")
    count = 20_000 if context.quick else 100_000
    plant = context.loaded().plant
    with tempfile.TemporaryDirectory(prefix="andon-bench-mqtt-") as folder, Mosquitto(Path(folder), free_port(), durable=False) as broker:
        wanted = BrokerConnection("Bench", "mqtt", host="127.0.0.1", port=broker.port, topics=("iot/data",))
        with _connection(plant, wanted) as switch:
            switch(True)
            _publish(broker.port, [next(payloads(1))])
            _until(plant, lambda: bool(_states(plant) == ["connected"]))
            switch(False)
            _until(plant, lambda: _leases(plant) == 0)
            _publish(broker.port, list(payloads(count)))
            rate, cores = _drained(plant, count, lambda: switch(True))
    bound = f"Python: {1e6 * cores / rate:.0f} µs a message, most of them paho's; the server takes {cores:.2f} of a core"
    what = "readings/s by MQTT at QoS 1, one a message, acknowledged after the commit"
    return [Row("mqtt", what, rate, "/s", Goal(5_000, at_least=True), bound)]


def kafka(context: Context) -> list[Row]:
    """Readings a second from a Kafka topic, one a record, offsets committed after the database."""
    from confluent_kafka import Producer

    count = 60_000 if context.quick else 400_000
    plant = context.loaded().plant
    with KafkaCluster("sensors-data:12") as cluster:
        most = {"queue.buffering.max.messages": 1_000_000}
        producer = Producer({"bootstrap.servers": cluster.servers, "acks": "all", "linger.ms": 20, **most})
        for number, payload in enumerate(payloads(count)):
            producer.produce("sensors-data", payload, partition=number % 12)
        if producer.flush(120):
            raise RuntimeError("the cluster did not take all records")
        wanted = BrokerConnection("Bench", "kafka", servers=cluster.servers, topics=("sensors-data",), session_s=6)
        with _connection(plant, wanted) as switch:
            rate, cores = _drained(plant, count, lambda: switch(True))
    bound = f"PostgreSQL's writer and Python by turns; the server takes {cores:.2f} of a core, librdkafka's fetching included"
    what = "readings/s by Kafka, one a record, offsets committed after the commit"
    return [Row("kafka", what, rate, "/s", Goal(30_000, at_least=True), bound)]


@contextmanager
def _connection(plant: Plant, wanted: BrokerConnection) -> Iterator[Callable[[bool], None]]:
    """A connection of the plant that is off; what switches it."""
    who, settings = Actor("user", 1, plant.tenant_id, Role.ADMIN), Settings(data_dir=plant.data_dir)
    number = create_connection(plant.database, settings, who, wanted)
    try:
        yield lambda on: switch_connection(plant.database, who, number, enabled=on)
    finally:
        remove_connection(plant.database, who, number)


def _drained(plant: Plant, count: int, begin: Callable[[], None]) -> tuple[float, float]:
    """(readings a second from the first to the last, cores that the server took), once all of them are stored."""
    before = plant.readings_stored()
    begin()
    _until(plant, lambda: plant.readings_stored() > before)
    first, began, cpu_s = plant.readings_stored() - before, time.perf_counter(), plant.server_cpu_s()
    _until(plant, lambda: plant.readings_stored() - before >= count)
    took = time.perf_counter() - began
    return (count - first) / took, (plant.server_cpu_s() - cpu_s) / took


def _until(plant: Plant, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {WAIT_S} s: {plant.log()[-800:]}")
        time.sleep(0.02)


def _states(plant: Plant) -> list[str]:
    with plant.superuser() as connection:
        return [str(row[0]) for row in connection.execute("select state from connection_clients")]


def _leases(plant: Plant) -> int:
    with plant.superuser() as connection:
        return len(connection.execute("select 1 from leases where name like 'connection:%'").fetchall())


def _publish(port: int, messages: list[bytes]) -> None:
    """By paho at QoS 1, until the broker has them all."""
    client = Client(CallbackAPIVersion.VERSION2, "bench")
    client.max_inflight_messages_set(2_000)
    client.connect("127.0.0.1", port)
    client.loop_start()
    deadline = time.monotonic() + WAIT_S
    for begin in range(0, len(messages), MOST_UNDER_WAY):
        waiting = [client.publish("iot/data", message, qos=1) for message in messages[begin : begin + MOST_UNDER_WAY]]
        while not all(each.is_published() for each in waiting):
            if time.monotonic() > deadline:
                raise RuntimeError("the broker did not take all messages")
            time.sleep(0.05)
    client.disconnect()
    client.loop_stop()
