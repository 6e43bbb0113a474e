"""How energy is traded: mechanism, gates, tariffs, fees, bids, and the money of a failure."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from .schema_admission import AdmissionSpec
from .schema_bids import BidSpec
from .schema_contracts import ContractSpec
from .schema_peers import Name, Share
from .spec import Problem, Spec, refuse
from .times import Duration


def to_ticks(eur_per_kwh: float) -> int:
    """Return a price in the market's ticks of 1 µ€/Wh, which is 0.001 €/kWh.

    Examples
    --------
    >>> to_ticks(0.35)
    350
    """
    return round(1000 * eur_per_kwh)


def _unticked(prices: dict[str, float]) -> list[Problem]:
    return [
        Problem((name,), f"{price:g} €/kWh is finer than a price tick; expected steps of 0.001")
        for name, price in prices.items()
        if abs(1000 * price - round(1000 * price)) > 1e-9
    ]


class TariffSpec(Spec):
    """What the supplier asks and pays outside the market."""

    retail_eur_per_kwh: NonNegativeFloat = Field(
        default=0.35, description="Price at which the supplier sells. [€/kWh]"
    )
    feed_in_eur_per_kwh: float = Field(
        default=0.08, description="Price at which the supplier buys; may be negative. [€/kWh]"
    )

    @model_validator(mode="after")
    def _leave_room_for_trade(self) -> Self:
        problems = _unticked(self.model_dump())
        if self.feed_in_eur_per_kwh >= self.retail_eur_per_kwh:
            message = (
                f"{self.feed_in_eur_per_kwh:g} €/kWh is not below the retail price of "
                f"{self.retail_eur_per_kwh:g} €/kWh; expected feed-in < retail"
            )
            problems.append(Problem(("feed_in_eur_per_kwh",), message))
        refuse(problems)
        return self


class FeeSpec(Spec):
    """What the DSO asks for transport."""

    kind: Literal["uniform", "zonal", "electrical_distance", "ptdf"] = Field(
        default="electrical_distance",
        description="One fee for all trades; one inside a zone and another between zones; by the "
        "electrical distance between the peers; or by the lines that a trade loads (power "
        "transfer distribution factors).",
    )
    per: Literal["pair", "node"] = Field(
        default="pair",
        description="Charged for the path from seller to buyer, on top of the price; or as an "
        "entry fee of the seller and an exit fee of the buyer, inside the clearing.",
    )
    mean_eur_per_kwh: NonNegativeFloat = Field(
        default=0.02, description="The uniform fee, or the mean over all pairs of peers. [€/kWh]"
    )
    within_eur_per_kwh: NonNegativeFloat = Field(
        default=0.01, description="Inside a zone, where the kind is zonal. [€/kWh]"
    )
    between_eur_per_kwh: NonNegativeFloat = Field(
        default=0.03, description="From zone to zone, where the kind is zonal. [€/kWh]"
    )
    free_at_same_bus: bool = Field(
        default=False,
        description="Nothing is charged between peers behind one connection point: at one bus.",
    )

    @model_validator(mode="after")
    def _is_in_ticks(self) -> Self:
        prices = self.model_dump()
        refuse(_unticked({k: v for k, v in prices.items() if k.endswith("_eur_per_kwh")}))
        return self

    @model_validator(mode="after")
    def _is_free_by_pair_only(self) -> Self:
        if self.free_at_same_bus and self.per == "node":
            message = "a fee per node does not know the other side; expected per: pair with it"
            refuse([Problem(("free_at_same_bus",), message)])
        return self

    @model_validator(mode="after")
    def _asks_for_what_its_kind_knows(self) -> Self:
        zonal = {"within_eur_per_kwh", "between_eur_per_kwh"}
        foreign = {"mean_eur_per_kwh"} if self.kind == "zonal" else zonal
        refuse(
            [
                Problem((name,), f"means nothing where fees are {self.kind}; leave it out")
                for name in sorted(foreign & self.model_fields_set)
                if getattr(self, name) != FeeSpec.model_fields[name].default
            ]
        )
        return self


class ProductSpec(Spec):
    """A forward product: blocks of several periods, one flat volume each, cleared ahead."""

    name: Name = Field(description="For the log, the tables and the report.")
    length: Duration = Field(
        default=Duration.parse("1 h"),
        description="Length of a block: a whole number of periods, counted from the run's start.",
    )
    gate: Duration = Field(
        default=Duration.parse("30 min"),
        description="Time between a block's gate and its delivery.",
    )
    mechanism: str = Field(
        default="uniform_price", description="What clears it, named as the market's own."
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the mechanism, checked by itself."
    )


class MarketSpec(Spec):
    """The market: who matches, when, and between which tariffs."""

    mechanism: str = Field(
        default="uniform_price",
        description="A known name, ./file.py:Class beside the scenario, or package.module:Class.",
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Options of the mechanism, checked by itself."
    )
    period: Duration = Field(
        default=Duration.parse("15 min"), description="Length of a delivery period."
    )
    gate: Duration = Field(
        default=Duration.parse("5 min"),
        description="Time between a gate and its period's delivery.",
    )
    tariffs: TariffSpec = Field(default=TariffSpec(), description="Supplier's prices.")
    fees: FeeSpec = Field(default=FeeSpec(), description="Transport fees.")
    admission: AdmissionSpec | None = Field(
        default=None,
        description="Trades are admitted as far as the grid can carry their schedule; left out, "
        "all are.",
    )
    bids: BidSpec = Field(default=BidSpec(), description="How peers bid.")
    contracts: ContractSpec = Field(default=ContractSpec(), description="How contracts are agreed.")
    products: tuple[ProductSpec, ...] = Field(
        default=(),
        description="Blocks that are traded ahead; the market's own mechanism, period and gate are "
        "the real-time product, which trades the rest.",
    )

    @model_validator(mode="after")
    def _products_come_before(self) -> Self:
        problems = []
        for index, one in enumerate(self.products):
            at = ("products", index)
            if not one.length.is_multiple_of(self.period) or one.length.ns < 2 * self.period.ns:
                message = (
                    f"{one.length} is no block of periods of {self.period}; expected 2 or more"
                )
                problems.append(Problem((*at, "length"), message))
            if one.gate.ns < self.gate.ns:
                message = (
                    f"{one.gate} is after the market's own gate of {self.gate}; expected before"
                )
                problems.append(Problem((*at, "gate"), message))
            if one.name in [other.name for other in self.products[:index]]:
                problems.append(Problem((*at, "name"), f"second product called {one.name!r}"))
        refuse(problems)
        return self

    @model_validator(mode="after")
    def _gate_fits(self) -> Self:
        if self.gate.ns > self.period.ns:
            message = f"{self.gate} is longer than the period of {self.period}; expected at most it"
            refuse([Problem(("gate",), message)])
        return self


class ImbalanceSpec(Spec):
    """Prices of energy beyond contracts by the system's imbalance, in place of the tariffs."""

    kind: Literal["single", "dual"] = Field(
        description="One price for both signs, by the sign of all meters together; or a price for "
        "who is short, the reference at least, and one for who is long, the reference at most."
    )
    up_eur_per_kwh: float = Field(
        description="Price of upward balancing energy: the system is short. [€/kWh]"
    )
    down_eur_per_kwh: float = Field(
        description="Price of downward balancing energy: the system is long. [€/kWh]"
    )
    reference_eur_per_kwh: float = Field(
        description="Price before real time, day-ahead say. [€/kWh]"
    )

    @model_validator(mode="after")
    def _prices_fit(self) -> Self:
        prices = {k: v for k, v in self.model_dump().items() if k.endswith("_eur_per_kwh")}
        problems = _unticked(prices)
        if self.down_eur_per_kwh > self.up_eur_per_kwh:
            message = (
                f"{self.down_eur_per_kwh:g} €/kWh is above the upward price of "
                f"{self.up_eur_per_kwh:g} €/kWh; expected down ≤ up"
            )
            problems.append(Problem(("down_eur_per_kwh",), message))
        refuse(problems)
        return self


class TaxSpec(Spec):
    """What the state gets of what peers draw and pay."""

    levy_eur_per_kwh: NonNegativeFloat = Field(
        default=0.0, description="Taxes and levies on energy drawn, whoever sold it. [€/kWh]"
    )
    vat_percent: NonNegativeFloat = Field(
        default=0.0,
        le=100,
        description="Value added tax on what is paid for energy, transport and levies. [%]",
    )

    @model_validator(mode="after")
    def _is_in_steps(self) -> Self:
        problems = _unticked({"levy_eur_per_kwh": self.levy_eur_per_kwh})
        if abs(10 * self.vat_percent - round(10 * self.vat_percent)) > 1e-9:
            message = f"{self.vat_percent:g} % is finer than expected; expected steps of 0.1 %"
            problems.append(Problem(("vat_percent",), message))
        refuse(problems)
        return self


class SettlementSpec(Spec):
    """Prices and bounds of rules R1 to R9: when a failure is called, and what it costs."""

    lpd_sell_eur_per_kwh: NonNegativeFloat = Field(
        default=0.33, description="Price at which the LPD covers a shortfall. [€/kWh]"
    )
    lpd_buy_eur_per_kwh: float = Field(
        default=0.07, description="Price at which the LPD takes what a buyer leaves. [€/kWh]"
    )
    stability_fee_eur_per_kwh: NonNegativeFloat = Field(
        default=0.02, description="From the failing party on the LPD's energy (R5). [€/kWh]"
    )
    compensation_eur_per_kwh: NonNegativeFloat = Field(
        default=0.50, description="Owed by a failing seller for energy that was shed (R6). [€/kWh]"
    )
    collateral_percent: NonNegativeInt = Field(
        default=50, description="Collateral of each side, of the contract's value at retail. [%]"
    )
    guarantee_fund_eur: NonNegativeFloat = Field(
        default=10.0, description="What the guarantee fund opens with (R7). [€]"
    )
    dead_band_wh: NonNegativeInt = Field(
        default=5, description="Deviation that counts as kept: at least this much. [Wh]"
    )
    dead_band_permille: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=10, description="The same of the contracted energy; the larger holds. [‰]"
    )
    call_wh: NonNegativeInt = Field(
        default=20, description="Cumulative deficit that calls a shortfall: more than this. [Wh]"
    )
    call_share: Share = Field(
        default=0.02, description="The same of the contracted energy; the larger holds. [1]"
    )
    trip_ticks: PositiveInt = Field(
        default=3, description="Ticks for which a device reports a trip before it is called."
    )
    imbalance: ImbalanceSpec | None = Field(
        default=None,
        description="How energy beyond contracts is priced; left out, at retail and feed-in.",
    )
    taxes: TaxSpec = Field(default=TaxSpec(), description="Levies and value added tax.")
    critical_rate_eur_per_kwh: NonNegativeFloat | None = Field(
        default=None,
        description="What critical peers pay in an island for what they draw beyond contracts; "
        "left out, retail. [€/kWh]",
    )
    rules: dict[str, str] = Field(
        default_factory=dict,
        description="Functions in place of rules of settlement, by the rule's name: "
        "./file.py:function beside the scenario, or package.module:function.",
    )

    @model_validator(mode="after")
    def _is_in_ticks(self) -> Self:
        prices = self.model_dump()
        told = {k: v for k, v in prices.items() if k.endswith("_eur_per_kwh") and v is not None}
        refuse(_unticked(told))
        return self
