"""Random numbers that depend on a key and a counter, not on what was drawn before.

A quarter hour must look the same wherever a run starts, so its numbers cannot come out of a
running stream. Each peer's generator gives one key; SplitMix64 [1]_ scatters key and counter.

References
----------
.. [1] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators,"
   Proc. OOPSLA, 2014.
"""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_WORD = 0xFFFF_FFFF_FFFF_FFFF


def keys(rngs: Iterable[np.random.Generator]) -> Keys:
    """Take one 64-bit key from each generator."""
    drawn = [rng.integers(0, _WORD, dtype=np.uint64, endpoint=True) for rng in rngs]
    return np.array(drawn, dtype=np.uint64)


def scatter(key: Keys, counter: int | Keys) -> Keys:
    """Mix a counter into keys; the result is a key again."""
    if isinstance(counter, int):
        counter = np.array([counter & _WORD], dtype=np.uint64)
    return _mix(key ^ _mix(counter))


def uniform(key: Keys, counter: int | Keys) -> Floats:
    """Draw from [0, 1), with 53 random bits."""
    words = scatter(key, counter)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(key: Keys, counter: int) -> Floats:
    """Draw from the standard normal distribution, by Box and Muller's formula."""
    radius = np.sqrt(-2.0 * np.log1p(-uniform(key, 2 * counter)))
    return radius * np.cos(2.0 * np.pi * uniform(key, 2 * counter + 1))


def _mix(word: Keys) -> Keys:
    """Apply SplitMix64's step and finaliser."""
    word = word + _GOLDEN
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))
