"""Engines and migrations. One `Database` a process: the application's engine, and the owner's for what needs it."""

import logging
from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.engine import URL

log = logging.getLogger("andon.db")
MIGRATIONS = Path(__file__).parent / "migrations"
MIGRATION_LOCK = 7_266_301


class DatabaseSetupError(RuntimeError):
    """The database cannot be used as it is; the message says what to change."""


@dataclass(frozen=True)
class Database:
    """The application's engine (row security holds) and the owner's (migrations, partitions)."""

    engine: Engine
    owner: Engine

    def dispose(self) -> None:
        """Closes every pooled connection."""
        self.engine.dispose()
        self.owner.dispose()


def psycopg_url(raw: str) -> URL:
    """Any `postgres…://` URL as one that SQLAlchemy opens with psycopg 3."""
    return make_url(raw.replace("postgres://", "postgresql://", 1)).set(drivername="postgresql+psycopg")


def connect_raw(url: URL) -> "psycopg.Connection[tuple[object, ...]]":
    """A psycopg connection outside of any pool: for LISTEN and for the writers."""
    return psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True)


def open_database(app_url: str, owner_url: str, *, pool_size: int = 12) -> Database:
    """Engines for both roles; nothing is connected yet."""
    options = {"pool_pre_ping": True, "pool_recycle": 1800, "connect_args": {"connect_timeout": 10, "options": "-c timezone=UTC"}}
    return Database(
        engine=create_engine(psycopg_url(app_url), pool_size=pool_size, max_overflow=8, **options),
        owner=create_engine(psycopg_url(owner_url), pool_size=1, max_overflow=2, **options),
    )


def alembic_config() -> Config:
    """Alembic's configuration without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def migrate(database: Database, revision: str = "head") -> None:
    """Brings the schema to `revision`, one replica at a time. Raises DatabaseSetupError where a role is wrong."""
    role = database.engine.url.username
    config = alembic_config()
    with database.owner.connect() as connection:
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": MIGRATION_LOCK})
        try:
            config.attributes.update(connection=connection, app_role=role)
            if revision == "base":
                command.downgrade(config, "base")
            else:
                command.upgrade(config, revision)
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("select pg_advisory_unlock(:lock)"), {"lock": MIGRATION_LOCK})
            connection.commit()
    if revision != "base":
        check_role(database)


def check_role(database: Database) -> None:
    """Refuses an application role that row security would not hold."""
    with database.engine.connect() as connection:
        row = connection.execute(
            text(
                "select r.rolsuper or r.rolbypassrls as free, exists (select 1 from pg_class c where c.relowner = r.oid"
                " and c.relname = 'readings') as owns, current_setting('server_version_num')::int as version"
                " from pg_roles r where r.rolname = current_user"
            )
        ).one()
    if row.version < 150000:
        raise DatabaseSetupError(f"PostgreSQL 15 or newer is needed; this one is {row.version // 10000}.")
    if row.free or row.owns:
        raise DatabaseSetupError(
            "DATABASE_URL must name a role that is neither superuser nor owner of the tables, so that row-level security holds. "
            "Create one (create role andon_app login password '…') and give the owner's URL in ANDON_OWNER_DATABASE_URL."
        )


def head_revision() -> str:
    """The newest migration's id."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())
