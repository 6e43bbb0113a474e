"""An auction for shared storage: members bid for rights to fill and empty a part of one store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..book import Clearing, OrderError, Orders
from ..delivery.rules import apportion
from ..mechanisms.pay_as_bid import PayAsBid
from ..mechanisms.uniform_price import UniformPrice
from ..mechanisms.vcg import VickreyClarkeGroves

__all__ = ["StorageAuction", "StorageOffer", "StorageRights"]

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class StorageOffer:
    """What the owner of a store offers for a window of delivery periods.

    Attributes
    ----------
    owner : str
    energy_wh, power_w : int
        Capacity and greatest power of what is offered, the latter in both directions, at the
        grid. [Wh], [W]
    reserve_ticks : int
        The least that a Wh of capacity must bring for the whole window. [µ€/Wh]
    first_period, periods : int
        The window; bids are orders for its first period.

    Raises
    ------
    OrderError
        With every fault.
    """

    owner: str
    energy_wh: int
    power_w: int
    reserve_ticks: int
    first_period: int = 0
    periods: int = 1

    def __post_init__(self) -> None:
        faults = [
            f"the store of {self.owner!r}: {name} is {getattr(self, name)} {unit}, expected more "
            f"than 0"
            for name, unit in (("energy_wh", "Wh"), ("power_w", "W"), ("periods", "periods"))
            if getattr(self, name) <= 0
        ]
        if faults:
            raise OrderError(faults)


@dataclass(frozen=True, slots=True, eq=False)
class StorageRights:
    """Who may use how much of a store, and what that costs.

    Attributes
    ----------
    offer : StorageOffer
    members : tuple of str
        The peers of the bids.
    energy_wh, power_w : (n,) int64 array
        What each may have stored, and charge or discharge with. [Wh], [W]
    pays_ueur : (n,) int64 array
        What each pays the owner for the window; adds up to `owner_gets_ueur`. [µ€]
    price_ticks : int or None
        The one price of all rights, where there is one. [µ€/Wh]
    """

    offer: StorageOffer
    members: tuple[str, ...]
    energy_wh: Ints
    power_w: Ints
    pays_ueur: Ints
    price_ticks: int | None

    @property
    def owner_gets_ueur(self) -> int:
        """What the owner is paid. [µ€]"""
        return int(self.pays_ueur.sum())


class StorageAuction:
    """Sell rights to a store by one of the call auctions, with the owner as the only seller.

    The owner is a seller whose limit is its reserve price, and does not bid against itself: it
    gets what members pay, whatever the auction would have given it. Capacity goes to the highest
    bids at or above the reserve; power follows capacity, by largest remainder. The price is

    - *uniform_price*: one for all, from the first bid left out or the reserve (k = 0) to the last
      bid served (k = 1);
    - *pay_as_bid*: each its own bid;
    - *vcg*: what the capacity would have brought without the member, from bids left out or, at
      the reserve, from nobody [1]_.

    Properties: individually rational; budget balanced, for the owner gets it all; efficient for
    what was said; incentive compatible for members with *vcg*. Bids' attributes, origins and
    network charges are not looked at.

    Examples
    --------
    A store of 10 kWh and 4 kW with a reserve of 20 ticks. Ann and Bob are served; the first bid
    left out is Cas's 30, the last served Bob's 50, so with k = 1/2 both pay 40.

    >>> from market.book import Order, Orders
    >>> bids = Orders.of([
    ...     Order(0, "ann", "buy", 60, 5000),
    ...     Order(1, "bob", "buy", 50, 5000),
    ...     Order(2, "cas", "buy", 30, 4000),
    ... ])
    >>> offer = StorageOffer("dso", energy_wh=10_000, power_w=4_000, reserve_ticks=20)
    >>> rights = StorageAuction().allot(offer, bids)
    >>> rights.energy_wh.tolist(), rights.power_w.tolist(), rights.pays_ueur.tolist()
    ([5000, 5000, 0], [2000, 2000, 0], [200000, 200000, 0])

    Paying as bid, they pay 60 and 50. By VCG each pays for the 4 kWh that Cas would have had at
    30, and for the fifth that nobody else wants, at 20:

    >>> def pays(auction):
    ...     options = StorageAuction.Options(auction=auction)
    ...     return StorageAuction(options).allot(offer, bids).pays_ueur.tolist()
    >>> pays("pay_as_bid"), pays("vcg")
    ([300000, 250000, 0], [140000, 140000, 0])

    References
    ----------
    .. [1] W. Vickrey, "Counterspeculation, auctions, and competitive sealed tenders," J. Finance,
       vol. 16, 1961.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        auction: Literal["uniform_price", "pay_as_bid", "vcg"] = Field(
            default="uniform_price", description="By which auction rights are sold."
        )
        k: float = Field(
            default=0.5,
            ge=0,
            le=1,
            description="With uniform_price, where between the first bid left out (0) and the "
            "last served (1) the price lies. [1]",
        )

    def __init__(self, options: StorageAuction.Options | None = None) -> None:
        self._options = options or self.Options()

    def allot(self, offer: StorageOffer, bids: Orders) -> StorageRights:
        """Sell the rights of one window.

        Parameters
        ----------
        offer : StorageOffer
        bids : Orders
            Buy orders for the window's first period: Wh of capacity, and what one is worth for
            the whole window.

        Raises
        ------
        OrderError
            With every bid that is no buy order, is for another period, or is the owner's.
        """
        _refuse_strangers(offer, bids)
        clearing = self._clear(_with_owner(offer, bids))
        members, row = bids.peers, bids.peer_index
        energy_wh, pays_ueur = np.zeros((2, len(members)), dtype=np.int64)
        np.add.at(energy_wh, row, clearing.filled_wh[:-1])
        np.add.at(pays_ueur, row, clearing.order_money_ueur()[:-1])
        unsold_wh = offer.energy_wh - int(energy_wh.sum())
        power_w = apportion(offer.power_w, [*energy_wh.tolist(), unsold_wh])[:-1]
        return StorageRights(
            offer=offer,
            members=members,
            energy_wh=energy_wh,
            power_w=np.array(power_w, dtype=np.int64),
            pays_ueur=pays_ueur,
            price_ticks=clearing.price_ticks,
        )

    def _clear(self, book: Orders) -> Clearing:
        if self._options.auction == "pay_as_bid":
            return PayAsBid().clear(book)
        if self._options.auction == "vcg":
            return VickreyClarkeGroves().clear(book)
        return UniformPrice(UniformPrice.Options(k=self._options.k)).clear(book)


def _with_owner(offer: StorageOffer, bids: Orders) -> Orders:
    """Put the owner's offer behind the bids, as the only sell order."""
    peers = (*bids.peers, f"{offer.owner} (owner)")
    return Orders(
        peers=peers,
        order_id=np.append(bids.order_id, bids.order_id.max(initial=-1) + 1),
        peer_index=np.append(bids.peer_index, len(bids.peers)),
        is_buy=np.append(bids.is_buy, False),
        price_ticks=np.append(bids.price_ticks, offer.reserve_ticks),
        energy_wh=np.append(bids.energy_wh, offer.energy_wh),
        period=offer.first_period,
        arrival=np.append(bids.arrival, 0),
    )


def _refuse_strangers(offer: StorageOffer, bids: Orders) -> None:
    faults = []
    for bid in bids:
        who = f"order {bid.order_id} of {bid.peer!r}"
        if bid.side != "buy":
            faults.append(f"{who}: sells; only the owner {offer.owner!r} sells storage")
        if bid.peer == offer.owner:
            faults.append(f"{who}: bids for its own store; offer less instead")
        if bid.period != offer.first_period:
            faults.append(
                f"{who}: is for period {bid.period}; the window starts at {offer.first_period}"
            )
    if faults:
        raise OrderError(faults)
