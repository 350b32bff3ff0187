"""Anomalies `/analytics/anomalies`: how unlike before a device behaves, since when, and which of its sensors say so."""

from typing import Any

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.fleet import Role
from dashapp.domain.notices import lasted
from dashapp.ui import shell
from dashapp.ui.analytics import anomaly_data as data
from dashapp.ui.analytics.addresses import ANOMALIES
from dashapp.ui.analytics.choice import Picked, Time, device_of, time_of, trends_of
from dashapp.ui.analytics.parts import chart, device_options, nothing_yet, options, page, png_button, range_bar, says_of, wire
from dashapp.ui.choices import ChoiceBar, ChoiceField
from dashapp.ui.components import card, empty_state
from dashapp.ui.context import visible_devices
from dashapp.ui.device.view import when
from dashapp.ui.figures.anomaly_chart import parts_chart, parts_height, score_chart
from dashapp.ui.figures.history_chart import Span, step_text
from dashapp.ui.parts import downloads
from dashapp.ui.tables import DataTable
from dashapp.ui.time_range import address_time
from dashapp.ui.zones import viewer_zone

dash.register_page(
    __name__, path=ANOMALIES, name="Anomalies", title="Anomalies" + shell.SUFFIX, order=39, nav=False, findable=True, role=Role.VIEWER,
    within="/analytics", charts=True,
)  # fmt: skip
wire("anomalies", ["anomaly-score", "anomaly-parts"])
MOST_LISTED = 30
AROUND = 20  # steps of the time before and behind an alarm that its link shows


def layout(**query: Any) -> Component:
    """`device=`, `sensor=` (none: all together), `learn=24` hours, `sensitivity=`, and a range."""
    devices, zone = visible_devices(), viewer_zone()
    device = device_of(query, devices)
    if device is None:
        return nothing_yet(ANOMALIES)
    wanted = data.wanted_of(query, device)
    looked_at = [Picked(device, sensor) for sensor in wanted.sensors or device.sensors.values()]
    time = time_of(query, looked_at, zone)
    top = [_choices(wanted), *range_bar("anomalies", time)]
    try:
        found = data.shown(wanted, time)
    except data.Unusable as error:
        return page(ANOMALIES, card("What and when", *top), card("Anomalies", empty_state("Nothing can be said", str(error))))
    span = Span(time.start_us, time.end_us, zone)
    learned = f"{when(found.learned_us[0], zone)} – {when(found.learned_us[1], zone)}"
    says = says_of(time, f"means of {step_text(found.step_us)}; learned from {learned}")
    title = f"{device.key}, {'all sensors together' if not wanted.sensor else wanted.sensors[0].name}"
    several = len(wanted.sensors) > 1
    parts = card(
        "What each sensor adds", chart("anomaly-parts", f"{title}, by sensor", says, parts_chart(found, span), parts_height(found)),
        aside=png_button("anomaly-parts", f"{title}, by sensor"),
    )  # fmt: skip
    return page(
        ANOMALIES,
        card("What and when", *top, html.P(says, className="chart-says")),
        card(
            f"{title}: how unlike before",
            html.P("1 is the limit: above it the alarm begins, at 0.4 it ends. The scale ends at 10.", className="chart-says"),
            chart("anomaly-score", f"{title}, score", says, score_chart(found, span), 240),
            aside=[downloads(ANOMALIES, _saved(found, time), what="the scores"), png_button("anomaly-score", f"{title}, score")],
        ),
        *([parts] if several else []),
        _alarms(found, looked_at, zone),
    )


def _choices(wanted: data.Wanted) -> Component:
    levels = [sensor for sensor in wanted.device.sensors.values() if sensor.kind == "gauge"]
    fields: list[ChoiceField] = [
        {"name": "device", "label": "Device", "options": device_options(visible_devices()), "value": wanted.device.key},
        {"name": "sensor", "label": "Sensor", "value": wanted.sensor,
         "options": options([("", "All together"), *((sensor.key, sensor.name) for sensor in levels)])},
        {"name": "learn", "label": "Learned from", "options": options([(hours, f"{word} before") for hours, word in data.LEARNED.items()]),
         "value": str(wanted.learn_h)},
        {"name": "sensitivity", "label": "Sensitivity", "options": options(list(data.SENSITIVITY.items())), "value": wanted.sensitivity},
    ]  # fmt: skip
    return ChoiceBar(id="anomalies-choices", fields=fields)


def _alarms(found: data.Shown, looked_at: list[Picked], zone: str) -> Component:
    if not found.alarms:
        return card("Alarms", empty_state("None", "In this time it behaved as it was learned."))
    rows: Any = []
    for one in found.alarms[::-1][:MOST_LISTED]:
        first, last = int(found.time_us[one.first]), int(found.time_us[one.last])
        around = AROUND * found.step_us
        ends = f"from={address_time(first - around)}&to={address_time(last + around)}"
        begun: Any = {"text": when(first, zone), "href": trends_of(looked_at[:8], ends)}
        length = lasted((last - first + found.step_us) / 1e6)
        rows.append([begun, length, f"{one.peak:,.1f}", data.who_words(one, found.wanted.sensors)])
    table = DataTable(columns=["Begun", "For", "Highest", "Most of it"], rows=rows, numbers=[2], caption="Alarms", className="stacked")
    more = f"the last {MOST_LISTED} of {len(found.alarms)}" if len(found.alarms) > MOST_LISTED else f"{len(found.alarms)}"
    scrolls = html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": "Alarms"})
    note = html.P("The time of an alarm leads to the readings around it.", className="small muted")
    rule = html.A("Make a rule of it", href="/alerts/rules?rule=new", **{"data-inside": "true"})
    return card("Alarms", scrolls, html.Div([note, rule], className="row"), aside=more)


def _saved(found: data.Shown, time: Time) -> str:
    wanted = found.wanted
    ends = [("from", address_time(time.start_us)), ("to", address_time(time.end_us))]
    chosen = [("device", wanted.device.key), ("sensor", wanted.sensor), ("learn", str(wanted.learn_h)), ("sensitivity", wanted.sensitivity)]
    return joined("", [pair for pair in chosen if pair[1]] + ends)[1:]
