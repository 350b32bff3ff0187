"""Signing in for programs of people: `login` (a form, as OAuth 2's password grant has it), `refresh`, `logout`, `register`, `me`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from pydantic import Field, SecretStr

from dashapp.actions import access, sessions, tokens
from dashapp.actions.actor import ActionError
from dashapp.api.routes import Route
from dashapp.api.security import Person, address_of
from dashapp.api.shapes import In, Out, Time
from dashapp.api.tokens import Caller, issue_token
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from db.queries import people
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], route_class=Route)


class Tokens(Out):
    """A bearer token for `Authorization: Bearer …`, and the refresh token that gives the next one, once. Times in seconds."""

    access_token: str
    token_type: str = "bearer"  # noqa: S105
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class Refreshing(In):
    """The refresh token of the answer before."""

    refresh_token: SecretStr = Field(max_length=200, examples=["K7mQa3xV5pT9wZ2nL8rB4cD6fG1hJ0kM5sU7yX3eAqo"])


class Registration(In):
    """An account of one's own."""

    username: str = Field(min_length=1, max_length=200, description="The person's name.", examples=["Ada Novak"])
    email: str = Field(min_length=3, max_length=254, examples=["ada@plant.example"])
    password: SecretStr = Field(max_length=4096, examples=["nineteen blue turnips"])


class Registered(Out):
    """The new account."""

    id: int
    username: str
    email: str
    role: Role
    created_at: Time


class Plant(Out):
    """A tenant."""

    id: int
    key: str
    name: str
    zone: str


class Me(Out):
    """Who calls. `lines` narrows what they see to lines of the plant; null: every line."""

    id: int
    username: str
    email: str
    name: str
    role: Role
    lines: list[str] | None
    is_platform: bool
    created_at: Time
    tenant: Plant


@router.post("/login")
def login(
    request: Request,
    response: Response,
    username: Annotated[str, Form(max_length=254, description="The e-mail address of the account.", examples=["owner@example.com"])],
    password: Annotated[str, Form(max_length=4096, examples=["a quiet plant at night"])],
) -> Tokens:
    """A bearer token for an e-mail address and password. 401 where they are wrong, 429 with Retry-After after too many attempts."""
    services, address, now = _services(request), address_of(request), datetime.now(UTC)
    person = access.check_credentials(services.database, username, password, address, now)
    tenant_id = access.note_token(services.database, person, address)
    lasts, agent = timedelta(days=services.settings.refresh_days), request.headers.get("user-agent")
    return _tokens(services, response, tokens.begin_family(services.database, person, tenant_id, address, agent, now, lasts), now)


@router.post("/refresh")
def refresh(request: Request, response: Response, wish: Refreshing) -> Tokens:
    """The next pair of tokens. A refresh token is good for once: one that comes again ends what it belongs to, and 401 says to sign in."""
    services, now = _services(request), datetime.now(UTC)
    found = tokens.refresh(services.database, wish.refresh_token.get_secret_value(), address_of(request), now)
    return _tokens(services, response, found, now)


@router.post("/logout", status_code=204)
def logout(request: Request, actor: Person) -> None:
    """Signs out the program that the token was given to, its refresh token with it; of a browser, the session."""
    caller: Caller = request.state.caller
    if caller.family_id is not None:
        tokens.end_family(_services(request).database, actor, caller.family_id)
    else:
        sessions.sign_out(_services(request).database, actor)


@router.post("/register", status_code=201)
def register(request: Request, response: Response, wish: Registration) -> Registered:
    """Makes an account as a viewer, where `ANDON_REGISTRATION` opens this; otherwise administrators make accounts."""
    services = _services(request)
    if not services.settings.registration or services.open_tenant_id is None:
        raise ActionError("registration", "nobody registers here by themselves; ask an administrator for an account", status=403)
    person = access.register(
        services.database, tenant_id=services.open_tenant_id, email=wish.email, name=wish.username,
        password=wish.password.get_secret_value(), address=address_of(request), now=datetime.now(UTC),
    )  # fmt: skip
    response.headers["Cache-Control"] = "no-store"
    return Registered(id=person.id, username=person.name, email=person.email, role=Role(person.role), created_at=person.created_at)


@router.get("/me")
def me(request: Request, response: Response, actor: Person) -> Me:
    """Who the token speaks for, with the role of this moment."""
    with tenant_reading(_services(request).database.engine, actor.home) as connection:
        person = people.user(connection, actor.id)
        tenant = next((one for one in people.tenants(connection) if one.id == actor.tenant_id), None)
    if person is None or tenant is None:
        raise ActionError("user", "this account is gone", status=404)
    response.headers["Cache-Control"] = "no-store"
    return Me(
        id=person.id, username=person.name, email=person.email, name=person.name, role=actor.role,
        lines=None if actor.lines is None else list(actor.lines), is_platform=actor.is_platform, created_at=person.created_at,
        tenant=Plant.model_validate(tenant),
    )  # fmt: skip


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def _tokens(services: Services, response: Response, found: tokens.Refreshed, now: datetime) -> Tokens:
    minutes = services.settings.token_minutes
    token = issue_token(
        services.database, found.person, minutes=minutes, now=now, tenant_id=found.tenant_id, family_id=found.family_id
    )
    response.headers["Cache-Control"] = "no-store"
    return Tokens(
        access_token=token, expires_in=minutes * 60, refresh_token=found.token,
        refresh_expires_in=max(int((found.expires_at - now).total_seconds()), 0),
    )  # fmt: skip
