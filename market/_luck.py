"""Numbers that depend on who draws, when and what for, and not on what was drawn before.

A peer's luck must be the same whoever else takes part, so each has a key of its own; SplitMix64
[1]_ scatters key and counters. It gives the numbers that `models.draws` gives; the two folders
know nothing of each other.

References
----------
.. [1] G. L. Steele, D. Lea and C. H. Flood, "Fast splittable pseudorandom number generators,"
   Proc. OOPSLA, 2014.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_WORD = 0xFFFF_FFFF_FFFF_FFFF


def scatter(key: Keys, counter: int) -> Keys:
    """Mix a counter into keys; the result is a key again."""
    return _mix(key ^ _mix(np.array([counter & _WORD], dtype=np.uint64)))


def uniform(key: Keys, counter: int) -> Floats:
    """Draw from [0, 1), with 53 random bits."""
    return (scatter(key, counter) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(word: Keys) -> Keys:
    word = word + _GOLDEN
    word = (word ^ (word >> np.uint64(30))) * _MIX_1
    word = (word ^ (word >> np.uint64(27))) * _MIX_2
    return word ^ (word >> np.uint64(31))
