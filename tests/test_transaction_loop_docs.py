"""docs/transaction-loop.md: its table of states is the code's, and its worked example adds up."""

import re
from collections import Counter
from pathlib import Path

from market.delivery.life_page import transitions_table

PAGE = (Path(__file__).parents[1] / "docs/transaction-loop.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^\| \d+ \| ([\w ]+) \| ([\w-]+) \| ([\w-]+) \| (\d+) \|", re.MULTILINE)


def entries():
    return [(why, debit, credit, int(ueur)) for why, debit, credit, ueur in ENTRY.findall(PAGE)]


def test_the_table_of_states_is_the_codes():
    assert transitions_table() in PAGE


def test_the_worked_example_leaves_nothing_in_escrow_and_the_buyer_whole():
    moved = Counter()
    for _, debit, credit, ueur in entries():
        moved[debit] -= ueur
        moved[credit] += ueur
    assert len(entries()) == 15
    assert sum(moved.values()) == moved["escrow"] == 0
    assert moved["workshop"] == -2070 * (167 + 8)
    assert moved["mill"] == 236_847 - 82_999


def test_every_amount_of_the_worked_example_is_its_energy_times_its_price():
    by_hand = [
        ("price", 1418.246 * 167),
        ("transport", 2070 * 8),
        ("price of cover", 651.754 * 167),
        ("taken back", (135.413 + 3.171 + 119.101 + 59.950 + 398.627 - 651.754) * 70),
        ("lpd cover", 398.627 * 330),
        ("longer path", 119.101 * (20 - 8) + 59.950 * (13 - 8)),
        ("stability fee", 398.627 * 20),
        ("collateral", 2070 * 350 / 2),
    ]
    booked = {why: ueur for why, _, _, ueur in entries()}
    assert {why: booked[why] for why, _ in by_hand} == {why: round(x) for why, x in by_hand}
