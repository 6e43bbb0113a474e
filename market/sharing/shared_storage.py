"""A store that several members use: whose the energy in it is, within everybody's rights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .storage_auction import StorageRights

__all__ = ["SharedStorage", "StorageError"]

Ints = NDArray[np.int64]

_MILLION = 1_000_000
_MWH_PER_WH = 1000
_SECONDS_PER_HOUR = 3600


class StorageError(ValueError):
    """A store, or a wish to move energy, that makes no sense; mend what is named."""


class SharedStorage:
    """Keeps an account of stored energy for each member.

    Nobody takes out what it did not store, and nobody has more stored, or moves energy faster,
    than its right says. The rights never add up to more than the store, so neither do the
    members together.

    What one member puts in while another takes out passes from one account to the other and
    loses nothing, for it never goes through the battery. Only the difference does, and its loss
    is shared by those on the side that moves more, by how much each moves. All is in whole mWh,
    rounded in the store's favour: the accounts together are less than one mWh per member and
    move behind what the battery's efficiency gives.

    Parameters
    ----------
    rights : StorageRights
    efficiency : float
        One way, from the grid into the store and again from the store to the grid; to a millionth.

    Raises
    ------
    StorageError
        The efficiency is not above 0 and at most 1.

    Examples
    --------
    Ann has a right to 5 kWh and 2 kW in a store with 90 % one way. She may charge 2 kWh in an
    hour, of which 1.8 kWh are stored; 1.62 kWh come out again.

    >>> import numpy as np
    >>> from market.sharing.storage_auction import StorageOffer, StorageRights
    >>> offer = StorageOffer("dso", energy_wh=5_000, power_w=2_000, reserve_ticks=0)
    >>> right = [np.array([value]) for value in (5_000, 2_000, 0)]
    >>> store = SharedStorage(StorageRights(offer, ("ann",), *right, None), efficiency=0.9)
    >>> store.move(np.array([-3_000_000]), duration_s=3600).tolist(), store.stored_milliwh
    ([-2000000], 1800000)
    >>> store.move(np.array([3_000_000]), duration_s=3600).tolist(), store.stored_milliwh
    ([1620000], 0)
    """

    def __init__(self, rights: StorageRights, *, efficiency: float) -> None:
        if not 0 < efficiency <= 1:
            raise StorageError(f"an efficiency of {efficiency}; expected above 0 and at most 1")
        self.rights = rights
        self._ppm = max(1, round(efficiency * _MILLION))
        self._accounts = np.zeros(len(rights.members), dtype=np.int64)

    @property
    def accounts_milliwh(self) -> Ints:
        """What each member has stored. [mWh]"""
        return self._accounts.copy()

    @property
    def stored_milliwh(self) -> int:
        """What is in the store: the accounts' sum. [mWh]"""
        return int(self._accounts.sum())

    def move(self, wanted_milliwh: Ints, *, duration_s: int) -> Ints:
        """Charge and discharge for some time, as far as rights and accounts allow.

        Parameters
        ----------
        wanted_milliwh : (n,) int64 array
            At the grid, injection positive: above 0 takes out. [mWh]
        duration_s : int
            [s]

        Returns
        -------
        (n,) int64 array
            What is moved, of the same sign and not more. While somebody takes out, nobody
            puts in more than the room in its right, since nothing of it may be lost. [mWh]

        Raises
        ------
        StorageError
            The wishes are not one whole number per member, or the duration is not above 0.
        """
        wanted = np.asarray(wanted_milliwh)
        if wanted.dtype != np.int64 or wanted.shape != self._accounts.shape or duration_s <= 0:
            raise StorageError(
                f"wishes are {wanted.dtype} {wanted.shape} for {duration_s} s; expected int64 "
                f"{self._accounts.shape} and more than 0 s"
            )
        reach = self.rights.power_w * duration_s * _MWH_PER_WH // _SECONDS_PER_HOUR
        out = np.minimum(np.clip(wanted, 0, reach), self._accounts * self._ppm // _MILLION)
        room = _MWH_PER_WH * self.rights.energy_wh - self._accounts
        if not out.any():
            room = room * _MILLION // self._ppm
        into = np.minimum(np.clip(-wanted, 0, reach), room)
        self._book(into, out)
        return np.asarray(out - into)

    def end_window(self) -> Ints:
        """Close the accounts: what members left in the store is the owner's. [mWh]"""
        left, self._accounts = self._accounts, np.zeros_like(self._accounts)
        return left

    def _book(self, into: Ints, out: Ints) -> None:
        """Credit and debit accounts; what only passes through loses nothing."""
        charged, taken = int(into.sum()), int(out.sum())
        passed = min(charged, taken)
        # Per mWh moved: what an account gains, and what it loses, as exact fractions.
        gained = (passed * _MILLION + (charged - passed) * self._ppm, charged * _MILLION)
        lost = (passed * self._ppm + (taken - passed) * _MILLION, taken * self._ppm)
        if charged:
            self._accounts += [amount * gained[0] // gained[1] for amount in into.tolist()]
        if taken:
            self._accounts -= [-(-amount * lost[0] // lost[1]) for amount in out.tolist()]
