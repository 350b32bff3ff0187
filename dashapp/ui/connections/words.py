"""What connections are called on the pages, and how they do, in words."""

from collections.abc import Mapping
from typing import Any

from dashapp.ui.parts import format_value
from db.queries.connections import SENDER

KINDS = {
    "mqtt": ("MQTT", "Gateways and controllers that publish to a broker: Mosquitto, HiveMQ, EMQX, AWS IoT Core."),
    "kafka": ("Kafka", "Reads a topic as a member of a consumer group, and sends alerts, metrics and events."),
}
ORDER = ("failed", "waiting", "connecting", "connected")  # the worst first
STATES = {
    "failed": ("high", "Failing"), "waiting": ("medium", "Waiting"), "connecting": ("medium", "Connecting"), "connected": ("", "Connected"),
}  # fmt: skip


def age(seconds: float | None) -> str:
    """`now`, `12 s ago`, `5 min ago`, `3 h ago`, `4 days ago`."""
    if seconds is None:
        return "never"
    if seconds < 3:
        return "now"
    for width, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= width:
            count = int(seconds // width)
            return f"{count} {'day' if unit == 'days' and count == 1 else unit} ago"
    return f"{int(seconds)} s ago"


def state_of(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """(priority or "", word, sentence) of a connection: that of its worst client."""
    if not row["enabled"]:
        return "", "Off", "Nothing comes or goes by it."
    running = [client for client in row["running"] if client["runs"]]
    if not running:
        return "medium", "Not running", "No replica has taken it yet. One that runs connections does within seconds."
    worst = min(running, key=lambda client: ORDER.index(client["state"]))
    priority, word = STATES[worst["state"]]
    if worst["state"] == "connecting" and worst["since_s"] < 5:
        priority = ""
    detail = worst["detail"] or f"since {age(worst['since_s'])}"
    return priority, word, f"{detail[:1].upper()}{detail[1:]}."


def goes(row: Mapping[str, Any]) -> str:
    """`mosquitto.plant:1883, reads iot/data; sends alerts`."""
    settings = row["settings"]
    where = settings.get("servers") or f"{settings['host']}:{settings.get('port') or (8883 if settings.get('tls') else 1883)}"
    secure = ", TLS" if settings.get("tls") else ""
    reads = f"reads {', '.join(settings['topics'])}" if settings.get("topics") else "reads nothing"
    shared = f" as {settings['share']} ({settings['clients']} clients)" if settings.get("share") else ""
    sends = f"; sends {', '.join(settings.get('prefix', '') + one for one in row['sends'])}" if row["sends"] else ""
    return f"{where}{secure}: {reads}{shared}{sends}"


def figures(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(label, value) of what is watched."""
    clients = [client for client in row["running"] if client["slot"] != SENDER]
    senders = [client for client in row["running"] if client["slot"] == SENDER]
    live = [client for client in clients if client["runs"]]
    lags = [client["lag"] for client in live if client["lag"] is not None]
    found = []
    if row["settings"].get("topics"):
        newest = min((client["last_message_s"] for client in clients if client["last_message_s"] is not None), default=None)
        found += [
            ("Messages", f"{format_value(sum(client['per_s'] for client in live), 1)} /s" if row["enabled"] else "–"),
            ("Last message", age(newest)),
            ("Behind" if row["kind"] == "kafka" else "Not yet stored", format_value(sum(lags), 0) if lags else "–"),
            ("Readings stored", format_value(sum(client["stored"] for client in clients), 0)),
            ("Sent again", format_value(sum(client["duplicates"] for client in clients), 0)),
            ("Refused", format_value(sum(client["refused"] for client in clients), 0)),
        ]
        conflicts = sum(client["conflicts"] for client in clients)
        found += [("In conflict", format_value(conflicts, 0))] if conflicts else []
    if row["sends"]:
        found.append(("Sent", format_value(sum(client["messages"] for client in senders), 0)))
        found.append(("Waiting to be sent", format_value(row["waiting"], 0)))
    return found


def last_error(row: Mapping[str, Any]) -> str | None:
    """The newest thing that went wrong, with its age."""
    wrong = [client for client in row["running"] if client["last_error"]]
    if not wrong:
        return None
    newest = min(wrong, key=lambda client: client["last_error_s"])
    return f"Last error {age(newest['last_error_s'])}: {newest['last_error']}."
