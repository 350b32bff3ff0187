"""What a person says of a file goes before the guess, and what is no file to import is refused in words."""

from pathlib import Path

import pytest

from dashapp.ingest.csv_format import CsvError
from dashapp.ingest.csv_plan import Plan, planned_format, preview, sample_of, wanted_sensors

pytestmark = pytest.mark.requirement("IN-5")
PLAIN = "zeit;temperatur [°C];druck\n03.04.2025 06:00;71,5;2,1\n04.04.2025 06:00;72,5;2,2\n05.04.2025 06:00;nass;2,3\n"
DOUBTFUL = "time,a,b\n" + "".join(f"0{i}/02/2024 10:00,{i},{i}\n" for i in range(1, 9))


def written(folder: Path, content: str | bytes, name: str = "file.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def planned(path: Path, *, zone: str = "UTC", **plan):
    return planned_format(sample_of(path), Plan.of(plan), zone=zone, file_name=path.name)


def test_without_a_word_it_is_as_guessed(tmp_path):
    fmt = planned(written(tmp_path, PLAIN), zone="Europe/Berlin")
    assert (fmt.separator, fmt.decimal, fmt.zone, fmt.time_columns) == (";", ",", "Europe/Berlin", ("zeit",))
    assert [column.sensor_key for column in fmt.columns] == [None, "temperatur", "druck"]


def test_each_guess_can_be_corrected(tmp_path):
    path = written(tmp_path, PLAIN.encode("cp1252"))
    fmt = planned(path, encoding="latin-1", zone="Asia/Tokyo", columns={"druck": {"key": ""}, "temperatur [°C]": {"key": "t", "unit": "K"}})
    assert (fmt.encoding, fmt.zone) == ("latin-1", "Asia/Tokyo")
    assert [(column.sensor_key, column.unit) for column in fmt.columns[1:]] == [("t", "K"), (None, None)]
    assert planned(path, header="no").columns[0].name == "column_1"
    assert planned(written(tmp_path, DOUBTFUL), time_format="%m/%d/%Y %H:%M").time_format == "%m/%d/%Y %H:%M"


def test_the_time_may_be_another_column_or_two_of_them(tmp_path):
    path = written(tmp_path, "received,day,clock,v\n2024-01-01 00:00:05,2023-12-31,23:59:00,1\n2024-01-01 00:01:05,2024-01-01,00:00:00,2\n")
    assert planned(path).time_columns == ("received",)
    assert planned(path, time_column="day", clock_column="clock").time_columns == ("day", "clock")
    rows = preview(path, planned(path, time_column="day", clock_column="clock"))
    assert [row.time_us for row in rows] == [1_704_067_140_000_000, 1_704_067_200_000_000]


def test_a_long_file_can_be_said_to_be_one_and_to_be_none(tmp_path):
    path = written(tmp_path, "t,who,place,n\n2024-01-01,hall,north,1\n2024-01-02,hall,south,2\n")
    fmt = planned(path, sensor_column="place", value_column="n", device_column="who")
    assert (fmt.layout, fmt.sensor_column, fmt.device_column) == ("long", "place", "who")
    wanted = wanted_sensors(path, fmt, "x")
    assert {device: [each.key for each in sensors] for device, sensors in wanted.items()} == {"hall": ["north", "south"]}
    with pytest.raises(CsvError, match="name the value column too"):
        planned(path, sensor_column="place")
    long = written(tmp_path, "time,sensor,value\n2024-01-01,a,1\n2024-01-02,b,2\n", "long.csv")
    assert planned(long).layout == "long"
    assert planned(long, sensor_column="").layout == "wide"



def test_the_first_rows_are_shown_as_they_will_be_read_and_what_is_wrong_is_named(tmp_path):
    path = written(tmp_path, PLAIN + "gestern;1;2\n")
    rows = preview(path, planned(path, zone="Europe/Berlin"))
    assert [row.line for row in rows] == [2, 3, 4, 5]
    assert rows[0].time_us == 1_743_652_800_000_000  # 06:00 in summer is 04:00 UTC
    assert rows[0].values == {"temperatur": 71.5, "druck": 2.1}
    assert rows[2].values["temperatur"] is None
    assert "nass" in rows[2].wrong["temperatur [°C]"]
    assert rows[3].time_us is None
    assert "gestern" in rows[3].wrong["zeit"]


def test_a_sensor_is_made_as_it_is_planned(tmp_path):
    path = written(tmp_path, PLAIN)
    plan = Plan.of({"columns": {"druck": {"key": "p", "unit": "bar", "name": "Pressure", "kind": "totalizer"}}})
    fmt = planned_format(sample_of(path), plan, zone="UTC", file_name=path.name)
    (sensors,) = wanted_sensors(path, fmt, "press", plan).values()
    assert [(each.key, each.unit, each.name, each.kind) for each in sensors] == [
        ("temperatur", "°C", "", ""), ("p", "bar", "Pressure", "totalizer"),
    ]  # fmt: skip


def test_two_columns_cannot_go_to_one_sensor_nor_the_time_to_any(tmp_path):
    path = written(tmp_path, PLAIN)
    with pytest.raises(CsvError, match="both go to the sensor druck"):
        planned(path, columns={"temperatur [°C]": {"key": "druck"}})
    with pytest.raises(CsvError, match="holds the time"):
        planned(path, columns={"zeit": {"key": "when"}})
    with pytest.raises(CsvError, match="every column is left out"):
        planned(path, columns={"temperatur [°C]": {"key": ""}, "druck": {"key": ""}})


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "file"),
        (b"   \n\n", "file"),
        (bytes(range(256)) * 100, "file"),
        (b"PK\x03\x04" + b"x" * 500, "file"),
        (b"\x00" * 5000, "file"),
        (b"a,b\n1,2\n3,4\n", "time"),
        (b"just a line of words\nand another one\n", "separator"),
        (b"time,value\n", "time"),
        (b"time,name\n2024-01-01,red\n2024-01-02,blue\n", "values"),
    ],
    ids=["empty", "blank", "binary", "zip", "NULs", "no time", "prose", "header alone", "no numbers"],
)
def test_what_cannot_be_imported_is_refused_in_words(tmp_path, content, field):
    with pytest.raises(CsvError) as refused:
        planned(written(tmp_path, content))
    assert refused.value.field == field


def test_ten_thousand_columns_are_too_many_sensors(tmp_path):
    names = ",".join(f"c{i}" for i in range(10_000))
    row = ",".join("1.5" for _ in range(10_000))
    path = written(tmp_path, f"time,{names}\n2024-01-01 00:00:00,{row}\n2024-01-01 00:00:01,{row}\n")
    with pytest.raises(CsvError, match="10,000 columns would become sensors"):
        planned(path)


def test_an_enormous_cell_costs_its_row_alone(tmp_path):
    path = written(tmp_path, "time,v\n2024-01-01 00:00:00,1\n2024-01-01 00:00:01," + "9" * 3_000_000 + "\n2024-01-01 00:00:02,3\n")
    rows = preview(path, planned(path))
    assert [(row.line, row.time_us is None) for row in rows] == [(2, False), (3, True), (4, False)]
    assert len(rows[1].raw) <= 300


def test_a_wrong_encoding_shows_in_the_names_and_can_be_put_right(tmp_path):
    path = written(tmp_path, "Zeit;Größe\n2024-01-01 00:00;1\n2024-01-02 00:00;2\n".encode("cp850"))
    assert planned(path).columns[1].name != "Größe"
    assert planned(path, encoding="cp850").columns[1].name == "Größe"
    with pytest.raises(CsvError, match="encoding"):
        planned(path, encoding="utf-16")


@pytest.mark.parametrize(
    "plan",
    [{"encoding": "rot13"}, {"separator": "xx"}, {"header": True}, {"columns": {"a": {"key": 5}}}, {"columns": {"a": {"x": "y"}}},
     {"columns": {"a": {"kind": "magic"}}}, {"no_such": "x"}, {"zone": "x" * 2000}, {"columns": {"a": []}}, {"zone": 5}],
)  # fmt: skip
def test_a_plan_that_is_none_is_refused(plan):
    with pytest.raises(CsvError):
        Plan.of(plan)


def test_a_plan_comes_back_from_json_as_it_was():
    plan = Plan.of({"zone": "Asia/Tokyo", "device": "x", "columns": {"a": {"key": "b"}}, "sensor_column": ""})
    assert Plan.of(plan.json()) == plan
