"""Whose the energy in a shared store is: within rights, and by the physics of one battery."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.sharing import shared_storage
from market.sharing.shared_storage import SharedStorage, StorageError
from market.sharing.storage_auction import StorageOffer, StorageRights


def store(energy_wh, power_w, efficiency):
    n = len(energy_wh)
    offer = StorageOffer("dso", sum(energy_wh) + 1, sum(power_w) + 1, 0)
    names = tuple(f"member {i}" for i in range(n))
    right = np.array(energy_wh), np.array(power_w), np.zeros(n, dtype=np.int64)
    return SharedStorage(StorageRights(offer, names, *right, None), efficiency=efficiency)


def wish(*wanted):
    return np.array(wanted, dtype=np.int64)


rights = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 40)), min_size=1, max_size=5)
moves = st.lists(st.lists(st.integers(-30_000, 30_000), min_size=5, max_size=5), max_size=12)


def test_the_worked_example_in_the_docstring_holds():
    assert doctest.testmod(shared_storage).failed == 0


@settings(deadline=None)
@given(rights, moves, st.floats(0.5, 1), st.sampled_from([1, 60, 900, 3600]))
def test_accounts_stay_within_rights_and_hold_what_the_battery_holds(given_rights, wishes, eta, dt):
    energy_wh, power_w = (list(column) for column in zip(*given_rights, strict=True))
    n, shared = len(energy_wh), store(energy_wh, power_w, eta)
    eta = round(1e6 * eta) / 1e6
    for wanted in wishes:
        before = shared.accounts_milliwh
        moved = shared.move(wish(*wanted[:n]), duration_s=dt)
        after = shared.accounts_milliwh

        assert (moved * np.sign(wanted[:n]) >= 0).all()
        assert (abs(moved) <= np.abs(wanted[:n])).all()
        assert (abs(moved) * 3600 <= np.array(power_w) * 1000 * dt).all()
        assert (after >= 0).all()
        assert (after <= 1000 * np.array(energy_wh)).all()
        # Accounts rise by charging and fall by discharging only.
        assert (np.sign(after - before) * np.sign(-moved) >= 0).all()
        # One battery that charges or discharges the difference, in floating point.
        into = -int(moved.sum())
        battery = eta * into if into > 0 else into / eta
        assert -1e-3 <= battery - (shared.stored_milliwh - before.sum()) < n + 1e-3
        assert shared.stored_milliwh == after.sum()


def test_what_only_passes_through_loses_nothing():
    # By hand, 90 %: of 2 Wh Ann has 1.8, and gives 0.9 to Bob past the battery.
    shared = store([10, 10], [10, 10], 0.9)
    shared.move(wish(-2_000, 0), duration_s=3600)
    moved = shared.move(wish(900, -900), duration_s=3600)

    assert moved.tolist() == [900, -900]
    assert shared.accounts_milliwh.tolist() == [900, 900]


def test_the_longer_side_bears_the_loss_of_the_difference():
    # By hand, 80 %: of 3 Wh put in 1 passes and 2 are stored as 1.6; Bob and Cas put in 1 to 2.
    shared = store([10, 10, 10], [10, 10, 10], 0.8)
    shared.move(wish(-5_000, 0, 0), duration_s=3600)
    shared.move(wish(1_000, -1_000, -2_000), duration_s=3600)

    assert shared.accounts_milliwh.tolist() == [3_000, 866, 1_733]


def test_nobody_takes_out_what_another_stored():
    shared = store([10, 10], [10, 10], 1)
    shared.move(wish(-5_000, 0), duration_s=3600)
    assert shared.move(wish(0, 5_000), duration_s=3600).tolist() == [0, 0]
    assert shared.accounts_milliwh.tolist() == [5_000, 0]


def test_a_right_is_filled_and_emptied_completely():
    # By hand, 80 %: 12.5 Wh fill 10 Wh, of which 8 come out.
    shared = store([10], [100], 0.8)
    assert shared.move(wish(-99_000), duration_s=3600).tolist() == [-12_500]
    assert shared.stored_milliwh == 10_000
    assert shared.move(wish(99_000), duration_s=3600).tolist() == [8_000]
    assert shared.stored_milliwh == 0


def test_what_is_left_when_the_window_ends_is_the_owners():
    shared = store([10, 10], [10, 10], 1)
    shared.move(wish(-5_000, -3_000), duration_s=3600)
    assert shared.end_window().tolist() == [5_000, 3_000]
    assert shared.stored_milliwh == 0


def test_an_account_that_is_read_cannot_be_written():
    shared = store([10], [10], 1)
    shared.accounts_milliwh[0] = 99
    assert shared.stored_milliwh == 0


@pytest.mark.parametrize("efficiency", [0, -0.1, 1.01, float("nan")])
def test_an_efficiency_that_is_none_is_refused(efficiency):
    with pytest.raises(StorageError, match="expected above 0 and at most 1"):
        store([10], [10], efficiency)


def test_wishes_that_are_not_one_per_member_are_refused():
    shared = store([10], [10], 1)
    for wanted, duration_s in ((wish(1, 2), 60), (np.array([0.5]), 60), (wish(1), 0)):
        with pytest.raises(StorageError, match="expected int64"):
            shared.move(wanted, duration_s=duration_s)
