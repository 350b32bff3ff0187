"""What a page asks for while it answers: the services behind it, and whose plant is shown."""

from typing import TYPE_CHECKING, cast

import flask

from dashapp.actions.actor import Actor
from dashapp.ingest.catalogue import DeviceEntry, TenantCatalogue
from dashapp.ingest.services import Services
from dashapp.ui import auth

if TYPE_CHECKING:
    from dashapp.ui.snapshot import Overviews

EXTENSION = "andon"


def services() -> Services:
    """The running system that this page belongs to. Raises KeyError outside of a server made by `web.create_web`."""
    return cast(Services, flask.current_app.extensions[EXTENSION])


def actor() -> Actor:
    """Who is signed in. Raises LookupError where nobody is: the guard lets no such request through to a page."""
    found = auth.current_actor()
    if found is None:
        raise LookupError("nobody is signed in")
    return found


def tenant_id() -> int:
    """The plant that is shown: the actor's own, or the one that somebody of the platform looks into."""
    return actor().tenant_id


def catalogue() -> TenantCatalogue:
    """Devices and sensors of the plant that is shown."""
    return services().catalogue.of(tenant_id())


def overviews() -> "Overviews":
    """The overviews that are open, shared by everyone who looks at the same plant."""
    return cast("Overviews", flask.current_app.extensions[f"{EXTENSION}.overviews"])


def visible_devices() -> list[DeviceEntry]:
    """The plant's devices in their order; for a person who is narrowed to lines, those of the lines alone."""
    return devices_for(actor(), catalogue())


def devices_for(who: Actor, plant: TenantCatalogue) -> list[DeviceEntry]:
    """The devices of a plant that a person may see."""
    devices = list(plant.devices.values())
    return devices if who.lines is None else [device for device in devices if device.line in who.lines]
