"""How messages travel: links of meters and peers, outages, clocks that are off, retries."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from .schema_peers import Name, Share
from .spec import Problem, Spec, refuse
from .times import Duration, Moment

LinkName = Literal["ideal", "lorawan", "gprs", "lte", "power-line", "fibre"]
"""Link classes, as `market.communication.LINKS` has them."""

HUBS = ("market", "dso", "lpd")
"""Parties beside the peers."""


class OutageSpec(Spec):
    """A party, or all links of a class, cannot be reached: once, or now and then at random."""

    party: Name | None = Field(
        default=None, description="Name of a peer, or market, dso, lpd; nothing reaches it."
    )
    link: LinkName | None = Field(default=None, description="Class of the links that are down.")
    from_: Moment | None = Field(default=None, alias="from", description="When it begins.")
    to: Moment | None = Field(default=None, description="When it is over.")
    every: Duration | None = Field(
        default=None, description="Mean time between a repair and the next failure."
    )
    lasts: Duration | None = Field(default=None, description="Mean time to a repair.")

    @model_serializer(mode="wrap")
    def _as_written(self, told: SerializerFunctionWrapHandler) -> dict[str, Any]:
        plain: dict[str, Any] = told(self)
        return {key.rstrip("_"): value for key, value in plain.items()}

    @model_validator(mode="after")
    def _says_who_and_when(self) -> Self:
        problems = []
        if (self.party is None) == (self.link is None):
            problems.append(Problem((), "names not one of party and link; expected either"))
        once = (self.from_ is not None, self.to is not None)
        often = (self.every is not None, self.lasts is not None)
        if not (all(once) and not any(often)) and not (all(often) and not any(once)):
            message = "says not when; expected from and to, or every and lasts"
            problems.append(Problem((), message))
        refuse(problems)
        return self


class SkewSpec(Spec):
    """A party's clock is off."""

    party: Name = Field(description="Name of a peer; its meter has the same clock.")
    ahead_s: float = Field(
        default=0.0, description="What it shows too much at the start; negative: too little. [s]"
    )
    drift_ppm: Annotated[float, Field(ge=-1000, le=1000)] = Field(
        default=0.0, description="How much too fast it is. [ppm]"
    )


class RetrySpec(Spec):
    """How a sender tries again until its message is of no use any more."""

    first_s: PositiveFloat = Field(
        default=2.0, description="How long it waits for the first acknowledgement. [s]"
    )
    factor: Annotated[float, Field(ge=1)] = Field(
        default=2.0, description="By which it waits longer each time. [1]"
    )
    most_s: PositiveFloat = Field(default=60.0, description="The longest that it waits. [s]")
    attempts: PositiveInt = Field(default=8, description="The most that it makes.")

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.first_s > self.most_s:
            message = f"{self.first_s:g} s is above most_s of {self.most_s:g} s"
            refuse([Problem(("first_s",), f"{message}; expected at most that")])
        return self


class CommunicationSpec(Spec):
    """Links between meters, peers, market, DSO and LPD; left out, all arrives at once."""

    meters: LinkName = Field(
        default="ideal", description="Link of every meter: its alarms, and its readings."
    )
    peers: LinkName = Field(
        default="ideal", description="Link of every peer: its offers, and its schedules."
    )
    outages: tuple[OutageSpec, ...] = Field(default=(), description="What is down, and when.")
    clocks: tuple[SkewSpec, ...] = Field(default=(), description="Clocks that are off.")
    retry: RetrySpec = Field(default=RetrySpec(), description="How senders try again.")
    read_every: Duration | None = Field(
        default=None,
        description="How often a meter looks at what it has measured, so that it can raise an "
        "alarm; left out, at every tick.",
    )
    offers_before: Duration = Field(
        default=Duration.parse("10 s"), description="How long before the gate peers send offers."
    )
    settle_within: Duration = Field(
        default=Duration.parse("1 min"),
        description="How long after a period the settlement waits for readings.",
    )
    duplicate: Share = Field(
        default=0.0, description="Probability that what arrives arrives twice. [1]"
    )
    in_order: bool = Field(
        default=False, description="Whether messages on a link never overtake each other."
    )
    loss: Share | None = Field(
        default=None,
        description="Probability that a transmission is lost, in place of that of the link. [1]",
    )
    jitter_s: NonNegativeFloat = Field(
        default=0.0, description="Mean of an exponential delay on top of that of the link. [s]"
    )
    spreading_factor: Annotated[int, Field(ge=7, le=12)] | None = Field(
        default=None, description="Spreading factor of LoRa, in place of that of the table. [1]"
    )
