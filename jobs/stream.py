"""What programs could still resume from, cut to its length: `db.commands.stream`."""

from datetime import datetime, timedelta

from sqlalchemy import text

from db.commands.stream import forget
from db.engine import Database
from db.tenancy import tenant_transaction


def run(database: Database, now: datetime, *, keep: timedelta) -> int:
    """Deletes what is older than `keep`; the number of rows."""
    with database.engine.connect() as connection:
        tenants = connection.execute(text("select id from andon_tenants()")).scalars().all()
    gone = 0
    for tenant_id in tenants:
        with tenant_transaction(database.engine, tenant_id) as connection:
            gone += forget(connection, now - keep)
    return gone
