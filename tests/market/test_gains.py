"""Who gains what: worked books, and that all gains add up to what the trades are worth."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market import Order, Orders, clear, clear_file, share, share_file, uniform_charges
from market.billing.rule import Tariffs
from market.known import MECHANISMS
from market.quick import build

TEXTBOOK = [
    Order(i, f"peer {i}", "buy" if i < 5 else "sell", price, 1)
    for i, price in enumerate([100, 90, 80, 70, 60, 80, 85, 95, 100, 110])
]
ORDER_DRIVEN = [name for name in MECHANISMS if hasattr(build(name), "clear")]


def gains_of(done):
    """What each peer that gains anything gains. [µ€]"""
    gains = done.gains
    told = zip(gains.peers, gains.peer_ueur.tolist(), strict=True)
    return {peer: ueur for peer, ueur in told if ueur}


def test_the_textbook_at_one_price():
    # By hand: 2 Wh at 87: 100 - 87, 90 - 87, 87 - 80, 87 - 85; in all 25, the published gain.
    done = clear(TEXTBOOK)
    assert (done.price_ticks, done.price, len(done.trades)) == (87, 0.087, 2)
    assert gains_of(done) == {"peer 0": 13, "peer 1": 3, "peer 5": 7, "peer 6": 2}
    assert (done.gains.total_ueur, done.gains.best_ueur, done.gains.efficiency) == (25, 25, 1.0)


def test_the_textbook_by_trade_reduction_and_vcg():
    # Computed from the published table: one trade of 100 and 80 at 90 and 85, the operator keeps
    # 5 of 20; under VCG 85 and 90 are paid and got, and it adds 10 to the gain of 25.
    reduced, vcg = clear(TEXTBOOK, "trade_reduction"), clear(TEXTBOOK, "vcg")
    assert gains_of(reduced) == {"peer 0": 10, "peer 5": 5}
    assert (reduced.surplus_ueur, reduced.gains.operator_ueur) == (5, 5)
    assert (reduced.gains.total_ueur, reduced.gains.efficiency) == (20, 0.8)
    assert gains_of(vcg) == {"peer 0": 15, "peer 1": 5, "peer 5": 10, "peer 6": 5}
    assert (vcg.gains.operator_ueur, vcg.gains.total_ueur) == (-10, 25)


def test_transport_is_the_buyers_cost_and_the_dsos_income():
    # By hand: 500 Wh at 200; the buyer gains (300 - 200 - 20) · 500 and the DSO gets 20 · 500.
    orders = [Order(1, "anna", "buy", 300, 500), Order(2, "farm", "sell", 100, 800)]
    done = clear(orders, charges=uniform_charges(2, 20))
    assert done.gains.bought_ueur.tolist() == [100_000, 0]
    assert done.gains.peer_ueur.tolist() == [90_000, 0]
    assert (done.price_ticks, done.gains.dso_ueur, done.gains.total_ueur) == (100, 10_000, 90_000)


def test_benefit_over_the_tariffs():
    # By hand, the same trade at 100 and 20 of transport: the buyer saves 350 - 120, and the
    # seller gets 100 instead of 80, for 500 Wh.
    orders = [Order(1, "anna", "buy", 300, 500), Order(2, "farm", "sell", 100, 800)]
    done = clear(orders, charges=uniform_charges(2, 20))
    assert done.benefit_ueur(Tariffs(350, 80)).tolist() == [115_000, 10_000]


def test_energy_of_a_kind_that_a_buyer_prefers_is_worth_its_premium():
    # By hand: 10 Wh from the only seller, at (30 + 10) / 2; it is PV, worth 5 more to the buyer.
    orders = [
        Order(1, "anna", "buy", 30, 10, attributes={"prefers": (("pv", 5),)}),
        Order(2, "farm", "sell", 10, 10, attributes={"origin": "pv"}),
    ]
    done = clear(orders)
    assert done.gains.bought_ueur.tolist() == [150, 0]
    assert (done.gains.total_ueur, done.gains.best_ueur) == (250, 250)


def test_several_periods_are_cleared_each_by_itself_and_added():
    # By hand: 20 at 200 in one period; nothing crosses in the other.
    orders = [
        Order(1, "anna", "buy", 210, 1, period=4),
        Order(2, "farm", "sell", 190, 1, period=4),
        Order(3, "anna", "buy", 100, 1, period=5),
        Order(4, "farm", "sell", 190, 1, period=5),
    ]
    done = clear(orders)
    assert done.prices_ticks == {4: 200, 5: None}
    assert done.price_ticks == 200
    assert (gains_of(done), done.gains.best_ueur) == ({"anna": 10, "farm": 10}, 20)


@pytest.mark.parametrize("name", ORDER_DRIVEN)
def test_an_empty_market_clears_to_nothing(name):
    done = clear([], name)
    assert (done.trades, done.price, done.surplus_ueur) == ([], None, 0)
    assert (done.gains.total_ueur, done.gains.efficiency) == (0, None)


@pytest.mark.parametrize("name", ORDER_DRIVEN)
@given(data=st.data())
def test_all_gains_add_up_to_what_the_trades_are_worth(name, data):
    n = data.draw(st.integers(2, 10))
    sides = data.draw(st.lists(st.booleans(), min_size=n, max_size=n))
    prices = data.draw(st.lists(st.integers(-50, 400), min_size=n, max_size=n))
    energy = data.draw(st.lists(st.integers(1, 900), min_size=n, max_size=n))
    orders = Orders(
        peers=[f"peer {i}" for i in range(n)],
        peer_index=np.arange(n),
        is_buy=sides,
        price_ticks=prices,
        energy_wh=energy,
    )
    done = clear(orders, name, charges=uniform_charges(n, data.draw(st.integers(0, 30))))
    worth = {order.order_id: order.price_ticks for order in orders}
    trades_ueur = sum(
        (worth[t.buy_order_id] - worth[t.sell_order_id] - t.fee_ticks) * t.energy_wh
        for t in done.trades
    )
    assert done.gains.total_ueur == trades_ueur
    assert done.gains.dso_ueur == sum(t.fee_ticks * t.energy_wh for t in done.trades)
    assert done.gains.total_ueur <= done.gains.best_ueur


def test_a_rule_reads_orders_as_meters():
    # By hand, the published example in ticks: 6 kWh injected, 10 withdrawn between 100 and 300:
    # sellers get 200, buyers pay 240, together the supplier's bill of 4 · 300.
    orders = [Order(1, "pv", "sell", 0, 6000), Order(2, "home", "buy", 0, 10_000)]
    done = share(orders, "mid_market_rate", tariffs=Tariffs(300, 100))
    assert done.peers == ("home", "pv")
    assert done.receives_ueur.tolist() == [-2_400_000, 1_200_000]
    assert done.benefit_ueur.tolist() == [600_000, 600_000]


def test_a_peer_that_buys_and_sells_is_metered_net():
    orders = [Order(1, "home", "sell", 0, 300), Order(2, "home", "buy", 0, 1000)]
    done = share(orders, "status_quo", tariffs=Tariffs(300, 100))
    assert done.receives_ueur.tolist() == [-210_000]
    assert done.benefit_ueur.tolist() == [0]


def test_a_mechanism_and_a_rule_are_not_taken_for_one_another():
    with pytest.raises(ValueError, match="use share"):
        clear(TEXTBOOK, "mid_market_rate")
    with pytest.raises(ValueError, match="use clear"):
        share(TEXTBOOK, "vcg", tariffs=Tariffs(300, 100))
    with pytest.raises(ValueError, match="no mechanism 'vgc'"):
        clear(TEXTBOOK, "vgc")


def test_files_and_frames(tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text("peer,side,price_ticks,energy_wh\na,buy,300,500\nb,sell,100,500\n")
    done = clear_file(file, "uniform_price", options={"k": 0.25})
    assert done.price_ticks == 150
    trades, gains = done.trades_frame(), done.gains_frame(Tariffs(350, 80))
    assert trades.loc[0, ["seller", "buyer", "price_ticks"]].tolist() == ["b", "a", 150]
    assert gains.set_index("peer").loc["a", "benefit_ueur"] == 100_000
    assert done.orders_frame()["filled_wh"].tolist() == [500, 500]
    shared = share_file(file, "bill_sharing", tariffs=Tariffs(300, 100))
    assert shared.gains_frame()["receives_ueur"].sum() == 0
