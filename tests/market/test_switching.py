"""A peer leaves for the retailer and comes back: what it still has, and what it owes, stays its."""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest

from market.billing.rule import BillingError
from market.book import Order, Trade
from market.delivery.contract import Clock
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading
from market.delivery.rules import Terms
from market.delivery.switching import Membership, Switch, SwitchError
from market.known import MECHANISMS
from results.recompute import differences

PEERS = ("anna", "ben", "carl", "lpd")
CLOCK = Clock(ticks_per_period=60, dt_s=15.0)


def reading(*net_wh):
    net_milliwh = 1000 * np.array(net_wh)
    return PeriodReading(net_milliwh, np.zeros_like(net_milliwh))


def sell(loop, now, period, *, energy_wh, price_ticks):
    """Anna sells to Ben."""
    loop.offers(now, period, [Order(1, "anna", "sell", price_ticks, energy_wh)])
    trade = Trade("anna", "ben", energy_wh, price_ticks, 0, sell_order_id=1, buy_order_id=2)
    loop.conclude(now, period, [trade])


def test_who_left_is_away_until_it_joins():
    members = Membership(PEERS[:3], [Switch(70, "anna", "join"), Switch(10, "anna", "leave")])
    away = [sorted(members.away(tick)) for tick in (-20, 9, 10, 69, 70)]
    assert away == [[], [], ["anna"], ["anna"], []]


def test_every_move_that_cannot_be_made_is_named():
    moves = [Switch(1, "ann", "leave"), Switch(2, "ben", "join"), Switch(3, "carl", "leave")]
    with pytest.raises(SwitchError) as refused:
        Membership(PEERS[:3], [*moves, Switch(4, "carl", "leave")])
    assert refused.value.faults == (
        "tick 1: no peer 'ann' can leave; expected a peer's name",
        "tick 2: 'ben' cannot join, it is there already",
        "tick 4: 'carl' cannot leave, it is away already",
    )


def balances(loop):
    return {row["account"]: row["balance_ueur"] for row in loop.tables()["accounts"]}


def test_a_contract_in_force_is_settled_and_its_collateral_returns_to_who_left():
    loop = TransactionLoop(PEERS, CLOCK, now=-20)
    sell(loop, -20, 0, energy_wh=1000, price_ticks=200)
    held = balances(loop)
    # By hand: 1000 Wh at half of 350 ticks.
    assert held["peer:anna"] == held["peer:ben"] == -175_000
    loop.sit_out(1, {"anna"})
    loop.close_period(60, 0, reading(1000, -1000, 0, 0))
    loop.close_period(120, 1, reading(500, -300, 0, 0))
    loop.finish(125)
    # 1000 Wh at 200, then 500 Wh at feed-in of 80; ben 300 Wh at retail of 350.
    assert balances(loop)["peer:anna"] == 200_000 + 40_000
    assert balances(loop)["peer:ben"] == -200_000 - 105_000
    assert loop.tables()["absent"] == [{"period": 1, "peer": "anna"}]
    assert differences(loop.tables()) == []


def test_a_claim_against_who_left_stands_under_its_name_when_it_is_back():
    loop = TransactionLoop(PEERS, CLOCK, terms=Terms(collateral_percent=10), now=-20)
    sell(loop, -20, 0, energy_wh=1000, price_ticks=100)
    loop.sit_out(1, {"anna"})
    loop.close_period(60, 0, reading(0, -1000, 0, 0))
    loop.close_period(120, 1, reading(0, 0, 0, 0))
    sell(loop, 125, 3, energy_wh=100, price_ticks=100)
    loop.close_period(240, 3, reading(100, -100, 0, 0))
    loop.finish(245)
    # 1000 Wh at retail of 350 less the buyer's 100: 250 000 µ€ owed, 35 000 of collateral.
    claims = [(row["debtor"], row["bearer"], row["amount_ueur"]) for row in loop.tables()["claims"]]
    assert claims == [("anna", "guarantee_fund", 215_000)]
    assert balances(loop)["peer:anna"] == -35_000 + 10_000
    assert differences(loop.tables()) == []


def mid_market_rate():
    module, _, name = MECHANISMS["mid_market_rate"].partition(":")
    rule = getattr(import_module(module), name)
    return rule(rule.Options())


@pytest.mark.parametrize("terms", [{}, {"levy_ticks": 20, "vat_permille": 190}])
def test_a_rule_bills_those_who_stayed_and_the_supplier_who_left(terms):
    loop = TransactionLoop(PEERS, CLOCK, now=-20, rule=mid_market_rate(), terms=Terms(**terms))
    loop.sit_out(0, {"anna"})
    loop.close_period(60, 0, reading(1000, -1000, 1000, 0))
    told = loop.tables()
    if not terms:
        # By hand: carl sells ben 1000 Wh at the mean of 350 and 80; anna feeds in at 80.
        held = balances(loop)
        assert [held[f"peer:{name}"] for name in PEERS[:3]] == [80_000, -215_000, 215_000]
    assert [row["peer"] for row in told["bills"]] == ["ben", "carl"]
    assert differences(told) == []


class GivesTheFirst:
    """Mid-market rates, but whoever buys gives the first member a micro-euro."""

    def share(self, net_milliwh, tariffs):
        told = mid_market_rate().share(net_milliwh, tariffs)
        gift = np.where(net_milliwh < 0, -1, 0)
        gift[0] -= gift.sum()
        return replace(told, receives_ueur=told.receives_ueur + gift)


def test_a_rule_that_bills_who_left_is_refused():
    loop = TransactionLoop(PEERS, CLOCK, now=-20, rule=GivesTheFirst())
    loop.sit_out(0, {"anna"})
    with pytest.raises(BillingError, match="'anna': 1 µ€, though it has left; expected 0"):
        loop.close_period(60, 0, reading(500, -1000, 1000, 0))
