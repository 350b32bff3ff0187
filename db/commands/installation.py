"""What the whole installation shares, whatever the tenant: secrets made once and read by every replica."""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, Engine, text

DEMO = "demo"


def shared_secret(engine: Engine, name: str) -> str:
    """The secret of that name (`jwt`, `csrf`): 256 bits as URL-safe text, made by whoever asks first."""
    with engine.begin() as connection:
        connection.execute(
            text("insert into installation (name, value) values (:name, :value) on conflict do nothing"),
            {"name": f"secret:{name}", "value": secrets.token_urlsafe(32)},
        )
        value: str = connection.execute(
            text("select value from installation where name = :name"), {"name": f"secret:{name}"}
        ).scalar_one()
    return value


@dataclass(frozen=True, slots=True)
class DemoState:
    """What was decided about the demo plant, and how far it has got; `as_set` is what the settings say.

    `removing`, `wanted` and `making` are on their way to `removed` and `there`; `at` is when that was last heard of.
    """

    state: Literal["as_set", "there", "removing", "removed", "wanted", "making"] = "as_set"
    note: str = ""
    share: float = 0.0
    at: datetime | None = None

    @property
    def changes(self) -> bool:
        """Whether it is being made or taken away."""
        return self.state in ("removing", "wanted", "making")

    def is_wanted(self, *, by_settings: bool) -> bool:
        """Whether a start makes it, or brings it up to date."""
        return by_settings if self.state == "as_set" else self.state in ("there", "wanted", "making")


def demo_state(connection: Connection) -> DemoState:
    """What was decided about the demo plant."""
    row = connection.execute(text("select value from installation where name = :name"), {"name": DEMO}).scalar_one_or_none()
    if row is None:
        return DemoState()
    known = json.loads(row)
    return DemoState(known["state"], known.get("note", ""), known.get("share", 0.0), datetime.fromisoformat(known["at"]))


def keep_demo_state(connection: Connection, state: DemoState, now: datetime) -> None:
    """Remembers it, across restarts too."""
    value = json.dumps({"state": state.state, "note": state.note, "share": round(state.share, 3), "at": now.isoformat()})
    connection.execute(
        text("insert into installation (name, value) values (:name, :value) on conflict (name) do update set value = excluded.value"),
        {"name": DEMO, "value": value},
    )
