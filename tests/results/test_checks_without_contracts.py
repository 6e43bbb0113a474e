"""What checks on contracts say of runs that have none."""

import pytest

from results.checks_market import all_contracts_settled, delivered_share, tokens_balance
from results.reading import Record

BILL = {"period": 0, "peer": "anna", "net_milliwh": -5, "inside_milliwh": 0}
BILLS = [{**BILL, "receives_ueur": -2, "status_quo_ueur": -2}]
PERIODS = [{"period": 0, "gate_tick": 0, "volume_wh": 0, "offers_wh": 9, "requests_wh": 0}]
OFFER = {"order_id": 0, "period": 0, "peer": "carl", "side": "sell", "price_ticks": 100}
OFFERS = [{**OFFER, "energy_wh": 9, "arrival": 0, "filled_wh": 0}]


@pytest.mark.parametrize("check", [all_contracts_settled, delivered_share, tokens_balance])
def test_a_rule_needs_no_contract_and_no_token(check, record_market):
    verdict = check(Record(record_market(bills=BILLS)))

    assert verdict.passed
    assert verdict.worst.endswith(": a rule billed what the meters showed")


def test_a_market_that_traded_nothing_delivered_no_share(record_market):
    verdict = delivered_share(Record(record_market(periods=PERIODS, orders=OFFERS)))

    assert not verdict.passed
    assert verdict.worst == "no contracts: nothing was traded"


def test_a_record_without_a_market_says_so(record_market):
    verdict = delivered_share(Record(record_market()))

    assert not verdict.passed
    assert verdict.worst == "no contracts: no market was recorded"


@pytest.mark.parametrize(
    ("tables", "passed"),
    [
        ({"periods": PERIODS}, True),  # nobody offered, so nothing was promised
        ({"periods": PERIODS, "orders": OFFERS}, False),  # an offer mints tokens
        ({}, False),  # no market left a trace
    ],
)
def test_tokens_may_be_missing_only_where_nobody_offered(tables, passed, record_market):
    assert tokens_balance(Record(record_market(**tables))).passed == passed
