"""Contested readings: who decides what, and that a correction is as if it had been read so."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.book import Order, Trade
from market.delivery.contract import Clock
from market.delivery.disputes import (
    RULES,
    TRANSITIONS,
    Dispute,
    DisputeError,
    DisputeState,
    decide,
)
from market.delivery.disputes_desk import Complaint, paired
from market.delivery.disputes_evidence import (
    LIMITS_PERMILLE,
    Evidence,
    implied,
    interpolation,
    limit_milliwh,
    substitute,
)
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading
from market.delivery.rules import Terms
from results.recompute import differences

PEERS = ("anna", "ben", "carl", "lpd")
CLOCK = Clock(ticks_per_period=60, dt_s=15.0)


def reading(*net_wh):
    net_milliwh = 1000 * np.array(net_wh)
    return PeriodReading(net_milliwh, np.zeros_like(net_milliwh))


# Rules ---------------------------------------------------------------------------------------

SOUND = Evidence(
    read_milliwh=-1_000_000,
    claimed_milliwh=-800_000,
    signature="valid",
    implied_milliwh=-1_000_000,
    tolerance_milliwh=30_000,
)


def test_a_reading_that_signature_and_sum_check_support_stands():
    found = decide(SOUND, "B")
    assert (found.rule, found.corrected_milliwh) == ("reading stands", None)
    assert found.because == "the sum check is 0.0 Wh off, tolerance 30.0 Wh"


def test_a_claim_within_the_class_is_rejected_whatever_the_sum_check_says():
    # By hand: class B may be 2 % off, 20 000 of 1 000 000 mWh.
    within = replace(SOUND, claimed_milliwh=-980_000, implied_milliwh=-500_000)
    assert decide(within, "B").rule == "within class"
    assert decide(replace(within, claimed_milliwh=-979_999), "B").rule == "balance violated"
    assert decide(within, "C").rule == "balance violated"


def test_a_violated_sum_check_corrects_to_what_it_leaves():
    off = replace(SOUND, implied_milliwh=-969_999)
    assert decide(off, "B").corrected_milliwh == -969_999
    assert decide(replace(off, implied_milliwh=-970_000), "B").rule == "reading stands"


def test_a_wrong_signature_comes_first_and_takes_the_best_substitute():
    forged = replace(SOUND, signature="wrong", missing=True, implied_milliwh=-700_000)
    found = decide(forged, "B")
    assert (found.rule, found.method, found.corrected_milliwh) == ("forged", "balance", -700_000)


@pytest.mark.parametrize("method", ["interpolation", "similar_days", "profile"])
def test_a_missing_reading_is_estimated_by_what_there_is(method):
    missing = Evidence(0, -800_000, missing=True, substitutes={method: -777_000, "profile": 5})
    if method == "profile":
        missing = replace(missing, substitutes={"profile": -777_000})
    found = decide(missing, "B")
    assert (found.rule, found.method, found.corrected_milliwh) == ("missing", method, -777_000)


def test_without_any_substitute_the_reading_stays():
    found = decide(Evidence(0, -800_000, missing=True), "B")
    assert found.corrected_milliwh is None
    assert "no substitute value can be made" in found.because


# Evidence ------------------------------------------------------------------------------------


def test_limits_are_those_of_the_directive():
    # Directive 2014/32/EU, Annex V, Table 2: 3.5, 2 and 0.7 %.
    assert dict(LIMITS_PERMILLE) == {"A": 35, "B": 20, "C": 7}
    assert [limit_milliwh(-1001, name) for name in "ABC"] == [36, 21, 8]


def test_the_sum_check_by_hand():
    # 3 000 flow out and 100 are lost, so that 3 100 were injected; a shows 5 000.
    left, tolerance = implied("b", {"a": 5_000, "b": -1_500}, 3_000, 100, "B")
    # 2 % of 5 000, 3 000 and 1 900: 100, 60 and 38, whose squares add up to 15 044.
    assert (left, tolerance) == (-1_900, 122)


def test_substitutes_by_hand():
    readings = {6: 300, 9: 0, 4: 100, 2: 260, 0: 900}
    # Two periods from 300 down to 0 in three: 200 at the first. With days of 3 periods: 4.
    assert substitute(7, readings.get, 3, 50) == {
        "interpolation": 200,
        "similar_days": 100,
        "profile": 50,
    }
    assert substitute(7, readings.get, None, None) == {"interpolation": 200}
    assert interpolation(None, (1, 3)) is None


# States --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start", "goal"), [*product(DisputeState, DisputeState)])
def test_a_dispute_goes_only_where_the_table_says(start, goal):
    dispute = Dispute(1, 0, "ben", 5, state=start)
    if goal in TRANSITIONS[start]:
        dispute._to(9, goal)
        assert dispute.state is goal
    else:
        with pytest.raises(DisputeError, match=f"dispute 1 is {start.value}, not {goal.value}"):
            dispute._to(9, goal)


# Corrections ---------------------------------------------------------------------------------


def played(read_ben_wh, correct=None, *, periods=1, terms=None):
    """Anna sells Ben 1000 Wh; his meter shows something, and may be contested."""
    loop = TransactionLoop(PEERS, CLOCK, now=-20, terms=terms)
    loop.offers(-20, 0, [Order(1, "anna", "sell", 200, 1000)])
    loop.conclude(-20, 0, [Trade("anna", "ben", 1000, 200, 10, sell_order_id=1, buy_order_id=2)])
    loop.close_period(60, 0, reading(1000, read_ben_wh, 300, 0), losses_milliwh=20_000)
    if correct is not None:
        loop.dispute(61, correct)
    for period in range(1, periods):
        loop.close_period(60 * period + 60, period, reading(0, -10, 10, 0))
    loop.finish(60 * periods + 5)
    return loop.tables()


def accounts(tables):
    return {row["account"]: row["balance_ueur"] for row in tables["accounts"]}


def by_sum_check(true_wh):
    """Ben claims what he drew, and the busbar's meter bears him out."""
    busbar = 1000 * (1000 + true_wh + 300) - 20_000
    return Complaint(0, "ben", 61, 1000 * true_wh, signature="valid", busbar_milliwh=busbar)


@given(
    read_wh=st.integers(-2500, 500),
    true_wh=st.integers(-2500, 500),
    collateral_percent=st.sampled_from([0, 5, 50]),
    levy_ticks=st.sampled_from([0, 20]),
)
def test_a_correction_leaves_every_account_as_if_it_had_been_read_so(
    read_wh, true_wh, collateral_percent, levy_ticks
):
    terms = Terms(collateral_percent=collateral_percent, levy_ticks=levy_ticks)
    contested = played(read_wh, by_sum_check(true_wh), periods=3, terms=terms)
    (dispute,) = contested["disputes"]
    final_wh = true_wh if dispute["state"] == "corrected" else read_wh
    assert accounts(contested) == accounts(played(final_wh, periods=3, terms=terms))
    assert sum(accounts(contested).values()) == 0
    assert differences(contested) == []


def test_a_correction_by_hand_stands_beside_what_was_booked():
    told = played(-1500, by_sum_check(-1200))
    corrections = [row for row in told["postings"] if row["reason"] == "correction"]
    # 300 Wh at retail of 350 were too much.
    assert [(r["debit"], r["credit"], r["amount_ueur"]) for r in corrections] == [
        ("supplier", "peer:ben", 105_000)
    ]
    (retail,) = [r for r in told["postings"] if r["reason"] == "retail" and "ben" in r["debit"]]
    assert retail["amount_ueur"] == 175_000
    assert [row["net_milliwh"] for row in told["meters"] if row["peer"] == "ben"] == [-1_500_000]


def test_the_recomputation_finds_a_correction_that_was_not_decided_so():
    told = played(-1500, by_sum_check(-1200))
    assert differences(told) == []
    for column in ("corrected_milliwh", "read_milliwh"):
        bent = [{**row, column: row[column] + 1_000} for row in told["disputes"]]
        assert differences({**told, "disputes": bent})
    assert differences({**told, "disputes": []})


def test_a_second_dispute_starts_from_the_corrected_reading():
    loop = TransactionLoop(PEERS, CLOCK, now=-20)
    loop.close_period(60, 0, reading(1000, -1500, 500, 0))
    first = loop.dispute(61, Complaint(0, "ben", 61, 0, missing=True, profile_milliwh=-900_000))
    again = Complaint(0, "ben", 62, -905_000, signature="valid", busbar_milliwh=0)
    second = loop.dispute(62, again)
    loop.finish(70)
    assert first.decision.method == "profile"
    assert second.evidence.read_milliwh == -900_000
    assert second.decision.rule == "within class"
    assert differences(loop.tables()) == []


@pytest.mark.parametrize(
    ("period", "peer", "said"),
    [(1, "ben", "period 1 is not settled"), (0, "bea", "no meter of 'bea' in period 0")],
)
def test_what_cannot_be_contested_is_refused(period, peer, said):
    loop = TransactionLoop(PEERS, CLOCK, now=-20)
    loop.close_period(60, 0, reading(1000, -1500, 500, 0))
    with pytest.raises(DisputeError, match=said):
        loop.dispute(61, Complaint(period, peer, 61, 0))


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=12))
def test_whoever_owes_pays_whoever_is_due_and_nobody_else_moves(amounts):
    due = {f"a{i}": amount for i, amount in enumerate([*amounts, -sum(amounts)]) if amount}
    moved = dict.fromkeys(due, 0)
    for debit, credit, amount in paired(due):
        assert amount > 0
        moved[debit] -= amount
        moved[credit] += amount
    assert moved == due


def test_every_rule_can_decide():
    seen = {
        decide(evidence, "B").rule
        for evidence in (
            SOUND,
            replace(SOUND, signature="wrong"),
            replace(SOUND, missing=True),
            replace(SOUND, claimed_milliwh=-1_000_000),
            replace(SOUND, implied_milliwh=0),
        )
    }
    assert seen == RULES.keys()
