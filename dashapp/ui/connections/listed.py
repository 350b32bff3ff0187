"""The connections with how they do."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dashapp.ui.components import chip, empty_state
from dashapp.ui.connections import words
from dashapp.ui.connections.form import PATH, link
from dashapp.ui.tables import DataTable
from db.queries.connections import SENDER


def connection_list(rows: Sequence[Mapping[str, Any]]) -> Component:
    """Every connection, or what to do where there is none."""
    if not rows:
        text = "A connection brings readings from an MQTT broker or a Kafka topic, and sends alerts to Kafka. HTTP needs none."
        return empty_state("No connections yet", text, link("Add a connection", f"{PATH}?connection=new", "btn solid"))
    return html.Ul([_row(row) for row in rows], className="channels")


def _row(row: Mapping[str, Any]) -> Component:
    priority, word, sentence = words.state_of(row)
    problem = words.last_error(row) if row["enabled"] and words.last_error(row) != sentence else None
    head = html.Div([html.H3(row["name"]), chip(priority or "plain", word), chip("plain", words.KINDS[row["kind"]][0])], className="row")
    said = [head, html.P(sentence, className="small" if priority else "small muted"), html.P(words.goes(row), className="small muted")]
    if row["running"]:
        said.append(html.Dl([html.Div([html.Dt(name), html.Dd(_figure(name, value, row))]) for name, value in words.figures(row)],
                            className="connection-figures"))  # fmt: skip
    if problem:
        said.append(html.P(problem, className="small muted"))
    if len([client for client in row["running"] if client["slot"] != SENDER]) > 1:
        said.append(_clients(row))
    buttons = [
        _button(row, "test", "Test"),
        link("Edit", f"{PATH}?connection={row['id']}"),
        _button(row, "switch", "Switch off" if row["enabled"] else "Switch on", "btn" if row["enabled"] else "btn solid"),
        _button(row, "remove", "Remove …", "btn danger"),
    ]
    parts = [html.Div(said, className="channel-words"), html.Div(buttons, className="channel-actions")]
    return html.Li(parts, className="channel" if row["enabled"] else "channel off")


def _figure(name: str, value: str, row: Mapping[str, Any]) -> Any:
    if name != "Refused" or value == "0":
        return value
    more = {"data-inside": "true", "aria-label": f"{value} dead letters"}
    return html.A(value, href=f"/dead-letters?source=connection:{row['id']}", **more)


def _clients(row: Mapping[str, Any]) -> Component:
    rows = [
        [
            str(client["slot"]), words.STATES[client["state"]][1] if client["runs"] else "Not running",
            client["replica"].rpartition(":")[0], f"{client['per_s']:.1f} /s", words.age(client["last_message_s"]),
            "–" if client["lag"] is None else str(client["lag"]),
        ]
        for client in row["running"] if client["slot"] != SENDER
    ]  # fmt: skip
    return DataTable(rows=rows, columns=["Client", "State", "Replica", "Messages", "Last", "Behind"], caption="Clients", numbers=[3, 5])


def _button(row: Mapping[str, Any], what: str, text: str, look: str = "btn") -> Component:
    name = {"type": "connection-do", "what": what, "connection": row["id"]}
    label = {"aria-label": f"{text.rstrip(' …')}: {row['name']}"}
    return html.Button(text, id=name, type="button", className=look, n_clicks=0, **label)
