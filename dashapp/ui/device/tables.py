"""What of a device page is said in rows: statistics, readings, settings, alerts and stops."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.fleet import SensorKind
from dashapp.domain.statistics import Summary
from dashapp.ingest.catalogue import DeviceEntry, SensorEntry
from dashapp.ui.analytics.addresses import ANOMALIES, CONTROL, TRENDS, ref_of
from dashapp.ui.components import card, empty_state, priority_mark
from dashapp.ui.device import view as texts
from dashapp.ui.device.data import PAGE_ROWS
from dashapp.ui.device.view import View, stamp, when
from dashapp.ui.figures.value_axis import decimals_of, sensor_decimals
from dashapp.ui.parts import format_value
from dashapp.ui.tables import Cell, DataTable
from dashapp.ui.zones import Zone
from db.queries.devices import DeviceEvent
from db.queries.series import Readings

KINDS = {
    SensorKind.GAUGE: "level",
    SensorKind.INCREMENT: "count since the last reading",
    SensorKind.TOTALIZER: "running total",
    SensorKind.FLAG: "on or off",
}
STATES = (("run", "Running"), ("micro", "Minor stop"), ("down", "Fault"), ("idle", "Idle"), ("off", "Off shift"), ("unknown", "No data"))
NOTES = {1: "late", 2: "delayed", 3: "late, delayed"}


def statistics_table(sensor: SensorEntry, summaries: list[Summary | None], names: list[str], ahead: str = "") -> Component:
    """Moments and trend of the sensor over several ranges, one column each; `ahead` is which limit it is on its way to.

    The links lead to the same sensor on the pages of analytics.
    """
    rows = texts.statistics_rows(summaries, sensor)
    table = DataTable(rows=rows, columns=["", *names], caption=f"Statistics of {sensor.name}", className="figures")
    approximate = next((one.median_of for one in summaries if one and one.median_of != "readings"), None)
    note = (
        [html.P(f"Median over a long range: of the means of {approximate}.", className="small muted")]
        if approximate
        else []
    )
    limit = [html.P([html.B("Limit ahead: "), ahead], className="small")] if ahead else []
    return html.Div([table, *note, *limit, _further(sensor)])


def _further(sensor: SensorEntry) -> Component:
    ref = ref_of(sensor.device_key, sensor.key)
    places = [("Trends", TRENDS, [("sensors", ref)])]
    if sensor.kind == "gauge":
        places.append(("Control chart", CONTROL, [("sensor", ref)]))
        places.append(("Anomalies", ANOMALIES, [("device", sensor.device_key)]))
    links = [html.A(word, href=joined(path, query), **{"data-inside": "true"}) for word, path, query in places]
    return html.Div(links, className="row small further")


def readings_table(view: View, page: Readings, number: int) -> Component:
    """One page of readings, newest first, as a real table; `page` holds one row more where there is another page."""
    if not len(page):
        return empty_state("No readings", "There are none of this sensor in this range.")
    shown = page.take(slice(0, PAGE_ROWS))
    places = max(decimals_of(shown.value), sensor_decimals(view.sensor))
    zone = view.zone if isinstance(view.zone, Zone) else Zone(view.zone)
    beside = any(zone.differs(at) for at in shown.time_us[[0, -1]].tolist())
    columns = (shown.time_us, shown.value, shown.quality, shown.flags, shown.received_us)
    rows = [
        [
            stamp(at, view.zone, seconds=True) + _fraction(at),
            *([stamp(at, zone.plant, seconds=True)] if beside else []),
            format_value(value, places),
            quality_text(quality),
            NOTES.get(flags, ""),
            delay_text(received - at),
        ]
        for at, value, quality, flags, received in zip(*(column.tolist() for column in columns), strict=True)
    ]
    unit = f"Value, {view.sensor.unit}" if view.sensor.unit else "Value"
    times = [f"Time, {zone}", f"Plant time, {zone.plant}"] if beside else [f"Time, {zone}"]
    heads = [*times, unit, "Quality", "Note", "Arrived after"]
    table = DataTable(
        rows=rows, columns=heads, numbers=[len(times), len(times) + 3], caption=f"Readings of {view.sensor.name}", className="readings"
    )
    first = number * PAGE_ROWS + 1
    return html.Div(
        [
            html.Div(table, className="table-scroll", tabIndex="0", role="region", **{"aria-label": "Readings"}),
            html.P(f"{first:,} to {first + len(rows) - 1:,}, newest first", className="small muted"),
        ]
    )


def _fraction(time_us: int) -> str:
    """Milliseconds, where a reading has any."""
    ms = time_us // 1000 % 1000
    return f".{ms:03d}" if ms else ""


def quality_text(quality: int) -> str:
    """OPC's quality in a word, its code where it is not plainly good."""
    word = ("bad", "uncertain", "bad", "good")[quality >> 6 & 3]
    return word if quality in (0, 64, 192) else f"{word} ({quality})"


def delay_text(delay_us: int) -> str:
    """How long after its own time a reading came: `0.2 s`, `3 min`, `12 y`."""
    seconds = max(delay_us, 0) / 1e6
    if seconds < 60:
        return f"{seconds:.1f} s"
    for unit, length in (("y", 31_557_600), ("d", 86_400), ("h", 3600)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds / 60:,.0f} min"


def paging() -> Component:
    """Buttons that lead from page to page of the readings."""
    names = {"newest": "Newest", "newer": "Newer", "older": "Older"}
    buttons = [
        html.Button(name, id={"type": "device-page-to", "to": to}, type="button", className="control", disabled=True)
        for to, name in names.items()
    ]
    return html.Div(buttons, className="row", role="group", **{"aria-label": "Pages of readings"})


def configuration_card(device: DeviceEntry, sensor: SensorEntry, zone: str) -> Component:
    """What is set for the device and the chosen sensor."""
    return card("Configuration", html.Div(configuration_pairs(device, sensor, zone), id="device-configuration"))


def configuration_pairs(device: DeviceEntry, sensor: SensorEntry, zone: str) -> Component:
    """Names and values of the settings."""
    limits = texts.limits_text(sensor)
    alarm: Cell = {"text": f"{limits}, {sensor.severity}", "priority": sensor.severity} if limits != "none" else limits
    pairs: list[tuple[str, Cell]] = [
        ("Sensor", f"{sensor.name} ({sensor.key})"),
        ("Kind", KINDS[SensorKind(sensor.kind)]),
        ("Unit", sensor.unit or "none"),
        ("Period", f"{sensor.period_s:g} s"),
        ("Normal range", texts.normal_text(sensor, "") or "not set"),
        ("Alert limits", alarm),
        ("Device", device.key),
        ("Place", device.place or "not set"),
        ("Line", device.line or "not set"),
        ("Template", device.template),
        ("Status", device.status),
        ("Created", when(device.created_at_us, zone)),
    ]
    return DataTable(rows=pairs, caption=f"Settings of {device.key}, {sensor.name}", className="facts")


def states_legend() -> Component:
    """The states of a machine as the timeline draws them."""
    keys = [html.Li([html.I(html.I(className=f"tl-span {state}"), className="tl-key"), word]) for state, word in STATES]
    return html.Ul(keys, className="legend", **{"aria-label": "States"})


def _event_words(event: DeviceEvent) -> Any:
    """An alert leads to its page."""
    if event.alert_id is None:
        return f"Stopped: {event.words}"
    return html.A(event.words, href=f"/alerts/{event.alert_id}", **{"data-inside": "true"})


def _event_end(event: DeviceEvent, zone: str) -> str:
    if event.end_us is not None:
        return f"until {when(event.end_us, zone)}"
    return "still on, unanswered" if event.unanswered else "still on"


def events_card(found: list[DeviceEvent], zone: str) -> Component | None:
    """Alerts and stops, newest first; nothing where there are none."""
    if not found:
        return None
    rows = [
        html.Li(
            [
                html.Span(when(event.start_us, zone), className="muted"),
                html.Span(
                    [
                        html.B(
                            [
                                priority_mark(event.priority),
                                _event_words(event),
                            ]
                        ),
                        html.Span(
                            _event_end(event, zone),
                            className="muted",
                        ),
                    ]
                ),
            ]
        )
        for event in found
    ]
    return card("Alerts and stops", html.Ul(rows, className="journal events"))
