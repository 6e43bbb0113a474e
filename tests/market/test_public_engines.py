"""Our auctions beside public engines on the same books, where those are installed.

Each test says what is compared, and where an engine differs, why.
"""

from datetime import datetime, timedelta

import numpy as np
import pytest
from dateutil.rrule import HOURLY, rrule
from hypothesis import assume as given_that
from hypothesis import given
from hypothesis import strategies as st

from market.book import Orders
from market.mechanisms.huang import Huang
from market.mechanisms.muda import Muda, halves
from market.mechanisms.uniform_price import UniformPrice


@st.composite
def books(draw):
    """One order per peer, and no limit twice: the engines break ties by lot."""
    prices = draw(st.lists(st.integers(1, 60), min_size=4, max_size=14, unique=True))
    n = len(prices)
    return Orders(
        peers=[f"peer {i}" for i in range(n)],
        peer_index=np.arange(n),
        is_buy=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))),
        price_ticks=np.array(prices) * 2,  # so that the middle of two limits is a whole tick
        energy_wh=np.array(draw(st.lists(st.integers(1, 9), min_size=n, max_size=n))),
    )


def pymarket_frame(pymarket, orders):
    bids = pymarket.BidManager()
    for order in orders:
        bids.add_bid(
            float(order.energy_wh), float(order.price_ticks), order.order_id, order.side == "buy"
        )
    return bids.get_df()


def pymarket_filled(transactions, n):
    filled = np.zeros(n)
    told = transactions.get_df()
    np.add.at(filled, told["bid"].to_numpy(dtype=int), told["quantity"].to_numpy(dtype=float))
    return filled


@given(orders=books())
def test_huangs_auction_agrees_with_pymarket(orders):
    # pymarket rations in fractions, we in whole Wh: less than one Wh apart, the sums equal.
    # When the highest bid or the lowest ask sets its price alone, nothing is left on that side.
    pymarket = pytest.importorskip("pymarket")
    from pymarket.mechanisms.huang_auction import huang_auction

    given_that(orders.is_buy.any() and not orders.is_buy.all())
    transactions, told = huang_auction(pymarket_frame(pymarket, orders))
    clearing = Huang().clear(orders)
    filled = pymarket_filled(transactions, len(orders))
    assert (np.abs(filled - clearing.filled_wh) < 1).all()
    assert filled[orders.is_buy].sum() == pytest.approx(clearing.volume_wh(orders))
    if clearing.filled_wh.any():
        prices = np.where(orders.is_buy, told["price_buy"], told["price_sell"])
        assert (clearing.prices() == prices)[clearing.filled_wh > 0].all()


class _OurLots:
    """What pymarket asks of a random state, answered with our split."""

    def __init__(self, left):
        self._answers = iter(np.where(left, 1.0, 0.0))

    def rand(self):
        return next(self._answers)


def crosses_within_an_order(orders):
    """Whether the last trade fills one order in part, so that its limit is the only price."""
    found = UniformPrice().clear(orders)
    return (
        found.price_range_ticks is not None
        and len(set(found.price_range_ticks)) == 1
        and any(
            0 < filled < energy
            for filled, energy in zip(found.filled_wh, orders.energy_wh, strict=True)
        )
    )


@given(orders=books(), seed=st.integers(0, 20))
def test_muda_agrees_with_pymarket_where_each_half_has_one_clearing_price(orders, seed):
    # Where a half would clear at a range of prices, pymarket takes the middle of the last limits
    # that trade although a limit left out may lie within; and where nothing crosses it takes
    # the end of its curves. We stay within the range, so only halves with one price compare.
    pymarket = pytest.importorskip("pymarket")
    from pymarket.mechanisms.muda_auction import muda

    left = halves(orders.peers, seed, 0)
    given_that(all(crosses_within_an_order(orders.take(half)) for half in (left, ~left)))
    transactions, told = muda(pymarket_frame(pymarket, orders), _OurLots(left))
    clearing = Muda(Muda.Options(seed=seed)).clear(orders)
    assert pymarket_filled(transactions, len(orders)).tolist() == clearing.filled_wh.tolist()
    price = np.where(left, told["price_right"], told["price_left"])
    for i in np.flatnonzero(clearing.filled_wh).tolist():
        fee = round(told["fees"][i]) if orders.is_buy[i] else -round(told["fees"][i])
        expected = round(price[i]) * int(clearing.filled_wh[i]) + fee
        assert clearing.order_money_ueur()[i] == expected


def assume_clear(orders):
    """Accepted volumes and the price of ASSUME's pay-as-clear."""
    pytest.importorskip("assume")
    from assume.common.market_objects import MarketConfig, MarketProduct
    from assume.markets.clearing_algorithms.simple import PayAsClearRole

    start, hour = datetime(2026, 1, 1), timedelta(hours=1)
    product = (start, start + hour, None)
    once = rrule(HOURLY, dtstart=start, until=start + hour)
    config = MarketConfig("one", opening_hours=once, market_products=[MarketProduct(hour, 1, hour)])
    book = [
        {
            "start_time": product[0],
            "end_time": product[1],
            "only_hours": None,
            "price": order.price_ticks,
            "volume": -order.energy_wh if order.side == "buy" else order.energy_wh,
            "node": "node0",
            "row": i,
        }
        for i, order in enumerate(orders)
    ]
    accepted, _, meta, _ = PayAsClearRole(config).clear(book, [product])
    filled = np.zeros(len(orders), dtype=np.int64)
    for order in accepted:
        filled[order["row"]] = abs(order["accepted_volume"])
    return filled, meta[0]["price"] if meta else None


@given(orders=books())
def test_the_uniform_price_trades_what_assumes_pay_as_clear_trades(orders):
    # ASSUME's price is the dearest ask that trades, whatever bids are left out: not above the
    # range in which ours lies, and equal to its lower end where no bid left out is higher.
    filled, price = assume_clear(orders)
    clearing = UniformPrice(UniformPrice.Options(k=0)).clear(orders)
    assert filled.tolist() == clearing.filled_wh.tolist()
    if clearing.filled_wh.any():
        left_out = orders.is_buy & (clearing.filled_wh < orders.energy_wh)
        higher = orders.price_ticks[left_out].max(initial=-1)
        assert clearing.price_ticks == max(price, higher)
