"""What the sweep of alarms asks of sensors: the last evaluated reading, and when something last arrived."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from db.columns import to_us

_SELECT = "select sensor_id, time, value, arrived_at from sensor_state"


@dataclass(frozen=True, slots=True)
class Arrival:
    """A sensor's last reading on its own time, and the arrival of the last live one; None where there was none."""

    time_us: int | None
    value: float | None
    arrived_us: int | None


def last_arrivals(connection: Connection) -> dict[int, Arrival]:
    """Of every sensor that was ever live."""
    return _read(connection, f"{_SELECT} where arrived_at is not null", {})


def lock_sensors(connection: Connection, sensor_ids: Sequence[int]) -> dict[int, Arrival]:
    """Of these sensors, whose readings are not stored until the transaction ends: locked in the order that all keep."""
    if not sensor_ids:
        return {}
    return _read(connection, f"{_SELECT} where sensor_id = any(:ids) order by sensor_id for update", {"ids": list(sensor_ids)})


def _read(connection: Connection, query: str, values: dict[str, list[int]]) -> dict[int, Arrival]:
    return {
        row.sensor_id: Arrival(row.time and to_us(row.time), row.value, row.arrived_at and to_us(row.arrived_at))
        for row in connection.execute(text(query), values)
    }
