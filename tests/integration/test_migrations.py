"""The schema goes up, down and up again, one replica at a time, and only under a role that row security holds."""

import itertools
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from db.commands.partitions import ensure_partitions
from db.embedded import EmbeddedPostgres
from db.engine import Database, DatabaseSetupError, check_role, connect_raw, head_revision, migrate, open_database, psycopg_url
from db.tenancy import tenant_transaction
from tests.integration.every_table import make_rows, read_catalogue
from tests.integration.stored import new_tenant, utc_us

# Everything that the schema consists of, one line each.
SCHEMA = {
    "relations": "select relname, relkind, relrowsecurity, relforcerowsecurity, reloptions, relispartition from pg_class"
    " where relnamespace = 'public'::regnamespace",
    "columns": "select attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,"
    " (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum)"
    " from pg_attribute join pg_class c on c.oid = attrelid"
    " where attnum > 0 and not attisdropped and relnamespace = 'public'::regnamespace",
    "constraints": "select conrelid::regclass, conname, pg_get_constraintdef(oid) from pg_constraint"
    " where connamespace = 'public'::regnamespace",
    "indexes": "select indexdef from pg_indexes where schemaname = 'public'",
    "policies": "select tablename, policyname, roles, cmd, qual, with_check from pg_policies where schemaname = 'public'",
    "functions": "select oid::regprocedure, prosecdef, proacl, pg_get_functiondef(oid) from pg_proc"
    " where pronamespace = 'public'::regnamespace",
    "views": "select viewname, definition from pg_views where schemaname = 'public'",
    "rights": "select relname, relacl from pg_class where relnamespace = 'public'::regnamespace",
    "types": "select typname, typtype from pg_type where typnamespace = 'public'::regnamespace and typtype in ('e', 'd', 'r')",
    "triggers": "select tgrelid::regclass, tgname from pg_trigger where not tgisinternal",
}
_numbers = itertools.count(1)


def schema(database: Database) -> dict[str, list[str]]:
    """The schema as the database tells it."""
    with database.owner.connect() as connection:
        return {part: sorted(str(tuple(row)) for row in connection.execute(text(query))) for part, query in SCHEMA.items()}


@pytest.fixture
def empty(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """A database of the test's own, without a schema."""
    name = f"empty_{os.getpid()}_{next(_numbers)}"
    superuser = psycopg_url(postgres.url("postgres"))
    with connect_raw(superuser) as connection:
        connection.execute(f"create database {name} owner andon_owner")
    with connect_raw(superuser.set(database=name)) as connection:
        connection.execute("alter schema public owner to andon_owner")
    opened = open_database(*(url_of(postgres, role, name) for role in ("app", "owner")))
    yield opened
    opened.dispose()
    with connect_raw(superuser) as connection:
        connection.execute(f"drop database {name} with (force)")


def url_of(postgres: EmbeddedPostgres, role: str, name: str) -> str:
    """The database of this name as one of the roles reaches it."""
    return psycopg_url(postgres.url(role)).set(database=name).render_as_string(hide_password=False)


@pytest.mark.requirement("DB-9")
def test_up_down_and_up_again_leaves_the_same_schema(empty: Database) -> None:
    bare = schema(empty)
    migrate(empty)
    first = schema(empty)
    tenant = new_tenant(empty)
    ensure_partitions(empty, (utc_us("2026-01-15T00:00"), utc_us("2026-01-16T00:00")))
    with tenant_transaction(empty.engine, tenant) as connection:
        make_rows(connection, read_catalogue(connection), tenant)

    migrate(empty, "base")
    below = schema(empty)
    migrate(empty)

    assert schema(empty) == first
    assert len(first["relations"]) > 60
    left = [line for part in below for line in below[part] if line not in bare[part]]
    assert all("alembic_version" in line for line in left)


@pytest.mark.requirement("DB-9")
def test_migrating_what_is_migrated_changes_nothing(empty: Database) -> None:
    migrate(empty)
    before = schema(empty)

    migrate(empty)

    assert schema(empty) == before
    with empty.owner.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalar_one() == head_revision()


@pytest.mark.requirement("DB-9", "OP-1")
def test_replicas_that_start_at_once_migrate_one_after_the_other(empty: Database) -> None:
    failed: list[BaseException] = []

    def start() -> None:
        replica = open_database(*(each.url.render_as_string(hide_password=False) for each in (empty.engine, empty.owner)))
        try:
            migrate(replica)
        except BaseException as error:
            failed.append(error)
        finally:
            replica.dispose()

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failed == []
    with empty.owner.connect() as connection:
        assert connection.execute(text("select version_num from alembic_version")).scalars().all() == [head_revision()]


@pytest.mark.requirement("DB-9")
def test_a_migration_that_fails_leaves_nothing_behind(empty: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = schema(empty)
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path: read(path) + ("nonsense;" if path.name.startswith("0001_c") else ""))

    with pytest.raises(Exception, match="nonsense"):
        migrate(empty)
    monkeypatch.undo()

    assert schema(empty) == bare
    migrate(empty)


@pytest.mark.requirement("DB-6")
@pytest.mark.parametrize("role", ["postgres", "owner"])
def test_a_role_that_row_security_does_not_hold_is_refused(postgres: EmbeddedPostgres, empty: Database, role: str) -> None:
    migrate(empty)
    name = str(empty.engine.url.database)
    wrong = open_database(url_of(postgres, role, name), url_of(postgres, "owner", name))

    try:
        with pytest.raises(DatabaseSetupError, match="neither superuser nor owner"):
            check_role(wrong)
    finally:
        wrong.dispose()


@pytest.mark.requirement("DB-6")
def test_the_applications_role_passes(empty: Database) -> None:
    migrate(empty)

    check_role(empty)
