"""The plant's nouns: devices, sensors, roles, severities, and the fleet that a first start creates.

Pure: no I/O and no clock. Source of the seeded fleet: REQUIREMENTS §1.
"""

from dataclasses import dataclass
from enum import StrEnum


class SensorKind(StrEnum):
    """How a sensor's readings add up over time."""

    GAUGE = "gauge"  # a level: the last value holds until the next
    INCREMENT = "increment"  # what came since the reading before; sums to a running total
    TOTALIZER = "totalizer"  # the running total itself, with resets and roll-overs
    FLAG = "flag"  # 0 or 1


class Severity(StrEnum):
    """ISA-18.2 priorities, most urgent first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Role(StrEnum):
    """What a person may do inside a tenant; each includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    MANAGER = "manager"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Whether someone with this role may do what `other` may do."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One measured quantity of a device. Limits and ranges are in `unit`, `period_s` in seconds."""

    key: str
    name: str
    unit: str = ""
    kind: SensorKind = SensorKind.GAUGE
    normal_low: float | None = None
    normal_high: float | None = None
    limit_low: float | None = None
    limit_high: float | None = None
    severity: Severity = Severity.MEDIUM
    period_s: float = 2.0


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A thing that reports; a machine is a device that produces, so it has OEE.

    `accepts_new`: sensors that it was not made with are made when it first names them.
    """

    key: str
    name: str
    place: str
    line: str
    sensors: tuple[SensorSpec, ...]
    is_machine: bool = False
    template: str = "blank"
    accepts_new: bool = False


def machine(
    key: str, name: str, place: str, temperature: tuple[float, float], vibration: tuple[float, float], most_units: int
) -> DeviceSpec:
    """A machine of source 000 §5.1: it measures itself every 2 s and counts what it makes."""
    return DeviceSpec(
        key=key,
        name=name,
        place=place,
        line=place.split(" - ")[0],
        is_machine=True,
        template="machine",
        sensors=(
            SensorSpec("temperature", "Temperature", "°C", SensorKind.GAUGE, *temperature, None, 90.0, Severity.CRITICAL),
            SensorSpec("vibration", "Vibration", "", SensorKind.GAUGE, *vibration, None, 80.0, Severity.HIGH),
            SensorSpec("production_count", "Production", "units", SensorKind.INCREMENT, 0.0, float(most_units)),
            SensorSpec("reject_count", "Rejects", "units", SensorKind.INCREMENT, 0.0, float(most_units)),
            SensorSpec("fault", "Fault", "", SensorKind.FLAG, severity=Severity.CRITICAL),
        ),
    )


def gauge_device(key: str, name: str, sensor: SensorSpec) -> DeviceSpec:
    """A device of source 002 §3: one sensor on assembly-line-1."""
    return DeviceSpec(key, name, "assembly-line-1", "assembly-line-1", (sensor,), template=sensor.key)


SEEDED_FLEET: tuple[DeviceSpec, ...] = (
    machine("MX-01", "Assembly Line Alpha", "Building A - Floor 1", (60.0, 90.0), (10.0, 40.0), 10),
    machine("MX-02", "Welding Station Beta", "Building A - Floor 2", (65.0, 95.0), (15.0, 45.0), 8),
    machine("MX-03", "Quality Control Gamma", "Building B - Floor 1", (55.0, 85.0), (10.0, 35.0), 12),
    gauge_device(
        "device-001",
        "Temperature",
        SensorSpec("temperature", "Temperature", "°C", SensorKind.GAUGE, 20, 80, 15, 85, Severity.CRITICAL, 2.0),
    ),
    gauge_device(
        "device-002",
        "Pressure",
        SensorSpec("pressure", "Pressure", "psi", SensorKind.GAUGE, 10, 50, 5, 55, Severity.HIGH, 3.0),
    ),
    gauge_device(
        "device-003",
        "Vibration",
        SensorSpec("vibration", "Vibration", "Hz", SensorKind.GAUGE, 0, 100, None, 120, Severity.HIGH, 1.0),
    ),
    gauge_device(
        "device-004",
        "Production counter",
        SensorSpec(
            "production_rate", "Production rate", "units/h", SensorKind.GAUGE, 100, 500, 50, None, Severity.MEDIUM, 5.0
        ),
    ),
    gauge_device(
        "device-005",
        "Quality score",
        SensorSpec("quality", "Quality", "%", SensorKind.GAUGE, 85, 100, 80, None, Severity.MEDIUM, 4.0),
    ),
)
