"""The API without the rest of the application, asked without a socket: for tests of who gets in."""

import asyncio
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel
from sqlalchemy.exc import DataError, OperationalError

from dashapp.actions import changes
from dashapp.actions.actor import ActionError, Actor, require
from dashapp.api import problems, security
from dashapp.api.rest import auth
from dashapp.api.security import signed_in
from dashapp.domain.fleet import Role
from dashapp.ingest.limits import Limits
from dashapp.settings import Settings
from db.engine import Database

LOGIN = "/api/v1/auth/login"
ME = "/api/v1/auth/me"


class Client:
    """Asks the application itself, without a socket."""

    def __init__(self, app: FastAPI, clock: "Clock") -> None:
        self._app = app
        self.clock = clock

    def get(self, path: str, **more: Any) -> httpx.Response:
        """`GET`."""
        return asyncio.run(self._ask("GET", path, more))

    def post(self, path: str, **more: Any) -> httpx.Response:
        """`POST`."""
        return asyncio.run(self._ask("POST", path, more))

    async def _ask(self, method: str, path: str, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://andon.example") as client:
            return await client.request(method, path, **more)


class Clock:
    """By which what is remembered grows old."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def moves(self, seconds: float) -> None:
        """So many seconds pass."""
        self.now += seconds


class Wish(BaseModel):
    """What the tests' own route takes."""

    name: str
    sizes: list[int]


def make_client(database: Database, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> Client:
    """The API's own way in, with four routes to try it on."""
    api, clock = FastAPI(), Clock()
    monkeypatch.setattr(security.changes, "Recent", partial(changes.Recent, clock=clock))
    made = Settings(**{"body_bytes": 20_000, "rate_strangers": 0, **settings})
    security.register(api, SimpleNamespace(database=database, settings=made, limits=Limits(made), open_tenant_id=None))
    problems.register(api)
    api.include_router(auth.router)

    @api.post("/wish")
    def wish(wish: Wish, actor: Annotated[Actor, Depends(signed_in)]) -> dict[str, Any]:
        require(actor, Role.MANAGER)
        if wish.name == "taken":
            raise ActionError("name", "there is one already", status=409)
        if wish.name == "nul":
            raise DataError("insert", {}, ValueError("NUL"))
        if wish.name == "away":
            raise OperationalError("select", {}, ConnectionError("gone"))
        if wish.name == "broken":
            raise RuntimeError("a secret of the inside")
        return {"name": wish.name}

    @api.get("/seen")
    def seen(actor: security.Viewer) -> dict[str, Any]:
        return {"tenant": actor.tenant_id, "who": actor.label, "role": actor.role}

    @api.get("/seen-of-device")
    def seen_of_device(actor: security.DeviceViewer) -> dict[str, Any]:
        return {"device": actor.device_id}

    return Client(api, clock)


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def is_problem(response: Any, status: int) -> dict[str, Any]:
    """The problem details of a refusal."""
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    said: dict[str, Any] = response.json()
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    return said
