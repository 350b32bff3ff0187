"""`POST /api/v1/devices`: a program makes a device, with the sensors that it will report."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from dashapp.actions.actor import Actor
from dashapp.actions.devices import create_device
from dashapp.api.security import signed_in
from dashapp.domain.fleet import DeviceSpec, SensorKind, SensorSpec, Severity
from dashapp.ingest.services import Services

router = APIRouter(prefix="/api/v1/devices", tags=["devices"])


class NewSensor(BaseModel):
    """A sensor to be made; ranges and limits in its unit, the period in seconds."""

    key: str = Field(min_length=1, max_length=100)
    name: str | None = Field(None, max_length=200)
    unit: str = Field("", max_length=40)
    kind: SensorKind = SensorKind.GAUGE
    normal_low: float | None = None
    normal_high: float | None = None
    limit_low: float | None = None
    limit_high: float | None = None
    severity: Severity = Severity.MEDIUM
    period_s: float = Field(10.0, gt=0, le=86_400)


class NewDevice(BaseModel):
    """A device to be made."""

    key: str = Field(min_length=1, max_length=100)
    name: str | None = Field(None, max_length=200)
    place: str = Field("", max_length=200)
    line: str = Field("", max_length=200)
    is_machine: bool = False
    sensors: list[NewSensor] = Field(default_factory=list, max_length=500)


@router.post("", status_code=201)
def post_device(request: Request, actor: Annotated[Actor, Depends(signed_in)], wish: NewDevice) -> dict[str, Any]:
    """Managers and above. 409 where the key is taken."""
    services: Services = request.app.state.services
    sensors = tuple(
        SensorSpec(**{**sensor.model_dump(), "name": sensor.name or sensor.key.replace("_", " ").capitalize()}) for sensor in wish.sensors
    )
    device = DeviceSpec(wish.key, wish.name or wish.key, wish.place, wish.line, sensors, wish.is_machine)
    device_id = create_device(services.database, actor, device)
    services.catalogue.forget(actor.tenant_id)
    return {"id": device_id, "machine_id": wish.key, "name": device.name, "sensors": [sensor.key for sensor in sensors]}
