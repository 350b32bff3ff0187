"""Open alerts for the lists of a plant, made once for everybody who looks, and what changed since a viewer's last answer.

A viewer holds [epoch, version]: which process answered and which version of the board it had. As long as that version is remembered
only what differs is sent; who was away for longer, or comes from another replica, gets everything.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict

from dashapp.actions.actor import Actor
from dashapp.ingest.services import Services
from dashapp.ui.alarms.rows import Shown, rows_of

REMEMBERED = 60  # versions
NEWEST = 30
FIRST = 8
RANK = {"critical": 0, "high": 1, "medium": 2, "low": 3}
Held = list[int]


class Delta(TypedDict):
    """What a list is told. `whole`: `rows` is all there is; `order` are the ids in order of priority."""

    held: Held
    whole: bool
    rows: list[Shown]
    order: list[int]


class News(TypedDict):
    """What the bell is told: how many wait for an answer, the worst of their severities, and the newest of them; and of those that are
    not silent the `first` in order of priority, of `all` that there are."""

    count: int
    worst: str
    alerts: list[Shown]
    first: list[Shown]
    all: int


@dataclass(slots=True)
class _Plant:
    versions: deque[tuple[int, dict[int, Shown]]] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    lock: threading.Lock = field(default_factory=threading.Lock)


class AlertFeed:
    """Every plant's open alerts as they are shown."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._epoch = int(services.started_at * 1000)
        self._plants: dict[int, _Plant] = {}
        self._lock = threading.Lock()

    def held(self, who: Actor) -> Held:
        """What a viewer who is told everything now holds; costs no query."""
        return [self._epoch, self._services.alerts.version(who.tenant_id)]

    def changes(self, who: Actor, held: Sequence[int] | None) -> Delta | None:
        """What is new to a viewer who holds this; None where nothing is."""
        if held is not None and list(held) == self.held(who):
            return None
        version, rows, plant = self._rows(who.tenant_id)
        mine = {key: row for key, row in rows.items() if _may_see(row, who)}
        before = self._remembered(plant, held)
        changed = mine if before is None else {key: row for key, row in mine.items() if before.get(key) != row}
        return {"held": [self._epoch, version], "whole": before is None, "rows": list(changed.values()), "order": list(mine)}

    def rows(self, who: Actor) -> list[Shown]:
        """Open alerts that the person may see, the most severe first."""
        return [row for row in self._rows(who.tenant_id)[1].values() if _may_see(row, who)]

    def news(self, who: Actor) -> News:
        """For the bell."""
        loud = [row for row in self.rows(who) if not row["silences"]]
        waiting = [row for row in loud if row["unanswered"]]
        worst = min((row["severity"] for row in waiting), key=lambda name: RANK[name], default="")
        newest = sorted(waiting, key=lambda row: row["raised_ms"], reverse=True)[:NEWEST]
        return {"count": len(waiting), "worst": worst, "alerts": newest, "first": loud[:FIRST], "all": len(loud)}

    def _rows(self, tenant_id: int) -> tuple[int, dict[int, Shown], _Plant]:
        with self._lock:
            plant = self._plants.setdefault(tenant_id, _Plant())
        version = self._services.alerts.version(tenant_id)
        with plant.lock:
            if not plant.versions or plant.versions[-1][0] != version:
                rules = self._services.rulebook.of(tenant_id).rules
                found = rows_of(self._services.alerts.open(tenant_id), rules)
                plant.versions.append((version, {row["id"]: row for row in found}))
            return version, plant.versions[-1][1], plant

    def _remembered(self, plant: _Plant, held: Sequence[int] | None) -> dict[int, Shown] | None:
        if held is None or len(held) != 2 or held[0] != self._epoch:
            return None
        with plant.lock:
            return next((rows for version, rows in plant.versions if version == held[1]), None)


def _may_see(row: Shown, who: Actor) -> bool:
    return who.lines is None or row["line"] in who.lines
