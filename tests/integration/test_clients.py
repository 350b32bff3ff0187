"""The programs of docs/clients, run as they are, against a served plant."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from dashapp.actions.connections import BrokerConnection
from dashapp.domain.fleet import Role
from db.engine import Database
from db.tenancy import tenant_reading
from tests.brokers import Mosquitto
from tests.integration.access import PASSWORD, forget_attempts, new_user
from tests.integration.brokered import connected, keeping
from tests.integration.sockets import Plant, Replica
from tests.serving import WITH_US, free_port, wait_until

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "docs" / "clients"
PACKAGES = ROOT / "tests" / "clients" / "node_modules"
PATIENCE_S = 40


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder with the JavaScript clients, and beside them what they need of npm."""
    assert shutil.which("node"), "the clients need Node: run “make clients”"
    assert (PACKAGES / "ws").exists(), "the clients need packages of npm: run “make clients”"
    for file in CLIENTS.glob("*.mjs"):
        shutil.copy(file, tmp_path)
    (tmp_path / "node_modules").symlink_to(PACKAGES)
    return tmp_path


class Program:
    """A client under way: its lines."""

    def __init__(self, command: list[str], **environment: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [*WITH_US, *command], env={**os.environ, "PYTHONWARNINGS": "ignore", **environment}, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def said(self, *words: str) -> str:
        """The first line that has all of these words, once there is one."""
        found = wait_until(
            lambda: next((line for line in self.lines if all(word in line for word in words)), None), PATIENCE_S,
            f"it never said {words}",
        )  # fmt: skip
        return str(found)

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reading.join(30)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout:
            for line in self._process.stdout:
                self.lines.append(line.rstrip())


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[Program]:
    program = Program(command, **environment)
    try:
        yield program
    except AssertionError as error:
        raise AssertionError(f"{error}\n" + "\n".join(program.lines[-30:])) from error
    finally:
        program.stop()


def node(modules: Path, name: str, *arguments: str) -> list[str]:
    return ["node", "--no-warnings", str(modules / name), *arguments]


@pytest.mark.requirement("AP-3")
@pytest.mark.parametrize("kind", ["python", "node"])
def test_the_follower_tells_of_readings_and_alerts_and_of_what_it_missed(
    replica: Replica, plant: Plant, modules: Path, kind: str
) -> None:
    command = [sys.executable, str(CLIENTS / "follow.py"), "MX-01"] if kind == "python" else node(modules, "follow.mjs", "MX-01")
    with running(command, PLANT_URL=replica.url, PLANT_TOKEN=plant.token()) as program:
        program.said('"alerts":', "subscribed")
        replica.temperature(plant, 71.25)
        program.said("71.25")
        replica.cut_off()  # the network is gone for a moment
        program.said("again")
        replica.temperature(plant, 95.75)
        triggered = program.said("alert-triggered", "95.75")
        replica.temperature(plant, 72.5)
        program.said("sensor-data", "72.5")
    events = [json.loads(line) for line in program.lines if line.startswith("{")]
    told = [each["data"]["data"]["value"] for each in events if each["event"] == "sensor-data" and each["id"] is not None]
    assert told == [71.25, 95.75, 72.5]
    assert json.loads(triggered)["data"]["deviceId"] == "MX-01"


@pytest.mark.requirement("AP-2")
@pytest.mark.parametrize("kind", ["python", "node"])
def test_the_graphql_client_asks_and_subscribes(replica: Replica, plant: Plant, modules: Path, kind: str) -> None:
    command = [sys.executable, str(CLIENTS / "graphql_client.py")] if kind == "python" else node(modules, "graphql.mjs")
    with running(command, PLANT_URL=replica.url, PLANT_TOKEN=plant.token()) as program:
        assert json.loads(program.said("machines"))["machines"][0]["machineId"] == "MX-01"
        program.said("liveMachineData")
        replica.temperature(plant, 73.5)
        assert json.loads(program.said("73.5"))["liveMachineData"][0]["temperature"] == 73.5


@pytest.mark.requirement("AP-2")
def test_a_client_signs_in_with_e_mail_address_and_password(replica: Replica, plant: Plant, database: Database) -> None:
    forget_attempts(database)
    person = new_user(database, plant.tenant_id)
    with running(
        [sys.executable, str(CLIENTS / "graphql_client.py")], PLANT_URL=replica.url, PLANT_EMAIL=person.email, PLANT_PASSWORD=PASSWORD
    ) as program:
        program.said("machines")


def node_red(tmp_path: Path, flow: list[dict[str, Any]]) -> list[str]:
    """Node-RED with this flow, without its editor."""
    red = PACKAGES / "node-red" / "red.js"
    assert red.exists(), "the flow needs Node-RED: run “make clients”"
    (tmp_path / "settings.js").write_text('module.exports = {uiHost: "127.0.0.1", httpAdminRoot: false, httpNodeRoot: false};')
    (tmp_path / "flow.json").write_text(json.dumps(flow))
    settings = str(tmp_path / "settings.js")
    return ["node", str(red), "--userDir", str(tmp_path), "--settings", settings, "-p", str(free_port()), "flow.json"]


@pytest.mark.requirement("IN-1", "AP-1")
def test_node_red_runs_the_flow_and_the_readings_are_stored(replica: Replica, plant: Plant, tmp_path: Path) -> None:
    began = datetime.now(UTC)
    command = node_red(tmp_path, json.loads((CLIENTS / "node-red.json").read_text()))
    with running(command, PLANT_URL=replica.url, PLANT_KEY=plant.key) as program:
        program.said("Started flows")
        program.said("stored: 1")
        (row, _) = status(replica, plant)
        assert 60 < row["temperature"] < 80
        assert datetime.fromisoformat(row["last_updated"].replace("Z", "+00:00")) > began
        first = row["last_updated"]
        wait_until(lambda: status(replica, plant)[0]["last_updated"] > first, PATIENCE_S)
        assert not [line for line in program.lines if "refused" in line or "[error]" in line]


@pytest.mark.requirement("IN-3")
def test_node_red_sends_by_mqtt_once_its_tab_is_enabled(replica: Replica, plant: Plant, tmp_path: Path) -> None:
    flow = json.loads((CLIENTS / "node-red.json").read_text())
    for each in flow:
        if each["type"] == "tab":
            each["disabled"] = each["id"] != "andon-mqtt"
    with tenant_reading(plant.database.engine, plant.tenant_id) as connection:
        key = connection.execute(text("select key from tenants")).scalar_one()
    (tmp_path / "broker").mkdir()
    with Mosquitto(tmp_path / "broker", free_port()) as broker, keeping(replica.services):
        wanted = BrokerConnection("Gateway", "mqtt", host="127.0.0.1", port=broker.port, topics=(f"andon/{key}/+",))
        environment = {"PLANT_BROKER": "127.0.0.1", "PLANT_BROKER_PORT": str(broker.port), "PLANT_TENANT": key}
        with connected(replica.services, plant, wanted), running(node_red(tmp_path, flow), **environment) as program:
            program.said("Started flows")
            wait_until(lambda: status(replica, plant)[0]["temperature"], PATIENCE_S)
            assert 60 < status(replica, plant)[0]["temperature"] < 80


def status(replica: Replica, plant: Plant) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {plant.token(Role.VIEWER)}"}
    answer = httpx.get(f"{replica.url}/api/v1/machines/status", headers=headers, timeout=PATIENCE_S)
    rows: list[dict[str, Any]] = answer.raise_for_status().json()
    return sorted(rows, key=lambda row: row["machine_id"])


def test_every_client_is_named_where_people_look_for_it() -> None:
    pages = list(CLIENTS.glob("*.md"))
    said = "\n".join(page.read_text() for page in pages)
    files = [file.name for file in sorted(CLIENTS.iterdir()) if file.is_file() and file not in pages]
    assert [name for name in files if f"]({name})" not in said] == []
