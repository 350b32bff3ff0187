"""What the routes share: the running system, the devices that somebody may see, and how a value is written."""

from fastapi import Request

from dashapp.actions.actor import ActionError, Actor
from dashapp.ingest.catalogue import DeviceEntry, TenantCatalogue
from dashapp.ingest.services import Services
from db.engine import Database


def services_of(request: Request) -> Services:
    """The running system."""
    services: Services = request.app.state.services
    return services


def database_of(request: Request) -> Database:
    """Its database."""
    return services_of(request).database


def catalogue_of(request: Request, actor: Actor) -> TenantCatalogue:
    """The names of the actor's plant."""
    return services_of(request).catalogue.of(actor.tenant_id)


def visible(catalogue: TenantCatalogue, actor: Actor) -> list[DeviceEntry]:
    """The devices that somebody may see: narrowed to lines where the role is, to one device where the key is."""
    return [device for device in catalogue.devices.values() if may_see(actor, device)]


def may_see(actor: Actor, device: DeviceEntry) -> bool:
    """Whether a device is one of those."""
    return (actor.lines is None or device.line in actor.lines) and actor.device_id in (None, device.id)


def device_of(request: Request, actor: Actor, key: str) -> DeviceEntry:
    """A device that the actor may see; looked up again where it is new. Raises ActionError 404."""
    services = services_of(request)
    catalogue = services.catalogue.of(actor.tenant_id)
    if key not in catalogue.devices:
        catalogue = services.catalogue.refreshed(actor.tenant_id)
    device = next((one for one in visible(catalogue, actor) if one.key == key), None)
    if device is None:
        raise ActionError("machine_id", f"there is no device {key[:100]}", status=404)
    return device


def present(kind: str, value: float) -> float | bool | int:
    """A value as the sources show it: a flag as true or false, a whole increment as a whole number."""
    if kind == "flag":
        return value != 0
    return int(value) if kind == "increment" and value.is_integer() else value
