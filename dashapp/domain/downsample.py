"""Fewer points of a line that look the same: every pixel's least and greatest stay, and so does every gap.

Pure and vectorised.
"""

import numpy as np
from numpy.typing import NDArray

from dashapp.domain.statistics import Floats, Ints, group_starts

MOST_POINTS = 2000


def min_max_points(
    time_us: Ints, value: Floats, *, points: int = MOST_POINTS, start_us: int | None = None, end_us: int | None = None
) -> NDArray[np.intp]:
    """Positions to keep, ascending, at most `points` (≥ 8): of every pixel's bucket the least and the greatest value.

    `time_us` (ascending) and `value` have shape (n,); the line spans `start_us` to `end_us`, by default its own ends.
    The first and the last point stay, and so do those on either side of an empty bucket: a gap keeps its length.
    Buckets are counted from 1970, so that a window which slides with the time picks the same points again.
    """
    n = len(time_us)
    if n <= points:
        return np.arange(n)
    low = int(time_us[0]) if start_us is None else min(start_us, int(time_us[0]))
    high = int(time_us[-1]) if end_us is None else max(end_us, int(time_us[-1]))
    # A run of L buckets costs at most 2 L + 2 points and is followed by an empty one: 2 a bucket, and 2 at the end.
    step = -(-(high - low + 1) // (points // 2 - 2))
    bucket = time_us // step
    starts = group_starts(bucket)
    ends = np.append(starts[1:], n)
    order = np.lexsort((value, bucket))  # by bucket, then by value; equals stay in order of time
    kept = [order[starts], order[ends - 1], *_beside_gaps(bucket, starts, ends)]
    return np.unique(np.concatenate(kept))


def _beside_gaps(
    bucket: Ints, starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First points after an empty bucket and last points before one, the ends of the line among them."""
    jump = np.diff(bucket[starts]) > 1
    return starts[np.concatenate(([True], jump))], ends[np.concatenate((jump, [True]))] - 1


def gaps(time_us: Ints, longest_us: int) -> NDArray[np.intp]:
    """Positions of the points after which nothing came for longer than `longest_us`: where a line is broken."""
    return np.flatnonzero(np.diff(time_us) > longest_us)


def break_at_gaps(time_us: Ints, longest_us: int, *columns: Floats) -> tuple[Ints, list[Floats]]:
    """The same line with a NaN inside of every gap longer than `longest_us`: plotly lifts the pen there.

    Columns of shape (n,) come back with shape (n + gaps,).
    """
    after = gaps(time_us, longest_us)
    middle = time_us[after] + (time_us[after + 1] - time_us[after]) // 2 if len(after) else np.empty(0, np.int64)
    broken = [np.insert(column.astype(np.float64), after + 1, np.nan) for column in columns]
    return np.insert(time_us, after + 1, middle), broken
