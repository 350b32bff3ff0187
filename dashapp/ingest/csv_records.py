"""Text of a CSV file → records (rows of cells), in constant memory, so that a broken line costs only itself. No meaning
of cells here.
"""

import csv
from collections.abc import Callable, Iterator
from typing import NamedTuple, TextIO

LINE_CHARS = 1_000_000  # a longer line is cut here and refused
_BLOCK_CHARS = 1 << 18
_BATCH_BLOCKS = 32  # blocks of text held at once (8 million characters), whatever the number of rows
_QUOTED_LINES = 64  # most lines that one quoted cell may span


class Record(NamedTuple):  # a tuple: a dataclass takes three times as long to make, and there is one a row
    """One row: the line (from 1) that it begins on, its text, and its cells; `broken` says why there are none."""

    line: int
    text: str
    cells: list[str]
    broken: str | None = None


def read_records(
    file: TextIO, separator: str, *, rows: int, is_row: Callable[[list[str]], bool]
) -> Iterator[list[Record]]:
    """Lists of at most `rows` records (fewer where lines are long), blank lines left out.

    `file` is open in text mode with universal newlines. A quoted cell may hold separators and up to 64 lines. A quote
    that is opened and not closed, or closed only past lines that are rows by themselves (`is_row`), breaks the record
    of its own line; the next line is read anew.
    """
    held: list[str] = []
    line = 1
    for lines, final in _line_batches(file, rows):
        held += lines
        records, used = _split(held, line, separator, final, is_row)
        held, line = held[used:], line + used
        for start in range(0, len(records), rows):
            yield records[start : start + rows]


def _line_batches(file: TextIO, rows: int) -> Iterator[tuple[list[str], bool]]:
    """Up to `rows` lines at a time, without their ends, and whether they are the last."""
    batch: list[str] = []
    blocks = 0
    for block in _line_blocks(file):
        start = 0
        while len(batch) + len(block) - start > rows:
            end = start + rows - len(batch)
            yield batch + block[start:end], False
            batch, blocks, start = [], 0, end
        batch += block[start:]
        blocks += 1
        if blocks >= _BATCH_BLOCKS:
            yield batch, False
            batch, blocks = [], 0
    yield batch, True


def _line_blocks(file: TextIO) -> Iterator[list[str]]:
    """Lines without their ends, as many as a block of text holds; one longer than LINE_CHARS is cut to that length and
    its rest dropped.
    """
    rest, cutting = "", False
    while block := file.read(_BLOCK_CHARS):
        lines = (rest + block).split("\n")
        rest = lines.pop()
        if cutting and lines:
            del lines[0]  # the end of the line that was cut
            cutting = False
        if cutting:
            rest = ""
        elif len(rest) >= LINE_CHARS:
            lines.append(rest)
            rest, cutting = "", True
        if lines and len(lines[0]) > LINE_CHARS:  # only the first can be: a block is shorter
            lines[0] = lines[0][:LINE_CHARS]
        yield lines
    if rest and not cutting:
        yield [rest]


def _split(
    lines: list[str], first: int, separator: str, final: bool, is_row: Callable[[list[str]], bool]
) -> tuple[list[Record], int]:
    """The records of `lines`, the first of which is line `first`, and how many lines they used; an open quote at the
    end waits for more.
    """
    records: list[Record] = []
    index = 0
    while index < len(lines):
        text = lines[index]
        if len(text) >= LINE_CHARS:
            reason = f"the line is longer than {LINE_CHARS:,} characters; expected a row of cells"
            records.append(Record(first + index, text[:1000], [], reason))
            index += 1
        elif '"' not in text:
            if text and not text.isspace():
                records.append(Record(first + index, text, text.split(separator)))
            index += 1
        else:
            record, used = _quoted(lines, index, first, separator, final, is_row)
            if record is None:
                return records, index
            records.append(record)
            index += used
    return records, index


def _quoted(
    lines: list[str], index: int, first: int, separator: str, final: bool, is_row: Callable[[list[str]], bool]
) -> tuple[Record | None, int]:
    """The record that begins at `index` and how many lines it takes; None where the batch ends before its quote is
    closed.
    """
    taken = 0
    ran_out = False
    last = min(len(lines), index + _QUOTED_LINES)

    def feed() -> Iterator[str]:
        nonlocal taken, ran_out
        for position in range(index, last):
            taken += 1
            yield lines[position] + "\n"
        ran_out = True

    line, text = first + index, lines[index]
    try:
        cells = next(csv.reader(feed(), delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        return Record(line, text, [], f"the row cannot be split into cells: {error}"), 1
    if taken == 1 and not ran_out:
        return Record(line, text, cells), 1
    if ran_out and not final and last == len(lines) and last - index < _QUOTED_LINES:
        return None, 0
    swallowed = lines[index + 1 : index + taken]
    alone = any(is_row(other.split(separator)) or is_row(_cells_of(other, separator)) for other in swallowed)
    if ran_out or alone:
        return Record(
            line, text, [], 'a quote (") is opened and not closed on this line; expected its pair before the next row'
        ), 1
    return Record(line, "\n".join(lines[index : index + taken]), cells), taken


def _cells_of(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    except csv.Error:  # a cell longer than csv takes
        return []
