"""What needs somebody's attention by its state and has no alert that says so: beyond a limit, at fault, silent. The worst first.

What has an open alert is told by the alert, and only there: rules wait for delays, and may be switched off or changed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component
from sqlalchemy import Connection

from dashapp.ui.cards import RANK, Condition, Trouble
from dashapp.ui.components import empty_state, format_value, priority_mark
from dashapp.ui.ticking import Since
from dashapp.ui.time_range import HOUR_US
from db.queries.activity import beyond_since

LOOKED_BACK_US = 8 * HOUR_US
LOOK_UPS = 5  # how many beginnings are looked up at a time: of a whole plant that fails at once the last ones can wait
SHOWN = 8


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the list. `since_us` None: the device never reported; 0: for longer than is looked back."""

    severity: str
    title: str
    device: str
    name: str
    href: str
    value: str
    since_us: int | None


Attention = tuple[Item, ...]
Told = frozenset[tuple[str, str | None]]  # (device, sensor) with an open alert; sensor None: the device itself
Started = Callable[[Trouble, int], int | None]


def attention(
    conditions: Sequence[Condition], since: dict[tuple[str, str], int], started: Started, now_us: int, told: Told = frozenset()
) -> Attention:
    """What no alert tells, in order. `since` remembers when each began, and forgets what has ended; `started` looks it up."""
    troubles = [trouble for how in conditions for trouble in how.troubles if _place(trouble) not in told]
    names = {(one.watched.device.key, one.title): one for one in troubles}
    for name in [name for name in since if name not in names]:
        del since[name]
    unknown = [name for name, one in names.items() if one.since_us is None and one.sensor is not None and name not in since]
    for name in unknown[:LOOK_UPS]:
        since[name] = started(names[name], now_us) or 0
    items = [_item(one, since.get(name, now_us)) for name, one in names.items()]
    return tuple(sorted(items, key=lambda item: (RANK[item.severity], item.since_us is None, item.since_us or 0)))


def _place(one: Trouble) -> tuple[str, str | None]:
    return one.watched.device.key, None if one.sensor is None else one.sensor.entry.key


def _item(one: Trouble, remembered: int) -> Item:
    device, sensor = one.watched.device, one.sensor
    value = ""
    if sensor is not None and one.value is not None:
        value = f"{format_value(one.value, sensor.decimals)} {sensor.entry.unit}".strip()
    since = one.since_us if sensor is None else remembered
    return Item(one.severity, one.title, device.key, device.name, one.watched.href, value, since)


def started(connection: Connection, trouble: Trouble, now_us: int) -> int | None:
    """When a trouble began, from the readings; None where it is longer ago than is looked back."""
    sensor = trouble.sensor
    if sensor is None:
        return None
    entry = sensor.entry
    low, high = (None, 0.0) if entry.kind == "flag" else (entry.limit_low, entry.limit_high)
    return beyond_since(connection, sensor.id, low=low, high=high, before_us=now_us, back_us=LOOKED_BACK_US)


def attention_list(items: Attention) -> list[Component]:
    """The list as links to the devices; without a button, because nothing here is an alert that could be acknowledged."""
    if not items:
        return [empty_state("Nothing out of order", "Every value is within its limits, and every device reports.")]
    rows = [html.Li(_row(item)) for item in items[:SHOWN]]
    more = len(items) - SHOWN
    rest = [html.P(f"and {more} more, marked on their cards", className="small muted attention-more")] if more > 0 else []
    return [html.Ul(rows, className="alert-list"), *rest]


def _row(item: Item) -> Component:
    note = [" · ".join(part for part in (item.device, item.value) if part)]
    words = [html.Div(item.title, className="alert-title"), html.Div([*note, *_lasting(item)], className="alert-note")]
    return html.A(
        [priority_mark(item.severity), html.Div(words)], href=item.href, className="alert-row", title=item.name, **{"data-inside": "true"}
    )


def _lasting(item: Item) -> list[object]:
    if item.since_us is None:
        return []
    if item.since_us == 0:
        return [" · for more than 8 h"]
    return [" · for ", Since(at_ms=item.since_us // 1000)]
