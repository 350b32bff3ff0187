"""What a slice is made of and what it comes to: rows of several batches as one, and each batch's share of the result."""

import itertools
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.rules import LEAST_OFFLINE_S, offline_limit_us
from dashapp.ingest.batch import Outcome, Part
from dashapp.ingest.catalogue import TenantCatalogue
from db.commands.readings import Rows, Stored


def join(parts: Sequence[Part]) -> Rows:
    """The rows of the parts, one after the other."""
    if len(parts) == 1:
        return parts[0].rows
    pieces = [part.rows for part in parts if part.high > part.low]
    if not pieces:
        return Rows(np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0), np.empty(0, np.int16))
    return Rows(
        np.concatenate([piece.sensor_ids for piece in pieces]),
        np.concatenate([piece.times_us for piece in pieces]),
        np.concatenate([piece.values for piece in pieces]),
        np.concatenate([piece.quality for piece in pieces]),
    )


def increments(catalogue: TenantCatalogue, sensor_ids: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which rows are increments: shape (n,)."""
    unique, inverse = np.unique(sensor_ids, return_inverse=True)
    kinds = [entry is not None and entry.kind == "increment" for entry in map(catalogue.sensors.get, unique.tolist())]
    return np.array(kinds, bool)[inverse]


def delayed(catalogue: TenantCatalogue, rows: Rows, arrived_at: float) -> NDArray[np.bool_] | None:
    """Which rows are older on arrival than the silence after which their sensor is offline; None where hardly any can be."""
    age_us = round(arrived_at * 1e6) - rows.times_us
    if age_us.max() <= LEAST_OFFLINE_S * 1e6:
        return None
    unique, inverse = np.unique(rows.sensor_ids, return_inverse=True)
    periods = [entry.period_s if entry is not None else 0.0 for entry in map(catalogue.sensors.get, unique.tolist())]
    old: NDArray[np.bool_] = age_us > np.array([offline_limit_us(period_s) for period_s in periods])[inverse]
    return old


def outcomes(parts: Sequence[Part], stored: Stored) -> list[Outcome]:
    """The slice's result part by part, in each batch's own row numbers."""
    starts = list(itertools.accumulate((len(part) for part in parts), initial=0))
    fresh = [0, *np.cumsum(stored.new).tolist()]
    outcomes = [Outcome(fresh[end] - fresh[start]) for start, end in itertools.pairwise(starts)]
    for i, value in stored.conflicts.items():
        at = bisect_right(starts, i) - 1
        outcomes[at].conflicts[i - starts[at] + parts[at].low] = value
    for i, reason in stored.refused.items():
        at = bisect_right(starts, i) - 1
        outcomes[at].refused[i - starts[at] + parts[at].low] = reason
    for part, outcome in zip(parts, outcomes, strict=True):
        outcome.duplicates = len(part) - outcome.stored - len(outcome.conflicts) - len(outcome.refused)
    return outcomes
