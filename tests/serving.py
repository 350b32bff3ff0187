"""A real server process for tests: started like a user does, spoken to over loopback, ended by its process id."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWNER = ("owner@example.com", "a quiet plant at night")
KEY = "key-of-the-tests-0001"
# Stopped by the kernel when the tests are killed and cannot do it themselves.
WITH_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


@dataclass
class Server:
    """One `python app.py serve`; its output is kept line by line."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    url: str = ""

    def start(self, timeout_s: float = 120) -> "Server":
        """Returns once it says where it listens. Raises AssertionError with its output otherwise."""
        ready = threading.Event()
        self.url = ""
        environment = {
            **os.environ, "ANDON_DATA_DIR": str(self.folder), "ANDON_PORT": "0", "ANDON_OWNER_EMAIL": OWNER[0],
            "ANDON_OWNER_PASSWORD": OWNER[1], "ANDON_INGEST_KEY": KEY, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1",
            "COLUMNS": "200", "ANDON_RATE_STRANGERS": "0", **self.environment,
        }  # fmt: skip
        environment.pop("DATABASE_URL", None)
        self.process = subprocess.Popen(
            [*WITH_US, sys.executable, "app.py", "serve"], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, args=[self.process, ready], daemon=True).start()
        ready.wait(timeout_s)
        assert self.url, "the server did not start:\n" + "\n".join(self.lines[-60:])
        return self

    def stop(self, timeout_s: float = 40) -> int:
        """As Ctrl-C does; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout_s)

    def kill(self) -> None:
        """Kill −9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def _read(self, process: "subprocess.Popen[str]", ready: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line.rstrip())
                if found := re.search(r"ready at (http://\S+)", line):
                    self.url = found.group(1).replace("localhost", "127.0.0.1")
                    ready.set()
        ready.set()


@contextmanager
def running(folder: Path, **environment: str) -> Iterator[Server]:
    """A server that is stopped at the end, with its database."""
    server = Server(folder, environment)
    try:
        yield server.start()
    finally:
        if server.process is not None and server.process.poll() is None:
            try:
                server.stop()
            except subprocess.TimeoutExpired:
                server.kill()


def free_port() -> int:
    """A port that stays free between two starts: the system takes those of outgoing connections from 32768 on, and each of
    the processes that run tests beside each other has its own.
    """
    first = 20_000 + 1_000 * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 10)
    for port in random.sample(range(first, first + 1_000), 100):
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("no port is free")


def wait_until(condition, timeout_s: float = 30, message: str = "it did not come true"):
    """Polls for something that another process does; gives what the condition gave."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, message
        time.sleep(0.02)
    return found
