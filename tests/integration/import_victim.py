"""A process that runs imports, slowly, until somebody kills it: `python -m tests.integration.import_victim FOLDER APP_URL OWNER_URL`."""

import sys
import time
from pathlib import Path
from typing import Any

from dashapp.ingest import csv_import
from dashapp.ingest.services import make_services
from dashapp.settings import Settings
from db.commands.partitions import PartitionKeeper
from db.engine import open_database
from jobs.imports import ImportRunner


def main(folder: str, app_url: str, owner_url: str) -> None:
    """Takes what waits; small batches with a pause between them, so that it is found in the middle."""
    csv_import.BATCH_ROWS = 100
    csv_import.WORD_EVERY_S = 0.0
    submit = csv_import.CsvImport._submit

    def slowly(job: Any, *args: Any) -> None:
        time.sleep(0.05)
        submit(job, *args)

    csv_import.CsvImport._submit = slowly  # type: ignore[method-assign]
    database = open_database(app_url, owner_url)
    services = make_services(Settings(data_dir=Path(folder)), database, PartitionKeeper(database))
    services.start()
    runner = ImportRunner(services)
    runner.start()
    runner.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
