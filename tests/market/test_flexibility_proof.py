"""Baselines by hand, inflation to the µ€, proof by meter, and revenue that adds up."""

from datetime import date, timedelta
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.flexibility import (
    BASELINES,
    SHARING,
    Baseline,
    FlexibilityError,
    Incentive,
    baseline_milliwh,
    payments,
    prove,
    shares_ueur,
    similar_days,
)
from market.flexibility.inflation import Day, inflate
from market.flexibility.revenue import flexibility_game
from market.sharing.shapley import shapley

EVENT, BEFORE = slice(4, 6), slice(0, 3)


def history(levels, periods=8):
    """Days that consume one level in every period. [mWh]"""
    return -np.array(levels, dtype=np.int64)[:, None] * np.ones(periods, dtype=np.int64)


def test_the_mean_of_ten_days_is_the_mean():
    # By hand: 1 to 10 has the mean 5.5, rounded half up.
    days = history([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert baseline_milliwh(BASELINES["mean_10_of_10"], days, EVENT).tolist() == [-5, -5]


def test_the_five_highest_of_ten_are_those_that_consume_most():
    # By hand: 6 to 10 has the mean 8; only the latest ten of eleven days count.
    days = history([99, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    assert baseline_milliwh(BASELINES["high_5_of_10"], days, EVENT).tolist() == [-8, -8]


@pytest.mark.parametrize(
    ("name", "today", "expected"),
    [
        # By hand, mean 100: today consumes 10 % more before the event; 50 % more is held to 20.
        ("mean_10_of_10_scaled", 110, -110),
        ("mean_10_of_10_scaled", 150, -120),
        ("mean_10_of_10_scaled", 20, -80),
        ("mean_10_of_10_shifted", 115, -115),
        ("mean_10_of_10_shifted", 40, -80),
        ("mean_10_of_10", 150, -100),
    ],
)
def test_the_day_of_adjustment_moves_the_mean_within_its_bound(name, today, expected):
    days, now = history([100] * 10), history([today])[0]
    told = baseline_milliwh(BASELINES[name], days, EVENT, today_milliwh=now, before=BEFORE)
    assert told.tolist() == [expected] * 2


def test_who_injects_before_the_event_is_not_scaled():
    days, now = history([-100] * 10), history([-500])[0]
    told = baseline_milliwh(
        BASELINES["mean_10_of_10_scaled"], days, EVENT, today_milliwh=now, before=BEFORE
    )
    assert told.tolist() == [100, 100]


def test_similar_days_are_weekdays_before_the_event_without_a_call():
    # By hand: 2026-06-15 is a Monday. Before it lie Monday 8 to Friday 12; the 10th had a call.
    days = [date(2026, 6, 6) + timedelta(days=i) for i in range(12)]
    found = similar_days(days, date(2026, 6, 15), 4, excluded=[date(2026, 6, 10)])
    assert [days[i].day for i in found] == [8, 9, 11, 12]
    with pytest.raises(FlexibilityError, match="4 weekdays without a call before 2026-06-15"):
        similar_days(days, date(2026, 6, 15), 5, excluded=[date(2026, 6, 10)])
    assert [days[i].day for i in similar_days(days, date(2026, 6, 14), 3)] == [6, 7, 13]


def test_every_fault_of_a_baseline_is_named():
    with pytest.raises(FlexibilityError) as told:
        baseline_milliwh(Baseline(highest=11, adjustment="scaled"), history([1]), EVENT)
    assert len(told.value.faults) == 3


def inflated(name, **how):
    """A hall of 40 kW falls to 10 kW in a call for 50 kW at 60 ct; retail is 30 ct."""
    day = Day(
        history_milliwh=history([40_000_000] * 10),
        today_milliwh=np.where(np.arange(8) // 2 == 2, -10_000_000, -40_000_000),
        event=EVENT,
        before=BEFORE,
        bid_milliwh=50_000_000,
        price_ticks=600,
        retail_ticks=300,
    )
    return inflate(day, BASELINES[name], **how)


def test_inflating_ten_days_for_one_event_costs_more_than_it_brings():
    # By hand: 20 kWh more in two hours of ten days is 400 kWh, 120 €; the baseline rises by
    # 20 kWh in two hours, 40 kWh at 60 ct, 24 €. Honest: 2 · 30 kWh, 36 €.
    found = inflated("mean_10_of_10", extra_milliwh=20_000_000, on_days=10)
    assert (found.honest_ueur, found.inflated_ueur) == (36_000_000, 60_000_000)
    assert (found.wasted_ueur, found.gain_ueur) == (120_000_000, -96_000_000)


def test_the_same_days_serve_many_events_and_then_it_pays():
    # By hand: 6 · 24 − 120 = 24 €; five events are even.
    how = {"extra_milliwh": 20_000_000, "on_days": 10}
    assert inflated("mean_10_of_10", **how, events=6).gain_ueur == 24_000_000
    assert inflated("mean_10_of_10", **how, events=5).gain_ueur == 0


def test_the_highest_five_of_ten_are_inflated_for_half_the_price():
    # By hand: 200 kWh, 60 €, for the same 24 € an event.
    found = inflated("high_5_of_10", extra_milliwh=20_000_000, on_days=5, events=3)
    assert (found.wasted_ueur, found.gain_ueur) == (60_000_000, 12_000_000)


def test_an_adjustment_is_inflated_on_the_day_itself_up_to_its_bound():
    # By hand: 8 kWh more in three hours, 24 kWh, 7.20 €, is + 20 %; the baseline of 40 rises to
    # 48 kWh, 16 kWh in two hours, 9.60 €: 2.40 € at every single event.
    found = inflated("mean_10_of_10_scaled", before_milliwh=8_000_000)
    assert (found.wasted_ueur, found.gain_ueur) == (7_200_000, 2_400_000)
    assert inflated("mean_10_of_10_scaled", before_milliwh=16_000_000).gain_ueur == -4_800_000


def test_what_is_accepted_bounds_what_inflation_brings():
    # By hand: the bid of 50 kWh is reached at a baseline of 60; more brings nothing.
    less = inflated("mean_10_of_10", extra_milliwh=20_000_000, on_days=10)
    more = inflated("mean_10_of_10", extra_milliwh=30_000_000, on_days=10)
    assert more.inflated_ueur == less.inflated_ueur == 60_000_000


def call(**told):
    return Incentive(
        **{
            "name": "evening",
            "operator": "dso",
            "direction": "up",
            "price_ticks": 500,
            "wanted_wh": 1000,
            "first": 1,
            "periods": 2,
            "penalty_ticks": 200,
        }
        | told
    )


def test_delivered_is_what_the_meter_moved_and_no_more_than_was_bid():
    # By hand, bids of 100 Wh: +250 counts as 100, +40 as 40, −30 as nothing.
    reference = np.zeros((3, 4), dtype=np.int64)
    metered = np.array([[9, 250_000, 100_000, 9], [0, 40_000, 0, 0], [0, -30_000, 100_000, 0]])
    (proof,) = prove([call()], [np.full((3, 2), 100)], reference, metered)
    assert proof.delivered_milliwh.tolist() == [[100_000, 100_000], [40_000, 0], [0, 100_000]]
    # 340 Wh · 500 = 170 000 µ€; missing 160 and 100 Wh at 200.
    assert proof.earned_ueur == 170_000
    assert proof.penalties_ueur.tolist() == [0, 32_000, 20_000]


def test_down_is_proven_by_consuming_more():
    (proof,) = prove(
        [call(direction="down")],
        [np.array([[100, 100]])],
        np.full((1, 4), -5000),
        np.array([[0, -65_000, -5000, 0]]),
    )
    assert proof.delivered_milliwh.tolist() == [[60_000, 0]]


def test_no_milliwh_is_proven_to_two_operators():
    # By hand: 150 Wh shown, 100 bid to each: the first has 100, the second what is left.
    calls = [call(), call(name="tso", operator="tso")]
    bids = [np.full((1, 2), 100)] * 2
    first, second = prove(calls, bids, np.zeros((1, 4), dtype=np.int64), np.full((1, 4), 150_000))
    assert first.delivered_milliwh.tolist() == [[100_000, 100_000]]
    assert second.delivered_milliwh.tolist() == [[50_000, 50_000]]


def proven(delivered, bid=None, **told):
    delivered = 1000 * np.array(delivered, dtype=np.int64)[:, None]
    bids = delivered if bid is None else 1000 * np.array(bid, dtype=np.int64)[:, None]
    zero = np.zeros((len(delivered), 2), dtype=np.int64)
    metered = zero.copy()
    metered[:, 1] = delivered[:, 0]
    return prove([call(periods=1, **told)], [bids // 1000], zero, metered)[0]


def test_the_least_bid_is_worth_something_to_those_who_lift_the_others_over_it():
    # By hand, 500 ticks, least bid 100 Wh, 60 + 60 + 10 Wh: alone nobody is worth anything, the
    # two large ones 120 together, each of them with the small one (70) nothing, all 130 Wh.
    # The small one brings 10 Wh only when it comes last: 10/3; by symmetry (130 − 10/3)/2.
    proof = proven([60, 60, 10], minimum_wh=100)
    brought = np.zeros(3)
    worth = {(0, 1): 120, (0, 1, 2): 130}
    for order in permutations(range(3)):
        for k in range(3):
            after, before = tuple(sorted(order[: k + 1])), tuple(sorted(order[:k]))
            brought[order[k]] += (worth.get(after, 0) - worth.get(before, 0)) / 6
    assert brought == pytest.approx([190 / 3, 190 / 3, 10 / 3])
    assert shapley(flexibility_game(proof, np.arange(3))) == pytest.approx(500 * brought)
    assert shares_ueur(proof, "shapley").tolist() == [31_667, 31_667, 1_666]


def test_contribution_and_equal_share_by_delivery_and_by_head():
    # By hand: 100 Wh · 500 = 50 000 µ€; the third did not bid.
    proof = proven([75, 25, 0])
    assert shares_ueur(proof, "contribution").tolist() == [37_500, 12_500, 0]
    assert shares_ueur(proof, "equal").tolist() == [25_000, 25_000, 0]
    with pytest.raises(FlexibilityError, match="no way 'fair'"):
        shares_ueur(proof, "fair")


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=6),
    st.sampled_from(sorted(SHARING)),
    st.integers(-50, 900),
    st.integers(0, 500),
)
def test_what_operators_and_sites_pay_adds_up_to_the_micro_euro(pairs, rule, price, minimum):
    delivered, bid = ([min(p) for p in pairs], [max(p) for p in pairs])
    proof = proven(delivered, bid, price_ticks=price, minimum_wh=minimum)
    names = tuple(f"peer:{i}" for i in range(len(pairs)))
    paid = payments(proof, names, "dso", rule=rule)
    balance = dict.fromkeys((*names, "dso"), 0)
    for one in paid:
        assert one.amount_ueur > 0
        balance[one.debit] -= one.amount_ueur
        balance[one.credit] += one.amount_ueur
    assert sum(balance.values()) == 0
    owed = price * sum(delivered) - int(proof.penalties_ueur.sum())
    assert balance["dso"] == -owed
