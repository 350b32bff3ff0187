"""The channels with how they do, and the log of what was sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.notices.services import KINDS
from dashapp.ui.components import card, chip, empty_state
from dashapp.ui.forms import Field
from dashapp.ui.notices import words
from dashapp.ui.tables import DataTable
from db.queries.notices import Policy

PATH = "/alerts/channels"
PAGE = 50
STATES = {
    "": ("Everything", None),
    "failed": ("Failed", ("failed",)),
    "waiting": ("Waiting", ("queued", "sending")),
    "sent": ("Sent", ("sent", "digested")),
}


def link(text: Any, href: str, look: str = "btn") -> Component:
    """A link that stays inside the application."""
    return html.A(text, href=href, className=look, **{"data-inside": "true"})


def advice(channels: Sequence[dict[str, Any]], policies: Sequence[Policy]) -> Component | None:
    """What is missing until somebody is told."""
    told = {target.channel_id for policy in policies for step in policy.steps for target in step.targets}
    if channels and not any(channel["id"] in told for channel in channels) and not words.needs_mail(policies):
        text = "Nobody is told yet: no escalation policy sends to these channels. "
        return html.P([text, link("To the policies", "/alerts/policies", "")], className="notice high")
    if words.needs_mail(policies) and not any(channel["for_people"] and channel["enabled"] for channel in channels):
        text = "A policy names people or roles, and no e-mail channel that is on writes to people: they are not told. Mark one of them."
        return html.P(text, className="notice high")
    return None


def channel_list(channels: Sequence[dict[str, Any]], policies: Sequence[Policy], now: datetime, zone: str) -> list[Component]:
    """Advice where something is missing, and the channels."""
    if not channels:
        text = "A channel is a way by which Andon tells of alerts: e-mail, a chat, a text message, a call, a web address."
        return [empty_state("No channels yet", text, link("Add a channel", f"{PATH}?channel=new", "btn solid"))]
    rows = html.Ul([_row(channel, now, zone) for channel in channels], className="channels")
    said = advice(channels, policies)
    return [rows] if said is None else [said, rows]


def _row(channel: dict[str, Any], now: datetime, zone: str) -> Component:
    priority, word, sentence = words.channel_state(channel, now, zone)
    chips = [chip(priority or "plain", word), chip("plain", KINDS[channel["kind"]][0])]
    if channel["for_people"]:
        chips.append(chip("plain", "Writes to people"))
    used = ", ".join(channel["policies"] or [])
    return html.Li(
        [
            html.Div(
                [
                    html.Div([html.H3(channel["name"]), *chips], className="row"),
                    html.P(sentence, className="small" if priority else "small muted"),
                    html.P(words.channel_goes(channel), className="small muted"),
                    html.P(
                        f"{words.channel_hears(channel)}. {f'Used by {used}.' if used else 'No policy names it.'}", className="small muted"
                    ),
                ],
                className="channel-words",
            ),
            html.Div(
                [
                    _button(channel, "test", "Send a test"),
                    link("Edit", f"{PATH}?channel={channel['id']}"),
                    _button(channel, "switch", "Switch off" if channel["enabled"] else "Switch on"),
                    _button(channel, "remove", "Remove …", "btn danger"),
                ],
                className="channel-actions",
            ),
        ],
        className="channel" if channel["enabled"] else "channel off",
    )


def _button(channel: dict[str, Any], what: str, text: str, look: str = "btn") -> Component:
    label = f"{text.rstrip(' …')}: {channel['name']}"
    return html.Button(
        text,
        id={"type": "channel-do", "what": what, "channel": channel["id"]},
        type="button",
        className=look,
        n_clicks=0,
        **{"aria-label": label},
    )


def delivery_table(rows: Sequence[Any], zone: str) -> Component:
    """The log as a table, newest first."""
    if not rows:
        return empty_state("Nothing here", "What is sent by a channel is listed here, with what became of it.")
    return DataTable(
        columns=["When", "Notice", "To", "What became of it"],
        rows=[
            [
                words.moment(row.created_at, zone),
                {"text": f"{words.KINDS[row.what]}: {words.notice_title(row)}", "priority": row.severity}
                if row.what not in ("test", "digest", "ended", "acknowledged", "report")
                else f"{words.KINDS[row.what]}: {words.notice_title(row)}",
                words.notice_to(row),
                words.notice_state(row, zone),
            ]
            for row in rows
        ],
        caption="Notices, the newest first",
        className="log",
    )


def log_card(channels: Sequence[dict[str, Any]], table: Component, *, more: bool) -> Component:
    """The log with what it is narrowed to."""
    names = [{"value": "", "label": "Every channel"}, *({"value": str(one["id"]), "label": one["name"]} for one in channels)]
    states = [{"value": value, "label": label} for value, (label, _) in STATES.items()]
    filters = html.Div(
        [_select("channels-log-channel", "Channel", names, ""), _select("channels-log-state", "What became of it", states, "")],
        className="row",
    )
    older = html.Button("Older", id="channels-log-more", type="button", className="btn", n_clicks=0, hidden=not more)
    return card(
        "Delivery log",
        html.Div(table, id="channels-log", className="scrolls", tabIndex="0", role="group", **{"aria-label": "Delivery log"}),
        html.Div(older, className="actions"),
        aside=filters,
        className="log-card",
    )


def _select(id: str, label: str, options: Any, value: str) -> Component:
    return Field(id, label, id=id, kind="select", options=options, value=value, required=True)
