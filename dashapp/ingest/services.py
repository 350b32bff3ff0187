"""What a running Andon consists of: handed to doors, pages and jobs by the composition root."""

import time
from dataclasses import dataclass, field

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
    started_at: float = field(default_factory=time.time)

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
