"""How figures of production are said: percent, lengths of time, people."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from dashapp.domain.oee import Figure
from dashapp.ui.alarms.rows import person
from dashapp.ui.parts import format_value
from db.queries.people import name_of

NARROW = "\u202f"  # before a unit
LONG_S = 48 * 3600.0  # from here on hours, in sums


def percent(value: float | None) -> str:
    """0.735 → `73.5 %`; None → `–`."""
    return "–" if value is None else f"{format_value(100 * value, 1)}{NARROW}%"


def figure_words(figure: Figure) -> str:
    """`73.5 %`, or why there is none."""
    return percent(figure.value) if figure.value is not None else figure.why


def span_words(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3 h 05 min`, `118 h`; of time below nothing with a minus."""
    if seconds is None:
        return "–"
    sign, whole = ("−" if seconds < -0.5 else ""), abs(seconds)
    if whole < 60:
        return f"{sign}{whole:.0f} s"
    minutes = round(whole / 60)
    if minutes < 60:
        return f"{sign}{minutes} min"
    return f"{sign}{minutes // 60} h {minutes % 60:02d} min" if whole < LONG_S else f"{sign}{format_value(whole / 3600, 0)} h"


def short_span(seconds: float | None) -> str:
    """As `span_words`, where there is little room: `12 min`, `5.2 h`."""
    if seconds is None or abs(seconds) < 3570 or abs(seconds) >= LONG_S:
        return span_words(seconds)
    return f"{format_value(seconds / 3600, 1)} h"


def units_words(units: float | None) -> str:
    """`1,709`."""
    return "–" if units is None else format_value(units, None if units % 1 else 0)


class People(dict[str, str]):
    """Names by the labels that events carry, each asked for once."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({"": "", "system": "Andon"})
        self._connection = connection

    def __missing__(self, label: str) -> str:
        found = self[label] = person(name_of(self._connection, label))
        return found


def named(people: Mapping[str, str], label: str) -> str:
    """Who said something."""
    return people[label] if label else ""


def option(value: Any, label: str) -> Any:
    """A choice of a field."""
    return {"value": str(value), "label": label}
