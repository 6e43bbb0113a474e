"""What system operators offer for moving energy, and how the community answers and shares."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from .schema_market import to_ticks
from .schema_peers import LPD_NAME, Name
from .spec import Problem, Spec, refuse
from .times import Duration, Moment

TAKEN = frozenset(
    {LPD_NAME, "supplier", "community", "guarantee_fund", "collateral", "endowment", "state"}
)
"""Accounts that are no system operator's; `operator` is the market's."""


def _unticked(spec: Spec) -> list[Problem]:
    """Find prices finer than a tick."""
    prices = {k: v for k, v in spec.model_dump().items() if k.endswith("_eur_per_kwh")}
    return [
        Problem((name,), f"{price:g} €/kWh is finer than a price tick; expected steps of 0.001")
        for name, price in prices.items()
        if abs(1000 * price - to_ticks(price)) > 1e-9
    ]


class FlexibilityCallSpec(Spec):
    """One operator's incentive: so much for every kWh moved in a window."""

    name: Name = Field(description="What it goes by in the tables.")
    operator: Name = Field(default="dso", description="Who offers and pays it.")
    at: Moment = Field(description="When its window begins; a delivery period begins then.")
    when: Literal["always", "yellow"] = Field(
        default="always",
        description="Whether it is made at every gate of its window, or only while the operator's "
        "traffic light is not green.",
    )
    duration: Duration = Field(description="Length of its window: whole delivery periods.")
    direction: Literal["up", "down"] = Field(
        default="up", description="More injection and less consumption, or the opposite."
    )
    price_eur_per_kwh: NonNegativeFloat = Field(
        description="For a kWh delivered, beside what the supplier pays or is paid for it. [€/kWh]"
    )
    volume_kw: PositiveFloat = Field(description="The most it takes, of all peers. [kW]")
    minimum_kw: NonNegativeFloat = Field(
        default=1000.0, description="The least that is a bid, of all peers together. [kW]"
    )
    peer_minimum_kw: NonNegativeFloat = Field(
        default=100.0, description="The least that a peer may take part with. [kW]"
    )
    penalty_eur_per_kwh: NonNegativeFloat = Field(
        default=0.0, description="For a kWh that was bid and not delivered. [€/kWh]"
    )

    @model_validator(mode="after")
    def _can_be_bid(self) -> Self:
        problems = _unticked(self)
        if self.minimum_kw > self.volume_kw:
            message = (
                f"{self.minimum_kw:g} kW is above the volume of {self.volume_kw:g} kW; expected "
                "at most it"
            )
            problems.append(Problem(("minimum_kw",), message))
        refuse(problems)
        return self


class FlexibilitySpec(Spec):
    """Calls of system operators; peers answer at each gate with what the market has left."""

    calls: tuple[FlexibilityCallSpec, ...] = Field(min_length=1, description="In any order.")
    members: dict[Name, tuple[Name, ...]] = Field(
        default_factory=dict,
        description="Peers of each operator, by its name; the rest are the dso's. A peer belongs "
        "to one.",
    )
    stored_eur_per_kwh: float = Field(
        default=0.25,
        description="What a stored kWh is worth to its owner; moving costs the difference to "
        "what the supplier pays or asks for it. [€/kWh]",
    )
    share: Literal["contribution", "equal", "shapley"] = Field(
        default="contribution", description="How peers share what a call brings."
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        problems = _unticked(self)
        names = [call.name for call in self.calls]
        problems += [
            Problem(("calls", i, "name"), f"second call named {name!r}; expected names that differ")
            for i, name in enumerate(names)
            if name in names[:i]
        ]
        problems += [
            Problem(("calls", i, "operator"), f"{call.operator!r} is another's account")
            for i, call in enumerate(self.calls)
            if call.operator in TAKEN
        ]
        peers = [(operator, peer) for operator, of in self.members.items() for peer in of]
        for i, (operator, peer) in enumerate(peers):
            if peer in [other for _, other in peers[:i]]:
                message = f"{peer!r} is named twice; expected each peer with one operator"
                problems.append(Problem(("members", operator), message))
        refuse(problems)
        return self
