"""The parts of a device's settings page: the device itself, its sensors, its keys, and the dialogs that change and remove them."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.device_templates import TEMPLATES
from dashapp.domain.fleet import Severity
from dashapp.domain.units import affine, canonical, known_units
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.components import card, chip
from dashapp.ui.context import visible_devices
from dashapp.ui.device import view as texts
from dashapp.ui.device.view import when
from dashapp.ui.forms import Field, Form, Option, cancel, submit
from db.queries.devices import DeviceKey
from db.queries.removals import Holdings

STATUSES: list[Option] = [
    {"value": "active", "label": "In use"},
    {"value": "maintenance", "label": "In maintenance: no alarms, shown as such"},
    {"value": "inactive", "label": "Out of use: no alarms, shown as such"},
]
KINDS: list[Option] = [
    {"value": "gauge", "label": "A level", "note": "The last value holds: temperature, pressure"},
    {"value": "increment", "label": "Pieces since the last message", "note": "They are added up: 3, 0, 2"},
    {"value": "totalizer", "label": "A running total", "note": "It only grows: a meter reading"},
    {"value": "flag", "label": "On or off", "note": "1 or 0: fault, running"},
]
KIND_WORDS = {option["value"]: option["label"].lower() for option in KINDS}
SEVERITIES: list[Option] = [{"value": severity.value, "label": severity.value.capitalize()} for severity in Severity]


def places() -> tuple[list[str], list[str]]:
    """The places and the lines of the plant's devices: offered while one is typed."""
    devices = visible_devices()
    return sorted({one.place for one in devices if one.place}), sorted({one.line for one in devices if one.line})


def sensors_preview(template: str) -> Component:
    """What a device of the template begins with."""
    sensors = TEMPLATES[template].sensors if template in TEMPLATES else ()
    if not sensors:
        text = "It takes the sensors that its first message names, with their units. You can change them afterwards."
        return html.P(text, className="muted")
    rows = [
        html.Li([html.B(sensor.name), html.Span(f" in {sensor.unit}" if sensor.unit else ""), html.Span(_ends(sensor), className="muted")])
        for sensor in sensors
    ]
    return html.Div([html.P("It begins with these sensors; all can be changed afterwards.", className="small muted"), html.Ul(rows)],
                    className="template-sensors")  # fmt: skip


def _ends(sensor: Any) -> str:
    said = [texts.normal_text(sensor, ""), texts.limits_text(sensor)]
    words = [f"normal {said[0]}" if said[0] else "", f"alert {said[1]}" if said[1] != "none" else ""]
    found = ", ".join(word for word in words if word)
    return f": {found}" if found else ""


# ---- The device itself


def device_form(device: DeviceEntry) -> Component:
    """Name, place, line, status, and whether it takes new sensors."""
    where, lines = places()
    fields = [
        Field("name", "Name", required=True, max_length=200, value=device.name),
        html.Div(
            [Field("place", "Place", max_length=200, value=device.place, suggestions=where),
             Field("line", "Line", max_length=200, value=device.line, suggestions=lines)],
            className="fields",
        ),
        Field("status", "Status", kind="select", value=device.status, options=STATUSES),
        Field("accepts_new", "Takes new sensors when a message names one", kind="check", value=device.accepts_new),
        html.P(["Its key is ", html.Code(device.key), " and stays: what reports it knows it by that."], className="small muted"),
        html.Div(submit("Save"), className="actions"),
    ]  # fmt: skip
    return card("Device", Form(fields, id="settings-device", label="Device"))


# ---- Sensors


def sensor_list(device: DeviceEntry) -> Component:
    """The sensors in their order, each with what can be done with it."""
    sensors = list(device.sensors.values())
    if not sensors:
        text = "It has no sensors yet. Add one"
        return html.P(f"{text}, or send a message: it takes what is named." if device.accepts_new else f"{text}.", className="muted")
    rows = [_sensor_row(sensor, at, len(sensors)) for at, sensor in enumerate(sensors)]
    return html.Ul(rows, className="setting-rows", **{"aria-label": "Sensors"})


def _sensor_row(sensor: SensorEntry, at: int, count: int) -> Component:
    limits = texts.limits_text(sensor)
    facts = [
        html.Code(sensor.key),
        html.Span(sensor.unit or "no unit"),
        html.Span(KIND_WORDS[sensor.kind]),
        html.Span(f"normal {texts.normal_text(sensor, '')}" if texts.normal_text(sensor, "") else "no normal range"),
        chip(sensor.severity, f"{limits}, {sensor.severity}") if limits != "none" else html.Span("no alert limits"),
    ]
    buttons = [
        _button("Up", "settings-move", sensor.key, f"Move {sensor.name} up", disabled=at == 0, by=-1),
        _button("Down", "settings-move", sensor.key, f"Move {sensor.name} down", disabled=at == count - 1, by=1),
        _button("Edit", "settings-edit", sensor.key, f"Edit {sensor.name}"),
        _button("Remove …", "settings-remove", sensor.key, f"Remove {sensor.name}"),
    ]
    return html.Li([html.Div([html.B(sensor.name), html.Div(facts, className="setting-facts")]), html.Div(buttons, className="row")])


def _button(text: str, kind: str, sensor: str, name: str, *, disabled: bool = False, **more: Any) -> Component:
    return html.Button(
        text, id={"type": kind, "sensor": sensor, **more}, type="button", className="control", disabled=disabled, n_clicks=0,
        **{"aria-label": name},
    )  # fmt: skip


def sensor_form(sensor: SensorEntry | None) -> Component:
    """A sensor to be changed; None: one to be added."""
    fields: list[Any] = [Field("key", "Key", kind="hidden", value=sensor.key)] if sensor else []
    fields.append(Field("name", "Name", required=True, max_length=200, value=sensor.name if sensor else ""))
    if sensor is None:
        fields.append(Field("key", "Key", required=True, max_length=100, code=True, hint="What messages name it by. It stays for good."))
    unit = sensor.unit if sensor else ""
    fields += [
        Field("unit", "Unit", "settings-unit", max_length=40, value=unit, suggestions=known_units(), hint="°C, bar, mm/s, units …"),
        html.Div(id="settings-unit-change"),
        Field("kind", "Its values are", kind="radio", value=sensor.kind if sensor else "gauge", options=KINDS),
        html.Div([_end(sensor, "normal_low", "Normal from"), _end(sensor, "normal_high", "Normal to")], className="fields"),
        html.Div([_end(sensor, "limit_low", "Alert below"), _end(sensor, "limit_high", "Alert above")], className="fields"),
        html.Div(
            [Field("severity", "Severity of the alert", kind="select", value=sensor.severity if sensor else "medium", options=SEVERITIES),
             Field("period_s", "Reports every", kind="number", unit="s", required=True, value=f"{sensor.period_s:g}" if sensor else "10",
                   hint="After three times as long its value counts as old.")],
            className="fields",
        ),
        html.Div([submit("Save" if sensor else "Add the sensor"), cancel("settings-sensor-cancel")], className="actions"),
    ]  # fmt: skip
    return Form(fields, id="settings-sensor", label="Sensor")


def _end(sensor: SensorEntry | None, name: str, label: str) -> Component:
    value = getattr(sensor, name) if sensor else None
    text, unit = "" if value is None else f"{value:.12g}", sensor.unit if sensor else ""
    return Field(name, label, {"type": "settings-end", "end": name}, kind="number", value=text, unit=unit)


def unit_change(before: str, wanted: str) -> Component | None:
    """What a new unit means for what is stored; None where it is the same."""
    after = canonical(wanted)
    if after == before:
        return None
    old, new = before or "no unit", after or "no unit"
    converts = affine(before, after) is not None
    options: list[Option] = []
    if converts:
        note = f"Readings, range and limits are converted from {old} to {new}. Range and limits that you change here count in {new}."
        options.append({"value": "convert", "label": f"Convert everything to {new}", "note": note})
    note = f"The stored numbers stay as they are and are shown in {new}; so do range and limits."
    options.append({"value": "relabel", "label": f"It was {new} all along", "note": note})
    says = "" if converts else f"{old} does not convert to {new}, so stored readings keep their numbers. "
    return html.Div(
        [
            Field("unit_change", "What is stored so far", kind="radio", value="convert" if converts else "relabel", options=options),
            html.P(f"{says}From now on, messages that say no unit are taken in {new}.", className="small muted"),
        ],
        className="stack notice",
    )


# ---- Keys


def key_list(keys: list[DeviceKey], zone: str) -> Component:
    """The keys that speak for this device alone."""
    if not keys:
        return html.P("No key is bound to this device. Keys of the whole plant work for it too.", className="muted")
    rows = []
    for key in keys:
        state = f"revoked {when(key.revoked_us, zone)}" if key.revoked_us is not None else f"made {when(key.created_us, zone)}"
        revoke = html.Button("Revoke", id={"type": "settings-revoke", "key": key.id}, type="button", className="control", n_clicks=0,
                             **{"aria-label": f"Revoke {key.name}"})  # fmt: skip
        facts = html.Div([html.Code(f"{key.hint}…"), html.Span(state)], className="setting-facts")
        rows.append(html.Li([html.Div([html.B(key.name), facts]), revoke if key.revoked_us is None else None]))
    return html.Ul(rows, className="setting-rows", **{"aria-label": "Keys"})


# ---- Removing


def removal_form(device: DeviceEntry, sensor: SensorEntry | None, went: Holdings, zone: str) -> Component:
    """What would go, and the key to be typed."""
    key = device.key if sensor is None else sensor.key
    about = "" if went.exact else "about "
    lost = [html.Li(f"{about}{went.readings:,} readings" if went.readings else "no readings")]
    if went.span_us:
        lost.append(html.Li(f"from {when(went.span_us[0], zone)} to {when(went.span_us[1], zone)}"))
    counted = [(went.sensors, "sensor")] if sensor is None else []
    counted += [(went.alerts, "alert"), (went.rules, "alert rule"), (went.stops, "recorded stop"), (went.keys, "key in use")]
    lost += [html.Li(_counted(number, noun)) for number, noun in counted if number]
    name = device.name if sensor is None else f"{sensor.name} of {device.name}"
    fields = [
        html.P([html.B(name), " goes for good, with:"]),
        html.Ul(lost, className="goes"),
        html.P("It cannot be brought back. It is gone at once; its readings are deleted in the background.", className="muted"),
        Field("sensor", "Sensor", kind="hidden", value="" if sensor is None else sensor.key),
        Field("typed", f"Type {key} to confirm", required=True, code=True),
        html.Div([submit("Remove for good", danger=True), cancel("settings-removal-cancel")], className="actions"),
    ]
    return Form(fields, id="settings-removal", label="Removal")


def _counted(number: int, noun: str) -> str:
    plural = noun if number == 1 else noun.replace("key in", "keys in") if " in " in noun else f"{noun}s"
    return f"{number:,} {plural}"

