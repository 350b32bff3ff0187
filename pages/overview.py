"""The overview `/`: the plant in figures, a card for every device, what needs attention, what machines did, where there was activity."""

from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html, no_update
from dash.development.base_component import Component

from dashapp.actions.actor import Actor
from dashapp.domain.downtime import MachineState
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.alarms.desk import AlertCount, AlertList
from dashapp.ui.alarms.feed import FIRST
from dashapp.ui.attention import Attention, attention_list
from dashapp.ui.components import DeviceCards, StateTimeline, card, empty_state
from dashapp.ui.context import actor, overviews, services
from dashapp.ui.first_device import first_device
from dashapp.ui.kiosk.plant import wall_plant
from dashapp.ui.parts import drawing_downloads
from dashapp.ui.plant_activity import MOST_ROWS, SHOWN_US, PlantActivity
from dashapp.ui.plant_figures import tiles
from dashapp.ui.snapshot import View
from dashapp.ui.states import attempt

dash.register_page(
    __name__, path="/", name="Overview", title="Overview" + shell.SUFFIX, section="", order=0, nav=True, icon="overview", shortcut="o",
    role=Role.VIEWER, charts=True,
)  # fmt: skip

LEGEND = (("run", "Running"), ("micro", "Minor stop"), ("down", "Stopped"), ("idle", "Idle"), ("off", "Off shift"), ("unknown", "No data"))
GRAPH = {
    "displaylogo": False,
    "displayModeBar": "hover",
    "scrollZoom": False,
    "doubleClick": "reset",
    "modeBarButtons": [["toImage", "resetScale2d"]],  # named one by one: what plotly adds to its own set could ask another host
    "toImageButtonOptions": {"filename": "activity-by-hour", "scale": 2},
}


def layout(**_query: Any) -> Component:
    who = actor()
    if who.kind == "kiosk":
        return wall_plant()
    return shell.live(*_body(who, overviews().of(who).view()), id="overview")


def _body(who: Actor, view: View) -> list[Component]:
    if not view.devices:
        return _empty(who, view)
    side = html.Div(
        [attempt("Needs attention", _attention, view.attention), attempt("All machines", _last_hours, view.activity)],
        className="stack overview-side",
    )
    return [
        html.Div(attempt("Figures", tiles, view.figures), id="overview-figures", className="kpis"),
        html.Div([DeviceCards(id="overview-cards", devices=view.devices, now=view.now_ms), side], className="two"),
        attempt("Machines", _machines, view.activity),
        attempt("Activity by hour", _activity, view.activity, len(view.devices)),
        dcc.Store(id="overview-held", data=view.held),
    ]


def _empty(who: Actor, view: View) -> list[Component]:
    """A plant without devices; it fills itself once there is one."""
    if who.lines is not None:
        text = "Your account is limited to lines that have no devices. An administrator can change that."
        body = card("No devices", empty_state("Nothing to show", text))
    else:
        body = first_device(services().settings, who.role)
    targets = [html.Div(id="overview-figures"), html.Div(id="overview-attention"), html.Div(id="overview-attention-count")]
    hidden = html.Div([*targets, DeviceCards(id="overview-cards", devices=[])], hidden=True)  # of the callback below
    return [body, hidden, dcc.Store(id="overview-held", data=view.held)]


def _attention(items: Attention) -> Component:
    count = html.Span(_count(items), id="overview-attention-count")
    alerts = AlertList(id="overview-alerts", short=FIRST)
    derived = html.Div(attention_list(items), id="overview-attention")
    return card("Needs attention", alerts, derived, aside=[AlertCount(), count], className="phone-first attention")


def _count(items: Attention) -> str:
    return f"{len(items)} without an alert" if items else ""


def _last_hours(activity: PlantActivity) -> Component | None:
    if not activity.machines:
        return None
    return card("All machines, last 8 hours", html.Div(_hours_pairs(activity), className="pairs", id="overview-last-hours"))


def _hours_pairs(activity: PlantActivity) -> list[Component]:
    """What the machines did in words; shares of the time that is known."""
    by_state = {state: activity.time_in(state) for state in MachineState}
    known = sum(length for state, length in by_state.items() if state not in (MachineState.UNKNOWN, MachineState.OFF))
    stops = [(span.length_us, key) for key, spans in activity.spans.items() for span in spans if span.state is MachineState.DOWN]
    longest = max(stops, default=None)
    planned = sum(by_state.values()) - by_state[MachineState.OFF]
    whole = "the known time" if known < planned else "the planned time" if by_state[MachineState.OFF] else "the time"
    pairs = [
        ("ran", f"{100 * by_state[MachineState.RUN] / known:.0f} % of {whole}" if known else "not known"),
        ("stopped by faults", _length(by_state[MachineState.DOWN])),
        ("longest fault", f"{longest[1]}, {_length(longest[0])}" if longest else "none"),
        ("idle", _length(by_state[MachineState.IDLE])),
        *([("off shift", _length(off))] if (off := by_state[MachineState.OFF]) else []),
        ("minor stops", str(sum(span.state is MachineState.MICRO for spans in activity.spans.values() for span in spans))),
    ]
    if unknown := by_state[MachineState.UNKNOWN]:
        pairs.append(("no data", _length(unknown)))
    return [html.Div([html.Span(name), html.B(value)]) for name, value in pairs]


def _length(length_us: int) -> str:
    minutes = round(length_us / 60e6)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _machines(activity: PlantActivity) -> Component | None:
    """The timeline, where there are machines."""
    if not activity.machines:
        return None
    shown = len(activity.spans)
    title = "Machines, last 8 hours" if shown == activity.machines else f"Machines, last 8 hours, {shown} of {activity.machines}"
    legend = html.Ul(
        [html.Li([html.I(html.I(className=f"tl-span {state}"), className="tl-key"), word]) for state, word in LEGEND],
        className="legend",
        **{"aria-label": "States"},
    )
    line = StateTimeline(id="overview-timeline", legend=False, zone="", **_timeline(activity))
    return card(title, line, aside=[legend, drawing_downloads("overview-timeline", title)])


def _timeline(activity: PlantActivity) -> dict[str, Any]:
    end_ms = activity.at_us // 1000
    return {"rows": activity.timeline(), "start_ms": end_ms - SHOWN_US // 1000, "end_ms": end_ms, "now_ms": end_ms}


def _activity(activity: PlantActivity, devices: int) -> Component:
    shown = len(activity.heat)
    title = "Activity by hour" if shown >= min(devices, MOST_ROWS) and devices <= MOST_ROWS else f"Activity by hour, {shown} of {devices}"
    height = 22 * shown + 44
    graph = dcc.Graph(id="overview-activity", config=GRAPH, style={"height": f"{height}px"}, responsive=True, className="heat")
    note = "last 24 h; of machines units, against their busiest hour; of others the minutes with readings"
    words = html.P(id="overview-activity-words", className="sr-only")
    aside = [note, drawing_downloads("overview-activity", title)]
    return card(title, graph, words, dcc.Store(id="overview-hours", data=_hours(activity)), aside=aside)


def _hours(activity: PlantActivity) -> dict[str, Any]:
    rows = [{"key": row.key, "counts": row.counts, "values": row.values} for row in activity.heat]
    return {"start_ms": activity.heat_start_us // 1000, "end_ms": activity.at_us // 1000, "rows": rows}


@callback(
    Output("overview", "children"),
    Output("overview-cards", "delta"),
    Output("overview-figures", "children"),
    Output("overview-attention", "children"),
    Output("overview-attention-count", "children"),
    Output("overview-held", "data"),
    shell.PULSE,
    State("overview-held", "data"),
    prevent_initial_call=True,
)
def show_changes(_pulse: int, held: dict[str, Any] | None) -> Any:
    """What is new since the viewer's last answer, as plain values; nothing at all in most cases."""
    who = actor()
    shown = overviews().of(who)
    changes = shown.changes(held)
    if changes is None:
        return no_update
    if changes.anew:
        return _body(who, shown.view()), *[no_update] * 5
    if changes.activity is not None:
        _show_activity(changes.activity)
    listed = changes.attention
    return (
        no_update,
        changes.delta,
        no_update if changes.figures is None else tiles(changes.figures),
        no_update if listed is None else attention_list(listed),
        no_update if listed is None else _count(listed),
        changes.held,
    )


def _show_activity(activity: PlantActivity) -> None:
    """Twice a minute, and only where it is on the page."""
    dash.set_props("overview-hours", {"data": _hours(activity)})
    if activity.machines:
        dash.set_props("overview-timeline", _timeline(activity))
        dash.set_props("overview-last-hours", {"children": _hours_pairs(activity)})


clientside_callback(
    ClientsideFunction("andon_overview", "draw_activity"),
    Output("overview-activity", "figure"),
    Output("overview-activity-words", "children"),
    Input("overview-hours", "data"),
    shell.THEME,
)
