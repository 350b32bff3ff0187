"""The embedded PostgreSQL is durable, heals, is adopted, and is made once however many starts there are."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from db.embedded import EmbeddedPostgres, EmbeddedPostgresError, make_user
from db.engine import connect_raw, migrate, open_database, psycopg_url
from tests.integration.plant import Sent, make_pipeline, new_press, running

PATIENCE_S = 60
# A process that starts the server, says so, and waits to be killed.
STARTER = """
import sys, time
from pathlib import Path
from db.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), **({"bin_dir": Path(sys.argv[2])} if sys.argv[2:] else {}))
server.start()
print(server.pid(), flush=True)
time.sleep(600)
"""


BINARIES = os.environ.get("ANDON_TEST_POSTGRES")


def test_of_two_first_starts_one_makes_the_account_and_the_other_finds_it(monkeypatch: pytest.MonkeyPatch):
    accounts: list[str] = []
    calls: list[str] = []
    second = threading.Thread(target=lambda: make_user("worker"))
    looks = threading.Event()

    def ensure(name: str) -> None:
        calls.append(name)
        known = name in accounts
        if len(calls) == 1:
            second.start()  # while the first has looked and not yet written
            assert not looks.wait(0.3)
        looks.set()
        if not known:
            accounts.append(name)

    monkeypatch.setattr("db.embedded.ensure_user_exists", ensure)
    make_user("worker")
    second.join(PATIENCE_S)
    assert (accounts, calls) == (["worker"], ["worker", "worker"])


def test_an_account_that_cannot_be_made_says_why(monkeypatch: pytest.MonkeyPatch):
    def refused(name: str) -> None:
        raise subprocess.CalledProcessError(1, ["useradd", name], stderr="useradd: cannot lock /etc/passwd; try again later.")

    monkeypatch.setattr("db.embedded.ensure_user_exists", refused)
    with pytest.raises(EmbeddedPostgresError, match=r"“worker”.*cannot lock /etc/passwd"):
        make_user("worker")


def embedded(folder: Path) -> EmbeddedPostgres:
    """In this folder, of the same PostgreSQL that the other tests run on."""
    return EmbeddedPostgres(folder, bin_dir=Path(BINARIES)) if BINARIES else EmbeddedPostgres(folder)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data folder with a cluster, made once: copied where a test needs one of its own."""
    folder = Path(tempfile.mkdtemp(prefix="andon-made-"))
    server = embedded(folder)
    server.start()
    server.stop()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty data folder; what runs in it in the end is stopped."""
    made = Path(tempfile.mkdtemp(prefix="andon-own-"))
    yield made
    embedded(made).stop()
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def server(made: Path, folder: Path) -> Iterator[EmbeddedPostgres]:
    """A running server of the test's own."""
    subprocess.run(["cp", "-a", f"{made}/.", str(folder)], check=True)
    server = embedded(folder)
    server.start()
    yield server
    server.stop()


def setting(server: EmbeddedPostgres, name: str) -> str:
    """A setting as a session of the application has it."""
    with connect_raw(psycopg_url(server.url("app"))) as connection:
        row = connection.execute(f"show {name}").fetchone()
    assert row is not None
    return str(row[0])


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.01)


def answers(server: EmbeddedPostgres) -> bool:
    """Whether it takes connections."""
    try:
        return setting(server, "port") != ""
    except psycopg.OperationalError:
        return False


@pytest.mark.requirement("DB-1", "OP-4")
@pytest.mark.parametrize("name", ["fsync", "synchronous_commit", "full_page_writes", "data_checksums"])
def test_a_commit_is_on_the_disk_when_it_is_answered(server: EmbeddedPostgres, name: str) -> None:
    assert setting(server, name) == "on"


@pytest.mark.requirement("DB-1")
def test_it_listens_on_no_network_address(server: EmbeddedPostgres) -> None:
    assert setting(server, "listen_addresses") == ""
    assert oct(server.socket_dir.stat().st_mode)[-3:] == "700"
    assert oct((server.root / "passwords.json").stat().st_mode)[-3:] == "600"


@pytest.mark.requirement("DB-1", "OP-4")
def test_after_kill_9_of_postgresql_the_watch_starts_it_again_and_the_pipeline_goes_on(server: EmbeddedPostgres) -> None:
    database = open_database(server.url("app"), server.url("owner"))
    migrate(database)
    press = new_press(database)
    server.watch()
    first = server.pid()
    with running(make_pipeline(database)) as services:
        sent = []
        for number in range(200):
            if number in (50, 120):
                server.kill()
            sent.append(Sent(press, [(press.count, number, 1.0)]).to(services.pipeline))
            if number % 10 == 0:
                sent[-1].outcome()
        outcomes = [each.outcome() for each in sent]

    assert server.pid() not in (None, first)
    assert {each.stored + each.duplicates for each in outcomes} == {1}
    assert press.states()[press.count][2:] == (200.0, 200)
    assert len(press.readings()) == 200
    database.dispose()


@pytest.mark.requirement("DB-1", "OP-4")
def test_a_server_that_outlived_its_application_is_adopted(made: Path, folder: Path) -> None:
    subprocess.run(["cp", "-a", f"{made}/.", str(folder)], check=True)
    with started(folder) as application:
        assert application.stdout is not None
        pid = int(application.stdout.readline())
        os.kill(application.pid, signal.SIGKILL)
        application.wait()

    adopted = embedded(folder)
    adopted.start()

    assert adopted.pid() == pid
    assert answers(adopted)
    adopted.stop()
    assert adopted.pid() is None


def started(folder: Path) -> "subprocess.Popen[str]":
    """A process of its own that starts the server in this folder."""
    return subprocess.Popen([sys.executable, "-c", STARTER, str(folder), *filter(None, [BINARIES])], stdout=subprocess.PIPE, text=True)


@pytest.mark.requirement("DB-1", "OP-4")
def test_two_starts_at_once_make_one_cluster_and_share_one_server(folder: Path) -> None:
    with started(folder) as one, started(folder) as other:
        assert one.stdout is not None
        assert other.stdout is not None
        pids = {one.stdout.readline(), other.stdout.readline()}
        one.kill()
        other.kill()

    assert len(pids) == 1
    assert pids != {""}
    assert answers(embedded(folder))


@pytest.mark.requirement("DB-1", "OP-4")
def test_a_first_start_that_was_killed_in_the_middle_is_done_again(folder: Path) -> None:
    cut_off = started(folder)
    at_work = folder / "postgres"
    wait_for(lambda: any(at_work.glob("data.new*/base")) or (at_work / "data").exists())
    cut_off.kill()
    cut_off.communicate()

    server = embedded(folder)
    server.start()

    assert answers(server)
    server.stop()


@pytest.mark.requirement("DB-1")
def test_a_data_folder_without_a_cluster_in_it_is_made_anew(folder: Path) -> None:
    (folder / "postgres" / "data" / "base").mkdir(parents=True)

    server = embedded(folder)
    server.start()

    assert answers(server)
    server.stop()


@pytest.mark.requirement("DB-1", "OP-4")
def test_a_start_that_finds_a_server_on_its_way_down_starts_it_again(server: EmbeddedPostgres) -> None:
    with connect_raw(psycopg_url(server.url("app"))) as held:
        held.execute("begin")
        stopping = threading.Thread(target=lambda: os.kill(server.pid() or 0, signal.SIGTERM))  # waits for its sessions
        stopping.start()
        stopping.join()
        other = embedded(server.root.parent)
        starting = threading.Thread(target=other.start)
        starting.start()
        wait_for(lambda: not answers(server))
        held.close()
    starting.join(PATIENCE_S)

    assert not starting.is_alive()
    assert answers(server)
    other.stop()


@pytest.mark.requirement("DB-1")
def test_it_is_stopped_and_started_and_watched_again(server: EmbeddedPostgres) -> None:
    server.watch()
    server.stop()
    server.start()
    server.watch()

    server.kill()

    wait_for(lambda: server.pid() is not None and answers(server))


@pytest.mark.requirement("DB-1")
def test_a_server_that_cannot_start_says_why(server: EmbeddedPostgres) -> None:
    server.stop()
    configuration = server.data / "andon.conf"
    configuration.write_text(configuration.read_text() + "\nno_such_setting = 1\n")

    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        server.start()
