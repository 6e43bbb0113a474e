"""Checks on money: nobody who kept its word pays for another, and every account is right."""

import sqlite3
from collections import defaultdict
from typing import Any

from .ledger_book import LEDGER_FILE, entries
from .reading import Record
from .recompute import UnknownRules, differences
from .verdict import Verdict

__all__ = ["accounts_recomputed", "compliant_party_whole"]


def accounts_recomputed(record: Record) -> Verdict:
    """Every account holds what a second computation from meters and contracts alone gives."""
    name = "accounts_recomputed"
    try:
        wrong = differences(record.folder)
    except FileNotFoundError as error:
        return Verdict(name, False, f"not recorded: {error.filename or error}", unit="µ€")
    except UnknownRules as error:
        return Verdict(name, False, f"cannot be recomputed: {error}", unit="µ€")
    accounts = record.table("accounts").num_rows
    if not wrong:
        return Verdict(name, True, f"no difference on {accounts} accounts", 0.0, 0.0, "µ€")
    worst = max(wrong, key=lambda found: abs(found.booked_ueur - found.recomputed_ueur))
    off = float(worst.booked_ueur - worst.recomputed_ueur)
    return Verdict(name, False, str(worst), off, 0.0, "µ€")


def compliant_party_whole(record: Record) -> Verdict:
    """In no contract does the party that kept its word pay for the other's failure.

    The ledger's entries of a contract, collateral and its release included, must leave a
    seller with its price for all that it delivered when the buyer fell short, and
    cost a buyer the contract price and transport of what it was served when the seller did.
    A party for whose sake cover was activated on the way has not kept its word: that energy
    stays billed to it, even if it caught up before the period's end.
    """
    name = "compliant_party_whole"
    contracts = [row for row in record.rows("contracts") if row["fate"] != "cancelled"]
    unread = [row for row in contracts if row["accepted_milliwh"] is None]
    if unread:
        told = f"contract {unread[0]['contract_id']} was not metered"
        return Verdict(name, False, told, unit="µ€")
    try:
        flows = _flows(record)
    except sqlite3.DatabaseError as error:
        return Verdict(name, False, f"{LEDGER_FILE} cannot be read: {error}", unit="µ€")
    if flows is None:
        return Verdict(name, False, "no ledger was recorded", unit="µ€")
    called = {
        (row["contract_id"], SIDE_CALLED[row["direction"]])
        for row in record.rows("covers")
        if row["called_tick"] is not None and row["direction"] in SIDE_CALLED
    }
    losses = [
        loss
        for row in contracts
        for loss in _losses(
            row, flows, {side for number, side in called if number == row["contract_id"]}
        )
    ]
    if not losses:
        return Verdict(name, True, "there was no contract", 0.0, 0.0, "µ€")
    lost, _, told = max(losses, key=lambda loss: loss[:2])
    return Verdict(name, lost <= 0, told, float(max(0, lost)), 0.0, "µ€")


SIDE_CALLED = {"cover": "seller", "absorb": "buyer"}
"""Whose shortfall a cover of each direction stands for."""


def _losses(
    row: dict[str, Any], flows: dict[tuple[int, str], int], called: set[str]
) -> list[tuple[int, int, str]]:
    """What each party without fault lost by a contract, what the other failed by, and both told."""
    given, taken = row["delivered_milliwh"], row["accepted_milliwh"]
    served = taken - (row["shed_milliwh"] or 0)
    number = row["contract_id"]
    found = []
    if given <= taken and "buyer" not in called:
        due = -_money(row["price_ticks"], served) - _money(row["fee_ticks"], served)
        found.append(("buyer", due, served - given, "served", served))
    # Who gave less than was asked for, while the buyer's load was cut, owes for that (R6).
    compensates = given < taken and (row["owed_seller_ueur"] or 0) > 0
    if given >= served and "seller" not in called and not compensates:
        margin_ticks = (
            0 if row["receipt_ticks"] is None else row["receipt_ticks"] - row["price_ticks"]
        )
        due = _money(row["price_ticks"], given) + _money(margin_ticks, given)
        found.append(("seller", due, given - taken, "delivered", given))
    told = []
    for side, due, failed_by, what, energy in found:
        has = flows.get((number, f"peer:{row[side]}"), 0)
        lost = due - has
        told.append(
            (
                lost,
                failed_by,
                f"{max(0, lost)} µ€ lost by {side} {row[side]}, contract {number} of period "
                f"{row['period']}: {what} {energy / 1000:.1f} Wh, {_sign(has)}",
            )
        )
    return told


def _sign(ueur: int) -> str:
    return f"{'got' if ueur >= 0 else 'paid'} {abs(ueur)} µ€"


def _money(price_ticks: int, milliwh: int) -> int:
    """Price times energy in µ€, rounded half up."""
    return (price_ticks * milliwh + 500) // 1000


def _flows(record: Record) -> dict[tuple[int, str], int] | None:
    """What each account got, less what it paid, under each contract. [µ€]"""
    if not (record.folder / LEDGER_FILE).exists():
        return None
    flows: dict[tuple[int, str], int] = defaultdict(int)
    for entry in entries(record.folder):
        flows[entry["contract_id"], entry["debit"]] -= entry["amount_ueur"]
        flows[entry["contract_id"], entry["credit"]] += entry["amount_ueur"]
    return flows
