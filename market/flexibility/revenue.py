"""Who gets what of an incentive: the community's rule shares it, whoever failed pays its penalty.

Known rules are `contribution` (by what each site delivered), `equal` (among those that bid) and
`shapley`: the worth of a coalition is what it would have earned by itself, so where the operator
takes no bid below 1 MW a coalition that delivers less is worth nothing, and every site without
which the bid falls below it is paid for that too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..delivery.rules import apportion
from ..sharing.game import Game
from ..sharing.shapley import shapley
from ..sharing.splits import by_weight, whole_shares
from .delivery import Proof
from .sites import FlexibilityError

__all__ = ["SHARING", "Payment", "flexibility_game", "payments", "shares_ueur"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Payment(NamedTuple):
    """Money from one to another for an incentive; never negative. [µ€]"""

    incentive: str
    reason: str
    debit: str
    credit: str
    amount_ueur: int


def _by_contribution(proof: Proof) -> Ints:
    delivered = proof.delivered_milliwh.sum(axis=1).tolist()
    sign = -1 if proof.earned_ueur < 0 else 1
    return sign * np.array(apportion(abs(proof.earned_ueur), delivered), dtype=np.int64)


def _equal(proof: Proof) -> Ints:
    return _rounded(proof, by_weight(proof.earned_ueur, proof.bid_milliwh.any(axis=1)))


def _by_shapley(proof: Proof) -> Ints:
    bidding = np.flatnonzero(proof.bid_milliwh.any(axis=1))
    shares = np.zeros(len(proof.bid_milliwh))
    shares[bidding] = shapley(flexibility_game(proof, bidding))
    return _rounded(proof, shares)


#: Known name to what shares an incentive's revenue; each gives whole µ€ that add up.
SHARING: Mapping[str, Callable[[Proof], Ints]] = MappingProxyType(
    {"contribution": _by_contribution, "equal": _equal, "shapley": _by_shapley}
)


def flexibility_game(proof: Proof, members: Ints) -> Game:
    """Make the game of an incentive: what any of the sites would have earned without the others.

    A coalition's block counts where what its members bid reaches the least bid in each period,
    and then earns what they delivered.

    Parameters
    ----------
    proof : Proof
    members : (m,) int64 array
        Sites by position.
    """
    of = proof.incentive
    bid, delivered = proof.bid_milliwh[members], proof.delivered_milliwh[members]

    def worth(coalitions: Bools) -> Floats:
        inside = coalitions.astype(np.int64)
        together, given = inside @ bid, inside @ delivered
        reaches = (together >= 1000 * of.minimum_wh) & (together > 0)
        blocks = reaches.reshape(len(coalitions), of.blocks, of.block).all(axis=2)
        paid = given.reshape(len(coalitions), of.blocks, of.block).sum(axis=2)
        return np.asarray((blocks * paid).sum(axis=1) * of.price_ticks / 1000.0)

    return Game(members.size, worth)


def shares_ueur(proof: Proof, rule: str = "contribution") -> Ints:
    """Share what an incentive earned; adds up to it exactly. (n,) [µ€]

    Raises
    ------
    FlexibilityError
        There is no such rule.
    GameError
        More sites bid than the Shapley value is worked out for.
    """
    if rule not in SHARING:
        raise FlexibilityError([f"no way {rule!r} to share; known: {', '.join(SHARING)}"])
    if not proof.earned_ueur:
        return np.zeros(len(proof.bid_milliwh), dtype=np.int64)
    return SHARING[rule](proof)


def payments(
    proof: Proof, accounts: tuple[str, ...], operator: str, *, rule: str = "contribution"
) -> list[Payment]:
    """Turn a proof into payments between accounts: shares of the revenue, then penalties.

    Parameters
    ----------
    proof : Proof
    accounts : tuple of str
        Of the sites, in order.
    operator : str
        The operator's account.
    rule : str
        One of `SHARING`.
    """
    paid = []
    name = proof.incentive.name
    flows = (
        ("flexibility", shares_ueur(proof, rule)),
        ("flexibility penalty", -proof.penalties_ueur),
    )
    for reason, amounts in flows:
        for account, amount in zip(accounts, amounts.tolist(), strict=True):
            if amount:
                ends = (operator, account) if amount > 0 else (account, operator)
                paid.append(Payment(name, reason, *ends, abs(amount)))
    return paid


def _rounded(proof: Proof, shares: Floats) -> Ints:
    """Make shares whole µ€ that add up to what was earned, of either sign."""
    sign = -1 if proof.earned_ueur < 0 else 1
    return sign * whole_shares(abs(proof.earned_ueur), sign * np.asarray(shares))
