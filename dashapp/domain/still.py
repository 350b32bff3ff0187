"""Which of thousands of (rule, sensor) pairs a slice of readings leaves as they are, found out in one pass.

Most readings change nothing. For every state of a rule there is a range of measures that changes nothing either, up to a moment at
which something passes: those readings are still, and only the others go through `dashapp.domain.rules`, which is the truth. A
reading that is called still never changes a state there (held by a property test); one that is not may turn out to.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.rule_settings import SECOND_US, SWEPT, RuleSettings, RuleType, bounds_of
from dashapp.domain.rules import RuleState, due_us

NEVER_US = int(np.iinfo(np.int64).max)
NO_READING_US = int(np.iinfo(np.int64).min)  # in place of the time of a reading that is not there

Floats = NDArray[np.float64]
Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Still:
    """Measures in low … high, both included, change nothing before `until_us`, and where `holds` not after a gap either."""

    low: float
    high: float
    until_us: int = NEVER_US
    holds: bool = False


def stillness(settings: RuleSettings, state: RuleState) -> Still:
    """What leaves this state as it is."""
    if settings.type is RuleType.OFFLINE:  # any arrival ends a silence; without one it is not asked
        return Still(-math.inf, math.inf) if state.quiet else Still(math.inf, -math.inf)
    if settings.type in SWEPT:  # a job looks at these, no reading stirs them
        return Still(-math.inf, math.inf)
    low, high = -math.inf, math.inf
    since = state.since_us or (None,) * len(bounds_of(settings))
    for bound, held in zip(bounds_of(settings), since, strict=True):
        if bound.up:
            if held is None:
                high = min(high, bound.at)
            else:
                low = max(low, math.nextafter(bound.at - settings.band, math.inf))
        elif held is None:
            low = max(low, bound.at)
        else:
            high = min(high, math.nextafter(bound.at + settings.band, -math.inf))
    due = due_us(settings, state)
    return Still(low, high, NEVER_US if due is None else due, not state.quiet)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Stillness of n readings each before one rule, columns of shape (n,); `gap_us` is the silence that ends a hold."""

    low: Floats
    high: Floats
    until_us: Times
    holds: NDArray[np.bool_]
    gap_us: Times
    is_rate: NDArray[np.bool_]


def stirring(pairs: Pairs, values: Floats, times_us: Times, before_values: Floats, before_us: Times) -> NDArray[np.bool_]:
    """Which of n readings may change something: shape (n,). `before_…` is the sensor's reading before each (NO_READING_US: none)."""
    measures = values
    if pairs.is_rate.any():
        rated = pairs.is_rate & (before_us != NO_READING_US)
        measures = np.where(pairs.is_rate, np.nan, values)  # the rate of a first reading is unknown, and nothing
        with np.errstate(over="ignore"):
            change = np.abs(values[rated] - before_values[rated])
            measures[rated] = change / ((times_us[rated] - before_us[rated]) / SECOND_US)
    found: NDArray[np.bool_] = (measures < pairs.low) | (measures > pairs.high) | (times_us >= pairs.until_us)
    if pairs.holds.any():
        known = before_us != NO_READING_US
        gaps = np.where(known, times_us - np.where(known, before_us, times_us), 0)
        found |= pairs.holds & (gaps > pairs.gap_us)
    return found
