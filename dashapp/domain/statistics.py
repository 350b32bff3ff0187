"""Count, sum, mean, M2, extremes, first and last of groups of readings; how groups merge; whether a value drifts.

M2 is the sum of squared deviations from the mean. Groups merge by the formula of Chan, Golub and LeVeque (1979): a sum
of squares would cancel. Pure and vectorised.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Squares of what lies outside overflow or vanish in a double. Extremes, first and last keep such a value as it came.
GREATEST, LEAST = 1e140, 1e-140
TREND_BINS = 500
SIGNIFICANCE = 0.01


@dataclass(frozen=True, slots=True)
class Moments:
    """Columns of n groups, each of shape (n,). Values in the sensor's unit, `m2` in its square; no group is empty."""

    count: Ints
    sum: Floats
    mean: Floats
    m2: Floats
    min: Floats
    max: Floats
    first: Floats
    last: Floats

    def __len__(self) -> int:
        return len(self.count)

    def take(self, index: Ints | slice) -> "Moments":
        """The groups of an index."""
        return Moments(*(getattr(self, field.name)[index] for field in fields(self)))

    @property
    def sd(self) -> Floats:
        """Sample standard deviations (divided by n less one), shape (n,); NaN for a group of one."""
        return np.sqrt(self.m2 / np.where(self.count > 1, self.count - 1, np.nan))


def summable(value: Floats) -> Floats:
    """The values as they enter sums: bounded, so that no square overflows or underflows."""
    bounded = np.clip(value, -GREATEST, GREATEST)
    return np.where(np.abs(bounded) < LEAST, 0.0, bounded)


def group_starts(label: Ints) -> NDArray[np.intp]:
    """Where each run of equal labels begins; `label` has shape (n,) and does not decrease."""
    if len(label) == 0:
        return np.empty(0, np.intp)
    return np.flatnonzero(np.concatenate(([True], label[1:] != label[:-1])))


def moments_of(value: Floats, starts: NDArray[np.intp]) -> Moments:
    """Moments of runs of readings: `value` has shape (n,) in order of time, `starts` the runs' k first positions."""
    if len(starts) == 0:
        return _no_groups()
    ends = np.append(starts[1:], len(value))
    count = (ends - starts).astype(np.int64)
    plain = summable(value)
    total = np.add.reduceat(plain, starts)
    mean = total / count
    away = plain - np.repeat(mean, count)
    # The second term is what rounding of the mean left over: nought in exact arithmetic.
    m2 = np.add.reduceat(away * away, starts) - np.add.reduceat(away, starts) ** 2 / count
    low, high = np.minimum.reduceat(value, starts), np.maximum.reduceat(value, starts)
    return Moments(count, total, mean, np.maximum(m2, 0), low, high, value[starts], value[ends - 1])


def singles(value: Floats) -> Moments:
    """Every reading as a group of its own; `value` has shape (n,) in order of time."""
    plain = summable(value)
    return Moments(np.ones(len(value), np.int64), plain, plain, np.zeros(len(value)), value, value, value, value)


def merge(moments: Moments, starts: NDArray[np.intp]) -> Moments:
    """Merges runs of groups in order of time; `starts` holds the runs' k first positions. Chan et al. (1979)."""
    if len(starts) == 0:
        return _no_groups()
    ends = np.append(starts[1:], len(moments))
    count = np.add.reduceat(moments.count, starts)
    total = np.add.reduceat(moments.sum, starts)
    mean = total / count
    away = moments.mean - np.repeat(mean, ends - starts)
    m2 = np.add.reduceat(moments.m2 + moments.count * away * away, starts)
    low, high = np.minimum.reduceat(moments.min, starts), np.maximum.reduceat(moments.max, starts)
    return Moments(count, total, mean, m2, low, high, moments.first[starts], moments.last[ends - 1])


def merge_all(moments: Moments) -> Moments:
    """One group of all, shape (1,); shape (0,) where there is none."""
    return merge(moments, np.zeros(min(len(moments), 1), np.intp))


def concatenate(parts: Sequence[Moments]) -> Moments:
    """The groups of all parts, in the order given."""
    if not parts:
        return _no_groups()
    return Moments(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Moments)))


def roll_up(time_us: Ints, value: Floats, width_us: int) -> tuple[Ints, Moments]:
    """Readings in any order → (starts of the buckets that hold some, their moments). Buckets count from 1970 UTC."""
    order = np.argsort(time_us, kind="stable")
    bucket = time_us[order] // width_us * width_us
    starts = group_starts(bucket)
    return bucket[starts], moments_of(value[order], starts)


def _no_groups() -> Moments:
    nothing = np.empty(0)
    return Moments(np.empty(0, np.int64), *[nothing] * 7)


class Direction(StrEnum):
    """Where a value drifts, as far as that is significant."""

    STABLE = "stable"
    INCREASING = "increasing"
    DECREASING = "decreasing"


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through readings: slope in units an hour, how likely such a slope is by chance, and what to say of it."""

    slope_per_hour: float
    p_value: float
    direction: Direction


FLAT = Trend(0.0, 1.0, Direction.STABLE)


@dataclass(frozen=True, slots=True)
class Summary:
    """A sensor over a range (AN-1). `sd` is the sample's, NaN for one reading; the median was taken of `median_of`."""

    count: int
    mean: float
    median: float
    sd: float
    min: float
    max: float
    trend: Trend
    median_of: str


def summarize(time_us: Ints, moments: Moments, median_of: str) -> Summary | None:
    """Summary of groups (single readings, minutes or hours) in order of time, shapes (n,); None where there is none."""
    if len(moments) == 0:
        return None
    whole = merge_all(moments)
    return Summary(
        count=int(whole.count[0]),
        mean=float(np.clip(whole.mean[0], whole.min[0], whole.max[0])),
        median=weighted_median(moments.mean, moments.count),
        sd=float(whole.sd[0]),
        min=float(whole.min[0]),
        max=float(whole.max[0]),
        trend=trend(time_us, moments.mean, moments.count),
        median_of=median_of,
    )


def weighted_median(value: Floats, weight: Ints) -> float:
    """The value with half of the weight on either side, the mean of two where it falls between; shapes (n,), n ≥ 1."""
    order = np.argsort(value, kind="stable")
    reached = np.cumsum(weight[order])
    half = reached[-1] / 2
    low = int(np.searchsorted(reached, half))
    high = min(low + 1, len(order) - 1) if reached[low] == half else low
    return float(value[order[low]] / 2 + value[order[high]] / 2)


def trend(time_us: Ints, value: Floats, weight: Ints | None = None) -> Trend:
    """Least squares through values in order of time, shapes (n,); stable unless the slope is significant at 1 %.

    Neighbouring readings resemble one another, so that n of them say less than n: the standard error takes the
    effective sample size n (1 - r) / (1 + r), r being the residuals' correlation at lag one
    (Santer et al. 2000, J. Geophys. Res. 105, 7337).
    """
    hours, level = binned(time_us, value, np.ones(len(value), np.int64) if weight is None else weight)
    if len(level) < 3:
        return FLAT
    x, y = hours - hours.mean(), level - level.mean()
    spread, variation = float(x @ x), float(y @ y)
    noise = (4 * np.finfo(float).eps * float(np.abs(level).max())) ** 2 * len(level)
    if variation <= noise:
        return FLAT
    slope = float(x @ y) / spread
    p = _slope_p_value(slope, spread, y - slope * x, noise)
    if p >= SIGNIFICANCE:
        return Trend(slope, p, Direction.STABLE)
    return Trend(slope, p, Direction.INCREASING if slope > 0 else Direction.DECREASING)


def binned(time_us: Ints, value: Floats, weight: Ints) -> tuple[Floats, Floats]:
    """At most 500 means over equal times: (hours since the first, means). All of shape (n,), times in order."""
    if len(value) == 0:
        return np.empty(0), np.empty(0)
    since = time_us - time_us[0]
    if len(value) <= TREND_BINS:
        return since / 3.6e9, summable(value)
    place = since * TREND_BINS // (int(since[-1]) + 1)
    size = np.bincount(place, weight, TREND_BINS)
    held = size > 0
    when = np.bincount(place, since * weight, TREND_BINS)[held] / size[held]
    return when / 3.6e9, np.bincount(place, summable(value) * weight, TREND_BINS)[held] / size[held]


def _slope_p_value(slope: float, spread: float, residual: Floats, noise: float) -> float:
    """Two-sided, by Student's t with the effective degrees of freedom."""
    n = len(residual)
    error = float(residual @ residual)
    if error <= noise:
        return 0.0
    r = min(max(float(residual[:-1] @ residual[1:]) / error, 0.0), 0.999)
    freedom = n * (1 - r) / (1 + r) - 2
    if freedom <= 0:
        return 1.0
    t_squared = slope * slope * spread * freedom / error
    return incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t_squared))


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), 0 ≤ x ≤ 1 (continued fraction, DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - math.lgamma(a) - math.lgamma(b) + math.lgamma(a + b)) / a
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 300):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            c, d = 1 + term / c, 1 / (1 + term * d)
            value *= c * d
        if abs(c * d - 1) < 1e-13:
            break
    return front * value
