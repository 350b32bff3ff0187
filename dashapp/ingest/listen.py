"""Replicas tell each other what changed: LISTEN and NOTIFY on a direct connection.

Four channels: `andon_live` (readings of a tenant were stored), `andon_names` (its devices or sensors changed), `andon_rules` (its
rules) and `andon_alerts` (its alerts). A payload is `sender:tenant`; what a replica sent itself under its name it passes by.
"""

import logging
import threading

import psycopg

from dashapp.ingest.alert_board import AlertBoard
from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.live import Live
from dashapp.ingest.rulebook import Rulebook
from db.engine import Database, connect_raw
from db.notify import ALERTS, LIVE, NAMES, RULES, SENDER

log = logging.getLogger("andon.live")
TELL_EVERY_S = 0.1  # a NOTIFY serialises commits: one a tenth of a second, not one a transaction


class Listener(threading.Thread):
    """Hears other replicas and tells them of ours."""

    def __init__(self, database: Database, catalogue: Catalogue, live: Live, rulebook: Rulebook, alerts: AlertBoard) -> None:
        super().__init__(name="listener", daemon=True)
        self._url = database.engine.url
        self._catalogue = catalogue
        self._live = live
        self._rulebook = rulebook
        self._alerts = alerts
        self._stopping = threading.Event()
        self.connected = False

    def stop(self) -> None:
        """Ends within a tenth of a second or two."""
        self._stopping.set()
        if self.is_alive():
            self.join(5)

    def run(self) -> None:
        """Reconnects for ever; after a gap everything is read again."""
        pause_s = 0.1
        while not self._stopping.is_set():
            try:
                with connect_raw(self._url) as connection:
                    for channel in (LIVE, NAMES, RULES, ALERTS):
                        connection.execute(f"listen {channel}")
                    self._catch_up()
                    self.connected = True
                    pause_s = 0.1
                    self._serve(connection)
            except psycopg.Error as error:
                log.info("listening is tried again: %s", error)
            except Exception:
                log.exception("listening is tried again")
            finally:
                self.connected = False
            self._stopping.wait(pause_s)
            pause_s = min(pause_s * 2, 5)

    def _serve(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        while not self._stopping.is_set():
            heard: set[int] = set()
            for notice in connection.notifies(timeout=TELL_EVERY_S):
                sender, _, tenant = notice.payload.partition(":")
                if sender == SENDER or not tenant.isdigit():
                    continue
                if notice.channel == NAMES:
                    self._names_changed(int(tenant))
                elif notice.channel == RULES:
                    self._rulebook.forget(int(tenant))
                elif notice.channel == ALERTS:
                    self._alerts.moved(int(tenant))
                    self._live.moved(int(tenant))
                else:
                    heard.add(int(tenant))
            for tenant_id in heard:
                if tenant_id in set(self._live.loaded_tenants()):
                    self._live.refresh(tenant_id)
                self._live.moved(tenant_id)
            self._tell(connection)

    def _tell(self, connection: "psycopg.Connection[tuple[object, ...]]") -> None:
        while self._live.published:
            tenant_id = self._live.published.pop()
            connection.execute("select pg_notify(%s, %s)", (LIVE, f"{SENDER}:{tenant_id}"))

    def _names_changed(self, tenant_id: int) -> None:
        self._catalogue.forget(tenant_id)
        self._live.forget(tenant_id)

    def _catch_up(self) -> None:
        for tenant_id in {*self._live.loaded_tenants(), *self._catalogue.loaded_tenants()}:
            self._names_changed(tenant_id)
        for tenant_id in self._rulebook.loaded_tenants():
            self._rulebook.forget(tenant_id)
        for tenant_id in self._alerts.loaded_tenants():
            self._alerts.moved(tenant_id)
