"""The application as one ASGI app: FastAPI for programs, Flask with Dash for people, the ingest door before both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from a2wsgi import WSGIMiddleware
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from dashapp.actions.actor import Actor
from dashapp.actions.devices import register_unknown
from dashapp.api import problems
from dashapp.api.rest import auth, devices, health, machines
from dashapp.api.rest.ingest import PATHS, IngestDoor
from dashapp.api.security import KeyRing
from dashapp.domain.fleet import Role
from dashapp.headers import SecurityHeaders
from dashapp.ingest.services import Services
from dashapp.static_files import StaticFiles
from dashapp.ui.web import create_web

WEB_THREADS = 12


def create_app(services: Services) -> ASGIApp:
    """Everything that is served. Writers and listener start and stop with the server's lifespan, not at import."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        services.start()
        try:
            yield
        finally:
            services.stop()

    api = FastAPI(title="Andon", version="1", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    api.state.services = services
    problems.register(api)
    for module in (auth, health, machines, devices):
        api.include_router(module.router)
    api.add_api_route("/api/{rest:path}", _no_such_route, methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
    flask = create_web(services)
    api.mount("/", WSGIMiddleware(flask, workers=WEB_THREADS))
    keys = KeyRing(services.database)
    door = IngestDoor(services, find_key=keys.find, cached_key=keys.cached, register=_register)
    behind = _FirstDoor(door, StaticFiles(api, flask, services.settings.data_dir / "cache"))
    return SecurityHeaders(behind)


class _FirstDoor:
    """Ingest goes past the routing of everything else."""

    def __init__(self, door: ASGIApp, rest: ASGIApp) -> None:
        self._door = door
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        ingest = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in PATHS
        await (self._door if ingest else self._rest)(scope, receive, send)


def _register(services: Services, tenant_id: int, wanted: list[tuple[str, str, str]]) -> None:
    actor = Actor(kind="job", id=0, tenant_id=tenant_id, role=Role.MANAGER, name="self-registration")
    register_unknown(services.database, actor, wanted)
    services.catalogue.forget(tenant_id)


def _no_such_route() -> JSONResponse:
    return problems.problem(404, "No such route", "The API has no such path or method; see /api/v1/health for a first one.")
