"""Rows of many open pages: fifty overviews that tick each second while readings come in as fast as the door takes them."""

import asyncio
import copy
import gzip
import re
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from statistics import fmean
from typing import Any, Self
from urllib.parse import urlsplit

import msgspec
import uvloop

from benchmarks.browser import signed_in
from benchmarks.context import Context
from benchmarks.ingest import BATCH, check, post, start
from benchmarks.load import percentile
from benchmarks.pages import TICK, hold, own_tick
from benchmarks.plant import EMAIL, PASSWORD, Plant
from benchmarks.report import Goal, Row
from dashapp.actions.access import sign_in
from dashapp.ui.visitor import COOKIE

PAGES = 50
CONNECTIONS = 16  # the writer never waits for a request: the door's full rate, not that of four senders who wait by turns
LENGTH = re.compile(rb"content-length: (\d+)")
ROUNDS, ROUND_S = 10, 5  # with and without pages by turns: a checkpoint, a vacuum, the rollups of each minute fall on both


@dataclass(slots=True)
class Ticks:
    """What the pages saw: milliseconds and bytes of every answer that had news, how many had none, how many ticks came too late."""

    took_ms: list[float] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    empty: int = 0
    missed: int = 0


def fifty_pages(context: Context) -> list[Row]:
    """Callback p95, and the door's rate with the pages against its rate without them, by turns.

    As many people as pages, each with a session of their own: nothing that is remembered of one serves another. Each page posts
    what the browser posts, holds what it was answered, and asks once a second, or at once where the answer took longer.
    """
    seconds = 3 if context.quick else ROUND_S
    plant = context.loaded().plant
    body = own_tick(plant, signed_in(plant))[0]
    cookies = [_session(plant) for _ in range(PAGES)]
    post("batches", plant, connections=CONNECTIONS, seconds=3)
    uvloop.run(_look(plant, body, cookies, 3.0, Ticks()))
    ticks, cpu_s, with_pages, without_pages = Ticks(), 0.0, [], []
    for _ in range(ROUNDS):
        without_pages.append(_rate(plant, seconds))
        cpu_s -= plant.server_cpu_s()
        with_pages.append(_rate_beside(plant, body, cookies, seconds, ticks))
        cpu_s += plant.server_cpu_s()
    without_pages.append(_rate(plant, seconds))
    seconds *= ROUNDS
    if len(ticks.took_ms) < PAGES * seconds / 3:
        raise RuntimeError(f"only {len(ticks.took_ms)} ticks had news, {ticks.empty} had none and {ticks.missed} came late")
    rate, without = fmean(with_pages), fmean(without_pages)
    p50, p95 = (percentile(ticks.took_ms, share) for share in (50, 95))
    bound = (
        f"p50 {p50:.0f} ms, most {max(ticks.took_ms):.0f} ms; {len(ticks.took_ms):,} answers with news of 100 devices,"
        f" {sum(ticks.sizes) / len(ticks.sizes) / 1000:.1f} kB of JSON each, beside {rate:,.0f} readings/s; {ticks.missed} ticks came late;"
        f" the server takes {cpu_s / seconds:.2f} of a core"
    )
    detail = {"without": without_pages, "with": with_pages, "p50_ms": p50, "empty": ticks.empty, "missed": ticks.missed}
    return [
        Row("pages-50", f"{PAGES} open overviews at 1 s, the door at its full rate: live callback, p95", p95, "ms", Goal(100), bound,
            detail=detail),
        Row("pages-50-ingest", "readings/s over HTTP with these pages open, durable", rate, "/s", Goal(0.9, at_least=True, of_ratio=True),
            "the writer waits for its turn at the interpreter's lock, which pages hold while they answer", without,
            "the same without pages, by turns"),
    ]  # fmt: skip


def _rate(plant: Plant, seconds: float) -> float:
    """Readings a second, every one of them found in the database."""
    stored = plant.readings_stored()
    load = post("batches", plant, connections=CONNECTIONS, seconds=seconds)
    check(load, plant.readings_stored() - stored, BATCH)
    return load.per_s * BATCH


def _rate_beside(plant: Plant, body: dict[str, Any], cookies: list[dict[str, str]], seconds: float, ticks: Ticks) -> float:
    """The same while the pages are open."""
    stored = plant.readings_stored()
    load = start("batches", plant, connections=CONNECTIONS, seconds=seconds)
    try:
        uvloop.run(_look(plant, body, cookies, seconds - 1.0, ticks))
        found = load.result()
    finally:
        load.stop()
    check(found, plant.readings_stored() - stored, BATCH)
    return found.per_s * BATCH


def _session(plant: Plant) -> dict[str, str]:
    """A new one of the owner."""
    found = sign_in(plant.database, EMAIL, PASSWORD, "127.0.0.1", "benchmark", datetime.now(UTC))
    return {COOKIE: found.token}


async def _look(plant: Plant, body: dict[str, Any], cookies: list[dict[str, str]], seconds: float, seen: Ticks) -> None:
    """The pages, each on a connection of its own, their ticks spread over the second as those of people are."""
    until = time.monotonic() + seconds
    await asyncio.gather(*(_page(plant, body, one, number / len(cookies), until, seen) for number, one in enumerate(cookies)))


async def _page(plant: Plant, body: dict[str, Any], cookies: dict[str, str], phase: float, until: float, seen: Ticks) -> None:
    held: dict[str, Any] = copy.deepcopy(body)
    await asyncio.sleep(phase)
    async with _Connection(plant.url, cookies) as connection:
        due = time.monotonic()
        while time.monotonic() < until:
            asked = msgspec.json.encode(held)
            began = time.perf_counter()
            status, answer = await connection.post(TICK, asked)
            took = time.perf_counter() - began
            if status not in (200, 204):
                raise RuntimeError(f"the tick was answered {status}: {answer[:300]!r}")
            if status == 200:
                seen.took_ms.append(1000 * took)
                seen.sizes.append(len(answer))
                hold(held, msgspec.json.decode(answer))
            else:
                seen.empty += 1
            due += 1
            late = time.monotonic() > due
            seen.missed += late
            due = time.monotonic() if late else due
            await asyncio.sleep(max(0.0, due - time.monotonic()))


class _Connection:
    """A browser's to the server, kept open. A client of Python's takes a multiple of this of the processor that is being measured."""

    def __init__(self, url: str, cookies: dict[str, str]) -> None:
        self._address = urlsplit(url)
        self._cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        await self._writer.wait_closed()

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """The status and what was sent, unpacked."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._address.netloc}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Accept-Encoding: gzip\r\nSec-Fetch-Site: same-origin\r\nCookie: {self._cookie}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = LENGTH.search(answer)
        content = await self._reader.readexactly(int(length[1])) if length else b""
        return int(answer.split(b" ", 2)[1]), gzip.decompress(content) if b"content-encoding: gzip" in answer else content
