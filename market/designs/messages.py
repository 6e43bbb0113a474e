"""What peers say to each other, and a peer that knows nothing but what it was told.

A negotiation is a sequence of offers. The energy and the price of an offer are all that a partner
learns: costs, bounds and the other partners stay private. `Peer` runs the arithmetic of the
compiled negotiation, so that from the same offers it makes the same, bit for bit.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._kernels_admm import reply

__all__ = ["OFFER_BYTES", "Manner", "Offer", "Peer", "Private", "pack", "unpack"]

Floats = NDArray[np.float64]

_OFFER = struct.Struct("<qddd")

OFFER_BYTES = _OFFER.size
"""Size of one offer as `pack` writes it. [byte]"""


class Offer(NamedTuple):
    """What one peer says to one partner.

    Attributes
    ----------
    energy_wh : float
        That the speaker would send; negative: take. [Wh]
    price : float
        At which it sees their link. [µ€/Wh]
    stiffness : float
        ρ: by how much a Wh of disagreement moves the price. The two ends of a link open with the
        geometric mean of theirs. [µ€/Wh²]
    """

    energy_wh: float
    price: float
    stiffness: float


Box = Mapping[int, Offer]
"""Offers by the partner whom they come from or go to."""


def pack(box: Box) -> bytes:
    """Write offers as bytes, partners in ascending order."""
    return b"".join(_OFFER.pack(partner, *box[partner]) for partner in sorted(box))


def unpack(data: bytes) -> dict[int, Offer]:
    """Read offers that `pack` wrote."""
    return {partner: Offer(*said) for partner, *said in _OFFER.iter_unpack(data)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Manner:
    """How everybody negotiates; agreed beforehand.

    Attributes
    ----------
    relaxation : float
        Over-relaxation of ADMM, above 0 and below 2. [1]
    first_balance, warm_balance : int
        Round in which ρ is first balanced; and where it comes from an earlier negotiation, so that
        there is less to mend and more to spoil.
    growth : float
        By how much the rounds between two balancings grow each time, so that they become rarer
        and convergence holds. [1]
    """

    relaxation: float = 1.7
    first_balance: int = 10
    warm_balance: int = 20
    growth: float = 1.2


@dataclass(frozen=True, eq=False, kw_only=True)
class Private:
    """All that one peer knows before the first word is said.

    Attributes
    ----------
    name : int
        The peer's position.
    cost : tuple of float
        a, b, least and greatest injection. [µ€/Wh²], [µ€/Wh], [Wh], [Wh]
    partners : tuple of int
        Ascending.
    fees : (4, d) float array
        Per partner as `_kernels_admm.reply` has it.
    opening : tuple of Offer
        To each partner.
    warm : bool
        Whether all start from an earlier negotiation.
    """

    name: int
    cost: tuple[float, float, float, float]
    partners: tuple[int, ...]
    fees: Floats
    opening: tuple[Offer, ...]
    warm: bool = False


class Peer:
    """One party to a negotiation, which sees its own costs and its partners' offers only.

    `step` answers the offers at hand. Towards a partner from whom nothing new came the peer stays
    where it is, as in [1]_, whose proof of convergence covers lost messages; what it last heard
    still counts as disagreement. The partner with the smaller number keeps a link's ρ: the two
    ends may balance it from different messages, and where they drift apart a talk can diverge.

    Parameters
    ----------
    private : Private
    manner : Manner

    Attributes
    ----------
    rounds : int
        Steps made.
    told : (4,) float array
        What the peer saw in its last step, as `_kernels_admm.reply` has it; infinite as long as a
        partner was never heard.

    References
    ----------
    .. [1] N. Bastianello, R. Carli, L. Schenato and M. Todescato, "Asynchronous distributed
       optimization over lossy networks via relaxed ADMM: stability and linear convergence," IEEE
       Trans. Autom. Control, vol. 66, 2021 (unverified).
    """

    def __init__(self, private: Private, manner: Manner) -> None:
        self.name, self.partners, self._manner = private.name, private.partners, manner
        self._cost, self._fees = np.array([private.cost]), private.fees
        energy, price, rho = (np.array(column) for column in _columns(private.opening))
        self._own = np.array([energy, price])
        self._known = np.full_like(self._own, np.nan)
        self._stiff = np.array([rho, 1.0 / rho])
        self._slot = {partner: j for j, partner in enumerate(self.partners)}
        self._rev = np.arange(len(self.partners), dtype=np.int64)
        self._start = np.array([0, self._rev.size])
        self._guess = self._cost[:, 1].copy()
        self._due = manner.warm_balance if private.warm else manner.first_balance
        self._gap = float(self._due)
        self.rounds = 0
        self.told = np.zeros(4)

    def open(self) -> dict[int, Offer]:
        """Make the opening offers; they are sent before the first step."""
        return self._said()

    def step(self, inbox: Box) -> dict[int, Offer]:
        """Hear the partners, and make new offers.

        Parameters
        ----------
        inbox : mapping of int to Offer
            What came since the last step, by partner.

        Returns
        -------
        dict of int to Offer
        """
        # An offer that echoes one's own agrees with it, and moves nothing.
        heard = np.array([-self._own[0], self._own[1]])
        for partner, offer in inbox.items():
            self._hear(partner, offer)
            heard[:, self._slot[partner]] = offer.energy_wh, offer.price
        adapts = self.rounds == self._due
        if adapts:
            self._gap *= self._manner.growth
            self._due += int(self._gap)
        fresh, self.told = np.empty_like(self._own), np.zeros(4)
        unanswered = self._unanswered(inbox)
        reply(
            self._cost,
            self._fees,
            self._start,
            self._rev,
            self._own,
            heard,
            self._stiff,
            self._guess,
            self._manner.relaxation,
            adapts,
            fresh,
            self.told,
        )
        self.told[:2] += unanswered
        self._own = fresh
        self.rounds += 1
        return self._said()

    def _hear(self, partner: int, offer: Offer) -> None:
        j = self._slot[partner]
        if np.isnan(self._known[0, j]):
            rho = np.sqrt(self._stiff[0, j] * offer.stiffness)
            self._stiff[:, j] = rho, 1.0 / rho
        elif partner < self.name:
            self._stiff[:, j] = offer.stiffness, 1.0 / offer.stiffness
        self._known[:, j] = offer.energy_wh, offer.price

    def _unanswered(self, inbox: Box) -> Floats:
        """What still disagrees with partners who said nothing new, in energy and in money."""
        old = np.array([partner not in inbox for partner in self.partners])
        if not old.any():
            return np.zeros(2)
        energy, price = np.abs(self._own + [[1.0], [-1.0]] * self._known)[:, old]
        moved = 0.5 * np.abs(self._own[0] - self._known[0])[old] + self._fees[3, old]
        rent = abs(self._guess[0] - self._cost[0, 1] - self._cost[0, 0] * self._own[0].sum())
        seen = np.array([energy.sum(), (price * moved + rent * energy).sum()])
        seen[np.isnan(seen)] = np.inf
        return seen

    @property
    def offers(self) -> Floats:
        """The last energies and prices offered, (2, d). [Wh], [µ€/Wh]"""
        return np.array(self._own)

    @property
    def met(self) -> NDArray[np.bool_]:
        """Whether each partner was ever heard, (d,)."""
        heard: NDArray[np.bool_] = ~np.isnan(self._known[0])
        return heard

    @property
    def stiffness(self) -> Floats:
        """ρ of each slot. [µ€/Wh²]"""
        return np.array(self._stiff[0])

    def _said(self) -> dict[int, Offer]:
        return {
            partner: Offer(*said)
            for partner, *said in zip(
                self.partners, *self._own.tolist(), self._stiff[0].tolist(), strict=True
            )
        }


def _columns(offers: tuple[Offer, ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(zip(*offers, strict=True)) or ((), (), ())
