"""Two independent writings of the rules agree on whatever can happen to contracts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Trade
from market.delivery.contract import Clock
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading
from market.delivery.rules import Terms
from results.recompute import differences

PEERS = ("ada", "ben", "cleo", "dora", "emil", "fritz", "lpd")
SELLERS, BUYERS = PEERS[:3], PEERS[3:6]
CLOCK = Clock(ticks_per_period=60, dt_s=15.0, origin=0)


def played(seed, *, islanded, fund_ueur, collateral_percent):
    """Three periods of random contracts, failures, cover and meters, settled by the market."""
    rng = np.random.default_rng(seed)
    n = len(PEERS)
    terms = Terms(guarantee_fund_ueur=fund_ueur, collateral_percent=collateral_percent)
    loop = TransactionLoop(
        PEERS,
        CLOCK,
        terms=terms,
        fee_ticks=rng.integers(0, 30, (n, n)),
        islanded=islanded,
        now=-20,
    )
    for period in range(3):
        start = period * CLOCK.ticks_per_period
        trades = random_trades(rng, period)
        sold = dict.fromkeys(SELLERS, 0)
        for trade in trades:
            sold[trade.seller] += trade.energy_wh
        loop.offers(start - 20, period, random_offers(rng, period, sold))
        loop.conclude(start - 20, period, trades)
        loop.lpd_state(*rng.uniform(0, 3, 2), room_kwh=rng.uniform(0, 3))
        for tick in np.sort(rng.integers(start, start + 50, rng.integers(0, 5))):
            loop.shortfall(int(tick), str(rng.choice(PEERS[:6])), rng.uniform(10, 300), "deficit")
        loop.close_period(
            start + CLOCK.ticks_per_period,
            period,
            random_reading(rng, trades, loop),
            losses_milliwh=int(rng.integers(0, 9_000)),
        )
    loop.finish(3 * CLOCK.ticks_per_period + 5)
    return loop.tables()


def random_trades(rng, period):
    return [
        Trade(
            seller=str(rng.choice(SELLERS)),
            buyer=str(rng.choice(BUYERS)),
            energy_wh=int(rng.integers(1, 900)),
            price_ticks=int(rng.integers(-20, 400)),
            fee_ticks=int(rng.integers(0, 30)),
            sell_order_id=number,
            buy_order_id=number,
            receipt_ticks=int(rng.integers(0, 300)) if rng.random() < 0.2 else None,
        )
        for number in range(rng.integers(0, 7))
    ]


def random_offers(rng, period, sold):
    return [
        Order(i, seller, "sell", int(rng.integers(60, 330)), energy + int(rng.integers(1, 700)))
        for i, (seller, energy) in enumerate(sold.items())
    ]


def random_reading(rng, trades, loop):
    """Meters near what was promised, or far from it, or on the other side of zero."""
    promised = dict.fromkeys(PEERS, 0)
    for trade in trades:
        promised[trade.seller] += 1_000 * trade.energy_wh
        promised[trade.buyer] -= 1_000 * trade.energy_wh
    kept = rng.choice([0.0, 0.6, 0.995, 1.0, 1.2, -0.1], len(PEERS))
    stray = rng.integers(-60_000, 60_000, len(PEERS)) * (rng.random(len(PEERS)) < 0.7)
    net = np.array(list(promised.values())) * kept + stray
    net[-1] = rng.integers(-400_000, 400_000)
    shed = rng.integers(0, 300_000, len(PEERS)) * (rng.random(len(PEERS)) < 0.3)
    return PeriodReading(np.rint(net).astype(np.int64), shed.astype(np.int64))


@given(
    seed=st.integers(0, 2**32 - 1),
    islanded=st.booleans(),
    fund_ueur=st.sampled_from([0, 20_000, 10_000_000]),
    collateral_percent=st.sampled_from([0, 5, 50]),
)
def test_every_account_agrees_with_the_slow_recomputation(
    seed, islanded, fund_ueur, collateral_percent
):
    told = played(
        seed, islanded=islanded, fund_ueur=fund_ueur, collateral_percent=collateral_percent
    )
    assert differences(told) == []
    assert sum(row["balance_ueur"] for row in told["accounts"]) == 0


def test_the_random_periods_reach_every_fate_and_every_kind_of_cover():
    fates, covers = set(), set()
    for seed in range(20):
        told = played(seed, islanded=seed % 2 == 0, fund_ueur=10_000_000, collateral_percent=50)
        fates |= {row["fate"] for row in told["contracts"]}
        covers |= {
            (row["direction"], row["kind"]) for row in told["covers"] if row["energy_milliwh"]
        }
    assert fates == {"delivered", "covered", "short", "unabsorbed", "void", "shed"}
    assert covers >= {
        ("cover", "replacement"),
        ("cover", "lpd"),
        ("cover", "supplier"),
        ("cover", "shed"),
        ("absorb", "lpd"),
        ("absorb", "supplier"),
    }


def test_one_meter_read_one_watt_hour_too_high_is_caught():
    told = played(5, islanded=False, fund_ueur=10_000_000, collateral_percent=50)
    told["meters"][0]["net_milliwh"] += 1_000
    assert differences(told)


def test_one_cent_moved_from_account_to_account_is_caught():
    told = played(5, islanded=False, fund_ueur=10_000_000, collateral_percent=50)
    told["accounts"][0]["balance_ueur"] -= 10_000
    told["accounts"][1]["balance_ueur"] += 10_000
    assert {found.account for found in differences(told)} == {
        row["account"] for row in told["accounts"][:2]
    }
