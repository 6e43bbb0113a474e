"""The auction for shared storage: by hand, exact, and truthful where it says so."""

import doctest

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.book import Order, OrderError, Orders
from market.sharing import storage_auction
from market.sharing.storage_auction import StorageAuction, StorageOffer

NAMES = ("ann", "bob", "cas", "dan", "eve")
AUCTIONS = ("uniform_price", "pay_as_bid", "vcg")


def auction(name, **options):
    return StorageAuction(StorageAuction.Options(auction=name, **options))


def book(bids):
    """Bids of (peer, price, energy)."""
    orders = [Order(i, NAMES[peer], "buy", price, wh) for i, (peer, price, wh) in enumerate(bids)]
    return Orders.of(orders, NAMES)


bids = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 40), st.integers(1, 50)), max_size=10)
offers = st.builds(
    StorageOffer,
    st.just("dso"),
    energy_wh=st.integers(1, 80),
    power_w=st.integers(1, 50),
    reserve_ticks=st.integers(-3, 20),
)


def test_the_worked_example_in_the_docstring_holds():
    assert doctest.testmod(storage_auction).failed == 0


@pytest.mark.parametrize(("k", "price"), [(0, 30), (0.5, 40), (1, 50)])
def test_the_uniform_price_lies_between_the_last_served_and_the_first_left_out(k, price):
    # By hand: 10 kWh go to 60 and 50 ticks; 30 ticks are left out.
    offer = StorageOffer("dso", energy_wh=10_000, power_w=4_000, reserve_ticks=20)
    told = book([(0, 60, 5_000), (1, 50, 5_000), (2, 30, 4_000)])
    rights = auction("uniform_price", k=k).allot(offer, told)

    assert rights.price_ticks == price
    assert rights.owner_gets_ueur == 10_000 * price


def test_the_reserve_is_the_price_of_what_nobody_else_wants():
    # By hand: of 10 kWh two members want 6; only the reserve stands against them.
    offer = StorageOffer("dso", energy_wh=10_000, power_w=5_000, reserve_ticks=20)
    told = book([(0, 60, 4_000), (1, 50, 2_000), (2, 19, 4_000)])
    for name in ("uniform_price", "vcg"):
        rights = auction(name).allot(offer, told)
        assert rights.energy_wh.tolist() == [4_000, 2_000, 0, 0, 0]
        assert rights.power_w.tolist() == [2_000, 1_000, 0, 0, 0]
        assert rights.pays_ueur.tolist() == [80_000, 40_000, 0, 0, 0]


@settings(deadline=None)
@given(st.sampled_from(AUCTIONS), offers, bids)
def test_rights_fit_the_store_and_money_is_exact(name, offer, told):
    rights = auction(name).allot(offer, book(told))

    assert rights.energy_wh.sum() <= offer.energy_wh
    assert rights.power_w.sum() <= offer.power_w
    assert (rights.power_w[rights.energy_wh == 0] == 0).all()
    assert rights.owner_gets_ueur == rights.pays_ueur.sum()
    # Nobody beneath the reserve is served, and as much is sold as is wanted above it.
    wanted = sum(wh for _, price, wh in told if price >= offer.reserve_ticks)
    assert rights.energy_wh.sum() == min(wanted, offer.energy_wh)
    # The owner gets its reserve at least, and nobody pays more than its rights are worth to it.
    assert rights.owner_gets_ueur >= offer.reserve_ticks * rights.energy_wh.sum()
    for peer in range(5):
        worth = sorted((price for p, price, wh in told if p == peer for _ in range(wh)))[::-1]
        assert rights.pays_ueur[peer] <= sum(worth[: rights.energy_wh[peer]])


@settings(deadline=None)
@given(offers, bids, st.integers(-5, 40), st.integers(-5, 45))
def test_by_vcg_nobody_gains_by_a_false_bid_of_1_wh(offer, others, truth, lie):
    # Bids of 1 Wh, so that payments are whole ticks.
    rest = [(1 + peer % 4, price, 1) for peer, price, _ in others]

    def gain(said):
        rights = auction("vcg").allot(offer, book([(0, said, 1), *rest]))
        return truth * rights.energy_wh[0] - rights.pays_ueur[0]

    assert gain(truth) >= gain(lie)


def test_by_the_uniform_price_a_false_bid_pays():
    # By hand: with k = 1 the last served sets the price, so Ann says 31 instead of 60.
    offer = StorageOffer("dso", energy_wh=1, power_w=1, reserve_ticks=20)
    paid = [
        auction("uniform_price", k=1).allot(offer, book([(0, said, 1), (1, 30, 1)])).pays_ueur[0]
        for said in (60, 31)
    ]
    assert paid == [60, 31]


def test_nobody_bids_and_nothing_is_sold():
    offer = StorageOffer("dso", energy_wh=10, power_w=10, reserve_ticks=0)
    rights = auction("vcg").allot(offer, book([]))
    assert rights.price_ticks is None
    assert rights.owner_gets_ueur == 0
    assert not rights.energy_wh.any()


def test_strange_bids_are_refused_together():
    offer = StorageOffer("dso", energy_wh=10, power_w=10, reserve_ticks=0, first_period=3)
    told = Orders.of(
        [
            Order(0, "ann", "sell", 10, 5, period=3),
            Order(1, "dso", "buy", 10, 5, period=3),
            Order(2, "bob", "buy", 10, 5, period=4),
        ]
    )
    with pytest.raises(OrderError) as caught:
        StorageAuction().allot(offer, told)
    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "order 0 of 'ann'",
        "order 1 of 'dso'",
        "order 2 of 'bob'",
    ]


def test_an_offer_of_nothing_is_refused():
    with pytest.raises(OrderError) as caught:
        StorageOffer("dso", energy_wh=0, power_w=-1, reserve_ticks=0)
    assert len(caught.value.faults) == 2


def test_power_follows_capacity_to_the_watt():
    # By hand: 3 of 7 Wh get 100·3/7 = 42.9 W, 2 get 28.6 W, 2 stay with the owner.
    offer = StorageOffer("dso", energy_wh=7, power_w=100, reserve_ticks=1)
    rights = auction("pay_as_bid").allot(offer, book([(0, 9, 3), (1, 8, 2)]))
    assert rights.power_w.tolist() == [43, 29, 0, 0, 0]
    assert np.asarray(rights.pays_ueur).tolist() == [27, 16, 0, 0, 0]
