"""The option `--portable`: the same bytes on every CPU of a kind."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

__all__ = ["Portable"]


def _take(portable: bool) -> bool:
    if portable and os.environ.get("PEERWATT_PORTABLE") != "1":
        _start_again()
    return portable


def _start_again() -> None:
    """Run the same command with numba and numpy restricted to what every CPU of this kind has.

    Both read these settings when they are imported, so they have to stand before that.
    """
    import numpy as np

    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    settings = {
        "PEERWATT_PORTABLE": "1",
        "NUMBA_CPU_NAME": "generic",
        "NUMBA_CPU_FEATURES": "",
        "NPY_DISABLE_CPU_FEATURES": " ".join(found),
        "OPENBLAS_CORETYPE": "Prescott",  # without AVX; other architectures do not read it
    }
    os.execve(sys.executable, sys.orig_argv, {**os.environ, **settings})  # noqa: S606 – itself, anew


Portable = Annotated[
    bool,
    typer.Option(
        "--portable",
        callback=_take,
        help="Same bytes on every CPU of this kind; slower.",
    ),
]
