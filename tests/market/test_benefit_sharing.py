"""Benefit sharing as a rule: bills by hand, exact sums, and what the remarks say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from market.billing.benefit_sharing import BenefitSharing
from market.billing.rule import BillingError, Rule, Tariffs, check_bills, status_quo_ueur

TARIFFS = Tariffs(retail_ticks=300, feed_in_ticks=100)
EXAMPLE = np.array([4_000_000, -3_000_000, -3_000_000])
MANY = np.random.default_rng(1).integers(-3_000_000, 3_000_000, 60)
BY = {
    "equal": {},
    "contribution": {},
    "investment": {"investment_eur": (5_000, 0, 15_000)},
    "social": {"weights": (1, 2, 1)},
    "shapley": {},
    "nucleolus": {},
    "nash": {"weights": (2, 1, 1)},
}


def rule(by, **options):
    return BenefitSharing(BenefitSharing.Options(by=by, **options))


@pytest.mark.parametrize(
    ("by", "benefit_ct"),
    [
        # The research note's example; 80 ct are saved.
        ("equal", [80 / 3] * 3),
        ("shapley", [140 / 3, 50 / 3, 50 / 3]),
        # By hand: a quarter of the energy exchanged is each buyer's; 5 to 0 to 15; 1 to 2 to 1.
        ("contribution", [40, 20, 20]),
        ("investment", [20, 0, 60]),
        ("social", [20, 40, 20]),
        ("nash", [40, 20, 20]),
        # By hand: without one buyer 60 ct remain, so no buyer may get more than 20; it gets half.
        ("nucleolus", [60, 10, 10]),
    ],
)
def test_the_example_is_shared(by, benefit_ct):
    bills = rule(by, **BY[by]).share(EXAMPLE, TARIFFS)
    benefit_ueur = bills.receives_ueur - status_quo_ueur(EXAMPLE, TARIFFS)

    check_bills(EXAMPLE, TARIFFS, bills)
    assert bills.supplier_ueur == -600_000
    assert bills.inside_milliwh.tolist() == [4_000_000, -2_000_000, -2_000_000]
    assert bills.prices == {}
    assert benefit_ueur == pytest.approx(np.array(benefit_ct) * 10_000, abs=1)


def test_a_mixture_is_the_mean_of_its_parts():
    # By hand, from the above: half of 80/3 ct and half of 60, 10, 10.
    mixed = rule("mixture", mixture={"equal": 0.5, "nucleolus": 0.5, "shapley": 0})
    bills = mixed.share(EXAMPLE, TARIFFS)
    benefit_ueur = bills.receives_ueur - status_quo_ueur(EXAMPLE, TARIFFS)

    assert benefit_ueur == pytest.approx([433_333, 183_333, 183_333], abs=1)


@given(
    st.sampled_from(sorted(BY)),
    st.lists(st.integers(-(10**7), 10**7), min_size=3, max_size=3),
    st.integers(-100, 400),
    st.integers(0, 300),
)
def test_bills_are_exact_and_nobody_is_worse_off(by, net, feed_in, spread):
    net, tariffs = np.array(net), Tariffs(feed_in + spread, feed_in)

    bills = rule(by, **BY[by]).share(net, tariffs)

    check_bills(net, tariffs, bills)
    # Each by itself, to the n€; rounding the bill takes less than 1 µ€.
    alone_ueur = np.where(net >= 0, feed_in, feed_in + spread) * net / 1000
    assert (bills.receives_ueur > alone_ueur - 1).all()


@given(
    st.sampled_from(["equal", "contribution", "shapley", "nash"]),
    st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=40),
)
def test_bills_of_any_number_are_exact(by, net):
    net = np.array(net)
    check_bills(net, TARIFFS, rule(by, samples=30).share(net, TARIFFS))


def test_the_remark_says_that_nobody_would_leave():
    told = rule("nucleolus").share(EXAMPLE, TARIFFS).remarks
    assert told == ("The split is in the core: no coalition would earn more by itself.",)


def test_the_remark_says_who_would_leave_and_why():
    # By hand: Ann and Ben would save 60 ct by themselves and get 53.33.
    equal = rule("equal")
    equal.meet(("ann", "ben", "cas"), np.zeros(3))
    told = equal.share(EXAMPLE, TARIFFS).remarks

    assert told == (
        "The split is not in the core: ann, ben would earn 66667 µ€ more by themselves.",
    )


def test_the_remark_names_few_of_many():
    sentence = rule("equal").share(MANY, TARIFFS).remarks[-1]
    assert sentence.startswith("The split is not in the core: member ")
    assert " and 24 more would earn " in sentence
    assert (
        rule("contribution")
        .share(MANY, TARIFFS)
        .remarks[-1]
        .startswith("The split is not in the core: all but member ")
    )


def test_the_remark_says_when_the_search_ended():
    # One seller just short of 60 buyers of whom no two are alike, see test_sharing_core.
    takes = np.array([3_000 + 7 * k for k in range(60)])
    net = np.array([takes.sum() - 1_000, *-takes])
    weights = (float(net[0] - 60 * 1_000), *[1_000.0] * 60)
    dear = Tariffs(10**6, 0)

    told = rule("social", weights=weights).share(net, dear).remarks

    assert told[0].startswith("No coalition was found that would earn more by itself; the search")


def test_a_night_without_generation_has_nothing_to_share():
    bills = rule("shapley").share(-np.abs(EXAMPLE), TARIFFS)
    assert bills.remarks == ("There was no benefit to share.",)
    assert bills.receives_ueur.tolist() == [-1_200_000, -900_000, -900_000]
    assert rule("equal").share(np.zeros(0, dtype=np.int64), TARIFFS).supplier_ueur == 0


def test_shapley_is_exact_while_few_meters_show_anything():
    net = np.zeros(40, dtype=np.int64)
    net[[3, 20, 31]] = EXAMPLE
    bills = rule("shapley").share(net, TARIFFS)

    assert bills.receives_ueur[[3, 20, 31]].tolist() == [866_667, -733_333, -733_334]
    assert bills.receives_ueur.sum() == -600_000
    assert len(bills.remarks) == 1


def test_shapley_of_many_is_sampled_by_the_seed():
    one, again, other = (rule("shapley", seed=seed).share(MANY, TARIFFS) for seed in (1, 1, 2))

    assert one.receives_ueur.tolist() == again.receives_ueur.tolist()
    assert one.receives_ueur.tolist() != other.receives_ueur.tolist()
    assert "sampled: 95 % confidence intervals" in one.remarks[0]


def test_it_is_a_rule_that_the_scenario_knows_by_name():
    from market.known import MECHANISMS

    assert MECHANISMS["benefit_sharing"] == "market.billing.benefit_sharing:BenefitSharing"
    assert isinstance(BenefitSharing(), Rule)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"by": "social"}, "needs weights"),
        ({"by": "social", "weights": (0, 0)}, "weights add up to 0"),
        ({"by": "mixture"}, "0 parts in mixture"),
        ({"by": "equal", "mixture": {"equal": 1}}, "1 parts in mixture"),
        ({"by": "mixture", "mixture": {"equal": 0.5, "nash": 0.4}}, "adds up to 0.9; expected 1"),
        ({"by": "nash", "weights": (1, -1)}, "greater than or equal to 0"),
        ({"samples": 10}, "greater than or equal to 30"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, says):
    with pytest.raises(ValidationError, match=says):
        BenefitSharing.Options(**options)


@pytest.mark.parametrize(
    ("chosen", "investment_eur", "says"),
    [
        (rule("social", weights=(1, 2)), np.zeros(3), "2 weights for 3 members"),
        (rule("investment"), np.zeros(3), "nobody invested anything"),
        (rule("investment"), np.ones(2), "2 investment_eur for 3 members"),
    ],
)
def test_what_does_not_fit_the_members_is_refused_before_the_run(chosen, investment_eur, says):
    with pytest.raises(BillingError, match=says):
        chosen.meet(("ann", "ben", "cas"), investment_eur)


def test_the_nucleolus_of_seventeen_is_refused_before_the_run():
    names = tuple(f"peer {i}" for i in range(17))
    with pytest.raises(BillingError, match="nucleolus of 17 members; it is found for up to 16"):
        rule("nucleolus").meet(names, np.zeros(17))


def test_investments_come_from_the_scenario_unless_given():
    # By hand: 3 to 1 of 80 ct, so 60 ct to the seller.
    told = rule("investment")
    told.meet(("ann", "ben", "cas"), np.array([3_000.0, 1_000.0, 0.0]))
    assert told.share(EXAMPLE, TARIFFS).receives_ueur.tolist() == [1_000_000, -700_000, -900_000]

    given_by_options = rule("investment", investment_eur=(0, 0, 1))
    given_by_options.meet(("ann", "ben", "cas"), np.array([3_000.0, 1_000.0, 0.0]))
    assert given_by_options.share(EXAMPLE, TARIFFS).receives_ueur.tolist() == [
        400_000,
        -900_000,
        -100_000,
    ]
