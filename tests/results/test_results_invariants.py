"""Invariants name the first tick, the place and the values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.invariants import (
    InvariantViolated,
    metered_power_is_grid_power,
    mismatch_is_small,
    nothing_is_missing,
    soc_is_a_share,
    stores_and_losses_balance,
)

TICKS = np.arange(100, 103)
BUSES = ("b0", "b1")


def test_equal_powers_hold():
    power = np.array([[1.0, -2.0], [0.0, 1e-12], [3e3, -3e3]])

    metered_power_is_grid_power(TICKS, power, power * (1 + 1e-12), places=BUSES)


def test_a_meter_fed_the_last_ticks_power_is_named():
    grid = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    metered = grid.copy()
    metered[1:, 0] = grid[:-1, 0]

    with pytest.raises(InvariantViolated, match=r"tick 101: b0: .* 2 kW, .* 1 kW") as caught:
        metered_power_is_grid_power(TICKS, grid, metered, places=BUSES)
    assert caught.value.tick == 101


@given(
    st.integers(0, 2),
    st.integers(0, 1),
    st.floats(1e-5, 1e3),
    st.lists(st.floats(-1e3, 1e3), min_size=6, max_size=6),
)
def test_any_watt_that_went_astray_is_named(row, column, astray_kw, powers):
    grid = np.array(powers).reshape(3, 2)
    metered = grid.copy()
    metered[row, column] += astray_kw

    with pytest.raises(InvariantViolated, match=f"tick {100 + row}: b{column}:"):
        metered_power_is_grid_power(TICKS, grid, metered, places=BUSES)


def test_not_a_number_never_passes():
    power = np.array([[1.0, 1.0], [np.nan, 1.0], [1.0, 1.0]])

    with pytest.raises(InvariantViolated, match="tick 101: b0"):
        metered_power_is_grid_power(TICKS, power, power, places=BUSES)
    with pytest.raises(InvariantViolated, match="tick 101"):
        mismatch_is_small(TICKS, power[:, 0] * 1e-12)
    with pytest.raises(InvariantViolated, match="tick 101: b0: vm_pu is nan"):
        nothing_is_missing(TICKS, power, what="vm_pu", places=BUSES)


def test_a_mismatch_above_the_bound_is_named():
    mismatch_is_small(TICKS, np.array([1e-9, 1e-8, 0.0]))
    with pytest.raises(InvariantViolated, match=r"tick 102: nodal mismatch of 2e-08 p\.u\."):
        mismatch_is_small(TICKS, np.array([1e-9, 1e-8, 2e-8]))


def test_a_store_below_empty_is_named_and_a_missing_store_is_not():
    soc_is_a_share(TICKS, np.array([[0.0, np.nan], [1.0, np.nan], [0.5, np.nan]]), places=BUSES)
    with pytest.raises(InvariantViolated, match=r"tick 101: b1: state of charge -0\.001"):
        soc_is_a_share(TICKS, np.array([[0, 0], [0, -0.001], [0, 1]]), places=BUSES)


def test_energy_from_nowhere_is_named():
    # By hand: 10 kWh in, 6 out: 2 stored, 1.5 lost in conversion, 0.5 in lines.
    books = {
        "stored_kwh": np.array([0.0, 1.0, 2.0]),
        "conversion_loss_kwh": np.array([0.0, 0.75, 1.5]),
        "line_loss_kwh": np.array([0.0, 0.25, 0.5]),
        "energy_in_kwh": np.array([0.0, 5.0, 10.0]),
        "energy_out_kwh": np.array([0.0, 3.0, 6.0]),
    }
    stores_and_losses_balance(TICKS, **books)
    books["stored_kwh"] = np.array([0.0, 1.0, 2.0001])
    with pytest.raises(InvariantViolated, match=r"tick 102: \+0\.0001 kWh came from nowhere"):
        stores_and_losses_balance(TICKS, **books)
