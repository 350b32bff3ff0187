"""Errors as GraphQL has them: what was refused says its field and the reason; what went wrong here says nothing but where to look."""

import logging
from collections.abc import Iterator
from typing import Any

from graphql import GraphQLError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import SchemaExtension
from strawberry.schema.exceptions import CannotGetOperationTypeError

from dashapp.actions.actor import ActionError, Forbidden
from dashapp.domain.limits import TooMany
from dashapp.request_id import current

log = logging.getLogger("andon.graphql")
CODES = {403: "FORBIDDEN", 404: "NOT_FOUND", 409: "CONFLICT"}


def shown(error: GraphQLError) -> GraphQLError:
    """The error as a client sees it. What nobody foresaw is in the log alone."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        extensions = error.extensions or (cause.extensions if isinstance(cause, GraphQLError) else {}) or {"code": "BAD_REQUEST"}
        return _like(error, error.message, extensions)
    if isinstance(cause, ActionError):
        return _like(error, str(cause), {"code": CODES.get(cause.status, "REFUSED"), "field": cause.field, "reason": cause.reason})
    if isinstance(cause, Forbidden):
        reason = f"this needs the role {cause.required} or more"
        return _like(error, reason, {"code": "FORBIDDEN", "field": "role", "reason": reason})
    if isinstance(cause, TooMany):
        return _like(error, str(cause), {"code": "TOO_MANY", "retry_after_s": cause.retry_after_s})
    if isinstance(cause, MissingQueryError):
        return _like(error, "A query is expected.", {"code": "BAD_REQUEST"})
    if isinstance(cause, CannotGetOperationTypeError):
        return _like(error, cause.as_http_error_reason(), {"code": "BAD_REQUEST"})
    identity = {"request_id": current()} if current() else {}
    if isinstance(cause, OperationalError | PoolTimeout):
        log.error("the database is away: %s", cause)
        return _like(error, "The database is away. Try again in a moment.", {"code": "UNAVAILABLE", **identity})
    log.error("unexpected error at %s", error.path, exc_info=cause)
    return _like(error, "Something went wrong here; it is in the log of the server.", {"code": "INTERNAL", **identity})


def _like(error: GraphQLError, message: str, extensions: Any) -> GraphQLError:
    """Without its cause, which nothing must show."""
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, None, dict(extensions))


class PlainErrors(SchemaExtension):
    """Puts `shown` between every result and its client, over HTTP and WebSocket alike."""

    def on_operation(self) -> Iterator[None]:
        """After a query or mutation, and after what never began."""
        yield
        self._show(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """Before each result of a subscription."""
        self._show(result)
        yield

    def _show(self, result: Any) -> None:
        errors = getattr(result, "errors", None)
        if errors:
            result.errors = [each if getattr(each, "is_shown", False) else _marked(shown(each)) for each in errors]


def _marked(error: GraphQLError) -> GraphQLError:
    error.is_shown = True  # type: ignore[attr-defined]
    return error
