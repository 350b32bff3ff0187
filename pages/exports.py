"""Exports `/exports`: readings of several devices to take along, as CSV, Parquet or XLSX (EX-1)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import dash
from dash import ClientsideFunction, Input, Output, State, callback, clientside_callback, dcc, html
from dash.development.base_component import Component

from dashapp.actions.actor import ActionError, Forbidden
from dashapp.actions.exports import SHEET_ROWS, Export, Wish, plan_export
from dashapp.domain.fleet import Role
from dashapp.domain.shifts import names
from dashapp.ui import shell
from dashapp.ui.components import card, kpi
from dashapp.ui.context import actor, services, tenant_id, visible_devices
from dashapp.ui.device.view import when
from dashapp.ui.forms import Field, command, sentence
from dashapp.ui.range_control import TimeRangeControl, shown_range
from dashapp.ui.time_range import TimeRange, iso, parse_range
from dashapp.ui.zones import viewer_zone
from db.queries.shifts import shift_calendars
from db.queries.spans import reading_spans
from db.tenancy import tenant_reading

PATH = "/exports"
READINGS = "/api/v1/readings/export"
FORMATS: Any = [
    {"value": "csv", "label": "CSV", "note": "One line a reading. For every tool; of any length."},
    {"value": "parquet", "label": "Parquet", "note": "Typed and a tenth of the size. For pandas, DuckDB, Power BI."},
    {"value": "xlsx", "label": "XLSX", "note": f"A workbook, of up to {SHEET_ROWS:,} readings."},
]
BYTES = {"csv": 70, "parquet": 7, "xlsx": 32}  # of one reading, about

dash.register_page(
    __name__, path=PATH, name="Exports", title="Exports" + shell.SUFFIX, section="Reports", order=45, nav=True, role=Role.VIEWER,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address, or the page, asks for."""

    devices: tuple[str, ...]
    sensors: tuple[str, ...]
    form: str
    range: TimeRange


def layout(**query: Any) -> Component:
    """`device` and `sensor` (several, by commas), a range, `format`."""
    wanted = {
        "devices": _several(query.get("device"), {one.key for one in visible_devices()}),
        "sensors": _several(query.get("sensor"), set()), "format": str(query.get("format") or "csv"),
        "range": {name: str(query[name]) for name in ("range", "from", "to") if query.get(name)},
    }  # fmt: skip
    asked, zone = _asked(wanted), viewer_zone()
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        shifts = names(shift_calendars(connection))
    what = card(
        "What",
        html.Div(
            [_choice("devices", "Devices", "Every device", asked.devices), _choice("sensors", "Sensors", "Every sensor", asked.sensors)],
            className="export-choices",
        ),
        html.Div([html.H3("When", className="small muted"), TimeRangeControl(
            id="exports-range", zone=zone, shifts=shifts, shown=shown_range(asked.range, asked.range.start_us, asked.range.end_us))]),
        Field("format", "As", id="exports-format", kind="radio", options=FORMATS, value=asked.form),
    )  # fmt: skip
    return html.Div(
        [
            what,
            card("The file", html.Div(_file(asked, zone), id="exports-file", **{"aria-live": "polite"})),
            dcc.Store(id="exports-asked", data=wanted["range"]),
            dcc.Store(id="exports-address"),
            dcc.Store(id="exports-kept"),
        ],
        className="stack exports-page",
    )


def _choice(name: str, label: str, every: str, chosen: tuple[str, ...]) -> Component:
    options = _options()[name]
    missing = [{"value": one, "label": one} for one in chosen if one not in {option["value"] for option in options}]
    box = dcc.Dropdown(id=f"exports-{name}", options=[*options, *missing], value=list(chosen), multi=True, placeholder=every)
    return html.Div([html.Label(label, htmlFor=f"exports-{name}"), html.Div(box, className="later-field")], className="field")


def _options() -> dict[str, list[dict[str, str]]]:
    devices = visible_devices()
    sensors: dict[str, str] = {}
    for device in devices:
        for sensor in device.sensors.values():
            sensors.setdefault(sensor.key, f"{sensor.name} ({sensor.unit})" if sensor.unit else sensor.name)
    listed = [{"value": one.key, "label": one.key if one.name in ("", one.key) else f"{one.key} · {one.name}"} for one in devices]
    return {"devices": listed, "sensors": [{"value": key, "label": label} for key, label in sensors.items()]}


@callback(
    Output("exports-file", "children"),
    Output("exports-range", "shown"),
    Output("exports-asked", "data"),
    Output("exports-address", "data"),
    Input("exports-devices", "value"),
    Input("exports-sensors", "value"),
    Input("exports-format", "value"),
    Input("exports-range", "asked"),
    State("exports-asked", "data"),
    prevent_initial_call=True,
)
def show_file(
    devices: list[str] | None, sensors: list[str] | None, form: str | None, span: dict[str, Any] | None, held: dict[str, str]
) -> Any:
    """What the file will hold, and where it is; the address keeps what was chosen."""
    chosen = {name: str(span[name]) for name in ("range", "from", "to") if span.get(name)} if span else {}
    wanted = {"devices": devices or [], "sensors": sensors or [], "format": form or "csv", "range": chosen or held}
    asked, zone = _asked(wanted), viewer_zone()
    address = {
        "device": ",".join(asked.devices), "sensor": ",".join(asked.sensors), "format": asked.form if asked.form != "csv" else "",
        **wanted["range"],
    }  # fmt: skip
    return _file(asked, zone), shown_range(asked.range, asked.range.start_us, asked.range.end_us), wanted["range"], address


clientside_callback(
    ClientsideFunction("andon_files", "keep_address"), Output("exports-kept", "data"), Input("exports-address", "data"),
    prevent_initial_call=True,
)  # fmt: skip


def _several(value: Any, known: set[str]) -> list[str]:
    """What an address names, by commas; a key that has a comma in it stands alone."""
    texts = [str(text) for text in (value if isinstance(value, list) else [value]) if text]
    return [part for text in texts for part in ([text] if text in known else text.split(",")) if part]


def _asked(wanted: Mapping[str, Any]) -> Asked:
    devices, sensors = tuple(wanted["devices"]), tuple(wanted["sensors"])
    form = wanted["format"] if wanted["format"] in BYTES else "csv"
    with tenant_reading(services().database.engine, tenant_id()) as connection:
        of = [one for one in visible_devices() if not devices or one.key in devices]
        ids = [sensor.id for one in of for sensor in one.sensors.values() if not sensors or sensor.key in sensors]
        first_us = None
        if wanted["range"].get("range") == "all" and ids:
            first_us = min((span[0] for span in reading_spans(connection, ids).values()), default=None)
        lines = {one.line for one in of}
        calendars = shift_calendars(connection, next(iter(lines)) if len(lines) == 1 else "")
    found = parse_range(wanted["range"], time.time_ns() // 1000, default="24h", first_us=first_us, zone=viewer_zone(), calendars=calendars)
    return Asked(devices, sensors, form, found)


def _file(asked: Asked, zone: str) -> list[Component]:
    """How much it is, a button for it, and how a program gets the same."""
    if problem := asked.range.problem or asked.range.note:
        return [html.P(problem, className="notice", role="status")]
    wish = Wish(asked.range.start_us, asked.range.end_us, asked.form, asked.devices, asked.sensors)
    try:
        export = plan_export(services().database.engine, actor(), wish)
    except Forbidden:
        return [html.P("A wall screen shows the plant and saves no files. Sign in to download.", className="notice", role="status")]
    except ActionError as error:
        return [html.P(f"{sentence(error.reason)}.", className="notice", role="status")]
    tiles = html.Div(
        [
            kpi("Readings", export.expected, note="by the sums of each hour", id="exports-rows"),
            kpi("Sensors", len(export.sensors), note=_devices_words(export)),
            kpi("Size", *_size(export), note=f"about, as {export.format.upper()}"),
        ],
        className="kpis",
    )  # fmt: skip
    ends = html.P(f"{when(asked.range.start_us, zone)} – {when(asked.range.end_us, zone)}", className="small muted")
    return [tiles, ends, _download(export, asked), *_elsewhere(asked)]


def _devices_words(export: Export) -> str:
    count = len({one.device for one in export.sensors})
    return f"of {count} device{'' if count == 1 else 's'}"


def _size(export: Export) -> tuple[float, str]:
    size = export.expected * BYTES[export.format]
    return (round(size / 1e9, 1), "GB") if size >= 1e9 else (round(size / 1e6, 1), "MB")


def _download(export: Export, asked: Asked) -> Component:
    if not export.expected:
        return html.P("There are no readings in this range. Choose another range, or other sensors.", className="notice", role="status")
    if export.format == "xlsx" and export.expected > SHEET_ROWS:
        return html.P(
            f"A workbook takes {SHEET_ROWS:,} readings. Choose CSV or Parquet, a shorter range, or fewer sensors.", className="notice high",
            role="status",
        )  # fmt: skip
    link = html.A("Download", href=_address(asked), download=export.name, className="btn solid", id="exports-download")
    note = "It is written while it is sent, so it begins at once; stop it in the browser and nothing goes on here."
    name = html.Span(export.name, className="export-name")
    return html.Div([html.Div([link, name], className="row"), html.P(note, className="small muted")])


def _address(asked: Asked) -> str:
    pairs = [("from", iso(asked.range.start_us)), ("to", iso(asked.range.end_us)), ("format", asked.form)]
    return f"{READINGS}?{urlencode([*(('device', one) for one in asked.devices), *(('sensor', one) for one in asked.sensors), *pairs])}"


def _elsewhere(asked: Asked) -> list[Component]:
    """The same from a program and from the server's own command line."""
    options = [f'--device "{one}"' for one in asked.devices] + [f'--sensor "{one}"' for one in asked.sensors]
    ends = [f"--from {iso(asked.range.start_us)}", f"--to {iso(asked.range.end_us)}"]
    line = " ".join(["python app.py export", *options, *ends, f"--format {asked.form}", f"--out readings.{asked.form}"])
    server = services().settings.public_url or f"http://localhost:{services().settings.port}"
    program = f'curl -H "Authorization: Bearer $TOKEN" -o readings.{asked.form} "{server.rstrip("/")}{_address(asked)}"'
    inside = [html.P("With a token of yours:", className="small"), command(program, "exports-curl", "Copy the curl command"),
              html.P("On the server itself:", className="small"), command(line, "exports-line", "Copy the command")]  # fmt: skip
    return [html.Details([html.Summary("The same from a program"), html.Div(inside, className="stack")], className="export-program")]
