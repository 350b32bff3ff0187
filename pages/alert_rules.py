"""Rules `/alerts/rules`: what raises alerts; made, tried on what is stored, changed, switched, removed. Everyone reads, managers change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dash
from dash import ALL, ClientsideFunction, Input, Output, State, callback, clientside_callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import rules as actions
from dashapp.actions.actor import ActionError, Actor
from dashapp.domain.fleet import Role
from dashapp.domain.rule_settings import RuleSettings, RuleType
from dashapp.domain.rule_words import sentence
from dashapp.ui import forms, shell
from dashapp.ui.alarm_admin import rule_data as data
from dashapp.ui.alarm_admin import rule_parts as parts
from dashapp.ui.alarm_admin import trial_parts as trials
from dashapp.ui.alarm_admin.rule_data import PATH
from dashapp.ui.alarm_tabs import alarm_tabs
from dashapp.ui.components import card
from dashapp.ui.context import actor, services, visible_devices
from dashapp.ui.device.charts import GRAPH
from dashapp.ui.device.data import plant_reading
from dashapp.ui.figures.theme import blank
from dashapp.ui.notices import words
from dashapp.ui.notices.channel_list import link
from dashapp.ui.zones import viewer_zone
from db.queries import notices
from db.queries import rule_pages as queries
from db.queries.rules import RuleRow, one_rule, rule_versions, rules
from db.queries.series import series

dash.register_page(
    __name__, path=PATH, name="Rules", title="Alert rules" + shell.SUFFIX, order=23, nav=False, role=Role.VIEWER, within="/alerts",
    charts=True,
)  # fmt: skip
WIDTH = 1000


def layout(rule: str = "", **_query: Any) -> Component:
    """The list; `rule=new`, or the number of a rule, is its form with its history."""
    may_change = actor().role.includes(Role.MANAGER)
    with plant_reading() as connection:
        found, groups = rules(connection), queries.group_names(connection)
        alerts = queries.alerts_by_rule(connection, datetime.now(UTC) - timedelta(days=30))
        policies = {one.id: one.name for one in notices.policies(connection)}
    devices = visible_devices()
    if not rule:
        add = [html.Div(link("Make a rule", f"{PATH}?rule=new"), className="actions")] if may_change and found else []
        listed = card("Rules", parts.rules_table(found, devices, groups, alerts, policies)) if found else parts.no_rules(may_change)
        return html.Div([alarm_tabs(PATH), *add, listed], className="stack")
    chosen = next((one for one in found if str(one.id) == rule), None)
    if (chosen is None and rule != "new") or (rule == "new" and not may_change):
        gone = card("This rule is gone", html.P("Somebody has removed it, or it is not yours to make."), link("To the rules", PATH))
        return html.Div([alarm_tabs(PATH), gone], className="stack")
    shown: list[Component] = [alarm_tabs(PATH)]
    if may_change:
        shown += [parts.rule_form(chosen, devices, groups, policies), _trial_card(), dcc.Store(id="rule-editing", data=_id(chosen))]
        shown += [] if chosen is None else [_switches(chosen)]
    elif chosen is not None:
        shown.append(parts.facts_card(chosen, devices, groups))
    return html.Div([*shown, *([_history(chosen)] if chosen is not None else [])], className="stack")


def _id(rule: RuleRow | None) -> int | None:
    return None if rule is None else rule.id


def _trial_card() -> Component:
    graph = dcc.Graph(id="alarm-chart-trial", figure=blank(), config=GRAPH, className="chart")
    drawn = html.Div(graph, role="img", **{"aria-labelledby": "trial-title", "aria-describedby": "trial-summary"})
    inside = [
        html.Div(id="trial-summary", role="status"),
        html.H3(id="trial-title"),
        html.Div(drawn, className="chart-frame alarm-frame"),
        dcc.Store(id="alarm-source-trial"),
        html.Div(id="trial-alerts"),
    ]
    return html.Div(card("On stored readings", *inside), id="trial", hidden=True)


def _switches(rule: RuleRow) -> Component:
    said = "It is on." if rule.enabled else "It is off: nothing raises it."
    text = "Switch off" if rule.enabled else "Switch on"
    ask = [
        html.P(f"“{rule.name}” goes for good. The alerts that it raised stay in the history."),
        html.Div([forms.submit("Remove it", danger=True), forms.cancel("rule-keep", "Keep it")], className="actions"),
    ]
    return card(
        "On, off, gone",
        html.P(said, id="rule-said", role="status"),
        html.Div(
            [
                html.Button(text, id="rule-switch", type="button", className="btn", n_clicks=0),
                html.Button("Remove …", id="rule-remove", type="button", className="btn danger", n_clicks=0),
            ],
            className="actions",
        ),
        forms.dialog("rule-removal", "Remove a rule", forms.Form(ask, id="rule-removal-form", label="Remove a rule")),
    )


def _history(rule: RuleRow) -> Component:
    with plant_reading() as connection:
        versions = rule_versions(connection, rule.id)
        people = queries.person_names(connection, {one.by for one in versions})
    _, name, unit = parts.sensor_of(rule, visible_devices())
    zone = viewer_zone()
    return parts.versions_card(versions, people, unit, name, lambda at: words.moment(at, zone))


@callback(
    Output("rule-sentence", "children"),
    Output({"type": "rule-part", "part": ALL}, "hidden"),
    Input({"type": "rule-field", "name": ALL}, "value"),
    State({"type": "rule-field", "name": ALL}, "id"),
    State({"type": "rule-part", "part": ALL}, "id"),
)
def preview(values: list[Any], ids: list[dict[str, str]], shown: list[dict[str, str]]) -> Any:
    """The rule in a sentence while it is being filled in, and only the fields that its kind has."""
    said = {one["name"]: value for one, value in zip(ids, values, strict=True)}
    kind = RuleType(str(said.get("type") or RuleType.THRESHOLD))
    of_kind = {
        "limits": (RuleType.THRESHOLD, RuleType.TREND), "far-above": (RuleType.THRESHOLD,), "far-below": (RuleType.THRESHOLD,),
        "rate": (RuleType.RATE,), "deadband": (RuleType.THRESHOLD, RuleType.RATE), "trend": (RuleType.TREND,),
        "anomaly": (RuleType.ANOMALY,),
    }  # fmt: skip
    further = kind is RuleType.THRESHOLD and any(said.get(name) for name in ("high_high", "low_low"))
    hidden = [not further if one["part"] == "further" else kind not in of_kind[one["part"]] for one in shown]
    try:
        settings = data.settings_of(said)
    except (ActionError, ValueError):
        return "", hidden
    key = str(said.get("sensor") or "")
    sensor = next((device.sensors[key] for device in visible_devices() if key in device.sensors), None)
    return sentence(settings, sensor.name if sensor else key or "it", sensor.unit if sensor else ""), hidden


@callback(
    Output("rule-form", "errors"),
    Output("_pages_location", "href", allow_duplicate=True),
    Output("trial", "hidden"),
    Output("trial-summary", "children"),
    Output("trial-title", "children"),
    Output("alarm-source-trial", "data"),
    Output("trial-alerts", "children"),
    Input("rule-form", "submitted"),
    State("rule-editing", "data"),
    prevent_initial_call=True,
    running=forms.busy("rule-form"),
)
def send(submitted: dict[str, Any] | None, rule_id: int | None) -> Any:
    """Tries the rule on what is stored, or saves it and goes back to the list."""
    values, still = forms.sent(submitted), [no_update] * 5
    who, devices = actor(), visible_devices()
    try:
        before = _before(rule_id)
        draft = data.draft_of(values, devices, before.settings.escalate_after_s if before else RuleSettings().escalate_after_s)
        if submitted and submitted.get("button") == "try":
            return {}, no_update, *_tried(who, draft, before, values)
        if rule_id is None:
            actions.create_rule(services().database, who, draft)
        else:
            actions.change_rule(services().database, who, rule_id, draft)
    except ActionError as error:
        return forms.errors_of(error), no_update, *still
    return {}, PATH, *still


def _before(rule_id: int | None) -> RuleRow | None:
    if rule_id is None:
        return None
    with plant_reading() as connection:
        found = one_rule(connection, rule_id)
    if found is None:
        raise ActionError("rule", "somebody has removed this rule", status=404)
    return found


def _tried(who: Actor, draft: actions.RuleDraft, before: RuleRow | None, values: dict[str, Any]) -> tuple[Any, ...]:
    days = 30 if values.get("days") == "30" else 7
    trial = data.try_out(services(), who.tenant_id, visible_devices(), draft, before, days, with_imports=values.get("imports") is True)
    one, zone = trials.chosen(trial), viewer_zone()
    if one is None:
        return False, [html.P("No sensor that you may see is watched by it.")], "", None, []
    with plant_reading() as connection:
        points = series(connection, one.sensor.id, trial.start_us, trial.end_us, width=WIDTH)
    title = trials.chart_title(one, draft.settings)
    figure = trials.trial_chart(one, draft.settings, points, trial, zone)
    source = {"name": "trial", "title": title, "says": "", "figure": figure}
    return False, trials.summary(trial, days), title, source, trials.alerts_list(trial, zone)


@callback(
    Output("rule-said", "children"),
    Output("_pages_location", "href", allow_duplicate=True),
    Input("rule-switch", "n_clicks"),
    State("rule-editing", "data"),
    prevent_initial_call=True,
)
def switch(clicks: int, rule_id: int) -> Any:
    """Switches the rule on or off, and goes back to the list."""
    if not clicks:
        raise PreventUpdate
    try:
        rule = _before(rule_id)
        actions.enable_rule(services().database, actor(), rule_id, not (rule and rule.enabled))
    except ActionError as error:
        return f"{forms.sentence(error.reason)}.", no_update
    return no_update, PATH


@callback(
    Output("rule-removal", "is_open"),
    Input("rule-remove", "n_clicks"),
    Input("rule-keep", "n_clicks"),
    prevent_initial_call=True,
)
def ask_to_remove(_remove: int, _keep: int) -> bool:
    """Opens and closes the question."""
    if not ctx.triggered or not ctx.triggered[0]["value"]:
        raise PreventUpdate
    return bool(ctx.triggered_id == "rule-remove")


@callback(
    Output("rule-removal-form", "errors"),
    Output("_pages_location", "href", allow_duplicate=True),
    Input("rule-removal-form", "submitted"),
    State("rule-editing", "data"),
    prevent_initial_call=True,
    running=forms.busy("rule-removal-form"),
)
def remove(submitted: dict[str, Any] | None, rule_id: int) -> Any:
    """Removes the rule, and goes back to the list."""
    forms.sent(submitted)
    try:
        actions.remove_rule(services().database, actor(), rule_id)
    except ActionError as error:
        return forms.errors_of(error), no_update
    return {}, PATH


clientside_callback(
    ClientsideFunction("andon_alarms", "draw"), Output("alarm-chart-trial", "figure"), Input("alarm-source-trial", "data"), shell.THEME
)
