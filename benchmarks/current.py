"""Rows of what programs poll: `GET` of current state, of a plant whose values change all the time."""

import httpx

from benchmarks.context import Context
from benchmarks.load import Load, Wrk
from benchmarks.plant import EMAIL, PASSWORD, Plant
from benchmarks.report import Goal, Row

CONNECTIONS = 32


def current_state(context: Context) -> list[Row]:
    """`/machines/status` and `/devices/MX-01/current` by turns at 32 connections; the simulator, rules and jobs run beside."""
    seconds = 4 if context.quick else 20
    with Plant(demo=True, settings={"ANDON_DEMO_DAYS": "0", "ANDON_RATE_PROGRAMS": "0"}) as plant:
        plant.serve()
        form = {"username": EMAIL, "password": PASSWORD}
        token = httpx.post(f"{plant.url}/api/v1/auth/login", data=form, timeout=20).raise_for_status().json()["access_token"]
        _ask(plant, token, 2)
        cpu_s = plant.server_cpu_s()
        load = _ask(plant, token, seconds)
        cpu_s = plant.server_cpu_s() - cpu_s
    if load.refused or load.broken:
        raise RuntimeError(f"{load.refused} requests were refused and {load.broken} connections broke")
    bound = f"{cpu_s / load.accepted * 1e6:.0f} µs of processor a request, {cpu_s / load.seconds:.2f} of a core; p99 {load.p99_ms:.0f} ms"
    what = "GET of current state, 32 connections, with a token, beside the simulator"
    detail = {"p50_ms": load.p50_ms, "p99_ms": load.p99_ms, "server_cores": cpu_s / load.seconds}
    return [
        Row("current-state", f"{what}: requests/s", load.per_s, "/s", Goal(2_500, at_least=True), bound, detail=detail),
        Row("current-p95", "the same, p95", load.p95_ms, "ms", Goal(20), f"p50 {load.p50_ms:.1f} ms, most {load.max_ms:.0f} ms"),
    ]


def _ask(plant: Plant, token: str, seconds: float) -> Load:
    return Wrk("current", plant.url, token, connections=CONNECTIONS, seconds=seconds, devices=1, sensors=1).result()
