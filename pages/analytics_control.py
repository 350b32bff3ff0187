"""Control charts `/analytics/control`: whether a process is in control, which points break which rule, what it can do."""

from typing import Any

import dash
import numpy as np
from dash import html
from dash.development.base_component import Component

from dashapp.domain.addresses import joined
from dashapp.domain.fleet import Role
from dashapp.ui import shell
from dashapp.ui.analytics import control_data as data
from dashapp.ui.analytics.addresses import CONTROL
from dashapp.ui.analytics.choice import Picked, Time, one_of, text_of, time_of
from dashapp.ui.analytics.parts import chart, nothing_yet, options, page, png_button, range_bar, says_of, sensor_options, wire
from dashapp.ui.choices import ChoiceBar, ChoiceField
from dashapp.ui.components import card, empty_state, kpi
from dashapp.ui.context import visible_devices
from dashapp.ui.device.view import when
from dashapp.ui.figures.control_chart import SCATTER, scatter_chart, value_chart
from dashapp.ui.figures.history_chart import Span
from dashapp.ui.figures.value_axis import decimals_for
from dashapp.ui.parts import downloads
from dashapp.ui.tables import DataTable
from dashapp.ui.time_range import address_time
from dashapp.ui.zones import viewer_zone

dash.register_page(
    __name__, path=CONTROL, name="Control charts", title="Control charts" + shell.SUFFIX, order=38, nav=False, findable=True,
    role=Role.VIEWER, within="/analytics", charts=True,
)  # fmt: skip
wire("control", ["control-value", "control-scatter"])
MOST_LISTED = 15


def layout(**query: Any) -> Component:
    """`sensor=`, `chart=individuals|xbar-r|xbar-s`, `rules=nelson|western-electric`, `step=`, `group=`, `base=FROM,TO`, and a range."""
    devices, zone = visible_devices(), viewer_zone()
    picked = one_of(query, devices)
    if picked is None:
        return nothing_yet(CONTROL)
    time = time_of(query, [picked], zone)
    wanted = data.wanted_of(query, time)
    top = [_choices(picked, wanted), *range_bar("control", time)]
    try:
        found = data.shown(picked, time, wanted)
    except data.Unusable as error:
        return page(CONTROL, card("What and when", *top), card("Control chart", empty_state("No chart", str(error))))
    span = Span(time.start_us, time.end_us, zone)
    unit = picked.sensor.unit
    title, spread = f"{picked.name}, {'values' if found.chart.group == 1 else 'means'}", SCATTER[wanted.kind.value]
    says = says_of(time, f"{data.point_words(found)}, {len(found.chart.value):,} points; {_limits_of(found, zone)}")
    return page(
        CONTROL,
        card("What and when", *top, _base(found, time, query), html.P(says, className="chart-says")),
        _tiles(found, unit),
        _warning(found),
        card(
            title, chart("control-value", title, says, value_chart(found, span, unit), 300),
            aside=[downloads(CONTROL, _saved(query, picked, time), what="the points"), png_button("control-value", title)],
        ),
        card(
            f"{picked.name}, {spread}", chart("control-scatter", f"{picked.name}, {spread}", says, scatter_chart(found, span, unit), 190),
            aside=png_button("control-scatter", spread),
        ),
        html.Div([_points_card(found, picked, zone), _rules_card(found)], className="two"),
    )  # fmt: skip


def _choices(picked: Picked, wanted: data.Wanted) -> Component:
    fields: list[ChoiceField] = [
        {"name": "sensor", "label": "Sensor", "options": sensor_options(visible_devices(), kinds=["gauge"]), "value": picked.ref},
        {"name": "chart", "label": "Chart", "options": options([(kind.value, word) for kind, word in data.KINDS.items()]),
         "value": wanted.kind.value},
        {"name": "step", "label": "A value is", "options": options(list(data.STEPS.items())), "value": wanted.step},
        {"name": "group", "label": "In groups of", "options": options([(str(n), str(n)) for n in data.GROUPS]), "value": str(wanted.group)},
        {"name": "rules", "label": "Rules", "options": options(list(data.RULES.items())), "value": wanted.rules},
    ]  # fmt: skip
    shown = [field for field in fields if field["name"] != "group" or wanted.kind is not data.Kind.INDIVIDUALS]
    return ChoiceBar(id="control-choices", fields=shown)


def _limits_of(found: data.Shown, zone: str) -> str:
    base = found.wanted.base
    if base is None:
        return "limits are made of the time that is shown"
    return f"limits are frozen to {when(base[0], zone)} – {when(base[1], zone)}, {found.learned:,} values"


def _base(found: data.Shown, time: Time, query: dict[str, Any]) -> Component:
    """Freezes the limits, or lets them go."""
    kept = [(name, text_of(value)) for name, value in query.items() if name != "base" and text_of(value)]
    if found.wanted.base is not None:
        return html.A("Limits of the time that is shown", href=joined(CONTROL, kept), className="btn plain", **{"data-inside": "true"})
    held = [*kept, ("base", f"{address_time(time.start_us)},{address_time(time.end_us)}")]
    return html.A("Freeze these limits", href=joined(CONTROL, held), className="btn plain", **{"data-inside": "true"})


def _tiles(found: data.Shown, unit: str) -> Component:
    limits, able = found.chart.limits, found.capability
    decimals = decimals_for(limits.high - limits.low)
    specified = "beside the alert limits" if able.cp is not None else "needs two alert limits"
    return html.Div(
        [
            kpi("Break a rule", len(found.strange), note=f"of {len(found.chart.value):,} points"),
            kpi("Mean", found.mean, unit, note=f"limits {limits.low:,.{decimals}f} to {limits.high:,.{decimals}f}", decimals=decimals),
            kpi("Cp", able.cp, note=specified, decimals=2),
            kpi("Cpk", able.cpk, note="beside the nearer limit", decimals=2),
            kpi("Ppk", able.ppk, note=f"all scatter; Pp {'–' if able.pp is None else f'{able.pp:.2f}'}", decimals=2),
        ],
        className="kpis",
    )


def _warning(found: data.Shown) -> Component:
    text = (
        f"Neighbouring points resemble one another (correlation {found.correlation:.2f}), so these limits are too narrow and rules about"
        " runs say little. Let a value be a longer time."
    )
    return html.P(text, className="notice", hidden=found.correlation <= data.CORRELATED, role="status")


def _rules_card(found: data.Shown) -> Component:
    rows: Any = [[rule.key, rule.says, f"{int(found.broken[rule.key].sum()):,}"] for rule in found.rules]
    beyond = int(found.scattered.sum())
    rows.append(["Scatter", f"{SCATTER[found.wanted.kind.value]} above its limit", f"{beyond:,}"])
    caption = "Rules and how many points break them"
    table = DataTable(columns=["Rule", "Says", "Points"], rows=rows, numbers=[2], caption=caption, className="rules-broken")
    return card("Rules", table)


def _points_card(found: data.Shown, picked: Picked, zone: str) -> Component:
    strange = found.strange
    if not strange:
        return card("Points that break a rule", empty_state("None", "By these rules the process is in control in this time."))
    decimals = decimals_for(found.chart.limits.high - found.chart.limits.low)
    value: Any = np.round(found.chart.value, decimals)
    severe = {n: any(key.endswith(" 1") for key in found.keys_at(n)) for n in strange}
    rows: Any = [
        [
            {"text": when(int(found.time_us[n]), zone), "priority": "critical" if severe[n] else "medium"},
            f"{value[n]:,.{decimals}f} {picked.sensor.unit}".strip(),
            ", ".join(found.keys_at(n)),
        ]
        for n in strange[::-1][:MOST_LISTED]
    ]
    table = DataTable(columns=["Point", "Value", "Rules"], rows=rows, numbers=[1], caption="Points that break a rule", className="stacked")
    scrolls = html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": "Points that break a rule"})
    more = f"the last {MOST_LISTED} of {len(strange):,}" if len(strange) > MOST_LISTED else f"{len(strange):,}"
    return card("Points that break a rule", scrolls, aside=more)


def _saved(query: dict[str, Any], picked: Picked, time: Time) -> str:
    kept = [(name, text_of(query.get(name))) for name in ("chart", "rules", "step", "group", "base") if text_of(query.get(name))]
    ends = [("from", address_time(time.start_us)), ("to", address_time(time.end_us))]
    return joined("", [("sensor", picked.ref), *kept, *ends])[1:]
