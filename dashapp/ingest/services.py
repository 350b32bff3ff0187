"""What a running Andon consists of: handed to doors, pages and jobs by the composition root."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import text

from dashapp.ingest.alarms import Evaluation
from dashapp.ingest.alert_board import AlertBoard
from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.health import Health
from dashapp.ingest.limits import Limits
from dashapp.ingest.listen import Listener
from dashapp.ingest.live import Live
from dashapp.ingest.meter import Meter
from dashapp.ingest.pipeline import Partitions, Pipeline
from dashapp.ingest.rulebook import Rulebook
from dashapp.settings import Settings
from db.engine import Database


@dataclass(slots=True)
class Services:
    """One of each."""

    settings: Settings
    database: Database
    catalogue: Catalogue
    live: Live
    rulebook: Rulebook
    evaluation: Evaluation
    alerts: AlertBoard
    pipeline: Pipeline
    listener: Listener
    set_up_code: str | None = None
    register: Callable[["Services", int, list[tuple[str, str, str]]], None] | None = None  # makes who reports and is welcome
    open_tenant_id: int | None = None  # the tenant that takes readings without a key, where the setting allows it
    started_at: float = field(default_factory=time.time)
    imports_wanted: threading.Event = field(default_factory=threading.Event)  # somebody asked for an import: look now, not in two seconds
    connections_wanted: threading.Event = field(default_factory=threading.Event)  # somebody changed one: look now, not in a second
    replica: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}")
    health: Health = field(init=False)
    meter: Meter = field(init=False)
    limits: Limits = field(init=False)
    _demo: list[int] = field(default_factory=list)
    _demo_looked_at: float = -10.0

    def __post_init__(self) -> None:
        self.health = Health(self)
        self.meter = Meter(self)
        self.limits = Limits(self.settings)

    def demo_tenants(self) -> list[int]:
        """Tenants whose fleet is simulated; looked up at most every five seconds."""
        if time.monotonic() - self._demo_looked_at > 5:
            with self.database.engine.connect() as connection:
                rows = connection.execute(text("select id from andon_tenants() where is_demo")).scalars()
                self._demo, self._demo_looked_at = list(rows), time.monotonic()
        return self._demo

    def start(self) -> None:
        """Writers, listener, meter."""
        self.pipeline.start()
        self.listener.start()
        self.meter.start()

    def stop(self) -> None:
        """Commits what was accepted, then lets go. The database is closed by who opened it."""
        self.meter.stop()
        self.pipeline.stop()
        self.listener.stop()


def make_services(settings: Settings, database: Database, partitions: Partitions) -> Services:
    """Wires the parts; nothing runs yet."""
    catalogue = Catalogue(database)
    live = Live(database)
    rulebook, alerts = Rulebook(database, catalogue), AlertBoard(database)
    evaluation = Evaluation(rulebook)
    pipeline = Pipeline(
        database, catalogue, live, partitions, queue_rows=settings.queue_rows, slice_rows=settings.slice_rows,
        evaluate=evaluation, asks=evaluation.asks,
    )  # fmt: skip
    listener = Listener(database, catalogue, live, rulebook, alerts)
    return Services(settings, database, catalogue, live, rulebook, evaluation, alerts, pipeline, listener)
