"""“Saved” in the header: this page's link, saving it under a name, where Andon opens, and the views of the person and of the plant.

What this page is stands in the address that the browser asks from. Whenever the menu is opened its list is made anew; the form for this
page stays, with what somebody types in it meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import flask
from dash import ALL, Dash, Input, Output, State, ctx, html, no_update
from dash.development.base_component import Component

from dashapp.actions import views
from dashapp.actions.actor import ActionError, Actor
from dashapp.domain.addresses import TENANT, local_address, without
from dashapp.domain.fleet import Role
from dashapp.ingest.services import Services
from dashapp.ui.components import Icon
from dashapp.ui.context import actor, services
from dashapp.ui.first_page import find_page, page_title
from dashapp.ui.forms import Field, Form, errors_of, submit
from dashapp.ui.time_range import SHIFTS, length_words, relative
from db.engine import Database
from db.queries.people import tenants
from db.queries.views import SavedView

CHANGES: dict[str, Callable[[Database, Actor, int], object]] = {
    "share": views.share_view, "unshare": views.unshare_view, "remove": views.remove_view,
}  # fmt: skip


def menu(who: Actor, running: Services) -> Component:
    """The menu, with all that is in it: what a callback answers to must be there from the start."""
    summary = html.Summary(
        [Icon("star", size=16), html.Span("Saved", className="saved-word")], id="saved-open", n_clicks=0, className="control",
        title="Saved views, and the link to this page",
    )  # fmt: skip
    shown = _shown(who, running, here())
    body = html.Div([*_this_page(shown), html.Div(shown.list, id="saved-list")], id="saved-body", className="menu-body")
    said = html.Span(id="saved-said", className="sr-only", role="status")
    return html.Details([summary, body, said], id="shell-saved", className="menu saved", **{"data-tenant": plant_key(who, running)})


def here() -> str:
    """The address of the page that asks; the overview where the browser does not say."""
    referer = urlsplit(flask.request.headers.get("Referer", ""))
    asked = referer.path + (f"?{referer.query}" if referer.query else "") if referer.netloc == flask.request.host else ""
    return without(local_address(asked) or "/", TENANT)


def plant_key(who: Actor, running: Services) -> str:
    """The key of the plant that is shown: what a link says of it."""
    with running.database.engine.connect() as connection:
        return next((plant.key for plant in tenants(connection) if plant.id == who.tenant_id), "")


def suggested_name(address: str) -> str:
    """`MX-02 Welding Station Beta, vibration, last 24 hours`: what the page is called and what of it is shown."""
    parts = urlsplit(address)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    page, variables = find_page(parts.path)
    title = page_title(page, variables) if page else parts.path
    wanted = query.get("range", "")
    preset = relative(wanted) if wanted else None
    shown = SHIFTS.get(wanted, wanted.replace("@", " ")) or query.get("from", "")[:10]
    if preset is not None:
        shown = "all readings" if preset == "all" else f"last {length_words(preset)}"
    return ", ".join(part for part in (title, query.get("q"), query.get("sensor"), shown) if part)[: views.LONGEST_NAME]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the menu says of a page: the words of its button, the name that it would be saved under, and the list below."""

    start: str
    is_start: bool
    name: str
    hint: str | None
    list: list[Component]


def _shown(who: Actor, running: Services, address: str) -> _Shown:
    found = views.saved_views(running.database, who)
    start = views.start_address(running.database, who.home, who.id, who.tenant_id) if who.kind == "user" else "/"
    own, shared = [view for view in found if not view.is_shared], [view for view in found if view.is_shared]
    known = next((view.name for view in found if view.path == address), None)
    sections = [
        *_section("Saved by you", own, who, start, "Nothing yet."),
        *(_section(f"Shared with {running.catalogue.of(who.tenant_id).name}", shared, who, start, "") if shared else []),
    ]
    words = "Andon opens here. Open the overview again" if start == address != "/" else "Open Andon here"
    return _Shown(words, start == address == "/", suggested_name(address), f"It is saved as “{known}”." if known else None, sections)


def _this_page(shown: _Shown) -> list[Component]:
    return [
        html.H2("This page", className="menu-label"),
        html.Button("Copy link", type="button", className="menu-item", **{"data-copy": "link"}),
        html.Button("Copy link with these times", type="button", className="menu-item", **{"data-copy": "fixed"}),
        html.Button(shown.start, id="saved-start", n_clicks=0, type="button", className="menu-item", disabled=shown.is_start),
        Form(
            [
                Field("name", "Save this page as", "saved-name", value=shown.name, required=True, max_length=views.LONGEST_NAME,
                      hint=shown.hint),
                html.Div(submit("Save"), className="actions"),
            ],
            id="saved-form", label="Save this page", className="saved-form",
        ),
    ]  # fmt: skip


def _section(title: str, found: list[SavedView], who: Actor, start: str, nothing: str) -> list[Component]:
    rows = [_row(view, who, start) for view in found]
    return [html.H2(title, className="menu-label"), html.Ul(rows) if rows else html.P(nothing, className="small muted saved-none")]


def _row(view: SavedView, who: Actor, start: str) -> Component:
    chip = [html.Span("start", className="chip", title="Andon opens here")] if view.path == start != "/" else []
    link = html.A([html.Span(view.name), *chip], href=view.path, className="menu-item", **{"data-inside": "true"})
    may = not view.is_shared or who.role.includes(Role.MANAGER)
    return html.Li([link, _change(view, who) if may else None])


def _change(view: SavedView, who: Actor) -> Component:
    """What can be done with a view, folded away beside it."""
    label = f"Change {view.name}"
    summary = html.Summary(Icon("more", size=14, label=label), className="control square", title=label)
    words, value = ("Stop sharing", "unshare") if view.is_shared else ("Share with the plant", "share")
    sharing = [submit(words, value=value, quiet=True)] if who.role.includes(Role.MANAGER) else []
    buttons = [submit("Rename", value="rename", quiet=True), *sharing, submit("Remove", value="remove", danger=True)]
    form = Form(
        [Field("name", "Name", value=view.name, required=True, max_length=views.LONGEST_NAME), html.Div(buttons, className="actions")],
        id={"type": "saved-change", "view": view.id}, label=label, className="saved-form",
    )  # fmt: skip
    return html.Details([summary, form], className="saved-change")


def register(app: Dash) -> None:
    """The menu's one callback: whatever is done in it, the list is made anew."""

    @app.callback(
        Output("saved-list", "children"),
        Output("saved-start", "children"),
        Output("saved-start", "disabled"),
        Output("saved-name", "value"),
        Output("saved-name", "hint"),
        Output("saved-form", "errors"),
        Output({"type": "saved-change", "view": ALL}, "errors"),
        Input("saved-open", "n_clicks"),
        Input("saved-start", "n_clicks"),
        Input("saved-form", "submitted"),
        Input({"type": "saved-change", "view": ALL}, "submitted"),
        State({"type": "saved-change", "view": ALL}, "id"),
        prevent_initial_call=True,
    )
    def show_saved(_opened: int, starts: int | None, saved: dict[str, Any] | None, changed: list[Any], ids: list[dict[str, Any]]) -> Any:
        who, running, address = actor(), services(), here()
        source = ctx.triggered_id
        quiet, same = [no_update] * len(ids), [no_update] * 5
        try:
            if source == "saved-form" and saved:
                views.save_view(running.database, who, str(saved["values"].get("name", "")), address)
            elif source == "saved-start" and starts:
                start = views.start_address(running.database, who.home, who.id, who.tenant_id)
                views.open_here(running.database, who, None if start == address else address)
            elif isinstance(source, dict):
                _change_view(who, running, source["view"], changed[ids.index(dict(source))])
        except ActionError as error:
            said = errors_of(error)
            if source == "saved-form":
                return *same, said, quiet
            return *same, no_update, [said if one == source else {} for one in ids]
        now = _shown(who, running, address)
        return now.list, now.start, now.is_start, now.name, now.hint, {}, quiet


def _change_view(who: Actor, running: Services, view_id: int, asked: dict[str, Any] | None) -> None:
    """What was sent by a view's form: one of its buttons, or Enter, which renames."""
    if not asked:
        return
    change = CHANGES.get(asked.get("button", ""))
    if change is not None:
        change(running.database, who, view_id)
    else:
        views.rename_view(running.database, who, view_id, str(asked["values"].get("name", "")))
