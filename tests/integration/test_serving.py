"""Starting and stopping, as a person at a terminal does it: set-up code, Ctrl-C, SIGTERM, kill −9, a second start."""

import os
import re
import signal
from pathlib import Path

import httpx
import pytest

from tests.serving import KEY, OWNER, Server, running, wait_until

QUIET = {"ANDON_DEMO": "0"}
READING = {"device_id": "press-1", "sensor_type": "temperature", "value": 71.2, "timestamp": "2026-05-01T06:00:00Z"}


def postmaster(folder: Path) -> int | None:
    try:
        pid = int((folder / "postgres/data/postmaster.pid").read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid


@pytest.mark.requirement("OP-4", "DB-1")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_ends_the_server_and_its_database_cleanly(data_folder, how):
    with running(data_folder, **QUIET) as server:
        assert server.process is not None
        assert postmaster(data_folder) is not None
        server.process.send_signal(how)
        assert server.process.wait(60) == 0
    assert postmaster(data_folder) is None
    assert "shut down" in (data_folder / "postgres/postgres.log").read_text()


def test_a_hundred_megabytes_that_are_seldom_needed_are_not_loaded_at_the_start(data_folder):
    with running(data_folder, **QUIET) as server:
        assert httpx.get(f"{server.url}/sign-in", timeout=20).status_code == 200
        assert server.process is not None
        loaded = Path(f"/proc/{server.process.pid}/maps").read_text()
    assert "/numpy/" in loaded
    for name in ("pandas", "pyarrow", "fontTools"):  # the first file that is imported, the first Parquet, the first report
        assert f"/{name}/" not in loaded, name


@pytest.mark.requirement("OP-4", "IN-7", "FL-1")
def test_a_start_after_kill_9_adopts_the_database_and_has_what_was_answered(data_folder):
    environment = {**QUIET, "ANDON_AUTO_REGISTER": "1"}
    first = Server(data_folder, environment).start()
    answer = httpx.post(f"{first.url}/api/v1/readings", json=READING, headers={"X-API-Key": KEY}, timeout=20)
    assert answer.status_code == 201, answer.text  # an unknown device registered itself: the plant allows it
    left = postmaster(data_folder)
    first.kill()
    assert postmaster(data_folder) == left
    with running(data_folder, **environment) as second:
        assert postmaster(data_folder) == left
        again = httpx.post(f"{second.url}/api/v1/readings", json=READING, headers={"X-API-Key": KEY}, timeout=20)
        assert (again.json()["stored"], again.json()["duplicates"]) == (0, 1)


@pytest.mark.requirement("OP-4")
def test_a_second_server_on_the_same_folder_leaves_the_first_its_database(data_folder):
    with running(data_folder, **QUIET) as first:
        left = postmaster(data_folder)
        with running(data_folder, **QUIET):
            pass
        assert postmaster(data_folder) == left
        assert httpx.get(f"{first.url}/api/v1/health", timeout=20).status_code == 200
    assert postmaster(data_folder) is None


@pytest.mark.requirement("FL-3")
def test_the_first_visitor_creates_the_owner_with_the_code_that_was_printed(data_folder):
    with running(data_folder, **QUIET, ANDON_OWNER_EMAIL="", ANDON_OWNER_PASSWORD="") as server:
        line = wait_until(lambda: next((line for line in server.lines if "set-up code" in line), None))
        code = re.search(r"code (\S+)", line).group(1)
        with httpx.Client(base_url=server.url, follow_redirects=True, timeout=20) as client:
            page = client.get("/", headers={"Accept": "text/html"})
            assert str(page.url).endswith("/set-up")
            token = re.search(r'name="(_?csrf\w*|token)" value="([^"]+)"', page.text)
            assert token is not None, page.text
            form = {token.group(1): token.group(2), "email": OWNER[0], "name": "Owner", "password": OWNER[1], "repeat": OWNER[1]}
            origin = {"Origin": server.url, "Accept": "text/html"}
            wrong = client.post("/set-up", data={**form, "code": "0000-0000-0000"}, headers=origin)
            assert str(wrong.url).endswith("/set-up")
            token = re.search(r'name="(_?csrf\w*|token)" value="([^"]+)"', wrong.text) or token
            made = client.post("/set-up", data={**form, token.group(1): token.group(2), "code": code}, headers=origin)
            assert made.status_code == 200, made.text
            assert "set-up" not in str(made.url)
            assert client.get("/_dash-layout").status_code == 200
        again = httpx.get(f"{server.url}/set-up", headers={"Accept": "text/html"}, timeout=20)
        assert again.status_code in (302, 303)  # there is an owner: nobody sets up twice


@pytest.mark.requirement("DB-1")
@pytest.mark.parametrize(
    ("environment", "named"),
    [({"ANDON_OWNER_PASSWORD": "short"}, "ANDON_OWNER_PASSWORD"), ({"ANDON_INGEST_KEY": "k"}, "ANDON_INGEST_KEY")],
)
def test_a_setting_that_cannot_be_used_is_named_and_ends_the_start(data_folder, environment, named):
    server = Server(data_folder, {**QUIET, **environment})
    with pytest.raises(AssertionError):
        server.start()
    assert server.process is not None
    assert server.process.wait(60) == 2
    assert named in "\n".join(server.lines)
    assert "Traceback" not in "\n".join(server.lines)
    assert postmaster(data_folder) is None
