"""The table of jobs: name, how often, what."""

from datetime import datetime

from dashapp.ingest.services import Services
from jobs import aggregation, housekeeping, partitions
from jobs.scheduler import Job, Scheduler
from jobs.simulator import Simulator


def make_scheduler(services: Services) -> Scheduler:
    """Every job of this version; nothing runs yet."""
    database, settings = services.database, services.settings
    simulator = Simulator(services)

    def keep_partitions(now: datetime) -> object:
        return partitions.run(database, now, settings.partition_by, settings.partitions_ahead)

    return Scheduler(
        database.engine,
        [
            Job("simulate", 1, simulator.run),
            Job("aggregate", 10, lambda now: aggregation.run(database, now)),
            Job("make-partitions", 3600, keep_partitions),
            Job("tidy-up", 600, lambda now: housekeeping.run(database, now)),
        ],
    )
