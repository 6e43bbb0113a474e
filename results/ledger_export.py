"""A ledger's entries as lines to read, and as files for other programs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from .ledger_book import entries

__all__ = ["Kind", "UnknownAccount", "Wanted", "account_lines", "entry_lines", "export"]

Kind = Literal["csv", "parquet", "json"]

PEER = "peer:"

SCHEMA = pa.schema(
    [
        ("entry", pa.int64()),
        ("tick", pa.int64()),
        ("period", pa.int64()),
        ("contract_id", pa.int64()),
        ("reason", pa.string()),
        ("debit", pa.string()),
        ("credit", pa.string()),
        ("amount_ueur", pa.int64()),
        ("debit_balance_ueur", pa.int64()),
        ("credit_balance_ueur", pa.int64()),
        ("reference", pa.string()),
        ("hash", pa.string()),
    ]
)
"""Columns of an exported ledger; the hash in hex, as `verify` prints it."""


class UnknownAccount(ValueError):
    """No entry names the account that was asked for."""


@dataclass(frozen=True)
class Wanted:
    """Which entries: None asks for all.

    Attributes
    ----------
    account : str, optional
        Paid or was paid; a peer may be given by its name alone.
    contract_id, period : int, optional
    """

    account: str | None = None
    contract_id: int | None = None
    period: int | None = None

    def has(self, entry: dict[str, Any]) -> bool:
        """Whether an entry is among them."""
        parties = entry["debit"], entry["credit"]
        return (
            (self.account is None or self.account in parties or PEER + self.account in parties)
            and self.contract_id in (None, entry["contract_id"])
            and self.period in (None, entry["period"])
        )


def entry_lines(run: Path, wanted: Wanted) -> Iterator[str]:
    """Say entry by entry who paid whom.

    Raises
    ------
    UnknownAccount
        The ledger does not know the account.
    """
    booked = list(entries(run))
    if wanted.account is not None and not any(map(Wanted(wanted.account).has, booked)):
        known = ", ".join(balances(booked))
        raise UnknownAccount(f"no account {wanted.account!r} in the ledger; known: {known}")
    row = "{:>7} {:>8} {:>6} {:>8}  {:<16} {:<20} {:<20} {:>14}".format
    yield row("entry", "tick", "period", "contract", "reason", "from", "to", "amount µ€")
    for one in filter(wanted.has, booked):
        where = one["entry"], one["tick"], one["period"], one["contract_id"]
        yield row(*where, one["reason"], one["debit"], one["credit"], f"{one['amount_ueur']:,}")


def account_lines(run: Path) -> Iterator[str]:
    """Say what every account that an entry names holds, and what all hold together."""
    row = "{:<28} {:>16}".format
    held = balances(entries(run))
    yield row("account", "balance µ€")
    for account, balance in held.items():
        yield row(account, f"{balance:,}")
    yield row("together", f"{sum(held.values()):,}")


def balances(booked: Iterable[dict[str, Any]]) -> dict[str, int]:
    """What accounts hold by their entries, in order of their names. [µ€]"""
    held: dict[str, int] = {}
    for entry in booked:
        held[entry["debit"]] = held.get(entry["debit"], 0) - entry["amount_ueur"]
        held[entry["credit"]] = held.get(entry["credit"], 0) + entry["amount_ueur"]
    return dict(sorted(held.items()))


def export(run: Path, file: Path, kind: Kind, *, resolved: bool) -> int:
    """Write all entries to a file; how many those were.

    Parameters
    ----------
    run, file : Path
    kind : {"csv", "parquet", "json"}
        JSON is a list with an object per entry.
    resolved : bool
        Peers by their names instead of their pseudonyms.
    """
    rows = [one | {"hash": one["hash"].hex()} for one in entries(run, resolved=resolved)]
    if kind == "json":
        text = json.dumps(rows, indent=1, ensure_ascii=False)
        file.write_text(f"{text}\n", encoding="utf-8")
        return len(rows)
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    write = pa.csv.write_csv if kind == "csv" else pq.write_table
    write(table, file)
    return len(rows)
