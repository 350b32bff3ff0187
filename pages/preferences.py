"""What a person sets for themselves, `/preferences`: the zone of times, keys without a modifier."""

from typing import Any
from zoneinfo import available_timezones

import dash
from dash import Input, Output, callback, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.actions.preferences import BROWSERS, PLANTS, set_preferences
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.components import ThemeButton, card
from dashapp.ui.context import actor, catalogue, services
from dashapp.ui.visitor import preferences

dash.register_page(
    __name__, path="/preferences", name="Preferences", title="Preferences" + shell.SUFFIX, order=90, nav=False, role=Role.VIEWER,
    findable=True,
)  # fmt: skip

OF_BROWSER = "browser"  # a dropdown takes an empty value for none


def layout(**_query: Any) -> Component:
    mine = preferences()
    cards = [_times(str(mine.get("zone") or "")), _keys(bool(mine.get("shortcuts", True))), _theme()]
    return html.Div(cards, className="stack preferences")


def _times(zone: str) -> Component:
    plant = catalogue().zone
    options = [
        {"value": OF_BROWSER, "label": "The one of this computer"},
        {"value": PLANTS, "label": f"The plant's, {plant}"},
        *({"value": name, "label": name.replace("_", " ")} for name in sorted(available_timezones())),
    ]
    choice = dcc.Dropdown(id="preferences-zone", options=options, value=zone or OF_BROWSER, clearable=False)
    note = "Every time is shown in this zone. Where the plant's clocks differ, its time stands beside it."
    said = html.P(id="preferences-zone-said", className="said", role="status")
    label, place = html.Label("Time zone", htmlFor="preferences-zone"), html.Div(choice, className="later-field")
    field = html.Div([label, place, html.Div(note, className="hint")], className="field")
    return card("Times", field, said, html.Div(id="preferences-again", hidden=True))


def _keys(on: bool) -> Component:
    options = [{"value": "on", "label": "Keys without Ctrl do something (g o, /, p, t, h, ?)"}]
    choice = dcc.Checklist(id="preferences-keys", options=options, value=["on"] if on else [], labelClassName="check")
    note = html.P("Switch them off if they get in the way of speech input or a screen reader. Ctrl+K stays.", className="small muted")
    every = html.Button("All shortcuts", type="button", className="btn", **{"data-run": "shortcuts"})
    return card("Keyboard", choice, note, html.P(id="preferences-keys-said", className="said", role="status"), every)


def _theme() -> Component:
    note = html.P("Kept in this browser. Until you choose, Andon follows the system.", className="small muted")
    return card("Light or dark", html.Div([note, ThemeButton(className="control square")], className="row theme-row"))


@callback(
    Output("preferences-again", "children"),
    Output("preferences-zone-said", "children"),
    Input("preferences-zone", "value"),
    prevent_initial_call=True,
)
def save_zone(zone: str | None) -> Any:
    """The whole page is loaded anew: every time on it changes."""
    wanted = BROWSERS if zone in (None, OF_BROWSER) else zone
    if wanted == (preferences().get("zone") or ""):
        return no_update, no_update
    set_preferences(services().database, actor(), {"zone": wanted})
    return dcc.Location(id="preferences-reload", href="/preferences", refresh=True), "Saved."


@callback(Output("preferences-keys-said", "children"), Input("preferences-keys", "value"), prevent_initial_call=True)
def save_keys(chosen: list[str] | None) -> str:
    on = bool(chosen)
    set_preferences(services().database, actor(), {"shortcuts": on})
    dash.set_props("shell", {"data-shortcuts": "on" if on else "off"})
    return "Saved: keys without Ctrl are " + ("on." if on else "off.")
