"""Escalation policies as cards, and the form of one."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.actions.actor import ActionError
from dashapp.actions.policies import MOST_STEPS, Policy
from dashapp.domain.fleet import Role
from dashapp.domain.notices import lasted
from dashapp.ui import forms
from dashapp.ui.components import card, chip, empty_state
from dashapp.ui.forms import Field, Form
from dashapp.ui.notices import words
from dashapp.ui.notices.channel_list import link
from db.queries.notices import Policy as Stored
from db.queries.notices import Step, Target

PATH = "/alerts/policies"
STEPS_SHOWN = 5
USUAL_DELAYS_MIN = (0, 5, 15, 30, 60)


def policy_list(
    policies: Sequence[Stored], channels: Mapping[int, str], people: Mapping[int, str], rules: Mapping[int | None, int]
) -> list[Component]:
    """Every policy with its steps; `rules` is how many rules name it, under None those that name none."""
    if not policies:
        text = "A policy says who is told of an alert at once, and who next when nobody acknowledges it. Without one nobody is told."
        return [card("Policies", empty_state("No policies yet", text, link("Make a policy", f"{PATH}?policy=new", "btn solid")))]
    cards = [_policy(policy, channels, people, rules) for policy in policies]
    if not any(policy.is_default for policy in policies) and rules.get(None):
        number = rules[None]
        text = f"{number} rule{'' if number == 1 else 's'} name no policy, and none is the default: nobody is told of their alerts."
        cards.insert(0, html.P(text, className="notice high"))
    return cards


def _policy(policy: Stored, channels: Mapping[int, str], people: Mapping[int, str], rules: Mapping[int | None, int]) -> Component:
    steps = [
        html.Li([html.B(words.step_when(step)), ": ", ", ".join(words.step_to(step, channels, people)) or "nobody any more"])
        for step in policy.steps
    ]
    every = policy.reminder_every_s
    reminded = f"Reminded every {lasted(every)} until somebody acknowledges it." if every else "No reminders."
    chips = [chip("plain", "Default")] if policy.is_default else []
    remove = html.Button(
        "Remove …",
        id={"type": "policy-remove", "policy": policy.id},
        type="button",
        className="btn danger",
        n_clicks=0,
        **{"aria-label": f"Remove: {policy.name}"},
    )
    return card(
        policy.name,
        html.Ol(steps, className="policy-steps"),
        html.P(f"{reminded} {used_by(policy, rules)}", className="small muted"),
        aside=[*chips, link("Edit", f"{PATH}?policy={policy.id}"), remove],
        className="policy",
    )


def used_by(policy: Stored, rules: Mapping[int | None, int]) -> str:
    """How many rules go by a policy."""
    named, without = rules.get(policy.id, 0), rules.get(None, 0) if policy.is_default else 0
    parts = []
    if named:
        parts.append(f"{named} rule{'' if named == 1 else 's'}")
    if without:
        parts.append(f"{without} that name{'s' if without == 1 else ''} none")
    return f"For {' and '.join(parts)}." if parts else "No rule goes by it."


def policy_form(policy: Stored | None, channels: Sequence[Any], people: Sequence[Any], *, first: bool) -> Component:
    """The form; `first` is whether there is no policy yet, so this one becomes the default."""
    steps = list(policy.steps) if policy is not None else []
    shown = max(len(steps), 1)
    blocks = [_step(position, steps, channels, people, hidden=position >= shown) for position in range(max(STEPS_SHOWN, shown))]
    every = policy.reminder_every_s if policy is not None else None
    minutes = "" if every is None else f"{every / 60:g}"
    return Form(
        [
            card(
                "Policy",
                html.Div(
                    [
                        Field("name", "Name", value=policy.name if policy else "", required=True, max_length=200),
                        Field(
                            "is_default",
                            "For every rule that names no policy",
                            kind="check",
                            value=policy.is_default if policy is not None else first,
                            hint="One policy of the plant is.",
                        ),
                    ],
                    className="form",
                ),
            ),
            card(
                "Who is told, and when",
                html.Div(
                    [
                        *blocks,
                        html.Div(
                            html.Button("Add a step", id="policy-add", type="button", className="btn", n_clicks=0), className="actions"
                        ),
                    ],
                    className="form",
                ),
            ),
            card(
                "Until somebody acknowledges it",
                Field(
                    "reminder_min",
                    "Remind every",
                    kind="number",
                    unit="minutes",
                    value=minutes,
                    hint="Everyone who was to be told so far. Empty: no reminders.",
                    className="step-after",
                ),
            ),
            html.Div([forms.submit("Save"), link("Back", PATH, "btn plain")], className="actions"),
        ],
        id="policy-form",
        label="Escalation policy",
        className="stack",
    )


def _step(position: int, steps: Sequence[Step], channels: Sequence[Any], people: Sequence[Any], *, hidden: bool) -> Component:
    step = steps[position] if position < len(steps) else None
    chosen = set(step.targets) if step is not None else set()
    number = position + 1
    if step is not None:
        minutes = f"{step.after_s / 60:g}"
    else:
        minutes = str(USUAL_DELAYS_MIN[position] if position < len(USUAL_DELAYS_MIN) else 60 * (position - 3))
    when = (
        html.P("At once, when the alert is raised.", className="small muted")
        if position == 0
        else Field(
            f"step_{number}_after",
            "When nobody has acknowledged it after",
            kind="number",
            unit="minutes",
            value=minutes,
            className="step-after",
        )
    )
    by_channel = [_check(number, f"channel_{one.id}", one.name, Target(one.id, None, None) in chosen) for one in channels]
    by_role = [_check(number, f"role_{role}", words.ROLES[role], Target(None, None, role) in chosen) for role in Role]
    by_person = [_check(number, f"person_{one.id}", one.name, Target(None, one.id, None) in chosen) for one in people]
    named = any(target.user_id is not None for target in chosen)
    return html.Fieldset(
        [
            html.Legend(f"Step {number}"),
            when,
            _group("Channels", by_channel)
            if by_channel
            else html.P(["No channels yet. ", link("Add one", "/alerts/channels", "")], className="small"),
            _group("Everyone with the role", by_role),
            html.Details([html.Summary("People"), _group("", by_person)], open=named),
        ],
        className="step",
        id={"type": "policy-step", "step": position},
        hidden=hidden,
    )


def _group(name: str, checks: list[Component]) -> Component:
    return html.Div([*([html.Div(name, className="label")] if name else []), html.Div(checks, className="row checks")])


def _check(number: int, name: str, label: str, value: bool) -> Component:
    return Field(f"step_{number}_{name}", label, kind="check", value=value)


def policy_of(values: Mapping[str, Any], channels: Sequence[Any], people: Sequence[Any]) -> Policy:
    """What the form says. Steps at the end that name nobody are left out. Raises ActionError."""
    steps: list[Step] = []
    for position in range(MOST_STEPS):
        number = position + 1
        targets = [Target(one.id, None, None) for one in channels if values.get(f"step_{number}_channel_{one.id}") is True]
        targets += [Target(None, None, role) for role in Role if values.get(f"step_{number}_role_{role}") is True]
        targets += [Target(None, one.id, None) for one in people if values.get(f"step_{number}_person_{one.id}") is True]
        after = forms.number(values, f"step_{number}_after") or 0
        steps.append(Step(position, round(after * 60), tuple(targets)))
    while len(steps) > 1 and not steps[-1].targets:
        steps.pop()
    every = forms.number(values, "reminder_min")
    return Policy(
        str(values.get("name") or "").strip(),
        steps,
        None if every is None else round(every * 60),
        is_default=values.get("is_default") is True,
    )


def errors_of(error: ActionError) -> dict[str, str]:
    """What the form says: beside the field, or with the number of the step."""
    said = forms.errors_of(error)
    if error.field.endswith("_to"):
        return {error.field: f"Step {error.field.split('_')[1]}: {error.reason}."}
    return said
