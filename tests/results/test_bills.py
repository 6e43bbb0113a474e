"""Bills: exact against the ledger's accounts, by hand for one contract, and reconciled."""

import csv
import io
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cosim.cli import app
from market.book import Order, Trade
from market.delivery.contract import Clock
from market.delivery.life import TransactionLoop
from market.delivery.meters import PeriodReading
from results.bill_lines import KINDS, lines
from results.bills import COLUMNS, Costs, bills, by_peer, reconciled, write_bills
from results.folder import Manifest
from results.reading import Record
from results.tables import SCHEMAS, read_table, write_table

_WORLDS = spec_from_file_location("worlds", Path(__file__).with_name("test_recompute_loop.py"))
worlds = module_from_spec(_WORLDS)
sys.modules["worlds"] = worlds
_WORLDS.loader.exec_module(worlds)

PEERS = ("anna", "ben", "carl", "lpd")
CLOCK = Clock(ticks_per_period=60, dt_s=15.0)


def reading(*net_wh):
    net_milliwh = 1000 * np.array(net_wh)
    return PeriodReading(net_milliwh, np.zeros_like(net_milliwh))


def recorded(folder, tables, **manifest):
    folder.mkdir(parents=True, exist_ok=True)
    Manifest(folder, manifest).end("finished")
    for name, rows in tables.items():
        if name in SCHEMAS:
            write_table(folder, name, rows)
    return Record(folder)


def of_failure():
    """Anna sells Ben 1000 Wh at 200 and delivers 400; nobody stands in but the supplier."""
    loop = TransactionLoop(PEERS, CLOCK, now=-20)
    loop.offers(-20, 0, [Order(1, "anna", "sell", 200, 1000)])
    loop.conclude(-20, 0, [Trade("anna", "ben", 1000, 200, 10, sell_order_id=1, buy_order_id=2)])
    loop.close_period(60, 0, reading(400, -1200, 300, 0))
    loop.finish(65)
    return loop.tables()


@pytest.fixture
def failure(tmp_path):
    return recorded(tmp_path / "run", of_failure())


def test_the_bills_of_a_failure_by_hand(failure):
    anna, ben, carl, _ = by_peer(bills(failure))
    # 400 Wh at 200. 600 Wh of cover cost retail, 350; Ben pays 200 of it, so Anna owes the rest.
    assert anna.amounts_ueur == {
        "sold": 80_000,
        "cover": 120_000 - 210_000,
        "collateral left": -175_000,
        "from collateral": 90_000,
        "collateral returned": 85_000,
    }
    # 1000 Wh at 200 and 10 of transport, 200 Wh beyond at retail.
    assert ben.amounts_ueur == {
        "bought": -200_000,
        "retail": -70_000,
        "transport": -10_000,
        "collateral left": -175_000,
        "collateral returned": 175_000,
    }
    assert ben.energy_milliwh == {"bought": 1_000_000, "retail": 200_000, "transport": 1_000_000}
    assert carl.amounts_ueur == {"feed-in": 24_000}
    # The whole meter: Anna 400 Wh at 80, Ben 1200 Wh at 350, Carl 300 Wh at 80.
    assert [b.public_ueur for b in (anna, ben, carl)] == [32_000, -420_000, 24_000]
    assert [b.total_ueur for b in (anna, ben, carl)] == [-10_000, -280_000, 24_000]
    assert [b.refund_ueur for b in (anna, ben, carl)] == [-32_000, 350_000, 0]
    assert [b.private_ueur for b in (anna, ben, carl)] == [-10_000, -210_000, 0]


def test_paperwork_is_set_against_the_value_traded(failure):
    costs = Costs(transaction_ueur=1_000, reconciliation_ueur=500)
    whole = reconciled(failure, bills(failure), costs)
    # One contract; the public bills of Anna and Ben are reconciled, Carl's needs nothing.
    assert (whole.transactions, whole.reconciliations, whole.cost_ueur) == (1, 2, 2_000)
    assert (whole.traded_milliwh, whole.traded_ueur) == (400_000, 200_000)
    assert whole.public_ueur + whole.refund_ueur + whole.private_ueur == whole.total_ueur
    # -266 000 against -364 000 µ€.
    assert whole.gain_ueur == whole.break_even_ueur == 98_000


def test_collateral_that_is_still_held_is_no_loss(tmp_path):
    loop = TransactionLoop(PEERS, CLOCK, now=-20)
    loop.offers(-20, 0, [Order(1, "anna", "sell", 200, 1000)])
    loop.conclude(-20, 0, [Trade("anna", "ben", 1000, 200, 0, sell_order_id=1, buy_order_id=2)])
    anna = bills(recorded(tmp_path / "run", loop.tables()))[0]
    assert (anna.total_ueur, anna.held_ueur, anna.gain_ueur) == (-175_000, 175_000, 0)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    islanded=st.booleans(),
    fund_ueur=st.sampled_from([0, 20_000, 10_000_000]),
    collateral_percent=st.sampled_from([0, 5, 50]),
)
def test_lines_add_up_to_every_account_and_collateral_is_told_whole(
    tmp_path_factory, seed, islanded, fund_ueur, collateral_percent
):
    told = worlds.played(
        seed, islanded=islanded, fund_ueur=fund_ueur, collateral_percent=collateral_percent
    )
    record = recorded(tmp_path_factory.mktemp("world"), told)
    written = lines(record)
    sums: dict[str, int] = {}
    for line in written:
        sums[line.account] = sums.get(line.account, 0) + line.amount_ueur
    balances = {row["account"]: row["balance_ueur"] for row in told["accounts"]}
    assert {account: sums.get(account, 0) for account in balances} == balances
    assert sum(sums.values()) == 0
    assert {line.kind for line in written} <= KINDS.keys() - {"other"}
    for bill in bills(record, written):
        assert bill.held_ueur == 0
        assert bill.public_ueur + bill.refund_ueur + bill.private_ueur == bill.total_ueur
        assert sum(bill.column_ueur(name) for name in COLUMNS) == bill.total_ueur


def test_the_lines_table_holds_every_line(failure):
    write_bills(failure.folder)
    rows = read_table(failure.folder, "bill_lines").to_pylist()
    assert [row["amount_ueur"] for row in rows] == [line.amount_ueur for line in lines(failure)]
    assert {row["line"] for row in rows} >= {"bought", "sold", "cover", "retail", "transport"}


def told(*words):
    return CliRunner().invoke(app, ["bills", *map(str, words)])


def test_the_command_writes_every_line_as_csv_that_adds_up(failure):
    rows = list(csv.DictReader(io.StringIO(told(failure.folder, "--csv", "-").stdout)))
    mine = [row for row in rows if row["account"] == "peer:ben"]
    assert round(sum(float(row["amount_eur"]) for row in mine), 6) == -0.28
    assert [row["energy_wh"] for row in mine if row["line"] == "bought"] == ["400.000", "600.000"]


def test_the_command_tells_a_peers_bill_and_its_reconciliation(failure):
    text = told(failure.folder, "--peer", "ben").stdout
    for figure in ("-0.200000", "-0.420000", "+0.350000", "-0.280000"):
        assert figure in text


def test_the_command_prices_paperwork(failure):
    text = told(failure.folder, "--transaction-cost", 0.001, "--reconciliation-cost", 0.0005).stdout
    assert "one transaction and two reconciliations for 400.0 Wh" in " ".join(text.split()) or (
        "one transaction and two reconciliations" in text
    )
    assert "0.1 ct a transaction and 0.05 ct a reconciliation they cost 0.20 ct" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--peer", "ana"], "--peer: no peer 'ana' in this run; nearest names: anna"),
        (["--period", "7"], "--period: no bills of period 7; expected 0 to 0"),
    ],
)
def test_the_command_refuses_what_is_not_there(failure, words, said):
    result = told(failure.folder, *words)
    assert result.exit_code == 2
    assert said in result.output
