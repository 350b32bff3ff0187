"""Trends `/analytics`: several sensors on one time, with an earlier time beside them, and with what happened."""

from typing import Any

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.analytics import trend_data as data
from dashapp.ui.analytics import trend_parts as trends
from dashapp.ui.analytics.addresses import TRENDS
from dashapp.ui.analytics.choice import picked_of, text_of, time_of
from dashapp.ui.analytics.parts import chart, nothing_yet, page, png_button, range_bar, says_of, wire
from dashapp.ui.components import card
from dashapp.ui.context import visible_devices
from dashapp.ui.parts import downloads
from dashapp.ui.time_range import address_time
from dashapp.ui.zones import viewer_zone

dash.register_page(
    __name__, path=TRENDS, name="Analytics", title="Trends" + shell.SUFFIX, section="", order=35, nav=True, shortcut="t",
    role=Role.VIEWER, charts=True, help="analytics",
)  # fmt: skip
wire("trends", ["trends"])


def layout(**query: Any) -> Component:
    """`sensors=MX-01:temperature,…`, a range, `compare=before|1d|7d|28d`."""
    devices, zone = visible_devices(), viewer_zone()
    picked, note = picked_of(query, devices)
    if not picked:
        return nothing_yet(TRENDS)
    compare = text_of(query.get("compare"))
    time = time_of(query, picked, zone)
    found = data.shown(picked, time, compare)
    title = ", ".join(one.name for one in picked)
    ends = [("from", address_time(time.start_us)), ("to", address_time(time.end_us))]
    saved = joined("", [("sensors", ",".join(one.ref for one in picked)), *ends])[1:]
    says = says_of(time, found.says)
    return page(
        TRENDS,
        card(
            "Trends",
            trends.chosen(picked, query),
            trends.choices(picked, devices, compare),
            *range_bar("trends", time),
            html.P(note, className="notice", hidden=not note, role="status"),
            html.P(says, className="chart-says", id="trends-says"),
            chart("trends", title, says, found.figure, found.figure["layout"]["meta"]["height"]),
            aside=[downloads("/analytics/readings", saved, what="the readings"), png_button("trends", "Trends")],
        ),
        trends.happened_card(found.happened, {device.id: device for device in devices}, zone),
    )
