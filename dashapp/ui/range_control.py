"""The control for which time a page shows (`assets/45-time-range.js`): every page that has a history has this one.

A page gives it what is shown (`shown_range`), and a callback takes what is wanted from `asked`: `{"range": …}`, `{"from": …, "to": …}`, as
they stand in the address, or `{"back": true}`. `dashapp.ui.time_range` reads them.
"""

from typing import Any

from dashapp.ui.components import Id, _Andon
from dashapp.ui.time_range import NO_CALENDAR, PRESETS, SHIFTS, TimeRange, names_shift

SHORT_NAMES = {"15m": "15 m", "1h": "1 h", "8h": "8 h", "24h": "24 h", "7d": "7 d", "30d": "30 d", "1y": "1 y", "all": "All"}


class TimeRangeControl(_Andon):
    """Ranges up to now, shifts (`shifts` are the names that the line's calendars know), fixed times, steps and zooms.

    `presets` are (as in the address, on the button, in words). `shown` is what `shown_range` gives, None while nothing is shown yet; `back`
    says where Back leads, nothing where it leads nowhere. `missing` is said where there are no shifts. Times are in `zone`.
    """

    def __init__(
        self,
        id: Id | None = None,
        *,
        zone: str = "UTC",
        shifts: list[str] | None = None,
        shown: dict[str, Any] | None = None,
        asked: dict[str, Any] | None = None,
        back: str = "",
        presets: list[list[str]] | None = None,
        missing: str = NO_CALENDAR,
    ) -> None:
        shifts = shifts or []
        presets = presets or [[key, SHORT_NAMES[key], words] for key, (words, _) in PRESETS.items()]
        super().__init__(**locals())


def shown_range(shown: TimeRange, start_us: int, end_us: int) -> dict[str, Any]:
    """What the control needs to know of the range that is shown, which may reach a little beyond what was asked for."""
    is_shift = names_shift(shown.preset)
    return {
        "range": shown.preset,
        "start_ms": start_us / 1000,
        "end_ms": end_us / 1000,
        "words": shown.words,
        "shift": is_shift,
        "counts": shown.preset in SHIFTS or (shown.preset is not None and not is_shift),
        "problem": bool(shown.problem),
        "earlier": shown.earlier,
        "later": shown.later,
    }
