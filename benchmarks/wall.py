"""A wall screen through a day: every tick of 24 hours in less time, network and server gone in between, and what grows meanwhile.

How a day is made shorter: `FASTER`, a script that runs before the page's own, divides the delay of every `setInterval` by fifty, and
that is all. Dash's interval, the clock that ages are drawn by and the rotation are such intervals. `Date`, `setTimeout` and the
server stay as they are, so "5 seconds without an answer" still are five seconds. A tick counts once its question was answered by the
server; what a page does by the clock instead (the line of a device twice a minute, the rotation's 20 seconds) does not become more.

What is posted says its own time: a value is the second of the day at which it was sent. So the page itself can be asked five times a
second whether it draws as live what is old, whatever it believes of its age.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import numpy as np
from playwright.sync_api import BrowserContext, Page

from benchmarks.browser import window
from benchmarks.context import Context
from benchmarks.plant import KEY, Plant
from benchmarks.report import Goal, Row
from dashapp.actions.actor import Actor
from dashapp.actions.kiosk import Showing, create_link
from dashapp.domain.fleet import DeviceSpec, Role, SensorSpec

DAY = 86_400  # ticks
TIMES = 50
DEVICES = 3
PAGE_TICKS = 60
EVERY_S = 0.04  # a post; at this pace nearly every tick has news
OLD_S = 4.0  # between what a value says of itself and what is written beside it: a second of rounding, the rest is a busy machine
LIMITS = {"heap": 50.0, "nodes": 0.02, "listeners": 0.02}  # bytes, and numbers, a tick
SETTLING = {"heap": 1.5e6, "nodes": 20.0, "listeners": 10.0}  # once, whatever the number of ticks: code is compiled, caches fill
LOOKS = 3

FASTER = """(() => {
  const every = window.setInterval.bind(window), fetch = window.fetch.bind(window);
  const seen = window.seen = {born: performance.timeOrigin, ticks: 0, looked: 0, hidden_s: 0, live_s: 0};
  window.setInterval = (run, ms, ...more) => every(run, (ms || 0) / TIMES, ...more);
  window.fetch = async (resource, options) => {
    const answer = await fetch(resource, options);
    if (answer.ok && options && String(options.body).includes('"changedPropIds":["shell-pulse.data"]')) seen.ticks += 1;
    return answer;
  };
  const DAY = 86400, UNIT = {s: 1, min: 60, h: 3600};
  const look = (tile) => {
    const value = parseFloat(tile.querySelector('.wall-value b').textContent.replace(/,/g, ''));
    const said = /(\\d+) (s|min|h) ago$/.exec(tile.textContent);
    if (!Number.isFinite(value) || tile.classList.contains('stale')) return;
    const age = ((Date.now() / 1000 - value) % DAY + DAY) % DAY;
    const old = age > DAY - 60 ? 0 : age; // the last digit is rounded
    seen.looked += 1;
    seen.live_s = Math.max(seen.live_s, old);
    seen.hidden_s = Math.max(seen.hidden_s, old - (said ? said[1] * UNIT[said[2]] : 0));
  };
  every(() => {
    if (!document.documentElement.hasAttribute('data-lost')) document.querySelectorAll('[data-device]').forEach(look);
  }, 200);
})()""".replace("TIMES", str(TIMES))
LEAK = """() => {
  const kept = window.kept = [];
  setInterval(() => {
    const node = document.createElement('i');
    node.addEventListener('click', () => kept.length);
    kept.push(node, new Array(6000).fill(0).map(() => Math.random()));
  }, 1000);
}"""
"""What a careless tick leaves behind: a node out of the document, a listener, 48 kB."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the page holds after the garbage was collected, at a number of ticks."""

    ticks: int
    heap: float
    nodes: float
    listeners: float


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Theil and Sen's: the median of the slopes between any two points, which a few strange ones do not move. 0 for fewer than two."""
    found = [(y2 - y1) / (x2 - x1) for at, (x1, y1) in enumerate(points) for x2, y2 in points[at + 1 :] if x2 > x1]
    return float(np.median(found)) if found else 0.0


def growth(samples: Sequence[Sample]) -> dict[str, float]:
    """Growth a tick of each figure of LIMITS."""
    return {name: slope([(one.ticks, getattr(one, name)) for one in samples]) for name in LIMITS}


def leaks(samples: Sequence[Sample]) -> list[str]:
    """The figures that grow by more than LIMITS a tick, and SETTLING over all of these. The more ticks, the finer the look."""
    span = max(1, samples[-1].ticks - samples[0].ticks)
    return [name for name, by in growth(samples).items() if by > LIMITS[name] + SETTLING[name] / span]


class Posting:
    """Devices that say what time it is, all the while: from `__enter__` to `__exit__`."""

    def __init__(self, plant: Plant) -> None:
        self._url = f"{plant.url}/api/v1/readings"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._post, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)

    def _post(self) -> None:
        with httpx.Client(timeout=5, headers={"X-API-Key": KEY}) as client:
            while not self._over.wait(EVERY_S):
                now = time.time()
                stamp, value = datetime.fromtimestamp(now, UTC).isoformat(), round(now % DAY, 1)
                rows = [{"device_id": f"clock-{n}", "sensor_type": "time", "value": value, "timestamp": stamp} for n in range(DEVICES)]
                try:
                    client.post(self._url, json=rows)
                except httpx.TransportError:
                    continue  # the server is away, on purpose


def plant_of_clocks() -> Plant:
    """A plant, not yet started, that is as quick to start as one gets."""
    return Plant(settings={"ANDON_JOBS": "0"})


def add_clocks(plant: Plant) -> str:
    """Makes the devices, and a wall screen that turns the overview and one of them; its link."""
    sensors = (SensorSpec("time", "Time", "s"),)
    plant.add_devices([DeviceSpec(f"clock-{n}", f"Clock {n}", "Hall", "line-1", sensors) for n in range(DEVICES)])
    actor = Actor(kind="command", id=0, tenant_id=plant.tenant_id, role=Role.ADMIN)
    _, token = create_link(plant.database, actor, Showing("Endurance", ("/", "/devices/clock-1?range=1h"), PAGE_TICKS))
    return f"{plant.url}/kiosk#{token}"


class Screen:
    """An open wall screen whose time runs faster."""

    def __init__(self, context: BrowserContext, plant: Plant, link: str) -> None:
        context.add_init_script(FASTER)
        self._context, self._plant = context, plant
        self.page: Page = context.new_page()
        self.page.goto(link)
        self.page.wait_for_url("**/kiosk/screen/", timeout=60_000)
        self.page.locator("[data-device]").first.wait_for(timeout=60_000)
        self._cdp = context.new_cdp_session(self.page)
        self._cdp.send("Performance.enable")
        self._born = self.seen()["born"]
        self.away: list[tuple[str, float, float]] = []  # of what, seconds until it was said, seconds until it was live again

    def seen(self) -> dict[str, Any]:
        """What FASTER counts: ticks, values looked at, `hidden_s` and `live_s` of the worst value that was drawn as live."""
        found: dict[str, Any] = self.page.evaluate("() => window.seen")
        return found

    @property
    def ticks(self) -> int:
        """Answered ones. Raises RuntimeError where the page was loaded anew, which would hide what it leaks."""
        seen = self.seen()
        if seen["born"] != getattr(self, "_born", seen["born"]):
            raise RuntimeError("the page has loaded itself anew")
        return int(seen["ticks"])

    def sample(self) -> Sample:
        """The least of three looks: what has just been replaced is held by React until it draws again, and is no leak."""
        looks = []
        for _ in range(LOOKS):
            looks.append(self._look())
            self.page.wait_for_timeout(200)
        return Sample(looks[-1].ticks, *(min(getattr(one, name) for one in looks) for name in LIMITS))

    def _look(self) -> Sample:
        """At a moment when the overview is shown: the same things stand on the page each time."""
        self.page.locator("#wall-cards").wait_for(timeout=60_000)  # no handle of it: that would hold the page
        for _ in range(2):  # what a finaliser lets go is collected by the next one
            self._cdp.send("HeapProfiler.collectGarbage")
        counts = self._cdp.send("Memory.getDOMCounters")
        metrics = {one["name"]: one["value"] for one in self._cdp.send("Performance.getMetrics")["metrics"]}
        return Sample(self.ticks, metrics["JSHeapUsedSize"], counts["nodes"], counts["jsEventListeners"])

    def run(self, ticks: int, samples: int) -> list[Sample]:
        """Lets at least that many more ticks pass, as many before each sample. Raises RuntimeError where they do not come."""
        taken: list[Sample] = []
        for _ in range(samples):
            self._until((taken[-1].ticks if taken else self.ticks) + ticks // samples)
            taken.append(self.sample())
        return taken

    def _until(self, ticks: int) -> None:
        """Playwright would ask by a timer of the page, which runs faster here; and a page that waits costs nothing."""
        last, moved = -1, time.monotonic()
        while (now := self.ticks) < ticks:
            if now > last:
                last, moved = now, time.monotonic()
            elif time.monotonic() - moved > 30:
                raise RuntimeError(f"no tick has come for half a minute, after {now}")
            self.page.wait_for_timeout(100)

    def without_network(self) -> None:
        """Cuts it until the screen says so, and gives it back."""
        self._interrupt("network", lambda: self._context.set_offline(True), lambda: self._context.set_offline(False))

    def without_server(self) -> None:
        """Stops the server (its database stays), and starts it on the same port."""
        self._interrupt("server", self._plant.stop_server, lambda: self._plant.serve())  # noqa: PLW0108

    def _interrupt(self, what: str, away: Callable[[], object], back: Callable[[], object]) -> None:
        away()
        began = time.monotonic()
        self.page.locator("html[data-lost]").wait_for(timeout=30_000)
        said = time.monotonic() - began
        self.page.wait_for_timeout(1_000)  # values grow old
        back()
        began = time.monotonic()
        self.page.locator("html:not([data-lost])").wait_for(timeout=60_000)
        self.away.append((what, said, time.monotonic() - began))


def wall_day(context: Context) -> list[Row]:
    """Every tick of a day (a fiftieth with --quick); the network goes each hour, the server every six."""
    hours, per_hour = (12, 144) if context.quick else (24, DAY // 24)
    samples: list[Sample] = []
    with plant_of_clocks() as plant:
        link = add_clocks(plant)
        plant.serve()
        began = time.monotonic()
        with Posting(plant), window() as browser:
            screen = Screen(browser, plant, link)
            screen.run(per_hour // 4, 1)  # caches fill
            for hour in range(hours):
                samples += screen.run(per_hour, 4)
                (screen.without_server if hour % 6 == 5 else screen.without_network)()
            took, seen = time.monotonic() - began, screen.seen()
    grows = growth(samples)
    if seen["hidden_s"] > OLD_S:
        raise RuntimeError(f"a value was drawn as live and said to be {seen['hidden_s']:.1f} s younger than it was")
    if leaks(samples):
        raise RuntimeError(f"{', '.join(leaks(samples))} grow: {grows} a tick")
    said, again = (max(each[at] for each in screen.away) for at in (1, 2))
    bound = (
        f"{seen['ticks']:,} answered ticks in {took / 60:.0f} min; {len(screen.away)} interruptions, said within {said:.1f} s,"
        f" live again within {again:.1f} s; nodes {grows['nodes'] * DAY:+.0f} and listeners {grows['listeners'] * DAY:+.0f} a day"
    )
    detail = {"samples": [[one.ticks, one.heap, one.nodes, one.listeners] for one in samples], "away": screen.away, "seen": seen}
    what = f"a wall screen through {hours * per_hour:,} ticks of a second: JavaScript memory it gains in a day"
    return [Row("wall-day", what, max(0.0, grows["heap"] * DAY / 1e6), "MB", Goal(5), bound, starred=True, detail=detail)]
