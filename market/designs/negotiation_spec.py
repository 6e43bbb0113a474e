"""What a scenario may say about a negotiation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from ..communication.links import LINKS
from .talk import Network, Terms

__all__ = ["NegotiationSpec"]


class NegotiationSpec(BaseModel, extra="forbid", frozen=True):
    """How peers negotiate, and what holds at the gate without agreement."""

    at_gate: Literal["repair", "last"] = Field(
        default="repair",
        description="Without agreement: repair the offers so far to trades that all bounds allow, "
        "or fall back to the last contracts, as far as today's orders allow.",
    )
    tolerance: PositiveFloat | None = Field(
        default=None,
        description="Relative error of the welfare to aim for; left out, the solver's. [1]",
    )
    most_rounds: PositiveInt | None = Field(
        default=None, description="Rounds at most; left out, the solver's. [-]"
    )
    warm: bool = Field(default=True, description="Start from where the last negotiation ended.")
    budget_s: PositiveFloat = Field(
        default=60.0, description="Time from the first word to the gate. [s]"
    )
    patience_s: PositiveFloat = Field(
        default=0.5, description="After which a peer goes on without who has not answered. [s]"
    )
    thinking_s: NonNegativeFloat = Field(default=0.01, description="Time that an answer takes. [s]")
    link: str | None = Field(
        default=None,
        description="Class of the links, such as lte; instead of delay_s, jitter_s and loss.",
    )
    delay_s: NonNegativeFloat = Field(default=0.05, description="Every message's delay. [s]")
    jitter_s: NonNegativeFloat = Field(
        default=0.0, description="Mean of what comes on top, exponentially distributed. [s]"
    )
    loss: float = Field(
        default=0.0, ge=0, le=1, description="Probability that a message never arrives. [1]"
    )
    silent: dict[str, PositiveInt] = Field(
        default_factory=dict, description="Peers that fall silent, and from which round on."
    )
    seed: int = Field(default=0, ge=0, description="Of the links' luck.")

    @model_validator(mode="after")
    def _knows_its_links(self) -> Self:
        if self.link is None:
            return self
        if self.link not in LINKS:
            raise ValueError(f"no link {self.link!r}; known: {', '.join(sorted(LINKS))}")
        if foreign := sorted({"delay_s", "jitter_s", "loss"} & self.model_fields_set):
            raise ValueError(f"{', '.join(foreign)}: the link {self.link} says it; leave it out")
        return self

    def network(self, silent_from: Mapping[int, int], period: int) -> Network:
        """The network of one period, whose luck is its own."""
        luck = np.random.SeedSequence([self.seed, period])
        return Network(
            delay_s=self.delay_s,
            jitter_s=self.jitter_s,
            loss=self.loss,
            link=None if self.link is None else LINKS[self.link],
            silent_from=silent_from,
            seed=int(luck.generate_state(1)[0]),
        )

    def terms(self) -> Terms:
        """Until when peers talk; who falls back to last contracts does so in `bargaining`."""
        return Terms(gate_s=self.budget_s, patience_s=self.patience_s, thinking_s=self.thinking_s)

    def limits(self) -> dict[str, Any]:
        """When a solver stops, as far as the scenario says it."""
        told = {"tolerance": self.tolerance, "most_rounds": self.most_rounds}
        return {name: value for name, value in told.items() if value is not None}
