"""Takes an import back: its readings in batches, then the rollups, what it made, and its pins. Goes on where it was cut off."""

import logging
from collections.abc import Callable

from sqlalchemy import text

from dashapp.actions.actor import Actor
from dashapp.domain.fleet import Role
from dashapp.ingest import uploads
from dashapp.ingest.services import Services
from db.columns import to_us
from db.commands import audit
from db.commands import imports as commands
from db.commands.partitions import release_partitions
from db.commands.rollups import recompute_dirty
from db.commands.undo_import import remove_batch, remove_unused_devices, remove_unused_sensors, tenant_sensors
from db.notify import tell_names_changed
from db.queries.imports import ImportRow
from db.tenancy import tenant_transaction

log = logging.getLogger("andon.imports")
HOURS_AT_ONCE = 1_000
FIRST_US, LAST_US = -62_000_000_000_000_000, 253_000_000_000_000_000


def undo(services: Services, tenant_id: int, row: ImportRow, go_on: Callable[[], None]) -> None:
    """Takes the import back and says how far it is; `go_on` may raise to end it, and a later call goes on."""
    engine = services.database.engine
    with tenant_transaction(engine, tenant_id) as connection:
        sensors = row.detail.get("sensors")
        there = tenant_sensors(connection)
    first_us = FIRST_US if row.first_at is None else to_us(row.first_at) - 1
    last_us = LAST_US if row.last_at is None else to_us(row.last_at)
    for sensor_id in there if sensors is None else sorted(set(sensors) & set(there)):
        _remove_of(services, tenant_id, row.id, sensor_id, first_us, last_us, go_on)
    while recompute_dirty(services.database, tenant_id, limit=HOURS_AT_ONCE):
        go_on()
        with tenant_transaction(engine, tenant_id) as connection:
            commands.note_life(connection, row.id)
    _finish(services, tenant_id, row)


def _remove_of(
    services: Services, tenant_id: int, import_id: int, sensor_id: int, first_us: int, last_us: int, go_on: Callable[[], None]
) -> None:
    after_us: int | None = first_us
    while after_us is not None:
        go_on()
        with tenant_transaction(services.database.engine, tenant_id) as connection:
            batch = remove_batch(connection, tenant_id, import_id, sensor_id, after_us=after_us, last_us=last_us)
            commands.note_life(connection, import_id, removed=batch.removed)
        after_us = batch.reached_us


def _finish(services: Services, tenant_id: int, row: ImportRow) -> None:
    made = row.detail.get("made") or {}
    actor = Actor(kind="job", id=0, tenant_id=tenant_id, role=Role.MANAGER, name="import")
    with tenant_transaction(services.database.engine, tenant_id) as connection:
        sensors = remove_unused_sensors(connection, made.get("sensors", []))
        devices = remove_unused_devices(connection, made.get("devices", []))
        release_partitions(connection, f"import {row.id}")
        commands.forget_problems(connection, row.id)
        upload = commands.drop_upload(connection, row.id)
        connection.execute(text("update imports set bytes_read = 0 where id = :id"), {"id": row.id})
        commands.move(connection, row.id, ("undoing",), "undone")
        detail = {"sensors": len(sensors), "devices": devices}
        audit.record(connection, actor, "import_undone", f"import:{row.id}", detail)
        tell_names_changed(connection, tenant_id)  # other replicas read anew what is current, we with them
    services.catalogue.forget(tenant_id)
    services.live.forget(tenant_id)
    uploads.remove(services.settings, upload)
    log.info("import %d is undone", row.id)
