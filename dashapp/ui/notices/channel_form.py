"""The form of a channel: where it goes, what it hears, what it says."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.actions.actor import ActionError
from dashapp.actions.channels import Channel
from dashapp.domain.notices import DEFAULTS, NAMES, SHORT
from dashapp.notices.sender import PORTS
from dashapp.notices.services import KINDS, services_of
from dashapp.ui import forms
from dashapp.ui.components import card
from dashapp.ui.forms import Field, Form
from dashapp.ui.notices import words
from dashapp.ui.notices.channel_list import PATH, link

SECURITY = {
    "starttls": ("STARTTLS, port 587", "What most providers want."),
    "tls": ("TLS, port 465", "Encrypted from the first byte."),
    "none": ("None, port 25", "For a relay inside of the plant."),
}
TEXTS = ("raised", "escalated", "reminder", "ended", "acknowledged", "test")


def kind_choice() -> Component:
    """What to add: one link for each kind."""
    links = [
        html.Li(link([html.B(name), html.Span(note, className="small muted")], f"{PATH}?channel=new&kind={kind}", "radio-card"))
        for kind, (name, note) in KINDS.items()
    ]
    return card(
        "Add a channel", html.P("How should it reach people?", className="muted"), html.Ul(links, className="radio-cards plain-list")
    )


def channel_form(kind: str, channel: Mapping[str, Any] | None, said: Component | None = None) -> Component:
    """The form for a new channel of a kind, or for one that there is (a row of `db.queries.notices.channels`)."""
    name, note = KINDS[kind]
    stored = channel or {}
    where = _email(stored) if kind == "email" else _webhook(stored) if kind == "webhook" else _service(kind, stored)
    own = Field("name", "Name", value=stored.get("name", ""), required=True, max_length=200, hint="What policies and the log call it.")
    return Form(
        [
            card(f"{name}: where it goes", html.P(note, className="muted"), html.Div([own, *where], className="form")),
            card("What it hears", _hears(stored)),
            card("What it says", _says(kind, stored)),
            *([] if said is None else [said]),
            html.Div(
                [
                    forms.submit("Save"),
                    forms.submit("Save and send a test", value="test", quiet=True),
                    link("Back", PATH, "btn plain"),
                ],
                className="actions",
            ),
        ],
        id="channel-form",
        label=f"Channel, {name}",
        className="stack",
    )


def _email(stored: Mapping[str, Any]) -> list[Component]:
    settings = stored.get("settings", {})
    security = [{"value": value, "label": label, "note": note} for value, (label, note) in SECURITY.items()]
    keep = "Leave it empty to keep the stored one." if settings.get("user") else None
    port = settings.get("port")
    return [
        html.Div(
            [
                Field("host", "Mail server", value=settings.get("host", ""), required=True, placeholder="smtp.example.com", code=True),
                Field(
                    "port",
                    "Port",
                    kind="number",
                    value="" if port in (None, PORTS.get(settings.get("security", ""))) else str(port),
                    hint="Empty: the usual one.",
                ),
            ],
            className="fields",
        ),
        Field("security", "Security", kind="radio", options=security, value=settings.get("security", "starttls")),
        html.Div(
            [
                Field("user", "User", value=settings.get("user", ""), complete="off", code=True),
                Field("password", "Password", kind="password", hint=keep, complete="new-password"),
            ],
            className="fields",
        ),
        Field("sender", "Sender", value=settings.get("sender", ""), required=True, placeholder="Andon <andon@example.com>"),
        Field(
            "recipients",
            "Recipients",
            kind="textarea",
            value="\n".join(settings.get("recipients", [])),
            placeholder="shift@example.com",
            hint="One address a line. Each gets a mail of their own.",
        ),
        Field(
            "for_people",
            "Also writes to people whom a policy names, or by their role",
            kind="check",
            value=bool(stored.get("for_people")),
            hint="To the e-mail address of their account. One channel of the plant does.",
        ),
        _verify(settings),
    ]


def _webhook(stored: Mapping[str, Any]) -> list[Component]:
    keep = f"Stored: {stored['hint']}. Leave it empty to keep it." if stored else "It gets a POST of JSON."
    kept = "Leave both empty to keep what is stored." if stored else "Where the address asks for one. It is not shown again."
    return [
        Field("address", "Web address", hint=keep, required=not stored, placeholder="https://example.com/hooks/andon", code=True),
        Field("header", "Header", hint=kept, placeholder="Authorization: Bearer …", code=True),
        _verify(stored.get("settings", {})),
    ]


def _service(kind: str, stored: Mapping[str, Any]) -> list[Component]:
    keep = f"Stored: {stored['hint']}. Leave it empty to keep it." if stored else "As in the examples. It is not shown again once saved."
    rows = [html.Tr([html.Th(one.name, scope="row"), html.Td(html.Code(one.example))]) for one in services_of(kind)]
    examples = html.Details(
        [
            html.Summary("Services and examples"),
            html.Div(html.Table(html.Tbody(rows), className="table examples"), className="scrolls", tabIndex="0"),
        ],
        open=not stored,
    )
    first = services_of(kind)[0].example
    return [
        Field("address", "Address of the service", hint=keep, required=not stored, placeholder=first, complete="off", code=True),
        examples,
    ]


def _verify(settings: Mapping[str, Any]) -> Component:
    hint = "Without it somebody in between could read along."
    return Field("verify", "Check the server's certificate", kind="check", value=settings.get("verify", True), hint=hint)


def _hears(stored: Mapping[str, Any]) -> Component:
    events = stored.get("events", ["raised", "escalated", "reminder", "ended"])
    checks = [Field(f"event_{one}", label, kind="check", value=one in events) for one, label in words.EVENTS.items()]
    least = [{"value": value, "label": label[:1].upper() + label[1:]} for value, label in words.LEAST.items()]
    seconds = stored.get("rate_s", 600)
    spans = [{"value": str(value), "label": label} for value, label in {**words.SPANS, seconds: words.span(seconds)}.items()]
    return html.Div(
        [
            html.Fieldset([html.Legend("Kinds"), html.Div(checks, className="row checks")], className="field radios"),
            html.Div(
                [
                    Field(
                        "least_severity",
                        "Priorities",
                        kind="select",
                        options=least,
                        value=stored.get("least_severity", "low"),
                        required=True,
                    ),
                    Field(
                        "rate_messages",
                        "At most",
                        kind="number",
                        unit="messages",
                        value=str(stored.get("rate_messages", 20)),
                        required=True,
                        hint="What is more waits and comes together.",
                    ),
                    Field("rate_s", "in", kind="select", options=spans, value=str(seconds), required=True),
                ],
                className="fields",
            ),
        ],
        className="form",
    )


def _says(kind: str, stored: Mapping[str, Any]) -> Component:
    templates = stored.get("templates", {})
    blocks = []
    for what in TEXTS:
        title, body = DEFAULTS[what]
        own = templates.get(what, {})
        blocks.append(
            html.Details(
                [
                    html.Summary(words.KINDS[what] + (", own text" if own else "")),
                    Field(f"{what}_title", "Title", value=own.get("title", ""), placeholder=title, code=True),
                    Field(
                        f"{what}_body",
                        "Text",
                        kind="textarea",
                        value=own.get("body", ""),
                        code=True,
                        placeholder=SHORT if kind in ("sms", "phone") else body,
                    ),
                ],
                open=bool(own),
                className="text",
            )
        )
    names = [html.Tr([html.Th(html.Code(f"${name}"), scope="row"), html.Td(note)]) for name, note in NAMES.items()]
    return html.Div(
        [
            html.P(
                "What is left empty is the text that is shown in grey. A line all of whose names are empty is left out.", className="muted"
            ),
            *blocks,
            html.Details([html.Summary("Names that may be used"), html.Table(html.Tbody(names), className="table names")]),
        ],
        className="form",
    )


def channel_of(kind: str, values: Mapping[str, Any], *, enabled: bool) -> Channel:
    """What the form says. Raises ActionError for a number that is none."""
    port, rate = forms.number(values, "port"), forms.number(values, "rate_messages")
    if (port is not None and not port.is_integer()) or rate is None or not rate.is_integer():
        raise ActionError("port" if rate is not None and rate.is_integer() else "rate_messages", "a whole number is expected")
    text = {name: str(values.get(name) or "").strip() for name in ("name", "host", "security", "user", "sender", "address", "header")}
    return Channel(
        name=text["name"],
        kind=kind,
        host=text["host"],
        port=None if port is None else int(port),
        security=text["security"] or "starttls",
        user=text["user"],
        password=str(values.get("password") or "") or None,
        sender=text["sender"],
        recipients=tuple(str(values.get("recipients") or "").replace(",", "\n").replace(";", "\n").split("\n")),
        address=text["address"] or None,
        header=text["header"] or None,
        verify=values.get("verify", True) is True,
        events=tuple(one for one in words.EVENTS if values.get(f"event_{one}") is True),
        least_severity=str(values.get("least_severity")),
        templates={what: {part: str(values.get(f"{what}_{part}") or "") for part in ("title", "body")} for what in TEXTS},
        for_people=values.get("for_people") is True,
        enabled=enabled,
        rate_messages=int(rate),
        rate_s=int(str(values.get("rate_s") or 600)),
    )
