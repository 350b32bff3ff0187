"""Removing a device or a sensor for good: first what would go, then, when its key was typed, the removal itself."""

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.actions.devices import device_of, sensor_ids_of
from dashapp.actions.followers import sensors_changed
from dashapp.actions.sensors import sensor_of
from dashapp.domain.fleet import Role
from db.commands import audit, removals
from db.engine import Database
from db.queries.removals import Holdings, holdings
from db.tenancy import tenant_transaction


def what_would_go(database: Database, actor: Actor, device_key: str, sensor_key: str | None = None) -> Holdings:
    """What removing the device (or one sensor of it) would take along; managers and above. Raises ActionError where it is not there."""
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = device_of(connection, actor, device_key)
        if sensor_key is not None:
            return holdings(connection, [sensor_of(connection, device.id, device_key, sensor_key).id])
        return holdings(connection, sensor_ids_of(connection, device.id), device.id)


def remove_device(database: Database, actor: Actor, key: str, typed: str) -> None:
    """Removes a device with everything of it; managers and above. `typed` is the key as the person wrote it to confirm.

    It is gone at once, for ingest too, and its keys with it; its readings follow in batches (job `remove-readings`).
    """
    require(actor, Role.MANAGER)
    _confirm(key, typed)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = device_of(connection, actor, key)
        went = holdings(connection, sensor_ids_of(connection, device.id), device.id)
        sensor_ids = removals.delete_device(connection, device.id)
        if sensor_ids:
            removals.insert_removal(connection, actor.tenant_id, "device", key, sensor_ids, actor.label)
        audit.record(connection, actor, "remove_device", key, {"name": device.name, **_told(went)})
        sensors_changed(connection, actor, [])
    changes.announce()  # its keys are remembered for a moment


def remove_sensor(database: Database, actor: Actor, device_key: str, sensor_key: str, typed: str) -> None:
    """Removes one sensor with its readings, likewise; `typed` is the sensor's key."""
    require(actor, Role.MANAGER)
    _confirm(sensor_key, typed)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = device_of(connection, actor, device_key)
        sensor = sensor_of(connection, device.id, device_key, sensor_key)
        went = holdings(connection, [sensor.id])
        removals.delete_sensor(connection, sensor.id)
        name = f"{device_key}/{sensor_key}"
        removals.insert_removal(connection, actor.tenant_id, "sensor", name, [sensor.id], actor.label)
        audit.record(connection, actor, "remove_sensor", name, _told(went))
        sensors_changed(connection, actor, [])


def _confirm(key: str, typed: str) -> None:
    if typed.strip() != key:
        raise ActionError("typed", f"type {key} to confirm", status=422)


def _told(went: Holdings) -> dict[str, object]:
    return {"sensors": went.sensors, "readings": went.readings, "exact": went.exact, "alerts": went.alerts, "keys": went.keys}
