"""Writes of devices and sensors, inside a tenant's transaction."""

from sqlalchemy import Connection, text

from dashapp.domain.fleet import DeviceSpec, SensorSpec

INSERT_DEVICE = text(
    "insert into devices (tenant_id, key, name, place, line, is_machine, template, position)"
    " values (:tenant_id, :key, :name, :place, :line, :is_machine, :template,"
    " (select coalesce(max(position), 0) + 1 from devices)) on conflict (tenant_id, key) do nothing returning id"
)
INSERT_SENSOR = text(
    "insert into sensors (tenant_id, device_id, key, name, unit, kind, normal_low, normal_high, limit_low, limit_high, severity,"
    " period_s, position) values (:tenant_id, :device_id, :key, :name, :unit, :kind, :normal_low, :normal_high, :limit_low,"
    " :limit_high, :severity, :period_s, (select count(*) from sensors where device_id = :device_id))"
    " on conflict (tenant_id, device_id, key) do nothing returning id"
)
INSERT_STATE = text("insert into sensor_state (tenant_id, sensor_id) values (:tenant_id, :sensor_id) on conflict do nothing")


def insert_device(connection: Connection, tenant_id: int, device: DeviceSpec) -> int | None:
    """The new device's id; None where the key is taken (nothing is changed then)."""
    values = {name: getattr(device, name) for name in ("key", "name", "place", "line", "is_machine", "template")}
    device_id: int | None = connection.execute(INSERT_DEVICE, {"tenant_id": tenant_id, **values}).scalar_one_or_none()
    if device_id is not None:
        for sensor in device.sensors:
            insert_sensor(connection, tenant_id, device_id, sensor)
    return device_id


def insert_sensor(connection: Connection, tenant_id: int, device_id: int, sensor: SensorSpec) -> int | None:
    """The new sensor's id with its empty current state; None where the device has one of this key."""
    values = {
        "key": sensor.key, "name": sensor.name, "unit": sensor.unit, "kind": sensor.kind.value, "severity": sensor.severity.value,
        "normal_low": sensor.normal_low, "normal_high": sensor.normal_high, "limit_low": sensor.limit_low,
        "limit_high": sensor.limit_high, "period_s": sensor.period_s,
    }  # fmt: skip
    sensor_id: int | None = connection.execute(
        INSERT_SENSOR, {"tenant_id": tenant_id, "device_id": device_id, **values}
    ).scalar_one_or_none()
    if sensor_id is not None:
        connection.execute(INSERT_STATE, {"tenant_id": tenant_id, "sensor_id": sensor_id})
    return sensor_id
