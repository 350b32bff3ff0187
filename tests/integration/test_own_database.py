"""The way to a database of one's own works as docs/configuration.md describes it, on the PostgreSQL that the tests run on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from dashapp.actions.plant import ensure_plant
from dashapp.settings import Settings
from db.embedded import EmbeddedPostgres
from db.engine import Database, DatabaseSetupError, migrate, open_database, psycopg_url
from db.tenancy import tenant_reading

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
OWNER, APPLICATION, DATABASE = "mill_owner", "mill_app", "mill"


def documented_statements() -> list[str]:
    """The SQL of the page, with names that the test's server does not have yet."""
    (block,) = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), flags=re.S | re.M)
    renamed = block.replace("andon_owner", OWNER).replace("andon_app", APPLICATION).replace("database andon", f"database {DATABASE}")
    return [statement.strip() for statement in renamed.split(";") if statement.strip()]


@pytest.fixture(scope="module")
def superuser(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    engine = create_engine(psycopg_url(postgres.url("postgres")), isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def urls(postgres: EmbeddedPostgres, superuser: Engine) -> Iterator[dict[str, str]]:
    """URLs of the two roles in the database that the documented statements made."""
    with superuser.connect() as connection:
        for statement in documented_statements():
            connection.exec_driver_sql(statement)
        passwords = dict(re.findall(r"create role (\w+) login password '([^']+)'", ";".join(documented_statements())))
    yield {role: f"postgresql://{role}:{passwords[role]}@/{DATABASE}?host={postgres.socket_dir}" for role in (OWNER, APPLICATION)}
    with superuser.connect() as connection:
        connection.exec_driver_sql(f"drop database {DATABASE} with (force)")
        for role in (OWNER, APPLICATION):
            connection.exec_driver_sql(f"drop role {role}")


@pytest.fixture
def opened(urls: dict[str, str]) -> Iterator[Database]:
    database = open_database(urls[APPLICATION], urls[OWNER])
    yield database
    database.dispose()


@pytest.mark.requirement("DB-1", "DB-9")
def test_the_documented_roles_are_enough_to_migrate_and_to_work(opened: Database) -> None:
    migrate(opened)
    plant_id = ensure_plant(opened, Settings(plant_name="Mill"))
    with tenant_reading(opened.engine, plant_id) as connection:
        assert connection.execute(text("select name from tenants")).scalars().all() == ["Mill"]


@pytest.mark.requirement("DB-6")
def test_roles_that_row_security_would_not_hold_are_refused(urls: dict[str, str], postgres: EmbeddedPostgres) -> None:
    superuser = str(postgres.url("postgres")).replace("/andon?", f"/{DATABASE}?")
    for url in (urls[OWNER], superuser):
        database = open_database(url, urls[OWNER])
        try:
            with pytest.raises(DatabaseSetupError, match="neither superuser nor owner"):
                migrate(database)
        finally:
            database.dispose()


@pytest.mark.requirement("DB-9")
def test_the_schema_goes_down_and_up_again(opened: Database) -> None:
    migrate(opened)
    migrate(opened, "base")
    with opened.owner.connect() as connection:
        left = connection.execute(text("select tablename from pg_tables where schemaname = 'public'")).scalars().all()
        functions = connection.execute(text("select count(*) from pg_proc where starts_with(proname, 'andon_')")).scalar_one()
    assert left in ([], ["alembic_version"])
    assert functions == 0
    migrate(opened)
