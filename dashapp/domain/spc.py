"""Control charts: limits of individuals, means, ranges and deviations; which points break which rule; Cp and Cpk.

Limits may be frozen: they are made of some points (phase I) and hold for all others (phase II). Factors are those of the usual table
(ASTM E2587; Montgomery, Introduction to Statistical Quality Control, appendix VI), with its three decimals, so that published
charts come out to their digit. Pure; numpy only.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Of subgroups of n: d2, A2, D3, D4.
RANGES: dict[int, tuple[float, float, float, float]] = {
    2: (1.128, 1.880, 0.0, 3.267),
    3: (1.693, 1.023, 0.0, 2.574),
    4: (2.059, 0.729, 0.0, 2.282),
    5: (2.326, 0.577, 0.0, 2.114),
    6: (2.534, 0.483, 0.0, 2.004),
    7: (2.704, 0.419, 0.076, 1.924),
    8: (2.847, 0.373, 0.136, 1.864),
    9: (2.970, 0.337, 0.184, 1.816),
    10: (3.078, 0.308, 0.223, 1.777),
}
MOST_IN_GROUP = 25


class Kind(StrEnum):
    """Which chart: single values with moving ranges, or means of subgroups with their ranges or standard deviations."""

    INDIVIDUALS = "individuals"
    XBAR_R = "xbar-r"
    XBAR_S = "xbar-s"


@dataclass(frozen=True, slots=True)
class Limits:
    """Centre line and three-sigma limits, in the unit of what is charted."""

    low: float
    center: float
    high: float

    @property
    def sigma(self) -> float:
        """A third of the way from the centre line to the upper limit: what zones and rules are counted in."""
        return (self.high - self.center) / 3


@dataclass(frozen=True, slots=True)
class Chart:
    """A pair of charts: where values lie and how they scatter, both of n points. `sigma` is a single value's, within subgroups.

    `scatter[0]` of an individuals chart is NaN: the first point has no moving range.
    """

    kind: Kind
    group: int
    value: Floats
    scatter: Floats
    limits: Limits
    scatter_limits: Limits
    sigma: float


def individuals(value: Floats, learned: Floats | None = None) -> Chart:
    """Individuals and moving ranges of two, values of shape (n,); limits from `learned` (m,), by default from the values.

    NIST/SEMATECH e-Handbook 6.3.2.2. Raises ValueError for fewer than 2 values to make limits of.
    """
    base = value if learned is None else learned
    if len(base) < 2:
        raise ValueError("two values or more are needed to make limits of")
    d2, _, low, high = RANGES[2]
    moving = float(np.abs(np.diff(base)).mean())
    center, sigma = float(base.mean()), moving / d2
    scatter = np.concatenate(([np.nan], np.abs(np.diff(value))))[: len(value)]
    limits = Limits(center - 3 * sigma, center, center + 3 * sigma)
    return Chart(Kind.INDIVIDUALS, 1, value, scatter, limits, Limits(low * moving, moving, high * moving), sigma)


def xbar(groups: Floats, kind: Kind = Kind.XBAR_R, learned: Floats | None = None) -> Chart:
    """Means of subgroups with their ranges or standard deviations, `groups` of shape (k, n); limits from `learned` (m, n).

    Montgomery 6.2.1 and 6.3.1. Raises ValueError for no group, groups of one, of more than 10 (ranges) or 25 (deviations).
    """
    base = groups if learned is None else learned
    size = groups.shape[1]
    most = max(RANGES) if kind is Kind.XBAR_R else MOST_IN_GROUP
    if not len(base) or not 2 <= size <= most or base.shape[1] != size:
        raise ValueError(f"subgroups of 2 to {most} values are needed, one or more")
    if kind is Kind.XBAR_R:
        d2, reach, low, high = RANGES[size]
        scatter_of = _spans
    else:
        d2, reach, low, high = deviation_factors(size)
        scatter_of = _deviations
    middle, spread = float(base.mean()), float(scatter_of(base).mean())
    limits = Limits(middle - reach * spread, middle, middle + reach * spread)
    return Chart(
        kind, size, groups.mean(axis=1), scatter_of(groups), limits, Limits(low * spread, spread, high * spread), spread / d2
    )  # fmt: skip


def _spans(groups: Floats) -> Floats:
    spans: Floats = groups.max(axis=1) - groups.min(axis=1)
    return spans


def _deviations(groups: Floats) -> Floats:
    deviations: Floats = groups.std(axis=1, ddof=1)
    return deviations


def deviation_factors(size: int) -> tuple[float, float, float, float]:
    """c4, A3, B3 and B4 of subgroups of `size` (≥ 2), the last three as tables print them."""
    c4 = math.sqrt(2 / (size - 1)) * math.exp(math.lgamma(size / 2) - math.lgamma((size - 1) / 2))
    far = 3 * math.sqrt(1 - c4 * c4) / c4
    return c4, round(3 / (c4 * math.sqrt(size)), 3), round(max(0.0, 1 - far), 3), round(1 + far, 3)


def subgroups(value: Floats, size: int) -> Floats:
    """Consecutive values (n,) in groups (n // size, size); what is left over at the end is not a group."""
    whole = len(value) // size * size
    return value[:whole].reshape(-1, size)


@dataclass(frozen=True, slots=True)
class Rule:
    """One test for special causes: its number as its authors gave it, what it says, and which points break it."""

    key: str
    says: str
    broken: Callable[[Floats], Bools]


def _run(length: int, held: Bools) -> Bools:
    """Points that end a run of `length` or more true ones."""
    count = np.cumsum(held)
    since = np.maximum.accumulate(np.where(held, 0, count))
    found: Bools = held & (count - since >= length)
    return found


def _either_side(z: Floats, of: Callable[[Floats], Bools]) -> Bools:
    return of(z) | of(-z)


def _some_of(z: Floats, wanted: int, window: int, beyond: float) -> Bools:
    """Points beyond, of which with those before them there are `wanted` in `window` on the same side."""

    def upper(side: Floats) -> Bools:
        out = side > beyond
        count = np.convolve(out, np.ones(window, np.intp))[: len(out)]
        found: Bools = out & (count >= wanted)
        return found

    return _either_side(z, upper) if len(z) else np.zeros(0, np.bool_)


def _steady(z: Floats) -> Bools:
    """Six points that steadily rise or fall: five steps of one direction."""
    step = np.concatenate(([0.0], np.diff(z)))[: len(z)]
    return _run(5, step > 0) | _run(5, step < 0)


def _alternating(z: Floats) -> Bools:
    """Fourteen points that go up and down by turns: twelve turns."""
    step = np.concatenate(([0.0], np.diff(z)))[: len(z)]
    turned = np.concatenate(([0.0], step[1:] * step[:-1]))[: len(z)] < 0
    return _run(12, turned)


def _beyond_three(z: Floats) -> Bools:
    return np.abs(z) > 3


WESTERN_ELECTRIC = (
    Rule("WE 1", "a point beyond 3 sigma", _beyond_three),
    Rule("WE 2", "2 of 3 points beyond 2 sigma on one side", lambda z: _some_of(z, 2, 3, 2)),
    Rule("WE 3", "4 of 5 points beyond 1 sigma on one side", lambda z: _some_of(z, 4, 5, 1)),
    Rule("WE 4", "8 points in a row on one side of the centre line", lambda z: _run(8, z > 0) | _run(8, z < 0)),
)
"""Western Electric, Statistical Quality Control Handbook (1956), pages 25–28."""

NELSON = (
    Rule("Nelson 1", "a point beyond 3 sigma", _beyond_three),
    Rule("Nelson 2", "9 points in a row on one side of the centre line", lambda z: _run(9, z > 0) | _run(9, z < 0)),
    Rule("Nelson 3", "6 points in a row steadily rising or falling", _steady),
    Rule("Nelson 4", "14 points in a row up and down by turns", _alternating),
    Rule("Nelson 5", "2 of 3 points beyond 2 sigma on one side", lambda z: _some_of(z, 2, 3, 2)),
    Rule("Nelson 6", "4 of 5 points beyond 1 sigma on one side", lambda z: _some_of(z, 4, 5, 1)),
    Rule("Nelson 7", "15 points in a row within 1 sigma", lambda z: _run(15, np.abs(z) < 1)),
    Rule("Nelson 8", "8 points in a row beyond 1 sigma on either side", lambda z: _run(8, np.abs(z) > 1)),
)
"""L. S. Nelson (1984), The Shewhart control chart – tests for special causes, J. Quality Technology 16, 237–239."""

SETS = {"western-electric": WESTERN_ELECTRIC, "nelson": NELSON}


def broken(value: Floats, limits: Limits, rules: tuple[Rule, ...] = NELSON) -> dict[str, Bools]:
    """By rule's key, which points (n,) complete a pattern. Where nothing scatters, what is off the centre line is beyond."""
    away = value - limits.center
    if limits.sigma <= 0:
        return {rule.key: away != 0 if rule.broken is _beyond_three else np.zeros(len(value), np.bool_) for rule in rules}
    return {rule.key: rule.broken(away / limits.sigma) for rule in rules}


@dataclass(frozen=True, slots=True)
class Capability:
    """What a process can do against its specification: Cp and Cpk by the scatter within subgroups, Pp and Ppk by all of it.

    None where a limit of the specification is missing; Cp and Pp need both.
    """

    cp: float | None
    cpk: float | None
    pp: float | None
    ppk: float | None


def capability(mean: float, within: float, overall: float, lower: float | None, upper: float | None) -> Capability:
    """NIST/SEMATECH e-Handbook 6.1.6. `within` and `overall` are standard deviations of single values, > 0 or nothing is said."""

    def indices(sigma: float) -> tuple[float | None, float | None]:
        if not sigma > 0:
            return None, None
        sides = [(upper - mean) / (3 * sigma)] if upper is not None else []
        sides += [(mean - lower) / (3 * sigma)] if lower is not None else []
        both = (upper - lower) / (6 * sigma) if upper is not None and lower is not None else None
        return both, min(sides) if sides else None

    return Capability(*indices(within), *indices(overall))


def neighbours(value: Floats) -> float:
    """Correlation of each value (n,) with the next; 0 for fewer than 3. Much of it makes limits of moving ranges too narrow."""
    if len(value) < 3:
        return 0.0
    away = value - value.mean()
    total = float(away @ away)
    return float(away[1:] @ away[:-1]) / total if total > 0 else 0.0
