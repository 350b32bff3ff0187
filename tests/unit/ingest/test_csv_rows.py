"""What comes out of a CSV file: the same numbers and times, in file order, and every refusal named without its
neighbours.
"""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashapp.ingest.csv_format import CsvError, guess_format
from dashapp.ingest.csv_rows import RefusedRow
from tests.unit.ingest.csv_chunks import GOOD, HEADER, one, read, refusals, times

pytestmark = pytest.mark.requirement("IN-5")


def test_rows_come_in_file_order_with_their_line_numbers(tmp_path: Path) -> None:
    chunk = one(
        tmp_path, HEADER + "\n" + "2024-01-01 00:00:05;1.5;2\n2024-01-01 00:00:01;;3\n2024-01-01 00:00:05;9;3\n"
    )
    assert chunk.line_numbers.tolist() == [3, 4, 5]
    assert times(chunk) == ["2024-01-01T00:00:05", "2024-01-01T00:00:01", "2024-01-01T00:00:05"]
    assert chunk.values["b"].tolist() == [2.0, 3.0, 3.0]


def test_an_empty_cell_is_nan_and_no_error(tmp_path: Path) -> None:
    chunk = one(tmp_path, HEADER + GOOD + "2024-01-01 00:00:02;;4\n2024-01-01 00:00:03;null;5\n")
    assert np.isnan(chunk.values["a"]).tolist() == [False, False, True, True]
    assert chunk.refused == []


@pytest.mark.parametrize(
    "token", ["nan", "NaN", "inf", "-Infinity", "1e999", "abc", "12 °C", "1_000", "0x1F", "--1", "1.2.3", "١٢"]
)
def test_a_cell_that_is_no_finite_number_costs_itself_alone(tmp_path: Path, token: str) -> None:
    fmt = guess_format((HEADER + GOOD).encode())
    chunk = one(tmp_path, HEADER + GOOD + f"2024-01-01 00:00:02;{token};4\n" + "2024-01-01 00:00:03;5;6\n", fmt=fmt)
    assert refusals(chunk) == [(4, "a")]
    assert chunk.refused[0].raw == f"2024-01-01 00:00:02;{token};4".encode()
    assert token[:5] in chunk.refused[0].reason
    assert chunk.values["b"].tolist() == [2.0, 3.0, 4.0, 6.0]
    assert np.isnan(chunk.values["a"]).tolist() == [False, False, True, False]


def test_a_row_of_the_wrong_width_costs_itself_and_says_how_many_cells_it_has(tmp_path: Path) -> None:
    chunk = one(
        tmp_path, HEADER + GOOD + "2024-01-01 00:00:02;1\n2024-01-01 00:00:03;1;2;3\n2024-01-01 00:00:04;1;2;;\n"
    )
    assert refusals(chunk) == [(4, "row"), (5, "row")]
    assert str(chunk.refused[0]) == "line 4, row: the row has 2 cells; expected 3 (the last may be cut)"
    assert chunk.line_numbers.tolist() == [2, 3, 6]


def test_a_quote_that_is_not_closed_costs_its_own_line(tmp_path: Path) -> None:
    rows = "".join(f'2024-01-01 00:00:0{n};{n};"note {n}"\n' for n in range(8))
    broken = rows.replace('"note 3"', '"note 3').replace('"note 6"', '"note 6')
    chunk = one(tmp_path, "time;a;comment\n" + broken)
    assert refusals(chunk) == [(5, "row"), (8, "row")]
    assert chunk.values["a"].tolist() == [0, 1, 2, 4, 5, 7]


def test_stray_quotes_on_neighbouring_lines_do_not_join_them(tmp_path: Path) -> None:
    fmt = guess_format((HEADER + GOOD).encode())
    chunk = one(tmp_path, HEADER + '2024-01-01 00:00:00;"1.5;2\n2024-01-01 00:00:01;"1.5;2\n' + GOOD, fmt=fmt)
    assert refusals(chunk) == [(2, "row"), (3, "row")]
    assert chunk.line_numbers.tolist() == [4, 5]


@pytest.mark.parametrize("rows", [1, 2, 20_000])
def test_a_quoted_cell_may_hold_separators_quotes_and_line_ends(tmp_path: Path, rows: int) -> None:
    content = (
        'time;a;comment\n2024-01-01 00:00:00;1;"x; ""y""\nsecond line\n\nlast"\n'
        '2024-01-01 00:00:01;2;5" pipe\n2024-01-01 00:00:02;"3";z\n'
    )
    chunks = read(tmp_path, content, rows=rows)
    assert [line for chunk in chunks for line in chunk.line_numbers.tolist()] == [2, 6, 7]
    assert [value for chunk in chunks for value in chunk.values["a"].tolist()] == [1, 2, 3]
    assert all(len(chunk.line_numbers) <= rows and not chunk.refused for chunk in chunks)


def test_an_endless_line_costs_itself(tmp_path: Path) -> None:
    fmt = guess_format((HEADER + GOOD).encode())
    chunk = one(tmp_path, HEADER + GOOD + "9" * 3_000_000 + "\n" + GOOD, fmt=fmt)
    assert refusals(chunk) == [(4, "row")]
    assert "longer than 1,000,000 characters" in chunk.refused[0].reason
    assert chunk.line_numbers.tolist() == [2, 3, 5, 6]


def test_bad_bytes_cost_a_row_only_where_they_matter_and_are_kept_as_they_were(tmp_path: Path) -> None:
    content = (
        b"time;a;comment\n2024-01-01 00:00:00;1;\xff\xfe\n2024-01-01 00:00:01;\xff2;x\n2024-01-01 00:00:02;3;\x00\n"
    )
    fmt = replace(guess_format(b"time;a;comment\n2024-01-01 00:00:00;1;x\n"), encoding="utf-8")
    chunk = one(tmp_path, content, fmt=fmt)
    assert [(refused.line, refused.field, refused.raw) for refused in chunk.refused] == [
        (3, "a", b"2024-01-01 00:00:01;\xff2;x")
    ]
    assert len(chunk.line_numbers) == 3


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1", "cp1252"])
def test_refused_rows_keep_the_bytes_of_the_file(tmp_path: Path, codec: str) -> None:
    content = ("time;T [°C];b\n" + GOOD + "gestern “°”;1;2\n").replace("“°”" if codec == "latin-1" else "\0", "°")
    raw = content.encode(codec)
    chunk = one(tmp_path, raw)
    assert len(chunk.line_numbers) == 2
    assert chunk.refused[0].raw in raw
    assert chunk.refused[0].raw.decode("utf-16-le" if codec == "utf-16" else codec).startswith("gestern")


def test_numbers_that_may_mean_two_things_are_refused(tmp_path: Path) -> None:
    content = "time;a\n" + "".join(
        f"2024-01-01 00:00:0{n};{cell}\n" for n, cell in enumerate(["1,5", "1.234", "1.234,5", "-1.234.567"])
    )
    chunk = one(tmp_path, content)
    assert refusals(chunk) == [(3, "a")]
    assert "1234 or 1,234" in chunk.refused[0].reason
    assert chunk.values["a"][[0, 2, 3]].tolist() == [1.5, 1234.5, -1234567.0]


def test_true_and_false_are_one_and_zero(tmp_path: Path) -> None:
    assert one(tmp_path, "time;fault\n2024-01-01 00:00:00;TRUE\n2024-01-01 00:00:01;false\n").values[
        "fault"
    ].tolist() == [1, 0]


def test_titles_units_repeated_headers_and_comments_are_passed_over(tmp_path: Path) -> None:
    body = "Time;Oil;Flow\n;°C;m3/h\n" + GOOD
    chunk = one(tmp_path, "sep=;\nExport of 2024\n\n" + body + "# end of part one\nTime;Oil;Flow\n" + GOOD)
    assert (chunk.line_numbers.tolist(), chunk.refused) == ([6, 7, 10, 11], [])


def test_a_file_without_the_header_of_its_format_is_refused_whole(tmp_path: Path) -> None:
    fmt = guess_format((HEADER + GOOD).encode())
    with pytest.raises(CsvError, match="is the header “time;a;b”"):
        one(tmp_path, "x;y;z\n" + GOOD, fmt=fmt)


def test_the_long_layout_gives_keys_beside_values(tmp_path: Path) -> None:
    chunk = one(
        tmp_path,
        "device,sensor,value,quality,time\nMX-01,Temp [°C],71.5,Good,2024-01-01T00:00:00Z\n"
        "MX-02,vibration,bad,Bad,2024-01-01T00:00:01Z\n,vibration,1,Good,2024-01-01T00:00:02Z\n"
        "MX-02,temp,,Good,2024-01-01T00:00:03Z\n",
    )
    assert chunk.device_keys is not None
    assert chunk.sensor_keys is not None
    assert chunk.quality is not None
    assert chunk.device_keys.tolist() == ["MX-01", "MX-02", "MX-02"]
    assert chunk.sensor_keys.tolist() == ["temp", "vibration", "temp_2"]
    assert chunk.quality.tolist() == ["Good", "Bad", "Good"]
    assert refusals(chunk) == [(3, "value"), (4, "device")]
    assert [math.isnan(value) for value in chunk.values["value"]] == [False, True, True]


def test_a_key_with_a_nul_or_broken_text_is_refused(tmp_path: Path) -> None:
    content = (
        b"time;device;a;b\n2024-01-01 00:00:00;M1;1;2\n2024-01-01 00:00:01;M\x001;1;2\n2024-01-01 00:00:02;M\xff;1;2\n"
    )
    fmt = guess_format(b"time;device;a;b\n2024-01-01 00:00:00;M1;1;2\n")
    assert refusals(one(tmp_path, content, fmt=fmt)) == [(3, "device"), (4, "device")]


def test_chunks_hold_at_most_the_rows_asked_for(tmp_path: Path) -> None:
    chunks = read(tmp_path, HEADER + GOOD * 50, rows=7)
    assert max(len(chunk.line_numbers) for chunk in chunks) == 7
    assert sum(len(chunk.line_numbers) for chunk in chunks) == 100


def test_old_mac_and_windows_line_ends_are_lines(tmp_path: Path) -> None:
    for end in ("\r", "\r\n"):
        assert one(tmp_path, (HEADER + GOOD).replace("\n", end)).line_numbers.tolist() == [2, 3]


# --- any table in any format comes back ---

TIME_STYLES: dict[str, Callable[[datetime], str]] = {
    "iso": lambda t: t.strftime("%Y-%m-%d %H:%M:%S") + (f".{t.microsecond:06}" if t.microsecond else ""),
    "iso-z": lambda t: t.isoformat().replace("+00:00", "Z"),
    "iso-offset": lambda t: (t + timedelta(hours=5, minutes=30)).strftime("%Y-%m-%dT%H:%M:%S.%f+05:30"),
    "slash-year": lambda t: t.strftime("%Y/%m/%d %H:%M:%S.%f"),
    "german": lambda t: t.strftime("%d.%m.%Y %H:%M:%S") + f",{t.microsecond:06}",
    "us-12h": lambda t: t.strftime("%m/%d/%Y %I:%M:%S.%f %p"),
    "named": lambda t: t.strftime("%d-%b-%Y %H:%M:%S.%f"),
    "epoch-s": lambda t: f"{epoch_us(t) // 1_000_000}.{epoch_us(t) % 1_000_000:06}",
    "epoch-ms": lambda t: f"{epoch_us(t) // 1_000}",
    "epoch-us": lambda t: str(epoch_us(t)),
}


def epoch_us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[datetime], list[list[float | None]]]:
    """Some rows, at least one value in each column, on days past the 12th so that day and month cannot be taken for
    each other.
    """
    day = st.integers(13, 27)
    second = st.integers(0, 86_399)
    moments = [
        datetime(draw(st.integers(1980, 2099)), draw(st.integers(1, 12)), draw(day), tzinfo=UTC)
        + timedelta(seconds=draw(second), milliseconds=draw(st.integers(0, 999)))
        for _ in range(draw(st.integers(1, 12)))
    ]
    value = st.one_of(st.none(), st.floats(-1e12, 1e12, allow_nan=False), st.integers(-9999, 9999).map(float))
    count = draw(st.integers(1, 5))
    rows = [[draw(value) for _ in range(count)] for _ in moments]
    rows[0] = [draw(st.floats(-999, 999, allow_nan=False).filter(lambda x: x != round(x, 3))) for _ in range(count)]
    return moments, rows


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=tables(),
    style=st.sampled_from(sorted(TIME_STYLES)),
    separator=st.sampled_from(",;\t|"),
    comma=st.booleans(),
    header=st.booleans(),
    quoted=st.booleans(),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"]),
    end=st.sampled_from(["\n", "\r\n"]),
    rows=st.integers(1, 20),
)
def test_any_table_in_any_format_comes_back(
    tmp_path: Path,
    table: tuple[list[datetime], list[list[float | None]]],
    style: str,
    separator: str,
    comma: bool,
    header: bool,
    quoted: bool,
    codec: str,
    end: str,
    rows: int,
) -> None:
    moments, values = table
    decimal = "," if comma and separator != "," else "."

    def number(value: float | None) -> str:
        return "" if value is None else repr(value).replace(".", decimal)

    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
    )
    if header:
        writer.writerow(["Timestamp", *(f"Größe {n} [°C]" for n in range(len(values[0])))])
    for moment, row in zip(moments, values, strict=True):
        time = TIME_STYLES[style](moment)
        writer.writerow([time.replace(".", decimal) if style == "epoch-s" else time, *map(number, row)])

    chunks = read(tmp_path, text.getvalue().encode(codec), rows=rows)

    assert [refused for chunk in chunks for refused in chunk.refused] == []
    step = 1_000 if style == "epoch-ms" else 1
    assert [t for chunk in chunks for t in chunk.time_us.tolist()] == [epoch_us(m) // step * step for m in moments]
    back = np.column_stack([np.concatenate([chunk.values[key] for chunk in chunks]) for key in chunks[0].values])
    assert np.array_equal(back, np.array(values, dtype=float), equal_nan=True)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    poison=st.lists(st.tuples(st.integers(0, 19), st.text(max_size=30)), max_size=6),
    separator=st.sampled_from(",;"),
    rows=st.integers(1, 30),
)
def test_no_text_in_one_cell_costs_another_row(
    tmp_path: Path, poison: list[tuple[int, str]], separator: str, rows: int
) -> None:
    lines = [f"2024-01-01 00:00:{n:02}{separator}{n}.5{separator}{n}" for n in range(20)]
    for at, text in poison:
        one_line = "".join(" " if char in "\r\n" else char for char in text).encode("utf-8", "replace").decode()
        lines[at] = f"2024-01-01 00:00:{at:02}{separator}{one_line}{separator}{at}"
    fmt = guess_format(f"time{separator}a{separator}b\n2024-01-01 00:00:00{separator}1.5{separator}1\n".encode())
    content = f"time{separator}a{separator}b\n" + "\n".join(lines) + "\n"

    chunks = read(tmp_path, content, rows=rows, fmt=fmt)

    spoilt = {at for at, _ in poison}
    kept = {
        line: value for c in chunks for line, value in zip(c.line_numbers.tolist(), c.values["a"].tolist(), strict=True)
    }
    assert all(kept[at + 2] == at + 0.5 for at in range(20) if at not in spoilt)
    refused: list[RefusedRow] = [refusal for chunk in chunks for refusal in chunk.refused]
    assert {refusal.line - 2 for refusal in refused} <= spoilt
