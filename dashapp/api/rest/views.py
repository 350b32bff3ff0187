"""Saved views: addresses of pages under a name, one's own or shared with the plant. REQUIREMENTS UI-13."""

from fastapi import APIRouter, Request
from pydantic import Field

from dashapp.actions import views as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.api.rest.common import database_of
from dashapp.api.routes import Route
from dashapp.api.security import Manager, Person
from dashapp.api.shapes import Id, In, Out, Time, example

router = APIRouter(prefix="/api/v1/views", tags=["views"], route_class=Route)


class ViewWish(In):
    """An address of Andon under a name."""

    name: str = Field(min_length=1, max_length=100)
    path: str = Field(min_length=1, max_length=2_000)

    model_config = example({"name": "MX-01, last shift", "path": "/devices/MX-01?range=last-shift"})


class Rename(In):
    """Another name."""

    name: str = Field(min_length=1, max_length=100)

    model_config = example({"name": "Press, last shift"})


class Start(In):
    """What Andon opens with; null: the overview."""

    path: str | None = Field(None, max_length=2_000)

    model_config = example({"path": "/alerts"})


class View(Out):
    """A view; a shared one is the whole plant's."""

    id: int
    name: str
    path: str
    is_shared: bool
    made_by: str
    created_at: Time


@router.get("")
def list_views(request: Request, actor: Person) -> list[View]:
    """One's own by name, then the plant's."""
    return [View.model_validate(view) for view in actions.saved_views(database_of(request), actor)]


@router.post("", status_code=201)
def post_view(request: Request, actor: Person, wish: ViewWish) -> View:
    """Keeps an address for oneself. 409 where the name is taken."""
    return _one(request, actor, actions.save_view(database_of(request), actor, wish.name, wish.path))


@router.patch("/{view_id}")
def patch_view(request: Request, actor: Person, view_id: Id, wish: Rename) -> View:
    """Gives it another name: one's own, and managers one of the plant."""
    actions.rename_view(database_of(request), actor, view_id, wish.name)
    return _one(request, actor, view_id)


@router.delete("/{view_id}", status_code=204)
def delete_view(request: Request, actor: Person, view_id: Id) -> None:
    """Removes it: one's own, and managers one of the plant."""
    actions.remove_view(database_of(request), actor, view_id)


@router.post("/{view_id}/share")
def share_view(request: Request, actor: Manager, view_id: Id) -> View:
    """Makes one's own the plant's. It has another id from then on."""
    return _one(request, actor, actions.share_view(database_of(request), actor, view_id))


@router.post("/{view_id}/unshare")
def unshare_view(request: Request, actor: Manager, view_id: Id) -> View:
    """Takes one of the plant back and makes it one's own. It has another id from then on."""
    return _one(request, actor, actions.unshare_view(database_of(request), actor, view_id))


@router.put("/start", status_code=204)
def put_start(request: Request, actor: Person, wish: Start) -> None:
    """What Andon opens with in this plant."""
    actions.open_here(database_of(request), actor, wish.path)


def _one(request: Request, actor: Actor, view_id: int) -> View:
    found = next((view for view in actions.saved_views(database_of(request), actor) if view.id == view_id), None)
    if found is None:
        raise ActionError("view_id", "there is no such view", status=404)
    return View.model_validate(found)
