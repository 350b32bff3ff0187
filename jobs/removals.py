"""Job `remove-readings`: what devices and sensors that were removed have left behind goes in batches."""

import logging
import time
from datetime import datetime

from sqlalchemy import text

from db.commands.removals import remove_batch
from db.engine import Database
from db.tenancy import tenant_transaction

log = logging.getLogger("andon.jobs.removals")
AT_ONCE_S = 8.0  # then the next run goes on: other jobs wait for their turn too


def run(database: Database, now: datetime) -> int:
    """Deletes for a few seconds, each batch in a transaction of its own; the number of readings. Safe to run twice at once."""
    until, total = time.monotonic() + AT_ONCE_S, 0
    with database.engine.connect() as connection:
        tenants = connection.execute(text("select id from andon_tenants()")).scalars().all()
    for tenant_id in tenants:
        while time.monotonic() < until:
            with tenant_transaction(database.engine, tenant_id) as connection:
                step = remove_batch(connection, tenant_id)
            if step is None:
                break
            total += step.readings
            if step.finished:
                log.info("all that was left of %s is removed (tenant %d)", step.key, tenant_id)
    return total
