"""Bills per peer and period, and beside each the public bill and what reconciles the two.

The public bill is the regulated supplier's: the whole meter at retail or feed-in, as if nobody had
traded. The supplier then refunds what was traded (its public bill less its bill for the rest of the
meter), and the private side is settled on top. So public bill + refund + private = bill.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from .bill_lines import KINDS, Line, account_of, lines
from .reading import Record
from .readings import final_readings
from .tables import write_table

__all__ = [
    "COLUMNS",
    "Bill",
    "Costs",
    "Reconciled",
    "bills",
    "by_peer",
    "columns_of",
    "costs_of",
    "reconciled",
    "summed",
    "write_bills",
]

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "traded": ("bought", "sold"),
    "community": ("community",),
    "cover": ("replacement", "lpd", "cover", "guarantee", "imbalance", "critical"),
    "supplier": ("retail", "feed-in"),
    "transport": ("transport",),
    "stability fee": ("stability fee",),
    "compensation": ("compensation",),
    "subscription": ("subscription",),
    "flexibility": ("flexibility",),
    "levies": ("levies",),
    "correction": ("correction",),
    "other": ("losses", "opening", "other"),
    "collateral": ("collateral left", "from collateral", "collateral returned"),
}
"""Every kind of line in one column of a table that has a row per peer."""

RESIDUAL = ("retail", "feed-in")
COLLATERAL = COLUMNS["collateral"]
TABLE = "bill_lines"


@dataclass(frozen=True, slots=True)
class Bill:
    """What one account paid and got for one period, or for several. [µ€]

    Attributes
    ----------
    period : int or None
        None for several.
    amounts_ueur : dict of kind to int
        In the order of `KINDS`; negative for what was paid.
    energy_milliwh : dict of kind to int
        Of the kinds that are energy. [mWh]
    net_milliwh : int
        What the meter showed; injection is positive. [mWh]
    public_ueur : int
        The supplier's bill of the whole meter.
    trades : int
        Contracts that it is party to.
    """

    account: str
    period: int | None
    amounts_ueur: dict[str, int] = field(default_factory=dict)
    energy_milliwh: dict[str, int] = field(default_factory=dict)
    net_milliwh: int = 0
    public_ueur: int = 0
    trades: int = 0

    @property
    def peer(self) -> str:
        """The peer, without what marks its account."""
        return self.account.removeprefix("peer:")

    @property
    def total_ueur(self) -> int:
        """By how much the account changed. [µ€]"""
        return sum(self.amounts_ueur.values())

    def column_ueur(self, name: str) -> int:
        """What stands in a column of `COLUMNS`. [µ€]"""
        return sum(self.amounts_ueur.get(kind, 0) for kind in COLUMNS[name])

    @property
    def held_ueur(self) -> int:
        """Collateral that is still held; positive. [µ€]"""
        return -sum(self.amounts_ueur.get(kind, 0) for kind in COLLATERAL)

    @property
    def residual_ueur(self) -> int:
        """The supplier's bill of what no contract settled. [µ€]"""
        return sum(self.amounts_ueur.get(kind, 0) for kind in RESIDUAL)

    @property
    def refund_ueur(self) -> int:
        """What turns the public bill into the supplier's bill of the rest. [µ€]"""
        return self.residual_ueur - self.public_ueur

    @property
    def private_ueur(self) -> int:
        """Everything beside the supplier's bill of the rest. [µ€]"""
        return self.total_ueur - self.residual_ueur

    @property
    def gain_ueur(self) -> int:
        """What it has more than by the public bill alone, its collateral included. [µ€]"""
        return self.total_ueur + self.held_ueur - self.public_ueur


@dataclass(frozen=True, slots=True)
class Costs:
    """What the paperwork costs; assumed, and in no account. [µ€]"""

    transaction_ueur: int = 0
    reconciliation_ueur: int = 0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Both sides of all peers' bills together, and the paperwork between them. [µ€]

    Attributes
    ----------
    public_ueur, refund_ueur, private_ueur : int
        They add up to `total_ueur`.
    transactions, reconciliations : int
        Contracts; bills of a period whose refund is not zero.
    traded_milliwh, traded_ueur : int
        Delivered under contract, or inside a community, and what was paid for it.
    gain_ueur : int
        What all peers have more than by public bills alone.
    cost_ueur : int
        Of all transactions and reconciliations.
    """

    public_ueur: int
    refund_ueur: int
    private_ueur: int
    total_ueur: int
    transactions: int
    reconciliations: int
    traded_milliwh: int
    traded_ueur: int
    gain_ueur: int
    cost_ueur: int

    @property
    def break_even_ueur(self) -> int:
        """What a transaction, its reconciliations included, may cost before it eats the gain."""
        return self.gain_ueur // self.transactions if self.transactions else 0


def bills(record: Record, told: Iterable[Line] | None = None) -> list[Bill]:
    """Sum the lines of every peer by period, LPD last, in the order of the meters.

    Returns
    -------
    list of Bill
        One per peer and period in which it was metered or something was booked.
    """
    made: dict[tuple[str, int], Bill] = {}
    for row in final_readings(record):
        account = account_of(row["peer"])
        public = _worth(row, row["net_milliwh"])
        made[account, row["period"]] = Bill(
            account, row["period"], net_milliwh=row["net_milliwh"], public_ueur=public
        )
    peers = dict.fromkeys(account for account, _ in made)
    trades: dict[tuple[str, int], set[int]] = defaultdict(set)
    for line in lines(record) if told is None else told:
        key = line.account, line.period
        if not line.account.startswith("peer:") and line.account not in peers:
            continue
        bill = made.setdefault(key, Bill(*key))
        _add(bill.amounts_ueur, line.kind, line.amount_ueur)
        if line.energy_milliwh is not None:
            _add(bill.energy_milliwh, line.kind, line.energy_milliwh)
        if line.contract_id and line.kind in ("bought", "sold"):
            trades[key].add(line.contract_id)
    order = {account: i for i, account in enumerate(peers)}
    return [
        _sorted(made[key], len(trades[key]))
        for key in sorted(made, key=lambda key: (order.get(key[0], len(order)), key[1]))
    ]


def summed(of: Sequence[Bill], account: str, period: int | None = None) -> Bill:
    """Add several bills up to one."""
    whole = Bill(
        account,
        period,
        net_milliwh=sum(bill.net_milliwh for bill in of),
        public_ueur=sum(bill.public_ueur for bill in of),
    )
    for bill in of:
        for kind, amount in bill.amounts_ueur.items():
            _add(whole.amounts_ueur, kind, amount)
        for kind, energy in bill.energy_milliwh.items():
            _add(whole.energy_milliwh, kind, energy)
    return _sorted(whole, sum(bill.trades for bill in of))


def by_peer(of: Sequence[Bill]) -> list[Bill]:
    """Add up the bills of every peer."""
    mine: dict[str, list[Bill]] = defaultdict(list)
    for bill in of:
        mine[bill.account].append(bill)
    return [summed(found, account) for account, found in mine.items()]


def columns_of(of: Sequence[Bill]) -> list[str]:
    """Columns of `COLUMNS` in which some bill has an amount."""
    return [name for name in COLUMNS if any(bill.column_ueur(name) for bill in of)]


def reconciled(record: Record, of: Sequence[Bill], costs: Costs | None = None) -> Reconciled:
    """Compare what all peers but the LPD pay publicly with what they pay in the end."""
    costs = costs or costs_of(record)
    peers = [bill for bill in of if bill.account != "lpd"]
    contracts = [row for row in record.rows("contracts") if row["state"] != "cancelled"]
    inside = [row for row in record.rows("bills") if row["inside_milliwh"] > 0]
    refunds = sum(bill.refund_ueur != 0 for bill in peers)
    bought = -sum(bill.amounts_ueur.get("bought", 0) for bill in peers)
    shared = sum(max(0, bill.amounts_ueur.get("community", 0)) for bill in peers)
    return Reconciled(
        public_ueur=sum(bill.public_ueur for bill in peers),
        refund_ueur=sum(bill.refund_ueur for bill in peers),
        private_ueur=sum(bill.private_ueur for bill in peers),
        total_ueur=sum(bill.total_ueur for bill in peers),
        transactions=len(contracts),
        reconciliations=refunds,
        traded_milliwh=sum(row["delivered_milliwh"] or 0 for row in contracts)
        + sum(row["inside_milliwh"] for row in inside),
        traded_ueur=bought + shared,
        gain_ueur=sum(bill.gain_ueur for bill in peers),
        cost_ueur=len(contracts) * costs.transaction_ueur + refunds * costs.reconciliation_ueur,
    )


def costs_of(record: Record) -> Costs:
    """Costs as the scenario assumes them; nothing where it says nothing."""
    scenario = (record.manifest.get("resolved") or {}).get("scenario") or {}
    told = scenario.get("bills") or {} if isinstance(scenario, dict) else {}
    return Costs(
        round(1e6 * told.get("transaction_cost_eur", 0)),
        round(1e6 * told.get("reconciliation_cost_eur", 0)),
    )


SCHEMA = pa.schema(
    [
        pa.field("period", pa.int64(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("line", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("contract_id", pa.int64(), nullable=False),
        pa.field("party", pa.string(), nullable=False),
        pa.field("energy_milliwh", pa.int64()),
        pa.field("amount_ueur", pa.int64(), nullable=False),
    ]
)


def write_bills(folder: Path) -> Path:
    """Write every line of every account as `bill_lines.parquet` into a run folder."""
    told = lines(Record(folder))
    columns: dict[str, list[Any]] = {
        name: [getattr(line, "kind" if name == "line" else name) for line in told]
        for name in SCHEMA.names
    }
    return write_table(folder, TABLE, columns, schema=SCHEMA)


def _worth(tariffs: dict[str, Any], net_milliwh: int) -> int:
    """The supplier's bill of a meter, rounded as settlement does. [µ€]"""
    injects = net_milliwh > 0
    ticks: int = tariffs["feed_in_ticks" if injects else "retail_ticks"]
    amount = (ticks * abs(net_milliwh) + 500) // 1000
    return amount if injects else -amount


def _add(sums: dict[str, int], key: str, amount: int) -> None:
    sums[key] = sums.get(key, 0) + amount


def _sorted(bill: Bill, trades: int) -> Bill:
    """Put the kinds in the order of a bill."""
    return Bill(
        bill.account,
        bill.period,
        {kind: bill.amounts_ueur[kind] for kind in KINDS if kind in bill.amounts_ueur},
        {kind: bill.energy_milliwh[kind] for kind in KINDS if kind in bill.energy_milliwh},
        bill.net_milliwh,
        bill.public_ueur,
        trades,
    )
