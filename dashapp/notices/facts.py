"""The words of a notice, from what the database knows of an alert: in the plant's time zone, with units."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashapp.domain.notices import lasted


@dataclass(frozen=True, slots=True)
class Plant:
    """Whose alert it is. `public_url` is where people reach this server, "" where nobody has said."""

    name: str
    zone: str
    public_url: str

    def link(self, path: str) -> str:
        """The address of a page; "" where nobody has said where this server is reached."""
        return self.public_url.rstrip("/") + path if self.public_url else ""


def facts_of(row: Any, what: str, severity: str, level: int, plant: Plant, now: datetime) -> dict[str, str]:
    """What templates are filled with (`domain.notices.NAMES`), and for webhooks `raised_at` in UTC and `value_raw`.

    `row` is one of `db.queries.notices.facts_of`.
    """
    unit = f" {row.unit}" if row.unit else ""
    until = row.at if what == "ended" and row.at is not None else now
    return {
        "event": what,
        "id": str(row.alert_id),
        "severity": severity.capitalize(),
        "message": row.message.replace("\u202f", " "),
        "device": row.device,
        "device_name": row.device_name if row.device_name != row.device else "",
        "place": row.place or "",
        "sensor": row.sensor or "",
        "value": "" if row.value is None or not row.sensor else number(row.value) + unit,
        "limit": "" if row.limit_value is None else number(row.limit_value) + unit,
        "since": local_time(row.raised_at, plant.zone),
        "duration": lasted((until - row.raised_at).total_seconds()),
        "level": str(level) if level else "",
        "by": row.by or "" if what == "acknowledged" else "",
        "comment": row.comment or "" if what == "acknowledged" else "",
        "plant": plant.name,
        "link": plant.link(f"/alerts/{row.alert_id}"),
        "raised_at": row.raised_at.astimezone(UTC).isoformat(),
        "value_raw": "" if row.value is None else repr(row.value),
    }


def sample(plant: Plant, now: datetime) -> dict[str, str]:
    """Facts of an alert that there is not, for the test button and the preview."""
    return {
        "event": "test",
        "id": "1",
        "severity": "Critical",
        "message": "Temperature above 90 °C",
        "device": "MX-02",
        "device_name": "Welding Station Beta",
        "place": "Building A - Floor 2",
        "sensor": "Temperature",
        "value": "95.2 °C",
        "limit": "90 °C",
        "since": local_time(now, plant.zone),
        "duration": "12 min",
        "level": "1",
        "by": "Kim",
        "comment": "On my way",
        "plant": plant.name,
        "link": plant.link("/alerts"),
        "raised_at": now.astimezone(UTC).isoformat(),
        "value_raw": "95.2",
    }


def payload(facts: Mapping[str, str], notice_id: int | None) -> dict[str, str]:
    """Facts with the number by which a webhook knows a notice that comes twice."""
    return {**facts, "notice": "" if notice_id is None else str(notice_id)}


def number(value: float) -> str:
    """Up to three decimals, thousands apart: 1234.5 → 1,234.5."""
    shown = f"{value:,.3f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def local_time(moment: datetime, zone: str) -> str:
    """`Sat 21 Nov 14:02 CET`."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%a %-d %b %H:%M %Z")
