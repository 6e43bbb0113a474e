"""Key figures, balances and bills against bounds."""

import json

import pytest

from results.checks import run_checks
from results.folder import write_json
from results.metrics import key_figures
from results.reading import Record
from results.tables import write_table


def check(folder, name, **options):
    return run_checks(folder, [(name, options)], beside=folder)[0]


@pytest.fixture
def traded_kwh(village):
    (figure,) = [f for f in key_figures(Record(village)) if f.key == "energy_traded_kwh"]
    return figure.value


def test_a_figure_within_its_bounds_passes_and_is_told(village, traded_kwh):
    verdict = check(village, "metric", key="energy_traded_kwh", at_least=traded_kwh, at_most=1e3)
    assert verdict.passed
    assert verdict.name == "metric energy_traded_kwh"
    assert verdict.worst == f"Traded: {traded_kwh:.2f} kWh"
    assert (verdict.value, verdict.bound, verdict.unit) == (traded_kwh, traded_kwh, "kWh")


@pytest.mark.parametrize("outside", [{"at_most": -0.001}, {"at_least": 0.001}])
def test_a_figure_just_outside_fails(village, traded_kwh, outside):
    ((side, by),) = outside.items()
    verdict = check(village, "metric", key="energy_traded_kwh", **{side: traded_kwh + by})
    assert not verdict.passed
    assert verdict.bound == traded_kwh + by


def test_where_and_when_a_figure_was_is_told(village):
    worst = check(village, "metric", key="voltage_lowest_pu", at_least=0.9).worst
    assert worst.startswith("Lowest voltage: ")
    assert "(home" in worst


def test_a_figure_that_is_not_known_names_the_nearest(village):
    verdict = check(village, "metric", key="energy_trade_kwh", at_most=1)
    assert not verdict.passed
    assert verdict.worst.startswith("no key figure 'energy_trade_kwh'; nearest names: energy_trade")


def test_a_figure_that_cannot_be_measured_fails(record_market):
    folder = record_market(ticks={k: [[0.0] * 4] * 2 for k in ("p_kw", "load_kw", "pv_kw")})
    verdict = check(folder, "metric", key="self_sufficiency", at_least=0)
    assert not verdict.passed
    assert "nothing to measure it by" in verdict.worst


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("metric", {"key": "energy_traded_kwh", "at_least": 0}),
        ("money_bounds", {"who": "mill", "at_least_eur": 0}),
    ],
)
def test_a_gap_in_the_record_fails_it(village_copy, name, options):
    folder = village_copy()
    manifest = json.loads((folder / "manifest.json").read_text())
    write_json(folder / "manifest.json", manifest | {"ticks": manifest["ticks"] + 5})
    verdict = check(folder, name, **options)
    assert not verdict.passed
    assert "gap at 12:45:00" in verdict.worst


# Money ------------------------------------------------------------------------------------------


@pytest.fixture
def accounts(record_market):
    balances = {"peer:anna": -3_000_000, "peer:ben": 1_500_000, "peer:carl": 0}
    rows = [{"account": k, "role": "peer", "balance_ueur": v} for k, v in balances.items()]
    rows.append({"account": "guarantee_fund", "role": "guarantee_fund", "balance_ueur": 1_500_000})
    return record_market(accounts=rows)


def test_the_balance_of_a_peer_is_held_to_its_bounds(accounts):
    verdict = check(accounts, "money_bounds", who="anna", at_least_eur=-3.0)
    assert (verdict.passed, verdict.worst) == (True, "balance of peer:anna: -3.000000 €")
    assert not check(accounts, "money_bounds", who="peer:anna", at_least_eur=-2.999999).passed


def test_of_a_role_the_worst_account_is_named(accounts):
    verdict = check(accounts, "money_bounds", who="peer", at_least_eur=-2.0, at_most_eur=2.0)
    assert (verdict.passed, verdict.value, verdict.bound) == (False, -3.0, -2.0)
    assert "peer:anna" in verdict.worst
    near = check(accounts, "money_bounds", who="peer", at_least_eur=-10.0, at_most_eur=2.0)
    assert (near.passed, near.worst) == (True, "balance of peer:ben: 1.500000 €")


def test_an_account_that_does_not_exist_names_the_nearest(accounts):
    verdict = check(accounts, "money_bounds", who="anne", at_least_eur=0)
    assert (verdict.passed, verdict.worst) == (
        False,
        "no balance of 'anne'; nearest names: anna",
    )


def test_no_account_at_all_is_a_gap(record_market):
    verdict = check(record_market(), "money_bounds", who="anna", at_least_eur=0)
    assert (verdict.passed, verdict.worst) == (False, "no account was recorded")


def bill(peer, period, ueur):
    told = {"net_milliwh": 0, "inside_milliwh": 0, "status_quo_ueur": 0}
    return {"peer": peer, "period": period, "receives_ueur": ueur, **told}


def test_a_bill_is_the_sum_over_all_periods(record_market):
    # By hand: anna pays 0.20 € and 0.30 €.
    bills = [
        bill("anna", 0, -200_000),
        bill("anna", 1, -300_000),
        bill("ben", 0, 1),
        bill("ben", 1, 1),
    ]
    folder = record_market(bills=bills)
    verdict = check(folder, "money_bounds", who="anna", of="bill", at_least_eur=-0.5)
    assert (verdict.passed, verdict.value) == (True, -0.5)
    assert not check(folder, "money_bounds", who="peer", of="bill", at_least_eur=-0.49).passed


def test_a_period_without_a_bill_is_a_gap(record_market):
    folder = record_market(bills=[bill("anna", 0, 5), bill("anna", 1, 5), bill("ben", 1, 5)])
    verdict = check(folder, "money_bounds", who="anna", of="bill", at_most_eur=1)
    assert (verdict.passed, verdict.worst) == (False, "ben has no bill for period 0")


def test_a_last_period_that_nobody_was_billed_is_a_gap(record_market):
    folder = record_market(bills=[bill("anna", 0, 5), bill("ben", 0, 5)])
    assert (
        "no bill for period 1"
        in check(folder, "money_bounds", who="anna", of="bill", at_most_eur=1).worst
    )


def test_bills_of_a_market_that_writes_none_fail(village, record_market):
    verdict = check(village, "money_bounds", who="mill", of="bill", at_most_eur=1)
    assert not verdict.passed
    assert verdict.worst.startswith("no bill was recorded")


def test_a_table_in_which_nobody_is_called_so_is_told_from_a_gap(record_market):
    folder = record_market()
    write_table(folder, "accounts", [{"account": "dso", "role": "dso", "balance_ueur": 0}])
    worst = check(folder, "money_bounds", who="anna", at_most_eur=1).worst
    assert worst == "no balance of 'anna'; known: dso"
