"""Whether a device behaves as it did while we learned: one score over one or several of its sensors, row by row, no look-ahead.

A row is what the sensors say at one moment of an even grid. Learning takes n rows of normal operation and everything from
them: how long the window of the running mean is (√n rows), what each sensor's mean wanders about its slow baseline, how sensors
move together, and how far the score then goes. Afterwards

    e = mean of the last √n rows − baseline        what is new about each sensor
    score = e' A e / limit                         Mahalanobis' distance; 1 is the limit

The alarm begins above 1 and ends at 0.4. The baseline follows slowly, so that a drift is no alarm but a change is. While the
alarm is on, it stands still, so that a lasting fault does not become the normal; only the baselines of sensors that wandered while
we learned go on (temperatures: they do not come back to where they were). A row counts by where it stands in the
series of values, never by the clock: normal rows put in between change nothing.

A sensor whose level already moved while we learned will move further in the time to come: where means of windows that follow one another
correlate by r, what is new about it is counted for less, by ((1 + r)/(1 - r))^¼. (The square root would be the whole of what the standard
deviation of an AR(1) mean is greater by; half of that finds more and cries wolf less on the series that this was measured on.)

The limit is the 99 % quantile of the learned scores times (m + 1)/(m − p − 2) of p sensors and m = √n independent means: by so much is
the mean of Hotelling's T² greater for new rows than for those that its covariance was estimated from (Tracy, Young and Mason 1992,
J. Quality Technology 24, 88). What each sensor adds to a score: Garthwaite and Koch (2016), Aust. N.Z. J. Statistics 58, 35.
Pure; numpy only.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SPIKE = 3.0  # times the span of 98 % of the values: as far from the median a learned value counts at most


@dataclass(frozen=True, slots=True)
class Settings:
    """How it learns and judges; the same for every machine. `docs/analytics.md` says what each was measured to do."""

    follow: float = 0.01  # of the way that a baseline goes towards the mean, each row
    shrinkage: float = 0.15  # of correlations towards none
    wandering: float = 0.8  # correlation of neighbouring rows from which on a sensor wanders
    quantile: float = 0.99
    margin: float = 1.15
    stretch: float = 0.25  # exponent of (1 + r)/(1 - r)
    release: float = 0.4  # of the limit, where the alarm ends


DEFAULT = Settings()
SENSITIVE = {"high": DEFAULT, "medium": Settings(margin=2.0), "low": Settings(margin=4.0)}
"""Settings by the word of a rule: for months of watching the limit is set higher than where it was measured."""


@dataclass(frozen=True, slots=True)
class Model:
    """What was learned of d sensors: rows of the running mean, who wanders (d,), and what turns e into scores (d, d)."""

    window: int
    wanders: Bools
    whitening: Floats
    settings: Settings


@dataclass(frozen=True, slots=True)
class State:
    """Where the watch stands: baselines (d,), the last rows (≤ window, d), whether the alarm is on."""

    baseline: Floats
    recent: Floats
    on: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """Of n rows: score (n,), 1 being the limit; whether the alarm is on (n,); what each sensor adds to the score (n, d)."""

    score: Floats
    alarm: Bools
    parts: Floats


def least_rows(sensors: int) -> int:
    """How many rows learning needs: √n must leave the means something to say of p sensors."""
    return max(64, (sensors + 5) ** 2)


def learn(values: Floats, settings: Settings = DEFAULT) -> tuple[Model, State]:
    """From rows of normal operation, shape (n, d); the state stands behind the last of them.

    A value that is missing (NaN) counts as the one before it. Raises ValueError for too few rows, or a sensor without any value.
    """
    n, d = values.shape
    if n < least_rows(d):
        raise ValueError(f"{least_rows(d)} rows or more are needed to learn {d} sensors from; there are {n}")
    if np.isnan(values).all(axis=0).any():
        raise ValueError("a sensor has no value in the time to learn from")
    rows = _without_spikes(filled(values, np.nanmedian(values, axis=0)))
    window = round(n**0.5)
    wanders = _neighbours(rows) > settings.wandering
    mean = _running_mean(rows, window)
    baseline = np.where(wanders, mean[0], np.median(rows, axis=0))
    news = np.empty_like(mean)
    for at, level in enumerate(mean):
        news[at] = level - baseline
        baseline = baseline + settings.follow * news[at]
    news = news[window:]
    whitening = _whitening(news, np.abs(np.median(rows, axis=0)), settings.shrinkage)
    means = n / window
    limit = np.quantile(((news @ whitening) ** 2).sum(axis=1), settings.quantile) * settings.margin * (means + 1) / (means - d - 2)
    further = _further(rows, window) ** settings.stretch
    whitening = whitening / (np.sqrt(limit if limit > 0 else 1.0) * np.where(wanders, 1.0, further)[:, None])
    return Model(window, wanders, whitening, settings), State(baseline, rows[-window:])


def watch(model: Model, state: State, values: Floats) -> tuple[Scores, State]:
    """Judges rows that came after those of the state, shape (n, d). In one call or in many: the scores are the same."""
    n, d = values.shape
    score, alarm, parts = np.empty(n), np.empty(n, np.bool_), np.empty((n, d))
    if n == 0:
        return Scores(score, alarm, parts), state
    held = model.window - 1
    rows = np.concatenate((state.recent[len(state.recent) - held :], filled(values, state.recent[-1])))
    baseline, on = state.baseline, state.on
    frozen = np.where(model.wanders, model.settings.follow, 0.0)
    for at, level in enumerate(_running_mean(rows, model.window)):
        new = level - baseline
        parts[at] = (new @ model.whitening) ** 2
        score[at] = parts[at].sum()
        on = bool(score[at] > (model.settings.release if on else 1.0))
        alarm[at] = on
        baseline = baseline + (frozen if on else model.settings.follow) * new
    return Scores(score, alarm, parts), State(baseline, rows[-model.window :], on)


def begins(alarm: Bools, before: bool = False) -> NDArray[np.intp]:
    """Rows at which an alarm begins; `alarm` has shape (n,), `before` says whether it was on already."""
    return np.flatnonzero(alarm & ~np.concatenate(([before], alarm[:-1])))


def filled(values: Floats, first: Floats) -> Floats:
    """Missing values (NaN) as the last one before them, `first` (d,) where there is none; shape (n, d)."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    rows = np.concatenate((first[None, :], values))
    place = np.where(np.isnan(rows), 0, np.arange(len(rows))[:, None])
    return np.take_along_axis(rows, np.maximum.accumulate(place, axis=0), axis=0)[1:]


def _without_spikes(rows: Floats) -> Floats:
    """What lies far outside of what the others span is brought nearer: one spike must not be the measure."""
    low, middle, high = np.quantile(rows, (0.01, 0.5, 0.99), axis=0)
    reach = np.where(high > low, SPIKE * (high - low), np.inf)
    return np.clip(rows, middle - reach, middle + reach)


def _running_mean(rows: Floats, window: int) -> Floats:
    """Means of each `window` rows, shape (n - window + 1, d)."""
    means: Floats = np.lib.stride_tricks.sliding_window_view(rows, window, axis=0).mean(axis=-1)
    return means


def _neighbours(rows: Floats) -> Floats:
    """Correlation of each row with the next, (d,); 0 for a sensor that does not move."""
    away = rows - rows.mean(axis=0)
    spread = (away * away).sum(axis=0)
    together: Floats = (away[1:] * away[:-1]).sum(axis=0)
    alike: Floats = np.divide(together, spread, out=np.zeros_like(spread), where=spread > 0)
    return alike


def _further(rows: Floats, window: int) -> Floats:
    """(1 + r)/(1 - r) of each sensor (d,), r being the correlation of means of windows that follow one another: 0 to 0.8."""
    whole = len(rows) // window * window
    means = rows[len(rows) - whole :].reshape(-1, window, rows.shape[1]).mean(axis=1)
    r = np.clip(_neighbours(means), 0.0, 0.8)
    further: Floats = (1 + r) / (1 - r)
    return further


def _whitening(news: Floats, size: Floats, shrinkage: float) -> Floats:
    """W of shape (d, d) with |e W|² = e' A e, A being the inverse of the shrunk covariance; symmetric in correlations.

    A sensor that stood still is taken to move by a hundredth of its `size`.
    """
    deviation = np.sqrt((news * news).mean(axis=0))
    still = deviation <= 1e-9 * np.maximum(size, 1e-9)
    deviation = np.where(still, np.where(size > 0, size / 100, 1.0), deviation)
    scaled = np.where(still, 0.0, news / deviation)
    correlation = (1 - shrinkage) * scaled.T @ scaled / len(scaled)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    root: Floats = vectors / np.sqrt(np.maximum(values, 1e-6)) @ vectors.T
    return root / deviation[:, None]
