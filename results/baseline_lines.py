"""A contract or a bill as one line of text, made from the tables and read back from a baseline."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .compare_record import OpenedRun

__all__ = ["Line", "bill_lines", "fate_of", "read_line", "trade_lines"]


@dataclass(frozen=True, slots=True)
class Line:
    """One contract or bill.

    Attributes
    ----------
    who : str
        Seller and buyer, or the member who is billed.
    agreed : str
        What was agreed, in words; empty for a bill.
    outcome : str
        What became of it, in words.
    energy : str
        Delivered or metered energy. [Wh]
    """

    period: int
    who: str
    agreed: str
    outcome: str
    energy: str
    energy_wh: int = 0

    def __str__(self) -> str:
        agreed = f" {self.agreed}" if self.agreed else ""
        return f"p{self.period} {self.who}{agreed} {self.outcome} {self.energy}"


def read_line(text: str) -> Line:
    """Read a line of a baseline's list.

    Raises
    ------
    ValueError
        It is none.
    """
    words = text.split(" ")
    if len(words) < 4 or not words[0].removeprefix("p").removeprefix("-").isdigit():
        raise ValueError(f"{text!r} is no contract; expected one as {EXAMPLE!r}")
    period, outcome, energy = int(words[0][1:]), words[-2], words[-1]
    if len(words) >= 8 and words[-3] == "ticks" and words[-5] == "Wh":
        return Line(period, " ".join(words[1:-6]), " ".join(words[-6:-2]), outcome, energy)
    return Line(period, " ".join(words[1:-2]), "", outcome, energy)


EXAMPLE = "p0 mill→bakery 328 Wh 153 ticks delivered 328.000"


def trade_lines(run: OpenedRun) -> list[Line]:
    """Every contract of a run, in order of time."""
    rows = sorted(run.rows("contracts"), key=lambda row: (row["period"], row["contract_id"]))
    return [
        Line(
            row["period"],
            f"{row['seller']}→{row['buyer']}",
            f"{row['energy_wh']} Wh {row['price_ticks']} ticks",
            fate_of(row).replace(" ", "_"),
            "–" if row["delivered_milliwh"] is None else f"{row['delivered_milliwh'] / 1000:.3f}",
            row["energy_wh"],
        )
        for row in rows
    ]


def bill_lines(run: OpenedRun) -> list[Line]:
    """Every bill of a run that a rule settled, in order of time."""
    rows = sorted(run.rows("bills"), key=lambda row: row["period"])
    return [
        Line(
            row["period"],
            row["peer"],
            "",
            f"{row['receives_ueur']}µ€",
            f"{row['net_milliwh'] / 1000:.3f}",
        )
        for row in rows
    ]


def fate_of(row: Mapping[str, Any]) -> str:
    """What became of a contract; where it stands if that is not known yet."""
    return str(row["fate"] or row["state"] or "open")
