"""Writes docs/features.md: one row a requirement, with a state that only tests which passed can give.

    python -m tests.features --write     after `make test`, which leaves its outcomes in build/outcomes
    python -m tests.features --check     fails where docs/features.md is out of date

What each requirement is, whether it is complete, what is missing and where to see it stands in docs/requirements.toml. What
its tests are and whether they passed comes from the run (`tests.outcomes`). Neither has a date or a duration in it, so that
the same run writes the same file.
"""

import argparse
import difflib
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "docs" / "requirements.toml"
COLUMNS = ("id", "what", "state", "where to see it", "tests", "still missing")
PAGE = ROOT / "docs" / "features.md"
OUTCOMES = ROOT / "build" / "outcomes"
STATES = ("works", "partly", "not yet")
Outcomes = Mapping[str, Mapping[str, bool]]  # requirement → test → whether it passed

HEAD = """# What works

Written by `make features` from a run of the tests; do not edit it. `make test` fails when it is out of date.
The words stand in [requirements.toml](requirements.toml). A row says **works** only when it is declared complete there *and*
every test that carries its id passed; **partly** when some of it is there, with tests that passed; otherwise **not yet**.
"""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of docs/requirements.toml. What is not complete says what is missing, once a part of it is there."""

    id: str
    section: str
    what: str
    complete: bool = False
    missing: str = ""
    where: str = ""


@cache
def requirements(table: Path = TABLE) -> tuple[Requirement, ...]:
    """Every requirement, in the order of the table."""
    found = []
    for section in tomllib.loads(table.read_text())["section"]:
        for name, row in section["requirements"].items():
            found.append(Requirement(name, section["title"], **row))
    return tuple(found)


def requirement_ids() -> frozenset[str]:
    """The ids that a test may carry."""
    return frozenset(requirement.id for requirement in requirements())


def merged(runs: Iterable[Outcomes]) -> dict[str, dict[str, bool]]:
    """One set of outcomes of several runs: a test passed when it passed in every run that had it."""
    total: dict[str, dict[str, bool]] = {}
    for run in runs:
        for name, tests in run.items():
            known = total.setdefault(name, {})
            for test, passed in tests.items():
                known[test] = known.get(test, True) and passed
    return total


def state(requirement: Requirement, tests: Mapping[str, bool]) -> str:
    """works, partly or not yet; `tests` are those that carry the requirement's id. Raises ValueError where a part hides its gaps."""
    if requirement.complete and tests and all(tests.values()):
        return "works"
    if not any(tests.values()):
        return "not yet"
    if not requirement.complete and not requirement.missing:
        raise ValueError(f"{requirement.id} has tests: docs/requirements.toml must say what is missing of it, or that it is complete")
    return "partly"


def page(rows: Iterable[Requirement], outcomes: Outcomes) -> str:
    """The text of docs/features.md."""
    rows = list(rows)
    states = {row.id: state(row, outcomes.get(row.id, {})) for row in rows}
    counts = ", ".join(f"{sum(each == word for each in states.values())} {word}" for word in STATES)
    lines = [HEAD, f"Of {len(rows)}: {counts}."]
    for section in dict.fromkeys(row.section for row in rows):
        lines += ["", f"## {section}", "", f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
        lines += [_row(row, states[row.id], outcomes.get(row.id, {})) for row in rows if row.section == section]
    return "\n".join(lines) + "\n"


def _row(row: Requirement, word: str, tests: Mapping[str, bool]) -> str:
    files = sorted({test.partition("::")[0] for test in tests})
    failed = sorted({test.partition("::")[0] for test, passed in tests.items() if not passed})
    missing = "" if word == "not yet" else row.missing
    if failed:
        missing = " ".join(filter(None, [missing, f"Tests fail in {', '.join(f'`{file}`' for file in failed)}."]))
    where = "" if word == "not yet" else row.where
    links = "<br>".join(f"[`{file}`](../{file})" for file in files)
    cells = [row.id, row.what, word, where, links, missing]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def recorded(folder: Path = OUTCOMES) -> list[Outcomes]:
    """What the runs left in the folder; raises FileNotFoundError where there was none."""
    files = sorted(folder.glob("*.json"))
    if not files:
        raise FileNotFoundError(f"no outcomes in {folder}: run “make test” first")
    return [json.loads(file.read_text()) for file in files]


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 1 where the page is out of date, 2 where there was no run or the table is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.features", description=(__doc__ or "").partition("\n")[0])
    wish = parser.add_mutually_exclusive_group(required=True)
    wish.add_argument("--write", action="store_true", help="writes docs/features.md")
    wish.add_argument("--check", action="store_true", help="fails where docs/features.md is out of date")
    options = parser.parse_args(arguments)
    try:
        text = page(requirements(), merged(recorded()))
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.write:
        PAGE.write_text(text)
        print(f"docs/features.md: {text.partition('Of ')[2].partition(chr(10))[0]}")
        return 0
    before = PAGE.read_text() if PAGE.exists() else ""
    if before == text:
        print("docs/features.md is up to date.")
        return 0
    print("docs/features.md is out of date: run “make features” and commit it.")
    changes = difflib.unified_diff(before.splitlines(True), text.splitlines(True), "docs/features.md", "this run", n=0)
    sys.stdout.writelines(islice(changes, 60))
    return 1


if __name__ == "__main__":
    sys.exit(main())
