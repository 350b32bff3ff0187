"""Keys for devices and scripts: list, make, revoke. Managers and above. REQUIREMENTS AP-4."""

from typing import Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from dashapp.actions import keys as actions
from dashapp.api.rest.common import database_of, device_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager
from dashapp.api.shapes import Id, In, Out, Time, example
from db.queries import people as queries
from db.tenancy import tenant_reading

router = APIRouter(prefix="/api/v1/keys", tags=["keys"], route_class=Route)
Scope = Literal["ingest", "read"]


class KeyWish(In):
    """A key: what it may do, and the one device that it is for (null: every device)."""

    name: str = Field(min_length=1, max_length=200)
    scopes: list[Scope] = Field(default=["ingest"], min_length=1, max_length=2)
    machine_id: str | None = Field(None, max_length=100)

    model_config = example({"name": "Gateway of hall 2", "scopes": ["ingest", "read"]})


class Key(Out):
    """A key; `hint` is how its secret begins."""

    id: int
    name: str
    hint: str
    scopes: list[str]
    machine_id: str | None
    created_at: Time
    revoked_at: Time | None


class NewKey(Out):
    """The key with its secret, which is shown this once."""

    id: int
    key: str


@router.get("")
def list_keys(request: Request, actor: Manager) -> list[Key]:
    """Every key, those in use first, then the newest first."""
    with tenant_reading(database_of(request).engine, actor.tenant_id) as connection:
        return [Key.model_validate(row) for row in queries.keys(connection)]


@router.post("", status_code=201)
def post_key(request: Request, response: Response, actor: Manager, wish: KeyWish) -> NewKey:
    """Makes a key. It opens what is asked for from this moment on."""
    device_id = None if wish.machine_id is None else device_of(request, actor, wish.machine_id).id
    key_id, secret = actions.create_key(database_of(request), actor, wish.name, list(dict.fromkeys(wish.scopes)), device_id)
    response.headers["Cache-Control"] = "no-store"
    return NewKey(id=key_id, key=secret)


@router.delete("/{key_id}", status_code=204)
def delete_key(request: Request, actor: Manager, key_id: Id) -> None:
    """Ends it for good: at once here, within five seconds on other replicas."""
    actions.revoke_key(database_of(request), actor, key_id)
