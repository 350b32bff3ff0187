"""Rows of figures: each with its baseline of the same run, the goal, whether it is met, and what bounds it."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HEAD = """# Benchmarks

Written by `make bench` (rows marked * by `make bench-full`). Each ratio is of one run, against its own baseline that is committed
with it (`benchmarks/`); absolute figures are of the machine below and mean little elsewhere. `python -m benchmarks ROW …` runs some.

"""
COLUMNS = ("row", "what", "figure", "baseline", "ratio", "goal", "", "what bounds it")


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure, or its ratio to the baseline, should reach."""

    limit: float
    at_least: bool = False
    of_ratio: bool = False

    def met_by(self, figure: float, ratio: float | None) -> bool:
        """Whether it is reached. Raises ValueError where it is of a ratio and there is none."""
        if self.of_ratio and ratio is None:
            raise ValueError("the goal is of a ratio, and there is no baseline")
        value = ratio if self.of_ratio and ratio is not None else figure
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `unit` is that of figure and baseline, and of the goal where it is not of the ratio."""

    key: str
    what: str
    figure: float
    unit: str
    goal: Goal
    bound: str
    baseline: float | None = None
    baseline_what: str = ""
    starred: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Figure over baseline; None without one."""
        return self.figure / self.baseline if self.baseline else None

    @property
    def met(self) -> bool:
        """Whether the goal is reached."""
        return self.goal.met_by(self.figure, self.ratio)


def number(value: float) -> str:
    """Three digits that count, thousands apart: 88,300 · 5.81 · 0.574."""
    if abs(value) < 999.5:
        return f"{value:.3g}"
    step = 10 ** max(0, len(str(int(abs(value)))) - 3)
    return f"{round(value / step) * step:,}"


def cells(row: Row) -> list[str]:
    """The row's line, cell by cell."""
    goal = number(row.goal.limit) + (" ×" if row.goal.of_ratio else f" {row.unit}")
    baseline = "–" if row.baseline is None else f"{number(row.baseline)} {row.unit} ({row.baseline_what})"
    return [
        f"`{row.key}`{' *' if row.starred else ''}", row.what, f"{number(row.figure)} {row.unit}", baseline,
        "–" if row.ratio is None else f"{number(row.ratio)} ×", ("≥ " if row.goal.at_least else "≤ ") + goal,
        "met" if row.met else "**missed**", row.bound,
    ]  # fmt: skip


def line(parts: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(part.replace("|", "/").replace("\n", " ") for part in parts) + " |"


def document(rows: Iterable[Row], before: str, machine: str, order: Sequence[str]) -> str:
    """docs/benchmarks.md: these rows, and those of `before` that were not run again, in the order of their keys."""
    kept = {text.split("`")[1]: text for text in before.splitlines() if text.startswith("| `")}
    lines = kept | {row.key: line(cells(row)) for row in rows}
    ordered = sorted(lines, key=lambda key: order.index(key) if key in order else len(order))
    table = [line(COLUMNS), line(["---"] * len(COLUMNS)), *(lines[key] for key in ordered)]
    return HEAD + f"Measured on: {machine}.\n\n" + "\n".join(table) + "\n"


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The rows with ratio and met, for programs."""
    return [asdict(row) | {"ratio": row.ratio, "met": row.met} for row in rows]


def machine() -> str:
    """Cores, memory and versions: what figures depend on."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{os.cpu_count()} cores, {memory_gb:.0f} GB, Linux on {platform.machine()}, Python {platform.python_version()}"
