"""Current state as bytes: what is polled most. Encoded once a change and answered from memory, before any routing.

`StateDoor` answers `GET /api/v1/machines/status` and `…/{key}/current` on the event loop when everything that it needs is in memory (who
asks, the names, the state); the routes of `rest.plant` answer otherwise, with the same bytes.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from dashapp.actions.actor import Actor
from dashapp.actions.keys import hash_of
from dashapp.api.browser import is_ours
from dashapp.api.problems import too_many
from dashapp.api.rest.common import may_see, present, visible
from dashapp.api.routes import is_known, tag_of
from dashapp.api.security import Doorkeeper, credential_of
from dashapp.api.shapes import iso
from dashapp.domain.limits import TooMany
from dashapp.headers import OF_DATA, OF_DATA_BY_HTTPS
from dashapp.ingest.catalogue import DeviceEntry, TenantCatalogue
from dashapp.ingest.live import SensorNow
from dashapp.ingest.services import Services

STATUS = "/api/v1/machines/status"
OF_ONE = ("/api/v1/machines/", "/api/v1/devices/")
CURRENT = "/current"
MOST_KEPT = 2_000


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body with its tag, and what it was made of."""

    version: int
    catalogue: TenantCatalogue
    body: bytes
    tag: bytes


class CurrentState:
    """The bodies, each kept until something of its plant changes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: dict[tuple[Any, ...], Encoded] = {}

    def status(self, actor: Actor, catalogue: TenantCatalogue) -> Encoded:
        """Every device that the actor may see."""
        key = (actor.tenant_id, actor.lines, actor.device_id)
        return self._of(key, catalogue, lambda now: [status_row(device, now) for device in visible(catalogue, actor)])

    def one(self, device: DeviceEntry, catalogue: TenantCatalogue) -> Encoded:
        """One device."""
        return self._of((catalogue.tenant_id, device.id), catalogue, lambda now: current_row(device, now))

    def _of(self, key: tuple[Any, ...], catalogue: TenantCatalogue, make: Any) -> Encoded:
        version = self._services.live.version(catalogue.tenant_id)
        kept = self._kept.get(key)
        if kept is not None and kept.version == version and kept.catalogue is catalogue:
            return kept
        body = msgspec.json.encode(make(self._services.live.now(catalogue.tenant_id)))
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        made = self._kept[key] = Encoded(version, catalogue, body, tag_of(body).encode())
        return made


class StateDoor:
    """ASGI application before the routes: answers current state from memory, with the headers of security; passes everything else on."""

    def __init__(self, app: ASGIApp, services: Services, doorkeeper: Doorkeeper, states: CurrentState) -> None:
        self._app = app
        self._services = services
        self._doorkeeper = doorkeeper
        self._states = states

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "GET" or not scope["path"].startswith(OF_ONE):
            return await self._app(scope, receive, send)
        try:
            found = self._remembered(scope)
        except TooMany as error:
            return await too_many(None, error)(scope, receive, send)
        if found is None:
            return await self._app(scope, receive, send)
        asked = next((value for name, value in scope["headers"] if name == b"if-none-match"), None)
        ours = OF_DATA_BY_HTTPS if scope.get("scheme") == "https" else OF_DATA
        headers = [*ours, (b"etag", found.tag), (b"cache-control", b"private, no-cache")]
        if asked is not None and is_known(asked.decode("latin-1"), found.tag.decode()):
            await send({"type": "http.response.start", "status": 304, "headers": headers})
            return await send({"type": "http.response.body", "body": b""})
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(found.body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": found.body})

    def _remembered(self, scope: Scope) -> Encoded | None:
        """What to answer; None where somebody has to be asked first. Raises TooMany."""
        path: str = scope["path"]
        one = path.removeprefix(OF_ONE[0]).removeprefix(OF_ONE[1]).removesuffix(CURRENT) if path.endswith(CURRENT) else ""
        if not one and path != STATUS:
            return None
        request = Request(scope)
        kind, secret = credential_of(request)
        if not secret or (kind == "session" and not is_ours(request)):
            return None
        hashed = hash_of(secret)
        caller = self._doorkeeper.remembered(kind, hashed)
        if caller is None or not self._services.limits.is_proven(hashed):
            return None
        if caller.scopes is not None and "read" not in caller.scopes:
            return None
        actor = caller.actor
        catalogue = self._services.catalogue.known(actor.tenant_id)
        if catalogue is None or not self._services.live.is_loaded(actor.tenant_id):
            return None
        device = catalogue.devices.get(one) if one else None
        if one and (device is None or not may_see(actor, device)):
            return None
        self._services.limits.program(actor.label)
        return self._states.one(device, catalogue) if device is not None else self._states.status(actor, catalogue)


def status_row(device: DeviceEntry, now: dict[int, SensorNow]) -> dict[str, Any]:
    """A device on one line: its sensors by key (an increment as its running total), and when it last reported."""
    row: dict[str, Any] = {"machine_id": device.key}
    last_us = None
    for sensor in device.sensors.values():
        state = now.get(sensor.id)
        row[sensor.key] = None if state is None else present(sensor.kind, state.total if sensor.kind == "increment" else state.value)
        last_us = state.time_us if state and (last_us is None or state.time_us > last_us) else last_us
    return {**row, "last_updated": iso(last_us)}


def current_row(device: DeviceEntry, now: dict[int, SensorNow]) -> dict[str, Any]:
    """A device with each of its sensors: value, unit, quality and time."""
    sensors = [
        {
            "key": sensor.key, "name": sensor.name, "unit": sensor.unit, "kind": sensor.kind,
            "value": None if state is None else present(sensor.kind, state.value),
            "total": present(sensor.kind, state.total) if state is not None and sensor.kind == "increment" else None,
            "quality": None if state is None else state.quality, "time": None if state is None else iso(state.time_us),
            "received_at": None if state is None else iso(state.received_us),
        }
        for sensor in device.sensors.values()
        for state in (now.get(sensor.id),)
    ]  # fmt: skip
    times = [state.time_us for sensor in device.sensors.values() if (state := now.get(sensor.id)) is not None]
    return {"machine_id": device.key, "name": device.name, "last_updated": iso(max(times, default=None)), "sensors": sensors}
