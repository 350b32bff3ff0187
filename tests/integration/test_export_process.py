"""Exports of a real server process: its memory stays flat, a reader who leaves ends the work, and the command line gives the same file."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from db.commands.partitions import ensure_partitions
from db.embedded import EmbeddedPostgres
from db.engine import open_database
from tests.serving import OWNER, ROOT, Server, running, wait_until

pytestmark = [pytest.mark.requirement("EX-1"), pytest.mark.embedded]
START_US = 1_767_225_600_000_000  # 2026-01-01
COUNT = 600_000
RANGE = {"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """With a press of 600,000 readings, four a second."""
    with running(tmp_path_factory.mktemp("export"), ANDON_DEMO="0") as started:
        database = open_database(EmbeddedPostgres(started.folder).url("app"), EmbeddedPostgres(started.folder).url("postgres"))
        ensure_partitions(database, (START_US, START_US + 3 * 86_400_000_000))
        with database.owner.begin() as connection:
            connection.execute(text("set local synchronous_commit = off"))
            connection.execute(
                text(
                    "with plant as (select id from tenants where key = 'plant'),"
                    " device as (insert into devices (tenant_id, key, name) select id, 'MX-01', 'Press' from plant"
                    " returning tenant_id, id),"
                    " sensor as (insert into sensors (tenant_id, device_id, key, name, unit) select tenant_id, id, 'temperature', 'T', '°C'"
                    " from device returning tenant_id, id)"
                    " insert into readings (tenant_id, sensor_id, time, value)"
                    " select tenant_id, id, timestamptz '2026-01-01 00:00+00' + i * interval '250 ms', i / 8.0"
                    " from sensor, generate_series(0, :last) i"
                ),
                {"last": COUNT - 1},
            )
        database.dispose()
        yield started


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    asked = httpx.post(f"{server.url}/api/v1/auth/login", data={"username": OWNER[0], "password": OWNER[1]}, timeout=30)
    headers = {"Authorization": f"Bearer {asked.json()['access_token']}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as made:
        yield made


def memory_mb(server: Server) -> float:
    assert server.process is not None
    # The server may run below a helper that ends it with the tests.
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000


def test_the_process_does_not_grow_with_what_it_sends(server, client):
    address = "/api/v1/readings/export"
    client.get(address, params={**RANGE, "to": "2026-01-01T06:00:00Z"})  # what is loaded once is not growth
    before, most, lines, size = memory_mb(server), 0.0, -1, 0
    with client.stream("GET", address, params=RANGE) as answer:
        for piece in answer.iter_raw():
            lines += piece.count(b"\n")
            size += len(piece)
            most = max(most, memory_mb(server))
    assert lines == COUNT
    assert size > 30_000_000
    assert most - before < 30, f"from {before:.0f} to {most:.0f} MB while {size / 1e6:.0f} MB were sent"


def test_a_reader_who_leaves_frees_the_place(client):
    for _ in range(5):  # more than one person may have at a time
        with client.stream("GET", "/api/v1/readings/export", params=RANGE) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw())

        def free() -> bool:
            with client.stream("GET", "/api/v1/readings/export", params={**RANGE, "to": "2026-01-01T00:00:01Z"}) as asked:
                return asked.status_code == 200 and len(asked.read()) > 0

        wait_until(free, message="the place of a reader who left was not given back")


def test_the_command_line_writes_the_same_file_beside_a_running_server(server, client, tmp_path):
    out = tmp_path / "day.csv"
    ended = subprocess.run(
        [sys.executable, "app.py", "export", "--device", "MX-01", "--from", "2026-01-01", "--to", "2026-01-01T02:00", "--out", str(out)],
        cwd=ROOT, env={"ANDON_DATA_DIR": str(server.folder), "PATH": "/usr/bin:/bin", "PYTHONWARNINGS": "ignore", "HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    asked = client.get("/api/v1/readings/export", params={**RANGE, "to": "2026-01-01T02:00:00Z", "device": "MX-01"})
    assert out.read_bytes() == asked.content
    assert asked.text.count("\n") == 28_801
    assert "Readings of 1 sensor" in ended.stderr
    assert not list(tmp_path.glob("*.part"))
