import numpy as np
import pytest

from market.bidders.protocol import Outlook
from market.bidders.table import Seat, Table
from market.bidders.zero_intelligence import ZeroIntelligence
from market.bidders.zip import ZeroIntelligencePlus
from market.book import Clearing, Orders
from market.mechanisms.continuous import ContinuousAuction

# Cliff's symmetric market: eleven sellers and eleven buyers, one lot each, at limits from 75 to
# 325 in steps of 25, so that supply and demand meet at 200.
LIMITS = np.tile(np.arange(75, 326, 25), 2)
LOTS_WH = np.repeat([100, -100], 11)
EQUILIBRIUM = 200.0


def smith_alpha(bidder, *, seed, days=60, learning=True):
    """Play the market at a gate a day and give Smith's α of the days after the 30th, in %."""
    seated = Table(
        [f"t{i}" for i in range(22)], [Seat("it", bidder, np.arange(22))], arrive_within=9999
    )
    keys = np.random.default_rng(seed).integers(0, 2**63, 22).astype(np.uint64)
    alphas = []
    for day in range(days):
        outlook = Outlook.plain(
            LOTS_WH, worth_ticks=LIMITS, feed_in_ticks=0, retail_ticks=400, period=day, keys=keys
        )
        orders = seated.orders(outlook)
        clearing = ContinuousAuction().clear(orders)
        if learning:
            seated.learn(orders, clearing)
        assert clearing.trades is not None or not clearing.filled_wh.any()
        if day >= 30 and clearing.trades is not None:
            away = clearing.trades.price_ticks - EQUILIBRIUM
            alphas.append(100 * np.sqrt((away**2).mean()) / EQUILIBRIUM)
    return float(np.mean(alphas))


def test_prices_converge_to_the_competitive_equilibrium():
    # Smith 1962: 100 times the root mean square distance of prices from the equilibrium, over it.
    learnt, unlearnt, drawn = (
        np.mean([smith_alpha(kind(), seed=seed, **more) for seed in range(5)])
        for kind, more in (
            (ZeroIntelligencePlus, {}),
            (ZeroIntelligencePlus, {"learning": False}),
            (ZeroIntelligence, {}),
        )
    )
    assert learnt < 5
    assert unlearnt > 2 * learnt
    assert drawn > 15


def heard(book_prices, filled_wh, price, *, seller_at=200, worth=100):
    """Have a seller with a known margin hear a clearing; gives its limit before and after."""
    bidder = ZeroIntelligencePlus()

    def asks(period):
        outlook = Outlook.plain(
            [100], worth_ticks=np.array([worth]), feed_in_ticks=0, retail_ticks=400, period=period
        )
        return int(bidder.bid(outlook).price_ticks[0])

    before = asks(0)
    orders = Orders(
        peers=["it", "other", "buyer"],
        peer_index=[0, 1, 2],
        is_buy=[False, False, True],
        price_ticks=[before, *book_prices],
        energy_wh=[100, 100, 100],
    )
    bidder.learn(orders, Clearing(price_ticks=price, filled_wh=np.array(filled_wh)))
    return before, asks(1)


def test_a_seller_that_could_have_had_the_price_asks_more():
    before, after = heard([390, 400], [100, 0, 100], 380)
    assert after > before


def test_a_seller_that_was_too_dear_asks_less_but_never_less_than_its_worth():
    before, after = heard([90, 400], [0, 100, 100], 95)
    assert 100 <= after < before


def test_when_nothing_is_traded_sellers_underbid_the_best_offer():
    before, after = heard([350, 60], [0, 0, 0], None)
    assert after < before


def test_who_stayed_away_learns_nothing():
    def limit(hears):
        bidder = ZeroIntelligencePlus()
        outlook = Outlook.plain([100, 0], feed_in_ticks=80, retail_ticks=350)
        bidder.bid(outlook)
        book = Orders(
            peers=["a", "b"], peer_index=[0], is_buy=[False], price_ticks=[300], energy_wh=[100]
        )
        if hears:
            bidder.learn(book, Clearing(price_ticks=None, filled_wh=np.array([0])))
        later = Outlook.plain([0, 100], feed_in_ticks=80, retail_ticks=350, period=1)
        return bidder.bid(later).price_ticks.tolist()

    assert limit(hears=True) == limit(hears=False)


def test_selling_and_buying_are_learnt_apart():
    bidder = ZeroIntelligencePlus()
    tariffs = {"feed_in_ticks": 80, "retail_ticks": 350}
    first = bidder.bid(Outlook.plain([100], **tariffs)).price_ticks[0]
    book = Orders(peers=["a"], peer_index=[0], is_buy=[False], price_ticks=[first], energy_wh=[9])
    asked = bidder.bid(Outlook.plain([-100], **tariffs)).price_ticks[0]
    for _ in range(5):
        bidder.learn(book, Clearing(price_ticks=None, filled_wh=np.array([0])))
    assert bidder.bid(Outlook.plain([-100], **tariffs)).price_ticks[0] == asked
    assert bidder.bid(Outlook.plain([100], **tariffs)).price_ticks[0] < first


@pytest.mark.parametrize("nudge", [0.0, 20.0])
def test_limits_stay_on_the_right_side_of_worth_however_wild_the_market(nudge):
    rng = np.random.default_rng(5)
    bidder = ZeroIntelligencePlus(ZeroIntelligencePlus.Options(nudge_ticks=nudge))
    for period in range(200):
        outlook = Outlook.plain(
            rng.choice([-100, 100], 8), feed_in_ticks=80, retail_ticks=350, period=period
        )
        bids = bidder.bid(outlook)
        assert (bids.price_ticks[bids.is_buy] <= 350).all()
        assert (bids.price_ticks[~bids.is_buy] >= 80).all()
        book = Orders(
            peers=[f"p{i}" for i in range(8)],
            peer_index=bids.peer_index,
            is_buy=bids.is_buy,
            price_ticks=bids.price_ticks,
            energy_wh=bids.energy_wh,
        )
        filled_wh = rng.integers(0, 101, 8)
        bidder.learn(book, Clearing(price_ticks=int(rng.integers(-500, 900)), filled_wh=filled_wh))
