"""What is under `/api` and no route: 404, or 405 with the methods that there are. And who may ask from another site (CORS)."""

import re
from collections.abc import Iterable

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from dashapp.api.idempotency import REPLAYED
from dashapp.api.problems import problem, too_many
from dashapp.api.rest.ingest import PATHS
from dashapp.api.routes import routes_of
from dashapp.domain.limits import TooMany

OPEN_TO_OTHERS = ("/api/", "/graphql", "/openapi.json")
SENT = ("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match", "X-API-Key", "X-Request-Id")
SHOWN = ("ETag", "Retry-After", "X-Request-Id", REPLAYED)


class Elsewhere:
    """ASGI application for paths that no route of the API takes; mounted after all of them."""

    def __init__(self, api: FastAPI) -> None:
        self._api = api
        self._methods: list[tuple[re.Pattern[str], set[str]]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        path = scope["path"]
        allowed = sorted(self._allowed(path))
        try:
            client = scope.get("client")
            self._api.state.services.limits.stranger(client[0] if client else None)
        except TooMany as error:
            answer = too_many(None, error)
        else:
            if allowed:
                detail = f"This path takes {', '.join(allowed)}."
                answer = problem(405, "Method Not Allowed", detail, "method", detail, headers={"Allow": ", ".join(allowed)})
            else:
                answer = problem(404, "No such route", "The API has no such path; /docs lists them.", "path", "there is no such path")
        await answer(scope, receive, send)

    def _allowed(self, path: str) -> set[str]:
        if self._methods is None:
            self._methods = [(route.path_regex, set(route.methods or ())) for route in routes_of(self._api.router)]
            self._methods += [(re.compile(re.escape(each) + "$"), {"POST"}) for each in PATHS]
        return {method for pattern, methods in self._methods if pattern.match(path) for method in methods}


class OtherOrigins:
    """ASGI middleware: lets the pages of these origins call the API. Without cookies: who calls from elsewhere brings a token or a key."""

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app, allow_origins=list(origins), allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"], allow_headers=SENT,
            expose_headers=SHOWN, max_age=3600,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        is_api = scope["type"] == "http" and scope["path"].startswith(OPEN_TO_OTHERS)
        await (self._open if is_api else self._app)(scope, receive, send)


def origins_of(setting: str | None) -> list[str]:
    """The origins that the setting names."""
    return [one.strip().rstrip("/") for one in (setting or "").split(",") if one.strip()]
