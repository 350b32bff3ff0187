"""What is understood of an export by its first bytes."""

import dataclasses

import pytest

from dashapp.ingest.csv_format import CsvError, CsvFormat, guess_format, sensor_key, unit_of

pytestmark = pytest.mark.requirement("IN-5")


def guess(text: str, encoding: str = "utf-8", **options: str) -> CsvFormat:
    return guess_format(text.encode(encoding), **options)


def keys(fmt: CsvFormat) -> list[str]:
    return [column.sensor_key for column in fmt.columns if column.sensor_key is not None]


def refusal(text: str | bytes, **options: str) -> CsvError:
    with pytest.raises(CsvError) as caught:
        guess_format(text if isinstance(text, bytes) else text.encode(), **options)
    return caught.value


@pytest.mark.parametrize(
    ("name", "key", "unit"),
    [
        ("Volume Flow RateRMS", "volume_flow_rate_rms", None),
        ("Accelerometer1RMS", "accelerometer1_rms", None),
        ("Temp [°C]", "temp", "°C"),
        ("Oil pressure (bar)", "oil_pressure", "bar"),
        ("oil_degC", "oil", "°C"),
        ("Humidity %", "humidity", "%"),
        ("Vibration_mm_s", "vibration", "mm/s"),
        ("Mass flow [kg/h]", "mass_flow", "kg/h"),
        ("Flow {Nm3/h}", "flow", "Nm³/h"),
        ("Temp (inlet)", "temp_inlet", None),
        ("phase_a", "phase_a", None),
        ("kWh", "kwh", None),
        ("pH", "ph", None),
        ("Öltemperatur", "oeltemperatur", None),
        (r"\\SRV\Line1.Temp", "srv_line1_temp", None),
        ("!!!", "sensor", None),
    ],
)
def test_a_column_name_gives_a_key_and_a_unit(name: str, key: str, unit: str | None) -> None:
    assert (sensor_key(name), unit_of(name)) == (key, unit)


def test_a_key_is_at_most_64_characters() -> None:
    assert len(sensor_key("x" * 300)) == 64


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_any_separator_is_found(separator: str) -> None:
    rows = [["time", "a", "b"], ["2024-01-01 00:00:00", "1.5", "2"], ["2024-01-01 00:00:01", "1.6", "3"]]
    fmt = guess("\n".join(separator.join(row) for row in rows))
    assert (fmt.separator, fmt.decimal, keys(fmt)) == (separator, ".", ["a", "b"])


def test_a_decimal_comma_is_told_from_a_comma_between_columns_even_without_a_header() -> None:
    fmt = guess("2024-01-01 00:00:00;1,5;2,5\n2024-01-01 00:00:01;1,6;2,25\n")
    assert (fmt.separator, fmt.decimal, fmt.has_header) == (";", ",", False)
    assert [column.name for column in fmt.columns] == ["column_1", "column_2", "column_3"]


def test_quoted_decimal_commas_between_commas_are_understood() -> None:
    assert guess('time,a\n2024-01-01 00:00:00,"1,5"\n2024-01-01 00:00:01,"1,25"\n').decimal == ","


def test_digit_groups_do_not_look_like_decimals() -> None:
    assert guess("time;a\n2024-01-01 00:00:00;1,234.5\n2024-01-01 00:00:01;2,345.5\n").decimal == "."
    assert guess("time;a\n2024-01-01 00:00:00;1.234,5\n2024-01-01 00:00:01;2.345,5\n").decimal == ","


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("latin-1", "latin-1"),
    ],
)
def test_the_encoding_is_found_and_said(codec: str, said: str) -> None:
    fmt = guess("time;Temp [°C]\n2024-01-01 00:00:00;1,5\n2024-01-01 00:00:01;1,5\n", codec)
    assert (fmt.encoding, fmt.columns[1].unit, fmt.time_columns) == (said, "°C", ("time",))


def test_windows_quotes_mean_windows_1252() -> None:
    assert guess("time;Druck “A”\n2024-01-01 00:00:00;1,5\n", "cp1252").encoding == "cp1252"


def test_a_sample_that_ends_inside_a_character_is_still_utf8() -> None:
    sample = "time;Temp [°C]\n2024-01-01 00:00:00;1\n2024-01-01 00:00:00;°".encode()[:-1]
    assert guess_format(sample).encoding == "utf-8"


def test_one_broken_byte_does_not_make_a_utf8_file_latin1() -> None:
    sample = "time;T [°C];Größe;note\n2024-01-01 00:00:00;1;2;".encode() + b"\xff\n"
    assert guess_format(sample).encoding == "utf-8"


@pytest.mark.parametrize(
    ("cell", "time_format", "day_first"),
    [
        ("2024-03-31 23:59:58", "ISO8601", False),
        ("2024-03-31T23:59:58.125Z", "ISO8601", False),
        ("2024/03/31 23:59", "ISO8601", False),
        ("31.03.2024 23:59:58", "%d.%m.%Y %H:%M:%S", True),
        ("31.03.24 23:59", "%d.%m.%y %H:%M", True),
        ("31/03/2024 23:59:58", "%d/%m/%Y %H:%M:%S", True),
        ("03/31/2024 11:59:58 PM", "%m/%d/%Y %I:%M:%S %p", False),
        ("03/31/2024 11:59 AM", "%m/%d/%Y %I:%M %p", False),
        ("31-Mar-24 23:59:58", "%d-%b-%y %H:%M:%S", False),
        ("20240331 235958", "%Y%m%d %H%M%S", False),
        ("20240331235958", "%Y%m%d%H%M%S", False),
        ("1711929598", "epoch_s", False),
        ("1711929598.25", "epoch_s", False),
        ("1711929598000", "epoch_ms", False),
        ("1711929598000000", "epoch_us", False),
    ],
)
def test_the_time_format_is_named(cell: str, time_format: str, day_first: bool) -> None:
    fmt = guess(f"timestamp;v1;v2\n{cell};1.5;2.5\n{cell};1.5;2.5\n")
    assert (fmt.time_columns, fmt.time_format, fmt.day_first) == (("timestamp",), time_format, day_first)


def test_a_doubtful_day_and_month_are_told_by_which_reading_runs_forward() -> None:
    days = guess("time;a\n" + "".join(f"{day:02}/02/2024 00:00;1\n" for day in range(1, 13)))
    months = guess("time;a\n" + "".join(f"02/{day:02}/2024 00:00;1\n" for day in range(1, 13)))
    assert (days.day_first, months.day_first) == (True, False)


def test_a_day_and_month_that_nothing_tells_follow_the_zone_and_the_decimal_comma() -> None:
    rows = "time;a\n01/02/2024 00:00;1{0}5\n01/02/2024 00:01;1{0}6\n"
    assert guess(rows.format(".")).day_first is False
    assert guess(rows.format("."), zone="America/New_York").day_first is False
    assert guess(rows.format("."), zone="Europe/Berlin").day_first is True
    assert guess(rows.format(",")).day_first is True


def test_date_and_time_in_two_columns_belong_together() -> None:
    fmt = guess("Datum;Uhrzeit;Druck (bar)\n31.03.2024;23:59:58;1,5\n31.03.2024;23:59:59;1,6\n")
    assert (fmt.time_columns, fmt.time_format) == (("Datum", "Uhrzeit"), "%d.%m.%Y %H:%M:%S")
    assert keys(fmt) == ["druck"]


def test_mixed_time_formats_are_left_to_each_row() -> None:
    rows = ["2024-01-02 00:00:00", "03.01.2024 00:00:00"] * 5
    fmt = guess("time;a\n" + "".join(f"{row};1\n" for row in rows))
    assert (fmt.time_format, fmt.day_first) == (None, True)


def test_a_single_value_column_is_called_after_the_file() -> None:
    text = "timestamp,value\n2024-01-01 00:00:00,1.5\n2024-01-01 00:00:01,1.5\n"
    assert keys(guess(text, file_name="/data/press_7_temperature.csv")) == ["press_7_temperature"]
    assert keys(guess(text, file_name="export (3).csv")) == ["value"]
    assert keys(guess(text)) == ["value"]


def test_labels_import_like_any_number_and_second_times_and_row_numbers_do_not() -> None:
    rows = "".join(f"{n},2024-01-01 00:00:0{n},1.5,2024-01-01 00:01:00,0,text\n" for n in range(5))
    fmt = guess("Unnamed: 0,timestamp,temp,received_at,anomaly,comment\n" + rows)
    assert keys(fmt) == ["temp", "anomaly"]
    assert fmt.time_columns == ("timestamp",)


def test_keys_are_unique_within_a_file() -> None:
    fmt = guess("time;Temp [°C];temp;Temp [°C]\n2024-01-01 00:00:00;1;2;3\n2024-01-01 00:00:01;1;2;3\n")
    assert keys(fmt) == ["temp", "temp_2", "temp_3"]
    assert len({column.name for column in fmt.columns}) == 4


def test_a_column_empty_so_far_is_imported_but_not_the_one_after_a_trailing_separator() -> None:
    fmt = guess("time;a;later;\n2024-01-01 00:00:00;1;;\n2024-01-01 00:00:01;1;;\n")
    assert keys(fmt) == ["a", "later"]


def test_shares_say_how_much_of_a_column_is_numbers() -> None:
    rows = ["1", "2", "Bad", "4", ""]
    text = "time;a;b\n" + "".join(f"2024-01-01 00:00:0{n};{cell};x\n" for n, cell in enumerate(rows)) * 2
    fmt = guess(text.replace("b\n", "b\n", 1))
    assert [column.numeric_share for column in fmt.columns[1:]] == [0.75, 0.0]
    assert keys(fmt) == ["a"]


def test_the_long_layout_is_known_by_its_names() -> None:
    fmt = guess(
        "device,sensor,value,quality,time\nMX-01,temperature,71.5,Good,2024-01-01T00:00:00Z\n"
        "MX-02,vibration,12.5,Bad,2024-01-01T00:00:01Z\n"
    )
    assert (fmt.layout, fmt.device_column, fmt.sensor_column) == ("long", "device", "sensor")
    assert (fmt.value_column, fmt.quality_column, keys(fmt)) == ("value", "quality", ["value"])


def test_the_long_layout_is_known_without_a_header() -> None:
    rows = [("MX-01", "temperature"), ("MX-01", "vibration"), ("MX-02", "temperature"), ("MX-02", "vibration")] * 3
    fmt = guess(
        "".join(f"2024-01-01 00:00:{n:02};{device};{sensor};{n},5\n" for n, (device, sensor) in enumerate(rows))
    )
    assert (fmt.layout, fmt.device_column, fmt.sensor_column, fmt.value_column) == (
        "long",
        "column_2",
        "column_3",
        "column_4",
    )


def test_a_device_column_beside_sensors_stays_wide() -> None:
    fmt = guess(
        "timestamp,machine_id,temperature,vibration\n2024-01-01 00:00:00,1,70.5,12\n2024-01-01 00:00:01,2,71,13\n"
    )
    assert (fmt.layout, fmt.device_column, keys(fmt)) == ("wide", "machine_id", ["temperature", "vibration"])


def test_a_quality_score_is_a_sensor_and_quality_codes_are_not() -> None:
    score = guess("time,quality\n2024-01-01 00:00:00,97.5\n2024-01-01 00:00:01,98.5\n")
    codes = guess("time,a,b,quality\n2024-01-01 00:00:00,1,2,192\n2024-01-01 00:00:01,1,2,0\n")
    assert (keys(score), score.quality_column) == (["quality"], None)
    assert (keys(codes), codes.quality_column) == (["a", "b"], "quality")


def test_titles_above_the_header_and_units_below_it_are_understood() -> None:
    fmt = guess(
        "sep=;\nPlant historian export\nFrom;2024\n\nTime;Oil;Flow\n;°C;m3/h\n"
        "2024-01-01 00:00:00;1,5;2\n2024-01-01 00:00:01;1,6;2\n"
    )
    assert (fmt.has_header, keys(fmt)) == (True, ["oil", "flow"])
    assert [column.unit for column in fmt.columns] == [None, "°C", "m³/h"]


def test_numbers_as_column_names_are_a_header() -> None:
    fmt = guess("Time;1;2\n2024-01-01 00:00:00;1,5;2\n2024-01-01 00:00:01;1,6;2\n")
    assert (fmt.has_header, [column.name for column in fmt.columns]) == (True, ["Time", "1", "2"])


def test_a_header_and_one_row_are_enough() -> None:
    assert keys(guess("time,a\n2024-01-01 00:00:00,1")) == ["a"]


def test_what_cannot_be_understood_names_what_is_missing_and_what_was_expected() -> None:
    assert refusal("").field == "file"
    assert "Excel" in refusal(b"PK\x03\x04rest").reason
    assert refusal("time\n2024\n").field == "separator"
    assert refusal("a,b\n1,2\n3,4\n").field == "time"
    assert "a row begins with “1”, “2”; expected ISO 8601" in refusal("a,b\n1,2\n3,4\n").reason
    assert refusal("time,note\n2024-01-01 00:00:00,good morning\n2024-01-01 00:00:01,bye\n").field == "values"
    assert refusal("time,a\n2024-01-01 00:00:00,1\n", zone="Mars/Base").field == "zone"
    shifted = refusal("a,b\n2024-01-01 00:00:00,1,2\n2024-01-01 00:00:01,1,2\n")
    assert (shifted.field, "names 2 columns, but the rows have 3" in shifted.reason) == ("header", True)


def test_times_of_day_without_a_date_and_numbers_with_units_are_named() -> None:
    assert "times of day but no dates" in refusal("time,a\n10:00:00,1\n10:00:01,2\n").reason
    assert "“1.60 °C”; expected such as 12.5" in refusal(
        "time,a\n2024-01-01 00:00:00,1.50 °C\n2024-01-01 00:00:01,1.60 °C\n"
    ).reason


def test_a_decimal_comma_between_commas_without_quotes_is_a_header_that_does_not_fit() -> None:
    error = refusal("time,a\n2024-01-01 00:00:00,1,5\n2024-01-01 00:00:01,1,6\n")
    assert (error.field, "needs quotes" in error.reason) == ("header", True)


def test_a_column_of_nan_is_imported_so_that_each_cell_is_refused_by_name() -> None:
    assert keys(guess("time;a;b\n2024-01-01 00:00:00;nan;1\n2024-01-01 00:00:01;nan;2\n")) == ["a", "b"]


JUNK = [bytes(range(256)) * 4, b"\x00" * 999, b'{"a": 1, "b": [1, 2]}\n', b",;,;\n" * 9, b'"\n,"', b"\xff\xfe"]


@pytest.mark.parametrize("junk", JUNK)
def test_junk_is_refused_and_never_breaks_the_guess(junk: bytes) -> None:
    assert refusal(junk).reason


def test_a_format_can_be_corrected_field_by_field() -> None:
    fmt = guess("time,a\n01/02/2024 00:00,1\n")
    assert dataclasses.replace(fmt, time_format="%d/%m/%Y %H:%M").time_format == "%d/%m/%Y %H:%M"
