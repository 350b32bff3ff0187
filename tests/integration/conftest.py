"""What many tests share: a pipeline that runs, the pages on it, plants, a replica, where notices go. A module may make its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from flask import Flask

from dashapp.actions import passwords
from dashapp.ingest.services import Services
from dashapp.ui.web import create_web
from db.engine import Database
from jobs.imports import ImportRunner
from tests.integration.door import Door, Grant
from tests.integration.notices import Mailbox, Webhook, mail_server, webhook
from tests.integration.plant import Press, make_pipeline, new_press, running
from tests.integration.site import Site, open_site
from tests.integration.sockets import Plant, Replica, new_plant, served
from tests.integration.web import clean_dash
from tests.integration.works import Works, new_works


@pytest.fixture(scope="module")
def services(database: Database) -> Iterator[Services]:
    with running(make_pipeline(database)) as started:
        yield started


@pytest.fixture(scope="module")
def server(services: Services) -> Iterator[Flask]:
    with clean_dash():
        yield create_web(services)


@pytest.fixture
def press(database: Database) -> Press:
    return new_press(database)


@pytest.fixture
def door(services: Services, press: Press) -> Door:
    """A door that knows one good key."""
    return Door(services, {"key": Grant(press.tenant_id)})


@pytest.fixture
def plant(database: Database) -> Plant:
    return new_plant(database)


@pytest.fixture
def works(database: Database) -> Works:
    return new_works(database)


@pytest.fixture
def site(database: Database, tenant: int, tmp_path: Path) -> Iterator[Site]:
    with open_site(database, tenant, tmp_path, notify_allow="198.51.100.7") as opened:
        yield opened


@pytest.fixture
def runner(services: Services) -> Iterator[ImportRunner]:
    started = ImportRunner(services)
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def replica(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    with served(database, tmp_path_factory.mktemp("replica")) as started:
        yield started


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as opened:
        yield opened


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """People who only have to be signed in: what hashing is worth is proven in tests/unit/test_passwords.py."""
    if "server" in request.fixturenames:
        monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
