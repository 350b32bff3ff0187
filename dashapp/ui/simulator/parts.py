"""The page `/simulator` as components: a card a device, what can happen to one, the demo plant coming and going."""

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashapp.actions.actor import Actor
from dashapp.actions.demo import DemoPlant
from dashapp.actions.simulation import SIMULATED
from dashapp.domain.fleet import Role
from dashapp.domain.simulation import Course, EpisodeKind
from dashapp.domain.simulation_control import LONGEST_PERIOD_S, SHORTEST_PERIOD_S, Reach, gauges, kinds_for, reaches
from dashapp.ingest.catalogue import TenantCatalogue
from dashapp.ui.components import card, chip, empty_state
from dashapp.ui.forms import Field, Form, Option, cancel, submit
from dashapp.ui.parts import MARKS
from dashapp.ui.simulator.state import Plants, Said

OWN = "own"  # speed: every sensor at its own period
KINDS: dict[EpisodeKind, tuple[str, str]] = {
    EpisodeKind.FAULT: ("Fault", "Trips at once: fault flag on, no units, until it is reset."),
    EpisodeKind.BREAKDOWN: ("Breakdown", "Stands still until it is repaired; no units meanwhile."),
    EpisodeKind.ANOMALY: ("Anomaly", "One measured value leaves its usual level."),
    EpisodeKind.MICRO_STOP: ("Minor stop", "Makes nothing for a moment: a jam, a missing part."),
    EpisodeKind.REJECTS: ("More rejects", "Goes on, but every fifth unit is bad."),
}
BREAKDOWN_OF_A_GAUGE = "The instrument is dead: it reads nothing until it is repaired."
COURSES = {Course.HOLD: "Rises, stays, falls", Course.CREEP: "Creeps up", Course.JUMP: "Jumps and fades"}
REACHES = {Reach.ABOVE: "Above the upper limit", Reach.BELOW: "Below the lower limit", Reach.SHORT: "Unusual, within the limits"}
USUAL_MIN = {
    EpisodeKind.FAULT: "2", EpisodeKind.BREAKDOWN: "15", EpisodeKind.ANOMALY: "10", EpisodeKind.MICRO_STOP: "1", EpisodeKind.REJECTS: "10",
}  # fmt: skip


def may_change(who: Actor) -> bool:
    """Whether the person may start, stop and inject."""
    return who.role.includes(Role.MANAGER)


def device_cards(plant: TenantCatalogue, devices: Sequence[Said], who: Actor) -> list[Component]:
    """A card for every simulated device."""
    return [_device_card(plant, one, may=may_change(who)) for one in devices]


def _device_card(plant: TenantCatalogue, one: Said, *, may: bool) -> Component:
    device = plant.devices[one.key]
    link = html.A(one.key, href=f"/devices/{one.key}", **{"data-inside": "true"})
    head = [html.H2([link, " ", html.Span(device.name, className="muted")])]
    parts: list[Component] = [
        html.Div([*head, html.Div(device.place, className="card-aside")], className="card-head"),
        html.Div(doing_now(one), id={"type": "simulator-doing", "device": one.key}, className="sim-doing"),
    ]
    if may:
        parts.append(_controls(one))
    return html.Section(parts, className="card sim-device", id={"type": "simulator-card", "device": one.key})


def doing_now(one: Said) -> list[Component]:
    """What changes every second."""
    state = chip(one.priority, one.word) if one.priority in MARKS else chip("", one.word)
    return [
        html.Div([state, html.Span(one.values, className="small muted")], className="row"),
        *(html.P(note, className="small") for note in one.notes),
    ]


def _controls(one: Said) -> Component:
    spec = SIMULATED[one.key]
    own = min(sensor.period_s for sensor in spec.sensors)
    return html.Div(
        [
            html.Button(
                start_or_stop(one), id={"type": "simulator-toggle", "device": one.key}, type="button", className="btn", n_clicks=0,
            ),
            html.Button(
                "Let something happen…", id={"type": "simulator-open", "device": one.key}, type="button", className="btn", n_clicks=0,
            ),
            html.Button("Reset", id={"type": "simulator-restore", "device": one.key}, type="button", className="btn plain", n_clicks=0),
            Field(
                "speed", "Speed", {"type": "simulator-speed", "device": one.key}, kind="select", value=speed_value(one.period_s),
                options=_speeds(own), required=True, className="sim-speed",
            ),
        ],
        className="sim-controls",
    )  # fmt: skip


def start_or_stop(one: Said) -> str:
    """The word on the button."""
    return "Stop" if one.running else "Start"


def speed_value(period_s: float | None) -> str:
    """A speed as the choice of it."""
    return OWN if period_s is None else f"{period_s:g}"


def _speeds(own_s: float) -> list[Option]:
    choices: list[Option] = [{"value": OWN, "label": f"its own, {own_s:g} s"}]
    low, high = round(SHORTEST_PERIOD_S), round(LONGEST_PERIOD_S)
    return choices + [{"value": str(each), "label": f"every {each} s"} for each in range(low, high + 1)]


def inject_form(key: str) -> Component:
    """What can happen to this device."""
    spec = SIMULATED[key]
    kinds = kinds_for(spec)
    choices: list[Option] = [{"value": kind.value, "label": KINDS[kind][0], "note": KINDS[kind][1]} for kind in kinds]
    if not spec.is_machine:
        choices[0]["note"] = BREAKDOWN_OF_A_GAUGE
    possible = list(dict.fromkeys(reach for sensor in gauges(spec) for reach in reaches(sensor)))
    anomaly = [
        Field("sensor", "In", kind="select", required=True, options=[{"value": one.key, "label": one.name} for one in gauges(spec)],
              value=gauges(spec)[0].key),
        Field("course", "How", kind="select", required=True, value=Course.JUMP.value,
              options=[{"value": one.value, "label": words} for one, words in COURSES.items()]),
        Field("reach", "How far", kind="select", required=True, value=possible[0].value,
              options=[{"value": one.value, "label": REACHES[one]} for one in possible]),
    ]  # fmt: skip
    return Form(
        [
            Field("key", "", kind="hidden", value=key),
            dcc.Store(id="simulator-usual", data={kind.value: minutes for kind, minutes in USUAL_MIN.items()}),
            Field("kind", "What happens", "simulator-kind", kind="radio", value=kinds[0].value, options=choices, required=True),
            html.Div(anomaly, className="fields", id="simulator-anomaly", hidden=True),
            Field("minutes", "For how long", "simulator-minutes", kind="number", unit="min", value=USUAL_MIN[kinds[0]], required=True,
                  hint="0.1 to 1440 minutes, from now on. “Reset” ends it earlier."),
            html.Div([submit("Let it happen", value="inject"), cancel("simulator-inject-cancel")], className="actions"),
        ],
        id="simulator-inject-form", label=f"Let something happen to {key}",
    )  # fmt: skip


def removal_form(there: DemoPlant) -> Component:
    """What goes with the demo plant, and the question."""
    rows = [
        ("Devices", f"{there.devices}, with {there.sensors} sensors"),
        ("Readings", f"about {there.readings:,}, with their minutes, hours and days"),
        ("People of the demo plant", f"{there.people}"),
        ("Keys in use", f"{there.keys}: they end at once"),
        ("Its audit log", f"{there.log_entries} entries"),
    ]
    return Form(
        [
            html.P("It goes for everybody, at once. Whoever looks at it is back at their own plant. Your own plant stays as it is."),
            html.Div([html.Div([html.Span(name), html.B(value)]) for name, value in rows], className="pairs"),
            html.P("A restart does not bring it back. This page does, with a new history, whenever you like.", className="muted"),
            html.Div(
                [submit("Remove the demo plant", value="remove", danger=True), cancel("simulator-remove-cancel")], className="actions"
            ),
        ],
        id="simulator-remove-form", label="Remove the demo plant",
    )  # fmt: skip


def not_simulated(where: Plants, who: Actor) -> Component:
    """What stands where this plant has no simulator: where the demo plant is, or how it comes back."""
    state = where.state.state
    if state == "removing":
        text = f"{where.state.note.capitalize() or 'Its rows'}. This goes on in the background, over a restart too."
        return _box(empty_state("The demo plant is being removed", text))
    if state in ("wanted", "making"):
        return _box(empty_state("The demo plant is being made", _progress(where)))
    if where.demo is not None:
        return _elsewhere(where, who)
    if who.is_platform:
        button = html.Button("Make the demo plant", id="simulator-create", type="button", className="btn solid", n_clicks=0)
        text = "It is a plant of its own, with three machines, five devices and a history, all simulated. It touches nothing of yours."
        return _box(empty_state("There is no demo plant", text, button))
    return _box(empty_state("There is no demo plant", "An administrator of this installation can make one here."))


def _progress(where: Plants) -> list[Component]:
    share = f"{100 * where.state.share:.0f}%"
    bar = html.Div(html.Div(style={"width": share}), className="progress", role="progressbar", **{
        "aria-label": "History made", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": f"{100 * where.state.share:.0f}",
    })  # fmt: skip
    return [html.Span(where.state.note or "It begins in a moment."), bar]


def _elsewhere(where: Plants, who: Actor) -> Component:
    assert where.demo is not None
    title, text = "This plant is real", "Its readings come from its own devices: there is nothing to simulate here."
    if not who.is_platform:
        return _box(empty_state(title, text))
    identity: dict[str, Any] = {"type": "shell-plant", "tenant": where.demo.id, "place": "simulator"}
    go = html.Button(f"Look into {where.demo.name}", id=identity, type="button", className="btn solid")
    return _box(empty_state(title, f"{text} The simulated machines are in the demo plant.", [go, " ", remove_button()]))


def remove_button() -> Component:
    """Asks first."""
    return html.Button("Remove the demo plant…", id="simulator-remove", type="button", className="btn danger", n_clicks=0)


def _box(inside: Component) -> Component:
    return card("Simulator", inside)
