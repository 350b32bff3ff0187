"""The form in which somebody corrects what was understood of a file, and its first rows as they will be read."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

from dash import html
from dash.development.base_component import Component

from dashapp.ingest.csv_encoding import ENCODINGS
from dashapp.ingest.csv_format import Column, CsvFormat
from dashapp.ingest.csv_names import key_of_file
from dashapp.ingest.csv_plan import PlannedColumn, PreviewRow
from dashapp.ingest.csv_times import ISO, example
from dashapp.ui.components import card, chip, empty_state, format_value
from dashapp.ui.context import visible_devices
from dashapp.ui.device.view import when
from dashapp.ui.forms import Field, Option
from dashapp.ui.imports.understood import Understood, can_be_sensor
from db.queries.imports import ImportRow

MOST_COLUMNS = 100  # that can be set one by one
MOST_SHOWN = 10  # columns of the preview
SEPARATORS = {",": "comma ,", ";": "semicolon ;", "\t": "tab", "|": "bar |"}
FORMATS = (
    ISO, "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p", "%Y%m%d%H%M%S", "epoch_s",
    "epoch_ms",
)  # fmt: skip
KIND_OPTIONS: list[Option] = [
    {"value": "", "label": "as guessed"}, {"value": "gauge", "label": "level"}, {"value": "increment", "label": "count since the last"},
    {"value": "totalizer", "label": "running total"}, {"value": "flag", "label": "on or off"},
]  # fmt: skip
STRUCTURE = frozenset(
    {"separator", "header", "encoding", "decimal", "time_column", "clock_column", "device_column", "sensor_column", "value_column"}
)  # what changes the list of columns


def setup(row: ImportRow, found: Understood) -> list[Component]:
    """The whole form."""
    return [
        card("How the file is read", html.Div(reading_fields(found), id="import-reading")),
        card("Where it goes", html.Div(device_fields(row, found), id="import-device")),
        html.Div(columns_card(found), id="import-columns"),
        html.Div(preview_card(found), id="import-preview"),
    ]


def _told(name: str, label: str, **more: Any) -> Component:
    return Field(name, label, id={"type": "import-told", "name": name}, **more)


def reading_fields(found: Understood) -> list[Component]:
    """Separator, header, time and zone at once; what is seldom wrong behind “More”."""
    plan, fmt = found.plan, found.guessed
    names: list[Option] = [{"value": name, "label": name[:80]} for name in found.names[:400]]
    guessed_time = fmt.time_columns[0] if fmt is not None and not plan.time_column else ""
    first = [
        _told(
            "separator", "Separator", kind="select", value=plan.separator,
            options=[_as_guessed(SEPARATORS.get(fmt.separator) if fmt and not plan.separator else None), *_options(SEPARATORS)],
        ),
        _told(
            "header", "Header row", kind="select", value=plan.header,
            options=[
                _as_guessed(None if fmt is None or plan.header else "yes" if fmt.has_header else "no"), {"value": "yes", "label": "yes"},
                {"value": "no", "label": "no"},
            ],
        ),
        _told(
            "time_column", "Time is in", kind="select", value=plan.time_column if plan.time_column in found.names else "",
            options=[_as_guessed(guessed_time), *names],
        ),
        _told(
            "time_format", "Time is written", value=plan.time_format, suggestions=FORMATS, code=True,
            placeholder=_format_words(fmt), hint=_format_hint(fmt),
        ),
        _told("zone", "Zone of the times", value=found.zone, suggestions=_zones(), hint=_zone_hint(found)),
    ]  # fmt: skip
    return [html.Div(first, className="told"), html.Details([html.Summary("More"), html.Div(_more(found, names), className="told")],
            className="more-told", open=fmt is None)]  # fmt: skip


def _more(found: Understood, names: list[Option]) -> list[Component]:
    plan, fmt = found.plan, found.guessed
    encodings = [_as_guessed(fmt.encoding if fmt and not plan.encoding else None), *({"value": e, "label": e} for e in ENCODINGS)]
    decimal = {".": "point", ",": "comma"}[fmt.decimal] if fmt and not plan.decimal else None
    decimals = [_as_guessed(decimal), *_options({".": "point, 1.5", ",": "comma, 1,5"})]
    clock = fmt.time_columns[1] if fmt is not None and len(fmt.time_columns) > 1 else "none"

    def of_columns(guessed: str | None) -> list[Option]:
        return [_as_guessed(guessed), {"value": "-", "label": "none"}, *names]

    def chosen(value: str | None) -> str:
        return "-" if value == "" else value or ""

    return [
        _told("encoding", "Encoding", kind="select", value=plan.encoding, options=encodings),
        _told("decimal", "Decimal sign", kind="select", value=plan.decimal, options=decimals),
        _told(
            "clock_column", "Time of day is apart, in", kind="select", value=plan.clock_column, options=[_as_guessed(clock), *names],
            hint="Only together with the column that holds the date.",
        ),
        _told(
            "device_column", "A column names the device", kind="select", value=chosen(plan.device_column),
            options=of_columns(fmt.device_column if fmt and plan.device_column is None else None),
        ),
        _told(
            "sensor_column", "A column names the sensor", kind="select", value=chosen(plan.sensor_column),
            options=of_columns(fmt.sensor_column if fmt and plan.sensor_column is None else None),
        ),
        _told(
            "value_column", "Its value is in", kind="select", value=plan.value_column,
            options=[_as_guessed(fmt.value_column if fmt and not plan.value_column else None), *names],
        ),
    ]  # fmt: skip


def device_fields(row: ImportRow, found: Understood) -> list[Component]:
    """The device that the file is of; nothing to choose where its rows name theirs."""
    if found.devices is None and found.fmt is not None:
        text = f"The file names its devices in the column “{found.fmt.device_column}”. Those that are missing are made."
        return [html.P(text), html.Div(id="import-new-device", hidden=True)]
    keys = [device.key for device in visible_devices()]
    key = found.plan.device
    is_new = bool(key) and key not in keys
    options: list[Option] = [{"value": "", "label": "Choose a device"}, {"value": "+", "label": "A new device"}]
    options += [
        {"value": each.key, "label": each.key if each.name == each.key else f"{each.key} {each.name}"} for each in visible_devices()
    ]
    return [html.Div(
        [
            _told("device_choice", "Device", kind="select", value="+" if is_new else key, options=options, required=True),
            html.Div(new_device_fields(row, found, is_new), id="import-new-device", className="told-more"),
        ],
        className="told",
    )]  # fmt: skip


def new_device_fields(row: ImportRow, found: Understood, is_new: bool) -> list[Component]:
    """Key and name of a device that is to be made."""
    if not is_new:
        return []
    return [
        _told("device_key", "Key of the new device", value=found.plan.device or suggested_key(row), max_length=100, required=True),
        _told("device_name", "Its name", value=found.plan.device_name, max_length=200, hint="Left empty it is called by its key."),
    ]


def suggested_key(row: ImportRow) -> str:
    """A key for a new device, from the file's name."""
    return (key_of_file(row.file_name) or "machine").replace("_", "-")[:60]


def other_columns(before: Understood, now: Understood) -> bool:
    """Whether the list of columns has to be drawn again: what is read otherwise, or what has come in or was left out."""

    def left_out(found: Understood) -> list[tuple[str, bool]]:
        return sorted((name, each.key == "") for name, each in found.plan.columns.items() if each.key is not None)

    told = any(getattr(before.plan, name) != getattr(now.plan, name) for name in STRUCTURE)
    uses = [[bool(column.sensor_key) for column in found.fmt.columns] if found.fmt else None for found in (before, now)]
    return told or uses[0] != uses[1] or left_out(before) != left_out(now)


def columns_card(found: Understood) -> Component | None:
    """Which column becomes which sensor."""
    fmt = found.guessed
    if fmt is None or fmt.layout == "long":
        if fmt is None:
            return None
        text = f"The column “{fmt.sensor_column}” names the sensor of each row, and “{fmt.value_column}” holds its value."
        return card("Columns", html.P(text), html.P("Sensors that are missing are made.", className="muted small"))
    usable = [(at, column) for at, column in enumerate(fmt.columns) if can_be_sensor(found, column.name)]
    known = _known_sensors(found)
    items = [_column(found, at, column, known) for at, column in usable[:MOST_COLUMNS]]
    more = len(usable) - MOST_COLUMNS
    note = html.P(f"{more:,} more columns are imported as they are guessed.", className="notice") if more > 0 else None
    return card("Columns and their sensors", html.Ul(items, className="import-columns"), note)


def _known_sensors(found: Understood) -> list[str]:
    device = next((each for each in visible_devices() if each.key == found.plan.device), None)
    return list(device.sensors) if device is not None else []


def _column(found: Understood, at: int, column: Column, known: list[str]) -> Component:
    planned = found.plan.columns.get(column.name, PlannedColumn())
    key = (column.sensor_key or "") if planned.key is None else planned.key
    use = bool(key)

    def part(name: str, label: str, **more: Any) -> Component:
        return Field(f"{name}-{at}", label, id={"type": "import-column", "at": at, "part": name}, **more)

    says = found.cells.get(column.name, "")
    name = html.Div([html.B(column.name), html.Span(says, className="muted")], className="column-name")
    inside = [name, part("use", "Import", kind="check", value=use, className="column-use")]
    if use:
        inside += [
            part("key", "Sensor", value=key, suggestions=known, max_length=100, required=True),
            part("name", "Name, if it is new", value=planned.name, max_length=200, placeholder="as guessed"),
            part("unit", "Unit", value=column.unit or "" if planned.unit is None else planned.unit, max_length=30),
            part("kind", "Kind", kind="select", value=planned.kind, options=KIND_OPTIONS),
        ]
    return html.Li(inside, className="" if use else "column-left-out")


def preview_card(found: Understood) -> Component:
    """The first rows as they will be read; what is wrong is marked and said below."""
    if found.problem:
        return card("First rows, as they will be read", html.P(found.problem, className="notice high", role="status"))
    if found.fmt is None or not found.rows:
        return card("First rows, as they will be read", empty_state("No rows", "The file has a header and nothing below it."))
    keys = list(dict.fromkeys(key for each in found.rows for key in each.values))
    table = _preview_table(found, keys[:MOST_SHOWN])
    reasons = [
        html.Li(f"Line {each.line}, {field}: {reason}.") for each in found.rows for field, reason in each.wrong.items()
    ]
    hidden = len(keys) - MOST_SHOWN
    return card(
        "First rows, as they will be read",
        html.Div(table, className="table-scroll", tabIndex="0", role="region", **{"aria-label": "First rows"}),
        html.Ul(reasons, className="problem-list") if reasons else None,
        html.P(f"{hidden} more columns are not shown here.", className="muted small") if hidden > 0 else None,
    )


def _preview_table(found: Understood, keys: list[str]) -> Component:
    fmt = found.fmt
    assert fmt is not None
    known = {each.key: each for each in visible_devices()}
    device = known.get(found.plan.device)

    def heading(key: str) -> list[Any]:
        unit = next((column.unit for column in fmt.columns if column.sensor_key == key), None)
        if fmt.device_column is None and (device is None or key not in device.sensors):
            return [key, f" [{unit}]" if unit else "", chip("", "new")]
        entry = device.sensors.get(key) if device is not None else None
        unit = entry.unit if entry is not None else unit
        return [key, f" [{unit}]" if unit else ""]

    columns = [column for column in fmt.columns if column.sensor_key]
    names = {column.sensor_key: column.name for column in columns}
    head = [html.Th("Line", scope="col"), html.Th(f"Time ({found.zone})", scope="col")]
    head += [html.Th("Device", scope="col")] if fmt.device_column else []
    head += [html.Th(heading(key), scope="col", className="number") for key in keys]
    body = [_preview_row(each, found, keys, names, fmt) for each in found.rows]
    return html.Table([html.Thead(html.Tr(head)), html.Tbody(body)], className="table preview")


def _preview_row(each: PreviewRow, found: Understood, keys: list[str], names: dict[str | None, str], fmt: CsvFormat) -> Component:
    line = html.Th(str(each.line), scope="row")
    if each.time_us is None:
        span = len(keys) + 1 + bool(fmt.device_column)
        return html.Tr([line, html.Td([chip("high", "left out"), " ", html.Code(each.raw[:80])], colSpan=span, className="wrong")])
    cells = [line, html.Td(when(each.time_us, found.zone, seconds=True))]
    cells += [html.Td(each.device)] if fmt.device_column else []
    for key in keys:
        value = each.values.get(key)
        bad = names.get(key, fmt.value_column) in each.wrong
        cells.append(html.Td(chip("high", "not a number") if bad else "" if value is None else format_value(value), className="number"))
    return html.Tr(cells)


def _as_guessed(what: str | None) -> Option:
    return {"value": "", "label": f"as guessed: {what[:60]}" if what else "as guessed"}


def _options(choices: dict[str, str]) -> list[Option]:
    return [{"value": value, "label": label} for value, label in choices.items()]


def _format_words(fmt: CsvFormat | None) -> str:
    return "as guessed" if fmt is None or fmt.time_format is None else f"as guessed: {fmt.time_format}"


def _format_hint(fmt: CsvFormat | None) -> str:
    if fmt is None or fmt.time_format is None:
        return "In the letters of strptime, such as %d.%m.%Y %H:%M:%S."
    return f"Such as {example(fmt.time_format)}."


def _zone_hint(found: Understood) -> str:
    return "For times that name none. This is the plant’s own." if not found.plan.zone else "For times that name none."


@cache
def _zones() -> list[str]:
    areas = ("Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return ["UTC", *sorted(zone for zone in available_timezones() if zone.startswith(areas))]
