"""What every route of the API does: it asks who calls before it reads what they want, remembers changes under their `Idempotency-Key`, and
tags what is read, so that asking again costs no more than a 304.
"""

import hashlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from dashapp.api import idempotency
from dashapp.api.browser import SAFE
from dashapp.api.security import Access, address_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
UNLIMITED = ("/api/v1/health",)  # whoever watches the server is not to be kept from it by somebody else


class Route(APIRoute):
    """A route of the API; `APIRouter(route_class=Route)`."""

    keeps_answers = True

    def get_route_handler(self) -> Handler:
        """FastAPI's own, with what is said above around it."""
        handle, access = super().get_route_handler(), access_of(self.dependant)
        limited = self.path_format not in UNLIMITED

        async def answer(request: Request) -> Response:
            caller = None
            if access is not None:
                caller = await access.admit(request)
            elif limited:
                request.app.state.services.limits.stranger(address_of(request))
            if caller is not None and self.keeps_answers and request.method not in SAFE and idempotency.HEADER in request.headers:
                return await idempotency.once(request, caller.actor, handle)
            response = await handle(request)
            return tagged(request, response) if request.method == "GET" and response.status_code == 200 else response

        return answer


class OwnAnswers(Route):
    """A route whose action remembers by itself what was answered, in its own transaction."""

    keeps_answers = False


class StreamRoute(OwnAnswers):
    """A route that takes its body piece by piece: it is never whole, so no key stands for it."""


def tagged(request: Request, response: Response) -> Response:
    """The response with its `ETag`; 304 without a body where the request names the same."""
    body = getattr(response, "body", None)
    if body is None or response.headers.get("cache-control") == "no-store":
        return response
    tag = tag_of(body)
    if is_known(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": "private, no-cache"})
    response.headers["ETag"] = tag
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def tag_of(body: bytes | memoryview) -> str:
    """A tag by the content: the same on every replica."""
    return f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'


def is_known(asked: str | None, tag: str) -> bool:
    """Whether `If-None-Match` names the tag."""
    return asked is not None and (asked.strip() == "*" or any(part.strip().removeprefix("W/") == tag for part in asked.split(",")))


def access_of(dependant: Dependant) -> Access | None:
    """What a route, or what it depends on, says of who may call it; None: everybody may."""
    for each in dependant.dependencies:
        found = each.call if isinstance(each.call, Access) else access_of(each)
        if found is not None:
            return found
    return None


def routes_of(router: APIRouter) -> Iterator[APIRoute]:
    """The routes of an application, those of included routers too."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            yield route
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router)
