"""How contracts are agreed: signatures, deadlines, what the LPD asks for, and who refuses."""

from typing import Literal

from pydantic import Field

from market.delivery.risk import RiskOptions

from .spec import Spec
from .times import Duration


class CollateralSpec(Spec):
    """What both sides of a contract put up."""

    by: Literal["flat", "risk"] = Field(
        default="flat",
        description="settlement.collateral_percent from everybody, or by the risk of the party.",
    )
    risk: RiskOptions = Field(
        default=RiskOptions(), description="Parameters of the margin by risk, where it is by risk."
    )


class RefusalSpec(Spec):
    """Who refuses what, and how often."""

    peer: str | None = Field(
        default=None, description="A peer, lpd or dso; left out, any of the four."
    )
    step: Literal["quote", "signature"] = Field(
        default="signature", description="Its collateral, or its signature."
    )
    probability: float = Field(
        default=1.0, ge=0, le=1, description="Of each contract on its own, by the run's seed. [1]"
    )
    period: int | None = Field(
        default=None, ge=0, description="Delivery period, counted from 0; left out, every one."
    )


class ContractSpec(Spec):
    """How contracts are agreed."""

    signatures: Literal["batched", "each", "none"] = Field(
        default="batched",
        description="One signature of each party under all contracts of a gate (Merkle root); "
        "four under each contract; or none.",
    )
    sign_ahead: Duration | None = Field(
        default=None,
        description="How long before its period a contract must be signed by all; left out, until "
        "it begins.",
    )
    collateral: CollateralSpec = Field(
        default=CollateralSpec(), description="What the LPD asks for."
    )
    refusals: tuple[RefusalSpec, ...] = Field(default=(), description="Who refuses what.")
