"""The whole application as a program meets it: in process, on a real database, with a plant of two machines and people of every role."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from dashapp.actions.devices import create_device
from dashapp.actions.keys import create_key
from dashapp.api.tokens import issue_token
from dashapp.domain.fleet import SEEDED_FLEET, Role
from dashapp.ingest.services import Services, make_services
from dashapp.server import create_app
from dashapp.settings import Settings
from db.commands.partitions import PartitionKeeper
from db.engine import Database
from tests.integration.access import administrator, new_user
from tests.integration.web import clean_dash

API = "/api/v1"
UNLIMITED: dict[str, Any] = {"rate_strangers": 0, "rate_programs": 0, "rate_ingest": 0, "rate_pages": 0}


class Site:
    """`ask` sends one request, `headers` are those of somebody of a role."""

    def __init__(self, services: Services, tenant: int) -> None:
        self.services = services
        self.tenant = tenant
        self.app = create_app(services)
        self._tokens: dict[Role, str] = {}
        self.key = create_key(services.database, administrator(tenant), "Gateway of the tests", ["ingest", "read"], None)[1]

    @property
    def database(self) -> Database:
        """Its database."""
        return self.services.database

    def headers(self, role: Role = Role.ADMIN) -> dict[str, str]:
        """The bearer token of somebody of this role; the same person each time."""
        if role not in self._tokens:
            self._tokens[role] = issue_token(self.database, new_user(self.database, self.tenant, role, password=None), minutes=60)
        return {"Authorization": f"Bearer {self._tokens[role]}"}

    def ask(self, method: str, path: str, role: Role | None = Role.ADMIN, **more: Any) -> httpx.Response:
        """The answer to one request; `role` None: of a stranger."""
        headers = {**({} if role is None else self.headers(role)), **more.pop("headers", {})}

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://andon.test") as client:
                return await client.request(method, path, headers=headers, **more)

        return asyncio.run(send())

    def post(self, reading: Any) -> httpx.Response:
        """Readings by its key."""
        return self.ask("POST", "/api/v1/readings", None, json=reading, headers={"X-API-Key": self.key})


@contextmanager
def open_site(database: Database, tenant: int, folder: Path, **settings: Any) -> Iterator[Site]:
    """A site whose writers run inside of the block; MX-01 and MX-02 are there."""
    with clean_dash():
        services = make_services(Settings(data_dir=folder, **{**UNLIMITED, **settings}), database, PartitionKeeper(database))
        services.open_tenant_id = tenant
        for device in SEEDED_FLEET[:2]:
            create_device(database, administrator(tenant), device)
        site = Site(services, tenant)
        services.pipeline.start()
        services.listener.start()
        try:
            yield site
        finally:
            services.pipeline.stop()
            services.listener.stop()


def done(answer: Any, status: int = 200) -> Any:
    """What it says, of the status that is expected."""
    assert answer.status_code == status, answer.text
    return answer.json() if answer.content else None


def refused(answer: Any, status: int, field: str) -> dict[str, Any]:
    """The problem details of a refusal of this field."""
    said: dict[str, Any] = answer.json()
    assert (answer.status_code, said["status"], said["field"]) == (status, status, field), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert said["reason"]
    return said
