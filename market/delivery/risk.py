"""How much collateral the LPD asks of a party: a flat share, or by the risk that it fails.

The margin by risk is ours, built as clearing houses build theirs: a quantile of the loss that a
position can bring, from an exponentially weighted history, with a surcharge for large positions.
Per party and contract

.. math:: C = E\\,p \\cdot \\mathrm{clip}\\Bigl(z \\sqrt{\\sigma^2 + v}\\,
          (E / E_0)^{\\alpha},\\; s_{min},\\; s_{max}\\Bigr)

with E the contract's energy, p the retail price, σ the forecast's relative error, and v the mean
square of the share that the party did not keep, v ← λ v + (1 − λ) x² after each period of its.
λ = 0.94 and z = 1.645 are those of RiskMetrics [1]_ (daily variance; one-sided 95 %; remembered,
unverified); all else is our choice, and α > 0 makes one large promise dearer than many small ones.

References
----------
.. [1] J.P. Morgan/Reuters, "RiskMetrics — Technical Document," 4th ed., 1996.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

if TYPE_CHECKING:
    from .contract import Contract
    from .outcome import Outcome
    from .rules import Terms

__all__ = ["ByRisk", "Collateral", "FlatShare", "Quote", "RiskOptions"]


class Quote(NamedTuple):
    """Collateral of both sides. [µ€]"""

    seller_ueur: int
    buyer_ueur: int


class Collateral(Protocol):
    """How the LPD quotes."""

    def quote(self, contract: Contract) -> Quote:
        """Say what both sides have to put up."""
        ...

    def observe(self, outcomes: Iterable[Outcome]) -> None:
        """Learn from a settled period."""
        ...


class FlatShare:
    """The same share of the energy's retail value from everybody.

    Parameters
    ----------
    terms : Terms
        Their share is `collateral_percent`.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms

    def quote(self, contract: Contract) -> Quote:
        """Ask both sides for the same, rounded down."""
        amount = self._terms.collateral_ueur(contract.energy_wh)
        return Quote(amount, amount)

    def observe(self, outcomes: Iterable[Outcome]) -> None:
        """Learn nothing."""


@dataclass(frozen=True, config={"extra": "forbid"})
class RiskOptions:
    """Parameters of the margin by risk; defaults without a source above are our choice."""

    floor_percent: float = Field(
        default=10.0, ge=0, description="Least collateral, of the energy's retail value. [%]"
    )
    cap_percent: float = Field(default=100.0, gt=0, description="Most collateral, likewise. [%]")
    quantile: float = Field(
        default=1.645, ge=0, description="z: how many standard deviations are covered. [1]"
    )
    decay: float = Field(
        default=0.94, ge=0, lt=1, description="λ: weight of a party's past at each period. [1]"
    )
    forecast_error: float = Field(
        default=0.2, ge=0, description="σ: standard deviation of what is promised, of it. [1]"
    )
    reference_wh: int = Field(
        default=1000, gt=0, description="E₀: size at which the surcharge for size is 1. [Wh]"
    )
    size_exponent: float = Field(
        default=0.25, ge=0, le=1, description="α: 0 means that size does not count. [1]"
    )

    @model_validator(mode="after")
    def _leaves_room(self) -> Self:
        if self.floor_percent > self.cap_percent:
            raise ValueError(
                f"floor_percent {self.floor_percent:g} is above cap_percent {self.cap_percent:g}; "
                f"expected floor ≤ cap"
            )
        return self


class ByRisk:
    """More from who failed lately, and from who promises much at once.

    Parameters
    ----------
    retail_ticks : int
        [µ€/Wh]
    options : RiskOptions
    """

    def __init__(self, retail_ticks: int, options: RiskOptions) -> None:
        self._retail_ticks, self._options = retail_ticks, options
        self._variance: dict[str, float] = defaultdict(float)

    def share(self, peer: str, energy_wh: int) -> float:
        """Part of the retail value that a peer puts up for a promise of this size. [1]"""
        o = self._options
        deviation = o.quantile * sqrt(o.forecast_error**2 + self._variance.get(peer, 0.0))
        size = float((energy_wh / o.reference_wh) ** o.size_exponent)
        return min(max(deviation * size, o.floor_percent / 100), o.cap_percent / 100)

    def quote(self, contract: Contract) -> Quote:
        """Ask each side for its own, rounded down."""
        value = contract.energy_wh * self._retail_ticks
        return Quote(
            int(value * self.share(contract.seller, contract.energy_wh)),
            int(value * self.share(contract.buyer, contract.energy_wh)),
        )

    def observe(self, outcomes: Iterable[Outcome]) -> None:
        """Note which share of all that it promised each party did not keep."""
        promised: dict[str, int] = defaultdict(int)
        kept: dict[str, int] = defaultdict(int)
        for outcome in outcomes:
            contract = outcome.contract
            promised[contract.seller] += contract.energy_milliwh
            kept[contract.seller] += outcome.delivered_milliwh
            promised[contract.buyer] += contract.energy_milliwh
            kept[contract.buyer] += outcome.accepted_milliwh
        decay = self._options.decay
        for peer, milliwh in promised.items():
            missed = 1 - kept[peer] / milliwh if milliwh else 0.0
            self._variance[peer] = decay * self._variance[peer] + (1 - decay) * missed**2
