"""A plant to measure: a data folder of its own, the embedded PostgreSQL, and the real server (`python app.py serve`) on it.

Everything is stopped by its process id and the folder is removed, also when a run is cut off.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import psycopg
from sqlalchemy import text

from dashapp.actions.plant import ensure_plant
from dashapp.domain.fleet import DeviceSpec
from dashapp.settings import Settings
from db.commands.devices import insert_device
from db.embedded import EmbeddedPostgres
from db.engine import Database, connect_raw, migrate, open_database, psycopg_url
from db.tenancy import tenant_transaction

ROOT = Path(__file__).parents[1]
SERVER: Sequence[str] = (sys.executable, "app.py", "serve")
KEY = "benchmark-ingest-key"
EMAIL, PASSWORD = "owner@example.org", "benchmark password 1"
DURABLE = ("fsync", "synchronous_commit", "full_page_writes")


class ServerTrouble(RuntimeError):
    """The server did not start; the message ends with its log."""


class Plant:
    """PostgreSQL from `__enter__` to `__exit__`, the server from `serve` on."""

    def __init__(self, *, demo: bool = False, settings: dict[str, str] | None = None) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="andon-bench-"))
        self.port = free_port()
        self.demo = demo
        self._settings = settings or {}
        self._postgres = EmbeddedPostgres(self.data_dir)
        self._server: subprocess.Popen[bytes] | None = None
        self._log = self.data_dir / "server.log"

    def __enter__(self) -> Self:
        """Starts PostgreSQL, migrates, makes the plant's own tenant."""
        try:
            self._postgres.start()
            self.database: Database = open_database(self._postgres.url("app"), self._postgres.url("owner"), pool_size=2)
            migrate(self.database)
            self.tenant_id = ensure_plant(self.database, Settings())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stops the server and PostgreSQL, removes the folder."""
        self.stop_server()
        if hasattr(self, "database"):
            self.database.dispose()
        self._postgres.stop()
        shutil.rmtree(self.data_dir, ignore_errors=True)

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def superuser_url(self) -> str:
        """SQLAlchemy URL of the role that bypasses row security."""
        return self._postgres.url("postgres")

    @contextmanager
    def superuser(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of that role, in autocommit."""
        with connect_raw(psycopg_url(self.superuser_url)) as connection:
            yield connection

    def add_devices(self, devices: Sequence[DeviceSpec]) -> list[int]:
        """Makes devices in the plant's own tenant; the ids of all of the tenant's sensors."""
        with tenant_transaction(self.database.engine, self.tenant_id) as connection:
            for device in devices:
                insert_device(connection, self.tenant_id, device)
            return list(connection.execute(text("select id from sensors order by id")).scalars())

    def serve(self, *, timeout_s: float = 120) -> float:
        """Starts the server and waits until it answers; seconds that this took. Raises ServerTrouble."""
        began = time.perf_counter()
        environment = {
            "ANDON_DATA_DIR": str(self.data_dir), "ANDON_PORT": str(self.port), "ANDON_DEMO": "1" if self.demo else "0",
            "ANDON_INGEST_KEY": KEY, "ANDON_OWNER_EMAIL": EMAIL, "ANDON_OWNER_PASSWORD": PASSWORD, "ANDON_LOG_LEVEL": "warning",
            "ANDON_RATE_STRANGERS": "0", "ANDON_RATE_PAGES": "0",  # one session, one address stand for many people
            **self._settings,
        }  # fmt: skip
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANDON_", "DATABASE_URL"))}
        with self._log.open("ab") as log:
            self._server = subprocess.Popen(
                list(SERVER), cwd=ROOT, env=inherited | environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        while time.perf_counter() - began < timeout_s:
            if self._server.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/api/v1/health", timeout=2).status_code < 500:
                    self._check_durable()
                    return time.perf_counter() - began
            except httpx.TransportError:
                time.sleep(0.05)
        raise ServerTrouble(f"the server did not start:\n{self.log()}")

    def stop_server(self) -> None:
        """Ctrl-C, and after half a minute the hard way."""
        if self._server is None:
            return
        if self._server.poll() is None:
            self._server.send_signal(signal.SIGINT)
            try:
                self._server.wait(30)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._server = None

    @property
    def server_pid(self) -> int:
        """Of the running server."""
        assert self._server is not None
        return self._server.pid

    def log(self) -> str:
        """The end of what the server said."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def server_cpu_s(self) -> float:
        """Processor seconds that the server has used, PostgreSQL not counted."""
        fields = Path(f"/proc/{self.server_pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def readings_stored(self) -> int:
        """New readings that the application has committed, by its own count."""
        with self.superuser() as connection:
            row = connection.execute("select coalesce(sum(readings), 0)::bigint from sensor_state").fetchone()
            assert row is not None
            return int(row[0])

    def checkpoint(self) -> None:
        """An immediate CHECKPOINT."""
        with self.superuser() as connection:
            connection.execute("checkpoint")

    def _check_durable(self) -> None:
        with self.superuser() as connection:
            for name in DURABLE:
                row = connection.execute(f"show {name}").fetchone()
                if row is None or row[0] != "on":
                    raise ServerTrouble(f"{name} is {row}: what is measured would not be durable")


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
