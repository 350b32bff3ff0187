"""Groups of devices: what rules and maintenance windows go by."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from dashapp.actions import groups as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.api.rest.common import database_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager, Viewer
from dashapp.api.shapes import Id, In, Out, example

router = APIRouter(prefix="/api/v1/groups", tags=["groups"], route_class=Route)


class GroupWish(In):
    """A group: its name, and the keys of the devices that are in it."""

    name: str = Field(min_length=1, max_length=200)
    devices: list[Annotated[str, Field(max_length=100)]] = Field(default_factory=list, max_length=5_000)

    model_config = example({"name": "Presses", "devices": ["MX-01"]})


class Group(Out):
    """A group of devices."""

    id: int
    name: str
    devices: list[str]


@router.get("")
def list_groups(request: Request, actor: Viewer) -> list[Group]:
    """Every group by name."""
    return [Group.model_validate(group) for group in actions.list_groups(database_of(request), actor)]


@router.get("/{group_id}")
def get_group(request: Request, actor: Viewer, group_id: Id) -> Group:
    """One group."""
    return _one(request, actor, group_id)


@router.post("", status_code=201)
def post_group(request: Request, response: Response, actor: Manager, wish: GroupWish) -> Group:
    """Makes a group. 409 where the name is taken."""
    group_id = actions.create_group(database_of(request), actor, wish.name, wish.devices)
    response.headers["Location"] = f"/api/v1/groups/{group_id}"
    return _one(request, actor, group_id)


@router.put("/{group_id}")
def put_group(request: Request, actor: Manager, group_id: Id, wish: GroupWish) -> Group:
    """Gives it a name and the devices that are in it."""
    actions.change_group(database_of(request), actor, group_id, wish.name, wish.devices)
    return _one(request, actor, group_id)


@router.delete("/{group_id}", status_code=204)
def delete_group(request: Request, actor: Manager, group_id: Id) -> None:
    """Removes it; its devices stay. 409 while a rule or a planned window goes by it."""
    actions.remove_group(database_of(request), actor, group_id)


def _one(request: Request, actor: Actor, group_id: int) -> Group:
    found = next((group for group in actions.list_groups(database_of(request), actor) if group.id == group_id), None)
    if found is None:
        raise ActionError("group_id", "there is no such group", status=404)
    return Group.model_validate(found)
