"""What someone can do with devices: make and change one, let an unknown one register itself."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.actions.followers import sensors_changed
from dashapp.domain.device_templates import device_fault, sensor_fault
from dashapp.domain.fleet import DeviceSpec, Role, SensorKind, SensorSpec
from dashapp.domain.units import canonical
from db.commands import audit
from db.commands.devices import insert_device, insert_sensor, update_device
from db.engine import Database
from db.tenancy import tenant_transaction

MOST_SELF_REGISTERED = 200  # devices a tenant may gain by themselves, and sensors a device; beyond it somebody should look
STATUSES = ("active", "inactive", "maintenance")


def create_device(database: Database, actor: Actor, device: DeviceSpec) -> int:
    """Makes a device with its sensors; managers and above. Raises ActionError for what cannot be, or where the key is taken."""
    require(actor, Role.MANAGER)
    _refuse(device_fault(device))
    for sensor in device.sensors:
        _refuse(sensor_fault(sensor))
    _within_lines(actor, device.line, "line")
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device_id = insert_device(connection, actor.tenant_id, device)
        if device_id is None:
            raise ActionError("key", f"there is a device {device.key} already", status=409)
        sensors = [sensor.key for sensor in device.sensors]
        audit.record(connection, actor, "create_device", device.key, {"name": device.name, "sensors": sensors})
        sensors_changed(connection, actor, sensor_ids_of(connection, device_id))
    return device_id


def change_device(
    database: Database, actor: Actor, key: str, *, name: str, place: str, line: str, status: str, accepts_new: bool
) -> None:
    """Renames a device, moves it, or says that it is out of use; managers and above. Its key stays: what reports it knows it by that.

    Raises ActionError for what cannot be, and where there is no such device.
    """
    require(actor, Role.MANAGER)
    _refuse(device_fault(DeviceSpec("any", name, place, line, ())))
    if status not in STATUSES:
        raise ActionError("status", f"one of {', '.join(STATUSES)} is expected")
    _within_lines(actor, line, "line")
    wanted = {"name": name.strip(), "place": place.strip(), "line": line.strip(), "status": status, "accepts_new": accepts_new}
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        before = device_of(connection, actor, key)
        changed = {field: value for field, value in wanted.items() if getattr(before, field) != value}
        if not changed:
            return
        update_device(connection, before.id, wanted)
        detail = {field: {"from": getattr(before, field), "to": value} for field, value in changed.items()}
        audit.record(connection, actor, "change_device", key, detail)
        sensors_changed(connection, actor, [])


def add_sensors(database: Database, actor: Actor, device_key: str, sensors: Sequence[SensorSpec]) -> list[str]:
    """Gives a device sensors that it lacks; the keys that were new. Raises ActionError where there is no such device."""
    require(actor, Role.MANAGER)
    for sensor in sensors:
        _refuse(sensor_fault(sensor))
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = device_of(connection, actor, device_key)
        made = {sensor.key: insert_sensor(connection, actor.tenant_id, device.id, sensor) for sensor in sensors}
        new = {key: sensor_id for key, sensor_id in made.items() if sensor_id is not None}
        if new:
            audit.record(connection, actor, "add_sensors", device_key, {"sensors": list(new)})
            sensors_changed(connection, actor, list(new.values()))
    return list(new)


def register_unknown(database: Database, actor: Actor, wanted: Sequence[tuple[str, str, str]]) -> None:
    """Makes the devices and sensors that a payload named, as (device, sensor, unit): the door asks for those that are welcome."""
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        known = {row.key: row.id for row in connection.execute(text("select key, id from devices"))}
        counts = {row.device_id: row.n for row in connection.execute(text("select device_id, count(*) as n from sensors group by 1"))}
        new = []
        for device_key, sensor_key, unit in dict.fromkeys(wanted):
            device, sensor = DeviceSpec(device_key, device_key, "", "", ()), guessed_sensor(sensor_key, unit)
            if device_fault(device) or sensor_fault(sensor):
                continue
            if device_key not in known:
                if len(known) >= MOST_SELF_REGISTERED:
                    continue
                made = insert_device(connection, actor.tenant_id, device)
                if made is None:  # another first contact made it in this very moment
                    made = connection.execute(text("select id from devices where key = :key"), {"key": device_key}).scalar_one()
                else:
                    audit.record(connection, actor, "register_device", device_key, {})
                known[device_key] = made
            device_id = known[device_key]
            if counts.get(device_id, 0) >= MOST_SELF_REGISTERED:
                continue
            sensor_id = insert_sensor(connection, actor.tenant_id, device_id, sensor)
            if sensor_id is not None:
                counts[device_id] = counts.get(device_id, 0) + 1
                new.append(sensor_id)
        sensors_changed(connection, actor, new)


def guessed_sensor(key: str, unit: str = "", *, period_s: float = 10.0) -> SensorSpec:
    """What a sensor probably is, by its name."""
    kind = SensorKind.GAUGE
    if key.endswith("_count"):
        kind = SensorKind.INCREMENT
    elif key in ("fault", "running", "alarm"):
        kind = SensorKind.FLAG
    name = key.replace("_", " ").strip().capitalize() or key
    return SensorSpec(key, name, canonical(unit), kind, period_s=period_s)


def device_of(connection: Connection, actor: Actor, key: str) -> Any:
    """The device's row, held until the transaction ends. Raises ActionError where there is none that the actor may see."""
    row = connection.execute(text("select * from devices where key = :key for update"), {"key": key}).one_or_none()
    if row is None or (actor.lines is not None and row.line not in actor.lines):
        raise ActionError("device", f"there is no device {key}", status=404)
    return row


def sensor_ids_of(connection: Connection, device_id: int) -> list[int]:
    """The ids of a device's sensors."""
    return list(connection.execute(text("select id from sensors where device_id = :id order by id"), {"id": device_id}).scalars())


def _within_lines(actor: Actor, line: str, field: str) -> None:
    if actor.lines is not None and line.strip() not in actor.lines:
        raise ActionError(field, f"your account is limited to {', '.join(actor.lines) or 'no lines'}", status=403)


def _refuse(fault: tuple[str, str] | None) -> None:
    if fault is not None:
        raise ActionError(*fault, status=422)
