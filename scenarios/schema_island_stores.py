"""What helps an island's former: other formers, reserves in storage, and secondary control."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, NonNegativeFloat, PositiveFloat, Tag, model_validator

from .schema_frequency import DroopPercent, Hertz, InertiaS
from .schema_peers import Efficiency, Name, Share, emptying_problems
from .spec import Problem, Spec, refuse


class _StoreSpec(Spec):
    name: Name = Field(description="Name, for events and tables.")
    bus: str | None = Field(
        default=None,
        description="Name of its bus; left out, the low-voltage side of the transformer.",
    )
    p_max_kw: PositiveFloat = Field(description="Limit of the active power, both ways. [kW]")
    capacity_kwh: PositiveFloat = Field(description="Usable energy. [kWh]")
    soc_initial: Share = Field(default=0.5, description="State of charge at the start. [1]")
    efficiency: Efficiency = Field(
        default=0.92, description="Round trip, grid side to grid side. [1]"
    )

    @model_validator(mode="after")
    def _is_plausible(self) -> Self:
        refuse(emptying_problems(self.capacity_kwh, self.p_max_kw))
        return self


class FormingStoreSpec(_StoreSpec):
    """A grid-former beside the reference: it shares by droop, and a blow by inertia."""

    kind: Literal["forming"] = Field(description="What it is.")
    droop_percent: DroopPercent = Field(
        default=2.0, description="Change of frequency at full power, of nominal. [%]"
    )
    measurement_lag_s: PositiveFloat = Field(
        default=0.05, description="Time constant of its measurements. [s]"
    )
    virtual_inertia_s: InertiaS | None = Field(
        default=None,
        description="Inertia constant that its control emulates, on p_max_kw; left out, droop on "
        "the measured power. [s]",
    )


class ContainmentStoreSpec(_StoreSpec):
    """Frequency containment reserve: power by deviation, both ways."""

    kind: Literal["containment"] = Field(description="What it is.")
    full_at_hz: PositiveFloat = Field(
        default=0.2, le=5, description="Deviation at which it gives all; Europe's 200 mHz. [Hz]"
    )
    insensitivity_hz: NonNegativeFloat = Field(
        default=0.01, description="Deviation that it does not answer; Europe's 10 mHz. [Hz]"
    )
    lag_s: PositiveFloat = Field(default=10.0, description="Time constant of its answer. [s]")

    @model_validator(mode="after")
    def _leaves_a_slope(self) -> Self:
        if self.insensitivity_hz >= self.full_at_hz:
            message = (
                f"{self.insensitivity_hz:g} Hz is not below full_at_hz, {self.full_at_hz:g} Hz"
            )
            refuse([Problem(("insensitivity_hz",), message)])
        return self


class FastStoreSpec(_StoreSpec):
    """Fast frequency reserve: all its power once frequency is low, for a while."""

    kind: Literal["fast"] = Field(description="What it is.")
    below_hz: Hertz = Field(default=49.7, description="Frequency below which it is called. [Hz]")
    full_in_s: NonNegativeFloat = Field(
        default=1.3, le=3600, description="Time to full power, in a straight line. [s]"
    )
    hold_s: NonNegativeFloat = Field(
        default=5.0, le=3600, description="How long it stays at full power. [s]"
    )
    release_s: NonNegativeFloat = Field(
        default=5.0, le=3600, description="Time back to nothing, in a straight line. [s]"
    )


def _kind_of_store(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"<{kind}>" if kind in ("forming", "containment", "fast") else None


StoreSpec = Annotated[
    Annotated[FormingStoreSpec, Tag("<forming>")]
    | Annotated[ContainmentStoreSpec, Tag("<containment>")]
    | Annotated[FastStoreSpec, Tag("<fast>")],
    Discriminator(
        _kind_of_store,
        custom_error_type="store_kind",
        custom_error_message="a store's kind: one of forming, containment, fast",
    ),
]


class SecondarySpec(Spec):
    """PI control that brings frequency back to nominal.

    It moves the governed generators by their rated power, or the formers where there is none.
    """

    bias_kw_per_hz: PositiveFloat = Field(
        description="What a deviation counts for; the island's own stiffness is usual. [kW/Hz]"
    )
    p_max_kw: PositiveFloat = Field(description="Limit of what it moves, both ways. [kW]")
    proportional: float = Field(default=0.1, ge=0, le=1, description="Proportional part. [1]")
    integral_time_s: float = Field(
        default=20.0, ge=1, description="Time constant of the integral. [s]"
    )


def store_problems(stores: tuple[StoreSpec, ...], nominal_hz: float) -> list[Problem]:
    """Find names given twice, and reserves that nominal frequency would call."""
    problems = []
    for index, store in enumerate(stores):
        if store.name in {other.name for other in stores[:index]}:
            message = f"second store called {store.name!r}; expected names that differ"
            problems.append(Problem(("stores", index, "name"), message))
        if isinstance(store, FastStoreSpec) and store.below_hz >= nominal_hz:
            message = f"{store.below_hz:g} Hz is not below nominal_hz, {nominal_hz:g} Hz"
            problems.append(Problem(("stores", index, "below_hz"), message))
    return problems
