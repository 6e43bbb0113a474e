"""Random worlds: many peers and contracts, messages that are late, lost and repeated, refusals,
failures, and runs that end in the middle. Whatever happens, the books hold.
"""

import random
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.book import Order, Trade
from market.delivery.contract import Clock
from market.delivery.envelope import Answer
from market.delivery.life import TransactionLoop
from market.delivery.life_agreement import Procedure
from market.delivery.life_states import ENDS
from market.delivery.meters import PeriodReading
from market.delivery.risk import ByRisk, RiskOptions
from results.recompute import differences

TICKS, GATE_AHEAD = 900, 300


class Weather:
    """Loses a share of all messages and delays another; by a seed of its own."""

    def __init__(self, seed, lost, delayed):
        self._luck, self._lost, self._delayed = random.Random(seed), lost, delayed

    def carry(self, kind, sender, receiver, now_tick, deadline_tick, size_bytes):
        if self._luck.random() < self._lost:
            return None
        late = self._luck.randrange(1, 200) if self._luck.random() < self._delayed else 0
        return now_tick + late if now_tick + late <= deadline_tick else None


def refuser(seed, share):
    """Refuse a share of all; the same for one party, contract and step however often asked."""

    def refuses(step, party, contract):
        luck = random.Random(f"{seed} {step} {party} {contract.contract_id}")
        return luck.random() < share

    return refuses


def world(
    seed, *, peers, contracts, periods=3, signing="batched", lost=0.02, delayed=0.2, refused=0.01
):
    """Play a world to its end, and give its loop."""
    rng = np.random.default_rng(seed)
    half = peers // 2
    sellers = [f"s{i}" for i in range(half)]
    buyers = [f"b{i}" for i in range(half)]
    names = (*sellers, *buyers, "lpd")
    loop = TransactionLoop(
        names,
        Clock(TICKS, 1.0),
        now=-GATE_AHEAD,
        islanded=bool(rng.random() < 0.3),
        fee_ticks=rng.integers(0, 30, (len(names), len(names))),
        procedure=Procedure(
            signing=signing,
            seed=seed,
            courier=Weather(seed, lost, delayed),
            refuses=refuser(seed, refused),
            collateral=ByRisk(350, RiskOptions()) if seed % 2 else None,
            lead_ticks=int(rng.choice([0, 60])),
        ),
    )
    at_gate(loop, rng, 0, names, half, contracts)
    for period in range(periods):
        in_delivery(loop, rng, period, names)
        if period < periods - 1:
            at_gate(loop, rng, period + 1, names, half, contracts)
        elif seed % 5 == 4:
            break
        close(loop, rng, period, names)
    loop.finish(periods * TICKS + GATE_AHEAD)
    return loop


def at_gate(loop, rng, period, names, half, contracts):
    gate = period * TICKS - GATE_AHEAD
    pairs = rng.integers(0, half, (contracts, 2))
    trades = [
        Trade(
            names[s],
            names[half + b],
            int(rng.integers(1, 900)),
            int(rng.integers(-20, 400)),
            9,
            0,
            0,
        )
        for s, b in pairs.tolist()
    ]
    sold = Counter()
    for trade in trades:
        sold[trade.seller] += trade.energy_wh
    asks = [
        Order(
            i, seller, "sell", int(rng.integers(60, 330)), sold[seller] + int(rng.integers(1, 700))
        )
        for i, seller in enumerate(names[:half])
    ]
    bids = [Order(half + i, buyer, "buy", 350, 900) for i, buyer in enumerate(names[half:-1])]
    loop.offers(gate, period, asks + bids)
    loop.conclude(gate, period, trades)
    loop.take_messages()


def in_delivery(loop, rng, period, names):
    start, half = period * TICKS, len(names) // 2
    strays(loop, rng, start - 150)
    loop.lpd_state(*rng.uniform(0, 3, 2), room_kwh=rng.uniform(0, 3))
    calls = rng.integers(start, start + TICKS - GATE_AHEAD, rng.integers(0, half))
    for tick in np.sort(calls).tolist():
        peer = names[rng.integers(0, len(names) - 1)]
        loop.shortfall(tick, peer, rng.uniform(10, 300), rng.choice(["deficit", "trip"]))
    strays(loop, rng, start + TICKS - GATE_AHEAD - 10)


def strays(loop, rng, tick):
    """Play some of all signatures again, some of them forged."""
    rows = loop.tables()["signatures"]
    for row in (rows[i] for i in rng.integers(0, len(rows), min(20, len(rows)))):
        signature = bytes.fromhex(row["signature"])
        if rng.random() < 0.5:
            signature = signature[::-1]
        answer = Answer(row["envelope"] + int(rng.integers(0, 2)), row["signer"], signature)
        assert loop.receive(tick, answer) != "taken"


def close(loop, rng, period, names):
    sold_wh, bought_wh = loop.expected_wh(period)
    kept = np.where(rng.random(len(names)) < 0.6, 1.0, rng.uniform(0, 1.3, len(names)))
    net = (1000 * (sold_wh - bought_wh) * kept).astype(np.int64)
    shed = np.where(rng.random(len(names)) < 0.05, rng.integers(0, 90_000, len(names)), 0)
    reading = PeriodReading(net, shed * (bought_wh > 0))
    loop.close_period((period + 1) * TICKS, period, reading, losses_milliwh=1234)


def the_books_hold(loop):
    tables = loop.tables()
    ends = {end.value for end in ENDS}
    states = Counter(row["state"] for row in tables["contracts"])
    assert set(states) <= ends
    for row in tables["tokens"]:
        assert row["live_milliwh"] == 0
        assert row["minted_milliwh"] == row["burned_milliwh"] + row["expired_milliwh"]
    no_token_is_spent_twice(tables)
    sums_are_zero_at_every_entry(tables)
    assert loop.ledger.balance("collateral") == 0
    assert loop.ledger.verify().ok
    assert differences(tables) == []
    return states


def no_token_is_spent_twice(tables):
    spent = defaultdict(int)
    for row in tables["contracts"]:
        spent[row["period"], row["seller"]] += row["delivered_milliwh"] or 0
    for cover in tables["covers"]:
        if cover["kind"] == "replacement":
            spent[cover["period"], cover["party"]] += cover["energy_milliwh"]
    minted = {(r["period"], r["peer"]): r for r in tables["tokens"]}
    for lot, milliwh in spent.items():
        assert milliwh == minted[lot]["burned_milliwh"] <= minted[lot]["minted_milliwh"]


def sums_are_zero_at_every_entry(tables):
    """Money leaves one account for another; escrow never pays what it does not hold."""
    balances = defaultdict(int)
    for row in tables["postings"]:
        assert row["debit"] != row["credit"]
        balances[row["debit"]] -= row["amount_ueur"]
        balances[row["credit"]] += row["amount_ueur"]
        assert balances["collateral"] >= 0
    booked = {row["account"]: row["balance_ueur"] for row in tables["accounts"]}
    assert {account: balances[account] for account in booked} == booked
    assert sum(booked.values()) == 0


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    signing=st.sampled_from(["batched", "each", "none"]),
    lost=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    delayed=st.sampled_from([0.0, 0.2, 1.0]),
    refused=st.sampled_from([0.0, 0.05, 0.5]),
)
def test_the_books_hold_in_every_world(seed, signing, lost, delayed, refused):
    loop = world(
        seed,
        peers=20,
        contracts=15,
        signing=signing,
        lost=lost,
        delayed=delayed,
        refused=refused,
    )
    the_books_hold(loop)


def test_the_books_hold_among_hundreds_of_peers_and_all_ends_occur():
    states = the_books_hold(world(14, peers=200, contracts=500, lost=0.003, refused=0.05))
    assert {"settled", "refused", "expired", "cancelled"} <= set(states)


def test_the_same_seed_gives_the_same_ledger_and_another_does_not():
    heads = [world(seed, peers=30, contracts=40).ledger.head for seed in (6, 6, 7)]
    assert heads[0] == heads[1] != heads[2]


@pytest.mark.soak
@pytest.mark.parametrize("signing", ["batched", "each"])
@pytest.mark.parametrize("seed", range(6))
def test_the_books_hold_over_thousands_of_contracts(seed, signing):
    loop = world(seed, peers=400, contracts=1500, signing=signing, lost=0.005)
    assert sum(the_books_hold(loop).values()) == 4500
