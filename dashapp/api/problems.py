"""Errors as RFC 9457 problem details: every answer that is not a success says what is wrong, in which field, and why."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashapp.actions.access import SignInRefused
from dashapp.actions.actor import ActionError, Forbidden
from dashapp.domain.limits import TooMany
from dashapp.request_id import current

log = logging.getLogger("andon.api")
MEDIA_TYPE = "application/problem+json"
MOST_LISTED = 100
UPLOADS = ("/import/upload", "/api/v1/imports")  # files come in as the body, and go to the disk piece by piece


class Problem(Exception):
    """Stops a route with an answer; the arguments are those of `problem`."""

    def __init__(self, status: int, title: str, detail: str, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.more = status, title, detail, more


def problem(
    status: int,
    title: str,
    detail: str,
    field: str | None = None,
    reason: str | None = None,
    errors: Sequence[Mapping[str, Any]] | None = None,
    *,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An `application/problem+json` answer. `errors` lists `{field, reason}` where there are several."""
    content: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    optional = {"field": field, "reason": reason, "errors": None if errors is None else list(errors), "request_id": current() or None}
    content.update({name: value for name, value in optional.items() if value is not None})
    return JSONResponse(content, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def register(api: FastAPI) -> None:
    """Makes every error of the application a problem, too large a body among them. Sets the limit of `body_bytes`."""
    api.add_exception_handler(Problem, _stopped)
    api.add_exception_handler(ActionError, _not_done)
    api.add_exception_handler(Forbidden, _forbidden)
    api.add_exception_handler(SignInRefused, _sign_in_refused)
    api.add_exception_handler(TooMany, too_many)
    api.add_exception_handler(RequestValidationError, _unreadable)
    api.add_exception_handler(HTTPException, _http)
    api.add_exception_handler(OperationalError, _database_away)
    api.add_exception_handler(PoolTimeout, _database_away)
    api.add_exception_handler(DataError, _not_storable)
    api.add_exception_handler(IntegrityError, _does_not_fit)
    api.add_exception_handler(Exception, _unexpected)
    api.add_middleware(BodyLimit)


def _stopped(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Problem)
    return problem(error.status, error.title, error.detail, **error.more)


def _not_done(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ActionError)
    titles = {403: "Not allowed", 404: "Not found", 409: "In conflict", 429: "Too many"}
    title = titles.get(error.status, "Not possible as asked")
    return problem(error.status, title, str(error), error.field, error.reason)


def _forbidden(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Forbidden)
    return problem(403, "Not allowed", f"This needs the role {error.required} or more.", "role", str(error))


def _sign_in_refused(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SignInRefused)
    said = str(error)
    if error.reason == "too_many":
        return problem(429, "Too many attempts", said, "username", said, headers={"Retry-After": str(error.retry_after_s)})
    field = "refresh_token" if error.reason == "refresh" else "username"
    return problem(401, "Not signed in", said, field, said, headers={"WWW-Authenticate": "Bearer"})


def too_many(_request: object, error: Exception) -> JSONResponse:
    """The answer 429 with its `Retry-After`."""
    assert isinstance(error, TooMany)
    detail = f"{str(error)[:1].upper()}{str(error)[1:]}."
    return problem(429, "Too many requests", detail, "requests", str(error), headers={"Retry-After": str(error.retry_after_s)})


def too_large(limit: int) -> JSONResponse:
    """The answer 413 to a body of more bytes than `limit`."""
    return problem(413, "Too large", f"A body may have {limit} bytes.", "body", "too large")


def _unreadable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    errors = [{"field": _field(one["loc"]), "reason": one["msg"]} for one in error.errors()[:MOST_LISTED]]
    first = errors[0] if errors else {"field": "body", "reason": "unreadable"}
    detail = f"{first['field']}: {first['reason']}"
    return problem(422, "The request cannot be read", detail, first["field"], first["reason"], errors)


def _field(location: Sequence[int | str]) -> str:
    """`("body", "sensors", 2, "key")` → `sensors.2.key`; a body that is not JSON at all → `body`."""
    inner = location[1:] if len(location) > 1 and location[0] in ("body", "query", "path", "header", "cookie") else location
    return "body" if location[:1] == ("body",) and all(isinstance(part, int) for part in inner) else ".".join(map(str, inner))


def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    field = {400: "body", 404: "path", 405: "method"}.get(error.status_code, "request")
    return problem(error.status_code, title, str(error.detail), field, str(error.detail), headers=error.headers)


def _database_away(_request: Request, error: Exception) -> JSONResponse:
    log.error("the database is away: %s", error)
    return problem(503, "The database is away", "Try again in a moment.", headers={"Retry-After": "2"})


def _not_storable(_request: Request, error: Exception) -> JSONResponse:
    log.info("refused by the database: %s", error)
    return problem(422, "Not possible as asked", "A value holds something that cannot be stored, such as a NUL character.", "body")


def _does_not_fit(_request: Request, error: Exception) -> JSONResponse:
    log.info("refused by the database: %s", error)
    reason = "something that is named here is not there, or it is there already"
    return problem(409, "In conflict", f"{reason[:1].upper()}{reason[1:]}.", "body", reason)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected error in %s %s", request.method, request.url.path, exc_info=error)
    return problem(500, "Something went wrong here", "It is in the log of the server, under the request's id.")


class BodyLimit:
    """ASGI middleware: takes no more of a body than the setting `body_bytes` says; of a file to be imported, `upload_bytes`.

    The framework reads a body whole before it looks at who sends it. A length that is announced is answered with 413; one that is not
    is read up to the limit, and then the request ends as if the sender had gone.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        settings = scope["app"].state.services.settings
        limit: int = settings.upload_bytes if scope["path"] in UPLOADS and scope["method"] == "POST" else settings.body_bytes
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not announced.isdigit() or int(announced) > limit:
            return await too_large(limit)(scope, receive, send)
        taken = 0

        async def limited() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            return {"type": "http.disconnect"} if taken > limit else message

        await self._app(scope, limited, send)
