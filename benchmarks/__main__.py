"""`python -m benchmarks [ROW …] [--full] [--quick] [--json FILE]`: figures of speed, each against its baseline of the same run."""

import argparse
import importlib
import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks import report
from benchmarks.context import Context
from benchmarks.load import ToolMissing, needed

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"
Measure = Callable[[Context], list[report.Row]]


@dataclass(frozen=True, slots=True)
class Part:
    """One measurement: the rows that it gives, and where it is."""

    keys: tuple[str, ...]
    module: str
    function: str
    full: bool = False

    def measure(self) -> Measure:
        """Imported when it is its turn: a row does not pay for what another needs."""
        found: Measure = getattr(importlib.import_module(f"benchmarks.{self.module}"), self.function)
        return found


PARTS = (
    Part(("ingest-batches",), "ingest", "batches"),
    Part(("ingest-singles",), "ingest", "singles"),
    Part(("mqtt",), "brokers", "mqtt"),
    Part(("kafka",), "brokers", "kafka"),
    Part(("latency-alone", "latency-beside"), "latency", "latency"),
    Part(("current-state", "current-p95"), "current", "current_state"),
    Part(("alarm-singles", "alarm-batches"), "alarms", "reading_to_alert"),
    Part(("alarm-ingest",), "alarms", "ingest_with_rules"),
    Part(("socket-latency",), "sockets", "latency"),
    Part(("sockets-1000", "sockets-1000-memory"), "sockets", "thousand"),
    Part(("value-p50", "value-p95"), "pages", "value_on_page"),
    Part(("first-chart", "bytes-cold", "bytes-repeat"), "pages", "cold_visit"),
    Part(("overview-500",), "pages", "overview_of_500"),
    Part(("pages-50", "pages-50-ingest"), "open_pages", "fifty_pages"),
    Part(("toast",), "toasts", "reading_to_toast"),
    Part(("backtest",), "backtest", "backtest"),
    Part(("oee-50",), "oee", "oee_page", full=True),
    Part(("ranges", "trend-figure"), "series", "ranges", full=True),
    Part(("export-csv", "export-memory"), "exports", "csv_of_millions", full=True),
    Part(("memory", "memory-growth"), "memory", "ten_pages", full=True),
    Part(("wall-day",), "wall", "wall_day", full=True),
)
KEYS = [key for part in PARTS for key in part.keys]


def chosen(wanted: list[str], *, full: bool) -> list[Part]:
    """The parts that give the wanted rows; without a wish all, the starred ones only in a full run. Raises ValueError."""
    unknown = set(wanted) - set(KEYS)
    if unknown:
        raise ValueError(f"there is no row {', '.join(sorted(unknown))}; there is: {', '.join(KEYS)}")
    if wanted:
        return [part for part in PARTS if set(part.keys) & set(wanted)]
    return [part for part in PARTS if full or not part.full]


def main(arguments: list[str] | None = None) -> int:
    """Runs the rows, prints and writes the table. 0 when all were measured, whether goals are met or not."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"one or more of {', '.join(KEYS)}")
    parser.add_argument("--full", action="store_true", help="the rows marked * too")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try a row out; the document is left alone")
    parser.add_argument("--json", metavar="FILE", help="writes the figures as JSON; - is standard output")
    parser.add_argument("--minutes", type=float, help="how long memory is watched (30; 2 with --quick)")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is stopped then too
    try:
        parts = chosen(options.rows, full=options.full)
        needed("wrk", "wrk")
    except (ValueError, ToolMissing) as error:
        parser.error(str(error))
    rows, failed = _run(parts, Context(quick=options.quick, minutes=options.minutes))
    console = Console(file=sys.stderr if options.json == "-" else sys.stdout, soft_wrap=True)
    _print(console, rows)
    if options.json == "-":
        print(json.dumps(report.as_json(rows), indent=1))
    elif options.json:
        Path(options.json).write_text(json.dumps(report.as_json(rows), indent=1))
    if rows and not options.quick:
        before = DOCUMENT.read_text() if DOCUMENT.exists() else ""
        DOCUMENT.parent.mkdir(exist_ok=True)
        DOCUMENT.write_text(report.document(rows, before, report.machine(), KEYS))
    return 1 if failed else 0


def _run(parts: list[Part], context: Context) -> tuple[list[report.Row], bool]:
    rows: list[report.Row] = []
    failed = False
    with context:
        for part in parts:
            began = time.perf_counter()
            try:
                measured = part.measure()(context)
            except Exception as error:  # the other rows are still worth measuring
                failed = True
                context.say(f"{', '.join(part.keys)}: not measured: {type(error).__name__}: {error}")
                continue
            for row in measured:
                context.say(f"{row.key}: {' · '.join(report.cells(row)[2:7])}   ({time.perf_counter() - began:.0f} s)")
            rows += measured
    return rows, failed


def _print(console: Console, rows: list[report.Row]) -> None:
    """Two lines a row: a table of this width would not fit."""
    for row in rows:
        _, what, figure, baseline, ratio, goal, met, bound = (cell.replace("`", "").replace("*", "") for cell in report.cells(row))
        colour = "green" if row.met else "red"
        console.print(f"[bold]{row.key}[/]{' *' if row.starred else ''}  {what}", highlight=False)
        against = "" if row.baseline is None else f" against {baseline}: {ratio}"
        console.print(f"    {figure}{against}; goal {goal}: [{colour}]{met}[/]", highlight=False)
        console.print(f"    [dim]{bound}[/]", highlight=False)


if __name__ == "__main__":
    sys.exit(main())
