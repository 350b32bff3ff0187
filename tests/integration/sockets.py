"""A served replica in this process, and plain clients of its WebSockets."""

import json
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from dashapp.actions.devices import create_device
from dashapp.actions.keys import create_key
from dashapp.api.tokens import issue_token
from dashapp.domain.fleet import DeviceSpec, Role, SensorKind, SensorSpec, Severity
from dashapp.ingest.services import Services, make_services
from dashapp.server import create_app
from dashapp.serving import server_config
from dashapp.settings import Settings
from dashapp.socket_protocol import SocketProtocol
from db.commands.partitions import PartitionKeeper
from db.engine import Database
from db.queries.people import Person
from tests.integration.access import administrator, new_tenant, new_user
from tests.integration.web import clean_dash
from tests.serving import wait_until

PATIENCE_S = 30.0
SENSORS = (
    SensorSpec("temperature", "Temperature", "°C", normal_low=60, normal_high=80, limit_high=90, severity=Severity.CRITICAL),
    SensorSpec("vibration", "Vibration", "mm/s"),
    SensorSpec("production_count", "Produced", "units", SensorKind.INCREMENT),
    SensorSpec("fault", "Fault", "", SensorKind.FLAG, severity=Severity.CRITICAL),
)


@dataclass
class Plant:
    """A tenant with machines MX-01 on line A and MX-02 on line B, a key of its gateway, and its people."""

    database: Database
    tenant_id: int
    key: str
    people: dict[str, Person] = field(default_factory=dict)

    def token(self, role: Role = Role.VIEWER, lines: list[str] | None = None) -> str:
        """A bearer token of somebody with this role, who is made where there is none yet."""
        return issue_token(self.database, self.person(role, lines))

    def person(self, role: Role = Role.VIEWER, lines: list[str] | None = None) -> Person:
        """Somebody with this role on these lines."""
        name = f"{role} {lines}"
        if name not in self.people:
            self.people[name] = new_user(self.database, self.tenant_id, role, lines=lines, password=None)
        return self.people[name]


def new_plant(database: Database, *, tenant_id: int | None = None) -> Plant:
    """In a tenant of its own."""
    tenant = new_tenant(database) if tenant_id is None else tenant_id
    who = administrator(tenant)
    for key, line in (("MX-01", "A"), ("MX-02", "B")):
        create_device(database, who, DeviceSpec(key, f"Press {key}", f"Hall {line}", line, SENSORS, is_machine=True))
    return Plant(database, tenant, create_key(database, who, "gateway", ["ingest"], None)[1])


@dataclass
class Replica:
    """A server on a port of its own."""

    services: Services
    url: str
    server: uvicorn.Server

    def post(self, plant: Plant, **reading: Any) -> None:
        """One reading (or a wide one) through the HTTP door."""
        answer = httpx.post(f"{self.url}/api/v1/readings", json=reading, headers={"X-API-Key": plant.key}, timeout=PATIENCE_S)
        assert answer.status_code == 201, answer.text

    def temperature(self, plant: Plant, value: float, *, machine: str = "MX-01", at: float | None = None) -> None:
        """A temperature of now."""
        stamp = datetime.fromtimestamp(time.time() if at is None else at, UTC).isoformat()
        self.post(plant, machine_id=machine, temperature=value, timestamp=stamp)

    def sockets(self) -> list[SocketProtocol]:
        """What is open."""
        return [each for each in list(self.server.server_state.connections) if isinstance(each, SocketProtocol)]

    def cut_off(self) -> None:
        """Ends every connection without a word, as a network does that fails."""
        for connection in self.sockets():
            connection.loop.call_soon_threadsafe(connection.abort)

    def follow(self, token: str | None = None, **more: Any) -> "Follower":
        """A client of `/ws`."""
        return Follower(self.url, token, **more)


@contextmanager
def served(database: Database, folder: Path, **settings: Any) -> Iterator[Replica]:
    """A replica, from its start to its stop."""
    with clean_dash():
        chosen = Settings(data_dir=folder, port=0, **settings)
        services = make_services(chosen, database, PartitionKeeper(database))
        server = uvicorn.Server(server_config(create_app(services), chosen))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Replica(services, f"http://127.0.0.1:{port}", server)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


class Follower:
    """A plain client: what it was told, in order."""

    def __init__(self, url: str, token: str | None = None, *, path: str = "/ws", **more: Any) -> None:
        headers = dict(more.pop("additional_headers", {}))
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.told: list[dict[str, Any]] = []
        self._open = ExitStack()
        wanted = {"additional_headers": headers, "open_timeout": PATIENCE_S, "compression": None, **more}
        connecting = connect(url.replace("http", "ws") + path, **wanted)
        self.socket: ClientConnection = self._open.enter_context(connecting)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def say(self, event: str, data: Any = None, **more: Any) -> None:
        """Sends a message."""
        self.socket.send(json.dumps({"event": event, **({} if data is None else {"data": data}), **more}))

    def hear(
        self, event: str, where: Callable[[dict[str, Any]], bool] = lambda _: True, *, timeout_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """The next event of that name that is as wished; what comes before it is kept in `told`."""
        deadline = time.monotonic() + timeout_s
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"no {event} came; there was {[each['event'] for each in self.told]}"
            try:
                message = json.loads(self.socket.recv(timeout=left))
            except TimeoutError:
                continue
            self.told.append(message)
            if message["event"] == event and where(message):
                return message

    def subscribe(self, event: str, data: Any = None) -> dict[str, Any]:
        """Sends it and waits for the confirmation."""
        self.say(event, data, id=event)
        return self.hear("connection-status", lambda message: message["data"].get("inReplyTo") == event)

    def quiet(self, seconds: float) -> list[dict[str, Any]]:
        """What comes within a time."""
        heard: list[dict[str, Any]] = []
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                heard.append(json.loads(self.socket.recv(timeout=left)))
            except TimeoutError:
                break
        self.told += heard
        return heard

    def end(self, timeout_s: float = PATIENCE_S) -> tuple[int, str]:
        """Code and reason with which the server closes."""
        with pytest.raises(ConnectionClosed) as closed:
            self._hear_out(timeout_s)
        assert closed.value.rcvd is not None, "the connection broke without a word"
        return closed.value.rcvd.code, closed.value.rcvd.reason

    def _hear_out(self, timeout_s: float) -> None:
        while True:
            self.told.append(json.loads(self.socket.recv(timeout=timeout_s)))


def readings_of(follower: Follower, had: Container[str] = ()) -> list[tuple[str, float]]:
    """Device and value of each reading that it was told of; what was `had` before a break may be told again, under the same id."""
    return [
        (each["data"]["deviceId"], each["data"]["data"]["value"])
        for each in follower.told
        if each["event"] == "sensor-data" and each["id"] is not None and each["id"] not in had
    ]
