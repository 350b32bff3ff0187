"""Two tenants, every table, partition and view of the catalogue: neither sees nor changes what is the other's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DBAPIError

from db.commands.partitions import ensure_partitions
from db.engine import Database, connect_raw
from db.tenancy import tenant_transaction
from tests.integration.every_table import INSTALLATION_WIDE, Catalogue, Relation, Rows, make_rows, read_catalogue
from tests.integration.stored import new_tenant, utc_us

DENIED = psycopg.errors.InsufficientPrivilege
ABSENT = (None, "", "abc", "1.5", "1 or true", "0", "-1", "2147483647", "99999999999999999999", "null", "{}")
POLICY = "({column} = ( SELECT (NULLIF(current_setting('andon.tenant'::text, true), ''::text))::integer AS \"nullif\"))"

pytestmark = pytest.mark.requirement("DB-6", "FL-4")


@dataclass(frozen=True)
class Pair:
    """Two tenants with a row in every table each."""

    catalogue: Catalogue
    ours: int
    theirs: int
    our_rows: Rows
    their_rows: Rows
    views_before: dict[str, list[tuple[object, ...]]]  # what we saw before they had anything


@pytest.fixture(scope="module")
def pair(database: Database) -> Iterator[Pair]:
    """Made from the catalogue: it fails where a table gets no row."""
    ours, theirs = new_tenant(database), new_tenant(database)
    ensure_partitions(database, (utc_us("2026-01-15T00:00"), utc_us("2026-01-16T00:00")))
    with database.owner.connect() as connection:
        catalogue = read_catalogue(connection)
    with tenant_transaction(database.engine, ours) as connection:
        our_rows = make_rows(connection, catalogue, ours)
    with tenant_transaction(database.engine, ours) as connection:
        before = {view.name: everything(connection, view) for view in catalogue.views}
    with tenant_transaction(database.engine, theirs) as connection:
        their_rows = make_rows(connection, catalogue, theirs)
    yield Pair(catalogue, ours, theirs, our_rows, their_rows, before)
    for tenant in (ours, theirs):
        with tenant_transaction(database.engine, tenant) as connection:
            for table in ("readings", "rollup_minute", "rollup_hour", "rollup_day"):
                connection.execute(text(f"delete from {table}"))
        with database.owner.begin() as connection:
            connection.execute(text("delete from tenants where id = :id"), {"id": tenant})


def everything(connection: Connection, relation: Relation) -> list[tuple[object, ...]]:
    """Every row that is seen."""
    return [tuple(row) for row in connection.execute(text(f'select * from "{relation.name}"'))]


@pytest.fixture
def asking(database: Database) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    """A connection of the application's role, without a tenant."""
    with connect_raw(database.engine.url) as connection:
        yield connection


def attempt(connection: "psycopg.Connection[tuple[object, ...]]", tenant: object, statement: str, values: object = ()) -> int | str:
    """Rows touched by a statement that is rolled back, or the SQLSTATE of its refusal."""
    try:
        with connection.transaction(force_rollback=True):
            if tenant is not None:
                connection.execute("select set_config('andon.tenant', %s, true)", (str(tenant),))
            return connection.execute(statement, values).rowcount  # type: ignore[arg-type, call-overload, no-any-return]
    except psycopg.Error as error:
        return error.sqlstate or "none"


def test_every_table_is_a_tenants_or_declared_as_the_installations(pair: Pair) -> None:
    of_nobody = {each.name for each in pair.catalogue.relations.values() if each.is_table and each.tenant_column is None}

    assert of_nobody == INSTALLATION_WIDE
    assert {each.name for each in pair.catalogue.owned} == pair.our_rows.keys() == pair.their_rows.keys()
    assert len(pair.our_rows) > 25


def test_every_table_and_partition_of_a_tenant_has_forced_row_security(pair: Pair) -> None:
    open_ones = [each.name for each in [*pair.catalogue.owned, *pair.catalogue.partitions] if not (each.secured and each.forced)]

    assert open_ones == []
    assert {re.sub(r"_\d.*", "", each.name) for each in pair.catalogue.partitions} == {"readings", "rollup_minute"}


def test_no_policy_says_more_than_the_tenant_of_the_transaction(database: Database, pair: Pair) -> None:
    role = database.engine.url.username
    with database.owner.connect() as connection:
        policies = text("select tablename, roles::text[], qual, with_check from pg_policies where schemaname = 'public'")
        rows = connection.execute(policies).all()
    ours = [row for row in rows if {"public", role} & set(row.roles)]

    assert {row.tablename for row in ours} == {each.name for each in [*pair.catalogue.owned, *pair.catalogue.partitions]}
    for row in ours:
        column = pair.catalogue.relations[row.tablename].tenant_column
        assert row.qual == row.with_check == POLICY.format(column=column), row.tablename


def test_a_tenant_sees_its_own_rows_alone(database: Database, pair: Pair) -> None:
    for tenant, other in ((pair.ours, pair.theirs), (pair.theirs, pair.ours)):
        with tenant_transaction(database.engine, tenant) as connection:
            for table in pair.catalogue.owned:
                seen = set(connection.execute(text(f'select {table.tenant_column} from "{table.name}"')).scalars())
                assert seen == {tenant}, table.name
                named = text(f'select count(*) from "{table.name}" where {table.tenant_column} = :other')
                assert connection.execute(named, {"other": other}).scalar_one() == 0, table.name


def test_a_view_shows_what_its_reader_may_see(database: Database, pair: Pair) -> None:
    for view in pair.catalogue.views:
        assert view.kind == "v", f"{view.name} is materialised: it would hold every tenant's rows"
        assert "security_invoker=true" in view.options, view.name
        with tenant_transaction(database.engine, pair.ours) as connection:
            if view.has_tenant:
                assert {*connection.execute(text(f"select tenant_id from {view.name}")).scalars()} <= {pair.ours}, view.name
            else:
                assert everything(connection, view) == pair.views_before[view.name], view.name
        with database.engine.begin() as connection:
            assert all(not value for row in everything(connection, view) for value in row), view.name


def test_a_tenant_changes_nothing_of_another(asking: "psycopg.Connection[tuple[object, ...]]", pair: Pair) -> None:
    for table in pair.catalogue.owned:
        column = table.tenant_column
        for statement in (
            f'update "{table.name}" set {table.no_change} where {column} = {pair.theirs}',
            f'delete from "{table.name}" where {column} = {pair.theirs}',
        ):
            assert attempt(asking, pair.ours, statement) in (0, DENIED.sqlstate), statement
        touched = attempt(asking, pair.ours, f'update "{table.name}" set {table.no_change}')
        assert touched in (1, DENIED.sqlstate), table.name
        taken = attempt(asking, pair.ours, f'update "{table.name}" set {column} = {pair.theirs}')
        assert taken == DENIED.sqlstate or (table.name == "tenants" and taken == "428C9"), (table.name, taken)


def test_a_tenant_adds_nothing_to_another(asking: "psycopg.Connection[tuple[object, ...]]", pair: Pair) -> None:
    for table in pair.catalogue.owned:
        if table.name == "tenants":
            assert attempt(asking, pair.ours, "insert into tenants (key, name) values ('theirs', 'x')") == DENIED.sqlstate
            continue
        row = {name: value for name, value in pair.their_rows[table.name].items() if not isinstance(value, dict)}
        names, slots = ", ".join(f'"{name}"' for name in row), ", ".join(["%s"] * len(row))
        statement = f'insert into "{table.name}" ({names}) overriding system value values ({slots})'
        assert attempt(asking, pair.ours, statement, list(row.values())) == DENIED.sqlstate, table.name


@pytest.mark.parametrize("setting", ABSENT)
def test_without_a_tenant_there_is_nothing(asking: "psycopg.Connection[tuple[object, ...]]", pair: Pair, setting: str | None) -> None:
    for table in pair.catalogue.owned:
        for statement in (
            f'select 1 from "{table.name}"',
            f'update "{table.name}" set {table.no_change}',
            f'delete from "{table.name}"',
        ):
            touched = attempt(asking, setting, statement)
            assert touched in (0, DENIED.sqlstate, "22P02", "22003"), (statement, touched)
        if table.name != "tenants":
            row = {name: value for name, value in pair.their_rows[table.name].items() if not isinstance(value, dict)}
            names, slots = ", ".join(f'"{name}"' for name in row), ", ".join(["%s"] * len(row))
            statement = f'insert into "{table.name}" ({names}) overriding system value values ({slots})'
            added = attempt(asking, setting, statement, list(row.values()))
            assert added in (DENIED.sqlstate, "22P02", "22003"), (table.name, added)


def test_a_partition_is_reached_through_its_parent_alone(asking: "psycopg.Connection[tuple[object, ...]]", pair: Pair) -> None:
    for partition in pair.catalogue.partitions:
        for statement in (
            f'select * from "{partition.name}"', f'delete from "{partition.name}"', f'update "{partition.name}" set tenant_id = tenant_id',
            f'insert into "{partition.name}" default values', f'truncate "{partition.name}"', f'drop table "{partition.name}"',
        ):  # fmt: skip
            assert attempt(asking, pair.ours, statement) == DENIED.sqlstate, statement


def test_a_pooled_connection_carries_no_tenant_over(database: Database, pair: Pair) -> None:
    engine = create_engine(database.engine.url, pool_size=1, max_overflow=0)
    count = text("select count(*), min(tenant_id) from devices")
    backends = set()
    try:
        for tenant in (pair.ours, pair.theirs, pair.ours):
            with tenant_transaction(engine, tenant) as connection:
                backends.add(connection.execute(text("select pg_backend_pid()")).scalar_one())
                assert connection.execute(count).one() == (1, tenant)
            with engine.begin() as connection:
                assert connection.execute(count).one() == (0, None)
            fail_inside(engine, tenant)
            with engine.connect() as connection:
                assert connection.execute(count).one() == (0, None)
    finally:
        engine.dispose()
    assert len(backends) == 1


def fail_inside(engine: object, tenant: int) -> None:
    """A transaction of a tenant that the database breaks off."""
    with pytest.raises(DBAPIError), tenant_transaction(engine, tenant) as connection:  # type: ignore[arg-type]
        connection.execute(text("select 1 / 0"))


def test_keys_between_tables_of_tenants_carry_the_tenant(pair: Pair) -> None:
    owned = {each.name for each in pair.catalogue.owned} - {"tenants"}
    between = [key for key in pair.catalogue.keys if key.source in owned and key.target in owned]

    assert len(between) >= 10
    for key in between:
        assert ("tenant_id", "tenant_id") in zip(key.columns, key.references, strict=True), key


def test_the_applications_role_owns_nothing_and_stands_under_row_security(database: Database, pair: Pair) -> None:
    role = database.engine.url.username
    assert not [each.name for each in pair.catalogue.relations.values() if each.owner == role]
    with database.engine.connect() as connection:
        rights = "rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
        assert not any(connection.execute(text(f"select {rights} from pg_roles where rolname = current_user")).one())
        assert connection.execute(text("select count(*) from pg_auth_members m where m.member = current_user::regrole")).scalar_one() == 0
        held = text("select has_table_privilege(cast(:name as text), 'truncate, references, trigger')")
        assert [each.name for each in pair.catalogue.relations.values() if connection.execute(held, {"name": each.name}).scalar_one()] == []


@pytest.mark.parametrize(
    "statement",
    [
        "create table mine (a int)", "create view mine as select 1", "create schema mine",
        "create function mine() returns int language sql as 'select 1'", "alter table devices disable row level security",
        "alter table devices no force row level security", "drop policy tenant_isolation on devices",
        "create policy open on devices using (true)", "drop table devices", "set role andon_owner",
        "select andon_create_partition('readings', now(), now())", "select andon_protect('devices')", "copy devices to program 'cat'",
        "select * from pg_authid",
    ],
)  # fmt: skip
def test_the_applications_role_changes_no_schema(asking: "psycopg.Connection[tuple[object, ...]]", pair: Pair, statement: str) -> None:
    assert attempt(asking, pair.ours, statement) == DENIED.sqlstate


def test_what_looks_past_the_tenant_is_a_short_list_of_look_ups(database: Database) -> None:
    with database.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select p.proname as name, p.proconfig as config, p.prosecdef as definer,"
                " has_function_privilege(p.oid, 'execute') as granted from pg_proc p where p.pronamespace = 'public'::regnamespace"
            )
        ).all()

    assert {row.name for row in rows if row.granted} == {
        "andon_find_user", "andon_find_session", "andon_find_key", "andon_tenants", "andon_has_users", "andon_create_tenant",
        "andon_find_refresh_token", "andon_tenants_with_reports",
        "andon_open_imports", "andon_connections", "andon_find_kiosk_link", "andon_find_kiosk_screen",
        "andon_tenants_to_notify",
        "andon_leaving_tenants",
        "andon_tenants_with_alarms_due",
    }  # fmt: skip
    assert all(row.config == ["search_path=public, pg_temp"] for row in rows if row.definer)
