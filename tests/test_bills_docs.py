"""docs/bills.md and docs/disputes.md: their tables are the code's, and the bill adds up by hand."""

import re
from pathlib import Path

import pytest

from cosim.run import run_scenario
from market.delivery import disputes_page
from results.bill_lines import KINDS
from results.bills_page import SAID, kinds_table, worked_example
from results.reading import Record

ROOT = Path(__file__).parents[1]
BILLS = (ROOT / "docs/bills.md").read_text(encoding="utf-8")
DISPUTES = (ROOT / "docs/disputes.md").read_text(encoding="utf-8")


def example():
    (text,) = re.findall(r"<!-- worked example -->\n(.*?)\n<!-- end -->", BILLS, flags=re.DOTALL)
    return text


def lines():
    """(line, entry, mWh or None, µ€) of the worked bill, its sum, and what reconciles it."""
    bill, beside = (part.splitlines()[2:] for part in example().split("\n\n"))
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in bill]
    told = [(c[0], c[1], int(c[3]) if c[3] else None, int(c[4])) for c in cells[:-1]]
    sides = [int(row.strip("|").split("|")[2]) for row in beside]
    return told, int(cells[-1][4].strip("*")), sides


def test_the_pages_hold_the_tables_of_the_code():
    assert SAID.keys() == KINDS.keys()
    assert kinds_table() in BILLS
    for table in ("states_table", "rules_table", "limits_table", "substitutes_table"):
        assert getattr(disputes_page, table)() in DISPUTES


def test_the_worked_bill_adds_up_by_hand():
    told, total, (public, refund, private, bill) = lines()
    amount = {entry: ueur for _, entry, _, ueur in told}
    energy = {entry: milliwh for _, entry, milliwh, _ in told}
    assert sum(ueur for *_, ueur in told) == total == bill
    assert public + refund + private == bill
    # Prices in µ€/Wh: the contract's, the storage's, its fee's, and feed-in's.
    for entry, price in (("price", 167), ("price of cover", 167), ("lpd cover", -330)):
        assert amount[entry] == (price * energy[entry] + 500) // 1000
    assert amount["stability fee"] == -((20 * energy["lpd cover"] + 500) // 1000)
    assert energy["price"] + energy["price of cover"] == 2_070_000
    collateral = {kind: ueur for kind, _, _, ueur in told if "collateral" in kind}
    assert sum(collateral.values()) == 0
    dues = [ueur for kind, entry, _, ueur in told if entry != "price" and "collateral" not in kind]
    assert collateral["from collateral"] == -sum(dues)


@pytest.mark.soak
def test_the_worked_bill_is_that_of_the_shipped_village(tmp_path):
    village = ROOT / "scenarios/village.yaml"
    folder = run_scenario(village, out=tmp_path, report=False).folder
    assert example() == worked_example(Record(folder), "mill", 2)
