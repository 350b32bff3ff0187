"""What someone can do with an import: bring a file, say how it is read, check it, start it, stop it, take it back, throw it away.

Here the import's row goes from state to state; `jobs.imports` does what the states queued, checking and undoing ask for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec
from db.commands import audit
from db.commands import imports as commands
from db.commands.devices import insert_device, insert_sensor
from db.engine import Database
from db.notify import tell_names_changed
from db.queries.imports import ImportRow, find_import
from db.tenancy import tenant_transaction

STARTABLE = ("checked", "failed", "cancelled", "interrupted")
UNDOABLE = ("done", "failed", "cancelled", "interrupted")
DISCARDABLE = ("draft", "checked", "failed", "cancelled", "interrupted", "undone")
WORDS = {
    "draft": "being set up", "checking": "being checked", "checked": "checked", "queued": "waiting", "running": "running",
    "cancelling": "being cancelled", "done": "done", "failed": "failed", "cancelled": "cancelled", "interrupted": "interrupted",
    "undoing": "being undone", "undone": "undone",
}  # fmt: skip


@dataclass(slots=True)
class Made:
    """Ids of devices and sensors that were made for an import."""

    devices: list[int] = field(default_factory=list)
    sensors: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def register_upload(database: Database, actor: Actor, file_name: str, upload: str, size: int) -> int:
    """Begins an import of a file that was sent; managers and above. Its id."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        import_id = commands.insert_import(
            connection, actor.tenant_id, _plain_name(file_name), actor.name or actor.label, state="draft", upload=upload, size=size
        )
        audit.record(connection, actor, "upload_file", f"import:{import_id}", {"file": file_name, "bytes": size})
    return import_id


def plan_import(database: Database, actor: Actor, import_id: int, plan: Mapping[str, Any], said_ms: int | None = None) -> None:
    """Keeps how the file is to be read; what was checked before counts no more. Raises ActionError where it is under way.

    `said_ms` is when the actor said so, by their own clock: requests overtake each other, and one that was sent before what is kept
    changes nothing.
    """
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        if not commands.keep_plan(connection, import_id, plan, None if said_ms is None else (actor.label, said_ms)):
            found = _found(connection, import_id)
            if found.state not in ("draft", "checked"):
                raise _not_now(found)


def check_import(database: Database, actor: Actor, import_id: int, *, devices: Sequence[str] | None) -> None:
    """Has the whole file read without storing any of it. `devices` are keys that it is for; None: its rows name them.

    Raises ActionError where the actor may not write to one of the devices, or the import is under way.
    """
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        _found(connection, import_id)
        _check_lines(connection, actor, devices)
        _move(connection, import_id, ("draft", "checked"), "checking")


def start_import(database: Database, actor: Actor, import_id: int) -> None:
    """Stores the file: one that was checked, or one that stopped before its end, from its beginning (what is there stays)."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, import_id)
        if found.upload is None:
            raise ActionError("import", "the file is no longer here; choose it again", status=409)
        again = found.state != "checked"
        _move(connection, import_id, STARTABLE, "queued")
        audit.record(
            connection, actor, "resume_import" if again else "start_import", f"import:{import_id}",
            {"file": found.file_name, "device": (found.detail.get("plan") or {}).get("device", "")},
        )  # fmt: skip


def cancel_import(database: Database, actor: Actor, import_id: int) -> None:
    """Stops it where it is; what is stored stays until it is undone. A check that runs is given up."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, import_id)
        if commands.move(connection, import_id, ("checking",), "draft"):
            return
        if not commands.move(connection, import_id, ("queued",), "cancelled", note="Cancelled before it began."):
            moved = connection.execute(
                text("update imports set state = 'cancelling' where id = :id and state = 'running' returning id"), {"id": import_id}
            )
            if moved.one_or_none() is None:
                raise _not_now(found)
        audit.record(connection, actor, "cancel_import", f"import:{import_id}", {"file": found.file_name})


def undo_import(database: Database, actor: Actor, import_id: int) -> None:
    """Has everything taken back that the import stored and made. Raises ActionError where it is under way or undone already."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, import_id)
        _move(connection, import_id, UNDOABLE, "undoing")
        audit.record(connection, actor, "undo_import", f"import:{import_id}", {"file": found.file_name, "stored": found.stored})


def discard_import(database: Database, actor: Actor, import_id: int) -> str | None:
    """Throws the file away, and the import where it stored nothing; the file's name among the uploads, to be removed."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        found = _found(connection, import_id)
        if found.state not in DISCARDABLE:
            raise _not_now(found)
        upload = commands.drop_upload(connection, import_id)
        if found.stored == 0 and found.state in ("draft", "checked"):
            commands.delete_import(connection, import_id)
        audit.record(connection, actor, "discard_import", f"import:{import_id}", {"file": found.file_name})
    return upload


def make_sensors(
    database: Database, actor: Actor, wanted: Mapping[str, Sequence[SensorSpec]], names: Mapping[str, str] | None = None
) -> Made:
    """Makes the devices and sensors of these that are missing. `names` are those of new devices by key. Raises ActionError.

    Devices and sensors that came meanwhile are left as they are.
    """
    require(actor, Role.MANAGER)
    made = Made()
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        for key, sensors in wanted.items():
            _make_device(connection, actor, key, (names or {}).get(key) or key, sensors, made)
        if made.names:
            tell_names_changed(connection, actor.tenant_id)
    return made


def _make_device(connection: Connection, actor: Actor, key: str, name: str, sensors: Sequence[SensorSpec], made: Made) -> None:
    if not key.strip() or len(key) > 100 or "/" in key or not key.isprintable():
        raise ActionError("device", "the device needs a key of 1 to 100 characters without a slash", status=422)
    device_id = insert_device(connection, actor.tenant_id, DeviceSpec(key, name[:200], "", "", ()))
    if device_id is None:
        device_id = connection.execute(text("select id from devices where key = :key"), {"key": key}).scalar_one()
    else:
        made.devices.append(device_id)
        audit.record(connection, actor, "create_device", key, {"name": name, "sensors": [sensor.key for sensor in sensors]})
    new = []
    for sensor in sensors:
        sensor_id = insert_sensor(connection, actor.tenant_id, device_id, sensor)
        if sensor_id is not None:
            made.sensors.append(sensor_id)
            new.append(sensor.key)
    made.names += [f"{key} {sensor}" for sensor in new]
    if new and device_id not in made.devices:
        audit.record(connection, actor, "add_sensors", key, {"sensors": new})


def _check_lines(connection: Connection, actor: Actor, devices: Sequence[str] | None) -> None:
    """Somebody who is narrowed to lines imports into devices of those lines alone."""
    if actor.lines is None:
        return
    if devices is None:
        raise ActionError("device_column", "you may import into single devices of your lines alone", status=403)
    rows = connection.execute(text("select key, line from devices where key = any(:keys)"), {"keys": list(devices)})
    known: dict[str, str] = {row.key: row.line for row in rows}
    for key in devices:
        if key not in known or known[key] not in actor.lines:
            raise ActionError("device", f"{key} is no device of your lines", status=403)


def _found(connection: Connection, import_id: int) -> ImportRow:
    found = find_import(connection, import_id)
    if found is None:
        raise ActionError("import", f"there is no import {import_id}", status=404)
    return found


def _move(connection: Connection, import_id: int, expected: Sequence[str], state: str) -> None:
    if not commands.move(connection, import_id, expected, state):
        raise _not_now(_found(connection, import_id))


def _not_now(found: ImportRow) -> ActionError:
    return ActionError("import", f"this import is {WORDS[found.state]} now", status=409)


def _plain_name(name: str) -> str:
    """The file's own name, without the folders that some browsers send with it."""
    return audit.clean(name.replace("\\", "/").rsplit("/", 1)[-1]).strip()[:200] or "file.csv"
