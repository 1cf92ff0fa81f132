"""Chance without order: each number is a hash of who it is for and which image it is.

So the errors of one camera and road user do not change when others come, go or change places.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Array = NDArray[np.float64]

_TICK = np.uint64(0x9E3779B97F4A7C15)
_CHANNEL = np.uint64(0xD1B54A32D192ED03)
_A, _B = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = (np.uint64(n) for n in (30, 27, 31, 11))


def key(seed: int, *words: str) -> int:
    """64 bits that stand for a seed and names."""
    return int.from_bytes(sha256("/".join((str(seed), *words)).encode()).digest()[:8], "little")


def uniforms(keys: Keys, tick: NDArray[np.int64] | int, channels: int) -> Array:
    """Numbers (n, channels) in (0, 1): for each key, of one tick."""
    ticks = np.atleast_1d(tick).astype(np.uint64)
    base = _mixed(keys + (ticks + np.uint64(1)) * _TICK)
    bits = _mixed(base[:, None] + np.arange(1, channels + 1, dtype=np.uint64) * _CHANNEL)
    return ((bits >> _11).astype(np.float64) + 0.5) * 2.0**-53


def normals(uniform: Array) -> Array:
    """Uniforms (n, 2k) as (n, 2k) normals of standard deviation 1 (Box and Muller)."""
    half = uniform.shape[1] // 2
    radius, turn = np.sqrt(-2.0 * np.log(uniform[:, :half])), 2.0 * np.pi * uniform[:, half:]
    return np.concatenate((radius * np.cos(turn), radius * np.sin(turn)), axis=1)


def _mixed(bits: Keys) -> Keys:
    """The last steps of splitmix64: every bit of the input moves every bit of the output."""
    bits = (bits ^ (bits >> _30)) * _A
    bits = (bits ^ (bits >> _27)) * _B
    return np.asarray(bits ^ (bits >> _31), np.uint64)
