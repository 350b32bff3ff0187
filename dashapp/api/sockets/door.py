"""`/ws`: the WebSocket for programs and pages, as plain ASGI. Docs: docs/websocket.md."""

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from dashapp.actions.actor import Actor
from dashapp.api.problems import Problem, problem
from dashapp.api.sockets.client import Client
from dashapp.api.sockets.hub import Hub
from dashapp.api.sockets.who import Credential, admit
from dashapp.request_id import new

PATH = "/ws"


class SocketDoor:
    """ASGI application of `/ws`. A handshake is refused as any request is: a status and problem details."""

    def __init__(self, hub: Hub, app: FastAPI) -> None:
        self._hub = hub
        self._app = app  # whose doorkeeper lets them in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection, from its handshake to its end."""
        await receive()  # websocket.connect
        try:
            if scope["path"] != PATH:
                raise Problem(404, "No such route", f"WebSockets are at {PATH} and at /graphql.")
            known = await self._known({**scope, "app": self._app})
        except Problem as refused:
            await deny(scope, receive, send, refused)
            return
        await send({"type": "websocket.accept", "headers": [(b"x-request-id", new().encode())]})
        await Client(self._hub, {**scope, "app": self._app}, send).run(receive, known)

    async def _known(self, scope: Scope) -> tuple[Credential, Actor] | None:
        """Who it is by the handshake; None where it says nothing. Raises Problem for who may not come in."""
        if len(self._hub.members) >= self._hub.services.settings.sockets:
            raise Problem(503, "Too many connections", "Try again in a moment.", headers={"Retry-After": "10"})
        return await admit(self._hub.services, scope)


async def deny(scope: Scope, receive: Receive, send: Send, refused: Problem) -> None:
    """Answers a handshake with an HTTP status instead; where the server cannot, with 403."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    answer = problem(refused.status, refused.title, refused.detail, **refused.more)
    await send({"type": "websocket.http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
    await send({"type": "websocket.http.response.body", "body": answer.body})
