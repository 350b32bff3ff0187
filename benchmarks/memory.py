"""Row of the memory: what the demo plant takes with ten pages open, PostgreSQL not counted, and whether it grows."""

import time
from pathlib import Path

import numpy as np

from benchmarks.browser import signed_in, window
from benchmarks.context import Context
from benchmarks.report import Goal, Row

PAGES = ("/", "/", "/", "/", "/devices", "/devices/MX-01", "/devices/MX-02", "/devices/device-001", "/devices/device-002", "/devices/MX-03")
EVERY_S = 15.0
SETTLED = 1 / 3  # of the time passes before growth is looked at: caches fill, the browser's files are compressed


def ten_pages(context: Context) -> list[Row]:
    """Samples of the proportional set size of the server and its children, every quarter of a minute."""
    minutes = context.minutes or (2.0 if context.quick else 30.0)
    plant = context.demo()
    samples: list[tuple[float, float]] = []
    with window(state=signed_in(plant)) as browser:
        for path in PAGES:
            page = browser.new_page()
            page.goto(plant.url + path)
        if any(page.evaluate("() => document.hidden") for page in browser.pages):
            raise RuntimeError("a page is hidden, and does not ask for what is new")
        began = time.monotonic()
        while (at := time.monotonic() - began) < minutes * 60:
            samples.append((at, pss_mb(plant.server_pid)))
            browser.pages[0].wait_for_timeout(EVERY_S * 1000)
    most = max(mb for _, mb in samples)
    later = [sample for sample in samples if sample[0] >= minutes * 60 * SETTLED]
    growth = grown(later)
    bound = f"the interpreter and its libraries; {samples[0][1]:.0f} MB at the start, {samples[-1][1]:.0f} at the end"
    detail = {"samples_mb": [round(mb, 1) for _, mb in samples]}
    return [
        Row("memory", f"memory of our processes but PostgreSQL (PSS), demo plant, {len(PAGES)} open pages, {minutes:.0f} min", most,
            "MB", Goal(300), bound, starred=True, detail=detail),
        Row("memory-growth", "its growth over the last two thirds of that time (a line through the samples)", growth, "MB", Goal(15),
            "flat: what is in memory is bounded by devices, not by time", starred=True),
    ]  # fmt: skip


def pss_mb(pid: int) -> float:
    """Proportional set size of a process and its children but PostgreSQL, in megabytes."""
    return sum(_pss_kb(each) for each in [pid, *_children(pid)]) / 1000


def grown(samples: list[tuple[float, float]]) -> float:
    """What a straight line through (seconds, value) rises by from the first sample to the last."""
    if len(samples) < 2:
        return 0.0
    seconds, values = (np.array(column) for column in zip(*samples, strict=True))
    slope = np.polyfit(seconds - seconds[0], values, 1)[0]
    return float(slope * (seconds[-1] - seconds[0]))


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            if b"postgres" not in Path(f"/proc/{child}/cmdline").read_bytes():
                found += [child, *_children(child)]
    return found
