"""What each mechanism promises, as one table: docs/market.md prints it, the tests hold it.

Myerson and Satterthwaite (J. Econ. Theory, vol. 29, 1983) showed that no mechanism is efficient,
individually rational, budget balanced and truthful at once, even for one buyer and one seller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

__all__ = ["PROPERTIES", "Balance", "Kind", "Properties", "properties_table"]


class Kind(Enum):
    """What a mechanism looks at, and when."""

    CALL = "call auction"
    CONTINUOUS = "continuous auction"
    OPTIMISING = "optimising call"
    PLATFORM = "platform matching"
    RULE = "rule on meters"


class Balance(Enum):
    """What is left over between what buyers pay and what sellers get."""

    STRONG = "strong: nothing is left over"
    WEAK = "weak: the operator keeps a surplus"
    DEFICIT = "no: the operator bears a deficit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Properties:
    """What one mechanism promises.

    Attributes
    ----------
    kind : Kind
    rational : bool
        Nobody is worse off than without it: than by its limits, or, for a rule, than by the
        tariffs.
    balance : Balance
    truthful : str
        Within which limits nobody gains by saying something else than the truth; empty where it
        is not claimed.
    efficient : bool
        What trades by the limits said is the most that could be gained, preferences and charges
        included where it honours them.
    preferences, charges : bool
        Whether it heeds wishes of buyers, and network charges, in deciding who trades.
    arrival : bool
        Whether the outcome depends on who came first, beyond ties.
    source : str
        Where it is defined.
    """

    kind: Kind
    rational: bool = True
    balance: Balance = Balance.STRONG
    truthful: str = ""
    efficient: bool = False
    preferences: bool = False
    charges: bool = False
    arrival: bool = False
    source: str

    @property
    def rounds(self) -> int:
        """Messages that a peer sends in a period: its orders at once; none to a rule. [-]"""
        return 0 if self.kind is Kind.RULE else 1

    @property
    def bids(self) -> bool:
        """Whether peers say anything that could be untrue."""
        return self.kind is not Kind.RULE


_EQUAL_LOTS = "one equal lot per peer (`lots: equal`)"

#: Known name to what it promises.
PROPERTIES: Mapping[str, Properties] = MappingProxyType(
    {
        "uniform_price": Properties(
            kind=Kind.CALL, efficient=True, source="Wilson 1985; Satterthwaite and Williams 1989"
        ),
        "pay_as_bid": Properties(
            kind=Kind.CALL, balance=Balance.WEAK, efficient=True, source="Klemperer 1999"
        ),
        "vcg": Properties(
            kind=Kind.CALL,
            balance=Balance.DEFICIT,
            truthful="a peer with all its orders",
            efficient=True,
            source="Vickrey 1961; Clarke 1971; Groves 1973",
        ),
        "trade_reduction": Properties(
            kind=Kind.CALL, balance=Balance.WEAK, truthful=_EQUAL_LOTS, source="McAfee 1992"
        ),
        "mcafee": Properties(
            kind=Kind.CALL, balance=Balance.WEAK, truthful=_EQUAL_LOTS, source="McAfee 1992"
        ),
        "huang": Properties(
            kind=Kind.CALL,
            balance=Balance.WEAK,
            truthful="prices only, one order per peer",
            source="Huang, Scheller-Wolf and Sycara 2002",
        ),
        "muda": Properties(
            kind=Kind.CALL,
            balance=Balance.WEAK,
            truthful="falling marginal values, the lots drawn",
            source="Segal-Halevi, Hassidim and Aumann 2018",
        ),
        "continuous": Properties(kind=Kind.CONTINUOUS, arrival=True, source="Smith 1962"),
        "assignment": Properties(
            kind=Kind.OPTIMISING,
            efficient=True,
            preferences=True,
            charges=True,
            source="Shapley and Shubik 1971",
        ),
        "full_p2p": Properties(
            kind=Kind.OPTIMISING,
            efficient=True,
            preferences=True,
            charges=True,
            source="Sorin, Bobo and Pinson 2019",
        ),
        "community": Properties(
            kind=Kind.OPTIMISING, efficient=True, source="Moret and Pinson 2019"
        ),
        "hybrid": Properties(kind=Kind.OPTIMISING, efficient=True, source="Sousa et al. 2019"),
        "hierarchy": Properties(
            kind=Kind.OPTIMISING, source="Zhang et al. 2017 (levels); Wilson 1985 (each auction)"
        ),
        "stackelberg": Properties(
            kind=Kind.OPTIMISING, balance=Balance.WEAK, source="Liu, Yu, Wang and Wang 2017"
        ),
        "piclo": Properties(
            kind=Kind.PLATFORM,
            preferences=True,
            charges=True,
            arrival=True,
            source="Zhang et al. 2017 (the pilot); Gale and Shapley 1962",
        ),
        "vandebron": Properties(
            kind=Kind.PLATFORM,
            preferences=True,
            charges=True,
            source="Zhang et al. 2017 (the pilot)",
        ),
        "sonnen_community": Properties(kind=Kind.PLATFORM, source="sonnen (the pilot)"),
        "trader": Properties(
            kind=Kind.PLATFORM, charges=True, arrival=True, source="Electron (the pilot)"
        ),
        "mid_market_rate": Properties(kind=Kind.RULE, source="Long et al. 2017"),
        "bill_sharing": Properties(kind=Kind.RULE, rational=False, source="Long et al. 2017"),
        "supply_demand_ratio": Properties(kind=Kind.RULE, source="Liu et al. 2017"),
        "benefit_sharing": Properties(
            kind=Kind.RULE,
            source="Shapley 1953; Schmeidler 1969; Moncecchi, Meneghello and Merlo 2020",
        ),
        "status_quo": Properties(kind=Kind.RULE, source="the supplier's tariffs"),
    }
)


def properties_table() -> str:
    """Print the table in Markdown, one mechanism a line."""
    head = (
        "mechanism | kind | individually rational | budget balanced | incentive compatible | "
        "efficient | preferences | network charges | order of arrival | messages | source"
    )
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *(_line(name, told) for name, told in PROPERTIES.items())])


def _line(name: str, told: Properties) -> str:
    cells = (
        f"`{name}`",
        told.kind.value,
        _yes(told.rational),
        told.balance.value,
        (told.truthful or "no") if told.bids else "nothing is said",
        _yes(told.efficient) if told.bids else "nothing is chosen",
        _yes(told.preferences),
        _yes(told.charges),
        "matters" if told.arrival else "breaks ties" if told.bids else "none",
        str(told.rounds),
        told.source,
    )
    return f"| {' | '.join(cells)} |"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
