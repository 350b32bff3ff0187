"""People and their sessions: accounts for administrators, one's own sign-ins, password and preferences for everybody."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field, SecretStr

from dashapp.actions import access, tokens
from dashapp.actions.actor import ActionError
from dashapp.actions.preferences import set_preferences
from dashapp.api.rest.common import database_of
from dashapp.api.routes import Route
from dashapp.api.security import Admin, Person
from dashapp.api.shapes import Cursor, Id, In, Limit, Out, Page, Time, cut, example
from dashapp.domain.fleet import Role
from db.queries import people as queries
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=Route)


class UserWish(In):
    """An account. Without a password nobody can sign in with it yet; `lines` narrows it to lines of the plant (null: every line)."""

    email: str = Field(min_length=3, max_length=254)
    name: str = Field(min_length=1, max_length=200)
    role: Role
    password: SecretStr | None = Field(None, max_length=4_096)
    lines: list[Annotated[str, Field(max_length=200)]] | None = Field(None, max_length=500)

    model_config = example(
        {"email": "line.lead@plant.example", "name": "Line lead", "role": "operator", "password": "seventeen red beets"}
    )  # fmt: skip


class User(Out):
    """A person of the plant."""

    id: int
    email: str
    name: str
    role: Role
    lines: list[str] | None
    created_at: Time
    disabled_at: Time | None


class Users(Page):
    """People by their address."""

    users: list[User]


class Session(Out):
    """A sign-in: of a browser, or of a program."""

    id: int
    created_at: Time
    seen_at: Time
    expires_at: Time
    address: str | None
    agent: str | None


class Sessions(Out):
    """One's own sign-ins, the one used last first."""

    browsers: list[Session]
    programs: list[Session]


class PasswordChange(In):
    """One's own password, and the next one."""

    current_password: SecretStr = Field(max_length=4_096)
    new_password: SecretStr = Field(max_length=4_096)


class Ended(Out):
    """How many other sign-ins ended with it."""

    ended: int


class Preferences(In):
    """What one sets for oneself; what is left out stays. `zone`: an IANA name, "" for the browser's, "plant" for the plant's."""

    zone: str | None = Field(None, max_length=100)
    shortcuts: bool | None = None

    model_config = example({"zone": "plant"})


@router.get("/users")
def list_users(request: Request, actor: Admin, limit: Limit = 100, cursor: Cursor = None) -> Users:
    """Everybody with an account in the plant."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = sorted((User.model_validate(row) for row in queries.users(connection)), key=lambda user: user.email)
    page, following = cut(found, lambda user: [user.email], limit, cursor)
    return Users(users=page, next_cursor=following)


@router.get("/users/{user_id}")
def get_user(request: Request, actor: Admin, user_id: Id) -> User:
    """One person."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        found = queries.user(connection, user_id)
    if found is None:
        raise ActionError("user_id", "there is no such person", status=404)
    return User.model_validate(found)


@router.post("/users", status_code=201)
def post_user(request: Request, response: Response, actor: Admin, wish: UserWish) -> User:
    """Makes an account. 409 where the e-mail address has one."""
    password = None if wish.password is None else wish.password.get_secret_value()
    user_id = access.create_user(
        database_of(request), actor, email=wish.email, name=wish.name, role=wish.role, password=password, lines=wish.lines
    )
    response.headers["Location"] = f"/api/v1/users/{user_id}"
    return get_user(request, actor, user_id)


@router.get("/sessions")
def list_sessions(request: Request, actor: Person) -> Sessions:
    """Where one is signed in."""
    database, now = database_of(request), datetime.now(UTC)
    return Sessions(
        browsers=[Session.model_validate(row) for row in access.list_sessions(database, actor, now)],
        programs=[Session.model_validate(row) for row in tokens.list_families(database, actor, now)],
    )


@router.delete("/sessions/browsers/{session_id}", status_code=204)
def delete_session(request: Request, actor: Person, session_id: Id) -> None:
    """Signs one of one's own browsers out."""
    access.end_session(database_of(request), actor, session_id)


@router.delete("/sessions/programs/{session_id}", status_code=204)
def delete_program(request: Request, actor: Person, session_id: Id) -> None:
    """Signs one of one's own programs out: its refresh token at once, its access tokens within five seconds."""
    tokens.end_family(database_of(request), actor, session_id)


@router.put("/me/password")
def put_password(request: Request, actor: Person, wish: PasswordChange) -> Ended:
    """Changes one's own password. Every other sign-in ends with it, this program's too."""
    ended = access.change_password(
        database_of(request), actor, wish.current_password.get_secret_value(), wish.new_password.get_secret_value(), datetime.now(UTC)
    )
    return Ended(ended=ended)


@router.patch("/me/preferences", status_code=204)
def patch_preferences(request: Request, actor: Person, wish: Preferences) -> None:
    """Sets what one sees."""
    set_preferences(database_of(request), actor, wish.model_dump(exclude_none=True))
