"""What every platform promises, on thousands of books with ties, negative prices, missing
attributes, charges and peers on both sides.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, OrderError, Orders
from market.known import MECHANISMS
from market.mechanisms.piclo import Piclo
from market.mechanisms.sonnen_community import SonnenCommunity
from market.mechanisms.trader import Trader
from market.mechanisms.uniform_price import UniformPrice
from market.mechanisms.vandebron import Vandebron
from market.network.charges import zonal_charges
from market.preferences import allowed
from market.promises import check_clearing

PLATFORMS = [
    Piclo(),
    Piclo(Piclo.Options(seed=5)),
    Vandebron(),
    SonnenCommunity(SonnenCommunity.Options(price_ticks=0)),
    Trader(Trader.Options(connected=("dora", "cleo"))),
]
IDS = ["piclo", "piclo by lottery", "vandebron", "sonnen_community", "trader"]
PEERS = ("anna", "bert", "cleo", "dora")

wishes = st.lists(
    st.tuples(st.sampled_from(["local", "green", "pv", "chp", "anna", "dora"]), st.integers(0, 5)),
    max_size=3,
    unique_by=lambda wish: wish[0],
).map(tuple)


@st.composite
def orders(draw, number):
    side = draw(st.sampled_from(["buy", "sell"]))
    said = {
        "zone": draw(st.sampled_from(["east", "west", None])),
        "storage": draw(st.sampled_from([True, False, None])),
    }
    if side == "buy":
        said["prefers"] = draw(st.one_of(st.none(), wishes))
        said["only_preferred"] = draw(st.sampled_from([True, False, None]))
        said["flexible"] = draw(st.booleans())
    else:
        said["origin"] = draw(st.sampled_from(["pv", "chp", "wind", None]))
        said["curtailed"] = draw(st.booleans())
    return Order(
        number,
        draw(st.sampled_from(PEERS)),
        side,
        draw(st.integers(-6, 6)),
        draw(st.integers(1, 9) | st.just(10**12)),
        arrival=draw(st.integers(0, 2)),
        attributes={name: draw(st.sampled_from([value, None])) for name, value in said.items()},
    )


@st.composite
def books(draw):
    rows = [draw(orders(number)) for number in range(draw(st.integers(0, 9)))]
    charges = None
    if draw(st.booleans()):
        zones = draw(st.lists(st.sampled_from("xy"), min_size=4, max_size=4))
        charges = zonal_charges(zones, draw(st.integers(0, 2)), draw(st.integers(0, 4)))
    return Orders.of(rows, PEERS, charges=charges)


@pytest.mark.parametrize("platform", PLATFORMS, ids=IDS)
@given(book=books())
def test_a_platform_keeps_the_promises_of_every_mechanism(platform, book):
    clearing = platform.clear(book)

    check_clearing(book, clearing)
    assert clearing.surplus_ueur == 0
    if not clearing.filled_wh.any():
        assert clearing.price_ticks is None
    trades = clearing.trades
    if trades is not None:
        assert allowed(book, trades.sell_row, trades.buy_row).all()


@pytest.mark.parametrize("platform", PLATFORMS, ids=IDS)
@given(book=books(), data=st.data())
def test_the_order_of_the_rows_makes_no_difference(platform, book, data):
    shuffled = data.draw(st.permutations(range(len(book))))
    straight, turned = platform.clear(book), platform.clear(book.take(shuffled))
    assert straight.filled_wh[shuffled].tolist() == turned.filled_wh.tolist()
    assert straight.order_money_ueur()[shuffled].tolist() == turned.order_money_ueur().tolist()


@pytest.mark.parametrize("platform", PLATFORMS, ids=IDS)
def test_an_empty_market_has_no_price(platform):
    clearing = platform.clear(Orders.of([], PEERS))
    assert clearing.price_ticks is None
    assert clearing.filled_wh.size == 0
    assert not np.any(clearing.subscriptions_ueur)


@pytest.mark.parametrize("platform", PLATFORMS, ids=IDS)
def test_a_book_of_two_periods_is_refused(platform):
    book = Orders.of([Order(0, "anna", "buy", 1, 1), Order(1, "bert", "sell", 1, 1, period=1)])
    with pytest.raises(OrderError, match="periods 0, 1"):
        platform.clear(book)


@pytest.mark.parametrize(
    ("platform", "name", "value"),
    [
        (Piclo(), "only_preferred", "yes"),
        (Vandebron(), "prefers", "wind"),
        (SonnenCommunity(), "storage", 1),
        (Trader(), "flexible", "no"),
        (Trader(), "curtailed", 0.5),
    ],
)
def test_an_attribute_that_cannot_be_read_names_its_order(platform, name, value):
    side = "sell" if name == "curtailed" else "buy"
    book = Orders.of([Order(7, "anna", side, 1, 1, attributes={name: value})])
    with pytest.raises(OrderError, match=f"order 7.*{name}"):
        platform.clear(book)


@pytest.mark.parametrize("name", ["piclo", "vandebron", "sonnen_community", "trader"])
def test_a_platform_is_known_by_its_name_and_is_no_uniform_price(name):
    assert name in MECHANISMS
    # By hand: a buyer that ranks, is no store and not flexible. The uniform price gives it the
    # cheap offer, at the mean of both limits.
    book = Orders.of(
        [
            Order(0, "anna", "buy", 300, 10, attributes={"prefers": (("dora", 0),)}),
            Order(1, "cleo", "sell", 100, 10),
            Order(2, "dora", "sell", 200, 10, attributes={"storage": True}),
        ]
    )
    mechanism = dict(zip(IDS, PLATFORMS, strict=True))[name]
    uniform = UniformPrice().clear(book)
    assert uniform.filled_wh.tolist() == [10, 10, 0]
    clearing = mechanism.clear(book)
    assert (clearing.filled_wh.tolist(), clearing.price_ticks) != (
        uniform.filled_wh.tolist(),
        uniform.price_ticks,
    )
