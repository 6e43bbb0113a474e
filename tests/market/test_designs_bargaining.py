"""Full P2P of a scenario, negotiated: beside the central solver, warm, and without agreement."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from market.book import Clearing, Order, OrderError, Orders
from market.designs.full_p2p_market import FullP2PMarket
from market.promises import check_clearing

PEERS = ["anna", "bert", "cara", "dora", "emil", "farm"]


def book(period: int = 0, less: int = 0, slope: float = 0.0) -> Orders:
    """Three ask from 100 ticks, three bid up to 300; by hand 1 400 Wh are traded."""
    rows = [
        ("anna", "sell", 100, 900),
        ("bert", "sell", 140, 700),
        ("cara", "sell", 260, 500),
        ("dora", "buy", 300, 600),
        ("emil", "buy", 240, 800),
        ("farm", "buy", 90, 500),
    ]
    return Orders.of(
        [
            Order(i, peer, side, ticks, wh - less, period=period, attributes={"slope": slope})
            for i, (peer, side, ticks, wh) in enumerate(rows)
        ],
        PEERS,
    )


def market(solver: str = "negotiation", transaction: int = 0, **told: object) -> FullP2PMarket:
    options = {"solver": solver, "transaction_ticks": transaction, "negotiation": told}
    return FullP2PMarket(FullP2PMarket.Options(**options))


def gain_ueur(orders: Orders, clearing: Clearing) -> int:
    worth = orders.price_ticks * clearing.filled_wh
    return int(worth[orders.is_buy].sum() - worth[~orders.is_buy].sum())


@pytest.mark.parametrize("solver", ["admm", "negotiation"])
def test_negotiated_trades_are_worth_what_the_hand_says(solver):
    # By hand: anna's 900 Wh and 500 Wh of bert's go to dora and emil.
    orders = book()
    best = 300 * 600 + 240 * 800 - 100 * 900 - 140 * 500
    assert gain_ueur(orders, FullP2PMarket().clear(orders)) == best
    clearing = market(solver).clear(orders)
    check_clearing(orders, clearing)
    assert gain_ueur(orders, clearing) == pytest.approx(best, rel=2e-3)
    account = clearing.negotiation
    assert (account.solver, account.result, account.lost) == (solver, "agreed", 0)
    assert account.gap == pytest.approx(1 - gain_ueur(orders, clearing) / best, abs=1e-9)
    # Nine pairs, both ends, an opening and an offer a round; a talk's last offers are not sent.
    assert account.messages == 18 * (account.rounds + 1)


def test_consensus_and_innovation_agrees_where_costs_are_curved_and_says_so_where_not():
    curved, linear = book(slope=0.1), book()
    agreed = market("consensus").clear(curved)
    check_clearing(curved, agreed)
    assert agreed.negotiation.result == "agreed"
    assert agreed.negotiation.gap < 2e-3
    repaired = market("consensus", most_rounds=500).clear(linear)
    check_clearing(linear, repaired)
    assert repaired.negotiation.result == "repaired"
    assert repaired.negotiation.gap > 2e-3


def test_every_round_is_told_with_its_time_and_the_gap_closes():
    account = market(delay_s=0.1).clear(book()).negotiation
    assert account is not None
    steps = account.steps
    assert [one.round for one in steps] == list(range(1, account.rounds + 1))
    # A round takes a delay and a thought of 10 ms.
    assert [one.time_s for one in steps] == pytest.approx(
        [0.11 * (k + 2) for k in range(len(steps))]
    )
    gaps = [one.gap for one in steps]
    assert None not in gaps
    assert gaps[0] > 0.05
    assert gaps[-1] < 1e-3
    assert steps[-1].primal <= 1
    assert steps[-1].dual <= 1


def test_without_agreement_at_the_gate_what_stands_is_repaired_and_keeps_all_promises():
    orders = book()
    clearing = market(budget_s=0.7, loss=0.3, tolerance=1e-6).clear(orders)
    check_clearing(orders, clearing)
    account = clearing.negotiation
    assert account is not None
    assert account.result == "repaired"
    assert account.lost > 0
    assert account.missed_wh > 1
    assert account.gap is not None
    assert account.gap > 1e-4


def test_or_the_last_contracts_hold_as_far_as_todays_orders_allow():
    none_yet = market(budget_s=2.0, at_gate="last").clear(book())
    assert none_yet.negotiation.result == "last"
    assert none_yet.filled_wh.sum() == 0

    # Two agree within the rounds that there are, six do not: what the two had agreed on holds, but
    # dora asks for 300 Wh only.
    mechanism = market("admm", at_gate="last", most_rounds=100, warm=False)
    few = Orders.of([one for one in book() if one.peer in ("anna", "dora")], PEERS)
    agreed = mechanism.clear(few)
    assert agreed.negotiation.result == "agreed"
    assert agreed.filled_wh.tolist() == [600, 600]
    orders = book(1, less=300)
    held = mechanism.clear(orders)
    check_clearing(orders, held)
    assert held.negotiation.result == "last"
    assert held.filled_wh.tolist() == [300, 0, 0, 300, 0, 0]
    assert held.trades.price_ticks.tolist() == agreed.trades.price_ticks.tolist()


def test_a_warm_start_takes_fewer_rounds_over_the_gates():
    warm, cold = (market("admm", warm=told) for told in (True, False))
    for mechanism in (warm, cold):
        mechanism.clear(book(0))
    rounds = [m.clear(book(1, less=5)).negotiation.rounds for m in (warm, cold)]
    assert rounds[0] < rounds[1]


def test_a_silent_peer_is_named_and_nobody_waits_for_it():
    orders = book()
    clearing = market(silent={"emil": 4}, budget_s=20.0).clear(orders)
    check_clearing(orders, clearing)
    account = clearing.negotiation
    assert account is not None
    assert (account.result, account.silent) == ("repaired", ("emil",))
    assert account.rounds > 20
    with pytest.raises(OrderError, match="no peer 'otto' among 6 peers to be silent"):
        market(silent={"otto": 4}).clear(orders)


def test_the_same_book_negotiates_to_the_same_bytes_and_periods_have_luck_of_their_own():
    steps = [market(loss=0.2).clear(book(period)).negotiation.steps for period in (0, 0, 1)]
    assert steps[0] == steps[1]
    assert steps[0] != steps[2]


def test_a_class_of_links_carries_it():
    quick, slow = (market(link=link).clear(book()).negotiation for link in ("fibre", "lte"))
    assert quick.steps[5].time_s < slow.steps[5].time_s
    with pytest.raises(ValidationError, match=r"no link 'pigeon'; known: .*lte"):
        market(link="pigeon")
    with pytest.raises(ValidationError, match="delay_s: the link lte says it"):
        market(link="lte", delay_s=1.0)
    with pytest.raises(ValidationError, match="means nothing where the solver is central"):
        market("central")


def test_the_operators_cost_between_the_two_sides_is_kept():
    orders = book()
    clearing = market("admm", 10).clear(orders)
    check_clearing(orders, clearing)
    assert clearing.surplus_ueur == 10 * clearing.filled_wh[orders.is_buy].sum()
    assert np.ptp(clearing.trades.price_ticks - clearing.trades.received_ticks) == 0
