"""The clients of docs/clients, run as a stranger runs them: what they send is stored, what they read is what happened."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashapp.actions.connections import BrokerConnection
from dashapp.ingest.services import Services
from db.engine import Database
from db.queries.connections import SENDER
from tests.brokers import KafkaCluster, Mosquitto
from tests.integration.brokered import connected, keeping, plant_key, state_of, stored
from tests.integration.plant import Press, make_pipeline, running
from tests.integration.test_kafka import raise_alert
from tests.serving import ROOT, free_port, wait_until

CLIENTS = ROOT / "docs" / "clients"


@pytest.fixture(scope="module")
def services(database: Database) -> Iterator[Services]:
    with running(make_pipeline(database)) as started, keeping(started):
        yield started


def run(program: str, *arguments: str, **environment: str) -> str:
    """What the client says; it has to end well."""
    shell = "sh" if program.endswith(".sh") else sys.executable
    done = subprocess.run(
        [shell, str(CLIENTS / program), *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.requirement("IN-3")
def test_the_clients_by_mqtt(services: Services, press: Press, tmp_path: Path) -> None:
    with Mosquitto(tmp_path, free_port()) as broker:
        topics = ("iot/data", f"andon/{plant_key(press)}/+")
        wanted = BrokerConnection("Gateway", "mqtt", host="127.0.0.1", port=broker.port, topics=topics)
        with connected(services, press, wanted):
            run("publish.sh", "MX-01", "temperature", "71.2", PORT=str(broker.port))
            said = run("publish_mqtt.py", "--port", str(broker.port), "--count", "3", "--every", "0.01")
            assert "3 readings were taken" in said
            assert 71.2 in stored(press, 4)


@pytest.mark.requirement("IN-4")
def test_the_clients_by_kafka(services: Services, press: Press) -> None:
    with KafkaCluster("sensors-data", "alerts:1") as cluster:
        wanted = BrokerConnection("Line", "kafka", servers=cluster.servers, topics=("sensors-data",), sends=("alerts",), session_s=2)
        with connected(services, press, wanted) as number:
            run("produce.sh", "MX-01", "temperature", "71.2", BROKERS=cluster.servers)
            said = run("produce_kafka.py", "--brokers", cluster.servers, "--count", "3", "--every", "0.01")
            assert "3 readings were taken by the brokers, 0 were not" in said
            assert 71.2 in stored(press, 4)
            wait_until(lambda: state_of(press, number, SENDER) == "connected")
            event = raise_alert(press)
            assert run("alerts.sh", "-c", "1", BROKERS=cluster.servers).startswith(f"{event} {{")
            assert "raised         Too hot" in run("read_alerts.py", "--brokers", cluster.servers, "--count", "1")
