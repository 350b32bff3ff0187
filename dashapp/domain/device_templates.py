"""What devices of a usual sort measure: sensors with units, kinds, normal ranges and limits to begin with. Pure.

Limits are starting points that the plant changes: those of vibration are the zone boundaries B/C and C/D of ISO 20816-3 for machines of
group 1 on a rigid support (4.5 and 7.1 mm/s r.m.s.); the others are common defaults of the instruments.
"""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass

from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec, Severity

GAUGE, INCREMENT, TOTALIZER, FLAG = SensorKind.GAUGE, SensorKind.INCREMENT, SensorKind.TOTALIZER, SensorKind.FLAG
CRITICAL, HIGH, MEDIUM = Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM
BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Template:
    """A sort of device. `note` says in a few words what it is for."""

    key: str
    name: str
    note: str
    sensors: tuple[SensorSpec, ...] = ()
    is_machine: bool = False


_ALL = (
    Template(
        "machine", "Machine", "Makes parts: state, output and OEE",
        (
            SensorSpec("temperature", "Temperature", "°C", GAUGE, 20.0, 80.0, None, 90.0, CRITICAL, 2.0),
            SensorSpec("vibration", "Vibration", "mm/s", GAUGE, 0.0, 4.5, None, 7.1, HIGH, 2.0),
            SensorSpec("production_count", "Production", "units", INCREMENT, period_s=2.0),
            SensorSpec("reject_count", "Rejects", "units", INCREMENT, period_s=2.0),
            SensorSpec("fault", "Fault", "", FLAG, severity=CRITICAL, period_s=2.0),
        ),
        is_machine=True,
    ),
    Template("temperature", "Temperature", "One sensor in °C",
             (SensorSpec("temperature", "Temperature", "°C", GAUGE, 15.0, 80.0, 5.0, 90.0, HIGH, 10.0),)),
    Template("pressure", "Pressure", "One sensor in bar",
             (SensorSpec("pressure", "Pressure", "bar", GAUGE, 2.0, 8.0, 1.0, 10.0, HIGH, 5.0),)),
    Template("vibration", "Vibration", "Velocity in mm/s, limits of ISO 20816-3",
             (SensorSpec("vibration", "Vibration", "mm/s", GAUGE, 0.0, 4.5, None, 7.1, HIGH, 2.0),)),
    Template("humidity", "Climate", "Room temperature and humidity",
             (SensorSpec("temperature", "Temperature", "°C", GAUGE, 18.0, 26.0, 10.0, 35.0, MEDIUM, 30.0),
              SensorSpec("humidity", "Humidity", "%", GAUGE, 35.0, 65.0, 20.0, 80.0, MEDIUM, 30.0))),
    Template("level", "Tank level", "Filling level in %",
             (SensorSpec("level", "Level", "%", GAUGE, 20.0, 90.0, 10.0, 95.0, HIGH, 10.0),)),
    Template("counter", "Counter", "Counts pieces as they pass",
             (SensorSpec("production_count", "Count", "units", INCREMENT, period_s=5.0),)),
    Template("energy", "Energy meter", "Power, and energy as a running total",
             (SensorSpec("power", "Power", "kW", GAUGE, period_s=10.0),
              SensorSpec("energy", "Energy", "kWh", TOTALIZER, period_s=60.0),
              SensorSpec("voltage", "Voltage", "V", GAUGE, 220.0, 240.0, 207.0, 253.0, MEDIUM, 10.0))),
    Template(BLANK, "Blank", "Takes the sensors that its first message names"),
)  # fmt: skip
TEMPLATES: dict[str, Template] = {template.key: template for template in _ALL}
"""Templates by key, in the order in which they are offered."""


def from_template(template: str, key: str, name: str, place: str, line: str) -> DeviceSpec:
    """A device as its template makes it; a blank one takes whatever sensors it names. Raises KeyError for no template of ours."""
    made = TEMPLATES[template]
    return DeviceSpec(key, name, place, line, made.sensors, made.is_machine, template, accepts_new=template == BLANK)


def suggested_key(name: str, taken: Container[str] = ()) -> str:
    """A key that a device of this name could have: `Presse Süd 4` → `presse-sued-4`, and the next free number where it is taken."""
    letters = name.casefold().translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ø"): "o", ord("æ"): "ae"})
    plain = unicodedata.normalize("NFKD", letters).encode("ascii", "ignore").decode()
    key = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:80].strip("-")
    if not key:
        return ""
    found, number = key, 2
    while found in taken or found in RESERVED_KEYS:
        found, number = f"{key}-{number}", number + 1
    return found


RESERVED_KEYS = frozenset({"new", ".", ".."})
"""Keys whose pages would not be reached: `/devices/new` is the form that makes a device."""


def device_fault(device: DeviceSpec) -> tuple[str, str] | None:
    """(field, reason) of the first thing about a device that cannot be, its sensors apart; None where all is well."""
    if not 1 <= len(device.key) <= 100 or "/" in device.key or device.key != device.key.strip() or not device.key.isprintable():
        return "key", "1 to 100 characters without a slash are expected"
    if device.key in RESERVED_KEYS:
        return "key", f"“{device.key}” is kept for a page of its own; choose another key"
    if not 1 <= len(device.name.strip()) <= 200 or not device.name.isprintable():
        return "name", "1 to 200 characters are expected"
    for field, written in (("place", device.place), ("line", device.line)):
        if len(written) > 200 or (written and not written.isprintable()):
            return field, "at most 200 characters are expected"
    return None


def sensor_fault(sensor: SensorSpec) -> tuple[str, str] | None:
    """(field, reason) of the first thing about a sensor that cannot be; None where all is well."""
    if not 1 <= len(sensor.key) <= 100 or sensor.key != sensor.key.strip() or not sensor.key.isprintable():
        return "key", "1 to 100 characters are expected"
    if not 1 <= len(sensor.name.strip()) <= 200 or not sensor.name.isprintable():
        return "name", "1 to 200 characters are expected"
    if len(sensor.unit) > 40 or (sensor.unit and not sensor.unit.isprintable()):
        return "unit", "at most 40 characters are expected"
    if not 0.01 <= sensor.period_s <= 86_400:
        return "period_s", "how often it reports in seconds is expected, from 0.01 to 86400 (a day)"
    if sensor.normal_low is not None and sensor.normal_high is not None and sensor.normal_low >= sensor.normal_high:
        return "normal_high", "the upper end of the normal range must be above the lower one"
    if sensor.limit_low is not None and sensor.limit_high is not None and sensor.limit_low >= sensor.limit_high:
        return "limit_high", "the upper limit must be above the lower one"
    return None
