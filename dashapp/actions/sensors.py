"""What someone can do with the sensors of a device: change one, its unit too, and put them in another order."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Literal

from sqlalchemy import Connection, text

from dashapp.actions.actor import ActionError, Actor, require
from dashapp.actions.devices import device_of
from dashapp.actions.followers import sensors_changed
from dashapp.domain.device_templates import sensor_fault
from dashapp.domain.fleet import Role, SensorKind, SensorSpec, Severity
from dashapp.domain.units import affine, canonical
from db.commands import audit, units
from db.commands.devices import order_sensors, update_sensor
from db.engine import Database
from db.tenancy import tenant_transaction

MOST_CONVERTED = 200_000  # readings that are converted while the sensor's next ones wait
ENDS = ("normal_low", "normal_high", "limit_low", "limit_high")
UnitChange = Literal["relabel", "convert"]


def change_sensor(
    database: Database, actor: Actor, device_key: str, sensor: SensorSpec, *, unit_change: UnitChange | None = None
) -> int:
    """Makes the device's sensor of the key `sensor.key` be like `sensor`; managers and above.

    A new unit needs `unit_change`. `relabel`: the numbers were in it all along, only its name was wrong; they stay, as do range and
    limits. `convert`: readings, rollups and current value are converted with it, all at once, and those of range and limits that
    `sensor` leaves as they are; the others are in the new unit already. Either way readings that come without a unit are taken in
    the new one from now on. (A message that was read before the change and stored after it is taken in the old one.)

    Returns the number of readings that were converted. Raises ActionError for what cannot be, or where there is no such sensor.
    """
    require(actor, Role.MANAGER)
    sensor = replace(sensor, unit=canonical(sensor.unit))
    fault = sensor_fault(sensor)
    if fault is not None:
        raise ActionError(*fault, status=422)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = device_of(connection, actor, device_key)
        row = sensor_of(connection, device.id, device_key, sensor.key)
        before = _spec(row)
        if before == sensor:
            return 0
        converted = 0
        if before.unit != sensor.unit:
            if unit_change is None:
                raise ActionError("unit", "say what the stored readings are in", status=422)
            if unit_change == "convert":
                how = _conversion(before, sensor)
                converted = _convert(connection, actor.tenant_id, row.id, sensor.unit, how)
                sensor = _with_ends(before, sensor, how)
        update_sensor(connection, row.id, sensor)
        detail: dict[str, Any] = {
            name: {"from": _plain(old), "to": _plain(getattr(sensor, name))}
            for name, old in asdict(before).items()
            if old != getattr(sensor, name)
        }
        if before.unit != sensor.unit:
            detail |= {"unit_change": unit_change, "converted": converted}
        audit.record(connection, actor, "change_sensor", f"{device_key}/{sensor.key}", detail)
        sensors_changed(connection, actor, [row.id])
    return converted


def arrange_sensors(database: Database, actor: Actor, device_key: str, keys: Sequence[str]) -> None:
    """Puts a device's sensors into this order: the first gauge is what its card is about. Managers and above.

    Raises ActionError where `keys` are not the device's sensors, each once: somebody else may have changed them.
    """
    require(actor, Role.MANAGER)
    with tenant_transaction(database.engine, actor.tenant_id) as connection:
        device = device_of(connection, actor, device_key)
        now = connection.execute(
            text("select key, id from sensors where device_id = :id order by position, id"), {"id": device.id}
        ).all()
        ids = {row.key: row.id for row in now}
        if sorted(ids) != sorted(keys):
            raise ActionError("sensors", "the sensors have changed meanwhile; look again", status=409)
        if [row.key for row in now] == list(keys):
            return
        order_sensors(connection, [ids[key] for key in keys])
        audit.record(connection, actor, "arrange_sensors", device_key, {"order": list(keys)})
        sensors_changed(connection, actor, list(ids.values()))


def sensor_of(connection: Connection, device_id: int, device_key: str, key: str) -> Any:
    """The sensor's row. Raises ActionError where the device has none of this key."""
    found = connection.execute(
        text("select * from sensors where device_id = :device and key = :key for update"), {"device": device_id, "key": key}
    ).one_or_none()
    if found is None:
        raise ActionError("sensor", f"{device_key} has no sensor {key}", status=404)
    return found


def _conversion(before: SensorSpec, sensor: SensorSpec) -> tuple[float, float]:
    how = affine(before.unit, sensor.unit)
    if how is None:
        given = before.unit or "a value without a unit"
        raise ActionError("unit", f"{given} does not convert to {sensor.unit or 'a value without a unit'}", status=422)
    if how[1] and before.kind is not SensorKind.GAUGE:
        raise ActionError("unit", "a count cannot be converted to a unit with another zero", status=422)
    return how


def _with_ends(before: SensorSpec, sensor: SensorSpec, how: tuple[float, float]) -> SensorSpec:
    """The sensor with range and limits in the new unit where they were left as they are."""
    kept = {name: getattr(before, name) for name in ENDS if getattr(before, name) == getattr(sensor, name)}
    moved: dict[str, Any] = {name: float(f"{value * how[0] + how[1]:.9g}") for name, value in kept.items() if value is not None}
    after = replace(sensor, **moved)
    fault = sensor_fault(after)
    if fault is not None:
        raise ActionError(*fault, status=422)
    return after


def _convert(connection: Connection, tenant_id: int, sensor_id: int, unit: str, how: tuple[float, float]) -> int:
    units.lock_sensor(connection, tenant_id, sensor_id)
    if units.readings_of(connection, sensor_id, MOST_CONVERTED + 1) > MOST_CONVERTED:
        raise ActionError(
            "unit",
            f"it has more than {MOST_CONVERTED:,} readings, too many to convert at once; add a second sensor in {unit} instead",
            status=409,
        )
    return units.convert(connection, sensor_id, *how)


def _spec(row: Any) -> SensorSpec:
    return SensorSpec(
        row.key, row.name, row.unit, SensorKind(row.kind), row.normal_low, row.normal_high, row.limit_low, row.limit_high,
        Severity(row.severity), row.period_s,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
