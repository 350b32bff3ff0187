"""Noise with random access: smooth curves through random numbers that are hashes of their place on a lattice.

The value at a moment depends on the key and the moment alone, not on what was asked for before it or beside it.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = (np.uint64(n) for n in (30, 27, 31, 11))


def stable_hash(*parts: object) -> int:
    """64 bits from the parts' text, the same in every process (Python's own hash of text is not)."""
    text = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def uniform(key: int, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """A number in [0, 1) for each index, shaped as `index`: splitmix64 of the index under the key."""
    z = index.astype(np.uint64)
    z *= _GOLDEN
    z += np.uint64(key)
    z ^= z >> _S30
    z *= _MIX_1
    z ^= z >> _S27
    z *= _MIX_2
    z ^= z >> _S31
    z >>= _S11
    return z.astype(np.float64) * 2.0**-53


def smooth(key: int, times_us: NDArray[np.int64], scale_us: int) -> NDArray[np.float64]:
    """A curve in [-1, 1) that keeps its direction for about `scale_us`, at these moments.

    It is the uniform cubic B-spline of one hash per `scale_us`: positive weights of four neighbours that sum to 1, so
    it never leaves their range and has no corners.
    """
    cell = times_us // scale_us
    u = (times_us - cell * scale_us) / scale_us
    before, here, after, beyond = _neighbours(key, cell)
    v = 1.0 - u
    uu, vv = u * u, v * v
    sixths = vv * v * before + (4.0 - uu * (6.0 - 3.0 * u)) * here + (4.0 - vv * (6.0 - 3.0 * v)) * after
    sixths += uu * u * beyond
    curve: NDArray[np.float64] = sixths * (1.0 / 3.0) - 1.0  # a mean of hashes in [0, 1), doubled and shifted
    return curve


def _neighbours(key: int, cell: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """The hashes at cell -1, 0, +1 and +2: from a table where the cells lie close together, else one by one."""
    if cell.size:
        first, last = int(cell.min()), int(cell.max())
        if last - first < 2 * cell.size:
            table = uniform(key, np.arange(first - 1, last + 3, dtype=np.int64))
            place = cell - first
            return [table[place + shift] for shift in range(4)]
    return [uniform(key, cell + shift) for shift in range(-1, 3)]
