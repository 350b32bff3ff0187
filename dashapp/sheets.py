"""Tables as files for spreadsheets: CSV and XLSX, in which no text of ours runs as a formula."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import numpy as np

MARK = "\ufeff"  # tells spreadsheets that it is UTF-8
FORMULA = re.compile(r"^\s*[=+\-@]|^[\t\r]")
LONGEST_CELL = 32_767  # what a cell of a spreadsheet holds
XLSX_ROWS = 1_048_575  # and a sheet, below its head
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV_TYPE = "text/csv; charset=utf-8"
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_READ_BYTES = 256 * 1024

Row = Sequence[Any]


class SheetTime(float):
    """A time as workbooks count it: days since 30 December 1899, in UTC."""


def csv_cell(value: Any) -> Any:
    """A cell that a spreadsheet reads as what it is: text that would run as a formula gets an apostrophe before it."""
    if isinstance(value, str) and FORMULA.match(value):
        return "'" + value
    return value


def csv_text(rows: Iterable[Row]) -> bytes:
    """Rows as CSV, guarded, in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows([csv_cell(cell) for cell in row] for row in rows)
    return text.getvalue().encode()


def xlsx_pieces(tables: Iterable[tuple[str, Row, Iterable[Row]]]) -> Iterator[bytes]:
    """A workbook of sheets (name, head, rows), in pieces, made by way of a file: its memory does not grow with the rows.

    Numbers are numbers, times of RFC 3339 are dates of UTC (a workbook knows no zones), and every text is stored as a text: nothing is
    a formula or a link. Raises ValueError where a sheet would have more than 1,048,575 rows.
    """
    with TemporaryDirectory(prefix="andon-xlsx-") as folder:
        path = Path(folder) / "workbook.xlsx"
        _write_workbook(path, tables, folder)
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                yield piece


def xlsx_bytes(tables: Iterable[tuple[str, Row, Iterable[Row]]]) -> bytes:
    """The same at once, for small ones."""
    return b"".join(xlsx_pieces(tables))


def _write_workbook(path: Path, tables: Iterable[tuple[str, Row, Iterable[Row]]], folder: str) -> None:
    import xlsxwriter  # where the first workbook is asked for

    options = {
        "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        "nan_inf_to_errors": True, "tmpdir": folder, "default_date_format": "yyyy-mm-dd hh:mm:ss.000",
    }  # fmt: skip
    with xlsxwriter.Workbook(str(path), options) as book:
        bold = book.add_format({"bold": True, "bottom": 1})
        moment = book.add_format({"num_format": options["default_date_format"]})
        for name, head, rows in tables:
            sheet = book.add_worksheet(_sheet_name(name))
            sheet.freeze_panes(1, 0)
            for column, title in enumerate(head):
                sheet.write_string(0, column, str(title), bold)
                sheet.set_column(column, column, max(12, min(len(str(title)) + 4, 40)))
            for number, row in enumerate(rows, 1):
                if number > XLSX_ROWS:
                    raise ValueError(f"a sheet holds {XLSX_ROWS:,} rows")
                for column, value in enumerate(row):
                    if isinstance(value, SheetTime):
                        sheet.write_number(number, column, value, moment)
                    else:
                        _write_cell(sheet, number, column, value)


def _write_cell(sheet: Any, row: int, column: int, value: Any) -> None:
    if value is None or value == "":
        return
    if isinstance(value, datetime):
        sheet.write_datetime(row, column, value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value)
    elif isinstance(value, bool):
        sheet.write_string(row, column, "yes" if value else "no")
    elif isinstance(value, int | float | np.number):
        sheet.write_number(row, column, float(value))
    elif _MOMENT.fullmatch(text := str(value)):
        sheet.write_datetime(row, column, datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None))
    else:
        sheet.write_string(row, column, text[:LONGEST_CELL])


def sheet_times(time_us: "np.ndarray[Any, np.dtype[np.int64]]") -> list[SheetTime]:
    """Microseconds since 1970 UTC for a workbook; shape (n,)."""
    return [SheetTime(days) for days in (time_us / 86_400_000_000 + 25_569.0).tolist()]


def _sheet_name(name: str) -> str:
    """What a workbook takes as the name of a sheet."""
    return re.sub(r"[\[\]:*?/\\]", "-", name).strip("'")[:31] or "Sheet"


def iso_times(time_us: "np.ndarray[Any, np.dtype[np.int64]]") -> list[str]:
    """RFC 3339 in UTC, to the millisecond where nothing is finer; shape (n,)."""
    unit = "us" if (time_us % 1000).any() else "ms"
    return [text + "Z" for text in np.datetime_as_string(time_us.astype("datetime64[us]"), unit=unit).tolist()]


def plain_number(value: float) -> int | float:
    """A whole number without its point."""
    return int(value) if value.is_integer() and abs(value) < 1e15 else value


def attachment(name: str) -> str:
    """The header that names a download, in ASCII and, for browsers of this century, as it is."""
    plain = name.encode("ascii", "replace").decode().replace("?", "-").replace('"', "-")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name)}"
