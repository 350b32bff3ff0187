"""Reads of machines for programs: the routes of source 000 §3.2, snake_case, newest first."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from dashapp.actions.actor import ActionError, Actor
from dashapp.api.security import signed_in
from dashapp.ingest.catalogue import DeviceEntry, TenantCatalogue
from dashapp.ingest.services import Services
from db.queries.measurements import measurements
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/machines", tags=["machines"])
SignedIn = Annotated[Actor, Depends(signed_in)]


def iso(time_us: int | None) -> str | None:
    """RFC 3339 in UTC of microseconds since 1970."""
    if time_us is None:
        return None
    return datetime.fromtimestamp(time_us / 1_000_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def visible(catalogue: TenantCatalogue, actor: Actor) -> list[DeviceEntry]:
    """The devices that this person may see: narrowed to lines where the role is."""
    return [device for device in catalogue.devices.values() if actor.lines is None or device.line in actor.lines]


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


@router.get("")
def list_machines(request: Request, actor: SignedIn) -> list[dict[str, Any]]:
    """Every device of the tenant, in the order of the plant."""
    catalogue = _services(request).catalogue.of(actor.tenant_id)
    return [
        {
            "id": device.id, "machine_id": device.key, "name": device.name, "location": device.place, "line": device.line,
            "status": device.status, "is_machine": device.is_machine, "created_at": iso(device.created_at_us),
            "sensors": [{"key": s.key, "name": s.name, "unit": s.unit, "kind": s.kind} for s in device.sensors.values()],
        }
        for device in visible(catalogue, actor)
    ]  # fmt: skip


@router.get("/status")
def machines_status(request: Request, actor: SignedIn) -> list[dict[str, Any]]:
    """Current state of every device: its sensors by key (an increment as its running total), and when it last reported."""
    services = _services(request)
    now = services.live.now(actor.tenant_id)
    found = []
    for device in visible(services.catalogue.of(actor.tenant_id), actor):
        row: dict[str, Any] = {"machine_id": device.key}
        last_us = None
        for sensor in device.sensors.values():
            state = now.get(sensor.id)
            row[sensor.key] = None if state is None else present(sensor.kind, state.total if sensor.kind == "increment" else state.value)
            last_us = state.time_us if state and (last_us is None or state.time_us > last_us) else last_us
        found.append({**row, "last_updated": iso(last_us)})
    return found


@router.get("/{machine_id}/measurements")
def machine_measurements(
    request: Request, actor: SignedIn, machine_id: str, limit: Annotated[int, Query(ge=1, le=10_000)] = 100
) -> list[dict[str, Any]]:
    """The latest measurements, one row an instant with every sensor that reported then."""
    services = _services(request)
    catalogue = services.catalogue.of(actor.tenant_id)
    device = catalogue.devices.get(machine_id)
    if device is None or device not in visible(catalogue, actor):
        raise ActionError("machine_id", f"there is no device {machine_id}", status=404)
    with tenant_reading(services.database.engine, actor.tenant_id) as connection:
        rows = measurements(connection, [sensor.id for sensor in device.sensors.values()], limit)
    by_id = {sensor.id: sensor for sensor in device.sensors.values()}
    return [
        {
            "machine_id": device.key,
            **{by_id[sensor_id].key: present(by_id[sensor_id].kind, value) for sensor_id, value in row.values.items()},
            "timestamp": iso(row.time_us),
            "created_at": iso(row.received_us),
        }
        for row in rows
    ]


def present(kind: str, value: float) -> float | bool | int:
    """A value as the sources show it: a flag as true or false, a whole increment as a whole number."""
    if kind == "flag":
        return value != 0
    return int(value) if kind == "increment" and value.is_integer() else value
