"""Blocks in a run: cleared at their gates, kept in every period, the rest traded beside them."""

from collections import defaultdict
from pathlib import Path

import pytest

from cosim.run import run_scenario
from results.reading import Record
from results.report_market import market_section

FORWARD = Path(__file__).parents[2] / "scenarios/forward.yaml"
GATE_TICKS = 900
"""A quarter of an hour at a tick of 1 s."""


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return run_scenario(FORWARD, out=tmp_path_factory.mktemp("forward"), report=False)


@pytest.fixture(scope="module")
def record(played):
    return Record(played.folder)


def by_period(rows, *keys):
    found = defaultdict(lambda: defaultdict(int))
    for row in rows:
        for key in keys:
            found[row["period"]][row[key]] += row["energy_wh"]
    return {period: dict(one) for period, one in found.items()}


def test_the_run_passes_its_checks_and_every_invariant(played):
    assert played.passed


def test_blocks_close_at_their_gates_and_the_first_as_the_run_begins(record):
    first, second = record.rows("forward")
    assert (first["period"], first["periods"], first["gate_tick"]) == (0, 2, -300)
    assert (second["period"], second["periods"]) == (2, 2)
    assert second["gate_tick"] == 2 * 900 - GATE_TICKS
    assert first["volume_wh"] > 0


def test_a_block_is_the_same_in_each_of_its_periods_to_the_wh_and_the_tick(record):
    blocks = record.rows("forward")
    orders = {row["order_id"]: row for row in record.rows("orders")}
    assert len(orders) == len(record.rows("orders"))
    for block in blocks:
        ids = [
            {
                (row["peer"], row["side"], row["price_ticks"], row["energy_wh"])
                for row in orders.values()
                if row["period"] == period and row["arrival"] <= block["gate_tick"]
            }
            for period in range(block["period"], block["period"] + block["periods"])
        ]
        # The last period's own orders come later; the first's may come as early as the block's.
        assert all(ids[-1] <= one for one in ids)
        for side in ("buy", "sell"):
            traded = sum(energy for _, its, _, energy in ids[-1] if its == side)
            assert traded == block["volume_wh"]


def test_contracts_of_a_period_are_those_ahead_and_those_of_its_own_gate(record):
    contracts = by_period(record.rows("contracts"), "seller")
    for period in record.rows("periods"):
        assert sum(contracts[period["period"]].values()) == period["volume_wh"]
    for block in record.rows("forward"):
        for period in range(block["period"], block["period"] + block["periods"]):
            assert sum(contracts[period].values()) >= block["volume_wh"]


def test_the_rest_is_traded_at_the_periods_own_gates(record):
    ahead = sum(row["volume_wh"] * row["periods"] for row in record.rows("forward"))
    volume = sum(row["volume_wh"] for row in record.rows("periods"))
    assert 0 < ahead < volume


def test_nobody_stands_on_two_sides_of_a_period(record):
    sold, bought = (by_period(record.rows("contracts"), key) for key in ("seller", "buyer"))
    assert all(not (sold[period].keys() & bought[period].keys()) for period in sold)


def test_the_report_says_what_was_traded_ahead(record):
    (told,) = [
        one
        for one in market_section(record)["summary"]
        if one.startswith("Of it were traded ahead")
    ]
    assert "in two blocks of 'block'" in told
