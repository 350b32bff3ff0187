"""A migrated database of a test's own, for what concerns the whole installation."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager

from db.embedded import EmbeddedPostgres
from db.engine import Database, connect_raw, migrate, open_database, psycopg_url

_numbers = itertools.count(1)


@contextmanager
def fresh_database(postgres: EmbeddedPostgres) -> Iterator[Database]:
    """Dropped at the end, whoever is still connected."""
    name = f"fresh_{os.getpid()}_{next(_numbers)}"
    superuser = psycopg_url(postgres.url("postgres"))
    with connect_raw(superuser) as connection:
        connection.execute(f"create database {name} owner andon_owner")
    with connect_raw(superuser.set(database=name)) as connection:
        connection.execute("alter schema public owner to andon_owner")
    urls = [psycopg_url(postgres.url(role)).set(database=name).render_as_string(hide_password=False) for role in ("app", "owner")]
    opened = open_database(*urls)
    try:
        migrate(opened)
        yield opened
    finally:
        opened.dispose()
        with connect_raw(superuser) as connection:
            connection.execute(f"drop database {name} with (force)")
