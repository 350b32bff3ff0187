"""What the page of rules asks besides the rules themselves."""

from datetime import datetime

from sqlalchemy import Connection, text


def alerts_by_rule(connection: Connection, since: datetime) -> dict[int, int]:
    """rule → how many alerts it has raised since."""
    rows = connection.execute(
        text("select rule_id, count(*) as alerts from alerts where raised_at >= :since and rule_id is not null group by rule_id"),
        {"since": since},
    )
    return {row.rule_id: row.alerts for row in rows}


def group_names(connection: Connection) -> dict[int, str]:
    """Groups of devices by their names."""
    return {row.id: row.name for row in connection.execute(text("select id, name from device_groups order by name, id"))}


def person_names(connection: Connection, labels: set[str]) -> dict[str, str]:
    """`user:7` → the person's name, of those that are people of the plant."""
    ids = [int(label[5:]) for label in labels if label.startswith("user:") and label[5:].isdigit()]
    rows = connection.execute(text("select id, name from users where id = any(:ids)"), {"ids": ids})
    return {f"user:{row.id}": row.name for row in rows}
