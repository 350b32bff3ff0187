"""Rows that have served: old Idempotency-Keys, sign-in attempts, sessions that ended."""

from datetime import datetime, timedelta

from sqlalchemy import text

from db.engine import Database
from db.tenancy import tenant_transaction

KEEP_ANSWERS = timedelta(hours=48)
KEEP_ATTEMPTS = timedelta(days=1)


def run(database: Database, now: datetime) -> int:
    """Deletes them; the number of rows."""
    with database.engine.begin() as connection:
        tenants = connection.execute(text("select id from andon_tenants()")).scalars().all()
        gone = connection.execute(text("delete from sign_in_attempts where at < :old"), {"old": now - KEEP_ATTEMPTS}).rowcount
    for tenant_id in tenants:
        with tenant_transaction(database.engine, tenant_id) as connection:
            gone += connection.execute(text("delete from idempotency_keys where at < :old"), {"old": now - KEEP_ANSWERS}).rowcount
            gone += connection.execute(text("delete from sessions where expires_at < :now"), {"now": now}).rowcount
    return gone
