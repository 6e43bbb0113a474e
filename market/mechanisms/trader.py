"""A curtailment exchange: flexible demand bids to absorb what would be curtailed, as in TraDER."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from ..book import Clearing, Orders
from ._choices import places
from ._kernels_platforms import match_stack
from ._platform import cleared, codes, flags, refuse_periods

__all__ = ["Trader"]

Ints = NDArray[np.int64]


class Trader:
    """Release curtailed generators in line, as flexible demand behind the same constraint turns up.

    Only sellers that are ``curtailed`` and buyers that are ``flexible`` trade, and only inside
    one ``zone``: energy elsewhere relieves no constraint. A book that names no zone is one zone;
    in one that does, an order without zone stays out. Prices may be negative: then the generator
    pays the demand to turn up, out of what a Wh that is fed in earns it elsewhere.

    *Who is released.* The network operator curtails last in, first out: the generator connected
    last goes first, so the one connected first comes back first whenever demand turns up.
    Generators of a zone therefore stand in line by `connected`, then by arrival, then order
    number. Where the next in line and no bid can agree, the zone's trading ends: whoever paid, the
    operator would release that generator before those behind it.

    *Who turns up.* Bids go by merit, the highest limit first (who asks least to consume), then by
    arrival, then order number; each gets what it bid: it pays its limit, the network charge
    included, and the generator keeps the difference to its own. Nobody trades with itself.

    *From the pilot* (TraDER: Electron and partners, Orkney, about 2019 to 2021): an exchange on
    which flexible demand buys what non-firm wind would have had curtailed, beside the islands'
    active network management, which curtails last in, first out [1]_. Electron's platform selects
    by merit order of price and pays as bid [2]_. *Left out*: power in real time (here energy of a
    period), sensitivities of several constraints that nest, the operator's check of each trade,
    and penalties for demand that does not turn up (here the settlement). That the trial blocked at
    the next in line, and how it set its price, could not be found: both are ours, unverified.

    Properties: individually rational; budget balanced, each trade has one price; not efficient,
    the line comes before the price; not incentive compatible, bids are paid as bid. It honours
    ``zone`` and the book's charges; ``prefers`` is not honoured, as the line and not the buyer
    chooses, and who is ``only_preferred`` stays out.

    *Example.* In one zone wind A, connected first, takes −30 ticks for 100 Wh, wind B −50 for
    200 Wh. A heater bids −20 for 150 Wh, a store −40 for 200 Wh. A is released by the heater,
    100 Wh at −20; B by the heater's other 50 Wh at −20 and by 150 Wh of the store at −40. Had A
    asked 0, nobody would have traded, although B and both bids agree.

    Parameters
    ----------
    options : Trader.Options, optional

    References
    ----------
    .. [1] K. L. Anaya and M. G. Pollitt, "Experience of the use of smarter connection
       arrangements for distributed wind generation facilities," EPRG, University of Cambridge,
       2012.
    .. [2] Electron, "Merit order stack summary and price clearing",
       https://help.electron.net/en/articles/281999-merit-order-stack-summary-and-price-clearing.
    """

    class Options(BaseModel, extra="forbid", frozen=True):
        """What a scenario may say about it."""

        connected: tuple[str, ...] = Field(
            default=(),
            description="Generators' names in the order in which they were connected, the first "
            "first; those not named come after them, by arrival. [-]",
        )

    def __init__(self, options: Trader.Options | None = None) -> None:
        names = (options or self.Options()).connected
        self._in_line = {name: i for i, name in reversed(list(enumerate(names)))}

    def clear(self, orders: Orders) -> Clearing:
        """Clear the book of one delivery period.

        Raises
        ------
        OrderError
            When the book holds orders for more than one period, or a ``curtailed``, ``flexible``
            or ``only_preferred`` that is neither true nor false.
        """
        refuse_periods(orders)
        zone = _zones(orders)
        curtailed, flexible = flags(orders, "curtailed"), flags(orders, "flexible")
        asks = self._line(orders, zone, ~orders.is_buy & curtailed & (zone >= 0))
        bids = _merit(
            orders, zone, orders.is_buy & flexible & (zone >= 0) & ~flags(orders, "only_preferred")
        )
        place, fees = places(orders)
        trades = np.empty((asks.size + bids.size, 4), dtype=np.int64)
        n = match_stack(
            _columns(orders, asks, zone, place), _columns(orders, bids, zone, place), fees, trades
        )
        ask, bid, energy_wh, fee = trades[:n].T.copy()
        price_ticks = orders.price_ticks[bids[bid]] - fee
        return cleared(orders, asks[ask], bids[bid], energy_wh, price_ticks)

    def _line(self, orders: Orders, zone: Ints, part: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Rows of generators by zone, then as they stand in line."""
        last = len(self._in_line)
        connected = np.array(
            [self._in_line.get(name, last) for name in orders.peers], dtype=np.int64
        )
        rows = orders.turn[part[orders.turn]]
        return rows[np.lexsort((connected[orders.peer_index[rows]], zone[rows]))]


def _zones(orders: Orders) -> Ints:
    """Number the zones; −1 stays out."""
    zone, number = codes(orders, "zone")
    return zone if len(number) > 1 else np.zeros_like(zone)


def _merit(orders: Orders, zone: Ints, part: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Rows of bids by zone, then the highest limit first."""
    rows = orders.turn[part[orders.turn]]
    return rows[np.lexsort((-orders.price_ticks[rows], zone[rows]))]


def _columns(orders: Orders, rows: NDArray[np.intp], zone: Ints, place: Ints) -> Ints:
    peer = orders.peer_index[rows]
    return np.column_stack(
        [zone[rows], orders.price_ticks[rows], orders.energy_wh[rows], peer, place[peer]]
    )
