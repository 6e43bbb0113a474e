"""One tree of random generators, keyed by name: adding a peer does not reshuffle the others."""

import hashlib
import json

import numpy as np


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the generator that belongs to these names under this seed.

    Parameters
    ----------
    seed : int
        Root, from the scenario or the command line; not negative.
    *names : str
        Who draws, and what for, as ``generator(7, "pv", "house-03")``.

    Notes
    -----
    The names are hashed with SHA-256, as a JSON list so that ``("a", "b")`` and ``("ab",)``
    differ; Python's own `hash` changes from process to process.
    """
    digest = hashlib.sha256(json.dumps(names).encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
