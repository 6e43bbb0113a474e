"""What meters prove of a bid, and what it earns before anything is shared.

Delivered is what a meter moved against its reference, in the incentive's direction and never more
than was bid:

    ``d = min(max(±(metered − reference), 0), bid)``

The reference is the baseline plus what the site has moved for its neighbours: who has sold its
battery inside cannot show the same discharge to the operator. Where a site serves two incentives
of one direction at once, what its meter shows goes to the one that is named first, then to the
next, so that no mWh is proven twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..delivery.rules import money
from .sites import FlexibilityError, Incentive

__all__ = ["Proof", "prove"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Proof:
    """What one incentive got of each site.

    Attributes
    ----------
    incentive : Incentive
    bid_milliwh, delivered_milliwh : (n, window) int64 array
        [mWh]
    """

    incentive: Incentive
    bid_milliwh: Ints
    delivered_milliwh: Ints

    @property
    def earned_ueur(self) -> int:
        """What the operator pays for what was delivered, rounded once. [µ€]"""
        return money(self.incentive.price_ticks, int(self.delivered_milliwh.sum()))

    @property
    def missing_milliwh(self) -> Ints:
        """What each site bid and did not deliver. (n,) [mWh]"""
        return np.asarray((self.bid_milliwh - self.delivered_milliwh).sum(axis=1))

    @property
    def penalties_ueur(self) -> Ints:
        """What each site owes the operator for it, rounded once each. (n,) [µ€]"""
        ticks = self.incentive.penalty_ticks
        return np.array([money(ticks, x) for x in self.missing_milliwh.tolist()], dtype=np.int64)


def prove(
    incentives: Sequence[Incentive],
    bids_wh: Sequence[Ints],
    reference_milliwh: Ints,
    metered_milliwh: Ints,
) -> tuple[Proof, ...]:
    """Hold the bids of a community to its meters.

    Parameters
    ----------
    incentives : sequence of Incentive
    bids_wh : sequence of (n, window) int64 array
        One for each. [Wh]
    reference_milliwh, metered_milliwh : (n, periods) int64 array
        Injection positive. [mWh]

    Raises
    ------
    FlexibilityError
        Meters and references do not match.
    """
    moved = np.asarray(metered_milliwh) - np.asarray(reference_milliwh)
    if moved.ndim != 2 or moved.dtype != np.int64 or metered_milliwh.shape != moved.shape:
        raise FlexibilityError(
            [
                f"metered {np.shape(metered_milliwh)} against reference "
                f"{np.shape(reference_milliwh)}, expected whole mWh of the same sites and periods"
            ]
        )
    shown = {"up": np.maximum(moved, 0), "down": np.maximum(-moved, 0)}
    proofs = []
    for of, bid in zip(incentives, bids_wh, strict=True):
        left = shown[of.direction]
        delivered = np.minimum(left[:, of.window], 1000 * bid)
        left[:, of.window] -= delivered
        proofs.append(Proof(incentive=of, bid_milliwh=1000 * bid, delivered_milliwh=delivered))
    return tuple(proofs)
