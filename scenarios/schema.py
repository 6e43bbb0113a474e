"""The scenario: everything that is run, as one frozen model that knows its units.

`scenarios/scenario.schema.json` is generated from it, so that editors complete and check.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    Tag,
    model_validator,
)

from .schema_bills import BillsSpec, DisputeSpec, MeterFault
from .schema_communication import CommunicationSpec
from .schema_devices import DeviceEvent, DeviceSpec
from .schema_feeder import FeederEvent, IslandEvent
from .schema_flexibility import FlexibilitySpec
from .schema_frequency import FrequencySpec
from .schema_island import IslandSpec
from .schema_manager import EnergyManagerSpec
from .schema_market import MarketSpec, SettlementSpec
from .schema_operator import LineEvent, OperatorSpec, SwitchEvent, TrafoEvent
from .schema_peers import LpdSpec, Name, PeerSpec
from .schema_unbalanced import UnbalancedSpec
from .schema_weather import WeatherSpec
from .spec import Problem, Spec, refuse
from .times import NS_PER_UNIT, Duration, Moment


class TimeSpec(Spec):
    """When it plays, and how finely."""

    start: AwareDatetime = Field(description="First instant, with its time zone.")
    duration: Duration = Field(description="Length of the physics.")
    tick: Duration = Field(default=Duration.parse("100 ms"), description="Length of a step.")

    @property
    def n_ticks(self) -> int:
        """Number of physics ticks."""
        return self.duration.in_ticks(self.tick)

    @model_validator(mode="after")
    def _ticks_fit(self) -> Self:
        problems = []
        second = Duration(NS_PER_UNIT["s"])
        for what, length in (("second", second), (f"duration of {self.duration}", self.duration)):
            if not length.is_multiple_of(self.tick):
                message = f"{self.tick} does not divide the {what}; expected whole ticks"
                problems.append(Problem(("tick",), message))
        refuse(problems)
        return self


class CopiesSpec(Spec):
    """Many villages: copies of the network, each with its transformer, on common cables."""

    count: int = Field(ge=2, le=1000, description="How many; the n-th has buses named n/bus.")
    per_cable: int = Field(default=6, ge=1, description="How many hang on one cable.")
    apart_km: PositiveFloat = Field(
        default=0.5, le=50, description="Length of cable before each copy. [km]"
    )
    ring: bool = Field(
        default=False,
        description="Lines tie/1, tie/2, … could join the ends of each two cables; they are open "
        "until an event closes them.",
    )

    @property
    def ties(self) -> int:
        """Number of lines that could close a ring."""
        return -(-self.count // self.per_cable) // 2 if self.ring else 0


class GridSpec(Spec):
    """The network."""

    network: str = Field(
        description="pandapower JSON beside this file, pandapower:<function>, or simbench:<code>."
    )
    unbalanced: bool | UnbalancedSpec = Field(
        default=False,
        description="Solve three phases, with peers on one or all of them: true where the network "
        "has zero-sequence data, or what to take for it.",
    )
    voltage_loop: Literal["refuse", "play"] = Field(
        default="refuse",
        description="What becomes of a run whose inverters are too steep for the feeder and could "
        "hunt from tick to tick: it is refused, or played to see whether they do.",
    )
    copies: CopiesSpec | None = Field(
        default=None,
        description="Instead of the network alone, copies of it behind one substation; its "
        "upstream grid has to be at 10 or 20 kV.",
    )

    @model_validator(mode="after")
    def _is_balanced_where_copied(self) -> Self:
        if self.unbalanced and self.copies is not None:
            message = "cables between copies have no zero-sequence data; expected no unbalanced"
            refuse([Problem(("copies",), message)])
        return self


class PeerEvent(Spec):
    """Something happens to a peer."""

    at: Moment = Field(description="Time of day, or time since the start.")
    peer: str = Field(description="Name of the peer.")
    fault: Literal["trip"] | None = Field(default=None, description="Its PV inverter trips.")
    load_scale: NonNegativeFloat | None = Field(
        default=None, description="From here on its load is this multiple of its profile. [1]"
    )

    market: Literal["leave", "join"] | None = Field(
        default=None,
        description="From the next gate on it trades not, and the supplier serves it; or again.",
    )
    meter: MeterFault | None = Field(
        default=None,
        description="From here on its meter drifts, stands still, is silent, or its readings are "
        "forged on their way; or it is sound again. At the beginning of a delivery period.",
    )
    drift: float | None = Field(
        default=None,
        ge=-1,
        description="How much too much a drifting meter, or a forger, shows of what flows; 0.1 "
        "unless given. [1]",
    )
    dispute: DisputeSpec | None = Field(
        default=None, description="It contests a reading; heard when the period then ends."
    )

    @property
    def is_physical(self) -> bool:
        """Whether it changes what flows, rather than what is traded or shown."""
        return self.fault is not None or self.load_scale is not None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        kinds = ("fault", "load_scale", "market", "meter", "dispute")
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            message = "says not what happens; expected one of fault, load_scale, market, meter, "
            refuse([Problem((), message + "dispute")])
        if self.drift is not None and self.meter not in ("drift", "forged"):
            refuse([Problem(("drift",), "means nothing here; expected it with meter: drift")])
        return self


class GeneratorEvent(Spec):
    """Something happens to an island's generator."""

    at: Moment = Field(description="Time of day, or time since the start.")
    generator: str = Field(description="Name of the generator.")
    fault: Literal["loss"] = Field(description="What happens: it is lost.")


class LpdEvent(Spec):
    """Something happens to the local power distributor."""

    at: Moment = Field(description="Time of day, or time since the start.")
    lpd: Literal["fail"] = Field(
        description="What happens: its storage gives and takes nothing from here on."
    )


def _kind_of_event(value: Any) -> str:
    for kind in ("peer", "generator", "lpd", "line", "trafo", "switch", "feeder", "island"):
        if (isinstance(value, dict) and kind in value) or hasattr(value, kind):
            return f"<{kind}>"
    return "<device>"


EventSpec = Annotated[
    Annotated[DeviceEvent, Tag("<device>")]
    | Annotated[PeerEvent, Tag("<peer>")]
    | Annotated[GeneratorEvent, Tag("<generator>")]
    | Annotated[LpdEvent, Tag("<lpd>")]
    | Annotated[LineEvent, Tag("<line>")]
    | Annotated[TrafoEvent, Tag("<trafo>")]
    | Annotated[SwitchEvent, Tag("<switch>")]
    | Annotated[FeederEvent, Tag("<feeder>")]
    | Annotated[IslandEvent, Tag("<island>")],
    Discriminator(_kind_of_event),
]


def _kind_of_check(value: Any) -> str:
    return "<options>" if isinstance(value, dict) else "<name>"


CheckSpec = Annotated[
    Annotated[str, Tag("<name>")]
    | Annotated[
        Annotated[dict[str, dict[str, Any]], Field(min_length=1, max_length=1)], Tag("<options>")
    ],
    Discriminator(_kind_of_check),
]


class Scenario(Spec):
    """One run of the test bench.

    `scenarios.load_scenario` also checks what the parts say together (`scenarios.rules`), and
    that buses, profiles and the mechanism exist.
    """

    scenario: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]*$", max_length=60)] = Field(
        description="Name; run folders begin with it."
    )
    about: str = Field(default="", description="What happens, in a sentence.")
    tags: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = Field(
        default=(), description="Marks by which pytest selects it: `pytest -m <tag>`."
    )
    seed: NonNegativeInt = Field(default=1, description="Root of all that is drawn.")
    time: TimeSpec = Field(description="When it plays.")
    grid: GridSpec = Field(description="The network.")
    weather: WeatherSpec | None = Field(
        default=None,
        description="Sky over modules and clouds; left out, clear and in the middle of Germany.",
    )
    frequency: FrequencySpec = Field(
        default=FrequencySpec(), description="Frequency of the upstream grid."
    )
    island: IslandSpec | None = Field(
        default=None,
        description="The network stands alone, always or when its feeder opens; frequency then "
        "follows from its balance.",
    )
    peers: tuple[PeerSpec, ...] = Field(min_length=1, description="Who takes part.")
    lpd: LpdSpec = Field(default=LpdSpec(), description="The local power distributor.")
    energy_manager: EnergyManagerSpec = Field(
        default=EnergyManagerSpec(), description="Who decides for peers how contracts are kept."
    )
    market: MarketSpec = Field(default=MarketSpec(), description="How energy is traded.")
    settlement: SettlementSpec = Field(
        default=SettlementSpec(), description="When a failure is called, and what it costs."
    )
    communication: CommunicationSpec | None = Field(
        default=None, description="How messages travel; left out, all arrive at once."
    )
    bills: BillsSpec = Field(default=BillsSpec(), description="What paperwork is taken to cost.")
    operator: OperatorSpec | None = Field(
        default=None, description="What the grid operator does: taps, protection, traffic light."
    )
    flexibility: FlexibilitySpec | None = Field(
        default=None, description="System operators offer money for moving energy."
    )
    devices: dict[Name, DeviceSpec] = Field(default_factory=dict, description="Devices by name.")
    events: tuple[EventSpec, ...] = Field(default=(), description="What happens on the way.")
    checks: tuple[CheckSpec, ...] = Field(
        default=(), description="What has to hold: names, or a name with its options."
    )
