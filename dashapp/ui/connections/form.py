"""The form of a connection to a broker."""

from collections.abc import Mapping
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.actions.actor import ActionError
from dashapp.actions.connections import MECHANISMS, BrokerConnection, default_topics
from dashapp.brokers.wanted import SENDS
from dashapp.ui import forms
from dashapp.ui.components import card
from dashapp.ui.connections.words import KINDS
from dashapp.ui.forms import Field, Form

PATH = "/connections"
SAID = {
    "alerts": ("Alerts", "Every event of an alert: raised, acknowledged, ended …"),
    "metrics": ("Metrics", "Each sensor’s count, mean, least and greatest of every minute."),
    "events": ("Events", "What people and programs do here: the audit log."),
}


def link(text: Any, href: str, look: str = "btn") -> Component:
    """A link that stays inside the application."""
    return html.A(text, href=href, className=look, **{"data-inside": "true"})


def kind_choice() -> Component:
    """What to add: one link for each kind."""
    links = [
        html.Li(link([html.B(name), html.Span(note, className="small muted")], f"{PATH}?connection=new&kind={kind}", "radio-card"))
        for kind, (name, note) in KINDS.items()
    ]
    return card("Add a connection", html.P("What does the other side speak?", className="muted"),
                html.Ul(links, className="radio-cards plain-list"))  # fmt: skip


def connection_form(kind: str, stored: Mapping[str, Any] | None, plant: str) -> Component:
    """The form for a new connection of a kind, or for one that there is (a row of `db.queries.connections`)."""
    row = stored or {"settings": {}, "sends": [], "secrets": []}
    settings, name, note = row["settings"], *KINDS[kind]
    own = Field("name", "Name", value=row.get("name", ""), required=True, max_length=200, hint="What this page calls it.")
    broker, group = (_mqtt, _mqtt_more) if kind == "mqtt" else (_kafka, _kafka_more)
    where, more = broker(settings, plant), group(settings, plant)
    cards = [
        card(f"{name}: the broker", html.P(note, className="muted"), html.Div([own, *where], className="form")),
        card("Who we are", html.Div(_access(kind, settings, row["secrets"]), className="form")),
    ]
    if kind == "kafka":
        cards.append(card("What is sent", html.Div(_sends(row), className="form")))
    buttons = [forms.submit("Save"), forms.submit("Save and test", value="test", quiet=True), link("Back", PATH, "btn plain")]
    return Form(
        [
            *cards,
            card("More", html.Details([html.Summary("Sessions, groups and clients"), html.Div(more, className="form")], open=bool(stored))),
            html.Div(buttons, className="actions"),
        ],
        id="connection-form", label=f"Connection, {name}", className="stack",
    )  # fmt: skip


def _topics(settings: Mapping[str, Any], kind: str, plant: str, hint: str, *, required: bool) -> Component:
    topics = settings.get("topics", default_topics(kind, plant))
    return Field("topics", "Topics", kind="textarea", value="\n".join(topics), hint=hint, code=True, required=required)


def _mqtt(settings: Mapping[str, Any], plant: str) -> list[Component]:
    port = settings.get("port")
    host = Field("host", "Host", value=settings.get("host", ""), required=True, placeholder="mosquitto.example.com", code=True)
    number = Field("port", "Port", kind="number", value="" if port is None else str(port), hint="Empty: 1883, with TLS 8883.")
    hint = f"One a line; + is one level, # the rest. andon/{plant}/DEVICE names the device where the message does not."
    return [html.Div([host, number], className="fields"), _topics(settings, "mqtt", plant, hint, required=True)]


def _kafka(settings: Mapping[str, Any], plant: str) -> list[Component]:
    example = "kafka1:9092, kafka2:9092"
    servers = Field("servers", "Brokers", value=settings.get("servers", ""), required=True, placeholder=example, code=True)
    hint = "One a line; empty reads nothing. A reading without a time takes its record’s, one without a device the record’s key."
    return [servers, _topics(settings, "kafka", plant, hint, required=False)]


def _access(kind: str, settings: Mapping[str, Any], secrets: list[str]) -> list[Component]:
    kept = "Leave it empty to keep the stored one." if "password" in secrets else "Or file:NAME, a file in the folder of secrets."
    user = [
        Field("user", "User", value=settings.get("user", ""), complete="off", code=True),
        Field("password", "Password", kind="password", hint=kept, complete="new-password"),
    ]
    if kind == "kafka":
        options = [{"value": one, "label": one or "None"} for one in MECHANISMS]
        chosen = settings.get("mechanism", "")
        user.insert(0, Field("mechanism", "SASL mechanism", kind="select", options=options, value=chosen, required=True))
    key = "Leave it empty to keep the stored one." if "key" in secrets else "PEM, without a password; or file:NAME. It is not shown again."
    pem = {"kind": "textarea", "code": True, "placeholder": "-----BEGIN CERTIFICATE-----"}
    return [
        html.Div(user, className="fields"),
        Field("tls", "Secure (TLS 1.2 or newer)", kind="check", value=bool(settings.get("tls")),
              hint="The broker’s certificate is always checked."),
        Field("ca", "Certificate authority", value=settings.get("ca", ""), hint="PEM. Empty: those that this system trusts.", **pem),
        Field("certificate", "Our certificate", value=settings.get("certificate", ""), hint="PEM, where the broker wants one.", **pem),
        Field("key", "Its private key", kind="textarea", code=True, hint=key, placeholder="-----BEGIN PRIVATE KEY-----"),
    ]  # fmt: skip


def _mqtt_more(settings: Mapping[str, Any], plant: str) -> list[Component]:
    versions = [{"value": "5", "label": "5"}, {"value": "3.1.1", "label": "3.1.1"}]
    return [
        html.Div(
            [
                Field("version", "MQTT version", kind="select", options=versions, value=settings.get("version", "5"), required=True),
                Field("client_id", "Client id", value=settings.get("client_id", ""), placeholder=f"andon-{plant}", code=True,
                      hint="The broker knows the session by it: two programs must not share one."),
            ],
            className="fields",
        ),
        html.Div(
            [
                Field("share", "Shared group", value=settings.get("share", ""), code=True, hint="Its members share the messages ($share)."),
                Field("clients", "Clients", kind="number", value=str(settings.get("clients", 1)), required=True,
                      hint="More than one need a shared group; replicas divide them."),
            ],
            className="fields",
        ),
        html.Div(
            [
                Field("session_s", "Kept while away", kind="number", unit="s", value=str(settings.get("session_s", 86_400)), required=True,
                      hint="For how long the broker keeps what comes while we are not there."),
                Field("alpn", "ALPN", value=settings.get("alpn", ""), code=True, hint="x-amzn-mqtt-ca for AWS on port 443; else empty."),
            ],
            className="fields",
        ),
    ]  # fmt: skip


def _kafka_more(settings: Mapping[str, Any], plant: str) -> list[Component]:
    begins = [{"value": "earliest", "label": "What is there already"}, {"value": "latest", "label": "What comes from now on"}]
    return [
        html.Div(
            [
                Field("group", "Consumer group", value=settings.get("group", ""), placeholder=f"andon-{plant}", code=True),
                Field("begin", "A new group begins with", kind="select", options=begins, value=settings.get("begin", "earliest"),
                      required=True),
            ],
            className="fields",
        ),
        html.Div(
            [
                Field("clients", "Clients", kind="number", value=str(settings.get("clients", 1)), required=True,
                      hint="Members of the group; replicas divide them."),
                Field("session_s", "Session", kind="number", unit="s", value=str(settings.get("session_s", 10)), required=True,
                      hint="A member that is silent for so long is replaced."),
            ],
            className="fields",
        ),
        Field("client_id", "Client id", value=settings.get("client_id", ""), placeholder=f"andon-{plant}", code=True),
    ]  # fmt: skip


def _sends(row: Mapping[str, Any]) -> list[Component]:
    checks = [Field(f"send_{one}", SAID[one][0], kind="check", value=one in row["sends"], hint=SAID[one][1]) for one in SENDS]
    prefix = Field("prefix", "Before the topics’ names", value=row["settings"].get("prefix", ""), code=True,
                   hint="plant1. makes plant1.alerts of alerts; empty leaves the names as they are.")  # fmt: skip
    return [*checks, prefix]


def wanted_of(kind: str, values: Mapping[str, Any], *, enabled: bool) -> BrokerConnection:
    """What the form says. Raises ActionError for a number that is none."""
    text = {name: str(values.get(name) or "").strip() for name in values}
    whole = {name: _whole(values, name) for name in ("port", "clients", "session_s")}
    return BrokerConnection(
        name=text.get("name", ""), kind=kind, host=text.get("host", ""), port=whole["port"], servers=text.get("servers", ""),
        topics=tuple(text.get("topics", "").replace(",", "\n").split("\n")), client_id=text.get("client_id", ""),
        share=text.get("share", ""), group=text.get("group", ""), clients=1 if whole["clients"] is None else whole["clients"],
        version=text.get("version") or "5", mechanism=text.get("mechanism", ""), user=text.get("user", ""),
        password=str(values.get("password") or "") or None, tls=values.get("tls") is True, ca=text.get("ca", ""),
        certificate=text.get("certificate", ""), key=str(values.get("key") or "").strip() or None, alpn=text.get("alpn", ""),
        session_s=whole["session_s"], begin=text.get("begin") or "earliest", prefix=text.get("prefix", ""),
        sends=tuple(one for one in SENDS if values.get(f"send_{one}") is True), enabled=enabled,
    )  # fmt: skip


def _whole(values: Mapping[str, Any], name: str) -> int | None:
    value = forms.number(values, name)
    if value is not None and not value.is_integer():
        raise ActionError(name, "a whole number is expected")
    return None if value is None else int(value)
