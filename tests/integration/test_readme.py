"""What the README promises a newcomer, done as it says: the first device, the payloads, the import."""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import KEY, OWNER, ROOT, Server, running

README = (ROOT / "README.md").read_text()
PYTHON = ".venv/bin/python app.py "
pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """An empty plant."""
    folder = tempfile.TemporaryDirectory(prefix="andon-test-", ignore_cleanup_errors=True)
    with folder as path, running(Path(path), ANDON_DEMO="0") as started:
        yield started


def command(server: Server, words: str) -> str:
    """Runs a command of the README beside the server; what it printed."""
    port = urllib.parse.urlsplit(server.url).port
    environment = {**os.environ, "ANDON_DATA_DIR": str(server.folder), "ANDON_PORT": str(port), "ANDON_DEMO": "0", "COLUMNS": "300"}
    environment.pop("DATABASE_URL", None)
    arguments = [sys.executable, "app.py", *shlex.split(words, comments=True)]
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(name: str) -> list[str]:
    """The lines of the README that run this command."""
    return re.findall(rf"^{re.escape(PYTHON)}({name} .+)$", README, flags=re.M)


def ask(server: Server, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any]:
    """Status and JSON of a request."""
    request = urllib.request.Request(server.url + path, body, {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=20) as response:
        return response.status, json.load(response)


def values(server: Server, device: str) -> list[float]:
    """What a person who signs in by the API gets of the device's temperature, oldest first."""
    form = urllib.parse.urlencode({"username": OWNER[0], "password": OWNER[1]}).encode()
    _, token = ask(server, "/api/v1/auth/login", form, **{"Content-Type": "application/x-www-form-urlencoded"})
    _, rows = ask(server, f"/api/v1/machines/{device}/measurements?limit=100", Authorization=f"Bearer {token['access_token']}")
    return [row["temperature"] for row in reversed(rows)]


@pytest.mark.requirement("IN-1", "IN-2", "IN-8", "FL-1")
def test_the_first_device_reports_as_the_readme_says(server: Server) -> None:
    (add_device,) = commands("add-device")
    printed = command(server, add_device)
    key = re.search(r"X-API-Key: (\S+)'", printed)
    assert key is not None
    (shown,) = re.findall(r"-d '(\{.+\})'", README)
    assert f"-d '{shown}'" in printed
    assert ask(server, "/api/v1/readings", shown.encode(), **{"X-API-Key": key[1]})[0] == 201

    (many,) = re.findall(r"^```json\n(.+?)^```", README, flags=re.M | re.S)
    first = ask(server, "/api/v1/readings", many.encode(), **{"X-API-Key": key[1]})
    again = ask(server, "/api/v1/readings", many.encode(), **{"X-API-Key": key[1]})
    assert (first[0], first[1]["stored"], first[1]["rejected"]) == (201, 3, [])
    assert (again[0], again[1]["stored"], again[1]["duplicates"]) == (201, 0, 3)
    assert values(server, "press-1") == pytest.approx([71.4, 71.5, 71.5, 71.2], abs=0.01)


@pytest.mark.requirement("IN-5")
def test_a_csv_file_comes_in_by_one_command_and_again_changes_nothing(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    lines = [f"01.05.2026 06:{minute:02};{60 + minute // 10},{minute % 10}" for minute in range(50)]
    file.write_text("\n".join(["Zeit;temperature", *lines]))
    dry_run, real = [line.replace("export.csv", str(file)).replace("press-1", "press-2") for line in commands("import")]
    assert "50 readings would be stored" in command(server, dry_run)
    assert "50 readings stored" in command(server, real)
    assert "0 readings stored, 50 there already" in command(server, real)
    assert values(server, "press-2") == pytest.approx([60 + minute / 10 for minute in range(50)])


def test_a_preset_key_sends_into_the_own_plant_where_there_is_no_demo(server: Server) -> None:
    command(server, "add-device press-3 --sensor temperature:°C")
    reading = b'{"device_id": "press-3", "sensor_type": "temperature", "value": 20}'
    assert ask(server, "/api/v1/readings", reading, **{"X-API-Key": KEY})[0] == 201
