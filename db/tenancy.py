"""The one place that says which tenant a transaction belongs to.

Row-level security reads `andon.tenant`; it is set for the transaction alone (`SET LOCAL`), so a pooled connection never
carries it over. Without it every tenant-owned table is empty and refuses rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection, Engine, text

only_reading: ContextVar[bool] = ContextVar("andon_only_reading", default=False)
"""Set while a wall screen's request is answered: the database itself then refuses to write, whatever the code asks of it."""
SET_TENANT = "select set_config('andon.tenant', %s, true)"


def enter_tenant(connection: Connection, tenant_id: int) -> None:
    """Makes the transaction under way one of this tenant."""
    connection.execute(text("select set_config('andon.tenant', :tenant, true)"), {"tenant": str(int(tenant_id))})


@contextmanager
def tenant_transaction(engine: Engine, tenant_id: int) -> Iterator[Connection]:
    """A transaction of one tenant: committed at the end of the block, rolled back when it raises."""
    with engine.begin() as connection:
        if only_reading.get():
            connection.execute(text("set transaction read only"))
        enter_tenant(connection, tenant_id)
        yield connection


@contextmanager
def tenant_reading(engine: Engine, tenant_id: int) -> Iterator[Connection]:
    """Like `tenant_transaction`, for reads: the database refuses to write in it."""
    with engine.begin() as connection:
        connection.execute(text("set transaction read only"))
        enter_tenant(connection, tenant_id)
        yield connection
