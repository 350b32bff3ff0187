"""Open alerts in memory: a bell on every page each second costs no query.

A transaction that changes alerts says so by NOTIFY (`db.commands.alarms.save`); who then asks first reads them once for everybody.
"""

import threading
from dataclasses import dataclass

from db.engine import Database
from db.queries.alerts import AlertRow, open_alerts
from db.tenancy import tenant_reading


@dataclass(slots=True)
class _Known:
    version: int
    alerts: tuple[AlertRow, ...]


class AlertBoard:
    """Every tenant's open alerts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._versions: dict[int, int] = {}
        self._known: dict[int, _Known] = {}
        self._lock = threading.Lock()
        self._reading: dict[int, threading.Lock] = {}

    def version(self, tenant_id: int) -> int:
        """Grows whenever alerts of the tenant changed, or what is over them; cheap."""
        return self._versions.get(tenant_id, 0)

    def open(self, tenant_id: int) -> tuple[AlertRow, ...]:
        """Alerts that have not ended, in the order of their priority. Who may see only some lines is shown those (`on_lines`)."""
        known = self._known.get(tenant_id)
        if known is not None and known.version == self.version(tenant_id):
            return known.alerts
        with self._lock:
            reading = self._reading.setdefault(tenant_id, threading.Lock())
        with reading:
            known, version = self._known.get(tenant_id), self.version(tenant_id)
            if known is not None and known.version == version:
                return known.alerts
            with tenant_reading(self._database.engine, tenant_id) as connection:
                alerts = tuple(open_alerts(connection))
            self._known[tenant_id] = _Known(version, alerts)
            return alerts

    def moved(self, tenant_id: int) -> None:
        """Alerts of the tenant changed."""
        with self._lock:
            self._versions[tenant_id] = self._versions.get(tenant_id, 0) + 1

    def loaded_tenants(self) -> list[int]:
        """Tenants that are in memory."""
        return list(self._known)


def on_lines(alerts: tuple[AlertRow, ...], lines: tuple[str, ...] | None) -> tuple[AlertRow, ...]:
    """Those on lines that somebody may see (None: all)."""
    return alerts if lines is None else tuple(alert for alert in alerts if alert.line in lines)
