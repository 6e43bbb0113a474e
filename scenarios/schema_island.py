"""An island that makes its own frequency: former, generators, shedding, P(f)."""

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from .schema_feeder import FeederSpec
from .schema_frequency import DroopPercent, Hertz, InertiaS
from .schema_island_stores import SecondarySpec, StoreSpec, store_problems
from .schema_peers import Efficiency, Name, Share, emptying_problems
from .spec import Problem, Spec, refuse


class FormerSpec(Spec):
    """Grid-forming battery: the reference of the island."""

    bus: str | None = Field(
        default=None,
        description="Name of its bus; left out, the low-voltage side of the transformer.",
    )
    s_kva: PositiveFloat = Field(description="Apparent power, beyond which it limits. [kVA]")
    p_max_kw: PositiveFloat = Field(description="Limit of the active power, both ways. [kW]")
    capacity_kwh: PositiveFloat = Field(description="Usable energy. [kWh]")
    soc_initial: Share = Field(default=0.5, description="State of charge at the start. [1]")
    efficiency: Efficiency = Field(
        default=0.92, description="Round trip, grid side to grid side. [1]"
    )
    droop_percent: DroopPercent = Field(
        default=2.0, description="Change of frequency at full power, of nominal. [%]"
    )
    measurement_lag_s: PositiveFloat = Field(
        default=0.05, description="Time constant of its measurements. [s]"
    )
    virtual_inertia_s: InertiaS | None = Field(
        default=None,
        description="Inertia constant that its control emulates, on s_kva; left out, droop on the "
        "measured power. [s]",
    )
    vm_pu: float = Field(
        default=1.0, gt=0.8, lt=1.2, description="Voltage it holds without reactive power. [p.u.]"
    )
    q_droop_percent: NonNegativeFloat = Field(
        default=3.0, lt=20, description="Fall of its voltage at full reactive power. [%]"
    )

    @model_validator(mode="after")
    def _is_plausible(self) -> Self:
        problems = emptying_problems(self.capacity_kwh, self.p_max_kw)
        if self.p_max_kw > self.s_kva:
            message = f"{self.p_max_kw:g} kW is more than s_kva of {self.s_kva:g} kVA"
            problems.append(Problem(("p_max_kw",), message))
        refuse(problems)
        return self


class GeneratorSpec(Spec):
    """Synchronous generator with governor and turbine."""

    name: Name = Field(description="Name, for events and tables.")
    bus: str | None = Field(
        default=None,
        description="Name of its bus; left out, the low-voltage side of the transformer.",
    )
    s_kva: PositiveFloat = Field(description="Rated apparent power. [kVA]")
    p_max_kw: PositiveFloat = Field(description="Largest active power. [kW]")
    p_min_kw: NonNegativeFloat = Field(default=0.0, description="Smallest active power. [kW]")
    p_set_kw: NonNegativeFloat = Field(description="Active power at nominal frequency. [kW]")
    inertia_s: InertiaS = Field(default=1.5, description="Inertia constant H, on s_kva. [s]")
    droop_percent: DroopPercent = Field(
        default=4.0, description="Change of frequency at full power, of nominal. [%]"
    )
    governor_lag_s: PositiveFloat = Field(
        default=0.2, description="Time constant of the governor. [s]"
    )
    turbine_lag_s: PositiveFloat = Field(
        default=0.4, description="Time constant of the turbine. [s]"
    )
    turbine_lead_s: NonNegativeFloat = Field(
        default=0.0,
        description="Part of turbine_lag_s that acts at once; of a reheat turbine, whose lag is "
        "the reheater's, its high-pressure share times that. [s]",
    )

    @model_validator(mode="after")
    def _is_plausible(self) -> Self:
        problems = []
        if self.p_max_kw > self.s_kva:
            message = f"{self.p_max_kw:g} kW is more than s_kva of {self.s_kva:g} kVA"
            problems.append(Problem(("p_max_kw",), message))
        if not self.p_min_kw <= self.p_set_kw <= self.p_max_kw:
            limits = f"{self.p_min_kw:g} to {self.p_max_kw:g} kW"
            message = f"{self.p_set_kw:g} kW is outside p_min_kw to p_max_kw, {limits}"
            problems.append(Problem(("p_set_kw",), message))
        if self.turbine_lead_s > self.turbine_lag_s:
            message = (
                f"{self.turbine_lead_s:g} s is more than turbine_lag_s, {self.turbine_lag_s:g} s"
            )
            problems.append(Problem(("turbine_lead_s",), message))
        refuse(problems)
        return self


class SheddingStage(Spec):
    """One stage of under-frequency load shedding."""

    below_hz: Hertz = Field(description="Frequency below which it picks up. [Hz]")
    delay_s: NonNegativeFloat = Field(
        default=0.1, description="How long frequency stays below before it acts. [s]"
    )
    share: float = Field(gt=0, le=1, description="Part of all load that it disconnects. [1]")


class PowerFrequencySpec(Spec):
    """P(f): how PV inverters reduce at over-frequency."""

    start_hz: Hertz = Field(default=50.2, description="Frequency from which they reduce. [Hz]")
    percent_per_hz: PositiveFloat = Field(
        default=40.0, description="Reduction per hertz, of the power at hand. [%/Hz]"
    )
    lag_s: PositiveFloat = Field(default=0.05, description="Time constant of the response. [s]")


class IslandSpec(Spec):
    """The network stands alone, from the beginning or once its feeder opens."""

    nominal_hz: Hertz = Field(default=50.0, description="Nominal frequency. [Hz]")
    former: FormerSpec | None = Field(
        default=None,
        description="Grid-forming battery, the reference; a village without is black when alone.",
    )
    generators: tuple[GeneratorSpec, ...] = Field(default=(), description="Synchronous generators.")
    stores: tuple[StoreSpec, ...] = Field(
        default=(), description="What helps the former: other formers, reserves in storage."
    )
    secondary: SecondarySpec | None = Field(
        default=None, description="What brings frequency back to nominal; left out, nothing does."
    )
    feeder: FeederSpec | None = Field(
        default=None,
        description="It begins on the upstream grid, and events open and close its feeder; left "
        "out, it stands alone.",
    )
    shedding: tuple[SheddingStage, ...] = Field(default=(), description="Stages, highest first.")
    shedding_order: Literal["share", "price"] = Field(
        default="share",
        description="Who is shed in which stage: drawn by lot once, so that each stage has its "
        "share of the load; or at every period by the last bids, who would pay least first. "
        "Critical peers are spared either way.",
    )
    load_percent_per_hz: NonNegativeFloat = Field(
        default=1.0, description="Self-regulation of the load. [%/Hz]"
    )
    p_f: PowerFrequencySpec = Field(
        default=PowerFrequencySpec(), description="Over-frequency response of PV inverters."
    )

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        problems = _twins(self.generators) + _shedding_problems(self.shedding, self.nominal_hz)
        refuse(problems + store_problems(self.stores, self.nominal_hz) + self._formless())
        return self

    def _formless(self) -> list[Problem]:
        """Find an island that nothing forms, and what cannot help because of that."""
        if self.former is not None:
            return []
        if self.feeder is None:
            message = "is missing; an island that stands alone has no voltage without it"
            return [Problem(("former",), message)]
        helpless = "cannot run without a grid-former to hold the voltage; expected a former"
        parts = ("generators", "stores", "secondary", "shedding")
        return [Problem((part,), helpless) for part in parts if getattr(self, part)]


def _twins(generators: tuple[GeneratorSpec, ...]) -> list[Problem]:
    seen: dict[str, int] = {}
    problems = []
    for index, generator in enumerate(generators):
        if generator.name in seen:
            message = f"second generator called {generator.name!r}; expected names that differ"
            problems.append(Problem(("generators", index, "name"), message))
        seen[generator.name] = index
    return problems


def _shedding_problems(stages: tuple[SheddingStage, ...], nominal_hz: float) -> list[Problem]:
    problems = []
    ceiling_hz = nominal_hz
    for index, stage in enumerate(stages):
        if stage.below_hz >= ceiling_hz:
            message = (
                f"{stage.below_hz:g} Hz is not below {ceiling_hz:g} Hz; expected falling stages"
            )
            problems.append(Problem(("shedding", index, "below_hz"), message))
        ceiling_hz = stage.below_hz
    total = sum(stage.share for stage in stages)
    if total > 1 + 1e-9:
        message = f"the stages shed {total:g} of the load; expected 1 at most in all"
        problems.append(Problem(("shedding",), message))
    return problems
