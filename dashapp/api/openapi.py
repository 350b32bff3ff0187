"""The documentation of the API: `/openapi.json`, and the pages `/docs` (Swagger UI) and `/redoc` that show it, all from this server.

FastAPI writes what the routes take and give; added here is what holds for every route: who may call it, how it says no, tags of what is
polled, `Idempotency-Key` on changes. And the ingest door, which is no route.
"""

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from dashapp.api.idempotency import REPLAYED
from dashapp.api.problems import MEDIA_TYPE
from dashapp.api.rest.ingest import PATHS
from dashapp.api.routes import Route, StreamRoute, access_of, routes_of
from dashapp.api.security import Access
from dashapp.domain.fleet import Role
from dashapp.settings import VERSION

ABOUT = """
The programs' way to Andon: readings in, current state and history out, alerts and all that people can do on the pages.

A person signs in by `POST /api/v1/auth/login` and sends `Authorization: Bearer …`. A device or script has a key (`X-API-Key`) of the scope
`ingest` or `read`. Errors are problem details (RFC 9457) with the field and the reason. Lists have a `next_cursor`. What is read carries an
`ETag`: send it as `If-None-Match`, and what has not changed costs a 304. A change may carry an `Idempotency-Key`, and is then carried out
once however often it is sent. Over the limits the answer is 429 with `Retry-After`.
"""
PROBLEM = {
    "type": "object",
    "description": "RFC 9457: what is wrong, in which field, and why.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"}, "detail": {"type": "string"},
        "field": {"type": "string"}, "reason": {"type": "string"}, "request_id": {"type": "string"},
        "errors": {"type": "array", "items": {"type": "object", "required": ["field", "reason"], "properties": {
            "field": {"type": "string"}, "reason": {"type": "string"}}}},
    },
}  # fmt: skip
SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A person: `POST /api/v1/auth/login`."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "A device or a script."},
    "session": {"type": "apiKey", "in": "cookie", "name": "andon_session", "description": "The browser in which somebody is signed in."},
}
SAID = {
    400: "The body ended before it was whole.", 401: "Nobody is known by what came with the request.",
    403: "Whoever asks may not do this.", 404: "There is no such thing here.", 409: "It does not go with what is there.",
    411: "The length of the body is missing.", 413: "The body is too large.", 422: "Something that was sent cannot be taken.",
    429: "Too many requests: `Retry-After` says when the next one is taken.",
    500: "Something went wrong here.", 503: "The database is away, or too much waits: `Retry-After` says when to try again.",
    507: "There is no room for it on the server's disk.",
}  # fmt: skip
READING = {"machine_id": "MX-01", "temperature": 72.5, "vibration": 25, "production_count": 5, "fault": False}
SHAPES = {
    "wide": {"summary": "All sensors of a machine at one instant", "value": READING},
    "narrow": {"summary": "One value", "value": {"device_id": "MX-01", "sensor_type": "temperature", "value": 72.5, "unit": "°C"}},
    "camelCase": {"summary": "One value, as some gateways write it",
                  "value": {"deviceId": "MX-01", "sensorType": "vibration", "value": 25}},
    "many": {"summary": "A list of any of them", "value": [READING, {"device_id": "MX-01", "sensor_type": "temperature", "value": 72.9}]},
}  # fmt: skip
REFUSAL = {"type": "object", "properties": {"index": {"type": "integer"}, "field": {"type": "string"}, "reason": {"type": "string"}}}
STORED = {
    "type": "object", "required": ["status", "message", "stored", "duplicates", "rejected"],
    "properties": {
        "status": {"const": "success"}, "message": {"type": "string"}, "stored": {"type": "integer"}, "duplicates": {"type": "integer"},
        "rejected": {"type": "array", "items": REFUSAL}, "conflicts": {"type": "array", "items": REFUSAL},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}  # fmt: skip
SWAGGER = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>API · Andon</title>
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml"><link rel="stylesheet" href="/assets/vendor/swagger-ui.css">
</head><body><main id="api"></main><script src="/assets/vendor/swagger-ui-bundle.js"></script><script src="/assets/vendor/api-docs.js">
</script></body></html>"""
REDOC = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>API · Andon</title>
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml"></head><body><main id="reference"></main>
<script src="/assets/vendor/redoc.standalone.js"></script><script src="/assets/vendor/api-docs.js"></script></body></html>"""


def register(api: FastAPI) -> None:
    """Adds the three routes. They say nothing of any plant, so that they are open to everyone."""
    kept: dict[str, Any] = {}

    def schema() -> dict[str, Any]:
        if not kept:
            kept.update(document(api))
        return kept

    async def openapi_json(_request: Request) -> dict[str, Any]:
        return schema()

    async def docs(_request: Request) -> Response:
        return Response(SWAGGER, media_type="text/html")

    async def redoc(_request: Request) -> Response:
        return Response(REDOC, media_type="text/html")

    api.openapi = schema  # type: ignore[method-assign]
    for path, endpoint in (("/openapi.json", openapi_json), ("/docs", docs), ("/redoc", redoc)):
        api.router.add_api_route(path, endpoint, methods=["GET"], include_in_schema=False, response_model=None)


def document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the routes that the application has."""
    found = get_openapi(title="Andon", version=VERSION, description=ABOUT.strip(), routes=api.routes)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for ours in ("HTTPValidationError", "ValidationError"):
        schemas.pop(ours, None)
    schemas["Problem"] = PROBLEM
    found["components"]["securitySchemes"] = SCHEMES
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found["components"]["responses"] = {f"Problem{status}": {"description": said, "content": problem} for status, said in SAID.items()}
    for route in routes_of(api.router):
        for method in route.methods or ():
            operation = found["paths"].get(route.path_format, {}).get(method.lower())
            if operation is not None and route.include_in_schema:
                _complete(operation, route, method)
    for path in PATHS:
        found["paths"].setdefault(path, {})["post"] = _ingest(path)
    return found


def _complete(operation: dict[str, Any], route: APIRoute, method: str) -> None:
    access = access_of(route.dependant)
    if access is not None:
        operation["security"] = _security(access)
        who = f"Role: {access.role} or more." + (f" A key with the scope `{access.key}` may, too." if access.key else "")
        operation["description"] = f"{operation.get('description', '').strip()}\n\n{who}".strip()
        operation["x-role"] = str(access.role)
    responses = operation["responses"]
    for status in _statuses(route, method, access):
        responses.setdefault(str(status), {})
    for status, response in list(responses.items()):
        if status.isdigit() and int(status) >= 400 and not _says_otherwise(response):
            responses[status] = {"$ref": f"#/components/responses/Problem{status}"}
    if method == "GET" and isinstance(route, Route):
        responses["304"] = {"description": "As it was: `If-None-Match` names the `ETag`."}
        operation.setdefault("parameters", []).append(_header("If-None-Match", "The `ETag` of the answer that is held."))
    elif access is not None and isinstance(route, Route) and route.keeps_answers:
        text = f"Sent again with the same key, the request is answered as it was the first time (`{REPLAYED}: true`)."
        operation.setdefault("parameters", []).append(_header("Idempotency-Key", text))


def _says_otherwise(response: dict[str, Any]) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    return bool(schema) and not str(schema.get("$ref", "")).endswith("/HTTPValidationError")


def _statuses(route: APIRoute, method: str, access: Access | None) -> list[int]:
    found = [422, 429, 503]
    if access is not None:
        found += [401, 403, 404]
    if method != "GET":
        found += [400, 401, 403, 404, 409, 413]
    if isinstance(route, StreamRoute):
        found += [411, 507]
    return sorted(set(found))


def _security(access: Access) -> list[dict[str, list[str]]]:
    return [{"bearer": []}, {"session": []}, *([{"key": []}] if access.key else [])]


def _header(name: str, text: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


def _ingest(path: str) -> dict[str, Any]:
    """The ingest door, by hand: it reads bodies by itself (docs/architecture.md)."""
    refused = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in (401, 404, 409, 413, 422, 429, 503)}
    anything = {"type": "object", "description": "Names and values; see the examples."}
    return {
        "tags": ["readings"], "summary": "Send readings", "operationId": "post_" + path.removeprefix("/api/v1/").replace("/", "_"),
        "description": "One reading or many, in any of the shapes. 201 once they are stored, with what was refused of them and why; 404 or"
        " 422 where nothing could be stored. A reading without a time takes the server's, and then wants an `Idempotency-Key` to be safe to"
        " repeat.\n\nA key with the scope `ingest`.",
        "security": [{"key": []}], "x-role": f"key ({Role.OPERATOR})",
        "parameters": [_header("Idempotency-Key", "Sent again with the same key, readings without a time are not stored twice.")],
        "requestBody": {"required": True, "content": {"application/json": {
            "schema": {"anyOf": [anything, {"type": "array", "items": anything}]}, "examples": SHAPES}}},
        "responses": {"201": {"description": "Stored.", "content": {"application/json": {"schema": STORED}}}, **refused},
    }  # fmt: skip
