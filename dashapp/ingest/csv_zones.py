"""Local times without a zone → UTC, with the hour that comes twice a year told apart by the order of the file."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

_NO_SHIFT = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu", "UCT", "Universal"})
_MISSING = np.iinfo(np.int64).min


def zone_exists(zone: str) -> bool:
    """Whether `zone` is a name of the IANA time zone database ("Europe/Berlin")."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        return False
    return True


@dataclass(slots=True)
class _Overlap:
    """How far one series has come inside a repeated hour."""

    night: int  # the hour that comes twice, by its UTC end on the clock before the change
    last_us: int
    rows: int = 1
    second: bool = False


@dataclass(slots=True)
class LocalTimes:
    """Moves local times of one file to UTC; keeps, per series, whether a repeated hour is on its second pass.

    The first pass (the earlier instant) is meant until the clock of a series steps back inside the hour by half its
    length or more, or shows the hour's first time again at once (hourly rows); from there on the second. Small disorder
    and repeated rows do not flip it.
    """

    zone: str
    _overlaps: dict[Hashable, _Overlap] = field(default_factory=dict)

    @property
    def is_utc(self) -> bool:
        """Whether the zone's clock is UTC."""
        return self.zone in _NO_SHIFT

    def to_utc(
        self, local_us: NDArray[np.int64], series: Sequence[Hashable] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
        """Local microseconds (n,) → UTC microseconds (n,), which were ambiguous (n,), which do not exist on that zone's
        clock (n,).

        `series` names the series of each row, so that interleaved sensors do not look like a clock that steps back;
        None: one series. A time that does not exist has the number 0.
        """
        never = np.zeros(len(local_us), dtype=np.bool_)
        if self.is_utc or not len(local_us):
            return local_us, never, never
        first, last = self._instants(local_us, True), self._instants(local_us, False)
        missing = (first == _MISSING) | (last == _MISSING)
        early, late = np.minimum(first, last), np.maximum(first, last)
        twice = (early != late) & ~missing
        utc = np.where(missing, 0, early)
        for index in np.flatnonzero(twice).tolist():
            key = None if series is None else series[index]
            if self._is_second(key, int(local_us[index]), int(early[index]), int(late[index])):
                utc[index] = late[index]
        return utc, twice, missing

    def _instants(self, local_us: NDArray[np.int64], daylight: bool) -> NDArray[np.int64]:
        import pandas as pd  # type: ignore[import-untyped, unused-ignore]  # 65 MB: loaded when the first file is read

        index = pd.DatetimeIndex(local_us.astype("datetime64[us]"))
        aware = index.tz_localize(self.zone, ambiguous=np.full(len(local_us), daylight), nonexistent="NaT")
        utc = aware.tz_convert("UTC").tz_localize(None).to_numpy()
        moved: NDArray[np.int64] = utc.astype("datetime64[us]").astype(np.int64)
        return moved

    def _is_second(self, series: Hashable, local_us: int, early_us: int, late_us: int) -> bool:
        length = late_us - early_us
        night = early_us // 86_400_000_000
        seen = self._overlaps.get(series)
        if seen is None or abs(seen.night - night) > 1:  # nights a year apart; an hour across midnight UTC is one night
            self._overlaps[series] = _Overlap(night, local_us)
            return False
        back = seen.last_us - local_us
        if not seen.second and (back * 2 >= length or (back == 0 and seen.rows == 1)):
            seen.second = True
        seen.last_us, seen.rows = local_us, seen.rows + 1
        return seen.second
