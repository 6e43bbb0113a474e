"""What the page on bills prints from the code: the kinds of lines, and one bill worked out."""

from __future__ import annotations

from .bill_lines import KINDS, Line, lines
from .bills import bills
from .reading import Record

__all__ = ["kinds_table", "worked_example"]

SAID = {
    "bought": "energy bought under contract, at the contract's price, whoever delivered it",
    "sold": "energy sold under contract and delivered, or left behind by the buyer",
    "replacement": "energy given in another's place (+), or others' in one's own (-)",
    "lpd": "energy of the local power distributor's storage, either way",
    "cover": "the supplier's cover in one's place, less what the buyer pays for it",
    "retail": "what the meter drew beyond contracts",
    "feed-in": "what the meter fed in beyond contracts",
    "imbalance": "the deviation, where the scenario prices it",
    "critical": "what critical loads drew in an island, at its rate",
    "community": "the bill by a rule",
    "transport": "the operator's fee, and what a longer path cost",
    "stability fee": "for the distributor's energy",
    "compensation": "for energy that was shed",
    "guarantee": "what others bore because collateral did not suffice; it stands as a claim",
    "subscription": "to the market's operator",
    "flexibility": "moved for a grid operator, and what was not delivered of it",
    "levies": "levy and value added tax",
    "losses": "the grid's losses, bought by its operator",
    "correction": "what a decided dispute changed",
    "opening": "the guarantee fund's capital",
    "other": "anything else that was booked",
    "collateral left": "with the distributor until the period is settled",
    "from collateral": "dues on this bill that collateral has paid",
    "collateral returned": "what is left of it",
}


def kinds_table() -> str:
    """Every kind of line, what it is for, and the reasons of its ledger entries; Markdown."""
    rows = [
        f"| {kind} | {SAID[kind]} | {', '.join(f'`{reason}`' for reason in reasons)} |"
        for kind, reasons in KINDS.items()
    ]
    return "\n".join(["| line | for | entries |", "|---|---|---|", *rows])


def worked_example(record: Record, peer: str, period: int) -> str:
    """One bill line by line, its sum, and what reconciles it with the public bill; Markdown."""
    mine = [x for x in lines(record) if (x.account, x.period) == (f"peer:{peer}", period)]
    (bill,) = [b for b in bills(record) if (b.peer, b.period) == (peer, period)]
    order = {kind: i for i, kind in enumerate(KINDS)}
    head = "| line | entry | with | mWh | µ€ |"
    rows = [_row(line) for line in sorted(mine, key=lambda line: order[line.kind])]
    table = [head, "|---|---|---|--:|--:|", *rows, f"| **bill** | | | | **{bill.total_ueur}** |"]
    sides = [
        ("public bill", f"the supplier's, of {bill.net_milliwh} mWh", bill.public_ueur),
        ("refund", "of what was traded", bill.refund_ueur),
        ("private side", "all lines but retail and feed-in", bill.private_ueur),
        ("**bill**", "", bill.total_ueur),
    ]
    beside = [f"| {name} | {what} | {ueur} |" for name, what, ueur in sides]
    return "\n".join([*table, "", "| | | µ€ |", "|---|---|--:|", *beside])


def _row(line: Line) -> str:
    party = line.party.removeprefix("peer:")
    milliwh = "" if line.energy_milliwh is None else line.energy_milliwh
    return f"| {line.kind} | {line.reason} | {party} | {milliwh} | {line.amount_ueur} |"
