"""Reads of machines and devices, under both names (REQUIREMENTS §1: every machine is a device): list, one, status, current, history.

`/machines` answers in the shapes of source 000 §3.2, `/devices` in pages with a cursor; what is known of one is the same.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from dashapp.actions.actor import ActionError, Actor
from dashapp.api.current import CurrentState, Encoded
from dashapp.api.rest.common import catalogue_of, database_of, device_of, present, services_of, visible
from dashapp.api.routes import Route
from dashapp.api.security import DeviceViewer
from dashapp.api.shapes import Cursor, From, Limit, Out, Page, Time, To, cut, iso, make_cursor, read_cursor, us
from dashapp.domain.fleet import SensorKind, Severity
from dashapp.domain.rules import offline_limit_us
from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ingest.services import Services
from db.queries.alerts import AlertRow
from db.queries.measurements import Measurement, measurements_of
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1", route_class=Route)
NAMES = ("machines", "devices")
Key = Annotated[str, Path(max_length=100, description="The device's key.", examples=["MX-01"])]
Most = Annotated[int, Query(ge=1, le=10_000, description="The most instants that are answered.")]
Value = float | int | bool


class Sensor(Out):
    """One measured quantity; ranges and limits in its unit, the period in seconds."""

    key: str
    name: str
    unit: str
    kind: SensorKind
    normal_low: float | None
    normal_high: float | None
    limit_low: float | None
    limit_high: float | None
    severity: Severity
    period_s: float


class Device(Out):
    """A thing that reports."""

    id: int
    machine_id: str
    name: str
    location: str
    line: str
    status: Literal["active", "inactive", "maintenance"]
    is_machine: bool
    accepts_new: bool
    created_at: Time
    sensors: list[Sensor]


class LastReading(Out):
    """The newest value of a device."""

    sensor: str
    value: Value
    unit: str
    time: Time


class State(Out):
    """How a device is: whether it reports, when it last did, the worst of its open alerts."""

    machine_id: str
    status: Literal["active", "inactive", "maintenance"]
    reporting: bool = Field(description="Whether a sensor was heard within its offline limit.")
    last_updated: Time | None
    last_reading: LastReading | None
    alert_status: Literal["normal", "critical", "high", "medium", "low"]
    open_alerts: int


class DeviceNow(Device, State):
    """A device and how it is."""


class Devices(Page):
    """Devices in the order of their keys."""

    devices: list[DeviceNow]


class SensorValue(Out):
    """A sensor's current value; `total` is an increment's running total."""

    key: str
    name: str
    unit: str
    kind: SensorKind
    value: Value | None
    total: Value | None
    quality: int | None
    time: Time | None
    received_at: Time | None


class Current(Out):
    """A device's sensors now."""

    machine_id: str
    name: str
    last_updated: Time | None
    sensors: list[SensorValue]


class History(Page):
    """Instants, the newest first; each has the value of every sensor that reported then, by its key."""

    machine_id: str
    history: list[dict[str, Any]]


def both(method: str, path: str, **more: Any) -> Callable[[Any], Any]:
    """Registers a route as `/machines…` and as `/devices…`."""

    def register(endpoint: Any) -> Any:
        for name in NAMES:
            router.add_api_route(f"/{name}{path}", endpoint, methods=[method], tags=[name], **more)
        return endpoint

    return register


@router.get("/machines", tags=["machines"])
def list_machines(request: Request, actor: DeviceViewer) -> list[Device]:
    """Every device of the tenant, in the order of the plant."""
    return [device_json(device) for device in visible(catalogue_of(request, actor), actor)]


@router.get("/devices", tags=["devices"])
def list_devices(
    request: Request,
    actor: DeviceViewer,
    line: Annotated[str | None, Query(max_length=200)] = None,
    status: Literal["active", "inactive", "maintenance"] | None = None,
    search: Annotated[str | None, Query(max_length=100, description="A part of the key, name or location.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Devices:
    """Devices with how they are now."""
    found = [
        device
        for device in visible(catalogue_of(request, actor), actor)
        if line in (None, device.line) and status in (None, device.status)
        and (not search or search.casefold() in f"{device.key}\n{device.name}\n{device.place}".casefold())
    ]  # fmt: skip
    page, following = cut(sorted(found, key=lambda one: one.key), lambda one: [one.key], limit, cursor)
    states = States(services_of(request), actor)
    return Devices(devices=[DeviceNow(**device_json(one).model_dump(), **states.of(one).model_dump(exclude={"machine_id", "status"}))
                            for one in page], next_cursor=following)  # fmt: skip


@router.get("/machines/status", tags=["machines"], response_model=list[dict[str, Value | str | None]])
def machines_status(request: Request, actor: DeviceViewer) -> Response:
    """Current state of every device: its sensors by key (an increment as its running total), and when it last reported."""
    return as_bytes(current_of(request).status(actor, catalogue_of(request, actor)))


@router.get("/devices/status", tags=["devices"])
def devices_status(request: Request, actor: DeviceViewer) -> list[State]:
    """How every device is."""
    states = States(services_of(request), actor)
    return [states.of(device) for device in visible(catalogue_of(request, actor), actor)]


@both("GET", "/{machine_id}")
def get_device(request: Request, actor: DeviceViewer, machine_id: Key) -> Device:
    """One device with its sensors."""
    return device_json(device_of(request, actor, machine_id))


@both("GET", "/{machine_id}/status")
def device_status(request: Request, actor: DeviceViewer, machine_id: Key) -> State:
    """Whether it reports, and the worst of its open alerts."""
    return States(services_of(request), actor).of(device_of(request, actor, machine_id))


@both("GET", "/{machine_id}/current", response_model=Current)
def device_current(request: Request, actor: DeviceViewer, machine_id: Key) -> Response:
    """The current value of each sensor. Cheap to poll: an unchanged one is a 304 by its `ETag`."""
    device = device_of(request, actor, machine_id)
    return as_bytes(current_of(request).one(device, catalogue_of(request, actor)))


@both("GET", "/{machine_id}/measurements")
def device_measurements(
    request: Request, response: Response, actor: DeviceViewer, machine_id: Key, since: From = None, to: To = None,
    limit: Most = 100, cursor: Cursor = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The latest instants of a range, newest first, one row an instant with every sensor that reported then.

    Where there are more, the header `Link` has the address of what follows (`rel="next"`).
    """
    rows, following = _instants(request, actor, machine_id, us(since), us(to), limit, cursor)
    if following is not None:
        response.headers["Link"] = f'<{request.url.include_query_params(cursor=following)}>; rel="next"'
    return rows


@both("GET", "/{machine_id}/history")
def device_history(
    request: Request, actor: DeviceViewer, machine_id: Key, since: From = None, to: To = None, limit: Most = 100, cursor: Cursor = None
) -> History:
    """The same in pages with a cursor."""
    rows, following = _instants(request, actor, machine_id, us(since), us(to), limit, cursor)
    return History(machine_id=machine_id, history=rows, next_cursor=following)


class States:
    """How devices are, of one look at the live state and at the open alerts."""

    def __init__(self, services: Services, actor: Actor) -> None:
        self._now = services.live.now(actor.tenant_id)
        self._alerts: dict[str, list[AlertRow]] = {}
        for alert in services.alerts.open(actor.tenant_id):
            self._alerts.setdefault(alert.device_key, []).append(alert)
        self._now_us = time.time_ns() // 1000

    def of(self, device: DeviceEntry) -> State:
        """One of them."""
        found = [(sensor, self._now[sensor.id]) for sensor in device.sensors.values() if sensor.id in self._now]
        newest = max(found, key=lambda each: each[1].time_us, default=None)
        alerts = self._alerts.get(device.key, [])  # in the order of their priority
        return State(
            machine_id=device.key, status=device.status, open_alerts=len(alerts),
            reporting=any(self._now_us - state.received_us <= offline_limit_us(sensor.period_s) for sensor, state in found),
            last_updated=None if newest is None else newest[1].time_us,
            last_reading=None if newest is None else LastReading(
                sensor=newest[0].key, value=present(newest[0].kind, newest[1].value), unit=newest[0].unit, time=newest[1].time_us
            ),
            alert_status=alerts[0].severity if alerts else "normal",
        )  # fmt: skip


def device_json(device: DeviceEntry) -> Device:
    """A device as programs see it."""
    return Device(
        id=device.id, machine_id=device.key, name=device.name, location=device.place, line=device.line, status=device.status,
        is_machine=device.is_machine, accepts_new=device.accepts_new, created_at=device.created_at_us,
        sensors=[Sensor.model_validate(sensor) for sensor in device.sensors.values()],
    )  # fmt: skip


def current_of(request: Request) -> CurrentState:
    """The bodies of current state."""
    states: CurrentState = request.app.state.current
    return states


def as_bytes(found: Encoded) -> Response:
    """A body that is encoded already."""
    return Response(found.body, media_type=JSONResponse.media_type)


def _instants(
    request: Request, actor: Actor, key: str, from_us: int | None, to_us: int | None, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    device = device_of(request, actor, key)
    if cursor is not None:
        before = read_cursor(cursor)
        if len(before) != 1 or type(before[0]) is not int or not 0 <= before[0] < 2**53:
            raise ActionError("cursor", "this is no cursor of ours")
        to_us = before[0] if to_us is None else min(to_us, before[0])
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        ids = [sensor.id for sensor in device.sensors.values()]
        rows = [row for _, row in measurements_of(connection, {device.key: ids}, limit + 1, low_us=from_us, high_us=to_us)]
    following = make_cursor(rows[limit - 1].time_us) if len(rows) > limit else None
    return [_instant(device, row) for row in rows[:limit]], following


def _instant(device: DeviceEntry, row: Measurement) -> dict[str, Any]:
    by_id = {sensor.id: sensor for sensor in device.sensors.values()}
    values = {by_id[sensor_id].key: present(by_id[sensor_id].kind, value) for sensor_id, value in row.values.items()}
    return {"machine_id": device.key, **values, "timestamp": iso(row.time_us), "created_at": iso(row.received_us)}


