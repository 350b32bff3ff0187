
"""Parts that the analytics pages share: the bar of choices, the control of time, a chart with its words, its picture and its numbers.

What is chosen stands in the address: a press goes to another address, and the page is made for it (`assets/98-analytics.js`).
"""

from collections.abc import Sequence
from typing import Any

from dash import ClientsideFunction, Input, Output, State, clientside_callback, dcc, html
from dash.development.base_component import Component

from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ui import shell
from dashapp.ui.analytics.addresses import ref_of
from dashapp.ui.analytics.choice import Time
from dashapp.ui.analytics.places import analytics_tabs
from dashapp.ui.choices import Option
from dashapp.ui.components import card, empty_state
from dashapp.ui.device.charts import GRAPH
from dashapp.ui.device.view import range_says
from dashapp.ui.figures.theme import Figure, blank
from dashapp.ui.range_control import TimeRangeControl, shown_range


def options(pairs: Sequence[tuple[str, str]]) -> list[Option]:
    """Choices without headings."""
    return [{"value": value, "label": label} for value, label in pairs]


def sensor_options(devices: Sequence[DeviceEntry], *, kinds: Sequence[str] = (), without: Sequence[str] = ()) -> list[Option]:
    """Every sensor under its device; `kinds` keeps those of some kinds, `without` leaves some out (as `ref_of` writes them)."""
    return [
        {"value": ref, "label": f"{device.key} {sensor.name}{f', {sensor.unit}' if sensor.unit else ''}", "group": group_of(device)}
        for device in devices
        for sensor in device.sensors.values()
        if (not kinds or sensor.kind in kinds) and (ref := ref_of(device.key, sensor.key)) not in without
    ]


def group_of(device: DeviceEntry) -> str:
    """`MX-01, Assembly Line Alpha`."""
    return f"{device.key}, {device.name}" if device.name != device.key else device.key


def device_options(devices: Sequence[DeviceEntry]) -> list[Option]:
    """Every device."""
    return [{"value": device.key, "label": group_of(device)} for device in devices]


def page(current: str, *children: Any) -> Component:
    """A page under the tabs."""
    return html.Div([analytics_tabs(current), *children], className="stack")


def nothing_yet(current: str) -> Component:
    """A plant without sensors that could be shown."""
    words = "Once a device has reported, its readings can be compared here."
    link = html.A("To the devices", href="/devices", className="btn", **{"data-inside": "true"})
    return page(current, card("Analytics", empty_state("Nothing to show yet", words, link)))


def range_bar(prefix: str, time: Time) -> list[Component]:
    """The control for which time is shown, and what is to be said of it."""
    view = time.view
    control = TimeRangeControl(
        id=f"{prefix}-range", zone=view.zone, shifts=time.shifts, shown=shown_range(view.range, view.start_us, view.end_us)
    )
    return [control, html.P(view.note, className="notice", hidden=not view.note, role="status"), dcc.Store(id=f"{prefix}-went")]


def says_of(time: Time, more: str) -> str:
    """`Last 24 hours: … (UTC). Minute means with min–max, 4,320 points.`"""
    return f"{range_says(time.view)}. {more[0].upper()}{more[1:]}."


def chart(name: str, title: str, says: str, figure: Figure, height: int) -> Component:
    """A chart that a screen reader is told the name and the range of. `height` is in px."""
    graph = dcc.Graph(id=f"analytics-chart-{name}", figure=blank(), config=GRAPH, className="chart", style={"height": f"{height}px"})
    drawn = html.Div(graph, role="img", **{"aria-label": f"{title}. {says}"})
    source = {"name": name, "title": title, "says": says, "figure": figure, "height": height}
    return html.Div(
        [drawn, dcc.Store(id=f"analytics-source-{name}", data=source)], className="chart-frame analytics-frame",
        style={"height": f"{height}px"},
    )  # fmt: skip


def png_button(name: str, title: str) -> Component:
    """Saves a chart as a picture."""
    return html.Button(
        "PNG", id=f"analytics-png-{name}", type="button", className="btn plain tiny", n_clicks=0, title=f"Save “{title}” as PNG",
        **{"aria-label": f"Save “{title}” as PNG", "data-saved": ""},
    )  # fmt: skip


def wire(prefix: str, charts: Sequence[str]) -> None:
    """The callbacks of a page, all of them in the browser; call it once where the page is registered."""

    def in_browser(name: str, *dependencies: Any, **more: Any) -> None:
        clientside_callback(ClientsideFunction("andon_analytics", name), *dependencies, **more)

    in_browser("ask_range", Output(f"{prefix}-went", "data"), Input(f"{prefix}-range", "asked"), prevent_initial_call=True)
    in_browser("show_back", Output(f"{prefix}-range", "back"), Input(f"{prefix}-range", "shown"))
    for name in charts:
        source = f"analytics-source-{name}"
        in_browser("draw", Output(f"analytics-chart-{name}", "figure"), Input(source, "data"), shell.THEME)
        in_browser(
            "zoom", Output(f"analytics-chart-{name}", "figure", allow_duplicate=True), Input(f"analytics-chart-{name}", "relayoutData"),
            State(source, "data"), prevent_initial_call=True,
        )  # fmt: skip
        in_browser(
            "save_png", Output(f"analytics-png-{name}", "data-saved"), Input(f"analytics-png-{name}", "n_clicks"), State(source, "data"),
            prevent_initial_call=True,
        )  # fmt: skip
