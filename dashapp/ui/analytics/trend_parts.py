"""What the page of trends is made of: the chosen sensors, what can be added, what happened."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from dash import html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.notices import lasted
from dashapp.ingest.catalogue import DeviceEntry
from dashapp.ui.analytics.addresses import TRENDS
from dashapp.ui.analytics.choice import MOST_SENSORS, Picked, text_of
from dashapp.ui.analytics.parts import options, sensor_options
from dashapp.ui.analytics.trend_data import COMPARISONS
from dashapp.ui.choices import ChoiceBar, ChoiceField, Option
from dashapp.ui.components import Icon, card, empty_state
from dashapp.ui.device.view import when
from dashapp.ui.tables import DataTable
from db.queries.devices import Happening

MOST_LISTED = 30


def chosen(picked: Sequence[Picked], query: Mapping[str, object]) -> Component:
    """The sensors that are shown, each with a way to leave it out; the last one stays."""
    kept = [(name, text_of(query.get(name))) for name in ("range", "from", "to", "compare") if text_of(query.get(name))]

    def one(each: Picked) -> Component:
        others = ",".join(other.ref for other in picked if other is not each)
        words = f"Leave out {each.name}"
        leave = html.A(
            Icon("close", size=14, label=words), href=joined(TRENDS, [("sensors", others), *kept]), title=words, **{"data-inside": "true"}
        )
        return html.Li([html.Span(each.name), leave] if others else [html.Span(each.name, className="alone")])

    return html.Ul([one(each) for each in picked], className="picked", **{"aria-label": "Sensors that are shown"})


def choices(picked: Sequence[Picked], devices: Sequence[DeviceEntry], compare: str) -> Component:
    """What can be added, and which earlier time is beside it."""
    held = ",".join(one.ref for one in picked)
    free: list[Option] = [{"value": "", "label": "Choose …"}, *sensor_options(devices, without=[one.ref for one in picked])]
    add: ChoiceField = {"name": "add", "label": "Add a sensor", "options": free, "adds": "sensors", "held": held}
    beside: ChoiceField = {"name": "compare", "label": "Beside it", "options": options(list(COMPARISONS.items())), "value": compare}
    room = len(picked) < MOST_SENSORS and len(free) > 1
    return ChoiceBar(id="trends-choices", fields=[add, beside] if room else [beside])


def happened_card(happened: Sequence[Happening], devices: Mapping[int, DeviceEntry], zone: str) -> Component:
    """Alerts and stops of the devices in this time."""
    if not happened:
        return card("Alerts and stops", empty_state("None in this time", "No alert and no stop of these devices reaches into it."))
    rows: Any = []
    for one in happened[:MOST_LISTED]:
        device = devices.get(one.device_id)
        key = device.key if device else ""
        begun: Any = {"text": when(one.start_us, zone), "priority": one.priority} if one.kind == "alert" else when(one.start_us, zone)
        lasts = "still there" if one.end_us is None else lasted((one.end_us - one.start_us) / 1e6)
        words: Any = {"text": one.words, "href": f"/alerts/{one.alert_id}"} if one.alert_id is not None else f"Stop: {one.words}"
        rows.append([begun, {"text": key, "href": f"/devices/{quote(key, safe='')}"}, words, lasts])
    table = DataTable(columns=["Begun", "Device", "What", "For"], rows=rows, caption="Alerts and stops", className="stacked")
    more = f"the last {MOST_LISTED} of {len(happened)}" if len(happened) > MOST_LISTED else f"{len(happened)}"
    scrolls = html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": "Alerts and stops"})
    return card("Alerts and stops", scrolls, aside=more)
