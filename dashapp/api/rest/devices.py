"""Changes of machines and devices: make, change, configure, remove one; its sensors likewise. Managers and above."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request, Response
from pydantic import AliasChoices, Field

from dashapp.actions import devices as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.removals import remove_device, remove_sensor, what_would_go
from dashapp.actions.sensors import arrange_sensors, change_sensor
from dashapp.api.rest.common import database_of, device_of, services_of
from dashapp.api.rest.plant import Device, Key, both, device_json
from dashapp.api.routes import Route
from dashapp.api.security import Manager, Viewer
from dashapp.api.shapes import Finite, In, Out, Time, example
from dashapp.domain.device_templates import sensor_fault
from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec, Severity
from dashapp.ingest.catalogue import DeviceEntry

router = APIRouter(prefix="/api/v1/devices", tags=["devices"], route_class=Route)
SensorKey = Annotated[str, Path(max_length=100, description="The sensor's key.", examples=["temperature"])]
Status = Literal["active", "inactive", "maintenance"]
EXAMPLE = {
    "key": "press-1", "name": "Press 1", "location": "Hall 2", "line": "line-2", "is_machine": False,
    "sensors": [{"key": "temperature", "unit": "°C", "limit_high": 90, "severity": "high", "period_s": 5}],
}  # fmt: skip
SENSOR = {"key": "pressure", "name": "Pressure", "unit": "bar", "kind": "gauge", "normal_low": 2, "normal_high": 8, "limit_high": 10}


class SensorWish(In):
    """A sensor; ranges and limits in its unit, the period in seconds."""

    key: str = Field(min_length=1, max_length=100)
    name: str | None = Field(None, max_length=200)
    unit: str = Field("", max_length=40)
    kind: SensorKind = SensorKind.GAUGE
    normal_low: Finite | None = None
    normal_high: Finite | None = None
    limit_low: Finite | None = None
    limit_high: Finite | None = None
    severity: Severity = Severity.MEDIUM
    period_s: float = Field(10.0, ge=0.01, le=86_400)

    model_config = example(SENSOR)

    def spec(self) -> SensorSpec:
        """As actions take it; without a name it is called as its key says."""
        return SensorSpec(**{**self.model_dump(), "name": self.name or self.key.replace("_", " ").capitalize()})


class SensorChange(SensorWish):
    """What a sensor becomes. A new unit needs `unit_change`: were the numbers in it all along (`relabel`), or are they to be converted?"""

    key: str = Field("", max_length=100, description="As in the path; a sensor keeps its key.")
    unit_change: Literal["relabel", "convert"] | None = None

    model_config = example({"name": "Temperature", "unit": "°C", "limit_high": 85, "severity": "high"})


class NewDevice(In):
    """A device to be made."""

    key: str = Field(min_length=1, max_length=100)
    name: str | None = Field(None, max_length=200)
    location: str = Field("", max_length=200, validation_alias=AliasChoices("location", "place"))
    line: str = Field("", max_length=200)
    is_machine: bool = False
    accepts_new: bool = Field(False, description="Whether sensors that it was not made with are made when it first names them.")
    sensors: list[SensorWish] = Field(default_factory=list, max_length=500)

    model_config = example(EXAMPLE)


class DeviceChange(In):
    """What of a device changes; what is left out stays."""

    name: str | None = Field(None, max_length=200)
    location: str | None = Field(None, max_length=200)
    line: str | None = Field(None, max_length=200)
    status: Status | None = None
    accepts_new: bool | None = None

    model_config = example({"name": "Assembly Line Alpha", "status": "maintenance"})


class Config(In):
    """A device's configuration as a whole. Sensors that are not named stay as they are; those that it lacks are made."""

    name: str = Field(min_length=1, max_length=200)
    location: str = Field("", max_length=200)
    line: str = Field("", max_length=200)
    status: Status = "active"
    accepts_new: bool = False
    sensors: list[SensorWish] = Field(default_factory=list, max_length=500)

    model_config = example(
        {"name": "Assembly Line Alpha", "location": "Building A - Floor 1", "line": "line-1", "sensors": [SENSOR]}
    )  # fmt: skip


class Order(In):
    """Every sensor of the device, once."""

    order: list[Annotated[str, Field(max_length=100)]] = Field(max_length=500, examples=[["temperature"]])


class Made(Device):
    """The device that was made."""


class Added(Out):
    """Keys of the sensors that were new."""

    added: list[str]


class Converted(Out):
    """How many stored readings were converted to the new unit."""

    converted: int


class Holdings(Out):
    """What goes with it. `exact` where the readings were counted one by one."""

    sensors: int
    readings: int
    exact: bool
    first_at: Time | None
    last_at: Time | None
    alerts: int
    rules: int
    stops: int
    keys: int


@both("POST", "", status_code=201)
def post_device(request: Request, response: Response, actor: Manager, wish: NewDevice) -> Made:
    """409 where the key is taken."""
    sensors = tuple(sensor.spec() for sensor in wish.sensors)
    spec = DeviceSpec(wish.key, wish.name or wish.key, wish.location, wish.line, sensors, wish.is_machine, accepts_new=wish.accepts_new)
    actions.create_device(database_of(request), actor, spec)
    response.headers["Location"] = f"/api/v1/devices/{wish.key}"
    return Made(**device_json(_anew(request, actor, wish.key)).model_dump())


@both("PATCH", "/{machine_id}")
def patch_device(request: Request, actor: Manager, machine_id: Key, wish: DeviceChange) -> Device:
    """Renames it, moves it, or says that it is out of use. Its key stays: what reports it knows it by that."""
    before = device_of(request, actor, machine_id)
    now = {"name": before.name, "place": before.place, "line": before.line, "status": before.status, "accepts_new": before.accepts_new}
    said = wish.model_dump(exclude_none=True)
    if "location" in said:
        said["place"] = said.pop("location")
    actions.change_device(database_of(request), actor, machine_id, **(now | said))
    return device_json(_anew(request, actor, machine_id))


@both("DELETE", "/{machine_id}", status_code=204)
def delete_device(request: Request, actor: Manager, machine_id: Key) -> None:
    """It is gone at once with everything of it, its keys too; its readings follow in the background. `…/removal` says what would go."""
    remove_device(database_of(request), actor, machine_id, machine_id.strip())
    services_of(request).catalogue.forget(actor.tenant_id)


@router.get("/{machine_id}/removal")
def get_removal(request: Request, actor: Manager, machine_id: Key) -> Holdings:
    """What removing the device would take along."""
    found = what_would_go(database_of(request), actor, machine_id)
    low, high = found.span_us or (None, None)
    return Holdings(
        sensors=found.sensors, readings=found.readings, exact=found.exact, first_at=low, last_at=high, alerts=found.alerts,
        rules=found.rules, stops=found.stops, keys=found.keys,
    )  # fmt: skip


@router.get("/{machine_id}/config")
def get_config(request: Request, actor: Viewer, machine_id: Key) -> Device:
    """The device's configuration."""
    return device_json(device_of(request, actor, machine_id))


@router.put("/{machine_id}/config")
def put_config(request: Request, actor: Manager, machine_id: Key, wish: Config) -> Device:
    """Changes the device, then its sensors one by one; a unit changes by `PUT …/sensors/{sensor_key}` alone."""
    before, database = device_of(request, actor, machine_id), database_of(request)
    for number, sensor in enumerate(wish.sensors):
        fault = sensor_fault(sensor.spec())
        if fault is not None:
            raise ActionError(f"sensors.{number}.{fault[0]}", fault[1])
        known = before.sensors.get(sensor.key)
        if known is not None and known.unit != sensor.unit:
            raise ActionError(f"sensors.{number}.unit", f"it is {known.unit or 'none'}; change it by the sensor's own path", status=409)
    actions.change_device(
        database, actor, machine_id, name=wish.name, place=wish.location, line=wish.line, status=wish.status, accepts_new=wish.accepts_new
    )
    for sensor in wish.sensors:
        if sensor.key in before.sensors:
            change_sensor(database, actor, machine_id, sensor.spec())
    actions.add_sensors(database, actor, machine_id, [each.spec() for each in wish.sensors if each.key not in before.sensors])
    return device_json(_anew(request, actor, machine_id))


@router.post("/{machine_id}/sensors", status_code=201)
def post_sensors(
    request: Request, actor: Manager, machine_id: Key, wish: Annotated[list[SensorWish], Field(min_length=1, max_length=500)]
) -> Added:
    """Gives it sensors that it lacks."""
    added = actions.add_sensors(database_of(request), actor, machine_id, [sensor.spec() for sensor in wish])
    services_of(request).catalogue.forget(actor.tenant_id)
    return Added(added=added)


@router.put("/{machine_id}/sensors", status_code=204)
def put_order(request: Request, actor: Manager, machine_id: Key, wish: Order) -> None:
    """Puts its sensors into another order: the first gauge is what its card is about."""
    arrange_sensors(database_of(request), actor, machine_id, wish.order)
    services_of(request).catalogue.forget(actor.tenant_id)


@router.put("/{machine_id}/sensors/{sensor_key:path}")
def put_sensor(request: Request, actor: Manager, machine_id: Key, sensor_key: SensorKey, wish: SensorChange) -> Converted:
    """Changes one of its sensors."""
    if wish.key not in ("", sensor_key):
        raise ActionError("key", "a sensor keeps its key")
    spec = SensorWish(**{**wish.model_dump(exclude={"unit_change"}), "key": sensor_key}).spec()
    converted = change_sensor(database_of(request), actor, machine_id, spec, unit_change=wish.unit_change)
    services_of(request).catalogue.forget(actor.tenant_id)
    return Converted(converted=converted)


@router.delete("/{machine_id}/sensors/{sensor_key:path}", status_code=204)
def delete_sensor(request: Request, actor: Manager, machine_id: Key, sensor_key: SensorKey) -> None:
    """Removes one of its sensors with its readings."""
    remove_sensor(database_of(request), actor, machine_id, sensor_key, sensor_key.strip())
    services_of(request).catalogue.forget(actor.tenant_id)


def _anew(request: Request, actor: Actor, key: str) -> DeviceEntry:
    services_of(request).catalogue.forget(actor.tenant_id)
    return device_of(request, actor, key)
