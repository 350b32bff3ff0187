"""What a wall screen is made of: components of `assets/95-kiosk.js` (the frame) and `assets/96-wall.js` (what stands in it)."""

from typing import TypedDict

from dash import html
from dash.development.base_component import Component

from dashapp.ui.components import CardsDelta, DeviceCard, Id, _Andon


class Place(TypedDict):
    """A page of the rotation: where it is, and what it is called."""

    pathname: str
    search: str
    name: str


class WallRotation(_Andon):
    """Dots for the pages, and the screen's clockwork: shows one after the other, fetches the next one early, reloads when it should.

    It stands where Dash's router looks for the address: `pathname` and `search` are the page that is shown. `build` is the server's
    version as of this load, `page_s` the seconds of a page, `zone` that of the plant.
    """

    def __init__(
        self, id: Id | None = None, *, pages: list[Place], page_s: int, build: str, zone: str, pathname: str, search: str = ""
    ) -> None:
        super().__init__(**locals())


class WallStatus(_Andon):
    """`Live`, or a bar over the whole screen that says since when there is no connection. Takes what `LiveStatus` takes."""

    def __init__(self, id: Id | None = None, *, server_ms: int, connected: bool = True, zone: str) -> None:
        super().__init__(**locals())


class WallClock(_Andon):
    """Time and day at the plant."""

    def __init__(self, id: Id | None = None, *, zone: str) -> None:
        super().__init__(**locals())


class WallCards(_Andon):
    """Devices as large tiles: key, state, value with unit and age. Takes what `DeviceCards` takes.

    As many as can be read from five metres, in their order; where there are more, those in trouble come first and the rest is counted.
    """

    def __init__(self, id: Id | None = None, *, devices: list[DeviceCard], delta: CardsDelta | None = None, now: int | None = None) -> None:
        super().__init__(**locals())


class WallDevice(_Andon):
    """One device with its value as large as it gets, how it is and how old the value is. `device` and `delta` as of `DeviceCards`."""

    def __init__(self, id: Id | None = None, *, device: DeviceCard, delta: CardsDelta | None = None, now: int | None = None) -> None:
        super().__init__(**locals())


class WallChart(_Andon):
    """A line over a range with its limits, lettered large.

    `points` are `[t_ms, mean, low, high]` of pieces of `step_ms`, ascending, the time in their middle; a mean of None breaks the line.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        points: list[tuple[int, float | None, float | None, float | None]],
        step_ms: float,
        start_ms: int,
        end_ms: int,
        limit_low: float | None = None,
        limit_high: float | None = None,
        unit: str = "",
        decimals: int = 1,
        zone: str = "UTC",
        label: str = "",
    ) -> None:
        super().__init__(**locals())


STATES = (("run", "Running"), ("micro", "Minor stop"), ("down", "Stopped"), ("idle", "Idle"), ("unknown", "No data"))


def states_heading(title: str) -> Component:
    """The heading of a timeline, with what its bars mean."""
    keys = [html.Li([html.I(html.I(className=f"tl-span {state}"), className="tl-key"), word]) for state, word in STATES]
    return html.Div([html.H2(title), html.Ul(keys, className="legend", **{"aria-label": "States"})], className="wall-heading")
