"""Job `demo-plant`: carries out what was decided about the demo plant, and goes on where a stop cut it off."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from db.commands import tenants
from db.commands.installation import DemoState, demo_state, keep_demo_state
from db.engine import Database
from db.notify import tell_names_changed
from jobs.demo import ensure_demo

log = logging.getLogger("andon.demo")
TELL_EVERY_S = 1.0
SILENT = timedelta(seconds=60)  # after which whoever was making it has gone
NOBODY_STOPS: Callable[[], bool] = bool


class _Halted(Exception):
    """The server stops: the rest comes after its next start."""


def run(database: Database, now: datetime, *, days: int, span: str, halted: Callable[[], bool] = NOBODY_STOPS) -> str:
    """Removes the demo plant, or makes it, where that was asked for; what was done. Safe to run twice and to be cut off."""
    with database.engine.connect() as connection:
        known = demo_state(connection)
    try:
        if known.state == "removing":
            return f"{finish_removal(database, halted=halted):,} rows removed"
        abandoned = known.state == "making" and (known.at is None or now - known.at > SILENT)
        if known.state == "wanted" or abandoned:
            make_demo(database, now, days=days, span=span, halted=halted)
            return "made"
    except _Halted:
        return "halted"
    return ""


def finish_removal(
    database: Database, *, halted: Callable[[], bool] = NOBODY_STOPS, told: Callable[[int], None] = lambda _rows: None
) -> int:
    """Deletes what is left of every demo plant that was removed; the number of rows, without those that cascade."""
    began = time.monotonic()
    with database.engine.connect() as connection:
        leaving = list(connection.execute(text("select id from andon_leaving_tenants() where is_demo")).scalars())
    gone = 0
    told_at = 0.0
    for tenant_id in leaving:
        for rows in tenants.delete_in_batches(database, tenant_id):
            gone += rows
            told(gone)
            if halted():
                raise _Halted
            if time.monotonic() - told_at > TELL_EVERY_S:
                told_at = time.monotonic()
                _tell(database, DemoState("removing", f"{gone:,} rows are gone"))
        tenants.drop_tenant(database, tenant_id)
        with database.engine.begin() as connection:
            tell_names_changed(connection, tenant_id)
    _tell(database, DemoState("removed"))
    log.info("the demo plant is gone: %d rows in %.1f s", gone, time.monotonic() - began)
    return gone


def make_demo(
    database: Database,
    now: datetime,
    *,
    days: int,
    span: str,
    halted: Callable[[], bool] = NOBODY_STOPS,
    told: Callable[[float, str], None] = lambda _share, _note: None,
) -> int:
    """Makes the demo plant with its history; its id. Until that is done nothing of it is simulated live."""
    told_at = 0.0

    def progress(share: float, note: str) -> None:
        nonlocal told_at
        told(share, note)
        if halted():
            raise _Halted
        if time.monotonic() - told_at > TELL_EVERY_S:
            told_at = time.monotonic()
            _tell(database, DemoState("making", note, share))

    _tell(database, DemoState("making", "the fleet"))
    tenant_id = ensure_demo(database, days=days, span=span, now=now, progress=progress)
    with database.engine.begin() as connection:
        tell_names_changed(connection, tenant_id)
    _tell(database, DemoState("there"))
    return tenant_id


def _tell(database: Database, state: DemoState) -> None:
    with database.engine.begin() as connection:
        keep_demo_state(connection, state, datetime.now(UTC))
