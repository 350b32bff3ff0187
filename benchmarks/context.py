"""What rows share: whether sizes are shrunk, and plants that several of them use, made when the first asks."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from rich.console import Console

from benchmarks.plant import Plant
from benchmarks.preload import preload
from dashapp.domain.fleet import DeviceSpec, SensorSpec

console = Console(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A served plant of 100 devices with 5 sensors each, and `rows` readings of them."""

    plant: Plant
    sensor_ids: list[int]
    rows: int


class Context:
    """Handed to every row."""

    def __init__(self, *, quick: bool, minutes: float | None = None) -> None:
        self.quick = quick
        self.minutes = minutes  # of the row of the memory, where they were given
        self._stack = ExitStack()
        self._loaded: Loaded | None = None
        self._demo: Plant | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def say(self, message: str) -> None:
        """Tells who waits."""
        console.print(f"[dim]{message}[/]")

    def plant(self, plant: Plant) -> Plant:
        """Starts a plant that ends with the run."""
        return self._stack.enter_context(plant)

    def loaded(self) -> Loaded:
        """The plant with 20 million readings (a million where sizes are shrunk)."""
        if self._loaded is None:
            rows = 1_000_000 if self.quick else 20_000_000
            plant = self.plant(Plant())
            sensor_ids = plant.add_devices(fleet(100, 5))
            began = time.perf_counter()
            preload(plant, sensor_ids, rows)
            took_s = time.perf_counter() - began
            self.say(f"{rows:,} readings written in {took_s:.0f} s; the server starts")
            plant.serve()
            self._loaded = Loaded(plant, sensor_ids, rows)
        return self._loaded

    def demo(self) -> Plant:
        """The served demo plant with its history."""
        if self._demo is None:
            self._demo = self.plant(Plant(demo=True, settings={"ANDON_DEMO_DAYS": "2" if self.quick else "30"}))
            took_s = self._demo.serve(timeout_s=300)
            self.say(f"demo plant ready in {took_s:.0f} s")
        return self._demo


def fleet(devices: int, sensors: int) -> list[DeviceSpec]:
    """Devices d0, d1, … with sensors s0, s1, …: what the scripts of benchmarks/wrk send to."""
    each = tuple(SensorSpec(f"s{n}", f"Sensor {n}", "°C", normal_low=20, normal_high=80, limit_high=95) for n in range(sensors))
    return [DeviceSpec(f"d{n}", f"Device {n}", f"Hall {n // 10}", f"line-{n // 10}", each) for n in range(devices)]
