"""`POST /api/v1/auth/login` (a form, as OAuth 2's password grant has it) and `GET /api/v1/auth/me`."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request, Response

from dashapp.actions.access import check_credentials, note_token
from dashapp.actions.actor import Actor
from dashapp.api.security import address_of, issue_token, signed_in
from db.queries import people
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post("/login")
def login(
    request: Request,
    response: Response,
    username: Annotated[str, Form(max_length=254)],
    password: Annotated[str, Form(max_length=4096)],
) -> dict[str, Any]:
    """A bearer token for an e-mail address and password. 401 where they are wrong, 429 with Retry-After after too many attempts."""
    services = request.app.state.services
    address = address_of(request)
    person = check_credentials(services.database, username, password, address, datetime.now(UTC))
    minutes: int = services.settings.token_minutes
    tenant_id = note_token(services.database, person, address)
    token = issue_token(services.database, person, minutes=minutes, tenant_id=tenant_id)
    response.headers["Cache-Control"] = "no-store"
    return {"access_token": token, "token_type": "bearer", "expires_in": minutes * 60}


@router.get("/me")
def me(request: Request, response: Response, actor: Annotated[Actor, Depends(signed_in)]) -> dict[str, Any]:
    """Who the token speaks for, with the role of this moment."""
    with tenant_reading(request.app.state.services.database.engine, actor.home) as connection:
        person = people.user(connection, actor.id)
        tenant = next(one for one in people.tenants(connection) if one.id == actor.tenant_id)
    response.headers["Cache-Control"] = "no-store"
    return {
        "id": actor.id,
        "email": "" if person is None else person.email,
        "name": actor.name,
        "role": actor.role,
        "lines": actor.lines,
        "is_platform": actor.is_platform,
        "tenant": {"id": tenant.id, "key": tenant.key, "name": tenant.name, "zone": tenant.zone},
    }
