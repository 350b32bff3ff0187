"""The person in the header: name, role, the plants that somebody of the platform may look into, sign-out."""

from typing import Any

from dash import ALL, Dash, Input, Output, ctx, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.actions import access
from dashapp.actions.actor import Actor
from dashapp.ingest.services import Services
from dashapp.ui import auth
from dashapp.ui.components import Icon, ThemeButton
from dashapp.ui.context import actor, services
from dashapp.ui.ticking import Clock
from db.queries import people


def plants(running: Services) -> list[tuple[int, str]]:
    """(id, name) of every plant of the installation: for the platform's people alone."""
    with running.database.engine.connect() as connection:
        return [(tenant.id, tenant.name) for tenant in people.tenants(connection)]


def role_words(who: Actor, running: Services) -> str:
    """`Manager, Plant` or, for somebody of the platform, `Platform, looking into Demo plant`."""
    plant = running.catalogue.of(who.tenant_id).name
    if who.is_platform and who.home != who.tenant_id:
        return f"Platform, looking into {plant}"
    return f"{'Platform' if who.is_platform else str(who.role).capitalize()}, {plant}"


def menu(who: Actor, running: Services) -> Component:
    """The account menu of the header; on a phone the same stands at the foot of the navigation."""
    inside = [
        html.Div([html.B(who.name), html.Div(role_words(who, running), className="small muted")], className="menu-head"),
        *_plant_choice(who, running, "menu"),
        _preferences(),
        sign_out(),
    ]
    summary = html.Summary(
        [Icon("person", size=16), html.Span(who.name, className="account-name"), Icon("chevron", size=12)], className="control"
    )
    return html.Details([summary, html.Div(inside, className="menu-body")], className="menu not-on-phone", id="shell-account")


def nav_foot(who: Actor, running: Services) -> Component:
    """Account, help and theme below the pages, where the header has no room for them."""
    return html.Div(
        [
            html.Div([html.B(who.name), html.Div(role_words(who, running), className="small muted")]),
            *_plant_choice(who, running, "nav"),
            Clock(),
            html.Button("Help for this page", type="button", className="menu-item", **{"data-run": "help"}),
            _preferences(),
            html.Div([html.Span("Light or dark"), ThemeButton(className="control square")], className="row nav-theme"),
            sign_out(),
        ],
        className="nav-foot",
    )


def _preferences() -> Component:
    return html.A("Preferences", href="/preferences", className="menu-item", **{"data-inside": "true"})


def sign_out() -> Component:
    """A form, so that signing out is a POST and works without scripts' help."""
    return html.Form(html.Button("Sign out", type="submit", className="menu-item"), action=auth.SIGN_OUT_PATH, method="post")


def _plant_choice(who: Actor, running: Services, place: str) -> list[Component]:
    if not who.is_platform:
        return []
    choices = [_plant_button(tenant_id, name, tenant_id == who.tenant_id, place) for tenant_id, name in plants(running)]
    return [html.Div([html.Div("Plant", className="menu-label"), *choices], role="group", **{"aria-label": "Plant"})]


def _plant_button(tenant_id: int, name: str, here: bool, place: str) -> Component:
    current = {"aria-current": "true"} if here else {}
    identity = {"type": "shell-plant", "tenant": tenant_id, "place": place}
    return html.Button(name, id=identity, type="button", className="menu-item", disabled=here, **current)


def own_plant_hint(who: Actor, running: Services) -> Any:
    """How somebody who looks at the demo plant gets to their own."""
    if who.is_platform:
        own = running.open_tenant_id if running.open_tenant_id not in (None, who.tenant_id) else who.home
        if own is not None and own != who.tenant_id:
            identity = {"type": "shell-plant", "tenant": own, "place": "notice"}
            name = running.catalogue.of(own).name
            return html.Button(f"Go to your own plant, {name}", id=identity, type="button", className="link")
    return "Your own plant is kept apart from it; an administrator can invite you there."


def register(app: Dash) -> None:
    """Changing the plant: the session is moved by the action, then the page is loaded anew."""

    @app.callback(
        Output("shell-goto", "href"),
        Input({"type": "shell-plant", "tenant": ALL, "place": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def enter_plant(_clicks: list[int | None]) -> Any:
        if not ctx.triggered_id or not ctx.triggered[0]["value"]:
            return no_update
        access.enter_tenant(services().database, actor(), ctx.triggered_id["tenant"])
        return "/"


def reload_target() -> Component:
    """Where `enter_plant` sends the browser: a full load, since everything that is shown belongs to the other plant."""
    return dcc.Location(id="shell-goto", refresh=True)
