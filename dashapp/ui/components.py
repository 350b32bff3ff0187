# ruff: noqa: N803 (className is what Dash calls it)
"""The React components of `assets/`, as Dash components, and the plain-html parts that pages are made of.

The scripts in `assets/` (`10-…` to `40-…`) put the components on `window.andon`, where Dash's renderer looks up a
component by its namespace; they need no package, no build step and no entry in `_js_dist`. Every prop can be the
target of a callback, `dash.Patch` included. Numbers reach the screen through one function, `andon.format` in the
browser and `format_value` here: thousands separators, a fixed number of decimals, a real minus sign.

Times are integer milliseconds since 1970 (`*_ms`), aware UTC on the server's clock; periods are seconds (`*_s`).
States are `normal, stale, no_data, critical, high, medium, low`.
"""

import inspect
from typing import Any, Literal, NotRequired, TypedDict

from dash.development.base_component import Component, ComponentMeta

from dashapp.ui.parts import card, chip, empty_state, format_value, kpi, priority_mark, skeleton, stat_table

State = Literal["normal", "stale", "no_data", "critical", "high", "medium", "low"]
MachineState = Literal["run", "micro", "down", "changeover", "off", "unknown"]
Point = tuple[int, float | None]  # (t_ms, value); a None value breaks the line
Id = str | dict[str, Any]

__all__ = [
    "CardsDelta",
    "DeviceCard",
    "DeviceCards",
    "DeviceDelta",
    "Gauge",
    "HeatmapRow",
    "HourHeatmap",
    "Icon",
    "LiveStatus",
    "MainValue",
    "OtherValue",
    "Sparkline",
    "StateLegend",
    "StateTimeline",
    "ThemeButton",
    "TimelineRow",
    "card",
    "chip",
    "empty_state",
    "format_value",
    "kpi",
    "priority_mark",
    "skeleton",
    "stat_table",
]


class MainValue(TypedDict):
    """The value that a card is about. Range, normal band and limits are in `unit`; any of them may be None."""

    sensor: str
    label: str
    value: float | None
    unit: str
    low: float | None  # ends of the gauge; where None they follow from the band, the limits and the value
    high: float | None
    normal_low: float | None
    normal_high: float | None
    limit_low: float | None
    limit_high: float | None
    decimals: int
    at_ms: int | None  # the reading's own time; None: never reported
    period_s: float


class OtherValue(TypedDict):
    """A small figure at the foot of a card; `value` is a number, or a word that is shown as it is."""

    label: str
    value: float | str | None
    unit: NotRequired[str]
    decimals: NotRequired[int]


class DeviceCard(TypedDict):
    """One card of the overview. `state_text` is the word on its chip ("Normal", "Above 90 °C")."""

    key: str
    name: str
    place: str
    href: str
    state: State
    state_text: str
    main: MainValue
    spark: list[Point]  # ascending by time, the last 15 minutes
    others: list[OtherValue]  # up to three


class DeviceDelta(TypedDict, total=False):
    """What changed on one card: every key is optional, and what is absent stays."""

    state: State
    state_text: str
    value: float | None
    at_ms: int | None
    others: list[OtherValue]
    append: list[Point]  # newer than what the card has
    spark: list[Point]  # instead of what the card has


class CardsDelta(TypedDict):
    """What a callback sends each second. `version` is the store's version that this brings the cards to."""

    now_ms: int
    version: int
    devices: dict[str, DeviceDelta]  # by device key; unchanged devices are left out


class TimelineRow(TypedDict):
    """The states of one machine: spans `(start_ms, end_ms, state, text)`, ascending; `text` (a reason) may be ""."""

    key: str
    href: NotRequired[str | None]
    spans: list[tuple[int, int, MachineState, str]]


class HeatmapRow(TypedDict):
    """One row of a heatmap: as many values as there are hours, None where nothing is known."""

    key: str
    href: NotRequired[str | None]
    values: list[float | None]


class _AndonMeta(ComponentMeta):
    """Makes the signature of `__init__` the one statement of a component's props, and its class name its name in
    `window.andon`. Dash's own registry reads the namespace from each class's body, never from a base."""

    def __new__(mcs, name: str, bases: tuple[type, ...], body: dict[str, Any]) -> type:
        props = [prop for prop in inspect.signature(body["__init__"]).parameters if prop != "self"]
        shared = {"_namespace": "andon", "_type": name, "_prop_names": props, "available_properties": props}
        none: dict[str, Any] = {"_children_props": [], "_valid_wildcard_attributes": []}
        return super().__new__(mcs, name, bases, {**none, **shared, **body})


class _Andon(Component, metaclass=_AndonMeta):
    """What every component here shares. A prop given as None is not sent: the browser treats both alike."""

    def __init__(self, /, **props: Any) -> None:  # the props of a component are the locals of its own `__init__`
        super().__init__(**{name: props[name] for name in self._prop_names if props.get(name) is not None})


class Gauge(_Andon):
    """A half-arc with the normal band, the alert limits as numbered ticks and one pointer; the number stands under it.

    Any of the ranges and limits may be None; without `low` or `high` the scale follows from the rest. `value` None shows
    a dash. `label` names the gauge to a screen reader and stands above it unless `hide_label`.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        value: float | None = None,
        unit: str = "",
        low: float | None = None,
        high: float | None = None,
        normal_low: float | None = None,
        normal_high: float | None = None,
        limit_low: float | None = None,
        limit_high: float | None = None,
        state: State = "normal",
        label: str = "",
        hide_label: bool = False,
        decimals: int = 1,
        stale: bool = False,
        className: str | None = None,
    ) -> None:
        super().__init__(**locals())


class Sparkline(_Andon):
    """A line of the last `window_s` seconds: `points` are `[t_ms, value]`, ascending.

    A None value or a gap of more than three periods breaks the line (`period_s` None: judged from the points). A limit
    is drawn where it is within or near the values. The right edge is the newest of `end_ms` and the last point.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        points: list[Point] | None = None,
        limit_low: float | None = None,
        limit_high: float | None = None,
        state: State = "normal",
        window_s: float = 900,
        period_s: float | None = None,
        end_ms: int | None = None,
        label: str = "",
        unit: str = "",
        decimals: int = 1,
        height: int = 36,
        className: str | None = None,
    ) -> None:
        super().__init__(**locals())


class DeviceCards(_Andon):
    """The grid of device cards. `devices` is the whole state, `delta` moves it forward and is kept by the component.

    Send `devices` with the layout (and again only to add or remove a device: it replaces what the cards have
    gathered), then a `CardsDelta` a second. Points older than 15 minutes before the newest are dropped, only changed
    cards are drawn, and only those near the screen. Ages tick in the browser; a value older than
    max(30 s, 3 × `period_s`) is shown as stale even when the server is gone. A card
    is a link that moves inside the app like `dcc.Link`. `now` is the server's time in ms, `zone` (IANA name, None: the
    browser's) is for times of the day.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        devices: list[DeviceCard] | None = None,
        delta: CardsDelta | None = None,
        now: int | None = None,
        zone: str | None = None,
    ) -> None:
        super().__init__(**locals())


class StateTimeline(_Andon):
    """What each machine did between `start_ms` and `end_ms`, with a legend and hour ticks in `zone` (IANA name).

    The states differ in height and pattern as well as colour. What no span covers is shown as unknown up to `now_ms`
    (None: up to the end), and left empty after it.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        rows: list[TimelineRow] | None = None,
        start_ms: int,
        end_ms: int,
        now_ms: int | None = None,
        zone: str = "UTC",
        legend: bool = True,
    ) -> None:
        super().__init__(**locals())


class StateLegend(_Andon):
    """The legend of a `StateTimeline` on its own, for the heading of a card: give the timeline `legend=False`."""

    def __init__(self, id: Id | None = None) -> None:
        super().__init__(**locals())


class HourHeatmap(_Andon):
    """A table of greys: one row a device, one column an hour (24, or as many as there are `hours`).

    `hours` are the column labels (default "00" … "23"), `caption` says what is counted and is read out, `unit` follows
    each value. The lightest grey is `min`, the darkest `max`, or the largest value; of `signed` values it is their size that counts.
    With `numbers` the values stand in the cells. The table itself is the accessible form. `pressable` cells can be gone through by arrow
    keys and pressed by Enter: who listens for clicks on them says so.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        rows: list[HeatmapRow] | None = None,
        hours: list[str] | None = None,
        caption: str = "",
        unit: str = "",
        decimals: int = 0,
        min: float | None = None,
        max: float | None = None,
        signed: bool | None = None,
        numbers: bool | None = None,
        pressable: bool | None = None,
    ) -> None:
        hours = hours or [f"{hour:02d}" for hour in range(24)]
        rows = rows or []
        super().__init__(**locals())


class LiveStatus(_Andon):
    """The text "Live, 1 s ago", "Paused", "Connection lost since 14:03" or "Not updated since 14:03", ticking in the browser.

    `server_ms` is the server's time of the last answer, `version` what that answer brought the page to. The connection
    counts as lost where `connected` is False, the browser is offline, or no answer came for 10 s on a visible page;
    `fault` says that the server does answer, with an error of its own.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        version: int = 0,
        server_ms: int | None = None,
        paused: bool = False,
        connected: bool = True,
        fault: bool = False,
        zone: str | None = None,
    ) -> None:
        super().__init__(**locals())


class ThemeButton(_Andon):
    """Switches between light and dark and remembers it. `theme` is an output for callbacks: "light" or "dark"."""

    def __init__(
        self, id: Id | None = None, *, theme: Literal["light", "dark"] | None = None, className: str | None = None
    ) -> None:
        super().__init__(**locals())


class Icon(_Andon):
    """A line drawing in the colour of the text: `logo` (a stack of three lights), `overview`, `alerts`, `bell`, `oee`, `devices`,
    `more`, `theme`, `pause`, `play`, `close`, `download`, `import`, `search`, `chevron`, `help`, `person`, `star`.
    Hidden from screen readers unless `label`."""

    def __init__(self, name: str, *, size: int = 18, label: str | None = None, id: Id | None = None) -> None:
        super().__init__(**locals())
