"""What a rule would have raised: in words, on a chart with the limit, as a list."""

from dataclasses import replace
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.domain.alarm_words import number
from dashapp.domain.backtest import ends
from dashapp.domain.notices import lasted
from dashapp.domain.rule_settings import RuleSettings, RuleType
from dashapp.ui.alarm_admin.rule_data import Trial, Tried
from dashapp.ui.alarm_admin.rule_parts import count_words
from dashapp.ui.components import empty_state
from dashapp.ui.device.view import when
from dashapp.ui.figures.history_chart import Span, history_chart
from dashapp.ui.figures.theme import Figure, token
from dashapp.ui.tables import DataTable
from db.queries.series import Series

MOST_LISTED = 20
MOST_DRAWN = 400


def chosen(trial: Trial) -> Tried | None:
    """The sensor that is drawn: the one with the most alerts."""
    return max(trial.tried, key=lambda one: (len(one.alerts), one.readings), default=None)


def summary(trial: Trial, days: int) -> list[Component]:
    """How many alerts, beside the rule as it is."""
    would = sum(len(one.alerts) for one in trial.tried)
    known = [one.before for one in trial.tried if one.before is not None]
    text = f"In the last {days} days it would have raised {count_words(would)}"
    if known:
        present = sum(len(one) for one in known)
        change = present - would
        versus = "as many as" if not change else f"{abs(change):,} {'fewer' if change > 0 else 'more'} than"
        text += f", {versus} the rule as it is ({present:,})"
    readings = sum(one.readings for one in trial.tried)
    sensors = len(trial.tried)
    of = "" if sensors == trial.sensors else f" of {trial.sensors:,}"
    notes = [f"{readings:,} readings of {sensors:,}{of} sensor{'' if trial.sensors == 1 else 's'}, in {trial.took_s:.1f} s."]
    if late := sum(one.late for one in trial.tried):
        notes.append(f"{late:,} came too late to be looked at, as they did then.")
    if imported := sum(one.imported for one in trial.tried):
        notes.append(f"{imported:,} were imported: rules look at them only when you ask for it here.")
    return [html.P(f"{text}.", className="trial-says"), html.P(" ".join(notes), className="small muted")]


def trial_chart(one: Tried, settings: RuleSettings, points: Series, trial: Trial, zone: str) -> Figure:
    """The sensor's history with the draft's limits, and a band for each alert."""
    limits = {}
    if settings.type is RuleType.THRESHOLD:
        high = settings.high if settings.high is not None else settings.high_high
        low = settings.low if settings.low is not None else settings.low_low
        limits = {"limit_high": high, "limit_low": low}
    sensor = replace(one.sensor, **{"limit_high": None, "limit_low": None, **limits}, severity=settings.severity.value)
    figure = history_chart(sensor, points, Span(trial.start_us, trial.end_us, zone))
    bands = [
        {
            "type": "rect", "x0": max(low, trial.start_us) / 1000, "x1": high / 1000, "yref": "paper", "y0": 0, "y1": 1, "layer": "below",
            "line": {"width": 1, "color": token(settings.severity.value, 0.5)}, "fillcolor": token(settings.severity.value, 0.2),
        }
        for low, high in list(ends(one.alerts, trial.end_us))[-MOST_DRAWN:]
    ]  # fmt: skip
    figure["layout"]["shapes"] = [*bands, *figure["layout"].get("shapes", [])]
    figure["layout"]["xaxis"]["fixedrange"] = True
    figure["layout"]["dragmode"] = False
    return figure


def alerts_list(trial: Trial, zone: str, unit: str = "") -> Component:
    """The last alerts that it would have raised, the newest first."""
    every = sorted(((one, alert) for one in trial.tried for alert in one.alerts), key=lambda pair: -pair[1].raised_us)
    if not every:
        return empty_state("No alerts", "It would have raised none in this time.")
    rows: Any = []
    for one, alert in every[:MOST_LISTED]:
        lasts = "still there" if alert.ended_us is None else lasted((alert.ended_us - alert.raised_us) / 1e6)
        place: Any = {"text": when(alert.raised_us, zone, seconds=True), "priority": alert.severity}
        rows.append([place, f"{one.device.key}, {one.sensor.name}", alert.limit.value.replace("_", " "), lasts])
    more = f"the last {MOST_LISTED} of {len(every):,}" if len(every) > MOST_LISTED else count_words(len(every))
    table = DataTable(columns=["Raised", "Where", "Limit", "For"], rows=rows, caption=f"Alerts: {more}", className="stacked")
    return html.Div(
        [html.H3(f"Alerts: {more}"), html.Div(table, className="scrolls", tabIndex="0", role="group", **{"aria-label": "Alerts"})]
    )


def chart_title(one: Tried, settings: RuleSettings) -> str:
    """`MX-01 Temperature, limit 90 °C`."""
    at = settings.high if settings.high is not None else settings.low
    limit = f", limit {number(at, one.sensor.unit)}" if settings.type is RuleType.THRESHOLD and at is not None else ""
    return f"{one.device.key} {one.sensor.name}{limit}"
