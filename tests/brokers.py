"""Real brokers for tests: Debian's Mosquitto, and librdkafka's mock cluster, each a process of its own on loopback."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

from tests.serving import ROOT, WITH_US

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


class Mosquitto:
    """A broker that keeps what is queued over a restart, unless it is not `durable`: it writes all of it at every change.

    `lines` are of its configuration, in place of an open listener.
    """

    def __init__(self, folder: Path, port: int, lines: str | None = None, *, durable: bool = True) -> None:
        self.port = port
        folder.mkdir(parents=True, exist_ok=True)
        self._conf = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        listener = f"listener {port} 127.0.0.1\nallow_anonymous true\n" if lines is None else lines
        self._conf.write_text(
            f"{listener}user {os.environ.get('USER') or 'root'}\nmax_queued_messages 0\nmax_inflight_messages 0\n"
            + (f"persistence true\npersistence_location {folder}/\nautosave_interval 1\nautosave_on_changes true\n" if durable else "")
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Returns once it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([*WITH_US, MOSQUITTO, "-c", str(self._conf)], stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self._process.poll() is None, self._log.read_text()
                time.sleep(0.01)
        raise AssertionError(f"Mosquitto does not listen: {self._log.read_text()}")

    def stop(self) -> None:
        """In order: what is queued is written."""
        self._end(kill=False)

    def kill(self) -> None:
        """Kill −9."""
        self._end(kill=True)

    def _end(self, *, kill: bool) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(20)


class KafkaCluster:
    """Three brokers with these topics (`name` or `name:partitions`)."""

    def __init__(self, *topics: str) -> None:
        self._topics = topics
        self._process: subprocess.Popen[str] | None = None
        self.servers = ""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [*WITH_US, sys.executable, "-m", "tests.kafka_cluster", *self._topics], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        self.servers = self._process.stdout.readline().strip()
        assert self.servers, "the mock cluster did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def down(self) -> None:
        """Every broker is away."""
        self._tell("down")

    def up(self) -> None:
        """They are back, with all that they had."""
        self._tell("up")

    def _tell(self, what: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for broker in (1, 2, 3):
            self._process.stdin.write(f"{what} {broker}\n")
            self._process.stdin.flush()
            assert self._process.stdout.readline() == "done\n"
