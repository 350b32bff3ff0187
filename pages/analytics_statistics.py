"""Statistics `/analytics/statistics`: every sensor of a device over the last hour and day, and when one reaches its limit."""

import time
from typing import Any
from urllib.parse import quote

import dash
from dash import html
from dash.development.base_component import Component

from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.analytics import statistics_data as data
from dashapp.ui.analytics.addresses import STATISTICS
from dashapp.ui.analytics.choice import device_of
from dashapp.ui.analytics.parts import device_options, nothing_yet, page
from dashapp.ui.choices import ChoiceBar
from dashapp.ui.components import card, empty_state, kpi
from dashapp.ui.context import visible_devices
from dashapp.ui.device.view import when
from dashapp.ui.parts import downloads
from dashapp.ui.tables import DataTable
from dashapp.ui.zones import viewer_zone

dash.register_page(
    __name__, path=STATISTICS, name="Statistics", title="Statistics" + shell.SUFFIX, order=37, nav=False, findable=True, role=Role.VIEWER,
    within="/analytics",
)  # fmt: skip


def layout(**query: Any) -> Component:
    """`device=MX-01`."""
    devices, zone = visible_devices(), viewer_zone()
    device = device_of(query, devices)
    if device is None:
        return nothing_yet(STATISTICS)
    now_us = time.time_ns() // 1000
    found = data.shown(device, now_us)
    choose = ChoiceBar(fields=[{"name": "device", "label": "Device", "options": device_options(devices), "value": device.key}])
    tiles = html.Div(
        [
            kpi("Readings", found.readings, note="of all sensors in 24 h"),
            kpi("Heard", 100 * found.heard / 1440, "%", note=f"of the minutes of 24 h: {found.heard:,} of 1,440", decimals=1),
            kpi("Alerts", found.alerts, note="begun in 24 h"),
            kpi("On their way to a limit", sum(one.reach is not None for one in found.ahead), note=f"of {len(found.ahead)} with limits"),
        ],
        className="kpis",
    )
    says = html.P(f"As of {when(now_us, zone)} ({zone}).", className="chart-says")
    tables = [_table(title, data.rows(found, number)) for number, (title, _) in enumerate(data.RANGES)]
    files = downloads(f"/devices/{quote(device.key, safe='')}/statistics", "range=24h", what="the statistics of 24 hours")
    top = card("Device", choose, says, aside=files)
    return page(STATISTICS, top, tiles, *tables, _ahead(found))


def _table(title: str, rows: list[list[str]]) -> Component:
    name = f"Statistics, {title.lower()}"
    table = DataTable(columns=data.COLUMNS, rows=rows, numbers=[1, 2, 3, 4, 5, 6], caption=name, className="stacked")
    return card(title, html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": name}))


def _ahead(found: data.Shown) -> Component:
    if not found.ahead:
        return card("Limits ahead", empty_state("No limits", "None of the device's sensors has an alert limit that it could reach."))
    rows: Any = [[one.sensor.name, data.ahead_text(one, found.now_us)] for one in found.ahead]
    table = DataTable(columns=["Sensor", "By the line of the last 8 hours"], rows=rows, caption="Limits ahead", className="stacked")
    return card("Limits ahead", table, aside="95 % interval in brackets")
