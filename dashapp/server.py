"""The application as one ASGI app: FastAPI for programs, Flask with Dash for people, the ingest door before both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from dashapp.actions.actor import Actor
from dashapp.actions.devices import register_unknown
from dashapp.api import openapi, problems, security
from dashapp.api.current import CurrentState, StateDoor
from dashapp.api.elsewhere import Elsewhere, OtherOrigins, origins_of
from dashapp.api.graphql import door as graphql
from dashapp.api.rest.ingest import PATHS, IngestDoor
from dashapp.api.rest.routers import ROUTERS
from dashapp.api.sockets.door import SocketDoor
from dashapp.api.sockets.hub import Hub
from dashapp.callback_door import CallbackDoor
from dashapp.domain.fleet import Role
from dashapp.headers import SecurityHeaders
from dashapp.ingest.services import Services
from dashapp.request_id import RequestIds
from dashapp.static_files import StaticFiles
from dashapp.ui.web import create_web

WEB_THREADS = 12


def create_app(services: Services) -> ASGIApp:
    """Everything that is served. Writers and listener start and stop with the server's lifespan, not at import."""

    hub = Hub(services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        services.start()
        hub.start()
        try:
            yield
        finally:
            await hub.stop()
            services.stop()

    api = FastAPI(title="Andon", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    security.register(api, services)
    problems.register(api)
    for router in ROUTERS:
        api.include_router(router)
    for router in (graphql.Door(hub), graphql.playground):
        api.include_router(router, include_in_schema=False)
    openapi.register(api)
    api.mount("/api", Elsewhere(api))
    services.register = register_itself
    flask = create_web(services)
    pages = WSGIMiddleware(flask, workers=WEB_THREADS)
    api.mount("/", pages)
    keys = api.state.keys
    api.state.current = CurrentState(services)
    door = IngestDoor(services, find_key=keys.find, cached_key=keys.cached, register=register_itself)
    callbacks = CallbackDoor(api, flask, pages.executor, services.settings.body_bytes)
    rest = SecurityHeaders(StaticFiles(callbacks, flask, services.settings.data_dir / "cache"))
    every = _FirstDoor(door, StateDoor(rest, services, api.state.doorkeeper, api.state.current), SocketDoor(hub, api))
    origins = origins_of(services.settings.cors_origins)
    return RequestIds(SecurityHeaders(OtherOrigins(every, origins)) if origins else every)


class _FirstDoor:
    """Ingest, which sends the headers of security itself, and the WebSocket go past the routing of everything else."""

    def __init__(self, door: ASGIApp, rest: ASGIApp, sockets: ASGIApp) -> None:
        self._door = door
        self._rest = rest
        self._sockets = sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await (self._rest if scope["path"] == graphql.PATH else self._sockets)(scope, receive, send)
            return
        ingest = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS
        await (self._door if ingest else self._rest)(scope, receive, send)


def register_itself(services: Services, tenant_id: int, wanted: list[tuple[str, str, str]]) -> None:
    """Makes devices and sensors (device, sensor, unit) that report and are welcome; for every door."""
    actor = Actor(kind="job", id=0, tenant_id=tenant_id, role=Role.MANAGER, name="self-registration")
    register_unknown(services.database, actor, wanted)
    services.catalogue.forget(tenant_id)
