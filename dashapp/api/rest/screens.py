"""Wall screens: links that show pages without a sign-in. Administrators. REQUIREMENTS UI-10, docs/wall-screens.md."""

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from dashapp.actions import kiosk as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.actions.kiosk import Showing
from dashapp.api.rest.common import database_of, services_of
from dashapp.api.routes import Route
from dashapp.api.security import Admin
from dashapp.api.shapes import Id, In, Out, Time, example

router = APIRouter(prefix="/api/v1/screens", tags=["screens"], route_class=Route)
Theme = Literal["system", "light", "dark"]
PATH = "/kiosk"


class ScreenWish(In):
    """What a link shows: paths of pages with their query, seconds of each, theme, lines of the plant (null: every line)."""

    name: str = Field(min_length=1, max_length=100)
    pages: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(default=["/"], min_length=1, max_length=20)
    page_s: int = Field(20, ge=10, le=600)
    theme: Theme = "system"
    lines: list[Annotated[str, Field(min_length=1, max_length=200)]] | None = Field(None, max_length=100)

    model_config = example({"name": "Hall 2", "pages": ["/", "/devices/MX-01?range=8h"], "theme": "dark"})

    def showing(self) -> Showing:
        """As actions take it."""
        return Showing(self.name, tuple(self.pages), self.page_s, self.theme, None if self.lines is None else tuple(self.lines))


class Seen(Out):
    """A screen that the link has opened."""

    address: str | None
    seen_at: Time


class Screen(Out):
    """A link in use, with the screens that it has opened."""

    id: int
    name: str
    pages: list[str]
    page_s: int
    theme: Theme
    lines: list[str] | None
    created_by: str
    created_at: Time
    screens: list[Seen]


class NewScreen(Screen):
    """The link, with its token: shown this once. `path` opens the screen; before it stands the address of this server."""

    token: str
    path: str


@router.get("")
def list_screens(request: Request, actor: Admin) -> list[Screen]:
    """The links that are in use."""
    return [Screen.model_validate(row) for row in actions.list_links(database_of(request), actor)]


@router.get("/{screen_id}")
def get_screen(request: Request, actor: Admin, screen_id: Id) -> Screen:
    """One link."""
    return _one(request, actor, screen_id)


@router.post("", status_code=201)
def post_screen(request: Request, response: Response, actor: Admin, wish: ScreenWish) -> NewScreen:
    """Makes a link."""
    screen_id, token = actions.create_link(database_of(request), actor, wish.showing())
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/api/v1/screens/{screen_id}"
    return NewScreen(**_one(request, actor, screen_id).model_dump(), token=token, path=f"{PATH}#{token}")


@router.put("/{screen_id}")
def put_screen(request: Request, actor: Admin, screen_id: Id, wish: ScreenWish) -> Screen:
    """Changes what it shows; its open screens take it up."""
    actions.change_link(database_of(request), actor, screen_id, wish.showing())
    return _one(request, actor, screen_id)


@router.delete("/{screen_id}", status_code=204)
def delete_screen(request: Request, actor: Admin, screen_id: Id) -> None:
    """Ends the link and every screen that it opened, within five seconds."""
    actions.revoke_link(services_of(request).database, actor, screen_id)


def _one(request: Request, actor: Actor, screen_id: int) -> Screen:
    found = next((row for row in actions.list_links(database_of(request), actor) if row.id == screen_id), None)
    if found is None:
        raise ActionError("screen_id", "there is no such link in use", status=404)
    return Screen.model_validate(found)
