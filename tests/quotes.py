"""Copies the measured ratios from docs/benchmarks.md into the README: `python -m tests.quotes`, after `make bench`."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
README, BENCHMARKS = ROOT / "README.md", ROOT / "docs" / "benchmarks.md"
START, END = "<!-- measured -->\n", "<!-- /measured -->\n"
COLUMNS = ("what", "figure", "ratio", "goal", "")  # of those of docs/benchmarks.md


def quoted(benchmarks: str) -> str:
    """The README's table: what, figure, ratio, goal and whether it was met, row by row. Empty where nothing was measured."""
    table = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in benchmarks.splitlines() if line.startswith("| ")]
    if len(table) < 3:
        return ""
    head, _, *rows = table
    columns = [head.index(name) if name else head.index("goal") + 1 for name in COLUMNS]
    lines = [list(COLUMNS), ["---"] * len(COLUMNS), *([row[at] for at in columns] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def with_quotes(readme: str, benchmarks: str) -> str:
    """The README with its table renewed. Raises ValueError where the marks are gone."""
    before, _, rest = readme.partition(START)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"README.md has no section from {START.strip()} to {END.strip()}")
    return before + START + quoted(benchmarks) + END + after


if __name__ == "__main__":
    README.write_text(with_quotes(README.read_text(), BENCHMARKS.read_text()))
