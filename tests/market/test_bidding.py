from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from market.bidders.margin import Margin
from market.bidders.premium import Premium
from market.bidders.protocol import BIDDERS, BidError, Bids, Outlook
from market.bidders.table import Seat, Table
from market.bidders.threshold import Threshold
from market.bidders.truthful import PriceTaking, Truthful
from market.bidders.zero_intelligence import ZeroIntelligence
from market.mechanisms.uniform_price import UniformPrice

TARIFFS = {"feed_in_ticks": 80, "retail_ticks": 350, "fee_cap_ticks": 30}
NEEDED = {"premium": {"premiums": {"pv": 30}}, "threshold": {"steps": {120: 0.5, 200: 0.3}}}


def made(name):
    module, _, class_name = BIDDERS[name].partition(":")
    of = getattr(import_module(module), class_name)
    return of(of.Options(**NEEDED.get(name, {})))


def names(n):
    return [f"p{i}" for i in range(n)]


def table(bidder, n, **more):
    return Table(names(n), [Seat("it", bidder, np.arange(n))], **more)


def outlooks(largest=3000):
    @st.composite
    def draw_one(draw):
        n = draw(st.integers(1, 6))

        def whole(low, high):
            return draw(hnp.arrays(np.int64, n, elements=st.integers(low, high)))

        stored, room = whole(0, largest), whole(0, largest)
        efficiency = draw(hnp.arrays(np.float64, n, elements=st.floats(0.5, 1.0)))
        held = stored + whole(0, largest)
        ahead = draw(
            hnp.arrays(np.int64, (n, 3), elements=st.integers(-largest, largest)),
        )
        return Outlook(
            period=draw(st.integers(0, 50)),
            feed_in_ticks=draw(st.integers(-100, 400)),
            retail_ticks=draw(st.integers(0, 500)),
            fee_cap_ticks=draw(st.integers(0, 100)),
            net_wh=whole(-largest, largest),
            stored_wh=stored,
            room_wh=room,
            efficiency=efficiency,
            ahead_wh=ahead,
            held_wh=held,
            size_wh=held + np.ceil(efficiency * room).astype(np.int64),
            power_wh=np.maximum(stored, room),
            margin=draw(hnp.arrays(np.float64, n, elements=st.floats(0, 1))),
        )

    return draw_one()


# What every bidder keeps


@pytest.mark.parametrize("name", BIDDERS)
@given(outlook=outlooks())
def test_nobody_bids_at_a_loss_or_for_more_than_it_has_or_on_two_sides(name, outlook):
    # The table refuses what is on two sides or beyond forecast and store.
    orders = table(made(name), outlook.n).orders(outlook)
    least = outlook.feed_in_ticks
    most = outlook.retail_ticks - outlook.fee_cap_ticks
    assert (orders.price_ticks[~orders.is_buy] >= least).all()
    assert (orders.price_ticks[orders.is_buy] <= most).all()


@pytest.mark.parametrize("name", BIDDERS)
def test_a_peer_more_does_not_change_what_others_bid(name):
    keys = np.array([11, 22, 33], dtype=np.uint64)
    few = Outlook.plain([700, -400], **TARIFFS, keys=keys[:2], margin=np.full(2, 0.2))
    more = Outlook.plain([-900, 700, -400], **TARIFFS, keys=keys[[2, 0, 1]], margin=np.full(3, 0.2))
    alone = table(made(name), 2, arrive_within=1200).orders(few)
    beside = table(made(name), 3, arrive_within=1200).orders(more)
    of_others = beside.take(beside.peer_index > 0)
    for column in ("price_ticks", "energy_wh", "is_buy", "arrival"):
        np.testing.assert_array_equal(getattr(alone, column), getattr(of_others, column))


@pytest.mark.parametrize("name", BIDDERS)
def test_a_bidder_made_anew_bids_and_learns_the_same(name):
    def play():
        seated, prices = table(made(name), 4, arrive_within=100), []
        for period in range(5):
            outlook = Outlook.plain(
                [700, -400, 300, -500], **TARIFFS, period=period, margin=np.full(4, 0.1)
            )
            orders = seated.orders(outlook)
            seated.learn(orders, UniformPrice().clear(orders))
            prices.append([orders.price_ticks.tolist(), orders.arrival.tolist()])
        return prices

    assert play() == play()


# Each of them


def test_truthful_peers_bid_their_tariff():
    orders = table(Truthful(), 2).orders(Outlook.plain([500, -300], **TARIFFS))
    assert orders.price_ticks.tolist() == [80, 320]
    assert orders.energy_wh.tolist() == [500, 300]


def test_price_takers_sell_stored_energy_at_the_tariff_too():
    outlook = Outlook.plain([100, -300], **TARIFFS, stored_wh=np.array([400, 100]))
    orders = table(PriceTaking(), 2).orders(outlook)
    assert orders.price_ticks.tolist() == [80, 320]
    assert orders.energy_wh.tolist() == [500, 200]
    assert orders.attributes["origin"].tolist() == ["storage", None]
    assert orders.attributes["storage"].tolist() == [True, False]


def test_a_margin_is_its_part_of_the_span():
    # By hand: the span is 350 − 30 − 80 = 240 ticks; a quarter of it is 60.
    outlook = Outlook.plain([500, -300], **TARIFFS, margin=np.full(2, 0.25))
    steady = Margin(Margin.Options(spread=0.0))
    assert table(steady, 2).orders(outlook).price_ticks.tolist() == [140, 260]


def test_zero_intelligence_spreads_evenly_over_the_whole_span():
    n = 20_000
    outlook = Outlook.plain(np.tile([500, -500], n // 2), **TARIFFS)
    bids = ZeroIntelligence().bid(outlook)
    for is_buy in (True, False):
        ticks = bids.price_ticks[bids.is_buy == is_buy]
        assert (ticks.min(), ticks.max()) == (80, 320)
        # A mean of 10 000 even draws over 241 ticks has a standard error of 0.7 ticks.
        assert ticks.mean() == pytest.approx(200, abs=3)
        counts = np.histogram(ticks, bins=6, range=(79.5, 320.5))[0]
        assert counts.min() > 1500


def test_zero_intelligence_draws_anew_each_period():
    prices = [
        ZeroIntelligence().bid(Outlook.plain([500] * 50, **TARIFFS, period=p)).price_ticks
        for p in (0, 1)
    ]
    assert (prices[0] != prices[1]).mean() > 0.9


def test_thresholds_show_as_steps_of_the_supply_curve():
    # By hand: of 1000 Wh and 501 Wh half is offered from 120 ticks on, three tenths from 200 on;
    # 501 Wh are cut at 250.5 and 400.8 Wh, rounded down.
    steps = Threshold(Threshold.Options(steps={200: 0.3, 120: 0.5}))
    orders = table(steps, 2).orders(Outlook.plain([1000, 501], **TARIFFS))
    supply_wh = {
        ticks: int(orders.energy_wh[orders.price_ticks <= ticks].sum())
        for ticks in (119, 120, 199, 200, 320)
    }
    assert supply_wh == {119: 0, 120: 750, 199: 750, 200: 1200, 320: 1200}
    assert orders.peer_index.tolist() == [0, 0, 1, 1]


def test_a_threshold_below_the_tariff_is_the_tariff():
    orders = table(Threshold(Threshold.Options(steps={10: 1.0})), 1).orders(
        Outlook.plain([1000], **TARIFFS)
    )
    assert orders.price_ticks.tolist() == [80]


def test_parts_of_more_than_a_whole_are_refused():
    with pytest.raises(ValueError, match=r"parts add up to 1\.1, expected 1 at most"):
        Threshold.Options(steps={100: 0.6, 200: 0.5})


def test_a_premium_lifts_demand_for_what_is_preferred():
    # By hand: the span is 240, a margin of 0.25 leaves 260 ticks; 30 are paid on top for pv.
    options = Premium.Options(premiums={"pv": 30, "p0": 12}, spread=0.0)
    outlook = Outlook.plain([900, -400, -100], **TARIFFS, margin=np.full(3, 0.25))
    orders = table(Premium(options), 3).orders(outlook)
    assert orders.attributes["prefers"].tolist() == [None, *[(("pv", 30), ("p0", 12))] * 2]

    def demand_wh(ticks, kind):
        on_top = [dict(wish or ()).get(kind, 0) for wish in orders.attributes["prefers"]]
        willing = orders.is_buy & (orders.price_ticks + on_top >= ticks)
        return int(orders.energy_wh[willing].sum())

    assert [demand_wh(ticks, "pv") for ticks in (260, 261, 290, 291)] == [500, 500, 500, 0]
    assert [demand_wh(ticks, "wind") for ticks in (260, 261)] == [500, 0]


def test_a_premium_has_the_dearer_preferred_seller_win_a_pair():
    from market.preferences import premium_ticks

    options = Premium.Options(premiums={"p0": 12}, only_preferred=True)
    orders = table(Premium(options), 3).orders(Outlook.plain([900, 900, -400], **TARIFFS))
    assert premium_ticks(orders, np.array([0, 1]), np.array([2, 2])).tolist() == [12, 0]
    assert orders.attributes["only_preferred"].tolist() == [False, False, True]


# The table


def test_bidders_mix_and_each_serves_its_own_peers():
    seats = [
        Seat("truthful", Truthful(), np.array([0, 3])),
        Seat("premium", Premium(Premium.Options(premiums={"pv": 9})), np.array([1])),
    ]
    outlook = Outlook.plain([500, -300, 800, -200], **TARIFFS)
    orders = Table(names(4), seats, traits={"zone": ["n", None, "n", "s"]}).orders(
        outlook, first_id=7
    )
    assert orders.peer_index.tolist() == [0, 1, 3]  # nobody bids for p2
    assert orders.order_id.tolist() == [7, 8, 9]
    assert orders.attributes["prefers"].tolist() == [None, (("pv", 9),), None]
    assert orders.attributes["zone"].tolist() == ["n", None, "s"]


def test_crumbs_are_not_offered():
    orders = table(Truthful(), 3, smallest_wh=20).orders(Outlook.plain([19, 20, -19], **TARIFFS))
    assert orders.energy_wh.tolist() == [20]


def test_nobody_with_anything_to_trade_gives_an_empty_book():
    assert len(table(Margin(), 2).orders(Outlook.plain([0, 0], **TARIFFS))) == 0


def test_arrivals_are_before_the_gate_and_fair_over_time():
    first, seated = np.zeros(4), table(Truthful(), 4, arrive_within=1200)
    for period in range(2000):
        orders = seated.orders(
            Outlook.plain([500] * 4, **TARIFFS, period=period), gate_tick=period * 9000
        )
        waits = period * 9000 - orders.arrival
        assert waits.min() >= 0
        assert waits.max() <= 1200
        first[orders.arrival.argmin()] += 1
    # 500 expected of each, with a standard deviation of 19.
    assert np.abs(first - 500).max() < 80


class Fixed:
    """Returns the same whatever is known."""

    def __init__(self, **columns):
        plain = {"peer_index": [0], "is_buy": [False], "price_ticks": [100], "energy_wh": [100]}
        self.bids = Bids(**{k: np.array(v) for k, v in {**plain, **columns}.items()})

    def bid(self, outlook):
        return self.bids


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"energy_wh": [501]}, r"p0 offers 501 Wh, expected at most 500 Wh: its net is 500 Wh"),
        ({"peer_index": [1], "is_buy": [True], "energy_wh": [301]}, r"p1 asks for 301 Wh, .* 300"),
        ({"price_ticks": [np.nan]}, r"price_ticks of p0 is nan, expected a whole number"),
        ({"price_ticks": [1.5]}, r"price_ticks of p0 is 1\.5, expected a whole number"),
        ({"energy_wh": [np.inf]}, r"energy_wh of p0 is inf, expected whole Wh above 0"),
        ({"energy_wh": [0]}, r"energy_wh of p0 is 0, expected whole Wh above 0"),
        ({"peer_index": [2]}, r"peer 2 is not among 2 peers"),
        ({"is_buy": [1]}, r"column is_buy holds int64, expected booleans"),
        ({"price_ticks": [1, 2]}, r"column price_ticks has shape \(2,\) for 1 bids"),
        (
            {
                "peer_index": [0, 0],
                "is_buy": [False, True],
                "price_ticks": [90, 80],
                "energy_wh": [5, 6],
            },
            r"p0 would sell 5 Wh and buy 6 Wh behind one meter",
        ),
    ],
)
def test_a_bidder_that_breaks_a_promise_is_named_with_what_it_broke(columns, told):
    seated = Table(names(2), [Seat("./mine.py:Mine", Fixed(**columns), np.arange(2))])
    with pytest.raises(BidError, match=r"bidder \./mine\.py:Mine: " + told):
        seated.orders(Outlook.plain([500, -300], **TARIFFS))


class Broken:
    """Raises wherever it can."""

    def bid(self, outlook):
        raise ZeroDivisionError("no sun")

    def learn(self, orders, clearing):
        raise RuntimeError("not listening")

    Options = Margin.Options


def test_a_bidder_that_raises_is_named():
    seated = table(Broken(), 2)
    outlook = Outlook.plain([500, -300], **TARIFFS)
    with pytest.raises(BidError, match="bidder it: ZeroDivisionError: no sun"):
        seated.orders(outlook)
    orders = table(Truthful(), 2).orders(outlook)
    with pytest.raises(BidError, match="bidder it: RuntimeError: not listening"):
        seated.learn(orders, UniformPrice().clear(orders))


def test_what_is_no_bids_is_refused():
    class Lost:
        def bid(self, outlook):
            return None

    with pytest.raises(BidError, match=r"bid\(\) returned NoneType, expected market\.Bids"):
        table(Lost(), 1).orders(Outlook.plain([500], **TARIFFS))


def test_a_peers_traits_stand_on_its_orders_unless_its_bidder_says_otherwise():
    class Says(PriceTaking):
        def bid(self, outlook):
            bids = super().bid(outlook)
            words = np.array(["own", None], dtype=object)
            return Bids(
                bids.peer_index, bids.is_buy, bids.price_ticks, bids.energy_wh, {"zone": words}
            )

    outlook = Outlook.plain([100, -200], **TARIFFS)
    seat = Seat("says", Says(), np.arange(2))
    traits = {"zone": ["north", "south"], "flexible": [None, True], "curtailed": [None, None]}
    orders = Table(names(2), [seat], traits=traits).orders(outlook)
    assert orders.attributes["zone"].tolist() == ["own", "south"]
    assert orders.attributes["flexible"].tolist() == [None, True]
    assert "curtailed" not in orders.attributes
