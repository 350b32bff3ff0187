"""What someone can do with devices: make one, let an unknown one register itself."""

from collections.abc import Sequence

from sqlalchemy import text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.domain.fleet import DeviceSpec, Role, SensorKind, SensorSpec
from dashapp.domain.units import canonical
from db.commands import audit
from db.commands.devices import insert_device, insert_sensor
from db.engine import Database
from db.notify import tell_names_changed
from db.tenancy import tenant_transaction

MOST_SELF_REGISTERED = 200  # devices a tenant may gain by themselves; beyond it somebody should look


def create_device(database: Database, actor: Actor, device: DeviceSpec) -> int:
    """Makes a device with its sensors; managers and above. Raises ActionError where the key is taken."""
    require(actor, Role.MANAGER)
    if not device.key.strip() or len(device.key) > 100 or "/" in device.key:
        raise ActionError("key", "1 to 100 characters without a slash are expected", status=422)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device_id = insert_device(connection, actor.tenant_id, device)
        if device_id is None:
            raise ActionError("key", f"there is a device {device.key} already", status=409)
        sensors = [sensor.key for sensor in device.sensors]
        audit.record(connection, actor, "create_device", device.key, {"name": device.name, "sensors": sensors})
        tell_names_changed(connection, actor.tenant_id)
    return device_id


def add_sensors(database: Database, actor: Actor, device_key: str, sensors: Sequence[SensorSpec]) -> list[str]:
    """Gives a device sensors that it lacks; the keys that were new. Raises ActionError where there is no such device."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device_id = connection.execute(text("select id from devices where key = :key"), {"key": device_key}).scalar_one_or_none()
        if device_id is None:
            raise ActionError("device", f"there is no device {device_key}", status=404)
        new = [sensor.key for sensor in sensors if insert_sensor(connection, actor.tenant_id, device_id, sensor) is not None]
        if new:
            audit.record(connection, actor, "add_sensors", device_key, {"sensors": new})
            tell_names_changed(connection, actor.tenant_id)
    return new


def register_unknown(database: Database, actor: Actor, wanted: Sequence[tuple[str, str, str]]) -> None:
    """Makes the devices and sensors that a payload named, as (device, sensor, unit): for tenants that allow it."""
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        known = {row.key: row.id for row in connection.execute(text("select key, id from devices"))}
        for device_key, sensor_key, unit in dict.fromkeys(wanted):
            names = device_key + sensor_key + unit
            if not 0 < len(device_key) <= 100 or not 0 < len(sensor_key) <= 100 or "\x00" in names or "/" in device_key:
                continue
            if device_key not in known:
                if len(known) >= MOST_SELF_REGISTERED:
                    continue
                made = insert_device(connection, actor.tenant_id, DeviceSpec(device_key, device_key, "", "", ()))
                if made is None:  # another first contact made it in this very moment
                    made = connection.execute(text("select id from devices where key = :key"), {"key": device_key}).scalar_one()
                else:
                    audit.record(connection, actor, "register_device", device_key, {})
                known[device_key] = made
            sensor = guessed_sensor(sensor_key, unit)
            insert_sensor(connection, actor.tenant_id, known[device_key], sensor)
        tell_names_changed(connection, actor.tenant_id)


def guessed_sensor(key: str, unit: str = "", *, period_s: float = 10.0) -> SensorSpec:
    """What a sensor probably is, by its name."""
    kind = SensorKind.GAUGE
    if key.endswith("_count"):
        kind = SensorKind.INCREMENT
    elif key in ("fault", "running", "alarm"):
        kind = SensorKind.FLAG
    name = key.replace("_", " ").strip().capitalize() or key
    return SensorSpec(key, name, canonical(unit), kind, period_s=period_s)
