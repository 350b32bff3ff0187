"""Rows of the exports: ten million readings as CSV by the API, and what that adds to the memory of the process that sends them."""

import threading
import time
from datetime import UTC, datetime

import httpx

from benchmarks.context import Context, fleet
from benchmarks.load import percentile
from benchmarks.memory import pss_mb
from benchmarks.plant import EMAIL, PASSWORD, Plant
from benchmarks.preload import SECOND_US, preload
from benchmarks.report import Goal, Row

SENSORS = 10
ADDRESS = "/api/v1/readings/export"
SAMPLED_EVERY_S = 0.25
COPY = """
copy (select time, d.key, s.key, value, s.unit, quality, flags from readings r join sensors s on s.id = r.sensor_id
      join devices d on d.id = s.device_id where r.sensor_id = any('{ids}') order by r.sensor_id, time) to stdout (format csv)"""


def csv_of_millions(context: Context) -> list[Row]:
    """A download by one reader, with requests for a list beside it; then COPY of the same columns by a role that bypasses row security."""
    rows = 500_000 if context.quick else 10_000_000
    with Plant() as plant:
        sensor_ids = plant.add_devices(fleet(SENSORS // 5, 5))
        first_us, last_us = preload(plant, sensor_ids, rows)
        plant.serve()
        token = httpx.post(f"{plant.url}/api/v1/auth/login", data={"username": EMAIL, "password": PASSWORD}, timeout=20).json()
        ask = httpx.Client(base_url=plant.url, headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=60)
        _download(ask, first_us, first_us + 60 * SECOND_US)  # what is loaded once is not growth
        before_mb = pss_mb(plant.server_pid)
        watched = _Watch(plant.server_pid, ask)
        cpu_s = plant.server_cpu_s()
        lines, sent_bytes, took_s = _download(ask, first_us, last_us + SECOND_US)
        cpu_s = plant.server_cpu_s() - cpu_s
        watched.stop()
        if lines != rows:
            raise RuntimeError(f"{lines:,} lines of {rows:,} readings")
        copied_s = _copy(plant, sensor_ids)
    growth = max(watched.samples_mb) - before_mb
    own = f"PostgreSQL writes the lines, on one core; our process used {cpu_s:.0f} s of {took_s:.0f}"
    beside = f"a list asked for meanwhile took {percentile(watched.answers_ms, 95):.0f} ms (p95)"
    return [
        Row(
            "export-csv", f"CSV of {rows / 1e6:g} M readings by the API, one reader, {sent_bytes / 1e6:,.0f} MB", lines / took_s, "rows/s",
            Goal(200_000, at_least=True), f"{own}; {beside}", baseline=rows / copied_s, baseline_what="COPY to standard output, by psycopg",
            starred=True,
        ),
        Row(
            "export-memory", "growth of the memory of our process while it is sent (PSS)", growth, "MB", Goal(50),
            f"one piece of 20,000 lines at a time; {before_mb:.0f} MB before", starred=True,
            detail={"samples_mb": [round(mb, 1) for mb in watched.samples_mb]},
        ),
    ]  # fmt: skip


def _download(ask: httpx.Client, start_us: int, end_us: int) -> tuple[int, int, float]:
    """(lines without the head, bytes, seconds)."""
    ends = [datetime.fromtimestamp(us / 1e6, UTC).isoformat() for us in (start_us, end_us)]
    began, lines, size = time.perf_counter(), -1, 0
    with ask.stream("GET", ADDRESS, params={"from": ends[0], "to": ends[1]}) as answer:
        answer.raise_for_status()
        for piece in answer.iter_raw():
            lines += piece.count(b"\n")
            size += len(piece)
    return lines, size, time.perf_counter() - began


def _copy(plant: Plant, sensor_ids: list[int]) -> float:
    began = time.perf_counter()
    with plant.superuser() as connection, connection.cursor() as cursor:
        statement = COPY.format(ids="{" + ",".join(map(str, sensor_ids)) + "}")
        with cursor.copy(statement.encode()) as copy:
            for _ in copy:
                pass
    return time.perf_counter() - began


class _Watch:
    """Samples a process's memory, and how long a small request takes, until it is stopped."""

    def __init__(self, pid: int, ask: httpx.Client) -> None:
        self.samples_mb: list[float] = []
        self.answers_ms: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, args=[pid, ask])
        self._thread.start()

    def stop(self) -> None:
        """Nothing is sampled afterwards."""
        self._end.set()
        self._thread.join()

    def _run(self, pid: int, ask: httpx.Client) -> None:
        while True:
            self.samples_mb.append(pss_mb(pid))
            began = time.perf_counter()
            ask.get("/api/v1/machines").raise_for_status()
            self.answers_ms.append(1000 * (time.perf_counter() - began))
            if self._end.wait(SAMPLED_EVERY_S):
                return
