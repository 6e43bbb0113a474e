"""The station file: what stands on the bench, as one frozen model that knows its units.

`stations/station.schema.json` is generated from it, so that editors complete and check.
"""

from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    WithJsonSchema,
    model_validator,
)

from hil.link.options import Flow, LineEnd, Parity, ProofName
from hil.roles import Role
from hil.station import OnLoss, Phase

from .schema_loop import LoopSpec
from .schema_peers import Name
from .spec import Problem, Spec, refuse
from .times import Duration

NOTHING = "nothing"
"""What a device plays that is on the bench for itself."""


def _ratio(value: object) -> float:
    """Read ``20`` or ``100/5``."""
    text = str(value).strip()
    try:
        ratio = float(Fraction(text.replace(" ", "")))
    except (ValueError, ZeroDivisionError):
        ratio = 0.0
    if isinstance(value, bool) or not 0 < ratio < float("inf"):
        raise ValueError(f"{value!r} is no ratio; expected primary over secondary, as 100/5 or 20")
    return ratio


def _date(value: object) -> object:
    """Take days as they are written; pydantic would take a number for seconds since 1970."""
    if isinstance(value, str | date):
        return value
    raise ValueError(f"{value!r} is no day; expected one as 2026-05-31")


Ratio = Annotated[
    float,
    BeforeValidator(_ratio),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "string", "pattern": r"^\s*[0-9.]+\s*/\s*[0-9.]+\s*$"},
            ],
            "examples": ["100/5", 20],
        }
    ),
]
Day = Annotated[date, BeforeValidator(_date)]


class LimitsSpec(Spec):
    """What the device is never asked to exceed; checked before anything is sent."""

    p_min_kw: float | None = Field(
        default=None,
        description="Least power into the grid; left out, minus the rated power for what can draw, "
        "0 for an inverter and a PV simulator. [kW]",
    )
    p_max_kw: float | None = Field(
        default=None,
        description="Most power into the grid; left out, the rated power, 0 for a load. [kW]",
    )
    q_max_kvar: NonNegativeFloat | None = Field(
        default=None, description="Most reactive power, either way; left out, the rating. [kvar]"
    )
    v_min_v: NonNegativeFloat = Field(
        default=0.0, description="Least voltage, phase to neutral, while its output is on. [V]"
    )
    v_max_v: PositiveFloat | None = Field(
        default=None,
        description="Most voltage, phase to neutral; a real grid simulator must have it. [V]",
    )
    i_max_a: PositiveFloat | None = Field(default=None, description="Most current. [A]")
    f_min_hz: PositiveFloat = Field(default=45.0, description="Least frequency. [Hz]")
    f_max_hz: PositiveFloat = Field(default=65.0, description="Most frequency. [Hz]")

    @model_validator(mode="after")
    def _low_before_high(self) -> Self:
        pairs = (("p_min_kw", "p_max_kw", "kW"), ("v_min_v", "v_max_v", "V"))
        problems = []
        for low, high, unit in (*pairs, ("f_min_hz", "f_max_hz", "Hz")):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and not least < most:
                message = f"{least:g} {unit} is not below {high} of {most:g} {unit}"
                problems.append(Problem((low,), f"{message}; expected the lower bound there"))
        refuse(problems)
        return self


class OnLossSpec(Spec):
    """What its node does while the device does not answer."""

    action: Literal["zero", "hold", "abort"] = Field(
        default="zero",
        description="Count as tripped with no power, go on with the last reading, or stop the run.",
    )
    after: Duration = Field(
        default=Duration.parse("500 ms"),
        description="How old a reading may be before it counts as lost.",
    )
    frozen: Duration | Literal["never"] = Field(
        default=Duration.parse("10 s"),
        description="How long a reading may be repeated that should have moved, before it counts "
        "as lost; never: it is believed for ever.",
    )

    def settled(self) -> OnLoss:
        """Give it as the bench takes it."""
        frozen_after_s = None if isinstance(self.frozen, str) else self.frozen.seconds
        return OnLoss(action=self.action, after_s=self.after.seconds, frozen_after_s=frozen_after_s)


class SafeStateSpec(Spec):
    """What the safe state sets beside what the driver does anyway."""

    p_kw: float | None = Field(default=None, description="Power into the grid, or limit. [kW]")
    q_kvar: float | None = Field(default=None, description="Reactive power. [kvar]")
    vm_v: NonNegativeFloat | None = Field(
        default=None, description="Voltage of a source, phase to neutral. [V]"
    )
    output: bool | None = Field(
        default=None, description="Whether its output is closed: on or off."
    )


class LinkSpec(Spec):
    """How it is connected, besides the address; left out, as the link does by itself."""

    backend: str | None = Field(
        default=None,
        description="VISA library: @py for pyvisa-py, @ivi for the vendor's, or a path.",
    )
    proof: ProofName | None = Field(
        default=None, description="How an answer is tied to its question."
    )
    baud: PositiveInt | None = Field(default=None, description="Of a serial line. [bit/s]")
    data_bits: Literal[7, 8] | None = Field(default=None, description="Of a serial line.")
    parity: Parity | None = Field(default=None, description="Of a serial line.")
    stop_bits: Literal[1, 2] | None = Field(default=None, description="Of a serial line.")
    flow: Flow | None = Field(default=None, description="Of a serial line: its flow control.")
    line_end: LineEnd | None = Field(default=None, description="Of a serial line.")
    quiet: Duration | None = Field(
        default=None, description="Silence on a serial line before the first question."
    )


class BenchDeviceSpec(Spec):
    """One device of the bench, real or emulated."""

    role: Role = Field(description="What it is.")
    driver: str | None = Field(
        default=None,
        description="scpi-inverter, scpi (by a command table), sunspec, or <file>.py:<class> "
        "beside this file; left out, scpi-inverter for an inverter and scpi for the others.",
    )
    table: str | None = Field(
        default=None,
        description="Command table of the scpi driver: a YAML file beside this one, or the name of "
        "a shipped one; emulated devices have their own.",
    )
    address: str | None = Field(
        default=None,
        description="VISA address, as TCPIP0::192.168.0.10::5025::SOCKET, or "
        "sunspec://192.168.0.10:502/1 with its Modbus unit; a real device must have it.",
    )
    emulated: bool | dict[str, Any] = Field(
        default=False,
        description="True, or settings of the emulator that plays it; it has no address then.",
    )
    identity: str | None = Field(
        default=None,
        description="Its whole answer to *IDN?, or of a SunSpec device Mn,Md,SN,Vr; a real device "
        "must have this or serial_number.",
    )
    serial_number: str | None = Field(
        default=None, description="Third field of its identity; checked at every connect."
    )
    firmware: str | None = Field(
        default=None, description="Firmware it was calibrated with; another one is reported."
    )
    calibrated: Day | None = Field(default=None, description="Day of the last calibration.")
    calibration_due: Day | None = Field(
        default=None, description="Last day on which that calibration holds."
    )
    plays: Name = Field(
        description="Peer or bus that it plays; devices that play the same one are wired to one "
        "another. `nothing` for one that stands for itself."
    )
    phase: Phase = Field(default="abc", description="Phase it is connected to: a, b, c or abc.")
    current_ratio: Ratio = Field(
        default=1.0, description="Of its current transformers, primary over secondary: 100/5. [1]"
    )
    voltage_ratio: Ratio = Field(
        default=1.0, description="Of its voltage transformers, likewise. [1]"
    )
    signs: dict[Literal["p", "q", "energy"], Literal[1, -1]] = Field(
        default_factory=dict,
        description="By channel, -1 where positive on its display is out of the grid. [1]",
    )
    p_rated_kw: PositiveFloat | None = Field(
        default=None, description="Rated power; only an analyser may leave it out. [kW]"
    )
    s_rated_kva: PositiveFloat | None = Field(
        default=None, description="Rated apparent power; left out, the rated power. [kVA]"
    )
    scale: PositiveFloat = Field(
        default=1.0,
        description="Power of what it plays over its own: 10 for 3 kW that play 30 kW. [1]",
    )
    limits: LimitsSpec = Field(
        default=LimitsSpec(), description="What it is never asked to exceed."
    )
    ramp_kw_per_s: PositiveFloat | None = Field(
        default=None, description="Fastest change that it is asked for; left out, none. [kW/s]"
    )
    safe_state: SafeStateSpec = Field(
        default=SafeStateSpec(), description="What it is brought to whenever the bench stops."
    )
    timeout: Duration = Field(
        default=Duration.parse("1 s"), description="Longest wait for an answer."
    )
    revert: Duration | None = Field(
        default=None,
        description="Silence after which the device itself goes to its safe state; left out where "
        "it cannot. SunSpec: whole seconds.",
    )
    interlocked: bool = Field(
        default=False,
        description="Whether a hardware interlock takes it off when the host dies. A real device "
        "with neither this nor revert is not armed.",
    )
    on_loss: OnLossSpec = Field(
        default=OnLossSpec(), description="What happens while it does not answer."
    )
    loop: LoopSpec | None = Field(
        default=None,
        description="Of a grid simulator: the loop that it closes over its node, tried before "
        "every run; left out, its node's voltage is played as it is.",
    )
    link: LinkSpec = Field(
        default=LinkSpec(), description="How it is connected, besides the address."
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="What its driver takes besides."
    )

    @property
    def is_emulated(self) -> bool:
        """Whether an emulator plays it."""
        return self.emulated is not False


class InterlockSpec(Spec):
    """An input that says that the bench may be energised."""

    device: str = Field(description="Name of the device that has the input.")
    query: str = Field(description="What it is asked, while anything is energised.")
    expected: str = Field(
        default="1", description="Its answer while all is well; any other makes the bench safe."
    )


class StationSpec(Spec):
    """One bench.

    `scenarios.station.load_station` also checks what the parts say together
    (`scenarios.rules_station`).
    """

    station: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-]*$", max_length=60)] = Field(
        description="Name of the bench."
    )
    about: str = Field(default="", description="What it is, in a sentence.")
    operator: str | None = Field(default=None, description="Who answers for it, for the record.")
    calibration: Literal["warn", "refuse"] = Field(
        default="warn", description="What an overdue calibration means."
    )
    beyond: Literal["refuse", "clamp"] = Field(
        default="refuse",
        description="What happens when more is asked than limits allow: nothing is sent and it is "
        "an error, or the nearest allowed value is sent.",
    )
    p_max_kw: PositiveFloat | None = Field(
        default=None,
        description="Bound on the sum of what all devices are asked for; left out, none. [kW]",
    )
    v_window_v: tuple[NonNegativeFloat, PositiveFloat] | None = Field(
        default=None,
        description="Voltage of a phase to neutral outside of which the bench is made safe: "
        "[low, high]. [V]",
    )
    v_nominal_v: PositiveFloat = Field(
        default=230.0, description="Voltage of a phase to neutral that is 1 p.u. [V]"
    )
    f_nominal_hz: PositiveFloat = Field(default=50.0, description="Nominal frequency. [Hz]")
    interlock: InterlockSpec | None = Field(
        default=None, description="An input that says that the bench may be energised."
    )
    devices: dict[Name, BenchDeviceSpec] = Field(
        min_length=1, description="What stands on it, by name."
    )
