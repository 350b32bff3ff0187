"""Lines of an export → a table: the separator, the header and the row of units below it, the rows of data. No meaning
of columns here.
"""

import csv
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dashapp.ingest.csv_encoding import CsvError
from dashapp.ingest.csv_names import as_unit, header_names
from dashapp.ingest.csv_numbers import EMPTY, parse_number, shown
from dashapp.ingest.csv_times import looks_epoch, match_shape

SEPARATORS = ";\t|,"  # the comma last: it may be the decimal mark
_LOOK_ROWS = 200
_LOOK_COLUMNS = 100


@dataclass(frozen=True, slots=True)
class Table:
    """`names` of the columns (column_1 … without a header), `units` of a row below the header, `rows` of data with a
    cell for each name.
    """

    separator: str
    has_header: bool
    names: tuple[str, ...]
    units: tuple[str | None, ...]
    rows: list[list[str]]


def find_table(lines: Sequence[str], *, separator: str | None = None, has_header: bool | None = None) -> Table:
    """The table in `lines` (none blank). Raises CsvError("separator" or "header", …) where there is none or its header
    does not fit.

    `separator` and `has_header` are somebody's own word for it; a header that is said to be there and not found is the
    first line as wide as the rows.
    """
    separator, rows = _split(lines, SEPARATORS if separator is None else separator)
    width = _width(rows)
    clock, is_time = _clock([row for row in rows if len(row) == width][:_LOOK_ROWS])
    first = next((i for i, row in enumerate(rows) if len(row) == width and is_time(row[clock])), 0)
    data = [row for row in rows[first:] if len(row) == width]
    before = [row for row in rows[:first] if len(_trimmed(row)) > 1 and not row[0].lstrip().startswith("#")]
    at = None if has_header is False else _header_at(before, width, max(len(_trimmed(row)) for row in data))
    no_units: tuple[str | None, ...] = (None,) * width
    if has_header and at is None:
        return Table(separator, True, header_names(data[0]), no_units, data[1:])
    if at is None:
        return Table(separator, False, header_names([""] * width), no_units, data)
    header = (before[at] + [""] * width)[:width]
    others = [cell for position, cell in enumerate(header) if position != clock]
    if has_header is None and sum(map(str.isdigit, header[clock])) >= 4 and all(
        map(_is_number, others)
    ):  # data with a time that cannot be read
        return Table(separator, False, header_names([""] * width), no_units, [header, *data])
    below = before[at + 1] if at + 1 < len(before) else []
    units = (
        tuple(as_unit(cell.strip(" []()")) for cell in below)
        if len(below) == width and is_unit_row(below)
        else no_units
    )
    return Table(separator, True, header_names(header), units, data)


def is_unit_row(cells: Sequence[str]) -> bool:
    """Whether a row below the header tells the columns' units: at least one unit, no number, no time."""
    stripped = [cell.strip(" []()") for cell in cells if cell.strip().lower() not in EMPTY]
    return any(as_unit(cell) for cell in stripped) and not any(map(_makes_sense, stripped))


def _split(lines: Sequence[str], separators: str) -> tuple[str, list[list[str]]]:
    """The separator under which most cells make sense, and the rows that it gives."""
    best: tuple[tuple[float, int], str, list[list[str]]] | None = None
    for separator in separators:
        rows = [_cells(line, separator) for line in lines]
        if max(map(len, rows)) < 2:
            continue
        width = _width(rows)
        usual = [row for row in rows if len(row) == width]
        cells = [cell for row in usual[:_LOOK_ROWS] for cell in row[:_LOOK_COLUMNS] if cell.strip()]
        sense = sum(map(_makes_sense, cells)) / len(cells) if cells else 0.0
        rank = (round(sense * len(usual) / len(rows), 3), width)
        if best is None or rank > best[0]:
            best = rank, separator, rows
    if best is None:
        found = f"the first line is {shown(lines[0])}"
        tried = "no comma, semicolon, tab or |" if separators == SEPARATORS else f"no {shown(separators)}"
        raise CsvError("separator", f"{tried} splits the lines into columns; {found}")
    return best[1], best[2]


def _cells(line: str, separator: str) -> list[str]:
    """One line by itself, so that a stray quote in the sample costs one line."""
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a cell longer than csv takes
        return []


def _makes_sense(cell: str) -> bool:
    return match_shape(cell.strip()) is not None or _is_number(cell)


def _is_number(cell: str) -> bool:
    for decimal in ".,":
        try:
            parse_number(cell, decimal)
        except ValueError:
            continue
        return True
    return False


def _width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells most rows have; of rows with more than one, which titles and notes are not."""
    return Counter(len(row) for row in rows if len(row) > 1).most_common(1)[0][0]


def _trimmed(row: Sequence[str]) -> Sequence[str]:
    """The row without the empty cells at its end."""
    end = len(row)
    while end and not row[end - 1].strip():
        end -= 1
    return row[:end]


def _clock(rows: Sequence[Sequence[str]]) -> tuple[int, Callable[[str], bool]]:
    """The column that holds most times, of text where there are any, and the test for them."""

    def is_text_time(cell: str) -> bool:
        return match_shape(cell.strip()) is not None

    for is_time in (is_text_time, looks_epoch):
        hits = [sum(is_time(row[p]) for row in rows) for p in range(min(len(rows[0]), _LOOK_COLUMNS))]
        if any(hits):
            return hits.index(max(hits)), is_time
    return 0, is_text_time


def _header_at(before: Sequence[Sequence[str]], width: int, filled: int) -> int | None:
    """Which of the rows above the data is the header, None where none is: the first that fits and names all columns but
    one at most.

    `filled` is the number of cells up to the last one that any row of data fills.
    """
    fitting = [at for at, row in enumerate(before) if filled <= len(_trimmed(row)) <= width]
    full = [at for at in fitting if sum(bool(cell.strip()) for cell in before[at]) >= filled - 1]
    if full or fitting:
        return (full or fitting)[0]
    names = len(_trimmed(before[-1])) if before else 0
    if names and (names == filled - 1 or names > width):
        hint = "; a cell that holds the separator needs quotes" if names < filled else ""
        header = shown(", ".join(before[-1]))
        raise CsvError("header", f"the header {header} names {names} columns, but the rows have {filled} cells{hint}")
    return None
