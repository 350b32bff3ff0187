"""What every page of production has: tabs, the place with the range, charts that can be saved, tables that scroll."""

from collections.abc import Sequence
from typing import Any

import dash
from dash import ClientsideFunction, Input, Output, State, clientside_callback, dcc, html
from dash.development.base_component import Component

from dashapp.domain.shifts import names
from dashapp.ui import shell
from dashapp.ui.choices import ChoiceBar, ChoiceField
from dashapp.ui.components import card, empty_state
from dashapp.ui.device.charts import GRAPH
from dashapp.ui.device.view import when
from dashapp.ui.figures.theme import Figure, blank
from dashapp.ui.parts import downloads
from dashapp.ui.production.scope import PRESETS, PRODUCTION, Scope, machine_name
from dashapp.ui.production.words import option
from dashapp.ui.range_control import TimeRangeControl, shown_range
from dashapp.ui.tables import Cell, DataTable
from dashapp.ui.tabs import place_tabs
from dashapp.ui.zones import viewer_zone

PLACES = (
    (PRODUCTION, "Stops"),
    (f"{PRODUCTION}/products", "Products"),
    (f"{PRODUCTION}/shifts", "Shifts"),
    (f"{PRODUCTION}/reasons", "Reasons"),
)


def production_tabs(current: str) -> Component:
    """Links to the pages of production, `current` (a path of `PLACES`) marked."""
    return place_tabs(PLACES, current, "Production pages")


def range_bar(name: str, scope: Scope) -> list[Component]:
    """Which time, and what of it is known. The control has the id `<name>-range`; see `wire_range`."""
    zone = viewer_zone()
    says = f"{when(scope.start_us, zone)} – {when(scope.end_us, zone)} ({zone})"
    words = scope.range.words
    return [
        TimeRangeControl(
            id=f"{name}-range",
            zone=zone,
            shifts=names(scope.calendars),
            presets=PRESETS,
            shown=shown_range(scope.range, scope.start_us, scope.end_us),
        ),
        html.P(scope.note, className="notice", hidden=not scope.note, role="status"),
        html.P(f"{words[0].upper()}{words[1:]}: {says}" if words else says, className="small muted", id=f"{name}-says"),
    ]


def place_choice(scope: Scope, *more: ChoiceField) -> Component:
    """The choice of line and machine, and of what else a page can be narrowed to."""
    lines = list(dict.fromkeys(machine.line for machine in scope.everyone if machine.line))
    fields: list[ChoiceField] = []
    if len(lines) > 1:
        here = scope.machine.line if scope.machine else scope.line or ""
        options = [option("", "All"), *(option(line, line) for line in lines)]
        fields.append({"name": "line", "label": "Line", "value": here, "options": options, "clears": ["machine"]})
    listed = [machine for machine in scope.everyone if scope.line is None or machine.line == scope.line]
    options = [option("", "All"), *(option(machine.key, machine_name(machine)) for machine in listed)]
    fields.append({"name": "machine", "label": "Machine", "value": scope.machine.key if scope.machine else "", "options": options})
    chosen: list[ChoiceField] = [{**field, "clears": ["stop", "at", *field.get("clears", ())]} for field in (*fields, *more)]
    return ChoiceBar(fields=chosen, className="choices")


def wire_range(name: str) -> None:
    """The callbacks of a page's range control and of its minutes: what is asked for is gone to."""
    clientside_callback(
        ClientsideFunction("andon_alerts", "ask_range"),
        Output(f"{name}-asked", "data"),
        Input(f"{name}-range", "asked"),
        prevent_initial_call=True,
    )
    clientside_callback(
        ClientsideFunction("andon_production", "minute"),
        Output(f"{name}-minute", "data"),
        shell.PULSE,
        State(f"{name}-minute", "data"),
        prevent_initial_call=True,
    )


def stores(name: str, scope: Scope, query: dict[str, Any]) -> list[Component]:
    """What the browser holds of a page: the address's query, the minute that it shows."""
    return [
        dcc.Store(id=f"{name}-held", data=query),
        dcc.Store(id=f"{name}-asked"),
        dcc.Store(id=f"{name}-minute", data=scope.now_us // 60_000_000),
    ]


# ---- Charts


def source(name: str, title: str, says: str, figure: Figure, *, narrow: Figure | None = None) -> dict[str, Any]:
    """What the browser draws a chart from; `narrow` is drawn instead where there is little room."""
    return {"name": name, "chart": f"production-chart-{name}", "title": title, "says": says, "figure": figure, "narrow": narrow}


def chart_card(made: dict[str, Any], *children: Any, csv: str, tall: str = "", aside: Sequence[Component] = ()) -> Component:
    """A chart with its title, what it says, PNG and CSV; `children` stand below it."""
    name, title = made["name"], made["title"]
    graph = dcc.Graph(id=made["chart"], figure=blank(), config=GRAPH, className="chart")
    png = html.Button(
        "PNG",
        id=f"production-png-{name}",
        type="button",
        className="btn plain tiny",
        n_clicks=0,
        title=f"Save “{title}” as PNG",
        **{"aria-label": f"Save “{title}” as PNG", "data-saved": ""},
    )
    return card(
        title,
        html.P(made["says"], className="chart-says", id=f"production-says-{name}"),
        html.Div(html.Div(graph, role="img", **{"aria-label": title}), className=f"chart-frame production-frame {tall}"),
        dcc.Store(id=f"production-source-{name}", data=made),
        dcc.Store(id=f"production-pressed-{name}"),
        *children,
        aside=[*aside, png, file_links(csv, title)],
    )


def wire_chart(name: str) -> None:
    """The callbacks of a chart: drawing, the picture, and where a press on a point leads."""
    made = f"production-source-{name}"
    clientside_callback(
        ClientsideFunction("andon_alarms", "draw"), Output(f"production-chart-{name}", "figure"), Input(made, "data"), shell.THEME
    )
    clientside_callback(
        ClientsideFunction("andon_alarms", "save_png"),
        Output(f"production-png-{name}", "data-saved"),
        Input(f"production-png-{name}", "n_clicks"),
        State(made, "data"),
        prevent_initial_call=True,
    )
    clientside_callback(
        ClientsideFunction("andon_production", "follow_point"),
        Output(f"production-pressed-{name}", "data"),
        Input(f"production-chart-{name}", "clickData"),
        prevent_initial_call=True,
    )


# ---- Tables and links


def file_links(href: str, title: str) -> Component:
    """Small links that save a table or the data of a chart as CSV and as XLSX; `href` is that of the CSV."""
    path, _, query = href.partition("?")
    return downloads(path.removesuffix(".csv"), query, what=f"“{title}”")


def inside(text: Any, href: str, class_name: str = "", **more: Any) -> Component:
    """A link to another page of ours."""
    return html.A(text, href=href, className=class_name, **{"data-inside": "true"}, **more)


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    numbers: Sequence[int] = (),
    id: str | None = None,
    save: bool = True,
) -> Component:
    """A table that scrolls where it is wider than its place; on a phone every row is a card. `save=False`: the page has a file of it."""
    made = DataTable(id=id, columns=columns, rows=rows, numbers=list(numbers), caption=caption, save=save, className="stacked")
    return html.Div(made, className="scrolls", tabIndex="0", role="group", **{"aria-label": caption})


def no_machines() -> Component:
    """What a plant without machines that count has instead."""
    known = {page["path"] for page in dash.page_registry.values()}
    action = inside("Add a device", "/devices/new", "btn") if "/devices/new" in known else None
    text = (
        "OEE needs a device that is a machine and has a counter of what it makes. Add one, or mark a device as a machine in its settings."
    )
    return card("No machine counts what it makes", empty_state("Nothing to compute yet", text, action))
