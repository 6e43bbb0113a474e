"""The story of a contract, played on a clock of 100 ms ticks and quarter hours of 9 000 ticks.

Anna sells bert 1 000 Wh at 200 µ€/Wh (4 kW for a quarter hour); carl's 400 Wh at 120 stay unsold.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Trade
from market.delivery.contract import Clock, ContractError
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading
from market.delivery.rules import Terms
from market.delivery.tokens import TokenError

PEERS = ("anna", "bert", "carl", "lpd")
GATE = -3000
OFFERS = [
    Order(1, "anna", "sell", 100, 1000, 0, 0),
    Order(2, "carl", "sell", 120, 400, 0, 1),
    Order(3, "bert", "buy", 300, 1000, 0, 2),
]
TRADE = Trade("anna", "bert", 1000, 200, 10, 1, 3)


def loop_at_gate(**options):
    loop = TransactionLoop(PEERS, Clock(9000, 0.1), now=GATE, **options)
    loop.offers(GATE, 0, OFFERS)
    return loop


def concluded(**options):
    loop = loop_at_gate(**options)
    loop.conclude(GATE, 0, [TRADE])
    loop.take_messages()
    return loop


def read(*net_wh, shed_wh=(0, 0, 0, 0)):
    return PeriodReading(1000 * np.array(net_wh), 1000 * np.array(shed_wh))


def the_contract(loop):
    return loop.tables()["contracts"][0]


def told(loop):
    return {schedule.peer: schedule for schedule in loop.take_messages()}


def test_an_offer_mints_its_tokens_and_a_bid_none():
    tokens = loop_at_gate().tables()["tokens"]
    assert [(t["peer"], t["minted_milliwh"]) for t in tokens] == [
        ("anna", 1_000_000),
        ("carl", 400_000),
    ]


def test_a_match_holds_collateral_and_tells_everybody_its_schedule():
    # Half of 1 000 Wh at 350: 175 000 µ€ from each side.
    loop = loop_at_gate()
    loop.conclude(GATE, 0, [TRADE])
    assert loop.ledger.balance("collateral") == 350_000
    assert {s.peer: s.net_wh for s in loop.take_messages()} == {
        "anna": 1000,
        "carl": 0,
        "bert": -1000,
    }
    assert the_contract(loop)["state"] == "in force"
    assert [x.tolist() for x in loop.expected_wh(0)] == [[1000, 0, 0, 0], [0, 1000, 0, 0]]


def test_delivery_begins_at_the_first_tick_of_the_period():
    loop = concluded()
    assert loop.next_event() == 0
    loop.advance(-1)
    assert the_contract(loop)["state"] == "in force"
    loop.advance(0)
    assert the_contract(loop)["state"] == "delivering"
    assert loop.next_event() is None


def test_a_kept_contract_is_settled_at_the_tick_its_meters_are_read():
    loop = concluded()
    loop.close_period(9000, 0, read(1000, -1000, 0, 0))
    contract = the_contract(loop)
    assert (contract["state"], contract["fate"]) == ("settled", "delivered")
    accounts = {a["account"]: a["balance_ueur"] for a in loop.tables()["accounts"]}
    assert accounts["peer:anna"] == 200_000
    assert accounts["peer:bert"] == -210_000
    assert accounts["collateral"] == 0
    assert sum(accounts.values()) == 0


def test_a_trip_calls_the_replacement_then_the_storage_for_the_rest_of_the_period():
    # Called in tick 4 499, cover from 4 500: half a period. Carl's 400 Wh are 1.6 kW, so 200 Wh;
    # the LPD gives 2.4 kW, reached in 5 ticks at 5 kW/s: 300 Wh less 2.5 ticks of 2.4 kW, 0.167 Wh.
    loop = concluded()
    loop.lpd_state(5.0, 10.0)
    loop.advance(0)
    loop.shortfall(4499, "anna", 0.3, "trip")
    orders = told(loop)
    assert set(orders) == {"carl", "lpd"}
    assert orders["carl"].sequence == 2
    assert orders["carl"].cover[0].p_kw == pytest.approx(1.6)
    assert orders["lpd"].cover[-1].p_kw == pytest.approx(2.4)
    planned = [(c["kind"], c["planned_milliwh"]) for c in loop.tables()["covers"]]
    assert planned == [("replacement", 200_000), ("lpd", 299_833)]
    loop.close_period(9000, 0, read(500, -1000, 200, 300))
    contract = the_contract(loop)
    assert contract["covered_by"] == "replacement:carl+lpd+supplier"
    assert (contract["fate"], contract["called_at_tick"]) == ("covered", 4499)


def test_the_storage_gives_no_more_than_its_power_and_its_energy():
    # 4 kW are missing for half a period; the LPD has 1 kW and 0.05 kWh, carl has offered nothing.
    loop = loop_at_gate()
    loop.conclude(GATE, 0, [TRADE], unsold=[])
    loop.lpd_state(0.05, 1.0)
    loop.shortfall(4499, "anna", 20.1, "deficit", delivering_kw=0.0)
    cover = told(loop)["lpd"].cover
    assert max(s.p_kw for s in cover) <= 1.0
    (row,) = loop.tables()["covers"]
    assert 49_900 <= row["planned_milliwh"] <= 50_000


def test_a_second_call_finds_only_what_the_storage_has_not_promised():
    loop = TransactionLoop(("anna", "bert", "carl", "dora", "lpd"), Clock(9000, 0.1), now=GATE)
    loop.offers(
        GATE, 0, [Order(i, p, "sell", 100, 1000, 0, i) for i, p in ((1, "anna"), (2, "carl"))]
    )
    loop.conclude(GATE, 0, [TRADE, Trade("carl", "dora", 1000, 200, 10, 2, 4)])
    loop.lpd_state(10.0, 6.0)
    loop.shortfall(100, "anna", 0.3, "trip")
    loop.shortfall(200, "carl", 0.3, "trip")
    assert told(loop)["lpd"].cover[-1].p_kw == pytest.approx(6.0)
    assert [
        round(c["planned_milliwh"] / 8_800 / 0.1 * 3.6 / 1000) for c in loop.tables()["covers"]
    ] == [4, 2]


def test_the_replacement_with_the_least_ask_and_longer_path_is_taken_first():
    # Paths to bert: from anna 10, carl 60, dora 15. Carl asks 120 + 50 more, dora 150 + 5 more.
    peers = ("anna", "bert", "carl", "dora", "lpd")
    fee_ticks = np.zeros((5, 5), dtype=np.int64)
    fee_ticks[:, 1] = [10, 0, 60, 15, 0]
    loop = TransactionLoop(peers, Clock(9000, 0.1), now=GATE, fee_ticks=fee_ticks)
    loop.offers(GATE, 0, [*OFFERS, Order(4, "dora", "sell", 150, 1000, 0, 3)])
    loop.conclude(GATE, 0, [TRADE])
    loop.shortfall(4499, "anna", 0.3, "trip")
    (cover,) = loop.tables()["covers"]
    assert (cover["party"], cover["price_ticks"], cover["fee_ticks"]) == ("dora", 150, 15)
    assert cover["planned_milliwh"] == 500_000


def test_who_is_short_itself_replaces_nobody():
    loop = loop_at_gate()
    loop.conclude(GATE, 0, [TRADE, Trade("carl", "bert", 100, 200, 10, 2, 3)])
    loop.take_messages()
    loop.shortfall(100, "carl", 20.1, "deficit")
    loop.shortfall(200, "anna", 0.3, "trip")
    assert loop.take_messages() == []


def test_an_idle_buyer_is_replaced_by_charging_the_storage():
    loop = concluded()
    loop.lpd_state(0.0, 10.0, room_kwh=5.0)
    loop.shortfall(4499, "bert", 21.0, "deficit", delivering_kw=0.0)
    assert told(loop)["lpd"].cover[-1].p_kw == pytest.approx(-4.0)
    loop.close_period(9000, 0, read(1000, -500, 0, -499))
    contract = the_contract(loop)
    assert (contract["fate"], contract["covered_by"]) == ("unabsorbed", "lpd+supplier")
    assert contract["received_ueur"] == 200_000


def test_a_peer_that_still_delivers_is_covered_for_what_it_lacks():
    # 3 of 4 kW flow: carl's offer of 1.6 kW gives the missing 1 kW alone.
    loop = concluded()
    loop.lpd_state(5.0, 10.0)
    loop.shortfall(4499, "anna", 21.0, "deficit", delivering_kw=3.0)
    assert [s.cover[0].p_kw for s in told(loop).values()] == [pytest.approx(1.0)]


def test_a_mean_deficit_is_carried_on_when_the_present_power_is_unknown():
    # 125 Wh behind after 4 500 ticks: 1 kW of 4 is missing.
    loop = concluded()
    loop.shortfall(4499, "anna", 125.0, "deficit")
    assert told(loop)["carl"].cover[0].p_kw == pytest.approx(1.0)


def test_a_tripped_seller_ahead_of_its_path_is_covered_for_less():
    # 100 Wh ahead: of the 500 Wh of the second half 400 are missing, 3.2 kW.
    loop = concluded()
    loop.lpd_state(5.0, 10.0)
    loop.shortfall(4499, "anna", -100.0, "trip")
    assert sum(s.cover[-1].p_kw for s in told(loop).values()) == pytest.approx(3.2)


def test_own_storage_is_noted_and_not_settled():
    loop = concluded()
    loop.shortfall(8998, "anna", 21.0, "deficit", delivering_kw=4.0, own_wh=12.5)
    loop.close_period(9000, 0, read(1000, -1000, 0, 0))
    (own,) = loop.tables()["covers"]
    assert (own["kind"], own["energy_milliwh"], own["cost_ueur"]) == ("own", 12_500, 0)
    assert loop.ledger.balance("peer:anna") == 200_000


def test_a_trip_after_a_call_orders_only_what_is_not_covered_yet():
    # Anna owes 4 kW and gives 2: carl's 400 Wh stand in with 1.6 kW. Then she trips, and of the
    # 2.4 kW that are missing now the storage gives all over the last quarter of the period.
    loop = concluded()
    loop.shortfall(4500, "anna", 250.0, "deficit", delivering_kw=2.0)
    loop.lpd_state(10.0, 5.0)
    loop.shortfall(6750, "anna", 400.0, "trip", delivering_kw=0.0)
    covers = {cover["kind"]: cover for cover in loop.tables()["covers"]}
    assert covers["replacement"]["planned_milliwh"] == pytest.approx(1.6e6 * 4499 / 36000, rel=1e-4)
    full_milliwh = 2.4e6 * 2249 / 36000
    ramp_milliwh = 2.4e6 * (2.4 / 5.0 / 2) / 3600
    assert covers["lpd"]["planned_milliwh"] == pytest.approx(full_milliwh - ramp_milliwh, rel=1e-3)


def test_a_call_for_a_peer_without_contracts_changes_nothing():
    loop = concluded()
    loop.shortfall(4499, "carl", 50.0, "trip")
    loop.shortfall(99_999, "anna", 50.0, "trip")
    assert loop.take_messages() == []


def test_in_an_island_the_lpd_stands_in_the_suppliers_place():
    loop = concluded(islanded=True)
    loop.close_period(9000, 0, read(600, -1000, 0, 0))
    assert loop.ledger.balance("supplier") == 0
    assert loop.ledger.balance("lpd") == 140_000


def test_a_contract_that_is_never_metered_is_cancelled_and_its_collateral_returned():
    loop = concluded()
    loop.advance(10)
    loop.finish(500)
    contract = the_contract(loop)
    assert (contract["state"], contract["fate"]) == ("cancelled", "cancelled")
    assert loop.ledger.balance("collateral") == 0
    assert loop.ledger.balance("peer:anna") == 0
    assert {t["live_milliwh"] for t in loop.tables()["tokens"]} == {0}


def test_more_than_was_offered_cannot_be_sold():
    loop = loop_at_gate()
    with pytest.raises(TokenError, match="a token is spent once"):
        loop.conclude(GATE, 0, [TRADE, TRADE])


def test_a_peer_stands_on_one_side_of_a_period():
    loop = loop_at_gate()
    with pytest.raises(ContractError, match="bert would sell and buy behind one meter"):
        loop.conclude(GATE, 0, [TRADE, Trade("bert", "carl", 1, 200, 10, 3, 2)])


@pytest.mark.parametrize("stranger", ["zoe", "lpd"])
def test_strangers_and_the_lpd_do_not_trade(stranger):
    with pytest.raises(ContractError, match=f"{stranger} cannot trade"):
        loop_at_gate().conclude(GATE, 0, [Trade("anna", stranger, 1, 200, 10, 1, 3)])


def test_a_period_is_settled_once_and_needs_every_meter():
    loop = concluded()
    with pytest.raises(ContractError, match="2 meters for 4 peers"):
        loop.close_period(9000, 0, PeriodReading(np.zeros(2, np.int64), np.zeros(2, np.int64)))
    loop.close_period(9000, 0, read(1000, -1000, 0, 0))
    with pytest.raises(ContractError, match="period 0 is closed already"):
        loop.close_period(9000, 0, read(1000, -1000, 0, 0))


def test_a_period_without_contracts_is_settled_with_the_supplier():
    loop = TransactionLoop(PEERS, Clock(9000, 0.1))
    loop.close_period(9000, 0, read(10, -10, 0, 0), losses_milliwh=1000)
    assert loop.ledger.balance("peer:anna") == 800
    assert loop.ledger.balance("peer:bert") == -3500
    assert loop.ledger.balance("dso") == -350


def test_the_storages_stock_is_valued_at_its_last_charging_cost_over_efficiency():
    # 70 µ€/Wh over 0.95 is 73.7; charged from the supplier 350 over 0.95 is 368.4.
    loop = concluded()
    loop.lpd_state(0.0, 10.0, room_kwh=5.0)
    loop.shortfall(4499, "bert", 21.0, "deficit", delivering_kw=0.0)
    loop.close_period(9000, 0, read(1000, -500, 0, -499))
    assert loop.lpd_stock_ticks == 74
    loop.close_period(18_000, 1, read(0, 0, 0, -100))
    assert loop.lpd_stock_ticks == 368


def test_the_same_story_ends_with_the_same_hash():
    heads = set()
    for _ in range(2):
        loop = concluded()
        loop.shortfall(4499, "anna", 0.3, "trip")
        loop.close_period(9000, 0, read(500, -1000, 200, 0))
        heads.add(loop.ledger.head)
    assert len(heads) == 1


@dataclass(frozen=True)
class Deal:
    seller: str
    buyer: str
    energy_wh: int
    price_ticks: int = 200
    fee_ticks: int = 10
    receipt_ticks: int | None = None


netted = st.integers(-2000, 2000)


@given(
    energies=st.lists(st.integers(1, 1000), min_size=1, max_size=4),
    calls=st.lists(
        st.tuples(st.integers(0, 8999), st.sampled_from(["a", "b", "x", "y"]), st.booleans()),
        max_size=4,
    ),
    nets=st.tuples(netted, netted, netted, netted, netted, netted),
    islanded=st.booleans(),
    ends=st.booleans(),
)
def test_whatever_happens_no_contract_ends_in_limbo(energies, calls, nets, islanded, ends):
    peers = ("a", "b", "x", "y", "r", "lpd")
    loop = TransactionLoop(peers, Clock(9000, 0.1), now=GATE, islanded=islanded, terms=Terms())
    deals = [Deal("ab"[i % 2], "xy"[i // 2], e) for i, e in enumerate(energies)]
    offered = [Order(i, d.seller, "sell", 100, d.energy_wh, 0, i) for i, d in enumerate(deals)]
    loop.offers(GATE, 0, [*offered, Order(9, "r", "sell", 150, 500, 0, 9)])
    loop.conclude(GATE, 0, deals)
    loop.lpd_state(1.0, 3.0, room_kwh=1.0)
    for tick, peer, trip in sorted(calls):
        loop.shortfall(tick, peer, 25.0, "trip" if trip else "deficit")
    if ends:
        loop.finish(8999)
    else:
        loop.close_period(9000, 0, read(*nets, shed_wh=(0,) * 6))
    tables = loop.tables()
    assert {c["state"] for c in tables["contracts"]} == {"cancelled" if ends else "settled"}
    assert loop.ledger.balance("collateral") == 0
    assert sum(a["balance_ueur"] for a in tables["accounts"]) == 0
    assert loop.ledger.verify().ok
    for row in tables["tokens"]:
        assert row["minted_milliwh"] == row["burned_milliwh"] + row["expired_milliwh"]
