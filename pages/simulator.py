"""The simulator `/simulator`: what each machine of the demo plant is doing, and what can be done to it."""

from datetime import UTC, datetime
from typing import Any

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import demo, simulation
from dashapp.actions.actor import ActionError, Forbidden
from dashapp.domain.fleet import Role
from dashapp.domain.simulation import Course, EpisodeKind
from dashapp.domain.simulation_control import Reach
from dashapp.ui import shell
from dashapp.ui.context import actor, catalogue, services
from dashapp.ui.forms import busy, dialog, errors_of, number, sentence
from dashapp.ui.simulator import parts
from dashapp.ui.simulator.state import Plants, Said, forget, plants, simulated

dash.register_page(
    __name__,
    path="/simulator",
    name="Simulator",
    title="Simulator" + shell.SUFFIX,
    section="Connect",
    order=60,
    nav=True,
    role=Role.OPERATOR,
)
TEXT = (
    "The machines of the demo plant are simulated: a working week with shifts, drift, faults and repairs. What you change here is seen"
    " within a second by everybody who looks, and is kept over a restart."
)


def layout(**_query: Any) -> Component:
    """The page; below it what is asked before something happens."""
    closed = [
        dialog("simulator-inject", "Let something happen", html.Div(id="simulator-inject-body")),
        dialog("simulator-removal", "Remove the demo plant?", html.Div(id="simulator-removal-body")),
        dcc.Location(id="simulator-goto", refresh=True),
    ]
    return shell.live(html.Div(_body(), id="simulator", className="stack"), *closed)


def _body() -> list[Component]:
    who, running = actor(), services()
    where = plants(running, who)
    if not where.here or where.state.changes:
        return [parts.not_simulated(where, who), dcc.Store(id="simulator-held", data=_held(where, []))]
    devices = simulated(running, who)
    return [
        html.Div([html.P(TEXT, className="muted sim-intro"), *_for_all()], className="page-head"),
        html.Div("", id="simulator-said", role="status", className="sim-said"),
        html.Div(parts.device_cards(catalogue(), devices, who), className="halves", id="simulator-cards"),
        dcc.Store(id="simulator-held", data=_held(where, devices)),
    ]


def _for_all() -> list[Component]:
    who = actor()
    if not parts.may_change(who):
        return [html.P("A manager can start, stop and change them.", className="small muted")]
    names = (("start", "Start all", "btn"), ("stop", "Stop all", "btn"), ("restore", "Reset all", "btn plain"))
    buttons = [
        html.Button(words, id={"type": "simulator-all", "what": what}, type="button", className=look, n_clicks=0)
        for what, words, look in names
    ]
    return [html.Div([*buttons, *([parts.remove_button()] if who.is_platform else [])], className="row")]


def _held(where: Plants, devices: list[Said]) -> dict[str, Any]:
    """What the viewer has: which page it is, and what each device was said to do."""
    page = [where.here, where.state.state, None if where.demo is None else where.demo.id, [one.key for one in devices]]
    moving = [where.state.note, where.state.share] if where.state.changes else []
    said = {one.key: [one.running, one.period_s, one.word, *one.notes, one.values] for one in devices}
    return {"page": page, "moving": moving, "devices": said}


@callback(
    Output("simulator", "children"),
    Output({"type": "simulator-doing", "device": ALL}, "children"),
    Output({"type": "simulator-toggle", "device": ALL}, "children"),
    Output({"type": "simulator-speed", "device": ALL}, "value"),
    Output("simulator-held", "data"),
    shell.PULSE,
    State("simulator-held", "data"),
    State({"type": "simulator-doing", "device": ALL}, "id"),
    State({"type": "simulator-toggle", "device": ALL}, "id"),
    prevent_initial_call=True,
)
def show_simulator(_pulse: int, held: dict[str, Any], cards: list[dict[str, str]], controls: list[dict[str, str]]) -> Any:
    """What changed since the viewer's last answer; the whole page where the demo plant came or went."""
    return _changes(held, cards, controls)


def _changes(held: dict[str, Any], cards: list[dict[str, str]], controls: list[dict[str, str]]) -> Any:
    who, running = actor(), services()
    where = plants(running, who)
    devices = simulated(running, who) if where.here and not where.state.changes else []
    now = _held(where, devices)
    if now == held:
        raise PreventUpdate
    if now["page"] != held.get("page") or now["moving"] != held.get("moving"):
        return _body(), [no_update] * len(cards), [no_update] * len(controls), [no_update] * len(controls), no_update
    before, by_key = held["devices"], {one.key: one for one in devices}

    def changed(ids: list[dict[str, str]], first: int, last: int | None, make: Any) -> list[Any]:
        keys = [one["device"] for one in ids]
        return [make(by_key[key]) if now["devices"][key][first:last] != before[key][first:last] else no_update for key in keys]

    return (
        no_update,
        changed(cards, 2, None, parts.doing_now),
        changed(controls, 0, 1, parts.start_or_stop),
        changed(controls, 1, 2, lambda one: parts.speed_value(one.period_s)),
        now,
    )


@callback(
    Output("simulator-said", "children", allow_duplicate=True),
    Input({"type": "simulator-toggle", "device": ALL}, "n_clicks"),
    Input({"type": "simulator-restore", "device": ALL}, "n_clicks"),
    Input({"type": "simulator-all", "what": ALL}, "n_clicks"),
    State("simulator-held", "data"),
    prevent_initial_call=True,
)
def change_devices(_toggles: Any, _restores: Any, _all: Any, held: dict[str, Any]) -> str:
    """Start, stop, as it was: of one device or of all."""
    if not ctx.triggered_id or not ctx.triggered[0]["value"]:
        raise PreventUpdate
    pressed, now, database, who = ctx.triggered_id, datetime.now(UTC), services().database, actor()
    key = pressed.get("device")
    keys = None if key is None else [key]
    what = pressed.get("what") or ("restore" if pressed["type"] == "simulator-restore" else "stop" if held["devices"][key][0] else "start")
    name = key or "All devices"
    try:
        if what == "start":
            simulation.start_devices(database, who, keys, now)
            said = f"{name} {'sends' if key else 'send'} again."
        elif what == "stop":
            simulation.stop_devices(database, who, keys, now)
            said = f"{name} {'is' if key else 'are'} stopped: without readings the values grow stale after half a minute."
        else:
            simulation.restore(database, who, keys, now)
            said = f"{name} {'is as it was' if key else 'are as they were'}: running, at {'its' if key else 'their'} own speed."
    except (ActionError, Forbidden) as error:
        return _sorry(error)
    forget(services(), who)
    return said


@callback(
    Output("simulator-said", "children", allow_duplicate=True),
    Input({"type": "simulator-speed", "device": ALL}, "value"),
    State("simulator-held", "data"),
    prevent_initial_call=True,
)
def change_speed(_values: Any, held: dict[str, Any]) -> str:
    """Another speed, as soon as it is chosen."""
    if not ctx.triggered_id or len(ctx.triggered) != 1:
        raise PreventUpdate
    key, chosen = ctx.triggered_id["device"], ctx.triggered[0]["value"]
    if chosen == parts.speed_value(held["devices"][key][1]):
        raise PreventUpdate  # it was shown, not chosen
    try:
        simulation.set_speed(services().database, actor(), [key], None if chosen == parts.OWN else float(chosen), datetime.now(UTC))
    except (ActionError, Forbidden) as error:
        return _sorry(error)
    forget(services(), actor())
    return f"{key} sends at its own speed." if chosen == parts.OWN else f"{key} sends every {chosen} s."


@callback(
    Output("simulator-inject", "is_open"),
    Output("simulator-inject-body", "children"),
    Input({"type": "simulator-open", "device": ALL}, "n_clicks"),
    prevent_initial_call=True,
)
def ask_what(_clicks: Any) -> Any:
    """Opens the dialog of a device."""
    if not ctx.triggered_id or not ctx.triggered[0]["value"]:
        raise PreventUpdate
    return True, parts.inject_form(ctx.triggered_id["device"])


# In the browser: an answer from the server would overwrite what is typed meanwhile.
clientside_callback(
    ClientsideFunction("simulator", "kind"),
    Output("simulator-anomaly", "hidden"),
    Output("simulator-minutes", "value"),
    Input("simulator-kind", "value"),
    State("simulator-usual", "data"),
    prevent_initial_call=True,
)


@callback(
    Output("simulator-inject", "is_open", allow_duplicate=True),
    Output("simulator-inject-form", "errors"),
    Output("simulator-said", "children", allow_duplicate=True),
    Input("simulator-inject-form", "submitted"),
    prevent_initial_call=True,
    running=busy("simulator-inject-form"),
)
def inject(submitted: dict[str, Any] | None) -> Any:
    """Lets it happen."""
    if not submitted:
        raise PreventUpdate
    values = submitted["values"]
    try:
        minutes = number(values, "minutes")
        if minutes is None:
            raise ActionError("minutes", "say how long it lasts")
        kind = EpisodeKind(values["kind"])
        simulation.inject(
            services().database, actor(), values["key"], kind, minutes, datetime.now(UTC),
            sensor=values.get("sensor"), course=Course(values["course"]), reach=Reach(values["reach"]),
        )  # fmt: skip
    except ActionError as error:
        return no_update, errors_of(error), no_update
    except Forbidden as error:
        return no_update, {"kind": _sorry(error)}, no_update
    forget(services(), actor())
    return False, {}, f"{values['key']}: {parts.KINDS[kind][0].lower()} for {minutes:g} min from now on."


@callback(
    Output("simulator-inject", "is_open", allow_duplicate=True), Input("simulator-inject-cancel", "n_clicks"), prevent_initial_call=True
)
def close_inject(clicks: int | None) -> Any:
    """Nothing happens."""
    return False if clicks else no_update


@callback(
    Output("simulator-removal", "is_open"),
    Output("simulator-removal-body", "children"),
    Input("simulator-remove", "n_clicks"),
    prevent_initial_call=True,
)
def ask_removal(clicks: int | None) -> Any:
    """Shows what goes."""
    if not clicks:
        raise PreventUpdate
    try:
        return True, parts.removal_form(demo.preview_removal(services().database, actor()))
    except (ActionError, Forbidden) as error:
        return True, html.P(_sorry(error))


@callback(
    Output("simulator-goto", "href"),
    Output("simulator-remove-form", "errors"),
    Input("simulator-remove-form", "submitted"),
    prevent_initial_call=True,
    running=busy("simulator-remove-form"),
)
def remove(submitted: dict[str, Any] | None) -> Any:
    """Removes it; the page is loaded anew, for the viewer may be at their own plant now."""
    if not submitted:
        raise PreventUpdate
    try:
        demo.remove_demo(services().database, actor(), datetime.now(UTC))
    except ActionError as error:
        return no_update, errors_of(error)
    except Forbidden as error:
        return no_update, {"form": _sorry(error)}
    forget(services(), actor())
    return "/simulator", {}


@callback(
    Output("simulator-removal", "is_open", allow_duplicate=True), Input("simulator-remove-cancel", "n_clicks"), prevent_initial_call=True
)
def close_removal(clicks: int | None) -> Any:
    """It stays."""
    return False if clicks else no_update


@callback(Output("simulator", "children", allow_duplicate=True), Input("simulator-create", "n_clicks"), prevent_initial_call=True)
def create(clicks: int | None) -> Any:
    """Asks for the demo plant; the page says how far it has got."""
    if not clicks:
        raise PreventUpdate
    try:
        demo.bring_demo_back(services().database, actor(), datetime.now(UTC))
    except (ActionError, Forbidden) as error:
        return [html.P(_sorry(error), role="alert"), *_body()]
    forget(services(), actor())
    return _body()


def _sorry(error: ActionError | Forbidden) -> str:
    return f"Not done: {sentence(error.reason if isinstance(error, ActionError) else str(error))}."
