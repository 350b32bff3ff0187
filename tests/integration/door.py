"""The HTTP door without a server, with keys made for the test."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from dashapp.api.rest.ingest import PATHS, IngestDoor
from dashapp.ingest.services import Services

READING = {"device_id": "MX-01", "sensor_type": "temperature", "value": 71.5, "timestamp": "2020-05-01T06:00:00Z"}


@dataclass
class Grant:
    """What a key may do."""

    tenant_id: int
    id: int = 1
    scopes: tuple[str, ...] = ("ingest",)
    device_id: int | None = None


@dataclass
class Door:
    """The door of a replica, with keys made for the test."""

    services: Services
    grants: dict[str, Any] = field(default_factory=dict)
    register: Callable[..., None] = lambda *_arguments: None

    def _find(self, secret: str) -> Any:
        found = self.grants.get(secret)
        if isinstance(found, Exception):
            raise found
        return found

    def post(self, content: Any, *, key: str | None = "key", path: str = PATHS[0], **headers: str) -> httpx.Response:
        """Posts bytes as they are, anything else as JSON."""
        return self.post_all([content], key=key, path=path, **headers)[0]

    def post_all(self, contents: list[Any], *, key: str | None = "key", path: str = PATHS[0], **headers: str) -> list[httpx.Response]:
        """Posts all of them at once."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"X-API-Key": key} if key else {})
        door = IngestDoor(self.services, find_key=self._find, cached_key=lambda _secret: None, register=self.register)

        async def go() -> list[httpx.Response]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://plant") as client:
                bodies = [content if isinstance(content, bytes) else json.dumps(content).encode() for content in contents]
                return list(await asyncio.gather(*(client.post(path, content=body, headers=sent) for body in bodies)))

        return asyncio.run(go())


def problem(response: httpx.Response, status: int) -> Any:
    """The problem details of a refusal."""
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json"), response.text
    content = response.json()
    assert content["status"] == status
    assert content["title"]
    assert content["detail"]
    return content
