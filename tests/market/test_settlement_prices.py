"""Imbalance prices, taxes, the critical rate and rules of one's own; every number worked by hand.

Tariffs as in test_settlement.py: the contract is 1 000 Wh at 200 with a fee of 10 µ€/Wh.
"""

from collections import defaultdict

import numpy as np
import pytest

from market.delivery.contract import Contract
from market.delivery.rules import Rules, imbalance
from market.delivery.settlement import LPD, Period, Terms, settle_period
from market.network.charges import free_at_same_bus, uniform_charges

ONE = Contract(1, 0, "anna", "bert", 1000, 200, 10)
PRICES = {"up_ticks": 400, "down_ticks": 30, "reference_ticks": 100}


def moved(net_wh, terms, *, rules=None, **more):
    net = {p: 1000 * wh for p, wh in ({"anna": 0, "bert": 0, LPD: 0} | net_wh).items()}
    done = settle_period(Period(0, 0, [ONE], [], net, more.pop("shed", {}), **more), terms, rules)
    total = defaultdict(int)
    for posting in done.postings:
        total[posting.debit] -= posting.amount_ueur
        total[posting.credit] += posting.amount_ueur
    assert sum(total.values()) == 0
    return {account: ueur for account, ueur in total.items() if ueur}


@pytest.mark.parametrize(
    ("kind", "system", "short", "long"),
    [
        ("none", -1, 350, 80),
        ("single", -1, 400, 400),
        ("single", 1, 30, 30),
        ("single", 0, 100, 100),
        ("dual", -1, 400, 100),
        ("dual", 1, 100, 30),
        ("dual", 0, 100, 100),
    ],
)
def test_the_price_follows_the_sign_of_the_systems_imbalance(kind, system, short, long):
    assert imbalance(Terms(imbalance=kind, **PRICES), system) == (short, long)


def test_a_short_system_pays_who_is_long_the_upward_price_where_it_is_single():
    # anna 100 Wh beyond, bert 300 Wh: 200 Wh short in all; 40 000 to anna, 120 000 from bert.
    got = moved({"anna": 1100, "bert": -1300}, Terms(imbalance="single", **PRICES))
    assert got == {
        "peer:anna": 240_000, "peer:bert": -330_000, "supplier": 80_000, "dso": 10_000
    }  # fmt: skip


def test_dual_prices_pay_who_helps_the_reference_only():
    # The same: anna's 100 Wh at the reference of 100, bert's 300 Wh at 400.
    got = moved({"anna": 1100, "bert": -1300}, Terms(imbalance="dual", **PRICES))
    assert got == {
        "peer:anna": 210_000, "peer:bert": -330_000, "supplier": 110_000, "dso": 10_000
    }  # fmt: skip


def test_losses_make_the_system_short():
    # anna 100 Wh beyond would be long; 150 Wh of losses make it 50 Wh short. DSO: 52 500 at retail.
    got = moved(
        {"anna": 1100, "bert": -1000}, Terms(imbalance="single", **PRICES), losses_milliwh=150_000
    )
    assert got["peer:anna"] == 200_000 + 40_000
    assert got["dso"] == 10_000 - 52_500


def test_an_island_has_no_imbalance_price():
    terms = Terms(imbalance="single", **PRICES)
    got = moved({"anna": 1100, "bert": -1300}, terms, residual="lpd")
    assert got["peer:anna"] == 200_000 + 8_000
    assert got["peer:bert"] == -210_000 - 105_000


def test_losses_are_bought_by_the_dso_at_the_suppliers_price():
    got = moved({"anna": 1000, "bert": -1000}, Terms(), losses_milliwh=2_000)
    assert got["dso"] == 10_000 - 700
    assert got["supplier"] == 700


def test_the_state_gets_a_levy_on_all_that_is_drawn_and_tax_on_what_is_paid():
    # bert draws 1 300 Wh: 200 000 + 10 000 + 300 Wh at 350 = 105 000, levy 1 300 · 20 = 26 000;
    # 19 % of 341 000 = 64 790. anna draws nothing.
    terms = Terms(levy_ticks=20, vat_permille=190)
    got = moved({"anna": 1100, "bert": -1300}, terms)
    assert got["state"] == 26_000 + 64_790
    assert got["peer:bert"] == -315_000 - 90_790
    assert got["peer:anna"] == 208_000


def test_damages_and_energy_that_was_shed_bear_no_tax():
    # Island: anna 600, bert 600 and 400 shed. Tax on 600 · 210 = 126 000 and the levy of 12 000.
    terms = Terms(levy_ticks=20, vat_permille=100)
    got = moved({"anna": 600, "bert": -600}, terms, shed={"bert": 400_000}, residual="lpd")
    assert got["state"] == 12_000 + 13_800
    assert got["peer:bert"] == -126_000 + 200_000 - 25_800


def test_tax_is_rounded_once_for_a_peer_and_never_paid_out():
    # 7 Wh at 350: 2 450; 19 % are 465.5, rounded up. A negative price bears none.
    terms = Terms(vat_permille=190)
    assert moved({"cara": -7}, terms).get("state") == 466
    cheap = Terms(vat_permille=190, imbalance="single", up_ticks=-50, down_ticks=-60)
    assert "state" not in moved({"cara": -7}, cheap)


def test_critical_peers_draw_at_their_own_rate_in_an_island_only():
    terms = Terms(critical_ticks=150, critical_peers=("bert",))
    net = {"anna": 1000, "bert": -1200, "cara": -200}
    islanded = moved(net, terms, residual="lpd")
    assert islanded["peer:bert"] == -210_000 - 30_000
    assert islanded["peer:cara"] == -70_000
    assert moved(net, terms)["peer:bert"] == -210_000 - 70_000


def test_a_replaced_rule_decides_and_is_named():
    rules = Rules(imbalance=lambda terms, system: (500, 0))
    assert rules.replaced == ("imbalance",)
    assert Rules().replaced == ()
    got = moved({"anna": 1100, "bert": -1100}, Terms(), rules=rules)
    assert got["peer:anna"] == 200_000
    assert got["peer:bert"] == -210_000 - 50_000


def test_nothing_is_charged_behind_one_connection_point():
    fees = free_at_same_bus(uniform_charges(4, 12), [7, 3, 7, 5]).matrix()
    assert fees.tolist() == np.array(
        [[0, 12, 0, 12], [12, 0, 12, 12], [0, 12, 0, 12], [12, 12, 12, 0]]
    ).tolist()  # fmt: skip
