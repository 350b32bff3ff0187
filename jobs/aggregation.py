"""Job `aggregate`: closes rollup buckets behind the ingest and recomputes what late readings touched."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from db.commands.rollups import Closing, Computed, close_buckets, recompute_dirty
from db.engine import Database

log = logging.getLogger("andon.jobs.aggregation")
HOURS_AT_ONCE = 500
LATE_FOR_S = 30.0  # an import's marks wait for the next run rather than keep the closing of other tenants waiting


@dataclass(frozen=True, slots=True)
class Aggregated:
    """What one run did. `late_hours` counts (sensor, hour) pairs, `busy` the tenants that ingests kept open."""

    tenants: int
    minutes: int
    late_hours: int
    busy: int


def run(database: Database, now: datetime) -> Aggregated:
    """One run over every tenant. Safe to run twice at once; a tenant that fails does not keep the others from theirs.

    Raises ExceptionGroup of what failed, after all were tried.
    """
    began = time.perf_counter()
    with database.engine.connect() as connection:
        tenants = connection.execute(text("select id from andon_tenants()")).scalars().all()
    computed, busy, late_hours, failed = Computed(), 0, 0, []
    for tenant_id in tenants:
        try:
            closing, hours = run_for(database, tenant_id, now)
            computed, busy, late_hours = computed + closing.computed, busy + (not closing.moved), late_hours + hours
        except Exception as error:
            error.add_note(f"tenant {tenant_id}")
            failed.append(error)
    done = Aggregated(len(tenants), computed.minutes, late_hours, busy)
    log.log(
        logging.INFO if late_hours or busy or failed else logging.DEBUG,
        "aggregated %d tenants in %.0f ms: %d minutes, %d hours, %d days; %d late hours; %d kept open; %d failed",
        *(done.tenants, 1000 * (time.perf_counter() - began), computed.minutes, computed.hours, computed.days),
        *(late_hours, busy, len(failed)),
    )
    if failed:
        raise ExceptionGroup("rollups were not computed", failed)
    return done


def run_for(database: Database, tenant_id: int, now: datetime) -> tuple[Closing, int]:
    """One run over one tenant: what was closed, and how many late (sensor, hour) pairs were recomputed."""
    closing = close_buckets(database, tenant_id, now)
    return closing, _recompute(database, tenant_id)


def _recompute(database: Database, tenant_id: int) -> int:
    """Late hours until none is left or the time is up."""
    until, total = time.monotonic() + LATE_FOR_S, 0
    while time.monotonic() < until:
        hours = recompute_dirty(database, tenant_id, limit=HOURS_AT_ONCE)
        total += hours
        if hours < HOURS_AT_ONCE:
            break
    return total
