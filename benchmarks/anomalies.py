"""`python -m benchmarks.anomalies --skab DIR --nab DIR`: how well anomalies are found in series that somebody labelled.

SKAB (Skoltech): files of `datetime;sensor;…;anomaly[;changepoint]`, one row a second. The first 400 rows of a file are learned from, the
rest is streamed; F1, false alarm rate (FAR) and missed alarm rate (MAR) count all streamed rows of all files together. NAB (Numenta): files
of `timestamp,value`, windows in `windows.json`; the first seven days are learned from. One setting for all.
"""

import argparse
import csv
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.anomalies import DEFAULT, Settings, begins, learn, least_rows, watch

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Detector = Callable[[Floats, int], Bools]  # all rows, how many of them to learn from → alarms of the rest

LEARNED = 400
CLOCK = 575  # rows after which the baseline says "anomaly" for ever
INSERTED = tuple(range(0, 601, 100))
LABELS = ("anomaly", "changepoint")
WEEK = np.timedelta64(7, "D")
GRID = {"follow": (0.005, 0.01, 0.02), "margin": (0.9, 1.0, 1.15, 1.3), "shrinkage": (0.05, 0.15, 0.3)}


class Unusable(Exception):
    """What was given cannot be measured on: said to the person, who can mend it."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One file: values (n, d), which rows are anomalous (n,) – None where nobody said."""

    name: str
    values: Floats
    truth: Bools | None


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by what was said of them and what they are."""

    hits: int = 0
    false: int = 0
    missed: int = 0
    quiet: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.hits + other.hits, self.false + other.false, self.missed + other.missed, self.quiet + other.quiet)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return _share(2 * self.hits, 2 * self.hits + self.false + self.missed)

    @property
    def far(self) -> float:
        """False alarms of the normal rows."""
        return _share(self.false, self.false + self.quiet)

    @property
    def mar(self) -> float:
        """Missed of the anomalous rows."""
        return _share(self.missed, self.missed + self.hits)

    def __str__(self) -> str:
        return f"F1 {self.f1:.3f}  FAR {self.far:6.1%}  MAR {self.mar:6.1%}"


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def counted(alarm: Bools, truth: Bools) -> Counts:
    """Both of shape (n,)."""
    return Counts(int((alarm & truth).sum()), int((alarm & ~truth).sum()), int((~alarm & truth).sum()), int((~alarm & ~truth).sum()))


def read_skab(path: Path) -> Labelled:
    """One file of SKAB's form. Raises Unusable for another."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))
    if len(rows) < 2 or rows[0][0].strip() != "datetime":
        raise Unusable(f"{path} is not of SKAB's form: its first column should be “datetime”, its columns parted by “;”")
    head = [name.strip() for name in rows[0]]
    sensors = [at for at, name in enumerate(head) if at and name not in LABELS]
    try:
        values = np.array([[_number(row[at]) for at in sensors] for row in rows[1:] if row])
        truth = None
        if "anomaly" in head:
            truth = np.array([float(row[head.index("anomaly")]) > 0 for row in rows[1:] if row])
    except (ValueError, IndexError) as error:
        raise Unusable(f"{path}: {error}") from error
    return Labelled(str(path), values, truth)


def _number(text: str) -> float:
    return float(text) if text.strip() else np.nan


def detector(settings: Settings) -> Detector:
    """Ours."""

    def detect(values: Floats, learned: int) -> Bools:
        model, state = learn(values[:learned], settings)
        return watch(model, state, values[learned:])[0].alarm

    return detect


def by_the_clock(values: Floats, learned: int) -> Bools:
    """The baseline: looks at nothing and says "anomaly" from row 575 on, which is about where SKAB's authors turned the valve."""
    return np.arange(learned, len(values)) >= CLOCK


def with_normal(series: Labelled, rows: int, how: str) -> Labelled:
    """Rows of normal operation put in after the first 400, made of these: there and back, or drawn by lot."""
    assert series.truth is not None
    if how == "there and back":
        place = np.resize(np.concatenate((np.arange(LEARNED)[::-1], np.arange(LEARNED))), rows)
    else:
        place = np.random.default_rng(575).integers(0, LEARNED, rows)
    values = np.concatenate((series.values[:LEARNED], series.values[place], series.values[LEARNED:]))
    return Labelled(series.name, values, np.concatenate((series.truth[:LEARNED], np.zeros(rows, np.bool_), series.truth[LEARNED:])))


def score(detect: Detector, series: Iterable[Labelled]) -> Counts:
    """Of all streamed rows of labelled files together."""
    found = Counts()
    for one in series:
        if one.truth is not None:
            found += counted(detect(one.values, LEARNED), one.truth[LEARNED:])
    return found


def skab(folder: Path) -> list[str]:
    """The report's lines."""
    paths = sorted(folder.rglob("*.csv"))
    if not paths:
        raise Unusable(f"there is no CSV file in {folder}")
    every = [read_skab(path) for path in paths]
    short = [one for one in every if len(one.values) <= LEARNED]
    labelled = [one for one in every if one.truth is not None and len(one.values) > LEARNED]
    if not labelled:
        raise Unusable(f"no file in {folder} has a column “anomaly” and more than {LEARNED} rows")
    ours = detector(DEFAULT)
    lines = [f"SKAB: {len(labelled)} labelled series in {folder}, the first {LEARNED} rows of each learned from"]
    lines += [f"  {Path(one.name).name:<24}{score(ours, [one])}" for one in labelled]
    for one in every:
        if one.truth is None and len(one.values) > LEARNED:
            lines.append(f"  {Path(one.name).name:<24}not labelled; an alarm is on {ours(one.values, LEARNED).mean():.1%} of the time")
    lines += [f"  {Path(one.name).name:<24}left out: {len(one.values)} rows are too few" for one in short]
    lines += [f"  {'all together':<24}{score(ours, labelled)}", f"  {'by the clock (baseline)':<24}{score(by_the_clock, labelled)}"]
    lines += _inserted(labelled, ours)
    return lines


def _inserted(labelled: Sequence[Labelled], ours: Detector) -> list[str]:
    """The same with normal rows put in, which a detector that goes by the clock does not survive."""
    lines = ["  with rows of normal operation put in after the first 400:"]
    for rows in INSERTED[1:]:
        for how in ("there and back", "by lot"):
            longer = [with_normal(one, rows, how) for one in labelled]
            lines.append(f"  {f'{rows} rows {how}':<24}{score(ours, longer)}   by the clock {score(by_the_clock, longer)}")
    return lines


def cross_validated(labelled: Sequence[Labelled]) -> list[str]:
    """Each series judged with the settings that are best for the others, so that none chose the settings it is judged with."""
    choices = [replace(DEFAULT, **dict(zip(GRID, each, strict=True))) for each in itertools.product(*GRID.values())]
    counts = [[score(detector(settings), [one]) for one in labelled] for settings in choices]
    total, chosen = Counts(), []
    for left_out in range(len(labelled)):
        others = [sum((each for at, each in enumerate(row) if at != left_out), Counts()) for row in counts]
        best = max(range(len(choices)), key=lambda at: (others[at].far <= 0.25, others[at].f1))
        total += counts[best][left_out]
        chosen.append(choices[best])
    every = [sum(row, Counts()) for row in counts]
    kept = [one for one in every if one.far <= 0.25 and one.f1 >= 0.76]
    lines = [f"  {'each left out in turn':<24}{total}   settings chosen of {len(choices)} by the other {len(labelled) - 1} series"]
    lines += [f"    {one}" for one in dict.fromkeys(f"follow {s.follow}, margin {s.margin}, shrinkage {s.shrinkage}" for s in chosen)]
    worst = min(every, key=lambda one: one.f1)
    lines.append(f"  {len(kept)} of the {len(choices)} settings keep F1 ≥ 0.76 with FAR ≤ 25 %; the worst of all: {worst}")
    return lines


def nab(folder: Path) -> list[str]:
    """The report's lines."""
    where = folder / "windows.json"
    if not where.is_file():
        raise Unusable(f"{where} is missing: it holds the labelled windows by file name")
    windows: dict[str, list[list[str]]] = json.loads(where.read_text())
    lines = [f"NAB: {folder}, the first 7 days of each learned from"]
    for path in sorted(folder.rglob("*.csv")):
        named = windows.get(path.name, windows.get(str(path.relative_to(folder))))
        lines.append(f"  {path.name:<46}{'no windows are given' if named is None else _windows_found(path, named)}")
    if len(lines) == 1:
        raise Unusable(f"there is no CSV file in {folder}")
    return lines


def _windows_found(path: Path, windows: Sequence[Sequence[str]]) -> str:
    try:
        with path.open(newline="") as file:
            rows = [row for row in csv.reader(file) if row][1:]
        time = np.array([row[0] for row in rows], "datetime64[s]")
        values = np.array([[_number(row[1])] for row in rows])
    except (ValueError, IndexError) as error:
        raise Unusable(f"{path} is not of NAB's form “timestamp,value”: {error}") from error
    learned = int(np.searchsorted(time, time[0] + WEEK))
    if learned < least_rows(1) or learned >= len(time):
        return "too short to learn from"
    alarm = detector(DEFAULT)(values, learned)
    streamed = time[learned:]
    begun = streamed[begins(alarm)]
    inside = np.zeros(len(begun), np.bool_)
    found = []
    for first, last in windows:
        within = (begun >= np.datetime64(first[:19])) & (begun <= np.datetime64(last[:19]))
        inside |= within
        found.append(bool(within.any()))
    return f"begins in {sum(found)} of {len(found)} windows, {int((~inside).sum())} times outside, on {alarm.mean():.1%} of the time"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report. 0 when it could be measured, 2 when what was given cannot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.anomalies", description=__doc__)
    parser.add_argument("--skab", type=Path, metavar="DIR", help="a folder of SKAB's CSV files, folders in it too")
    parser.add_argument("--nab", type=Path, metavar="DIR", help="a folder of NAB's CSV files with windows.json")
    parser.add_argument("--cross-validate", action="store_true", help="each series of SKAB by settings chosen on the others")
    options = parser.parse_args(arguments)
    if options.skab is None and options.nab is None:
        parser.error("give --skab DIR, --nab DIR or both")
    try:
        for folder, part in ((options.skab, skab), (options.nab, nab)):
            if folder is None:
                continue
            if not folder.is_dir():
                raise Unusable(f"there is no folder {folder}")
            print("\n".join(part(folder)))
            if part is skab and options.cross_validate:
                every = [read_skab(path) for path in sorted(folder.rglob("*.csv"))]
                print("\n".join(cross_validated([one for one in every if one.truth is not None and len(one.values) > LEARNED])))
    except Unusable as error:
        print(f"anomalies: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
