"""Kill −9 of a real server between sending a notice and marking it: none is missing, at most one comes twice. Two servers: each once."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from dashapp.actions.plant import ensure_plant
from dashapp.domain.fleet import DeviceSpec, SensorSpec
from dashapp.settings import Settings
from db.commands.devices import insert_device
from db.embedded import EmbeddedPostgres
from db.engine import Database, migrate, open_database
from db.tenancy import tenant_transaction
from tests.integration.notices import Plant, Webhook, webhook
from tests.serving import Server, wait_until

pytestmark = [pytest.mark.kill, pytest.mark.requirement("AL-5", "OP-1", "OP-4")]
SETTINGS = {"ANDON_DEMO": "0", "ANDON_NOTIFY_ALLOW": "127.0.0.1", "ANDON_NOTIFY_TIMEOUT_S": "10", "ANDON_NOTIFY_DIGEST_FROM": "1000"}


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="andon-notices-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@contextmanager
def prepared(folder: Path) -> Iterator[tuple[Plant, Database]]:
    """A database with a plant, that servers adopt and a test looks into."""
    postgres = EmbeddedPostgres(folder)
    postgres.start()
    database = open_database(postgres.url("app"), postgres.url("owner"))
    migrate(database)
    tenant = ensure_plant(database, Settings())
    with tenant_transaction(database.engine, tenant) as connection:
        device = insert_device(
            connection, tenant, DeviceSpec("MX-02", "Welding", "", "", (SensorSpec("temperature", "Temperature", "°C"),))
        )
        sensor = connection.execute(text("select id from sensors")).scalar_one()
    assert device is not None
    try:
        yield Plant(database, tenant, device, sensor), database
    finally:
        database.dispose()
        postgres.stop()


def raised(plant: Plant, count: int) -> list[str]:
    """So many new alerts at once; their numbers."""
    plant.now = datetime.now(UTC)
    return [str(plant.raised(message=f"number {number}")) for number in range(count)]


def let_the_next_server_begin(database: Database, plant: Plant) -> None:
    """What a dead server held has run out: its lease on the jobs, and those on notices."""
    with database.engine.begin() as connection:
        connection.execute(text("update leases set expires_at = now() - interval '1 s'"))
    plant.run("update notifications set leased_until = now() - interval '1 s' where state = 'sending'")


def told(hook: Webhook) -> Counter[str]:
    return Counter(post["id"] for post in hook.posts)


def test_a_server_that_is_killed_while_it_sends_loses_nothing_and_doubles_one_notice_at_most(folder: Path) -> None:
    with webhook() as hook, prepared(folder) as (plant, database):
        plant.policy([{"channel_id": plant.channel(secret=hook.url, rate_messages=1000)}])
        server = Server(folder, SETTINGS).start()
        try:
            hook.gate.clear()
            alerts = raised(plant, 12)
            assert hook.arrived.acquire(timeout=30)
            server.kill()
            hook.gate.set()
            assert [row.state for row in plant.log()].count("sending") == 1, "it was killed between sending and marking"
            let_the_next_server_begin(database, plant)
            server.start()
            wait_until(lambda: {row.state for row in plant.log()} == {"sent"}, 30, "not everything was told")
        finally:
            if server.process is not None and server.process.poll() is None:
                server.kill()

    assert set(told(hook)) == set(alerts), "none is missing"
    doubled = [alert for alert, count in told(hook).items() if count > 1]
    assert len(doubled) == 1, "the one that was on its way"
    assert told(hook)[doubled[0]] == 2
    twice = [post["notice"] for post in hook.posts if post["id"] == doubled[0]]
    assert twice[0] == twice[1], "its receiver can tell"


def test_two_servers_tell_each_notice_once(folder: Path) -> None:
    with webhook() as hook, prepared(folder) as (plant, _):
        plant.policy([{"channel_id": plant.channel(secret=hook.url, rate_messages=1000)}])
        servers = [Server(folder, SETTINGS), Server(folder, SETTINGS)]
        try:
            for server in servers:
                server.start()
            alerts = raised(plant, 20)
            wait_until(lambda: len(hook.posts) >= 10, 40, "nobody was told")
            alerts += raised(plant, 10)
            assert servers[0].stop() == 0, "the other one takes over in good order"
            wait_until(lambda: len(plant.log()) == 30 and {row.state for row in plant.log()} == {"sent"}, 30, "not everything was told")
        finally:
            for server in servers:
                if server.process is not None and server.process.poll() is None:
                    server.kill()

    assert told(hook) == Counter(alerts)
