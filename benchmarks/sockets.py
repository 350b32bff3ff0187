"""Rows of the WebSocket: how soon a reading that is posted is told, and what a thousand clients cost."""

import asyncio
import base64
import gc
import json
import os
import re
import resource
import time
from dataclasses import dataclass, field
from datetime import datetime

import httpx

from benchmarks.context import Context
from benchmarks.ingest import DEVICES, check, start
from benchmarks.load import Load, percentile
from benchmarks.memory import pss_mb
from benchmarks.plant import EMAIL, PASSWORD, Plant
from benchmarks.report import Goal, Row

FEW, PER_S = 200, 500
MANY, MANY_PER_S = 1_000, DEVICES  # a reading of each device a second: each client is told of one
STAMP = re.compile(rb'"timestamp":"([^"]+)"')
SUBSCRIBED = b'"status":"subscribed"'
STORED = re.compile(rb'"id":"[^"]*","data":\{"deviceId"')


@dataclass(slots=True)
class Heard:
    """What all clients were told: milliseconds from the sending of a reading to the event, and how many there were."""

    took_ms: list[float] = field(default_factory=list)
    events: int = 0
    subscribed: int = 0
    lost: int = 0
    listening: bool = False


class Follower(asyncio.Protocol):
    """A client that does as little as may be: a library's would be measured instead."""

    def __init__(self, host: str, token: str, device: str, heard: Heard) -> None:
        self._head = (
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}\r\nAuthorization: Bearer {token}\r\n\r\n"
        ).encode()
        self._device = device
        self._heard = heard
        self._buffer = b""
        self._open = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Shakes hands."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._head)

    def connection_lost(self, exc: Exception | None) -> None:
        """Counts it, while events are listened for."""
        self._heard.lost += self._heard.listening

    def data_received(self, data: bytes) -> None:
        """Frames of a server: no mask, no compression."""
        now = time.time()
        self._buffer += data
        if not self._open:
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head.split(b"\r\n", 1)[0]:
                raise RuntimeError(f"the handshake was answered {head[:200]!r}")
            self._open = True
            self._say({"event": "subscribe-device", "data": {"deviceId": self._device}})
        while (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode == 9:
                self._send(0x8A, payload)
            elif opcode == 1:
                self._hear(payload, now)

    def _hear(self, payload: bytes, now: float) -> None:
        if STORED.search(payload[:80]) and payload.startswith(b'{"event":"sensor-data"'):
            if self._heard.listening:
                stamp = STAMP.search(payload)
                assert stamp is not None
                self._heard.took_ms.append(1000 * (now - datetime.fromisoformat(stamp.group(1).decode()).timestamp()))
            self._heard.events += 1
        elif SUBSCRIBED in payload:
            self._heard.subscribed += 1

    def _frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1], 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < start + size or (start == 4 and len(buffer) < 4):
            return None
        self._buffer = buffer[start + size :]
        return buffer[0] & 15, buffer[start : start + size]

    def _say(self, message: dict[str, object]) -> None:
        self._send(0x81, json.dumps(message).encode())

    def _send(self, first: int, payload: bytes) -> None:
        assert self.transport is not None
        self.transport.write(bytes((first, 0x80 | len(payload), 0, 0, 0, 0)) + payload)


def latency(context: Context) -> list[Row]:
    """p99 from the sending of a reading to the event, 200 clients on a device each beside 500 posts a second."""
    seconds = 8 if context.quick else 25
    heard, load, _, cpu = _follow(context.loaded().plant, FEW, PER_S, seconds)
    p50, p99 = (percentile(heard.took_ms, share) for share in (50, 99))
    bound = (
        f"p50 {p50:.0f} ms, most {max(heard.took_ms):.0f} ms, from the sending of the post on; {heard.events:,} events of"
        f" {load.accepted:,} readings; the server takes {cpu:.2f} of a core; the stream is read every 8 ms"
    )
    what = f"reading posted to WebSocket event, {FEW} clients at {PER_S} readings/s, p99"
    detail = {"p50_ms": p50, "max_ms": max(heard.took_ms), "per_s": load.per_s}
    return [Row("socket-latency", what, p99, "ms", Goal(50), bound, detail=detail)]


def thousand(context: Context) -> list[Row]:
    """p95 and memory with 1,000 clients at one event a second each."""
    seconds = 8 if context.quick else 25
    heard, load, more_mb, cpu = _follow(context.loaded().plant, MANY, MANY_PER_S, seconds)
    p50, p95 = (percentile(heard.took_ms, share) for share in (50, 95))
    bound = (
        f"p50 {p50:.0f} ms, most {max(heard.took_ms):.0f} ms; {heard.events:,} events of {load.accepted:,} readings;"
        f" the server takes {cpu:.2f} of a core"
    )
    return [
        Row("sockets-1000", f"{MANY:,} WebSocket clients at 1 event/s each, reading posted to event, p95", p95, "ms", Goal(100), bound,
            detail={"p50_ms": p50, "max_ms": max(heard.took_ms)}),
        Row("sockets-1000-memory", "memory that they take of our processes (PSS)", more_mb, "MB", Goal(100),
            f"{1000 * more_mb / MANY:.0f} kB each: buffers, the handshake's headers, a task"),
    ]  # fmt: skip


def _follow(plant: Plant, clients: int, per_s: int, seconds: float) -> tuple[Heard, Load, float, float]:
    """(what was heard, the load, megabytes that the clients took, cores that the server took). Raises RuntimeError for what was lost."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, clients + 1_000)), hard))
    answer = httpx.post(f"{plant.url}/api/v1/auth/login", data={"username": EMAIL, "password": PASSWORD})
    token = answer.raise_for_status().json()["access_token"]
    stored = plant.readings_stored()
    gc.collect()
    gc.disable()  # a pause of this process would be measured as one of the server's
    try:
        heard, load, more_mb, cpu_s = asyncio.run(_listen(plant, token, clients, per_s, seconds))
    finally:
        gc.enable()
    stored = plant.readings_stored() - stored
    check(load, stored, 1)
    expected = stored * clients // DEVICES
    if heard.lost or heard.events != expected:
        raise RuntimeError(f"{expected} events were to come and {heard.events} came; {heard.lost} connections were lost")
    return heard, load, more_mb, cpu_s / seconds


async def _listen(plant: Plant, token: str, clients: int, per_s: int, seconds: float) -> tuple[Heard, Load, float, float]:
    loop, heard = asyncio.get_running_loop(), Heard()
    host = f"127.0.0.1:{plant.port}"
    before_mb = pss_mb(plant.server_pid)
    followers: list[Follower] = []
    for first in range(0, clients, 50):  # as they would come: not all in one moment
        some = [Follower(host, token, f"d{n % DEVICES}", heard) for n in range(first, min(first + 50, clients))]
        made = (loop.create_connection(lambda each=each: each, "127.0.0.1", plant.port) for each in some)
        followers += [protocol for _, protocol in await asyncio.gather(*made)]
        await asyncio.sleep(0.1)
    deadline = time.monotonic() + 60
    while heard.subscribed < clients:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{heard.subscribed} of {clients} clients are subscribed")
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    heard.events, heard.listening = 0, True
    cpu_s = plant.server_cpu_s()
    run = start("singles", plant, connections=32, seconds=seconds, per_s=per_s)
    load = await asyncio.to_thread(run.result)
    cpu_s = plant.server_cpu_s() - cpu_s
    await asyncio.sleep(1)
    more_mb = pss_mb(plant.server_pid) - before_mb
    heard.listening = False
    for each in followers:
        assert each.transport is not None
        each.transport.abort()
    await asyncio.sleep(0.5)
    return heard, load, more_mb, cpu_s
