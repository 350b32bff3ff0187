"""Escalation policies `/alerts/policies`: who is told of an alert, who next when nobody acknowledges it, how often again."""

from typing import Any

import dash
from dash import ALL, Input, Output, State, callback, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from dashapp.actions import policies as actions
from dashapp.actions.actor import ActionError
from dashapp.domain.fleet import Role
from dashapp.ui import forms, shell
from dashapp.ui.alarm_tabs import alarm_tabs
from dashapp.ui.components import card
from dashapp.ui.context import actor, services
from dashapp.ui.device.data import plant_reading
from dashapp.ui.forms import dialog
from dashapp.ui.notices import policy_parts as parts
from dashapp.ui.notices.channel_list import link
from dashapp.ui.notices.policy_parts import PATH
from db.queries import notices as queries

dash.register_page(
    __name__,
    path=PATH,
    name="Policies",
    title="Escalation policies" + shell.SUFFIX,
    order=27,
    nav=False,
    role=Role.MANAGER,
    within="/alerts",
)


def layout(policy: str = "", **_query: Any) -> Component:
    """The list; `policy=new`, or the number of a policy, is its form."""
    with plant_reading() as connection:
        found, channels, people = queries.policies(connection), queries.plain_channels(connection), queries.people(connection)
    if policy:
        chosen = next((one for one in found if str(one.id) == policy), None)
        if chosen is None and policy != "new":
            gone = card("This policy is gone", html.P("Somebody has removed it."), link("To the policies", PATH))
            return html.Div([alarm_tabs(PATH), gone], className="stack")
        return html.Div(
            [
                alarm_tabs(PATH),
                parts.policy_form(chosen, channels, people, first=not found),
                dcc.Store(id="policy-editing", data=None if chosen is None else chosen.id),
            ],
            className="stack form-page",
        )
    add = [html.Div(link("Make a policy", f"{PATH}?policy=new"), className="actions")] if found else []
    return html.Div(
        [
            alarm_tabs(PATH),
            html.P(id="policies-said", role="status", className="form-message"),
            *add,
            html.Div(_cards(), id="policies", className="policies"),
            dialog("policies-removal", "Remove a policy", html.Div(id="policies-removal-body")),
        ],
        className="stack form-page",
    )


def _cards() -> list[Component]:
    with plant_reading() as connection:
        found, rules = queries.policies(connection), queries.rules_by_policy(connection)
        channels = {one.id: one.name for one in queries.plain_channels(connection)}
        people = {one.id: one.name for one in queries.people(connection)}
    return parts.policy_list(found, channels, people, rules)


@callback(
    Output({"type": "policy-step", "step": ALL}, "hidden"),
    Output("policy-add", "hidden"),
    Input("policy-add", "n_clicks"),
    State({"type": "policy-step", "step": ALL}, "hidden"),
    prevent_initial_call=True,
)
def add_step(_clicks: int, hidden: list[bool]) -> Any:
    """Shows one step more."""
    shown = [False] * min(hidden.count(False) + 1, len(hidden))
    return shown + [True] * (len(hidden) - len(shown)), len(shown) == len(hidden)


@callback(
    Output("policy-form", "errors"),
    Output("_pages_location", "href", allow_duplicate=True),
    Input("policy-form", "submitted"),
    State("policy-editing", "data"),
    prevent_initial_call=True,
    running=forms.busy("policy-form"),
)
def save_policy(submitted: dict[str, Any] | None, policy_id: int | None) -> Any:
    """Saves, and goes back to the list."""
    if not submitted:  # the form has just come onto the page
        raise PreventUpdate
    database = services().database
    with plant_reading() as connection:
        channels, people = queries.plain_channels(connection), queries.people(connection)
    try:
        wanted = parts.policy_of(submitted["values"], channels, people)
        if policy_id is None:
            actions.create_policy(database, actor(), wanted)
        else:
            actions.change_policy(database, actor(), policy_id, wanted)
    except ActionError as error:
        return parts.errors_of(error), no_update
    return {}, PATH


@callback(
    Output("policies-removal", "is_open"),
    Output("policies-removal-body", "children"),
    Input({"type": "policy-remove", "policy": ALL}, "n_clicks"),
    prevent_initial_call=True,
)
def ask_to_remove(_clicks: list[int]) -> Any:
    """The question, with what would follow."""
    if not ctx.triggered or not ctx.triggered[0]["value"] or not isinstance(ctx.triggered_id, dict):
        raise PreventUpdate
    with plant_reading() as connection:
        found, rules = queries.policies(connection), queries.rules_by_policy(connection)
    policy = next((one for one in found if one.id == ctx.triggered_id["policy"]), None)
    if policy is None:
        raise PreventUpdate
    number = rules.get(policy.id, 0)
    lost = f" {number} rule{'' if number == 1 else 's'} will go by the default policy." if number else ""
    lost += " It is the default: alerts of rules that name no policy are told to nobody then." if policy.is_default else ""
    return True, forms.Form(
        [
            html.P(f"“{policy.name}” goes.{lost}"),
            forms.Field("policy", "Policy", kind="hidden", value=str(policy.id)),
            html.Div([forms.submit("Remove it", danger=True), forms.cancel("policies-removal-cancel", "Keep it")], className="actions"),
        ],
        id="policies-removal-form",
        label="Remove a policy",
    )


@callback(
    Output("policies-removal", "is_open", allow_duplicate=True), Input("policies-removal-cancel", "n_clicks"), prevent_initial_call=True
)
def keep_policy(clicks: int) -> bool:
    """Closes the question."""
    if not clicks:
        raise PreventUpdate
    return False


@callback(
    Output("policies-removal", "is_open", allow_duplicate=True),
    Output("policies-removal-form", "errors"),
    Output("policies-said", "children"),
    Output("policies", "children"),
    Input("policies-removal-form", "submitted"),
    prevent_initial_call=True,
    running=forms.busy("policies-removal-form"),
)
def remove_policy(submitted: dict[str, Any] | None) -> Any:
    """Removes it."""
    if not submitted:
        raise PreventUpdate
    try:
        actions.remove_policy(services().database, actor(), int(submitted["values"]["policy"]))
    except ActionError as error:
        return no_update, forms.errors_of(error), no_update, no_update
    return False, {}, "The policy is removed.", _cards()
