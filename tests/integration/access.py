"""Tenants and people for tests of access."""

import itertools
import os
from datetime import datetime

from sqlalchemy import text

from dashapp.actions.access import create_user
from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from db.commands.people import insert_user
from db.engine import Database
from db.queries import people
from db.tenancy import tenant_transaction

PASSWORD = "nineteen blue turnips"
_numbers = itertools.count(1)


def new_tenant(database: Database, *, demo: bool = False) -> int:
    """The id of one more tenant."""
    key = f"another-{os.getpid()}-{next(_numbers)}"
    with database.engine.begin() as connection:
        made: int = connection.execute(
            text("select andon_create_tenant(:key, :key, 'UTC', :demo)"), {"key": key, "demo": demo}
        ).scalar_one()
    return made


def new_email() -> str:
    """An address that nobody has yet."""
    return f"person-{os.getpid()}-{next(_numbers)}@plant.example"


def administrator(tenant: int) -> Actor:
    """Somebody who may do everything in the tenant, without an account."""
    return Actor("command", 0, tenant, Role.ADMIN, name="command line")


def new_user(
    database: Database, tenant: int, role: Role = Role.VIEWER, *, password: str | None = PASSWORD, lines: list[str] | None = None
) -> people.Person:
    """A person of the tenant."""
    email = new_email()
    made = create_user(database, administrator(tenant), email=email, name=email.split("@")[0], role=role, password=password, lines=lines)
    return person(database, tenant, made)


def new_platform_user(database: Database, tenant: int) -> people.Person:
    """A person of the platform, who may look into every tenant; signs in like `new_user` (the hash is taken from one)."""
    model = new_user(database, tenant, Role.ADMIN)
    with tenant_transaction(database.engine, tenant) as connection:
        made = insert_user(connection, new_email(), "Platform", model.password_hash, "admin", None, is_platform=True)
    assert made is not None
    return person(database, tenant, made)


def person(database: Database, tenant: int, user_id: int) -> people.Person:
    """Somebody as the database has them now."""
    with tenant_transaction(database.engine, tenant) as connection:
        found = people.user(connection, user_id)
    assert found is not None
    return found


def remove_everyone(database: Database) -> None:
    """As before the first set-up."""
    with database.engine.connect() as connection:
        tenants = [tenant.id for tenant in people.tenants(connection)]
    for tenant in tenants:
        with tenant_transaction(database.engine, tenant) as connection:
            connection.execute(text("delete from users"))


def forget_attempts(database: Database) -> None:
    """As if nobody had tried to sign in lately."""
    with database.engine.begin() as connection:
        connection.execute(text("delete from sign_in_attempts"))


def audit_of(database: Database, tenant: int) -> list[tuple[str, str, str]]:
    """(actor, action, target) of every entry of the tenant's log, in order."""
    with tenant_transaction(database.engine, tenant) as connection:
        rows = connection.execute(text("select actor, action, target from audit_log order by id"))
        return [(row.actor, row.action, row.target) for row in rows]


def attempts_since(database: Database, since: datetime) -> int:
    """How many sign-in attempts are counted."""
    with database.engine.connect() as connection:
        found: int = connection.execute(
            text("select count(*) from sign_in_attempts where at >= :since"), {"since": since}
        ).scalar_one()
    return found
