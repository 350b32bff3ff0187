"""The clients of docs/clients do what they say, against a server that was started as a user starts it. And a page documents itself."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serving import KEY, OWNER, ROOT, Server, running

PATIENCE_S = 30.0

pytestmark = [pytest.mark.requirement("AP-1"), pytest.mark.embedded]
CLIENTS = ROOT / "docs" / "clients"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="andon-test-"))
    with running(folder, ANDON_DEMO="1", ANDON_DEMO_DAYS="0") as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)


def run(server: Server, *command: str) -> str:
    environment = {**os.environ, "PLANT_URL": server.url, "PLANT_KEY": KEY, "PLANT_EMAIL": OWNER[0], "PLANT_PASSWORD": OWNER[1]}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.requirement("AP-4")
def test_the_shell_sends_reads_and_answers(server: Server) -> None:
    said = run(server, "bash", str(CLIENTS / "curl.sh"), "MX-01").splitlines()
    assert '"status":"success"' in said[0]
    assert '"machine_id":"MX-01"' in said[1]
    assert said[2].startswith("again: ")
    assert '"history"' in said[3]
    assert '"status":"acknowledged"' in said[4]
    assert '"status":"resolved"' in said[5]


@pytest.mark.requirement("AP-5")
def test_python_reads_changes_and_signs_out(server: Server) -> None:
    said = run(server, sys.executable, str(CLIENTS / "andon_rest.py"), "MX-01")
    assert "MX-01 Temperature:" in said
    assert "the last hour:" in said
    assert "Made by a program" in said


def test_the_python_client_renews_its_token_and_polls_for_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CLIENTS))
    from andon_rest import Andon  # type: ignore[import-not-found]

    andon = Andon(server.url, *OWNER)
    andon._tokens["access_token"] = "run.out.already"
    assert andon.get("/api/v1/auth/me")["email"] == OWNER[0]
    _, first = andon.poll("/api/v1/config")
    content, second = andon.poll("/api/v1/config")
    assert (first, second) == (True, False)
    assert content["plant"]
    with pytest.raises(httpx.HTTPStatusError) as refused:
        andon.change("POST", "/api/v1/groups", {"name": ""})
    assert refused.value.response.json()["field"] == "name"
    andon.close()
    assert andon._http.is_closed


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_the_documentation_is_served_by_this_server_alone(server: Server, path: str) -> None:
    page = httpx.get(server.url + path, timeout=PATIENCE_S)
    assert page.status_code == 200
    assert "https://" not in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    files: list[Any] = [part.split('"')[0] for part in page.text.split('src="')[1:]]
    for file in files:
        answer = httpx.get(server.url + file, timeout=PATIENCE_S)
        assert answer.status_code == 200, file
        assert "javascript" in answer.headers["content-type"]
