"""A real server process for tests: started like a user does, spoken to over loopback, ended by its process id."""

import os
import re
import signal
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


@dataclass
class Server:
    """One `python app.py serve`; its output is kept line by line."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    lines: list[str] = field(default_factory=list)
    url: str = ""
    _ready: threading.Event = field(default_factory=threading.Event)

    def start(self, timeout_s: float = 120) -> "Server":
        """Returns once it says where it listens. Raises AssertionError with its output otherwise."""
        self._ready.clear()
        self.url = ""
        environment = {
            **os.environ, "ANDON_DATA_DIR": str(self.folder), "ANDON_PORT": "0", "ANDON_OWNER_EMAIL": OWNER[0],
            "ANDON_OWNER_PASSWORD": OWNER[1], "ANDON_INGEST_KEY": KEY, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1",
            "COLUMNS": "200", **self.environment,
        }  # fmt: skip
        environment.pop("DATABASE_URL", None)
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "serve"], cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        threading.Thread(target=self._read, args=[self.process], daemon=True).start()
        self._ready.wait(timeout_s)
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

    def _read(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.lines.append(line.rstrip())
                if found := re.search(r"ready at (http://\S+)", line):
                    self.url = found.group(1).replace("localhost", "127.0.0.1")
                    self._ready.set()
        self._ready.set()


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


def wait_until(condition, timeout_s: float = 20, message: str = "it did not come true"):
    """Polls for something that another process does; gives what the condition gave."""
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, message
        time.sleep(0.02)
    return found
