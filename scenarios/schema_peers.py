"""Who takes part: groups of peers drawn by seed, single peers, their batteries and PV, the LPD."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, NonNegativeFloat, PositiveFloat, Tag, model_validator

from models.storage.curve import faults_of

from .schema_appliances import AppliancesSpec
from .schema_bids import AgentSpec
from .schema_inverter import InverterSpec, StorageInverterSpec
from .schema_load_response import LoadResponse
from .schema_unbalanced import Phase
from .schema_weather import ModulesSpec
from .spec import POSITIVE, Problem, Range, Spec, refuse

LPD_NAME = "lpd"
SHORTEST_EMPTYING_MIN = 10.0
HOUSEHOLD_KWH = (2500.0, 5000.0)
"""What households draw their consumption in a year from, unless a group says otherwise. [kWh]"""

Share = Annotated[float, Field(ge=0, le=1)]
Efficiency = Annotated[float, Field(gt=0, le=1)]
PositiveRange = Annotated[Range, POSITIVE]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.\-]*$", max_length=60)]


def emptying_problems(capacity_kwh: float, p_max_kw: float) -> list[Problem]:
    """Find a battery that empties implausibly fast, as when energy and power are swapped."""
    minutes = 60 * capacity_kwh / p_max_kw
    if minutes >= SHORTEST_EMPTYING_MIN:
        return []
    message = (
        f"{capacity_kwh:g} kWh would be empty after {minutes:.2g} min at {p_max_kw:g} kW, expected "
        f"at least {SHORTEST_EMPTYING_MIN:g} min; are capacity_kwh and p_max_kw swapped?"
    )
    return [Problem(("capacity_kwh",), message)]


class PvSpec(Spec):
    """Photovoltaic generator and its inverter behind a peer's meter."""

    share: Share = Field(default=1.0, description="Part of the group's peers that have one. [1]")
    p_kwp: PositiveRange = Field(
        description="Peak power of the modules: a number, or [low, high] to draw from. [kWp]"
    )
    s_kva_per_kwp: PositiveFloat = Field(
        default=1.0,
        description="Apparent power of the inverter per peak power of the modules. [kVA/kWp]",
    )
    eur_per_kwp: NonNegativeFloat = Field(
        default=1500.0,
        description="What was invested in it, where a community shares its benefit by that; the "
        "default is a round figure, not a source's. [€/kWp]",
    )
    profile: str = Field(
        default="simbench:PV*",
        description="Profile of the feed-in per peak power: source:name, '*' matches. [kW/kWp]",
    )
    modules: ModulesSpec | None = Field(
        default=None,
        description="Instead of a profile: how the modules lie, so that feed-in follows from the "
        "scenario's weather. Needs the extra pv.",
    )
    inverter: InverterSpec | None = Field(
        default=None,
        description="What its inverter does for the grid, by a standard; left out, it feeds what "
        "is available at power factor one and trips by a German profile.",
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if self.modules is not None and "profile" in self.model_fields_set:
            message = "stands beside modules, whose feed-in follows from the weather; leave one out"
            refuse([Problem(("profile",), message)])
        return self


class BatterySpec(Spec):
    """Storage behind a peer's meter."""

    share: Share = Field(default=1.0, description="Part of the group's peers that have one. [1]")
    capacity_kwh: PositiveRange = Field(
        description="Usable energy: a number, or [low, high] to draw from. [kWh]"
    )
    p_max_kw: PositiveRange = Field(
        description="Limit at the grid side, both directions: a number or [low, high]. [kW]"
    )
    soc_initial: Range = Field(
        default=Range(0.5, 0.5),
        description="State of charge at the start: a number or [low, high]. [1]",
    )
    efficiency: Efficiency = Field(
        default=0.92,
        description="Round trip, grid side to grid side; shared by both directions. [1]",
    )
    efficiency_curve: tuple[tuple[float, float], ...] = Field(
        default=(),
        description="Instead: points of power per p_max_kw and efficiency of one way there; "
        "straight between them, flat outside. The energy manager plans with efficiency. [1], [1]",
    )
    discharge_efficiency_curve: tuple[tuple[float, float], ...] = Field(
        default=(),
        description="Out of the store, where that differs from efficiency_curve. [1], [1]",
    )
    standby_w: NonNegativeFloat = Field(
        default=0.0, description="What its electronics draw from the store all the time. [W]"
    )
    self_discharge_percent_per_day: float = Field(
        default=0.0, ge=0, lt=100, description="Part of what is stored that fades in a day. [%/d]"
    )
    ramp_kw_per_s: PositiveFloat | None = Field(
        default=None, description="Fastest change of its power; any, if left out. [kW/s]"
    )
    s_kva: PositiveFloat | None = Field(
        default=None, description="Apparent power of its inverter; as p_max_kw, if left out. [kVA]"
    )
    power_factor: float = Field(
        default=1.0,
        ge=-1,
        le=1,
        description="Of its inverter; below 0, reactive power goes against active power. [1]",
    )
    inverter: StorageInverterSpec | None = Field(
        default=None,
        description="What its inverter does with reactive power by a standard, instead of a power "
        "factor, within s_kva.",
    )
    ageing: bool = Field(
        default=False,
        description="Count its cycles by rainflow, and tell what of its cycle life they used.",
    )

    @model_validator(mode="after")
    def _is_plausible(self) -> Self:
        problems = emptying_problems(self.capacity_kwh.low, self.p_max_kw.high)
        problems += self._loss_problems()
        if self.soc_initial.high > 1:
            message = f"{self.soc_initial.high:g} is above 1; a state of charge is from 0 to 1"
            problems.append(Problem(("soc_initial",), message))
        refuse(problems)
        return self

    def _loss_problems(self) -> list[Problem]:
        """Find curves that no converter has, and stand-by that no battery could feed."""
        out = "discharge_efficiency_curve" if self.discharge_efficiency_curve else ""
        curves = (("efficiency_curve", True), (out or "efficiency_curve", False))
        problems = [
            Problem((name,), fault)
            for name, charging in curves
            if getattr(self, name)
            for fault in faults_of(getattr(self, name), charging=charging)
        ]
        if self.standby_w > 1e3 * self.p_max_kw.low:
            message = f"{self.standby_w:g} W is above p_max_kw, {self.p_max_kw.low:g} kW"
            problems.append(Problem(("standby_w",), message))
        if self.power_factor == 0.0:
            message = "is 0, which leaves no active power; expected -1 to 1 without 0"
            problems.append(Problem(("power_factor",), message))
        if self.inverter is not None and "power_factor" in self.model_fields_set:
            message = "stands beside inverter, which sets the reactive power; leave one out"
            problems.append(Problem(("power_factor",), message))
        return list(dict.fromkeys(problems))


class _Equipment(Spec):
    """What groups and single peers have in common."""

    annual_kwh: PositiveRange | None = Field(
        default=None,
        description="Consumption in a year: a number, or [low, high] to draw from. Groups on "
        "SimBench's profiles draw from 2500 to 5000 unless told otherwise. [kWh]",
    )
    p_peak_kw: PositiveRange | None = Field(
        default=None, description="Peak of the load in a year, instead of annual_kwh. [kW]"
    )
    cos_phi: float = Field(
        default=0.97, gt=0, le=1, description="Power factor of the load, inductive. [1]"
    )
    margin: Range | None = Field(
        default=None,
        description="Distance of its limit prices from its own tariff, as part of the span between "
        "feed-in and retail; left out, the market's. [1]",
    )
    bids: AgentSpec | None = Field(
        default=None, description="Who bids for it; left out, the market's bidder."
    )
    flexible: bool = Field(
        default=False, description="What it buys it would not consume otherwise; its orders say so."
    )
    curtailed: bool = Field(
        default=False, description="What it sells would be curtailed otherwise; its orders say so."
    )
    zone: Name | None = Field(
        default=None, description="Zone that it is in; its orders tell it to the market."
    )
    phase: Phase | None = Field(
        default=None,
        description="Phases that it hangs on where the grid is unbalanced; left out, one is drawn, "
        "or all three where its PV inverter or battery is above 4.6 kVA.",
    )
    pv: PvSpec | None = Field(default=None, description="Photovoltaic generator; none if left out.")
    battery: BatterySpec | None = Field(default=None, description="Battery; none if left out.")
    load_response: LoadResponse | None = Field(
        default=None,
        description="How its load follows voltage and frequency: constant_power, residential, or "
        "parts; left out, not at all. Appliances draw their rated power.",
    )
    appliances: AppliancesSpec | None = Field(
        default=None, description="What can wait: heating, cooling, a vehicle; none if left out."
    )

    def _size_problems(self) -> list[Problem]:
        problems = []
        if self.p_peak_kw is not None and self.annual_kwh is not None:
            message = "given beside annual_kwh; expected one of the two"
            problems.append(Problem(("p_peak_kw",), message))
        if self.margin is not None and self.margin.high > 1:
            message = f"{self.margin.high:g} is above 1; a margin is a part of the tariff span"
            problems.append(Problem(("margin",), message))
        return problems


class PeerGroup(_Equipment):
    """One peer for every load of the network that no peer named before occupies."""

    each: Literal["load"] = Field(description="What the group has a peer for.")
    prefix: Name = Field(default="house", description="Peers are called prefix-01, prefix-02, …")
    buses: str = Field(
        default="*", description="Only loads at buses of this name; '*' and '?' match."
    )
    profile: str = Field(
        default="simbench:H0-*",
        description="Profile of the consumption: source:name; each peer draws among matches.",
    )
    critical_share: Share = Field(
        default=0.0, description="Part of the peers that load shedding spares. [1]"
    )

    @model_validator(mode="before")
    @classmethod
    def _has_households_unless_told_otherwise(cls, given: Any) -> Any:
        sizes = ("annual_kwh", "p_peak_kw")
        if not isinstance(given, dict) or any(given.get(size) is not None for size in sizes):
            return given
        shipped = str(given.get("profile", "simbench:")).startswith("simbench:")
        return {**given, "annual_kwh": HOUSEHOLD_KWH} if shipped else given

    @model_validator(mode="after")
    def _is_plausible(self) -> Self:
        refuse(self._size_problems())
        return self


class SinglePeer(_Equipment):
    """One peer with a name of its own."""

    name: Name = Field(description="Name, as it stands in tables and in the report.")
    bus: str = Field(description="Name of the grid bus it is connected to.")
    profile: str | None = Field(
        default=None, description="Profile of the consumption: source:name; no load if left out."
    )
    critical: bool = Field(default=False, description="Load shedding spares it.")
    device: str | None = Field(
        default=None, description="Device of the scenario that plays its PV inverter."
    )

    @model_validator(mode="after")
    def _is_plausible(self) -> Self:
        problems = self._size_problems()
        for name, scaling in (("annual_kwh", self.annual_kwh), ("p_peak_kw", self.p_peak_kw)):
            if scaling is not None and self.profile is None:
                problems.append(Problem((name,), "scales a load, but the peer has no profile"))
        if self.device is not None and self.pv is None:
            problems.append(Problem(("device",), "plays a PV inverter, but the peer has no pv"))
        if self.device is not None and self.pv is not None and self.pv.inverter is not None:
            message = "a device brings functions of its own; set them there, and leave this out"
            problems.append(Problem(("pv", "inverter"), message))
        refuse(problems)
        return self


class LpdSpec(Spec):
    """The local power distributor: owns the stabilising storage and steps in when a peer fails."""

    bus: str | None = Field(
        default=None,
        description="Name of its bus; left out, the low-voltage side of the transformer.",
    )
    capacity_kwh: PositiveFloat = Field(
        default=60.0, description="Usable energy of its storage. [kWh]"
    )
    p_max_kw: PositiveFloat = Field(default=50.0, description="Limit in both directions. [kW]")
    soc_initial: Share = Field(default=0.6, description="State of charge at the start. [1]")
    efficiency: Efficiency = Field(
        default=0.92, description="Round trip, grid side to grid side. [1]"
    )
    ramp_kw_per_s: PositiveFloat = Field(
        default=10.0, description="Fastest change of its power when it covers or absorbs. [kW/s]"
    )

    @model_validator(mode="after")
    def _is_plausible(self) -> Self:
        refuse(emptying_problems(self.capacity_kwh, self.p_max_kw))
        return self


def _kind_of_peer(value: Any) -> str:
    if isinstance(value, PeerGroup) or (isinstance(value, dict) and "each" in value):
        return "<group>"
    return "<single>"


PeerSpec = Annotated[
    Annotated[PeerGroup, Tag("<group>")] | Annotated[SinglePeer, Tag("<single>")],
    Discriminator(_kind_of_peer),
]
"""A group of peers (it says ``each``) or a single one (it says ``name``)."""
