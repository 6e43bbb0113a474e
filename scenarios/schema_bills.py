"""What bills assume, and what happens to a peer beside its devices: market, meter, dispute."""

from typing import Literal

from pydantic import Field, NonNegativeFloat

from .spec import Spec
from .times import Moment

MeterFault = Literal["drift", "stuck", "missing", "forged", "sound"]


class BillsSpec(Spec):
    """What paperwork costs; told beside the bills, and in no account."""

    transaction_cost_eur: NonNegativeFloat = Field(
        default=0.0, description="Of one contract, from match to payment. [€]"
    )
    reconciliation_cost_eur: NonNegativeFloat = Field(
        default=0.0,
        description="Of making one peer's public bill of a period agree with its contracts. [€]",
    )


class DisputeSpec(Spec):
    """A peer contests what its meter showed."""

    of: Moment | None = Field(
        default=None, description="Any moment of the period; left out, the last that has ended."
    )
    claimed_kwh: float | None = Field(
        default=None,
        description="Net injection that it claims; left out, what really flowed, as a meter of "
        "its own shows. [kWh]",
    )
