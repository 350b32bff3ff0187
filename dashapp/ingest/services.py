"""What a running Andon consists of: handed to doors, pages and jobs by the composition root."""

import time
from dataclasses import dataclass, field

from sqlalchemy import text

from dashapp.ingest.catalogue import Catalogue
from dashapp.ingest.listen import Listener
from dashapp.ingest.live import Live
from dashapp.ingest.pipeline import Partitions, Pipeline
from dashapp.settings import Settings
from db.engine import Database


@dataclass(slots=True)
class Services:
    """One of each."""

    settings: Settings
    database: Database
    catalogue: Catalogue
    live: Live
    pipeline: Pipeline
    listener: Listener
    set_up_code: str | None = None
    open_tenant_id: int | None = None  # the tenant that takes readings without a key, where the setting allows it
    started_at: float = field(default_factory=time.time)
    _demo: list[int] = field(default_factory=list)
    _demo_looked_at: float = -10.0

    def demo_tenants(self) -> list[int]:
        """Tenants whose fleet is simulated; looked up at most every five seconds."""
        if time.monotonic() - self._demo_looked_at > 5:
            with self.database.engine.connect() as connection:
                rows = connection.execute(text("select id from andon_tenants() where is_demo")).scalars()
                self._demo, self._demo_looked_at = list(rows), time.monotonic()
        return self._demo

    def start(self) -> None:
        """Writers and listener."""
        self.pipeline.start()
        self.listener.start()

    def stop(self) -> None:
        """Commits what was accepted, then lets go."""
        self.pipeline.stop()
        self.listener.stop()
        self.database.dispose()


def make_services(settings: Settings, database: Database, partitions: Partitions) -> Services:
    """Wires the parts; nothing runs yet."""
    catalogue = Catalogue(database)
    live = Live(database)
    pipeline = Pipeline(
        database, catalogue, live, partitions, queue_rows=settings.queue_rows, slice_rows=settings.slice_rows
    )
    return Services(settings, database, catalogue, live, pipeline, Listener(database, catalogue, live))
