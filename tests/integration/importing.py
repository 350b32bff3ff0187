"""An import as tests bring it about: a file, its row, what it changed in the database, and a way to hold it up."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dashapp.actions import imports as actions
from dashapp.actions.actor import Actor
from dashapp.ingest import csv_import, uploads
from dashapp.ingest.services import Services, make_services
from dashapp.settings import Settings
from db.commands.partitions import PartitionKeeper
from db.engine import Database
from db.queries.imports import ImportRow, find_import
from db.tenancy import tenant_reading
from jobs import aggregation
from tests.serving import wait_until

START = datetime(2021, 5, 3, 6, tzinfo=UTC)


@contextmanager
def importing(database: Database, folder: Path) -> Iterator[Services]:
    """A replica that keeps its files in a folder of the test's."""
    made = make_services(Settings(data_dir=folder), database, PartitionKeeper(database))
    made.start()
    try:
        yield made
    finally:
        made.stop()


def wide(rows: int = 600, *, start: datetime = START, step_s: int = 60, first: float = 70.0, header: str = "time,temperature,oil") -> bytes:
    lines = [header]
    for i in range(rows):
        lines.append(f"{start + timedelta(seconds=step_s * i):%Y-%m-%d %H:%M:%S},{first + i % 9},{2 + i / 1000:.3f}")
    return ("\n".join(lines) + "\n").encode()


def upload(services: Services, actor: Actor, content: bytes, *, device: str = "MX-01", name: str = "press.csv", **plan: Any) -> int:
    """A file as the page brings it: sent, with the device chosen."""
    position = [0]

    def read(size: int) -> bytes:
        piece = content[position[0] : position[0] + size]
        position[0] += len(piece)
        return piece

    kept = uploads.receive(services.settings, read, len(content))
    made = actions.register_upload(services.database, actor, name, kept, len(content))
    actions.plan_import(services.database, actor, made, {"device": device, **plan})
    return made


def row_of(services: Services, actor: Actor, number: int) -> ImportRow:
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        found = find_import(connection, number)
    assert found is not None
    return found


def until(services: Services, actor: Actor, number: int, *states: str) -> ImportRow:
    services.imports_wanted.set()

    def there() -> ImportRow | None:
        row = row_of(services, actor, number)
        return row if row.state in states else None

    return wait_until(there, 40, f"never {states}: {row_of(services, actor, number)}")


def check(services: Services, actor: Actor, number: int) -> ImportRow:
    actions.check_import(services.database, actor, number, devices=None)
    return until(services, actor, number, "checked", "draft")


def bring_in(services: Services, actor: Actor, content: bytes, **plan: Any) -> ImportRow:
    number = upload(services, actor, content, **plan)
    assert check(services, actor, number).state == "checked"
    actions.start_import(services.database, actor, number)
    return until(services, actor, number, "done", "failed")


def take_back(services: Services, actor: Actor, number: int) -> ImportRow:
    actions.undo_import(services.database, actor, number)
    return until(services, actor, number, "undone")


def everything(services: Services, tenant: int) -> dict[str, list[Any]]:
    """All that an import changes, as it is in the database, once the rollups have caught up."""
    aggregation.run_for(services.database, tenant, datetime.now(UTC))
    queries = {
        "readings": "select sensor_id, time, value, flags, import_id from readings order by 1, 2",
        "state": "select sensor_id, time, value, quality, total, readings from sensor_state order by 1",
        "devices": "select id, key, name from devices order by 1",
        "sensors": "select id, device_id, key, unit from sensors order by 1",
        "minutes": "select * from rollup_minute order by sensor_id, bucket",
        "hours": "select * from rollup_hour order by sensor_id, bucket",
        "days": "select * from rollup_day order by sensor_id, bucket",
        "marks": "select sensor_id, hour from rollup_dirty",
        "letters": "select field, reason from dead_letters",
    }
    with tenant_reading(services.database.engine, tenant) as connection:
        return {name: [tuple(row) for row in connection.execute(text(query))] for name, query in queries.items()}


def pins(services: Services, number: int) -> set[str]:
    with services.database.engine.connect() as connection:
        found = connection.execute(text("select name from pinned_partitions where reason = :reason"), {"reason": f"import {number}"})
        return set(found.scalars())


class Held:
    """Stops every import at its n-th batch until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        submit = csv_import.CsvImport._submit
        seen = [0]

        def slow(job: Any, *args: Any) -> None:
            seen[0] += 1
            if seen[0] > batches:
                self.reached.set()
                self.go.wait(40)
            submit(job, *args)

        monkeypatch.setattr(csv_import, "BATCH_ROWS", 100)
        monkeypatch.setattr(csv_import, "WORD_EVERY_S", 0.0)
        monkeypatch.setattr(csv_import.CsvImport, "_submit", slow)
