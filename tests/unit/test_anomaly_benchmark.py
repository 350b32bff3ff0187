"""The benchmark of anomalies: reads files of both forms, counts by hand, and says what is wrong with a folder."""

import json

import numpy as np
import pytest

from benchmarks.anomalies import Counts, by_the_clock, counted, main, read_skab, with_normal

pytestmark = pytest.mark.requirement("AN-5")
SENSORS = ("Flow", "Pressure")


def write_skab(folder, name, rows=900, fault=(600, 800), labels=True):
    random = np.random.default_rng(len(name))
    lines = ["datetime;" + ";".join(SENSORS) + (";anomaly;changepoint" if labels else "")]
    for row in range(rows):
        strange = fault[0] <= row < fault[1]
        values = [32 + random.normal() - 3 * strange, 5 + random.normal()]
        end = [float(strange), float(row in fault)] if labels else []
        lines.append(";".join([f"2020-03-09 10:{row // 60 % 60:02}:{row % 60:02}", *(f"{value:.6f}" for value in (*values, *end))]))
    (folder / name).write_text("\n".join(lines) + "\n")


def write_nab(folder):
    random = np.random.default_rng(3)
    time = np.datetime64("2014-01-01T00:00:00") + np.arange(4000) * np.timedelta64(300, "s")
    value = 80 + random.normal(0, 1, 4000)
    value[3000:3200] -= 12
    lines = [f"{str(at).replace('T', ' ')},{each}" for at, each in zip(time, value, strict=True)]
    (folder / "pump.csv").write_text("timestamp,value\n" + "\n".join(lines) + "\n")
    (folder / "windows.json").write_text(json.dumps({"pump.csv": [[f"{time[2950]}.000000", f"{time[3210]}.000000"]]}))


def test_both_kinds_of_folder_are_measured(tmp_path, capsys):
    skab, nab = tmp_path / "skab", tmp_path / "nab"
    (skab / "other").mkdir(parents=True)
    nab.mkdir()
    write_skab(skab, "1.csv")
    write_skab(skab / "other", "2.csv", fault=(500, 700))
    write_skab(skab, "free.csv", labels=False)
    write_skab(skab, "short.csv", rows=300)
    write_nab(nab)

    assert main(["--skab", str(skab), "--nab", str(nab)]) == 0

    said = capsys.readouterr().out
    assert "2 labelled series" in said
    assert "not labelled" in said
    assert "300 rows are too few" in said
    assert "by the clock (baseline)" in said
    total = next(line for line in said.splitlines() if "all together" in line)
    assert float(total.split("F1")[1].split()[0]) > 0.85
    assert "pump.csv" in said
    assert "begins in 1 of 1 windows" in said


def test_each_series_can_be_judged_by_settings_that_the_others_chose(tmp_path, capsys):
    for name in ("1.csv", "22.csv"):
        write_skab(tmp_path, name)

    assert main(["--skab", str(tmp_path), "--cross-validate"]) == 0

    assert "each left out in turn" in capsys.readouterr().out


@pytest.mark.parametrize(("files", "option", "reason"), [
    (None, "--skab", "there is no folder"),
    ({}, "--skab", "no CSV file"),
    ({"a.csv": "timestamp,value\n1,2\n"}, "--skab", "not of SKAB's form"),
    ({"a.csv": "datetime;x;anomaly\n1;a;0\n"}, "--skab", "could not convert"),
    ({}, "--nab", "windows.json is missing"),
    ({"windows.json": "{}"}, "--nab", "no CSV file"),
])  # fmt: skip
def test_what_cannot_be_measured_is_said_plainly(tmp_path, capsys, files, option, reason):
    folder = tmp_path / "series"
    if files is not None:
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)

    assert main([option, str(folder)]) == 2

    assert reason in capsys.readouterr().err


def test_the_rates_are_those_of_their_definitions():
    truth = np.array([True] * 8 + [False] * 12)
    alarm = np.array([True] * 6 + [False] * 2 + [True] * 3 + [False] * 9)

    found = counted(alarm, truth)

    assert found == Counts(6, 3, 2, 9)
    assert found.f1 == pytest.approx(12 / 17)
    assert (found.far, found.mar) == (0.25, 0.25)
    assert (Counts().f1, Counts().far, Counts().mar) == (0, 0, 0)


def test_rows_put_in_are_of_the_learned_ones_and_the_clock_does_not_survive_them(tmp_path):
    write_skab(tmp_path, "1.csv")
    series = read_skab(tmp_path / "1.csv")

    longer = with_normal(series, 300, "by lot")

    assert longer.values.shape == (1200, 2)
    learned = {tuple(row) for row in series.values[:400].tolist()}
    assert {tuple(row) for row in longer.values[400:700].tolist()} <= learned
    assert not longer.truth[400:700].any()
    assert counted(by_the_clock(longer.values, 400), longer.truth[400:]).far > counted(
        by_the_clock(series.values, 400), series.truth[400:]
    ).far  # fmt: skip
