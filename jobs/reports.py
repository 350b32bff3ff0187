"""Job `make-reports`: reports of the days and shifts that have ended, each once; the outbox mails them.

A report, and the notices that carry it, are written in one transaction, and the database takes a period of a definition once: with two
replicas, or after a crash at any point, it is made and mailed once.
"""

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from dashapp.domain.report_periods import Period, ended_periods
from dashapp.notices.facts import Plant
from dashapp.reports.making import make_and_keep
from dashapp.settings import Settings
from db.columns import to_us
from db.engine import Database
from db.queries.reports import report_definitions, reported_starts, tenants_with_reports
from db.queries.shifts import shift_calendars
from db.tenancy import tenant_reading, tenant_transaction
from jobs.outbox import plant_of

log = logging.getLogger("andon.reports")
WAITS_FOR_US = 60_000_000  # until sums of the last minute are there


class ReportMaker:
    """Makes what is due. One at a time: a report costs a second of a processor."""

    def __init__(self, database: Database, settings: Settings, halted: Callable[[], bool] = lambda: False) -> None:
        self._database, self._settings, self._halted = database, settings, halted
        self._lock = threading.Lock()

    def run(self, now: datetime) -> int:
        """Every report that is due in any plant; how many were made."""
        with self._database.engine.connect() as connection:
            tenants = tenants_with_reports(connection)
        return sum(self._run_tenant(tenant_id, now) for tenant_id in tenants)

    def _run_tenant(self, tenant_id: int, now: datetime) -> int:
        due: list[tuple[Any, Period]] = []
        with tenant_reading(self._database.engine, tenant_id) as connection:
            plant = plant_of(connection, self._settings)
            for definition in report_definitions(connection):
                if not definition.enabled:
                    continue
                until_us = to_us(now - timedelta(minutes=definition.after_min)) - (0 if definition.after_min else WAITS_FOR_US)
                calendars = shift_calendars(connection, definition.line) if definition.kind == "shift" else []
                done = reported_starts(connection, definition.id, now - timedelta(days=40))
                periods = ended_periods(definition.kind, calendars, plant.zone, to_us(definition.since), until_us)
                due += [(definition, period) for period in periods if period.start_us not in done]
        made = 0
        for definition, period in due:
            if self._halted():
                break
            made += self._make(tenant_id, plant, definition, period, now)
        return made

    def _make(self, tenant_id: int, plant: Plant, definition: Any, period: Period, now: datetime) -> bool:
        """False where another replica was first, or it failed: then it is tried again with the next run."""
        try:
            with self._lock, tenant_transaction(self._database.engine, tenant_id) as connection:
                made = make_and_keep(
                    connection, plant, definition, period, now, recipients=definition.recipients,
                    oee_target_percent=self._settings.oee_target_percent,
                )  # fmt: skip
        except Exception:
            log.exception("the report “%s” of %s was not made", definition.name, period.words)
            return False
        return made is not None
