"""The types of source 000 §4.2 by name; values are Float and ids ID where it wrote Int. What it does not have is marked as ours.

Strawberry reads the docstrings and descriptions: they are what the playground shows.
"""

from datetime import UTC, datetime

import strawberry
from graphql import GraphQLError

from db.columns import from_us


def written(moment: datetime) -> str:
    """RFC 3339 in UTC, milliseconds: `2026-01-31T10:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read(value: object) -> datetime:
    """A time as somebody wrote it; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GraphQLError(f"{value!r} is not a time; 2026-01-31T10:30:00Z is one") from error


DATE_TIME = strawberry.scalar(
    name="DateTime", description="A time in UTC, RFC 3339: 2026-01-31T10:30:00.000Z.", serialize=written, parse_value=read
)


def moment(time_us: int | None) -> datetime | None:
    """Microseconds since 1970 as a time."""
    return None if time_us is None else from_us(time_us)


@strawberry.type(description="A device of the plant; every machine is one.")
class Machine:
    machine_id: str
    name: str
    location: str | None
    status: str = strawberry.field(description="active, inactive or maintenance.")
    created_at: datetime
    line: str | None = strawberry.field(description="The line of the plant that it stands on.")
    is_machine: bool = strawberry.field(description="Whether it produces.")


@strawberry.type(description="A sensor of a device and its value.")
class SensorValue:
    key: str
    name: str
    unit: str
    kind: str = strawberry.field(description="gauge, increment, totalizer or flag.")
    value: float
    quality: int = strawberry.field(description="OPC quality code; 192 is good.")
    timestamp: datetime


@strawberry.type(description="What a machine reports now; productionCount is its running total.")
class MachineStatus:
    machine_id: str
    temperature: float | None
    vibration: float | None
    production_count: float | None
    fault: bool
    last_updated: datetime
    sensors: list[SensorValue] = strawberry.field(description="Every sensor that has reported.")


@strawberry.type(description="One sensor's part of a measurement.")
class MeasuredValue:
    key: str
    value: float


@strawberry.type(description="What a machine reported at one instant; productionCount is what it made since the instant before.")
class Measurement:
    id: strawberry.ID
    machine_id: str
    temperature: float | None
    vibration: float | None
    production_count: float | None
    fault: bool
    timestamp: datetime
    created_at: datetime
    values: list[MeasuredValue] = strawberry.field(description="Every sensor that reported at that instant.")


@strawberry.type(description="One occurrence of a rule on a device.")
class Alert:
    id: strawberry.ID
    machine_id: str
    alert_type: str = strawberry.field(description="threshold_exceeded, threshold_below, machine_fault, device_offline, …")
    severity: str = strawberry.field(description="critical, high, medium or low.")
    message: str | None
    resolved: bool
    created_at: datetime
    resolved_at: datetime | None
    code: str = strawberry.field(description="high_temperature, low_pressure, …")
    status: str = strawberry.field(description="triggered, acknowledged or resolved.")
    value: float | None
    sensor: str | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None


@strawberry.type(description="The plant in figures.")
class SystemStats:
    total_machines: int
    active_machines: int
    total_measurements: float = strawberry.field(description="Readings that were stored; there may be more than an Int holds.")
    active_alerts: int
    avg_system_temperature: float | None
    max_system_vibration: float | None
