"""What a cell of a CSV file says as a number: decimal point or comma, digit groups, nothing. Never a guess at a value.
"""

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# What exports write where nothing was measured. "nan" is not among them: it was computed, and is refused by name.
EMPTY = frozenset({"", "null", "none", "na", "n/a", "#n/a", "\\n"})
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_PLAIN = str.maketrans(
    {"\u00a0": " ", "\u202f": " ", "\u2009": " ", "−": "-"}
)  # blanks between digit groups, the typographic minus
_GROUPED = {
    mark: re.compile(
        rf"[+-]?\d{{1,3}}(?:([{group} '’])\d{{3}})(?:\1\d{{3}})*(?:{re.escape(mark)}\d+)?(?:[eE][+-]?\d+)?", re.ASCII
    )
    for mark, group in ((".", ","), (",", "."))
}
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity|∞|1\.?#(?:inf|ind|qnan|snan)\w*|nan\(.*\))", re.IGNORECASE)
_FLAGS = {"true": 1.0, "false": 0.0}


def shown(text: str) -> str:
    """`text` as an error quotes it: at most 40 characters, what cannot be printed escaped."""
    text = text if len(text) <= 40 else text[:39] + "…"
    return "“" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text) + "”"


def parse_number(cell: str, decimal: str) -> float:
    """The number in a cell; NaN where the cell is empty. `decimal` is "." or ",".

    Raises ValueError with the reason: not a number, not finite, or readable in two ways ("1.234" with a decimal comma).
    """
    text = cell.strip().translate(_PLAIN)
    if text.lower() in EMPTY:
        return math.nan
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{shown(cell)} is not a finite number; an empty cell says that nothing was measured")
    if text.lower() in _FLAGS:
        return _FLAGS[text.lower()]
    plain = text if decimal == "." else text.replace(",", ".") if "." not in text else ""
    if not _NUMBER.fullmatch(plain):
        plain = _ungrouped(text, cell, decimal)
    number = float(plain)
    if not math.isfinite(number):
        raise ValueError(f"{shown(cell)} is larger than a double can hold (about 1.8e308)")
    return number


def _ungrouped(text: str, cell: str, decimal: str) -> str:
    """The number without its digit groups ("1,234.5" → "1234.5"); ValueError where it is none or may mean two things.
    """
    found = _GROUPED[decimal].fullmatch(text)
    example = "12.5" if decimal == "." else "12,5"
    if found is None:
        other = "decimal comma" if decimal == "," else "decimal point"
        raise ValueError(
            f"{shown(cell)} is not a number; expected one with {other} such as {example}, or an empty cell"
        )
    mark = found[1]
    if mark in ",." and text.count(mark) == 1 and decimal not in text:
        kind = "point" if decimal == "." else "comma"
        whole, low = text.replace(mark, ""), text.replace(mark, decimal)
        raise ValueError(f"{shown(cell)} may mean {whole} or {low}; expected a decimal {kind} and no digit groups")
    return text.replace(mark, "").replace(decimal, ".")


def parse_numbers(cells: Sequence[str], decimal: str) -> tuple[NDArray[np.float64], list[tuple[int, str]]]:
    """A column of cells → float64 of shape (n,), NaN where a cell is empty or refused, and the refused as (index,
    reason).

    Same meaning as `parse_number` cell by cell; a column that `float` understands whole takes a tenth of the time.
    """
    fast = _fast_numbers(cells, decimal)
    if fast is not None:
        return fast, []
    values = np.full(len(cells), math.nan)
    refused: list[tuple[int, str]] = []
    for index, cell in enumerate(cells):
        try:
            if not cell:
                continue
            plain = cell if decimal == "." else cell.replace(",", ".") if "." not in cell else ""
            if _NUMBER.fullmatch(plain) and math.isfinite(number := float(plain)):
                values[index] = number
            else:
                values[index] = parse_number(cell, decimal)
        except ValueError as error:
            refused.append((index, str(error)))
    return values, refused


def _fast_numbers(cells: Sequence[str], decimal: str) -> NDArray[np.float64] | None:
    """The column by `float`, or None where any cell needs a closer look."""
    text = "\n".join(cells)
    if "_" in text or not text.isascii():  # float() takes 1_000 and ١٢ for numbers
        return None
    if decimal == ",":
        if "." in text:
            return None
        cells = text.replace(",", ".").split("\n") if text.count("\n") == len(cells) - 1 else cells
    try:
        values = np.array([float(cell) if cell else math.nan for cell in cells], dtype=np.float64)
    except ValueError:
        return None
    return values if np.count_nonzero(~np.isfinite(values)) == cells.count("") else None


def looks_decimal_comma(cells: Sequence[str], *, doubtful_is_comma: bool) -> bool:
    """Whether the numbers among `cells` are written with a decimal comma, by the cells that cannot be read otherwise.

    `doubtful_is_comma` decides where every one could be either ("21,375"): a comma that does not separate columns is a
    decimal one.
    """
    votes = {",": 0, ".": 0}
    doubtful = {",": 0, ".": 0}
    for cell in cells:
        text = cell.strip()
        for mark in ",.":
            if mark not in text:
                continue
            if _NUMBER.fullmatch(text.replace(mark, ".")) and text.count(mark) == 1:
                tail = text.split(mark)[1]
                sure = not re.fullmatch(r"\d{3}", tail) or not re.fullmatch(r"[+-]?[1-9]\d{0,2}", text.split(mark)[0])
                (votes if sure else doubtful)[mark] += 1
            elif _GROUPED[mark].fullmatch(text) and text.count(mark) == 1:
                votes[mark] += 1
    if votes[","] != votes["."]:
        return votes[","] > votes["."]
    return doubtful_is_comma and doubtful[","] > 0 and doubtful["."] == 0
