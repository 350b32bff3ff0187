"""Taking a tenant away: at once for whoever looks one up, its rows in batches, so that nobody waits for them.

What is known of which table is read from the catalogue: a table that is added later goes as well.
"""

from collections.abc import Iterator
from graphlib import TopologicalSorter

from sqlalchemy import Connection, text

from db.engine import Database
from db.tenancy import tenant_transaction

BATCH = 10_000
SERIES = (("readings", "time"), ("rollup_minute", "bucket"), ("rollup_hour", "bucket"), ("rollup_day", "bucket"))

_TABLES = """
select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and has_table_privilege(c.oid, 'delete') order by 1"""
_REFERENCES = """
select k.conrelid::regclass::text as source, k.confrelid::regclass::text as target from pg_constraint k
where k.contype = 'f' and k.connamespace = 'public'::regnamespace and k.conparentid = 0 and k.conrelid <> k.confrelid"""


def leave(connection: Connection) -> None:
    """From the commit on there is no such tenant for whoever looks one up; inside the tenant's own transaction.

    Its people are signed out, its keys end.
    """
    connection.execute(text("update tenants set settings = settings || '{\"leaving\": true}'"))
    connection.execute(text("delete from sessions"))
    connection.execute(text("update api_keys set revoked_at = now() where revoked_at is null"))


def move_home(connection: Connection, tenant_id: int) -> int:
    """In another tenant's transaction: its people who look into `tenant_id` look at their own again; how many sessions moved."""
    connection.execute(
        text("update users set preferences = preferences - 'tenant' where preferences ->> 'tenant' = :tenant"), {"tenant": str(tenant_id)}
    )
    return connection.execute(
        text("update sessions set active_tenant_id = tenant_id where active_tenant_id = :tenant"), {"tenant": tenant_id}
    ).rowcount


def delete_in_batches(database: Database, tenant_id: int) -> Iterator[int]:
    """Deletes what the tenant has, each batch in a transaction of its own; gives the number of rows of each. Safe to begin again."""
    with tenant_transaction(database.engine, tenant_id) as connection:
        sensors = connection.execute(
            text(
                "select id from sensors union select sensor_id from rollup_hour union select sensor_id from rollup_day"
                " union select unnest(sensor_ids) from removals order by 1"
            )
        )
        sensor_ids = list(sensors.scalars())
        tables = _children_first(connection)
    yield from _delete_series(database, tenant_id, sensor_ids)
    for table in tables:
        yield from _delete_table(database, tenant_id, table)
    yield from _delete_series(database, tenant_id, sensor_ids)  # what a writer still had in hand


def drop_tenant(database: Database, tenant_id: int) -> None:
    """Takes the tenant itself away, with what only goes with it: its log, its name. Over the owner's engine."""
    with database.owner.begin() as connection:
        connection.execute(text("delete from tenants where id = :id and settings ? 'leaving'"), {"id": tenant_id})


def _delete_series(database: Database, tenant_id: int, sensor_ids: list[int]) -> Iterator[int]:
    for table, time in SERIES:
        for sensor_id in sensor_ids:
            statement = text(
                f"delete from {table} where sensor_id = :sensor and {time} <= (select max({time}) from"
                f" (select {time} from {table} where sensor_id = :sensor order by {time} limit {BATCH}) as first)"
            )
            yield from _until_none(database, tenant_id, statement, {"sensor": sensor_id})


def _delete_table(database: Database, tenant_id: int, table: str) -> Iterator[int]:
    statement = text(f'delete from "{table}" where ctid = any(array(select ctid from "{table}" limit {BATCH}))')
    yield from _until_none(database, tenant_id, statement, {})


def _until_none(database: Database, tenant_id: int, statement: object, values: dict[str, int]) -> Iterator[int]:
    while True:
        with tenant_transaction(database.engine, tenant_id) as connection:
            gone = connection.execute(statement, values).rowcount  # type: ignore[call-overload]
        if not gone:
            return
        yield gone


def _children_first(connection: Connection) -> list[str]:
    """Tables of tenants from which the application may delete, those that refer to others before them."""
    series = {table for table, _ in SERIES}
    tables = {row.name for row in connection.execute(text(_TABLES))} - series
    order: dict[str, set[str]] = {table: set() for table in tables}
    for row in connection.execute(text(_REFERENCES)):
        if row.source in tables and row.target in tables:
            order[row.target].add(row.source)
    return list(TopologicalSorter(order).static_order())
