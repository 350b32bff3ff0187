"""Rows that have served: old Idempotency-Keys, sign-in attempts, sessions that ended, old notices, wall screens that are gone."""

from datetime import datetime, timedelta

from sqlalchemy import text

from db.commands import notices
from db.commands.connections import drop_old_outgoing
from db.commands.dead_letters import forget_settled
from db.commands.kiosk import delete_old_screens
from db.commands.simulation import forget_old_episodes
from db.commands.tokens import forget_old_families
from db.engine import Database
from db.tenancy import tenant_transaction

KEEP_ANSWERS = timedelta(hours=48)
KEEP_ATTEMPTS = timedelta(days=1)
KEEP_NOTICES = timedelta(days=183)  # the delivery log, as long as alerts
KEEP_TOLD = timedelta(days=7)  # rows of the outbox that have served
KEEP_SETTLED = timedelta(days=30)  # dead letters that were replayed or dropped
KEEP_UNSENT = timedelta(days=7)  # what no broker has taken
KEEP_EPISODES = timedelta(days=30)  # of the simulator; the audit log keeps who injected what
KEEP_SCREENS = timedelta(days=30)


def run(database: Database, now: datetime) -> int:
    """Deletes them; the number of rows."""
    with database.engine.begin() as connection:
        tenants = connection.execute(text("select id from andon_tenants()")).scalars().all()
        gone = connection.execute(text("delete from sign_in_attempts where at < :old"), {"old": now - KEEP_ATTEMPTS}).rowcount
    for tenant_id in tenants:
        with tenant_transaction(database.engine, tenant_id) as connection:
            gone += connection.execute(text("delete from idempotency_keys where at < :old"), {"old": now - KEEP_ANSWERS}).rowcount
            gone += notices.forget(connection, now - KEEP_NOTICES, now - KEEP_TOLD)
            gone += connection.execute(text("delete from sessions where expires_at < :now"), {"now": now}).rowcount
            gone += forget_old_families(connection, now)
            gone += forget_old_episodes(connection, now - KEEP_EPISODES)
            gone += forget_settled(connection, now - KEEP_SETTLED)
            gone += drop_old_outgoing(connection, now - KEEP_UNSENT)
            gone += delete_old_screens(connection, now - KEEP_SCREENS)
    return gone
