"""What a cell of a CSV file says as a time: any usual spelling → microseconds since 1970 UTC. No clock, no I/O.

A cell is rewritten as ISO 8601 by the shape of its date and then read, and so checked against the calendar, by pandas.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dashapp.ingest.csv_numbers import shown

ISO = "ISO8601"
EPOCH_PER_S = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000}
# Years outside are null dates of other systems (0001, 1601, 1899) or epochs in another unit; small ones are durations.
FIRST_US, LAST_US = (int(np.datetime64(day, "us").astype(np.int64)) for day in ("1900-01-01", "2200-01-01"))
FIRST_EPOCH_US = int(np.datetime64("1971-01-01", "us").astype(np.int64))

_ZONE = r"(?P<z>(?:(?:UTC|GMT)\s*)?[+-]\d{2}(?::?\d{2})?|[Zz]|UTC|GMT)"
_CLOCK = (
    r"(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9})|:(?P<ms>\d{3}))?)?\s*(?P<p>[AaPp]\.?[Mm]\.?)?"
)
_TAIL = rf"(?:(?:\s*[Tt]\s*|[\s,]+){_CLOCK}\s*{_ZONE}?)?"
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
    "mär": 3, "mrz": 3, "mai": 5, "okt": 10, "dez": 12,
}  # fmt: skip
Shape = Literal["year", "number", "name", "name_first", "digits"]
_SHAPES: dict[Shape, re.Pattern[str]] = {
    "year": re.compile(rf"(?P<Y>\d{{4}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<d>\d{{1,2}}){_TAIL}"),
    "number": re.compile(rf"(?P<d>\d{{1,2}})(?P<s>[-/.])(?P<m>\d{{1,2}})(?P=s)(?P<Y>\d{{4}}|\d{{2}}){_TAIL}"),
    "name": re.compile(rf"(?P<d>\d{{1,2}})(?P<s>[-/. ]+)(?P<n>[A-Za-zä]{{3,9}})[-/. ,]+(?P<Y>\d{{4}}|\d{{2}}){_TAIL}"),
    "name_first": re.compile(rf"(?P<n>[A-Za-zä]{{3,9}})(?P<s>[-/. ]+)(?P<d>\d{{1,2}})[-/. ,]+(?P<Y>\d{{4}}){_TAIL}"),
    "digits": re.compile(
        r"(?P<Y>(?:19|20|21)\d{2})(?P<m>\d{2})(?P<d>\d{2})"
        rf"(?:[Tt ]?(?P<H>\d{{2}})(?P<M>\d{{2}})(?:(?P<S>\d{{2}})(?:[.,](?P<f>\d{{1,9}}))?)?\s*{_ZONE}?)?"
        r"(?P<ms>)(?P<p>)(?P<s>)"
    ),
}
_STRICT_ISO = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?", re.ASCII
)
TIME_OF_DAY = re.compile(_CLOCK, re.ASCII)


def _iso_of(match: re.Match[str], day_first: bool) -> tuple[str | None, bool]:
    """The cell in ISO 8601 (None: no such month name or hour of twelve) and whether it carries a zone."""
    part = match.groupdict()
    year, day = part["Y"], part["d"]
    if len(year) == 2:
        year = ("20" if year < "69" else "19") + year  # POSIX: 69–99 are 1969–1999
    if "n" in part:
        number = _MONTHS.get(part["n"][:3].lower())
        if number is None:
            return None, False
        month = str(number)
    else:
        month = part["m"]
        if not day_first and match.re is _SHAPES["number"]:
            day, month = month, day
    date = f"{year}-{month:0>2}-{day:0>2}"
    if part["H"] is None:
        return date, False
    hour, half = part["H"], part["p"]
    if half:
        if not 1 <= int(hour) <= 12:
            return None, False
        hour = str(int(hour) % 12 + (12 if half[0] in "Pp" else 0))
    zone = (part["z"] or "").upper().replace(" ", "").replace("UTC", "Z").replace("GMT", "Z")
    zone = zone[1:] if len(zone) > 1 and zone[0] == "Z" else zone
    fraction = (part["f"] or part["ms"] or "0")[:6]
    return f"{date}T{hour:0>2}:{part['M']}:{part['S'] or '00'}.{fraction}{zone}", bool(zone)


def describe(match: re.Match[str], shape: Shape, day_first: bool) -> str:
    """A matched cell's format as for strptime; "ISO8601" where the year comes first and the day has 24 hours."""
    part = match.groupdict()
    if shape == "year" and not part["p"]:
        return ISO
    mark, year = part["s"], "%Y" if len(part["Y"]) == 4 else "%y"
    date = {
        "year": f"%Y{mark}%m{mark}%d",
        "number": f"%d{mark}%m{mark}{year}" if day_first else f"%m{mark}%d{mark}{year}",
        "name": f"%d{mark}%b{mark}{year}",
        "name_first": f"%b{mark}%d, %Y",
        "digits": "%Y%m%d",
    }[shape]
    if part["H"] is None:
        return date
    colon = "" if shape == "digits" else ":"
    seconds = (f"{colon}%S" if part["S"] else "") + (".%f" if part["f"] else ":%f" if part["ms"] else "")
    glue = match.string[match.end("Y" if shape not in ("year", "digits") else "d") : match.start("H")]
    hour, half = ("%I", " %p") if part["p"] else ("%H", "")
    return f"{date}{glue}{hour}{colon}%M{seconds}{half}{'%z' if part['z'] else ''}"


def match_shape(cell: str) -> tuple[Shape, re.Match[str]] | None:
    """The shape of date that a cell (stripped) has, or None."""
    for shape, pattern in _SHAPES.items():
        if (match := pattern.fullmatch(cell)) is not None:
            return shape, match
    return None


@dataclass(frozen=True, slots=True)
class TimeGuess:
    """How a column of times is written. `share` of its non-empty cells that are times, 0–1; `clock`: whether any has a
    time of day.
    """

    format: str | None
    day_first: bool
    share: float
    clock: bool


def guess_times(cells: Sequence[str], *, month_first: bool) -> TimeGuess:
    """How `cells` (non-empty, stripped) write time. `format` None: in more than one way.

    `month_first` settles 01/02/2024 where neither a day past the 12th nor the order of the cells does.
    """
    if not cells:
        return TimeGuess(None, False, 0.0, False)
    found = [match for match in map(match_shape, cells) if match is not None]
    epoch = _guess_epoch(cells)
    if epoch is not None and not (found and len(found) == len(cells)):
        return TimeGuess(epoch, False, 1.0, True)
    if not found:
        return TimeGuess(None, False, 0.0, False)
    numeric = [match for shape, match in found if shape == "number"]
    day_first = _day_first(numeric, month_first) if numeric else False
    shapes = Counter(shape for shape, _ in found)
    most, count = shapes.most_common(1)[0]
    longest = max((match for shape, match in found if shape == most), key=lambda match: len(match.string))
    format = describe(longest, most, day_first) if count >= 0.9 * len(found) else None
    refused = parse_times(cells, format, day_first)[2]
    return TimeGuess(
        format, day_first, 1 - len(refused) / len(cells), any(match["H"] is not None for _, match in found)
    )


def _day_first(matches: Sequence[re.Match[str]], month_first: bool) -> bool:
    """Whether 01/02/2024 is the 1st of February: by days past the 12th, else by which reading runs forward in smaller
    steps.
    """
    pairs = [(int(match["d"]), int(match["m"]), int(match["Y"])) for match in matches]
    first, second = (sum(pair[part] > 12 for pair in pairs) for part in (0, 1))
    if first != second:
        return first > second
    if matches[0]["s"] == ".":
        return True

    def travelled(day: int, month: int) -> int:
        days = [pair[2] * 372 + pair[month] * 31 + pair[day] for pair in pairs]
        return sum(abs(after - before) for before, after in pairwise(days))

    as_day, as_month = travelled(0, 1), travelled(1, 0)
    return as_day < as_month if as_day != as_month else not month_first


def _guess_epoch(cells: Sequence[str]) -> str | None:
    """The unit of epoch times by their size (1973 … 2200), None where the cells are none."""
    try:
        sizes = [float(cell.replace(",", ".")) for cell in cells]
    except ValueError:
        return None
    middle = sorted(sizes)[len(sizes) // 2]
    for name, per_s in EPOCH_PER_S.items():
        if 1e8 * per_s <= middle < LAST_US / 1e6 * per_s:
            return name
    return None


def looks_epoch(cell: str) -> bool:
    """Whether a cell is a number of the size of epoch times in any unit (1973 … 2199)."""
    return _guess_epoch([cell]) is not None


Refused = list[tuple[int, str]]


def parse_times(
    cells: Sequence[str], format: str | None, day_first: bool
) -> tuple[NDArray[np.int64], NDArray[np.bool_], Refused]:
    """A column of cells → microseconds since 1970 (n,), which of them are local times without a zone (n,), and the
    refused.

    Local times are given as if they were UTC: `LocalTimes` moves them. A refused cell's number is 0; its reason says
    what was expected.
    """
    if format in EPOCH_PER_S:
        times, refused = _parse_epoch(cells, format)
        return times, np.zeros(len(cells), dtype=np.bool_), refused
    import pandas as pd  # type: ignore[import-untyped, unused-ignore]  # 65 MB: loaded when the first file is read

    rewrite = _rewriter(format, day_first)
    spelled = [rewrite(cell) for cell in map(str.strip, cells)]
    local = np.array([not aware for _, aware in spelled], dtype=np.bool_)
    times = np.zeros(len(cells), dtype=np.int64)
    missing = np.iinfo(np.int64).min
    for chosen, utc in ((local, False), (~local, True)):
        if chosen.any():
            texts = np.array([spelled[index][0] for index in np.flatnonzero(chosen).tolist()], dtype=object)
            read = pd.to_datetime(texts, format=ISO, errors="coerce", utc=utc, cache=False)
            naive = read.tz_localize(None) if utc else read
            times[chosen] = naive.to_numpy().astype("datetime64[us]").astype(np.int64)
    refused = []
    for index in np.flatnonzero((times < FIRST_US) | (times >= LAST_US)).tolist():
        unreadable = spelled[index][0] is None
        no_such = bool(times[index] == missing)
        refused.append((index, _why_no_time(cells[index], format, unreadable, no_such)))
        times[index] = 0
    return times, local, refused


def _why_no_time(cell: str, format: str | None, unreadable: bool, no_such: bool) -> str:
    if not cell.strip():
        return f"the time is empty; expected one such as {example(format)}"
    if unreadable:
        return f"{shown(cell)} is not a time; expected one such as {example(format)}"
    if no_such:
        return f"{shown(cell)} is no day of the calendar or hour of the day; expected a time such as {example(format)}"
    return f"{shown(cell)} is outside the years 1900 to 2199"


def example(format: str | None) -> str:
    """A time written in `format`, for an error to show."""
    moment = datetime(2024, 12, 31, 23, 59, 58)
    if format in EPOCH_PER_S:
        return str(1735689598 * EPOCH_PER_S[format])
    return moment.strftime("%Y-%m-%d %H:%M:%S" if format in (None, ISO) else str(format))


def _rewriter(format: str | None, day_first: bool) -> Callable[[str], tuple[str | None, bool]]:
    """The function that spells a stripped cell as ISO 8601 and says whether it has a zone; (None, False) where it is no
    time.
    """

    def by_shape(
        shapes: Sequence[Shape], first: bool, year_digits: tuple[int, ...]
    ) -> Callable[[str], tuple[str | None, bool]]:
        patterns = [_SHAPES[shape] for shape in shapes]

        strictly = _STRICT_ISO.fullmatch if "year" in shapes else None

        def rewrite(cell: str) -> tuple[str | None, bool]:
            if strictly is not None and (strict := strictly(cell)) is not None:
                return cell, strict.lastindex is not None
            for pattern in patterns:
                if (match := pattern.fullmatch(cell)) is not None and len(match["Y"]) in year_digits:
                    return _iso_of(match, first)
            return None, False

        return rewrite

    if format is None:
        return by_shape(tuple(_SHAPES), day_first, (2, 4))
    if format == ISO:
        return by_shape(("year", "digits"), False, (4,))
    moment = datetime(2021, 11, 25, 13, 46, 57)
    if (known := match_shape(moment.strftime(format))) is not None:
        shape, match = known
        order = day_first if "%d" not in format or "%m" not in format else format.index("%d") < format.index("%m")
        if (_iso_of(match, order)[0] or "")[:10] == "2021-11-25":
            return by_shape((shape,), order, (len(match["Y"]),))
    return _by_strptime(format)


def _by_strptime(format: str) -> Callable[[str], tuple[str | None, bool]]:
    """For a format of the caller's own in no usual shape ("%H:%M:%S %d/%m/%Y")."""

    def rewrite(cell: str) -> tuple[str | None, bool]:
        try:
            moment = datetime.strptime(cell, format)  # a local time: LocalTimes moves it
        except ValueError:
            return None, False
        return moment.isoformat(), moment.tzinfo is not None

    return rewrite


def _parse_epoch(cells: Sequence[str], format: str) -> tuple[NDArray[np.int64], Refused]:
    per_s = EPOCH_PER_S[format]
    if "".join(cells).isdecimal() and max(map(len, cells)) <= 18 and min(map(len, cells)) > 0:
        counts = np.array([int(cell) for cell in cells], dtype=np.int64)
        whole = counts * (1_000_000 // per_s) if per_s <= 1_000_000 else counts // (per_s // 1_000_000)
        if counts.max() < LAST_US // 1_000_000 * per_s and whole.min() >= FIRST_EPOCH_US:
            return whole, []
    times = np.zeros(len(cells), dtype=np.int64)
    refused: Refused = []
    for index, cell in enumerate(cells):
        time_us = _epoch_us(cell.strip(), per_s)
        if time_us is None:
            unit = {1: "seconds", 1_000: "milliseconds", 1_000_000: "microseconds"}.get(per_s, "nanoseconds")
            refused.append(
                (index, f"{shown(cell)} is not a time in {unit} since 1970 (1971 to 2199), such as {example(format)}")
            )
        else:
            times[index] = time_us
    return times, refused


def _epoch_us(cell: str, per_s: int) -> int | None:
    """The cell in microseconds, None where it is no number or out of range (checked before an exponent is written out).
    """
    try:
        count = Decimal(cell.replace(",", ".")) if "_" not in cell else Decimal("nan")
    except InvalidOperation:
        return None
    if not count.is_finite() or count.adjusted() > 24:
        return None
    time_us = count * 1_000_000 / per_s
    return round(time_us) if FIRST_EPOCH_US <= time_us < LAST_US else None
