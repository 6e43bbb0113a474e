"""Collateral by risk, by hand from the printed formula."""

import pytest
from pydantic import ValidationError

from market.delivery.contract import Contract
from market.delivery.outcome import Outcome
from market.delivery.risk import ByRisk, FlatShare, RiskOptions
from market.delivery.rules import Terms

PLAIN = RiskOptions(
    floor_percent=0, cap_percent=100, quantile=2, decay=0.9, forecast_error=0.1, size_exponent=0
)


def promise(energy_wh=1000, seller="anna", buyer="bert"):
    return Contract(1, 0, seller, buyer, energy_wh, 200, 10)


def became(contract, delivered_wh, accepted_wh):
    return Outcome(
        contract=contract,
        fate="short",
        delivered_milliwh=1000 * delivered_wh,
        accepted_milliwh=1000 * accepted_wh,
        shed_milliwh=0,
        paid_ueur=0,
        received_ueur=0,
        fee_ueur=0,
        owed_seller_ueur=0,
        owed_buyer_ueur=0,
        borne_fund_ueur=0,
        borne_lpd_ueur=0,
    )


def test_the_flat_share_is_that_of_the_terms():
    # Half of 1 000 Wh at 350 µ€/Wh.
    assert FlatShare(Terms()).quote(promise()) == (175_000, 175_000)


def test_a_newcomer_puts_up_a_quantile_of_the_forecasts_error():
    # 2 · 0.1 of 350 000 µ€.
    assert ByRisk(350, PLAIN).quote(promise()) == (70_000, 70_000)


def test_who_failed_puts_up_more_and_is_forgiven_in_time():
    # Anna keeps half: v = 0.1 · 0.25 = 0.025, share 2 · sqrt(0.01 + 0.025) = 0.374 166.
    # One good period later v = 0.022 5: 2 · sqrt(0.032 5) = 0.360 555.
    by_risk = ByRisk(350, PLAIN)
    by_risk.observe([became(promise(), 500, 1000)])
    assert by_risk.quote(promise()) == (130_958, 70_000)
    by_risk.observe([became(promise(), 1000, 1000)])
    assert by_risk.quote(promise()) == (126_194, 70_000)


def test_a_partys_contracts_of_a_period_count_as_one_promise():
    # 1 000 of 2 000 Wh kept, however they are split over contracts.
    by_risk = ByRisk(350, PLAIN)
    by_risk.observe([became(promise(), 1000, 1000), became(promise(buyer="carl"), 0, 1000)])
    assert by_risk.share("anna", 1000) == pytest.approx(2 * 0.035**0.5)


def test_a_promise_sixteen_times_as_large_is_twice_as_dear_per_watt_hour():
    by_risk = ByRisk(350, RiskOptions(floor_percent=0, quantile=1, forecast_error=0.1))
    assert by_risk.share("anna", 16_000) == pytest.approx(0.2)


@pytest.mark.parametrize(("energy_wh", "share"), [(1, 0.10), (1_000_000, 0.60)])
def test_the_share_stays_between_floor_and_cap(energy_wh, share):
    options = RiskOptions(floor_percent=10, cap_percent=60, forecast_error=0.2)
    assert ByRisk(350, options).share("anna", energy_wh) == share


def test_a_floor_above_the_cap_is_refused():
    with pytest.raises(ValidationError, match="floor_percent 80 is above cap_percent 50"):
        RiskOptions(floor_percent=80, cap_percent=50)
