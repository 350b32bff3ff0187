"""Word to other replicas, inside the transaction that it is about. A payload is `sender:tenant`."""

import secrets

from sqlalchemy import Connection, text

SENDER = secrets.token_hex(6)  # this process: what it sent itself it passes by
LIVE = "andon_live"
NAMES = "andon_names"
ALERTS = "andon_alerts"  # alerts, or what is over them
RULES = "andon_rules"


def tell_names_changed(connection: Connection, tenant_id: int) -> None:
    """Devices, sensors or settings of the tenant changed: catalogues are read anew, here too."""
    connection.execute(text("select pg_notify(:channel, :payload)"), {"channel": NAMES, "payload": f":{tenant_id}"})


def tell_rules_changed(connection: Connection, tenant_id: int) -> None:
    """Rules of the tenant changed: what evaluates them reads them anew, here too."""
    connection.execute(text("select pg_notify(:channel, :payload)"), {"channel": RULES, "payload": f":{tenant_id}"})
