"""Which models and points a limit, a reading and a rating are, for each generation of SunSpec.

Names are those of the models' definitions in `pysunspec2` (SunSpec model definitions, July 2021).
"""

from collections.abc import Collection
from typing import NamedTuple

from hil.errors import DeviceError


class Controls(NamedTuple):
    """Where the active power limit stands.

    Attributes
    ----------
    model : int
    first, last : str
        Points between which everything stands that a limit is made of; they are written at once.
    pct, enable, revert_s : str
        Limit in percent, whether it holds, and after how long unwritten it no longer does. [s]
    revert_pct, revert_enable : str or None
        What holds then; None where the limit is lifted.
    at_once : tuple of str
        Windows of time in which the device chooses a moment by lot; they are set to 0.
    """

    model: int
    first: str
    last: str
    pct: str
    enable: str
    revert_s: str
    revert_pct: str | None = None
    revert_enable: str | None = None
    at_once: tuple[str, ...] = ()


class Measured(NamedTuple):
    """Where readings stand: power [W], [var], energy [Wh], and in what state the inverter is."""

    models: tuple[int, ...]
    p: str
    q: str
    energy: str
    state: str
    running: frozenset[int]
    waiting: frozenset[int]


class Rating(NamedTuple):
    """Where the power stands that a limit is a share of; the first point that is there. [W]"""

    model: int
    points: tuple[str, ...]


class Generation(NamedTuple):
    """What belongs together."""

    controls: Controls
    measured: Measured
    ratings: tuple[Rating, ...]


GENERATIONS = (
    Generation(
        Controls(
            704,
            "WMaxLimPctEna",
            "WMaxLimPctRvrtTms",
            "WMaxLimPct",
            "WMaxLimPctEna",
            "WMaxLimPctRvrtTms",
            "WMaxLimPctRvrt",
            "WMaxLimPctEnaRvrt",
        ),
        # InvSt: 3 running, 4 throttled; 1 sleeping, 2 starting
        Measured((701,), "W", "Var", "TotWhInj", "InvSt", frozenset({3, 4}), frozenset({1, 2})),
        (Rating(702, ("WMax", "WMaxRtg")),),
    ),
    Generation(
        Controls(
            123,
            "WMaxLimPct",
            "WMaxLim_Ena",
            "WMaxLimPct",
            "WMaxLim_Ena",
            "WMaxLimPct_RvrtTms",
            at_once=("WMaxLimPct_WinTms",),
        ),
        # St: 4 at the maximum power point, 5 throttled; 2 sleeping, 3 starting
        Measured((103, 102, 101), "W", "VAr", "WH", "St", frozenset({4, 5}), frozenset({2, 3})),
        (Rating(121, ("WMax",)), Rating(120, ("WRtg",))),
    ),
)
"""The newer one first: a device that has both is driven by it."""


def generation_of(name: str, models: Collection[int]) -> Generation:
    """Choose by what a device has; of several models for readings the first stays.

    Raises
    ------
    DeviceError
        It has no limit, no readings, or no rating.
    """
    for one in GENERATIONS:
        measured = [model for model in one.measured.models if model in models]
        rated = any(rating.model in models for rating in one.ratings)
        if one.controls.model in models and measured and rated:
            return one._replace(measured=one.measured._replace(models=tuple(measured)))
    wanted = " or ".join(_wanted(one) for one in GENERATIONS)
    raise DeviceError(
        f"{name}: has models {', '.join(map(str, models))}; an inverter with a limit has {wanted}"
    )


def _wanted(one: Generation) -> str:
    """Say which models make an inverter."""
    measured = "/".join(map(str, one.measured.models))
    rated = "/".join(str(rating.model) for rating in one.ratings)
    return f"{one.controls.model}, {measured} and {rated}"
