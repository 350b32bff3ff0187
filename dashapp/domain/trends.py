"""When a drifting value will reach its limit, and how sure that is (AN-6). Pure.

A straight line through the readings is carried on. Where it meets the limit is an inverse prediction: its confidence interval is
Fieller's, which may be open to the right (the line may never get there) and says so. Neighbouring readings resemble one another, so that
n of them count as n (1 - r)/(1 + r), as in `statistics.trend`.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dashapp.domain.statistics import Direction, Floats, Ints, Trend, binned, incomplete_beta, trend

HOUR_US = 3_600_000_000
CONFIDENCE = 0.95
FARTHEST = 10.0  # a line is carried on for so many times its own length at most


@dataclass(frozen=True, slots=True)
class Reach:
    """When the line reaches a limit, microseconds since 1970 UTC, with the ends of its confidence interval.

    `latest_us` is None where the interval is open: by then it may just as well never have been reached.
    """

    limit: float
    at_us: int
    earliest_us: int
    latest_us: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A fitted line: its trend, the mean time and level, and what an interval round it needs."""

    trend: Trend
    middle_us: float
    level: float
    spread: float  # sum of squared hours about the middle
    scatter: float  # residual standard deviation
    effective: float  # how many independent readings these are worth
    length_us: int

    @property
    def now(self) -> float:
        """The line's value at its right end."""
        return self.level + self.trend.slope_per_hour * self.length_us / 2 / HOUR_US


def fitted(time_us: Ints, value: Floats, weight: Ints | None = None) -> Line | None:
    """The line through values in order of time, shapes (n,); None for fewer than three."""
    hours, level = binned(time_us, value, np.ones(len(value), np.int64) if weight is None else weight)
    if len(level) < 3:
        return None
    found = trend(time_us, value, weight)
    away = hours - hours.mean()
    left = level - level.mean() - found.slope_per_hour * away
    error = float(left @ left)
    n = len(level)
    r = min(max(float(left[:-1] @ left[1:]) / error, 0.0), 0.999) if error > 0 else 0.0
    effective = n * (1 - r) / (1 + r)
    scatter = math.sqrt(error / max(effective - 2, 1e-9) * effective / n) if effective > 2 else math.inf
    spread = float(away @ away) * effective / n
    middle = float(time_us[0]) + float(hours.mean()) * HOUR_US
    return Line(found, middle, float(level.mean()), spread, scatter, effective, int(time_us[-1] - time_us[0]))


def reaches(line: Line, limit: float, now_us: int, *, confidence: float = CONFIDENCE) -> Reach | None:
    """When the line meets the limit after `now_us`.

    None where it is not significantly on its way there, is beyond already, or is so far that nothing can be said.
    """
    slope = line.trend.slope_per_hour
    if line.trend.direction is Direction.STABLE or not slope or line.effective <= 2 or line.length_us <= 0:
        return None
    at_us = line.middle_us + (limit - line.level) / slope * HOUR_US
    if at_us <= now_us or at_us > now_us + FARTHEST * line.length_us:
        return None
    earliest, latest = _fieller(line, limit - line.level, confidence)
    earliest_us = max(now_us, round(line.middle_us + earliest * HOUR_US))
    open_end = latest is None or latest * HOUR_US > now_us - line.middle_us + 10 * FARTHEST * line.length_us
    return Reach(limit, round(at_us), earliest_us, None if open_end or latest is None else round(line.middle_us + latest * HOUR_US))


def _fieller(line: Line, rise: float, confidence: float) -> tuple[float, float | None]:
    """Hours from the line's middle between which it rises by `rise`: (rise - b x)² ≤ t² s² (1/n + x²/S). Fieller (1954)."""
    slope = line.trend.slope_per_hour
    reach = (student(confidence, line.effective - 2) * line.scatter) ** 2
    square = slope * slope - reach / line.spread
    if square <= 0:  # the slope is not known well enough for the far end
        return 0.0, None
    rest = rise * rise - reach / line.effective
    half = math.sqrt(max((slope * rise) ** 2 - square * rest, 0.0))
    return (slope * rise - half) / square, (slope * rise + half) / square


@lru_cache(maxsize=2000)
def student(confidence: float, freedom: float) -> float:
    """The two-sided quantile of Student's t: |t| stays below it with this probability. `freedom` > 0 need not be whole."""
    low, high = 0.0, 1.0
    while _within(high, freedom) < confidence and high < 1e9:
        high *= 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < confidence else (low, middle)
    return (low + high) / 2


def _within(t: float, freedom: float) -> float:
    return 1 - incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))
