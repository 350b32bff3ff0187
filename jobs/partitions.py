"""Job `partitions`: makes the partitions of the time to come."""

import logging
import time
from datetime import datetime

from db.commands.partitions import Span, ensure_ahead
from db.engine import Database

log = logging.getLogger("andon.jobs.partitions")


def run(database: Database, now: datetime, span: Span = "month", ahead: int = 2) -> list[str]:
    """Makes the partition of `now` and the next `ahead`; gives the names made. Safe to run twice at once."""
    began = time.perf_counter()
    made = ensure_ahead(database, now, span, ahead)
    took_ms = 1000 * (time.perf_counter() - began)
    level = logging.INFO if made else logging.DEBUG
    log.log(level, "partitions by %s: %d made in %.0f ms: %s", span, len(made), took_ms, ", ".join(made) or "none")
    return made
