"""Writes of devices and sensors, inside a tenant's transaction."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from dashapp.domain.fleet import DeviceSpec, SensorSpec
from db.commands.production_marks import mark_counting, mark_production

INSERT_DEVICE = text(
    "insert into devices (tenant_id, key, name, place, line, is_machine, template, accepts_new, position)"
    " values (:tenant_id, :key, :name, :place, :line, :is_machine, :template, :accepts_new,"
    " (select coalesce(max(position), 0) + 1 from devices)) on conflict (tenant_id, key) do nothing returning id"
)
INSERT_SENSOR = text(
    "insert into sensors (tenant_id, device_id, key, name, unit, kind, normal_low, normal_high, limit_low, limit_high, severity,"
    " period_s, position) values (:tenant_id, :device_id, :key, :name, :unit, :kind, :normal_low, :normal_high, :limit_low,"
    " :limit_high, :severity, :period_s, (select coalesce(max(position), -1) + 1 from sensors where device_id = :device_id))"
    " on conflict (tenant_id, device_id, key) do nothing returning id"
)
INSERT_STATE = text("insert into sensor_state (tenant_id, sensor_id) values (:tenant_id, :sensor_id) on conflict do nothing")


def insert_device(connection: Connection, tenant_id: int, device: DeviceSpec) -> int | None:
    """The new device's id; None where the key is taken (nothing is changed then)."""
    values = {name: getattr(device, name) for name in ("key", "name", "place", "line", "is_machine", "template", "accepts_new")}
    device_id: int | None = connection.execute(INSERT_DEVICE, {"tenant_id": tenant_id, **values}).scalar_one_or_none()
    if device_id is not None:
        for sensor in device.sensors:
            insert_sensor(connection, tenant_id, device_id, sensor)
    return device_id


def insert_sensor(connection: Connection, tenant_id: int, device_id: int, sensor: SensorSpec) -> int | None:
    """The new sensor's id with its empty current state; None where the device has one of this key."""
    sensor_id: int | None = connection.execute(
        INSERT_SENSOR, {"tenant_id": tenant_id, "device_id": device_id, **_columns(sensor)}
    ).scalar_one_or_none()
    if sensor_id is not None:
        connection.execute(INSERT_STATE, {"tenant_id": tenant_id, "sensor_id": sensor_id})
    return sensor_id


def _columns(sensor: SensorSpec) -> dict[str, object]:
    return {
        "key": sensor.key, "name": sensor.name, "unit": sensor.unit, "kind": sensor.kind.value, "severity": sensor.severity.value,
        "normal_low": sensor.normal_low, "normal_high": sensor.normal_high, "limit_low": sensor.limit_low,
        "limit_high": sensor.limit_high, "period_s": sensor.period_s,
    }  # fmt: skip


def update_device(connection: Connection, device_id: int, values: Mapping[str, object]) -> None:
    """Sets name, place, line, status and whether it takes new sensors. On another line it works by another calendar."""
    before = connection.execute(text("select line from devices where id = :id"), {"id": device_id}).scalar_one_or_none()
    connection.execute(
        text(
            "update devices set name = :name, place = :place, line = :line, status = :status, accepts_new = :accepts_new where id = :id"
        ),
        {"id": device_id, **values},
    )
    if before != values["line"]:
        mark_production(connection, device_ids=[device_id])


def update_sensor(connection: Connection, sensor_id: int, sensor: SensorSpec) -> None:
    """Sets everything of a sensor but its key and its place in the order."""
    values = {**_columns(sensor), "id": sensor_id}
    mark_counting(connection, [sensor_id])
    connection.execute(
        text(
            "update sensors set name = :name, unit = :unit, kind = :kind, normal_low = :normal_low, normal_high = :normal_high,"
            " limit_low = :limit_low, limit_high = :limit_high, severity = :severity, period_s = :period_s where id = :id"
        ),
        values,
    )
    mark_counting(connection, [sensor_id])


def order_sensors(connection: Connection, sensor_ids: Sequence[int]) -> None:
    """Gives a device's sensors the order of this list."""
    connection.execute(
        text(
            "update sensors set position = o.n from unnest(cast(:ids as int[])) with ordinality as o (id, n) where sensors.id = o.id"
        ),
        {"ids": list(sensor_ids)},
    )
    mark_counting(connection, sensor_ids)
