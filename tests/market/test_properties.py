"""The table of properties: each claim on random books, each claim not made on a book that shows it.

That saying the truth is best is tried here with one equal lot per peer, which every claim of it
allows; test_truthful_auctions.py tries each as it is defined.
"""

from functools import cache

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from market.billing.rule import Tariffs
from market.book import Clearing, Orders
from market.known import MECHANISMS
from market.network.charges import zonal_charges
from market.properties import PROPERTIES, Balance, Kind
from market.quick import build, clear, share

CLEARED = [name for name, told in PROPERTIES.items() if told.bids]
RULES = [name for name, told in PROPERTIES.items() if not told.bids]
FEW = settings(max_examples=15)
SEARCH = settings(max_examples=5_000, deadline=None, database=None, phases=[Phase.generate])
ODD_WH = {"huang", "sonnen_community", "vandebron"}
"""These ration in whole Wh, so who came first may have one Wh more."""
OPTIONS = {
    "sonnen_community": {"price_ticks": 5},
    "hierarchy": {
        "levels": [
            {"name": "even", "members": ["peer [02468]"]},
            {"name": "odd", "members": ["peer [13579]"]},
        ]
    },
}
"""A posted price among the limits below; two groups of which every book has members."""


def names(**wanted):
    """Known names whose properties are as wanted."""
    return [
        name
        for name, told in PROPERTIES.items()
        if all(getattr(told, key) == value for key, value in wanted.items())
    ]


@cache
def made(name):
    return build(name, OPTIONS.get(name))


def flexible(n):
    """Attributes without which an exchange for curtailed energy trades nothing."""
    return {"curtailed": np.full(n, True), "flexible": np.full(n, True)}


@st.composite
def books(draw, ties=True):
    """One order per peer, with limits below zero too."""
    limits = st.lists(st.integers(-20, 60), min_size=2, max_size=9, unique=not ties)
    prices = draw(limits)
    n = len(prices)
    return Orders(
        peers=[f"peer {i}" for i in range(n)],
        peer_index=np.arange(n),
        is_buy=np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))),
        price_ticks=prices,
        energy_wh=draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)),
        arrival=draw(st.permutations(range(n))),
        attributes=flexible(n),
    )


METERS = st.lists(st.integers(-3_000, 3_000), min_size=2, max_size=6)
TARIFFS = Tariffs(300, 100)


def outcome(clearing):
    """What an order gets of a clearing, to compare."""
    return clearing.filled_wh.tolist(), clearing.order_money_ueur().tolist()


def test_the_table_holds_every_known_mechanism_and_nothing_else():
    assert set(PROPERTIES) == set(MECHANISMS)


@pytest.mark.parametrize("name", MECHANISMS)
def test_a_rule_wants_meters_and_everything_else_orders_once(name):
    # The messages: a mechanism sees one book per period, and no second one.
    is_rule = PROPERTIES[name].kind is Kind.RULE
    assert (hasattr(made(name), "share"), hasattr(made(name), "clear")) == (is_rule, not is_rule)
    assert PROPERTIES[name].rounds == (0 if is_rule else 1)


@pytest.mark.parametrize("name", names(rational=True, bids=True))
@FEW
@given(orders=books())
def test_nobody_trades_at_a_loss(name, orders):
    # A subscription is owed whatever is traded, so it is left out.
    gains = clear(orders, made(name)).gains
    assert (gains.peer_ueur + gains.subscription_ueur >= 0).all()


@pytest.mark.parametrize("name", names(rational=True, bids=False))
@FEW
@given(net_wh=METERS)
def test_no_rule_but_those_named_makes_anybody_worse_off_than_the_tariffs(name, net_wh):
    # Shares are rounded to whole µ€, the rest going by largest remainder: up to 1 µ€ a member.
    assert (share(metered(net_wh), made(name), tariffs=TARIFFS).benefit_ueur >= -1).all()


@pytest.mark.parametrize("name", names(rational=False, bids=False))
def test_the_rules_that_do_not_promise_it_make_somebody_worse_off(name):
    book = find(
        METERS,
        lambda net_wh: (
            share(metered(net_wh), made(name), tariffs=TARIFFS).benefit_ueur.min() < -1_000
        ),
        settings=SEARCH,
    )
    assert share(metered(book), made(name), tariffs=TARIFFS).benefit_ueur.min() < -1_000


def metered(net_wh):
    """Orders that say what meters show."""
    net = np.array(net_wh)
    return Orders(
        peers=[f"peer {i}" for i in range(net.size)],
        peer_index=np.flatnonzero(net),
        is_buy=net[net != 0] < 0,
        price_ticks=np.zeros(np.count_nonzero(net), dtype=np.int64),
        energy_wh=np.abs(net[net != 0]),
    )


@pytest.mark.parametrize("name", CLEARED)
@FEW
@given(orders=books())
def test_what_is_left_over_is_as_declared(name, orders):
    left = clear(orders, made(name)).surplus_ueur
    balance = PROPERTIES[name].balance
    assert {Balance.STRONG: left == 0, Balance.WEAK: left >= 0, Balance.DEFICIT: left <= 0}[balance]


@pytest.mark.parametrize("name", [n for n in CLEARED if PROPERTIES[n].balance != Balance.STRONG])
def test_what_is_not_strongly_balanced_leaves_something_over(name):
    book = find(books(), lambda orders: clear(orders, made(name)).surplus_ueur, settings=SEARCH)
    assert clear(book, made(name)).surplus_ueur != 0


@pytest.mark.parametrize("name", RULES)
@FEW
@given(net_wh=METERS)
def test_a_rule_hands_out_the_suppliers_bill_and_nothing_else(name, net_wh):
    assert PROPERTIES[name].balance is Balance.STRONG
    (bills,) = share(metered(net_wh), made(name), tariffs=TARIFFS).bills.values()
    assert bills.receives_ueur.sum() == bills.supplier_ueur


@pytest.mark.parametrize("name", names(efficient=True, bids=True))
@FEW
@given(orders=books())
def test_the_efficient_reach_all_that_can_be_gained(name, orders):
    gains = clear(orders, made(name)).gains
    assert gains.total_ueur == gains.best_ueur


@pytest.mark.parametrize("name", names(efficient=False, bids=True))
def test_the_others_miss_some_of_it(name):
    book = find(
        books(), lambda orders: clear(orders, made(name)).gains.efficiency not in (None, 1.0),
        settings=SEARCH,
    )  # fmt: skip
    gains = clear(book, made(name)).gains
    assert gains.total_ueur < gains.best_ueur


def wishing(orders, wish="pv"):
    """The same book, in which buyers prefer PV, which the seller with the last number has."""
    n = len(orders)
    prefers, origin = np.full((2, n), None, dtype=object)
    for i in range(n):
        if orders.is_buy[i]:
            prefers[i] = ((wish, 30),)
        else:
            origin[i] = "pv" if i == n - 1 else "grid"
    return Orders(
        peers=orders.peers,
        peer_index=orders.peer_index,
        is_buy=orders.is_buy,
        price_ticks=orders.price_ticks,
        energy_wh=orders.energy_wh,
        arrival=orders.arrival,
        attributes={**orders.attributes, "prefers": prefers, "origin": origin},
    )


def charged(orders):
    """The same book between two zones, in which the last number is on its own."""
    zone = ["here"] * (len(orders) - 1) + ["there"]
    return orders.with_charges(zonal_charges(zone, 0, 25))


CHANGES = {"preferences": wishing, "charges": charged}


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("name", CLEARED)
def test_wishes_and_charges_move_the_outcome_just_where_they_are_honoured(name, what):
    change, mechanism = CHANGES[what], made(name)

    def moves(orders: Orders) -> bool:
        plain: Clearing = mechanism.clear(orders)
        return outcome(plain) != outcome(mechanism.clear(change(orders)))

    if getattr(PROPERTIES[name], what):
        assert moves(find(books(), moves, settings=SEARCH))
    else:
        settings(max_examples=25, deadline=None)(
            given(orders=books())(lambda orders: not_(moves(orders)))
        )()


def not_(moved):
    assert not moved


@pytest.mark.parametrize("name", names(arrival=False, bids=True))
@FEW
@given(orders=books(ties=False), data=st.data())
def test_who_came_first_matters_in_ties_only(name, orders, data):
    # No limit occurs twice.
    turn = data.draw(st.permutations(range(len(orders))))
    later = Orders(
        peers=orders.peers,
        peer_index=orders.peer_index,
        is_buy=orders.is_buy,
        price_ticks=orders.price_ticks,
        energy_wh=orders.energy_wh,
        arrival=turn,
        attributes=orders.attributes,
    )
    one, other = made(name).clear(orders), made(name).clear(later)
    assert np.abs(one.filled_wh - other.filled_wh).max(initial=0) <= (name in ODD_WH)
    assert one.surplus_ueur == other.surplus_ueur


@pytest.mark.parametrize("name", names(arrival=True, bids=True))
def test_who_came_first_matters_where_it_is_said(name):
    def matters(orders):
        others = Orders(
            peers=orders.peers,
            peer_index=orders.peer_index,
            is_buy=orders.is_buy,
            price_ticks=orders.price_ticks,
            energy_wh=orders.energy_wh,
            arrival=-orders.arrival,
            attributes=orders.attributes,
        )
        return outcome(made(name).clear(orders)) != outcome(made(name).clear(others))

    assert matters(find(books(ties=False), matters, settings=SEARCH))


def best_lie(name, limits, is_buy, lot_wh):
    """The most that any peer gains by another limit than its own, each with one lot. [µ€]

    Where truthfulness is not claimed at all, by announcing twice the energy too.
    """
    n, true_wh = len(limits), np.full(len(limits), lot_wh)

    def gains(prices, energy_wh):
        book = Orders(
            peers=[f"peer {i}" for i in range(n)],
            peer_index=np.arange(n),
            is_buy=is_buy,
            price_ticks=prices,
            energy_wh=energy_wh,
            attributes=flexible(n),
        )
        clearing = made(name).clear(book)
        # A buyer has no use for more than it wants; a seller can give no more than it has.
        used_wh = np.where(book.is_buy, np.minimum(clearing.filled_wh, true_wh), clearing.filled_wh)
        worth, money = np.array(limits) * used_wh, clearing.order_money_ueur()
        gain = np.where(book.is_buy, worth - money, money - worth)
        return np.where(book.is_buy | (clearing.filled_wh <= true_wh), gain, -(10**9))

    honest, more = gains(limits, true_wh), [1] if PROPERTIES[name].truthful else [1, 2]
    return max(
        gains(
            [*limits[:i], lie, *limits[i + 1 :]], true_wh * np.where(np.arange(n) == i, times, 1)
        )[i]
        - honest[i]
        for i in range(n)
        for lie in range(-2, 12, 2)
        for times in more
    )


LOTS = st.integers(2, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.integers(-1, 10), min_size=n, max_size=n),
        st.lists(st.booleans(), min_size=n, max_size=n),
        st.integers(1, 3),
    )
)


@pytest.mark.parametrize("name", [name for name in CLEARED if PROPERTIES[name].truthful])
@settings(max_examples=25)
@given(lots=LOTS)
def test_nobody_gains_by_a_lie_where_truthfulness_is_claimed(name, lots):
    assert best_lie(name, *lots) <= 0


@pytest.mark.parametrize("name", [name for name in CLEARED if not PROPERTIES[name].truthful])
def test_a_lie_pays_where_it_is_not(name):
    lots = find(LOTS, lambda lots: best_lie(name, *lots) > 0, settings=SEARCH)
    assert best_lie(name, *lots) > 0


@pytest.mark.parametrize("name", CLEARED)
def test_no_mechanism_claims_what_cannot_be(name):
    # Myerson and Satterthwaite (1983): with one buyer and one seller, which every limit of a
    # claim of truthfulness allows, not all four hold.
    told = PROPERTIES[name]
    assert not (
        told.efficient
        and told.rational
        and told.truthful
        and told.balance in (Balance.STRONG, Balance.WEAK)
    )
