"""Job `recompute-production`: what readings, edits, calendars and products changed of the figures of machines."""

import logging
import time
from datetime import datetime

from sqlalchemy import text

from db.commands.production import Recomputed, recompute_production
from db.engine import Database

log = logging.getLogger("andon.jobs.production")
BUSY_FOR_S = 20.0  # of one tenant; what is left waits for the next run


def run(database: Database, now: datetime) -> Recomputed:
    """One run over every tenant. Safe to run twice at once; a tenant that fails does not keep the others from theirs.

    Raises ExceptionGroup of what failed, after all were tried.
    """
    with database.engine.connect() as connection:
        tenants = connection.execute(text("select id from andon_tenants()")).scalars().all()
    done, failed = Recomputed(), []
    for tenant_id in tenants:
        try:
            done += run_for(database, tenant_id, busy_for_s=BUSY_FOR_S)
        except Exception as error:
            error.add_note(f"tenant {tenant_id}")
            failed.append(error)
    if failed:
        raise ExceptionGroup("production was not computed", failed)
    return done


def run_for(database: Database, tenant_id: int, *, busy_for_s: float = float("inf")) -> Recomputed:
    """Until nothing of a tenant is left, or the time is up."""
    began = time.monotonic()
    done = step = recompute_production(database, tenant_id)
    while step.more and time.monotonic() - began < busy_for_s:
        step = recompute_production(database, tenant_id)
        done += step
    if done.hours:
        log.debug("%d hours of %d machines in %.0f ms", done.hours, done.machines, 1000 * (time.monotonic() - began))
    return done
