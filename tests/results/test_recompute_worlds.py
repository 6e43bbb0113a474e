"""Settlement against its second writing: any meters, covers, shed load, taxes and imbalance prices.

The recomputation shares no line with settlement (see its docstring); here the worlds are freer
than a loop would play them, so that rules meet in ways that no scenario shows.
"""

from collections import Counter
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.delivery.contract import Contract
from market.delivery.cover import Cover
from market.delivery.rules import Rules
from market.delivery.settlement import LPD, Period, Terms, settle_period
from results.recompute import UnknownRules, recompute

SELLERS, BUYERS, SPARES = ("s0", "s1", "s2"), ("b0", "b1", "b2"), ("r0", "r1")
PEERS = (*SELLERS, *BUYERS, *SPARES, LPD)
COLLATERAL = st.sampled_from([0, 5_000, 200_000])

deals = st.lists(
    st.tuples(
        st.sampled_from(SELLERS), st.sampled_from(BUYERS), st.integers(1, 1500),
        st.integers(-50, 400), st.integers(0, 30), COLLATERAL, COLLATERAL,
    ),
    max_size=7,
)  # fmt: skip
plans = st.lists(
    st.tuples(
        st.integers(0, 6), st.sampled_from(["replacement", "lpd", "absorb"]),
        st.sampled_from(SPARES), st.integers(1, 1_000_000), st.integers(0, 400),
        st.integers(0, 40),
    ),
    max_size=5,
)  # fmt: skip
terms = st.builds(
    Terms,
    imbalance=st.sampled_from(["none", "single", "dual"]),
    up_ticks=st.integers(100, 600),
    down_ticks=st.integers(-200, 100),
    reference_ticks=st.integers(-50, 400),
    levy_ticks=st.integers(0, 60),
    vat_permille=st.integers(0, 250),
    critical_ticks=st.integers(0, 300),
    critical_peers=st.sampled_from([(), ("b0",), ("b1", "r0")]),
)


@st.composite
def periods(draw):
    contracts = [Contract(i, 0, *deal) for i, deal in enumerate(draw(deals), start=1)]
    covers = []
    for i, (of, kind, spare, planned, ask, fee) in enumerate(draw(plans) if contracts else (), 1):
        number = contracts[of % len(contracts)].contract_id
        direction, kind = ("absorb", "lpd") if kind == "absorb" else ("cover", kind)
        party = spare if kind == "replacement" else LPD
        covers.append(
            Cover(i, number, 0, direction, kind, party, 1, 2, 3, planned, 0, ask, fee)
        )  # fmt: skip
    promised = Counter()
    for c in contracts:
        promised[c.seller] += c.energy_milliwh
        promised[c.buyer] -= c.energy_milliwh
    net = {
        peer: draw(st.one_of(st.just(promised[peer]), st.integers(-3_000_000, 3_000_000)))
        for peer in PEERS
    }
    if draw(st.booleans()):
        net[LPD] = 0  # out of service: nothing of what it promised is metered
    residual = draw(st.sampled_from(["supplier", "lpd"]))
    shed = {b: draw(st.integers(0, 500_000)) if residual == LPD else 0 for b in BUYERS}
    return Period(
        0, 9, contracts, covers, net, dict.fromkeys(PEERS, 0) | shed, residual,
        losses_milliwh=draw(st.integers(0, 100_000)),
        fund_ueur=draw(st.sampled_from([0, 4_000, 10_000_000])),
    )  # fmt: skip


def tables(period, terms, settlement, rules=None):
    """What a run would record of the period; planned covers as called, the rest from meters."""
    used = {c.contract.contract_id for c in settlement.outcomes}
    own = {"period": 0, "residual": period.residual, "rule": None}
    own |= terms.row() | {"losses_milliwh": period.losses_milliwh}
    own |= {"guarantee_fund_ueur": period.fund_ueur}
    own |= {"replaced_rules": ",".join((rules or Rules()).replaced)}
    return {
        "settlement": [own],
        "contracts": [asdict(c) | {"state": "settled"} for c in period.contracts],
        "covers": [asdict(c) for c in settlement.covers if c.contract_id in used],
        "meters": [
            {"period": 0, "peer": p, "net_milliwh": net, "shed_milliwh": period.shed_milliwh[p]}
            for p, net in period.net_milliwh.items()
        ],
        "accounts": [],
    }


def moved(period, settlement):
    """Balances after the period, the collateral that was held before given back."""
    total = Counter({"guarantee_fund": period.fund_ueur, "endowment": -period.fund_ueur})
    for c in period.contracts:
        for peer, held in (
            (c.seller, c.collateral_seller_ueur),
            (c.buyer, c.collateral_buyer_ueur),
        ):
            total[f"peer:{peer}"] -= held
            total["collateral"] += held
    for posting in settlement.postings:
        total[posting.debit] -= posting.amount_ueur
        total[posting.credit] += posting.amount_ueur
    return {account: amount for account, amount in total.items() if amount}


@given(periods(), terms)
def test_every_account_is_what_the_second_writing_of_the_rules_says(period, terms):
    settlement = settle_period(period, terms)

    again = recompute(tables(period, terms, settlement))

    assert moved(period, settlement) == {a: ueur for a, ueur in again.items() if ueur}


def test_accounts_by_a_replaced_rule_are_not_recomputed_and_it_is_said():
    period = Period(4, 9, [], [], {"b0": -1000, LPD: 0}, {"b0": 0, LPD: 0})
    rules = Rules(levy=lambda terms, drawn: 7)
    told = tables(period, Terms(), settle_period(period, Terms(), rules), rules)

    with pytest.raises(UnknownRules, match="period 0: levy"):
        recompute(told)
