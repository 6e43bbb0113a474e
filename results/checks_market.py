"""Checks on what the market kept: contracts, tokens, the ledger's chain."""

import sqlite3
from typing import Any

from .ledger_book import LEDGER_FILE, LedgerFault, checked
from .reading import Record
from .tables import NEVER_IN_FORCE
from .verdict import Verdict

__all__ = ["all_contracts_settled", "delivered_share", "ledger_verifies", "tokens_balance"]


def all_contracts_settled(record: Record) -> Verdict:
    """Every contract has a fate, and every delivery period with contracts has its meters read."""
    name = "all_contracts_settled"
    contracts = record.rows("contracts")
    metered = {row["period"] for row in record.rows("meters")}
    left = [
        row
        for row in contracts
        if row["fate"] is None
        or row["state"] not in (None, "settled", *NEVER_IN_FORCE)
        or (row["period"] not in metered and row["fate"] != "cancelled")
    ]
    if left:
        first = left[0]
        worst = (
            f"contract {first['contract_id']} of period {first['period']} "
            f"({first['seller']} to {first['buyer']}) is {first['state'] or 'without a fate'}"
        )
    elif contracts:
        worst = f"none open of {len(contracts)} contracts"
    else:
        worst = f"no contracts: {_why_none(record)}"
    return Verdict(name, not left, worst, float(len(left)), 0.0, "contracts")


def delivered_share(record: Record, *, at_least: float = 0.9) -> Verdict:
    """Of the contracted energy, at least this share was delivered by those who sold it.

    Where a rule bills the meters there is nothing to deliver on, and it holds. An order-driven
    market in which nothing was traded fails it: who asks for a share expects trades, and a
    market that died unnoticed is a gap in the record.
    """
    name = "delivered_share"
    contracts = [row for row in record.rows("contracts") if row["energy_wh"] > 0]
    unread = [row for row in contracts if row["delivered_milliwh"] is None]
    if unread:
        told = f"contract {unread[0]['contract_id']} was not metered"
        return Verdict(name, False, told, None, at_least, "1")
    if not contracts:
        told = f"no contracts: {_why_none(record)}"
        return Verdict(name, _billed(record), told, None, at_least, "1")
    delivered = sum(row["delivered_milliwh"] for row in contracts)
    share = delivered / sum(1000 * row["energy_wh"] for row in contracts)
    least = min(contracts, key=lambda row: row["delivered_milliwh"] / row["energy_wh"])
    worst = (
        f"{share:.1%} in all; least by {least['seller']} in period {least['period']}: "
        f"{least['delivered_milliwh'] / 1000:.0f} of {least['energy_wh']} Wh"
    )
    return Verdict(name, share >= at_least, worst, share, at_least, "1")


def tokens_balance(record: Record) -> Verdict:
    """Tokens minted are burned, expired or still live, for every peer and period.

    Where nobody offered energy ahead, by a rule or for want of offers, there are none, and it
    holds.
    """
    name = "tokens_balance"
    rows = record.rows("tokens")
    if not rows:
        offered = any(row["side"] == "sell" for row in record.rows("orders"))
        if offered or not _market_was_held(record):
            return Verdict(name, False, "no token was recorded", unit="mWh")
        why = _why_none(record) if _billed(record) else "nobody offered energy"
        return Verdict(name, True, f"no tokens: {why}", 0.0, 0.0, "mWh")
    worst = max(rows, key=lambda row: (abs(_tokens_off(row)), _live(row)))
    off = _tokens_off(worst)
    told = (
        f"{off:+d} mWh at {worst['peer']}, period {worst['period']}: minted "
        f"{worst['minted_milliwh']}, burned {worst['burned_milliwh']}, expired "
        f"{worst['expired_milliwh']}, live {_live(worst)} mWh"
    )
    return Verdict(name, off == 0, told, float(off), 0.0, "mWh")


def _live(row: dict[str, Any]) -> int:
    return int(row["live_milliwh"] or 0)


def _tokens_off(row: dict[str, Any]) -> int:
    out = row["burned_milliwh"] + row["expired_milliwh"] + _live(row)
    return int(row["minted_milliwh"] - out)


def _billed(record: Record) -> bool:
    """Whether a rule billed what meters showed, instead of contracts."""
    return bool(record.rows("bills"))


def _market_was_held(record: Record) -> bool:
    return _billed(record) or record.table("periods").num_rows > 0


def _why_none(record: Record) -> str:
    if _billed(record):
        return "a rule billed what the meters showed"
    return "nothing was traded" if _market_was_held(record) else "no market was recorded"


def ledger_verifies(record: Record) -> Verdict:
    """The ledger's hash chain holds, its balances add up, and the accounts agree with it.

    Verified from the file alone, by other code than that which wrote it, signatures of its
    blocks included. A chain says nothing of entries cut off its end: those show by what the
    manifest noted of it, and in the accounts.
    """
    name, path = "ledger_verifies", record.folder / LEDGER_FILE
    if not path.exists():
        return Verdict(name, False, "no ledger was recorded", unit="faults")
    try:
        entries, balances = checked(record.folder, record.manifest.get("ledger", {}))
    except LedgerFault as fault:
        return Verdict(name, False, str(fault), 1.0, 0.0, "faults")
    except sqlite3.DatabaseError as error:
        return Verdict(name, False, f"{LEDGER_FILE} cannot be read: {error}", 1.0, 0.0, "faults")
    if told := _account_fault(balances, record.rows("accounts")):
        return Verdict(name, False, told, 1.0, 0.0, "faults")
    told = f"no fault in {entries} entries on {len(balances)} accounts"
    return Verdict(name, True, told, 0.0, 0.0, "faults")


def _account_fault(balances: dict[str, int], accounts: list[dict[str, Any]]) -> str | None:
    if total := sum(balances.values()):
        return f"all accounts sum to {total} µ€, expected 0"
    recorded = {row["account"]: row["balance_ueur"] for row in accounts}
    for account in sorted(recorded.keys() | balances.keys()):
        booked, said = balances.get(account, 0), recorded.get(account, 0)
        if booked != said:
            return f"{account} holds {booked} µ€ by the ledger, {said} µ€ by the accounts"
    return None
