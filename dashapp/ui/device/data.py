"""What a device page asks of the database and of the live state, as plain values; one function a part of the page."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import flask
from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from dashapp.domain.shifts import ShiftCalendar
from dashapp.domain.statistics import Summary
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ingest.live import SensorNow
from dashapp.ui import cards
from dashapp.ui.context import actor, catalogue, overviews, services, tenant_id, visible_devices
from dashapp.ui.device.view import View, view_of
from dashapp.ui.figures.history_chart import Span, history_chart, resolution_text
from dashapp.ui.figures.theme import Figure
from dashapp.ui.figures.value_axis import beyond
from dashapp.ui.plant_activity import PlantActivity
from dashapp.ui.time_range import DAY_US, HOUR_US, names_shift
from dashapp.ui.zones import viewer_zone
from db.columns import MINUTE_US
from db.queries import people
from db.queries.devices import DeviceEvent, device_events, has_device
from db.queries.series import Readings, hourly_activity, readings_page, series, statistics
from db.queries.shifts import shift_calendars
from db.queries.spans import reading_spans
from db.tenancy import tenant_reading

PAGE_ROWS = 25
RATES_HOLD_S = 30.0
_activities: dict[tuple[int, tuple[str, ...] | None], tuple[float, PlantActivity]] = {}
_rates: dict[tuple[int, int], tuple[float, dict[int, "Rate"]]] = {}


@dataclass(frozen=True, slots=True)
class Rate:
    """What an increment came to in the last sixty minutes, and in the best hour of the last twenty-four."""

    last_hour: float
    best_hour: float


def device_key(quoted: str) -> str:
    """The key that a path names: the router hands it on as the URL has it."""
    return unquote(quoted)


def find_device(quoted: str) -> DeviceEntry | None:
    """The device of a path, among those that the person may see; looked up again where it is new."""
    key = device_key(quoted)
    if key not in catalogue().devices:
        services().catalogue.refreshed(tenant_id())
    return next((device for device in visible_devices() if device.key == key), None)


def is_there(key: str = "") -> bool:
    """Whether a path leads to a device that the person may see; a link into another plant (`?tenant=`) is looked at there."""
    return "tenant" in flask.request.args or find_device(key) is not None


def found(key: str, sensor_key: str) -> tuple[DeviceEntry, SensorEntry]:
    """The device and the sensor that a page in the browser is about. Raises PreventUpdate where one of them is gone."""
    device = next((one for one in visible_devices() if one.key == key), None)
    sensor = device and device.sensors.get(sensor_key)
    if device is None or sensor is None:
        raise PreventUpdate
    return device, sensor


def asked_view(key: str, asked: Mapping[str, Any]) -> tuple[View, bool]:
    """The view that the browser asks for, and whether time does not move it."""
    device, sensor = found(key, asked["sensor"])
    calendars = line_calendars(device) if names_shift(asked.get("range")) else ()
    view = view_of(sensor, asked, spans_of(device).get(sensor.id), now_us(), viewer_zone(), calendars)
    preset = view.range.preset
    over_us = now_us() - (MINUTE_US if preset is not None and "@" in preset else DAY_US)
    return view, preset is None or view.end_us < over_us


def line_calendars(device: DeviceEntry) -> list[ShiftCalendar]:
    """The shift calendars of the device's line."""
    with plant_reading() as connection:
        return shift_calendars(connection, device.line)


def plants_with(key: str) -> list[tuple[str, str]]:
    """(key, name) of the other plants with such a device that the person may look into: the platform's people alone."""
    who, engine = actor(), services().database.engine
    if not who.is_platform:
        return []
    holding = []
    for plant in _plants():
        if plant.id != who.tenant_id:
            with tenant_reading(engine, plant.id) as connection:
                if has_device(connection, key):
                    holding.append((plant.key, plant.name))
    return holding


def _plants() -> Sequence[people.Tenant]:
    with services().database.engine.connect() as connection:
        return people.tenants(connection)


def plant_reading() -> AbstractContextManager[Connection]:
    """A reading transaction of the plant that is shown."""
    return tenant_reading(services().database.engine, tenant_id())


def now_us() -> int:
    """The server's clock in microseconds since 1970 UTC."""
    return time.time_ns() // 1000


def spans_of(device: DeviceEntry) -> dict[int, tuple[int, int]]:
    """(first, last) time of each sensor of the device that ever reported, by sensor id."""
    with plant_reading() as connection:
        return reading_spans(connection, [sensor.id for sensor in device.sensors.values()])


def history(view: View, width: int) -> tuple[Figure, str]:
    """The figure of a range for a chart of `width` px, and how its line came about, in words."""
    with plant_reading() as connection:
        points = series(connection, view.sensor.id, view.start_us, view.end_us, width=width)
    figure = history_chart(view.sensor, points, Span(view.start_us, view.end_us, view.zone))
    readings = int(points.count.sum())
    if not readings:
        return figure, "no readings"
    # Single readings may be thinned to the extremes of each pixel: what is drawn is counted then.
    count = f"{readings:,} readings" if points.step_us else f"{readings:,} points"
    return figure, f"{resolution_text(view.sensor, points)}, {count}"


def summaries(sensor: SensorEntry, ranges: list[tuple[int, int]]) -> list[Summary | None]:
    """Statistics of one sensor over each range."""
    with plant_reading() as connection:
        return [statistics(connection, sensor.id, start, end) for start, end in ranges]


def readings_before(view: View, before: tuple[int, int] | None, *, pages: int = 1) -> Readings:
    """One row more than so many pages of the range's readings, newest first: the one more says that there is another page."""
    with plant_reading() as connection:
        return readings_page(connection, [view.sensor.id], view.start_us, view.end_us, pages * PAGE_ROWS + 1, before)


def rates(device: DeviceEntry) -> dict[int, Rate]:
    """Rates of the device's increments by sensor id, looked up at most twice a minute however many look."""
    held = _rates.get((tenant_id(), device.id))
    if held is not None and time.monotonic() - held[0] < RATES_HOLD_S:
        return held[1]
    counted = [sensor.id for sensor in device.sensors.values() if sensor.kind == "increment"]
    found: dict[int, Rate] = {}
    if counted:
        end = (now_us() // MINUTE_US + 1) * MINUTE_US
        with plant_reading() as connection:
            hours = hourly_activity(connection, counted, end - DAY_US, end)
        for sensor_id in counted:
            mine = hours.sensor_id == sensor_id
            sums = hours.mean[mine] * hours.count[mine]
            last = sums[hours.time_us[mine] >= end - HOUR_US]
            found[sensor_id] = Rate(float(last.sum()), float(sums.max()) if len(sums) else 0.0)
    if len(_rates) > 500:
        _rates.clear()
    _rates[tenant_id(), device.id] = (time.monotonic(), found)
    return found


def gauges_now(device: DeviceEntry) -> dict[str, dict[str, Any]]:
    """`value`, `state` and `at_ms` of each sensor's gauge, by sensor key."""
    now, known = services().live.now(tenant_id()), rates(device)
    return {
        sensor.key: _gauge_now(sensor, now.get(sensor.id), known.get(sensor.id)) for sensor in device.sensors.values()
    }


def _gauge_now(sensor: SensorEntry, state: SensorNow | None, rate: Rate | None) -> dict[str, Any]:
    if state is None:
        return {"value": None, "state": "no_data", "at_ms": None}
    value = rate.last_hour if rate is not None else state.value
    return {
        "value": value,
        "state": sensor.severity if _abnormal(sensor, state.value) else "normal",
        "at_ms": state.time_us // 1000,
    }


def _abnormal(sensor: SensorEntry, value: float) -> bool:
    if sensor.kind == "flag":
        return value > 0
    return sensor.kind != "increment" and beyond(value, sensor)


def device_state(device: DeviceEntry) -> tuple[str, str]:
    """State and word of the device as a whole, as on its card."""
    how = cards.condition(cards.watch(device), services().live.now(tenant_id()), now_us(), _activity().background)
    how = cards.with_alert(how, cards.worst_alerts(services().alerts.open(tenant_id())).get(device.key))
    return how.state, how.text


def machine_timeline(device: DeviceEntry) -> dict[str, Any] | None:
    """Props of a `StateTimeline` of the last hours; None where the device is no machine."""
    activity = _activity()
    rows = [{**row, "href": None} for row in activity.timeline() if row["key"] == device.key]
    if not rows:
        return None
    end_ms = activity.at_us // 1000
    return {"rows": rows, "start_ms": activity.start_us // 1000, "end_ms": end_ms, "now_ms": end_ms}


def _activity() -> PlantActivity:
    """The plant's last hours as the overview has them, asked for at most twice a minute: making all its cards takes long."""
    who = actor()
    whose = (who.tenant_id, who.lines)
    held = _activities.get(whose)
    if held is None or time.monotonic() - held[0] > RATES_HOLD_S:
        held = _activities[whose] = (time.monotonic(), overviews().of(who).view().activity)
    return held[1]


def events(device: DeviceEntry, limit: int = 10) -> list[DeviceEvent]:
    """The latest alerts and stops of the device, newest first."""
    with plant_reading() as connection:
        return device_events(connection, device.id, limit)
