"""What must hold on every tick, checked while the run goes on.

Pure functions over chunks of ticks in full precision: rows are ticks, columns are buses or
peers. Each raises `InvariantViolated` naming the first tick, the place and the values.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = [
    "InvariantViolated",
    "metered_power_is_grid_power",
    "mismatch_is_small",
    "nothing_is_missing",
    "soc_is_a_share",
    "stores_and_losses_balance",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class InvariantViolated(ArithmeticError):
    """Two parts of the bench disagree: no result of this run can be trusted.

    Attributes
    ----------
    tick : int
        The first tick at which it shows.
    """

    def __init__(self, tick: int, what: str) -> None:
        super().__init__(f"tick {tick}: {what}")
        self.tick = tick


def metered_power_is_grid_power(
    tick: Ints,
    grid_kw: Floats,
    metered_kw: Floats,
    *,
    places: Sequence[str],
    unit: str = "kW",
    tolerance: float = 1e-9,
) -> None:
    """The power that the power flow used at each bus is the one that meters integrated.

    Parameters
    ----------
    tick : (n,) int64 array
    grid_kw, metered_kw : (n, m) float64 array
        Injection by bus or by peer, as the power flow used it and as meters, storage and PV
        integrated it; P in kW or Q in kvar. [`unit`]
    places : sequence of str
        Names of the columns.
    unit : str
    tolerance : float
        Of the larger value, at least of 1. [1]

    Raises
    ------
    InvariantViolated
    """
    allowed = tolerance * np.maximum(1.0, np.maximum(np.abs(grid_kw), np.abs(metered_kw)))
    _refuse(
        tick,
        ~(np.abs(grid_kw - metered_kw) <= allowed),
        lambda row, column: (
            f"{places[column]}: the power flow used {grid_kw[row, column]:.9g} {unit}, "
            f"the meter integrated {metered_kw[row, column]:.9g} {unit}"
        ),
    )


def mismatch_is_small(tick: Ints, mismatch_pu: Floats, *, limit_pu: float = 1e-8) -> None:
    """The power flow's solution fulfils its own equations at every bus.

    Parameters
    ----------
    tick : (n,) int64 array
    mismatch_pu : (n,) float64 array
        Largest |V·conj(YV) − S| over the buses. [p.u.]
    limit_pu : float
        [p.u.]

    Raises
    ------
    InvariantViolated
    """
    _refuse(
        tick,
        ~(mismatch_pu[:, None] <= limit_pu),
        lambda row, _: f"nodal mismatch of {mismatch_pu[row]:.3g} p.u., allowed {limit_pu:g} p.u.",
    )


def soc_is_a_share(tick: Ints, soc: Floats, *, places: Sequence[str], slack: float = 1e-9) -> None:
    """Every state of charge lies between 0 and 1.

    Parameters
    ----------
    tick : (n,) int64 array
    soc : (n, m) float64 array
        State of charge; NaN where there is no store. [1]
    places : sequence of str
        Names of the columns.
    slack : float
        Allowed for rounding. [1]

    Raises
    ------
    InvariantViolated
    """
    _refuse(
        tick,
        (soc < -slack) | (soc > 1 + slack),
        lambda row, column: f"{places[column]}: state of charge {soc[row, column]:.12g}",
    )


def stores_and_losses_balance(
    tick: Ints,
    *,
    stored_kwh: Floats,
    conversion_loss_kwh: Floats,
    line_loss_kwh: Floats,
    energy_in_kwh: Floats,
    energy_out_kwh: Floats,
    tolerance: float = 1e-6,
) -> None:
    """Stored energy and losses grow by what came in minus what went out, since the start.

    Parameters
    ----------
    tick : (n,) int64 array
    stored_kwh : (n,) float64 array
        Change of stored energy since the start. [kWh]
    conversion_loss_kwh, line_loss_kwh : (n,) float64 array
        Lost since the start in storage and inverters, and in lines and transformers. [kWh]
    energy_in_kwh, energy_out_kwh : (n,) float64 array
        Produced and imported, consumed and exported since the start. [kWh]
    tolerance : float
        Of the energy moved; below 1 kWh, of 1 kWh. [1]

    Raises
    ------
    InvariantViolated
    """
    kept = stored_kwh + conversion_loss_kwh + line_loss_kwh
    off = kept - (energy_in_kwh - energy_out_kwh)
    moved = np.maximum(1.0, np.abs(energy_in_kwh) + np.abs(energy_out_kwh))
    _refuse(
        tick,
        ~(np.abs(off)[:, None] <= tolerance * moved[:, None]),
        lambda row, _: (
            f"{off[row]:+.3g} kWh came from nowhere: stored {stored_kwh[row]:.9g}, lost "
            f"{conversion_loss_kwh[row]:.9g} in conversion and {line_loss_kwh[row]:.9g} in lines, "
            f"in {energy_in_kwh[row]:.9g}, out {energy_out_kwh[row]:.9g} kWh"
        ),
    )


def nothing_is_missing(tick: Ints, values: Floats, *, what: str, places: Sequence[str]) -> None:
    """Every value is a finite number.

    Parameters
    ----------
    tick : (n,) int64 array
    values : (n, m) float64 array
    what : str
        Name of the quantity.
    places : sequence of str
        Names of the columns.

    Raises
    ------
    InvariantViolated
    """
    _refuse(
        tick,
        ~np.isfinite(values),
        lambda row, column: f"{places[column]}: {what} is {values[row, column]}",
    )


def _refuse(tick: Ints, wrong: npt.NDArray[np.bool_], told: Callable[[int, int], str]) -> None:
    """Raise for the first wrong element, row by row."""
    if wrong.any():
        row, column = divmod(int(wrong.argmax()), wrong.shape[1])
        raise InvariantViolated(int(tick[row]), told(row, column))
