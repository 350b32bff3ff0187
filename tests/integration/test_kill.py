"""Kill −9 of the server, and of PostgreSQL, in the middle of ten thousand posts: what was answered is there, once."""

import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from dashapp.actions.plant import ensure_plant
from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec
from dashapp.settings import Settings
from db.columns import to_us
from db.commands.devices import insert_device
from db.embedded import EmbeddedPostgres
from db.engine import connect_raw, migrate, open_database, psycopg_url
from db.tenancy import tenant_reading, tenant_transaction
from tests.serving import free_port

pytestmark = pytest.mark.kill

ROOT = Path(__file__).parents[2]
KEY = "a-key-for-this-test-alone"
CONNECTIONS = 16
POSTS_A_ROUND = 500
START_S = 1_600_000_000
READY_WITHIN_S = 60


@dataclass
class Plant:
    """A cluster with a machine that counts, and a server process in front of it, which may be killed."""

    folder: Path
    port: int
    postgres: EmbeddedPostgres  # started by the test, adopted by the server
    tenant_id: int = 0
    server: "subprocess.Popen[bytes] | None" = None
    answered: set[int] = field(default_factory=set)  # seconds after START_S whose reading was answered 201

    def start(self) -> None:
        """Starts the server and waits until it listens."""
        environment = os.environ | {
            "ANDON_DEMO": "0", "ANDON_HOST": "127.0.0.1", "ANDON_PORT": str(self.port), "ANDON_INGEST_KEY": KEY,
            "ANDON_DATA_DIR": str(self.folder), "ANDON_LOG_LEVEL": "error",
        }  # fmt: skip
        with (self.folder / "server.log").open("ab") as log:
            self.server = subprocess.Popen([sys.executable, "app.py", "serve"], cwd=ROOT, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.server.poll() is None, (self.folder / "server.log").read_text()[-2000:]
                time.sleep(0.02)
        raise AssertionError("the server does not listen")

    def kill(self) -> None:
        """Kill −9: no clean-up of any sort."""
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def stop(self) -> int:
        """Ctrl-C; the exit code."""
        assert self.server is not None
        self.server.send_signal(signal.SIGINT)
        return self.server.wait(60)

    def post(self, seconds: list[int], *, strike_after: int, strike: Callable[[], object]) -> None:
        """Posts one reading for each second over 16 connections; strikes once that many were answered. Stops where it is cut off."""
        work, counted, lock = iter(seconds), itertools.count(1), threading.Lock()

        def client() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                while True:
                    with lock:
                        second = next(work, None)
                    if second is None:
                        return
                    if self._post(connection, second) and next(counted) == strike_after:
                        strike()
            except (OSError, http.client.HTTPException):
                return  # the server is gone: what was not answered is sent again in the next round
            finally:
                connection.close()

        clients = [threading.Thread(target=client) for _ in range(CONNECTIONS)]
        for one in clients:
            one.start()
        for one in clients:
            one.join()

    def _post(self, connection: http.client.HTTPConnection, second: int) -> bool:
        body = json.dumps({"device_id": "MX-01", "sensor_type": "production_count", "value": 1, "timestamp": START_S + second})
        connection.request("POST", "/api/v1/readings", body, {"X-API-Key": KEY})
        response = connection.getresponse()
        content = response.read()
        assert response.status in (201, 503), content
        if response.status == 201:
            self.answered.add(second)
        return response.status == 201

    def stored(self) -> list[int]:
        """Seconds after START_S of every reading that is stored, in order."""
        database = open_database(self.postgres.url("app"), self.postgres.url("owner"))
        with tenant_reading(database.engine, self.tenant_id) as connection:
            times = connection.execute(text("select time from readings order by time")).scalars().all()
            state = connection.execute(text("select total, readings from sensor_state")).one()
        database.dispose()
        assert tuple(state) == (len(times), len(times)), "the running total moves by what was stored, no more and no less"
        return [to_us(moment) // 1_000_000 - START_S for moment in times]


@pytest.fixture
def plant() -> Iterator[Plant]:
    """Made and migrated beforehand, so that a start is quick."""
    folder = Path(tempfile.mkdtemp(prefix="andon-kill-"))
    plant = Plant(folder, free_port(), EmbeddedPostgres(folder))
    plant.postgres.start()
    database = open_database(plant.postgres.url("app"), plant.postgres.url("owner"))
    migrate(database)
    plant.tenant_id = ensure_plant(database, Settings())
    with tenant_transaction(database.engine, plant.tenant_id) as connection:
        sensor = SensorSpec("production_count", "Produced", "", SensorKind.INCREMENT)
        insert_device(connection, plant.tenant_id, DeviceSpec("MX-01", "Press", "", "", (sensor,)))
    database.dispose()
    yield plant
    if plant.server is not None and plant.server.poll() is None:
        plant.kill()
    plant.postgres.stop()
    shutil.rmtree(plant.folder, ignore_errors=True)


@pytest.mark.requirement("OP-4", "IN-1", "IN-8")
def test_kill_9_of_the_server_twenty_times_loses_and_doubles_nothing(plant: Plant) -> None:
    chance = random.Random(20)
    left = list(range(20 * POSTS_A_ROUND))
    for number in range(20):
        plant.start()
        sending = left[: POSTS_A_ROUND + (number + 1) * POSTS_A_ROUND - len(plant.answered)]
        plant.post(sending, strike_after=chance.randrange(1, POSTS_A_ROUND), strike=plant.kill)
        if plant.server is not None and plant.server.poll() is None:
            plant.kill()
        left = [second for second in left if second not in plant.answered]
    assert_durable(plant)
    stored = plant.stored()
    assert len(stored) == len(set(stored))
    assert plant.answered <= set(stored)
    assert len(stored) < 20 * POSTS_A_ROUND, "it was killed in the middle"

    plant.start()
    plant.post(left, strike_after=0, strike=plant.kill)

    assert plant.stop() == 0
    plant.postgres.start()
    assert plant.stored() == list(range(20 * POSTS_A_ROUND))
    assert plant.answered == set(range(20 * POSTS_A_ROUND))


@pytest.mark.requirement("OP-4", "DB-1", "IN-8")
def test_kill_9_of_postgresql_ten_times_loses_and_doubles_nothing(plant: Plant) -> None:
    chance = random.Random(10)
    plant.start()
    for number in range(10):
        first = number * POSTS_A_ROUND
        before = plant.postgres.pid()
        seconds = list(range(first, first + POSTS_A_ROUND))
        plant.post(seconds, strike_after=chance.randrange(1, POSTS_A_ROUND - 50), strike=plant.postgres.kill)
        assert plant.postgres.pid() not in (None, before), "it was killed, and healed"
    assert_durable(plant)
    again = [second for second in range(10 * POSTS_A_ROUND) if second not in plant.answered]
    plant.post(again, strike_after=0, strike=plant.kill)

    assert plant.stop() == 0
    plant.postgres.start()
    assert plant.stored() == list(range(10 * POSTS_A_ROUND))


@pytest.mark.requirement("OP-4", "IN-1")
def test_a_stop_in_the_middle_of_posts_commits_what_was_accepted(plant: Plant) -> None:
    plant.start()
    assert plant.server is not None

    plant.post(list(range(4 * POSTS_A_ROUND)), strike_after=POSTS_A_ROUND // 2, strike=plant.server.terminate)

    assert plant.server.wait(60) == 0
    plant.postgres.start()
    assert set(plant.stored()) == plant.answered
    assert POSTS_A_ROUND // 2 <= len(plant.answered) < 4 * POSTS_A_ROUND


def assert_durable(plant: Plant) -> None:
    """PostgreSQL writes a commit to the disk before it answers."""
    with connect_raw(psycopg_url(plant.postgres.url("app"))) as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            assert connection.execute(f"show {name}").fetchone() == ("on",)
