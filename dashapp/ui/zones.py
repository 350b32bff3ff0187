"""Whose time is shown: the viewer's, with the plant's beside it where their clocks differ.

The viewer's zone is the one that the person has chosen, else the one that the browser says it is in, else the plant's.
"""

from datetime import UTC, datetime
from html import escape
from urllib.parse import unquote

import flask

from dashapp.ui.context import catalogue
from dashapp.ui.time_range import zone_of
from dashapp.ui.visitor import current_actor, preferences

BROWSERS_COOKIE = "andon_zone"  # what the browser says (assets/00-theme.js)
PLANTS = "plant"  # the preference for the plant's zone, wherever the viewer is


class Zone(str):
    """An IANA name that times are written in; `plant` is the zone of the plant that they are about."""

    plant: str

    def __new__(cls, name: str, plant: str = "") -> "Zone":
        """`Zone("America/New_York", plant="Europe/Berlin")`."""
        made = super().__new__(cls, name)
        made.plant = plant or name
        return made

    def differs(self, time_us: int) -> bool:
        """Whether the two clocks show different times at an instant, µs since 1970 UTC."""
        moment = datetime.fromtimestamp(time_us / 1e6, UTC)
        return moment.astimezone(zone_of(self)).utcoffset() != moment.astimezone(zone_of(self.plant)).utcoffset()


def viewer_zone() -> Zone:
    """The zone that this request's times are written in."""
    plant = catalogue().zone
    said = unquote(flask.request.cookies.get(BROWSERS_COOKIE, ""))
    return Zone(chosen_zone() or _known(said) or plant, plant)


def chosen_zone() -> str:
    """What the person has chosen; empty for the browser's."""
    wanted = preferences().get("zone") or ""
    return catalogue().zone if wanted == PLANTS else _known(str(wanted))


def for_scripts() -> dict[str, str]:
    """What the page itself says to its scripts: `zone`, the one chosen or nothing, and `plant_zone`."""
    if current_actor() is None:
        return {"zone": "", "plant_zone": ""}
    return {"zone": chosen_zone(), "plant_zone": escape(catalogue().zone)}


def _known(name: str) -> str:
    return name if name and zone_of(name).key == name else ""
