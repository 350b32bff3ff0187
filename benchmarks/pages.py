"""Rows of the pages: how soon a chart is there, what it weighs, how soon a value is seen, what a tick costs with 500 devices."""

import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from benchmarks.browser import Visit, signed_in, visit, wait_quiet, window
from benchmarks.context import Context, fleet
from benchmarks.load import Wrk, percentile
from benchmarks.plant import EMAIL, KEY, PASSWORD, ROOT, Plant, free_port
from benchmarks.report import Goal, Row

WATCH = """() => {
  window.seen = {};
  window.wanted = [];
  const look = () => {
    const text = document.body.innerText;
    for (const want of window.wanted) if (!(want in window.seen) && text.includes(want)) window.seen[want] = Date.now();
  };
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""
DEVICE = "press-of-the-benchmark"  # nobody simulates it: what is posted stays
LARGE = 500
TICK = "/_dash-update-component"
STOCK = ROOT / "benchmarks" / "stock_dash.py"


def value_on_page(context: Context) -> list[Row]:
    """From a post to the changed value on an open overview of the demo plant; clocks are of one host."""
    plant = context.demo()
    posts = 10 if context.quick else 70
    token = httpx.post(f"{plant.url}/api/v1/auth/login", data={"username": EMAIL, "password": PASSWORD}, timeout=20).json()["access_token"]
    wish = {"key": DEVICE, "sensors": [{"key": "temperature", "unit": "°C"}]}
    httpx.post(f"{plant.url}/api/v1/devices", json=wish, headers={"Authorization": f"Bearer {token}"}, timeout=20)
    chance = random.Random(7)
    taken: list[float] = []
    with window(state=signed_in(plant)) as browser, httpx.Client(timeout=20) as client:
        page = browser.new_page()
        page.goto(plant.url)
        page.wait_for_selector("#overview-cards")
        page.evaluate(WATCH)
        for number in range(posts):
            value = 1000.5 + number  # nothing else on the page says this
            text = f"{value:,.1f}"
            page.evaluate("want => { window.wanted = [want]; }", text)
            time.sleep(chance.uniform(0, 1))
            began = time.time()
            reading = {"device_id": DEVICE, "sensor_type": "temperature", "value": value, "timestamp": datetime.now(UTC).isoformat()}
            client.post(f"{plant.url}/api/v1/readings", json=reading, headers={"X-API-Key": KEY}).raise_for_status()
            page.wait_for_function("want => want in window.seen", arg=text, timeout=15_000, polling=20)
            taken.append(page.evaluate("want => window.seen[want]", text) / 1000 - began)
    bound = f"the page asks once a second; {posts} posts at random moments, most {max(taken):.2f} s"
    return [
        Row("value-p50", "post to changed value on an open overview, p50", percentile(taken, 50), "s", Goal(0.6), bound),
        Row("value-p95", "the same, p95", percentile(taken, 95), "s", Goal(1.2), bound),
    ]


def cold_visit(context: Context) -> list[Row]:
    """First value that plotly has plotted on a cold overview, and bytes of a cold and of a repeated visit, against stock Dash."""
    plant = context.demo()
    times = 2 if context.quick else 7
    state = signed_in(plant)
    with _stock(plant) as stock:
        _compressed(plant, state)
        ours: list[Visit] = []
        theirs: list[Visit] = []
        repeated: list[Visit] = []
        for _ in range(times):  # by turns, so that a slow minute of the machine meets both
            with window(state=state) as browser:
                ours.append(visit(browser, plant.url))
                repeated.append(visit(browser, plant.url))
            with window() as browser:
                theirs.append(visit(browser, stock))
    first, stock_first = statistics.median(v.plotted_ms for v in ours), statistics.median(v.plotted_ms for v in theirs)
    cold, stock_cold = (statistics.median(v.wire_bytes for v in visits) / 1000 for visits in (ours, theirs))
    again = statistics.median(v.wire_bytes for v in repeated) / 1000
    bound = f"the browser runs the scripts; {ours[0].requests} requests against {theirs[0].requests}, medians of {times} fresh profiles"
    detail = {"plotted_ms": [round(v.plotted_ms) for v in ours], "stock_plotted_ms": [round(v.plotted_ms) for v in theirs]}
    stock_page = "stock Dash page with one plotly gauge"
    return [
        Row("first-chart", "first database value plotted by plotly, cold overview", first / 1000, "s", Goal(0.4, of_ratio=True), bound,
            stock_first / 1000, stock_page, detail=detail),
        Row("bytes-cold", "bytes on the wire, cold overview", cold, "kB", Goal(800), "Dash's scripts and the part of plotly.js that we use",
            stock_cold, stock_page),
        Row("bytes-repeat", "bytes on the wire, repeated visit", again, "kB", Goal(40),
            f"page, layout, live answers of a second; {repeated[0].requests} requests, the rest from the browser's cache"),
    ]  # fmt: skip


def overview_of_500(context: Context) -> list[Row]:
    """The live tick of an overview with 500 devices, each of which changes every second: its own request, asked again."""
    seconds = 10 if context.quick else 40
    with Plant() as plant:
        plant.add_devices(fleet(LARGE, 1))
        plant.serve()
        state = signed_in(plant)
        load = Wrk("batches", plant.url, KEY, connections=1, seconds=seconds + 25, devices=LARGE, sensors=1, per_s=1)
        try:
            time.sleep(2)
            request = own_tick(plant, state)
            taken = _ask(plant, request, viewers=3, seconds=seconds)
        finally:
            load.stop()
    sizes = [size for _, size in taken]
    times_ms = [1000 * took for took, _ in taken]
    bound = f"{len(taken)} ticks of 3 viewers, p50 {percentile(times_ms, 50):.0f} ms, {statistics.median(sizes) / 1000:.0f} kB of JSON each"
    return [Row("overview-500", "overview with 500 devices: live callback, p95", percentile(times_ms, 95), "ms", Goal(60), bound)]


def _compressed(plant: Plant, state: Any) -> None:
    """Visits once and waits until the server has compressed its files, which it does once in its life."""
    with window(state=state) as browser:
        visit(browser, plant.url)
    deadline, before = time.monotonic() + 120, -1.0
    while time.monotonic() < deadline and plant.server_cpu_s() - before > 0.6:
        before = plant.server_cpu_s()
        wait_quiet(2)


@contextmanager
def _stock(plant: Plant) -> Iterator[str]:
    """The stock page in a process of its own, on the same database; in a folder without assets, for Dash would serve ours."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(STOCK), str(port)], cwd=plant.data_dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "BASELINE_DATABASE_URL": plant.superuser_url, "PYTHONWARNINGS": "ignore"},
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                httpx.get(url, timeout=2)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def own_tick(plant: Plant, state: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """What an open page posts each second: (body, cookies)."""
    with window(state=state) as browser:
        page = browser.new_page()
        with page.expect_request(lambda r: TICK in r.url and '"shell-pulse.data"' in (r.post_data or ""), timeout=30_000) as found:
            page.goto(plant.url)
        body = json.loads(found.value.post_data or "{}")
        return body, {cookie["name"]: cookie["value"] for cookie in browser.cookies()}


def _ask(plant: Plant, request: tuple[dict[str, Any], dict[str, str]], *, viewers: int, seconds: float) -> list[tuple[float, int]]:
    """Viewers that tick once a second, each holding what it was answered: (seconds, bytes of the answer) of every tick."""
    taken: list[tuple[float, int]] = []
    until = time.monotonic() + seconds

    def look(phase: float) -> None:
        body, cookies = json.loads(json.dumps(request[0])), request[1]
        time.sleep(phase)
        with httpx.Client(cookies=cookies, timeout=30) as client:
            while time.monotonic() < until:
                due = time.monotonic() + 1
                began = time.perf_counter()
                answer = client.post(f"{plant.url}{TICK}", json=body, headers={"Sec-Fetch-Site": "same-origin"})
                took = time.perf_counter() - began
                if answer.status_code not in (200, 204):
                    raise RuntimeError(f"the tick was answered {answer.status_code}: {answer.text[:300]}")
                if answer.status_code == 200:
                    taken.append((took, len(answer.content)))
                    hold(body, answer.json())
                time.sleep(max(0.0, due - time.monotonic()))

    threads = [threading.Thread(target=look, args=(number / viewers,)) for number in range(viewers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(taken) < seconds * viewers / 3:
        raise RuntimeError(f"only {len(taken)} ticks had news: are readings coming in?")
    return taken


def hold(body: dict[str, Any], answer: dict[str, Any]) -> None:
    """Puts what the page would hold now into its next request."""
    changed = answer.get("response", {})
    for state in body.get("state", []):
        value = changed.get(state["id"], {}).get(state["property"])
        if value is not None:
            state["value"] = value
