"""Which column of an export is what: time, device, sensor, value, quality, or a sensor of its own. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dashapp.ingest.csv_names import as_unit, slug, words
from dashapp.ingest.csv_numbers import EMPTY, parse_number
from dashapp.ingest.csv_times import EPOCH_PER_S, TIME_OF_DAY, TimeGuess, guess_times

_TIME_NAME = re.compile(r"time|date|zeit|datum|stamp|epoch|uhr|fecha|heure|(?:^|_)(?:ts|t|dt|utc)(?:_|$)")
VALUE_NAMES = words(
    "value val values reading wert messwert measured_value numeric_value v y data valor valeur var_value mw"
)
SENSOR_NAMES = words(
    "sensor sensor_id sensor_key sensor_name sensor_type tag tags tag_id tag_name tagname point point_id point_name "
    "signal signal_name channel channel_name kanal metric metric_name measurement measurement_name measure variable "
    "variable_name varname var_name parameter parameter_name param name type field series series_id timeseries item "
    "item_id node_id nodeid messstelle messgroesse attribute quantity data_point datapoint"
)
DEVICE_NAMES = words(
    "device device_id device_key device_name deviceid machine machine_id machine_key machine_name asset asset_id "
    "asset_name equipment equipment_id equipment_name station station_id geraet maschine maschinen_id anlage host "
    "thing thing_id"
)
QUALITY_NAMES = words("quality quality_code opc_quality qualitaet qualifier q qc")
_STATUS_NAMES = words("status state validity confidence")  # quality only where they are words, or beside the one value
_INDEX_NAMES = words("unnamed_0 index idx id row row_id row_number nr no record record_id lfd_nr column_1")
_QUALITY_WORDS = words("good bad uncertain ok valid invalid gut schlecht questionable substituted annotated")
_OPC_DA = frozenset((0, 4, 8, 12, 16, 20, 24, 28, 32, 64, 68, 80, 84, 88, 192, 216))  # OPC DA 2.05a §6.8
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_CLOCK_DIGITS = re.compile(r"[0-2]\d[0-5]\d[0-5]\d", re.ASCII)
_MOSTLY = 0.6  # a column is what six of ten of its cells are


@dataclass(frozen=True, slots=True)
class Roles:
    """Positions of the columns by what they are; `time` guess of the (joined) time columns; shares of numbers, 0–1, by
    position.
    """

    times: tuple[int, ...]
    time: TimeGuess
    shares: tuple[float, ...]
    imported: tuple[int, ...]
    device: int | None = None
    sensor: int | None = None
    value: int | None = None
    quality: int | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the sample says of one column. `cells` are stripped; `share` of the telling ones that are numbers."""

    slug: str
    cells: tuple[str, ...]
    numbers: tuple[float, ...]
    share: float
    says: bool  # whether any cell tells what the column holds: neither empty nor nan

    @property
    def filled(self) -> list[str]:
        return [cell for cell in self.cells if cell]

    @property
    def is_number(self) -> bool:
        return self.share >= 0.5

    @property
    def is_text(self) -> bool:
        return self.says and not self.is_number


def _facts(name: str, cells: Sequence[str], decimal: str) -> _Facts:
    stripped = tuple(cell.strip() for cell in cells)
    telling = [cell for cell in stripped if cell.lower() not in EMPTY and not _NOT_FINITE.fullmatch(cell)]
    numbers = []
    for cell in telling:
        try:
            numbers.append(parse_number(cell, decimal))
        except ValueError:
            continue
    return _Facts(slug(name), stripped, tuple(numbers), len(numbers) / len(telling) if telling else 0.0, bool(telling))


def find_roles(
    names: Sequence[str],
    columns: Sequence[Sequence[str]],
    *,
    has_header: bool,
    decimal: str,
    month_first: bool,
    times: Sequence[int] = (),
    wide: bool = False,
) -> Roles | None:
    """The roles of `columns` (each its cells, all of one length) called `names`; None where no column holds times.

    `times` are positions that somebody says hold the time; `wide`: every column is a sensor of its own, they say.
    """
    facts = [_facts(name, cells, decimal) for name, cells in zip(names, columns, strict=True)]
    found = _told_time(facts, times, month_first) if times else _find_time(facts, month_first)
    if found is None:
        return None
    times, time = found
    shares = tuple(fact.share for fact in facts)
    rest = [
        position
        for position, fact in enumerate(facts)
        if position not in times and not _is_index(fact, position, has_header) and not _is_time(fact, month_first)
    ]
    device = next((p for p in rest if has_header and facts[p].slug in DEVICE_NAMES), None)
    rest = [position for position in rest if position != device]
    sensor, value = (None, None) if wide else _find_long(facts, rest, has_header)
    if not has_header and sensor is not None and device is None:
        texts = _names_like(facts, rest)
        if len(texts) == 2:
            device, sensor = texts
    rest = [position for position in rest if position not in (device, sensor)]
    numbers = [position for position in rest if facts[position].is_number]
    quality = _find_quality(facts, rest, numbers, value)
    if value is not None:
        return Roles(times, time, shares, (value,), device, sensor, value, quality)
    # what is empty so far may be filled further down; the nameless one after a trailing separator is no column
    silent = [
        p
        for p in rest
        if not facts[p].says and (facts[p].filled or (has_header and not names[p].startswith("column_")))
    ]
    imported = tuple(sorted(p for p in {*numbers, *silent} if p != quality))
    return Roles(times, time, shares, imported, device, None, None, quality)


def _told_time(facts: Sequence[_Facts], times: Sequence[int], month_first: bool) -> tuple[tuple[int, ...], TimeGuess]:
    """The columns that somebody chose, joined by a blank, and how they write time."""
    rows = zip(*(facts[position].cells for position in times), strict=True)
    joined = [" ".join(cells).strip() for cells in rows]
    return tuple(times), guess_times([cell for cell in joined if cell], month_first=month_first)


def _find_time(facts: Sequence[_Facts], month_first: bool) -> tuple[tuple[int, ...], TimeGuess] | None:
    """The column of times, or the pair of date and time of day; a name that says so goes first, then a time of day,
    then the leftmost.
    """
    best: tuple[tuple[bool, bool, bool, int], int, TimeGuess] | None = None
    for position, fact in enumerate(facts):
        if not fact.filled:
            continue
        named = _TIME_NAME.search(fact.slug) is not None
        guess = guess_times(fact.filled[:50], month_first=month_first)
        if guess.share < _MOSTLY or (fact.is_number and not named and position > 0):
            continue
        epoch = guess.format in EPOCH_PER_S
        rank = (not epoch, guess.clock, named, -position)
        if best is None or rank > best[0]:
            best = rank, position, guess
    if best is None:
        return None
    position, guess = best[1], guess_times(facts[best[1]].filled, month_first=month_first)
    if guess.clock:
        return (position,), guess
    others = sorted((p for p in range(len(facts)) if p != position), key=lambda p: abs(p - position - 0.5))
    for other in others:
        if _is_clock(facts[other], guess.format):
            both = zip(facts[position].cells, facts[other].cells, strict=True)
            joined = guess_times([f"{day} {clock}" for day, clock in both if day and clock], month_first=month_first)
            if joined.share >= _MOSTLY:
                return (position, other), joined
    return (position,), guess


def _is_clock(fact: _Facts, date_format: str | None) -> bool:
    filled = fact.filled
    digits = date_format == "%Y%m%d" and _TIME_NAME.search(fact.slug) is not None
    patterns = (TIME_OF_DAY, _CLOCK_DIGITS) if digits else (TIME_OF_DAY,)
    hits = sum(any(pattern.fullmatch(cell) for pattern in patterns) for cell in filled)
    return bool(filled) and hits >= _MOSTLY * len(filled)


def _is_time(fact: _Facts, month_first: bool) -> bool:
    """A second column of times ("received_at"), which is no sensor."""
    filled = fact.filled[:50]
    if not filled or (fact.is_number and _TIME_NAME.search(fact.slug) is None):
        return False
    return guess_times(filled, month_first=month_first).share >= _MOSTLY


def _is_index(fact: _Facts, position: int, has_header: bool) -> bool:
    """A running number of the rows, as pandas and databases write beside the data."""
    named = fact.slug in _INDEX_NAMES if has_header else position == 0
    steps = {after - before for before, after in pairwise(fact.numbers)}
    return named and (steps == {1.0} or fact.slug == "unnamed_0")


def _find_long(facts: Sequence[_Facts], rest: Sequence[int], has_header: bool) -> tuple[int | None, int | None]:
    """Sensor and value column of a long file; (None, None) where each column is a sensor of its own."""
    numbers = [p for p in rest if facts[p].is_number and facts[p].slug not in QUALITY_NAMES | SENSOR_NAMES]
    if not has_header:
        texts = _names_like(facts, rest)
        return (texts[-1], numbers[0]) if len(numbers) == 1 and len(texts) in (1, 2) else (None, None)
    values = [p for p in rest if facts[p].slug in VALUE_NAMES and not facts[p].is_text]
    sensors = [p for p in rest if facts[p].slug in SENSOR_NAMES and p not in values]
    sensors.sort(
        key=lambda p: (not facts[p].is_text, "sensor" not in facts[p].slug, facts[p].slug in ("name", "type"), p)
    )
    if not sensors:
        return None, None
    if values:
        return sensors[0], values[0]
    return (sensors[0], numbers[0]) if facts[sensors[0]].is_text and len(numbers) == 1 else (None, None)


def _names_like(facts: Sequence[_Facts], rest: Sequence[int]) -> list[int]:
    """Text columns that hold a few names again and again: no quality words, no units."""
    found = []
    for position in rest:
        filled = facts[position].filled
        names = set(filled)
        few = len(names) <= max(1, len(filled) // 2) or len(filled) < 10
        said = {name.lower() for name in names} <= _QUALITY_WORDS or all(as_unit(name) for name in names)
        if facts[position].is_text and few and not said:
            found.append(position)
    return found


def _find_quality(
    facts: Sequence[_Facts], rest: Sequence[int], numbers: Sequence[int], value: int | None
) -> int | None:
    """The column of quality codes. "quality" of numbers that are no OPC codes is a sensor (a score in %), unless beside
    the one value.
    """
    for position in rest:
        fact = facts[position]
        others = [p for p in numbers[:3] if p != position]  # whether there is one, or more than one, is all that counts
        beside = value is not None or (len(others) == 1 and facts[others[0]].slug in VALUE_NAMES)
        if position == value:
            continue
        if fact.slug in QUALITY_NAMES and others and (fact.is_text or beside or _is_codes(fact.numbers)):
            return position
        if (
            fact.slug in _STATUS_NAMES
            and others
            and (beside or (fact.is_text and {c.lower() for c in fact.filled} <= _QUALITY_WORDS))
        ):
            return position
        if fact.is_text and {cell.lower() for cell in fact.filled} <= _QUALITY_WORDS:
            return position
    return None


def _is_codes(numbers: Sequence[float]) -> bool:
    return bool(numbers) and all(
        number in _OPC_DA or (number >= 2**30 and math.floor(number) == number) for number in numbers
    )
