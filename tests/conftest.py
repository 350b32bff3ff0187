"""What every test may ask for: a real, migrated PostgreSQL and a tenant of its own."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from db.embedded import EmbeddedPostgres
from db.engine import Database, migrate, open_database

_numbers = itertools.count(1)


def _binaries() -> dict[str, Path]:
    """The PostgreSQL that the tests run on: ANDON_TEST_POSTGRES names a folder of binaries, else the embedded one."""
    folder = os.environ.get("ANDON_TEST_POSTGRES")
    return {"bin_dir": Path(folder)} if folder else {}


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server of this test process alone."""
    folder = Path(tempfile.mkdtemp(prefix="andon-test-"))
    server = EmbeddedPostgres(folder, **_binaries())
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """A migrated database, reached as the application's role and as the owner's."""
    opened = open_database(postgres.url("app"), postgres.url("owner"))
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def tenant(database: Database) -> int:
    """The id of a tenant that nobody else uses."""
    key = f"tenant-{os.getpid()}-{next(_numbers)}"
    with database.engine.begin() as connection:
        return connection.execute(text("select andon_create_tenant(:key, :key, 'UTC', false)"), {"key": key}).scalar_one()


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """For a server with an embedded PostgreSQL: pytest closes its own folders to the user that PostgreSQL runs as."""
    folder = Path(tempfile.mkdtemp(prefix="andon-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
