"""What an analytics page is asked to show: sensors, a device, a time, as they stand in its address."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from dashapp.domain.addresses import joined
from dashapp.domain.shifts import ShiftCalendar, names
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.analytics.addresses import TRENDS, ref_of
from dashapp.ui.device.data import plant_reading
from dashapp.ui.device.view import View, view_of
from db.queries.shifts import shift_calendars
from db.queries.spans import reading_spans

MOST_SENSORS = 8
USUAL_SENSORS = 3


@dataclass(frozen=True, slots=True)
class Picked:
    """One sensor of one device."""

    device: DeviceEntry
    sensor: SensorEntry

    @property
    def ref(self) -> str:
        """As it stands in an address: `MX-01:temperature`."""
        return ref_of(self.device.key, self.sensor.key)

    @property
    def name(self) -> str:
        """`MX-01 Temperature`."""
        return f"{self.device.key} {self.sensor.name}"


@dataclass(frozen=True, slots=True)
class Time:
    """Which time a page shows, and the shifts that its control offers."""

    view: View
    shifts: list[str]

    @property
    def start_us(self) -> int:
        """Where it begins, µs since 1970 UTC."""
        return self.view.start_us

    @property
    def end_us(self) -> int:
        """Where it ends."""
        return self.view.end_us


def text_of(value: object) -> str:
    """A query that repeats a name gives a list: the last one counts."""
    if isinstance(value, list | tuple):
        value = value[-1] if value else None
    return value.strip() if isinstance(value, str) else ""


def picked_of(query: Mapping[str, object], devices: Sequence[DeviceEntry]) -> tuple[list[Picked], str]:
    """The sensors that `?sensors=` names, at most eight, and what is to be said of those that are not there. None named: the usual."""
    wanted = [part for part in text_of(query.get("sensors")).split(",") if part]
    if not wanted:
        return usual(devices), ""
    known = {device.key: device for device in devices}
    found: list[Picked] = []
    missing: list[str] = []
    for part in dict.fromkeys(wanted):
        device_key, _, sensor_key = part.partition(":")
        device = known.get(unquote(device_key))
        sensor = device and device.sensors.get(unquote(sensor_key))
        if device is not None and sensor is not None:
            found.append(Picked(device, sensor))
        else:
            missing.append(unquote(part).replace(":", " ", 1)[:60])
    notes = [f"{', '.join(missing)} is not there, or not yours to see."] if missing else []
    if len(found) > MOST_SENSORS:
        notes.append(f"The first {MOST_SENSORS} are shown: more lines could not be told apart.")
    return found[:MOST_SENSORS], " ".join(notes)


def usual(devices: Sequence[DeviceEntry]) -> list[Picked]:
    """What is shown where nothing was chosen: the first levels of the first device that has any."""
    for device in devices:
        levels = [Picked(device, sensor) for sensor in device.sensors.values() if sensor.kind == "gauge"]
        if levels:
            return levels[:USUAL_SENSORS]
    return [Picked(device, sensor) for device in devices for sensor in device.sensors.values()][:1]


def one_of(query: Mapping[str, object], devices: Sequence[DeviceEntry]) -> Picked | None:
    """The one sensor that `?sensor=` names, else the usual one."""
    found, _ = picked_of({"sensors": text_of(query.get("sensor"))}, devices)
    return next(iter(found or usual(devices)), None)


def device_of(query: Mapping[str, object], devices: Sequence[DeviceEntry]) -> DeviceEntry | None:
    """The device that `?device=` names, else the first that measures something."""
    wanted = text_of(query.get("device"))
    found = next((device for device in devices if device.key == wanted), None)
    return found or next((picked.device for picked in usual(devices)), None)


def time_of(query: Mapping[str, object], picked: Sequence[Picked], zone: str, *, now_us: int | None = None) -> Time:
    """The time that the address asks for. Of sensors that have ended it counts back from their last reading."""
    with plant_reading() as connection:
        spans = reading_spans(connection, [one.sensor.id for one in picked])
        calendars: list[ShiftCalendar] = shift_calendars(connection, picked[0].device.line) if picked else []
    span = (min(one[0] for one in spans.values()), max(one[1] for one in spans.values())) if spans else None
    view = view_of(picked[0].sensor, query, span, now_us or time.time_ns() // 1000, zone, calendars)
    return Time(view, names(calendars))


def trends_of(picked: Sequence[Picked], range_query: str) -> str:
    """The address of these sensors on the page of trends."""
    return joined(TRENDS, [("sensors", ",".join(one.ref for one in picked))]) + (f"&{range_query}" if range_query else "")
