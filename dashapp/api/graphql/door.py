"""`/graphql`: queries and mutations by POST, everything by WebSocket in either protocol, and a playground for people by GET."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from cross_web import HTTPException
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket
from strawberry.fastapi import GraphQLRouter
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_ws.handlers import BaseGraphQLWSHandler

from dashapp.actions.actor import Actor
from dashapp.api.graphql.context import Context, enter, leave
from dashapp.api.graphql.schema import SCHEMA
from dashapp.api.problems import Problem
from dashapp.api.security import Access
from dashapp.api.sockets.hub import Hub
from dashapp.api.sockets.who import is_invited
from dashapp.domain.fleet import Role
from dashapp.ui.bundle import asset, styles_url

PATH = "/graphql"
FILES = Path(__file__).parent / "playground"
SIGN_IN = "/sign-in?next=/graphql"
SIGN_IN_S = 10.0
KEEP_ALIVE_S = 15.0
READER = Access(Role.VIEWER, key="read")
MOST_SUBSCRIPTIONS = 20  # of one connection


class OlderProtocol(BaseGraphQLWSHandler[Any, Any]):
    """`graphql-ws`, which the client of source 000 §4.4 speaks. What is not a message of it ends the connection, not the log's calm."""

    async def handle_message(self, message: Any) -> None:
        """One message."""
        try:
            await super().handle_message(message)
        except (KeyError, TypeError, AttributeError):
            await self.websocket.close(code=4400, reason="This is not a message of graphql-ws.")


class Door(GraphQLRouter[Context, None]):
    """FastAPI's routes of `/graphql`."""

    graphql_ws_handler_class = OlderProtocol

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

        async def context_of(connection: HTTPConnection) -> Context:
            if connection.scope["type"] != "http":
                return Context(hub)
            return Context(hub, await _visitor(Request(connection.scope)))

        super().__init__(
            SCHEMA, PATH, graphql_ide="graphiql", allow_queries_via_get=False, keep_alive=True, keep_alive_interval=KEEP_ALIVE_S,
            context_getter=context_of, max_subscriptions_per_connection=MOST_SUBSCRIPTIONS, tags=["graphql"],
        )  # fmt: skip

    async def run(self, request: Any, context: Any = None, root_value: Any = None) -> Any:
        """A request or a whole connection; what cannot be read is answered with problem details."""
        hurry = asyncio.ensure_future(_hurry(context, request)) if isinstance(request, WebSocket) else None
        try:
            return await super().run(request, context, root_value)
        except HTTPException as error:
            raise Problem(error.status_code, "The request cannot be read", error.reason, field="body", reason=error.reason) from error
        finally:
            if hurry is not None:
                hurry.cancel()
                leave(context)

    def parse_json(self, data: str | bytes) -> Any:
        """A question is an object. Raises HTTPException for anything else."""
        read = super().parse_json(data)
        if not isinstance(read, dict):
            raise HTTPException(400, "a JSON object with a query is expected")
        return read

    def should_render_graphql_ide(self, request: Any) -> bool:
        """The playground, to whoever takes HTML."""
        return request.method == "GET" and "text/html" in request.headers.get("accept", "")

    async def render_graphql_ide(self, request: Request) -> HTMLResponse:
        """Our own page: nothing of it comes from elsewhere."""
        page = (FILES / "page.html").read_text()
        for name, url in {"theme": asset("00-theme.js"), "styles": styles_url(), "icon": asset("favicon.svg")}.items():
            page = page.replace(f"{{{name}}}", url)
        return HTMLResponse(page)

    async def on_ws_connect(self, context: Context) -> Any:
        """`connection_init`: who it is."""
        assert isinstance(context.request, WebSocket)
        await enter(context, context.request, context.connection_params)
        return await super().on_ws_connect(context)

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:
        """Pages of other sites, where the settings name them."""
        return is_invited(self._hub.services, request)

    async def pick_websocket_subprotocol(self, request: WebSocket) -> str | None:
        """The newer one where it is offered. Who names no protocol speaks the older one, as the client of source 000 §4.4 does."""
        offered: list[str] = request["subprotocols"]
        known = (GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_WS_PROTOCOL)
        return next((each for each in known if each in offered), None) if offered else GRAPHQL_WS_PROTOCOL

    async def create_websocket_response(self, request: WebSocket, subprotocol: str | None) -> WebSocket:
        """Accepts; a protocol that was not asked for is not named either."""
        await request.accept(subprotocol=subprotocol if request["subprotocols"] else None)
        return request


playground = APIRouter(prefix=f"{PATH}/playground", include_in_schema=False)


@playground.get("/{name}")
def playground_file(name: str, _visitor: Annotated[Actor, Depends(READER)]) -> Response:
    """The playground's script and style sheet."""
    kinds = {"page.js": "text/javascript", "page.css": "text/css"}
    if name not in kinds:
        raise Problem(404, "Not found", "The playground has no such file.")
    return Response((FILES / name).read_bytes(), media_type=kinds[name], headers={"Cache-Control": "no-cache"})


async def _visitor(request: Request) -> Actor:
    """Who asks. Raises Problem 401; a person in a browser is led to the sign-in instead."""
    try:
        return (await READER.admit(request)).actor
    except Problem as problem:
        if problem.status == 401 and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            raise StarletteHTTPException(302, headers={"Location": SIGN_IN}) from problem
        raise


async def _hurry(context: Context, socket: WebSocket) -> None:
    """Ends a connection on which nobody signs in."""
    await asyncio.sleep(SIGN_IN_S)
    if context.connection is None:
        with suppress(Exception):  # it may have ended in this moment
            await socket.close(4408, "Nobody signed in within ten seconds.")
