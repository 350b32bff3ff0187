"""Load from outside: Debian's `wrk` with the scripts of benchmarks/wrk, and what it measured."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SCRIPTS = Path(__file__).parent / "wrk"
MARK = "figures "


class ToolMissing(RuntimeError):
    """A program that the benchmarks need is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a run of wrk saw: `refused` answers beyond 399, `broken` connections and time-outs, latencies in milliseconds."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @property
    def accepted(self) -> int:
        """Requests that were answered 201."""
        return self.requests - self.refused

    @property
    def per_s(self) -> float:
        """Accepted requests a second."""
        return self.accepted / self.seconds if self.seconds else 0.0


def needed(program: str, package: str) -> str:
    """The program's path. Raises ToolMissing."""
    found = shutil.which(program)
    if found is None:
        raise ToolMissing(f"{program} is needed: run “sudo apt-get install {package}” first.")
    return found


def parse_load(output: str) -> Load:
    """Reads the line that benchmarks/wrk/common.lua ends with. Raises ValueError where there is none."""
    lines = [line for line in output.splitlines() if line.startswith(MARK)]
    if not lines:
        raise ValueError(f"wrk gave no figures:\n{output[-2000:]}")
    return Load(**json.loads(lines[-1].removeprefix(MARK)))


class Wrk:
    """One run under way, with a script of benchmarks/wrk. `per_s` keeps a constant pace; without it as fast as answers come."""

    def __init__(
        self, script: str, url: str, key: str, *, connections: int, seconds: float, devices: int, sensors: int, per_s: int = 0
    ) -> None:
        command = [needed("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        environment = {
            "ANDON_BENCH_WRK": str(SCRIPTS), "ANDON_BENCH_KEY": key, "ANDON_BENCH_DEVICES": str(devices),
            "ANDON_BENCH_SENSORS": str(sensors), "ANDON_BENCH_PER_S": str(per_s),
        }  # fmt: skip
        self._process = subprocess.Popen(
            [*command, "-s", str(SCRIPTS / f"{script}.lua"), url],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **environment},
        )  # fmt: skip

    def result(self) -> Load:
        """Waits for the end of the run."""
        output, _ = self._process.communicate()
        return parse_load(output)

    def stop(self) -> None:
        """Ends the run at once where it is still under way."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` percent of the values do not pass, between two of them where it must be. Raises ValueError for none."""
    if not len(values):
        raise ValueError("a percentile of nothing")
    return float(np.percentile(np.asarray(values, np.float64), share))
