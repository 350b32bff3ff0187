"""The table of jobs: name, how often, what."""

import time
from datetime import datetime, timedelta

from dashapp.ingest.services import Services
from db.commands.system import sample_storage
from jobs import aggregation, demo_plant, housekeeping, partitions, production, removals, stream
from jobs.alert_checks import AlertChecks
from jobs.behaviour_checks import BehaviourChecks
from jobs.outbox import Notifier
from jobs.reports import ReportMaker
from jobs.scheduler import Job, Scheduler
from jobs.simulator import Simulator


def make_scheduler(services: Services) -> Scheduler:
    """Every job of this version; nothing runs yet."""
    database, settings = services.database, services.settings
    simulator = Simulator(services)
    notifier = Notifier(database, settings)
    behaviour = BehaviourChecks(database, services.rulebook)
    alarms = AlertChecks(database, services.rulebook, started_us=time.time_ns() // 1000)

    def keep_partitions(now: datetime) -> object:
        return partitions.run(database, now, settings.partition_by, settings.partitions_ahead)

    def keep_demo(now: datetime) -> object:
        return demo_plant.run(
            database, now, days=settings.demo_days, span=settings.partition_by, halted=scheduler.stopping.is_set
        )

    def trim_stream(now: datetime) -> object:
        return stream.run(database, now, keep=timedelta(minutes=settings.resume_minutes))

    def measure(now: datetime) -> None:
        with database.engine.begin() as connection:
            sample_storage(connection, now)

    def halted() -> bool:
        return scheduler.stopping.is_set()

    reports = ReportMaker(database, settings, halted)
    scheduler = Scheduler(
        database.engine,
        [
            Job("simulate", 1, simulator.run, what="Readings of the simulated machines"),
            Job("check-alerts", 1, alarms.run, what="Delays, silence, escalation, and shelving that ends"),
            Job("check-behaviour", 60, behaviour.run, what="Anomalies, and values on their way to a limit"),
            Job("aggregate", 10, lambda now: aggregation.run(database, now), what="Minutes, hours and days of readings"),
            Job("recompute-production", 3, lambda now: production.run(database, now), what="Stops, hours and days of production"),
            Job("make-partitions", 3600, keep_partitions, what="Room for the readings to come"),
            Job("remove-readings", 10, lambda now: removals.run(database, now), what="Readings of removed devices and sensors"),
            Job("make-reports", 20, reports.run, what="Reports of days and shifts, for the archive and by mail"),
            Job("send-notices", 1, notifier.run, what="Messages about alerts"),
            Job("tidy-up", 600, lambda now: housekeeping.run(database, now), what="Old sessions, answers and logs"),
            Job("trim-stream", 60, trim_stream, what="What WebSocket clients may still resume from"),
            Job("measure-storage", 600, measure, what="Sizes of the database, kept hour by hour"),
            Job("demo-plant", 2, keep_demo, what="Makes or removes the demo plant"),
        ],
        at_end=[notifier.stop],
        replica=services.replica,
    )
    return scheduler
