"""What stands on the bench: every device, what it may do, and which part it plays."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Literal

from .roles import Role

Phase = Literal["a", "b", "c", "abc"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a device is never asked to exceed. [kW], [kvar], [V], [A], [Hz]"""

    p_min_kw: float = 0.0
    p_max_kw: float = 0.0
    q_max_kvar: float = 0.0
    v_max_v: float | None = None
    v_min_v: float = 0.0
    i_max_a: float | None = None
    f_min_hz: float = 45.0
    f_max_hz: float = 65.0


@dataclass(frozen=True, kw_only=True)
class OnLoss:
    """What a node does while its device does not answer.

    Attributes
    ----------
    action : {"zero", "hold", "abort"}
        Count as tripped with no power; go on with the last reading; stop the run.
    after_s : float
        How old a reading may be before it counts as lost. [s]
    frozen_after_s : float or None
        How long a reading that should have moved may be repeated before it counts as lost; None
        for ever. [s]
    """

    action: Literal["zero", "hold", "abort"] = "zero"
    after_s: float = 0.5
    frozen_after_s: float | None = 10.0


@dataclass(frozen=True, kw_only=True)
class Interlock:
    """An input that must say that the bench may be energised.

    Attributes
    ----------
    device : str
        Name of the device that has the input.
    query : str
        What it is asked.
    expected : str
        What it answers while all is well; anything else makes the bench safe.
    """

    device: str
    query: str
    expected: str = "1"


@dataclass(frozen=True, kw_only=True)
class GridLoop:
    """How a grid simulator closes the loop over its node, see `hil.phil`.

    Attributes
    ----------
    response_s : float
        Time to 90 % of a first-order lag on voltage and frequency. [s]
    v_slew_pu_per_s, f_slew_hz_per_s : float
        Fastest change of its set points. [p.u./s], [Hz/s]
    ahead_s : float
        Delay that is made up for by linear extrapolation. [s]
    delay_steps : int or None
        Between a voltage and the power that answers it, beyond the one that every such loop
        takes; None for what is usual of the way in which ticks and devices talk.
    v_window_pu, f_window_hz : (float, float) or None
        What the source is never asked to leave; None for 0.85 to 1.15 p.u., and 0.94 to 1.04 of
        the nominal frequency.
    r_ohm, x_ohm : float or None
        Between the node and its stiff grid, at the station's nominal voltage; None for what the
        scenario's grid has there. [Ω]
    v_steps_pu : tuple of float
        Voltages that commissioning visits, rising. [p.u.]
    f_step_hz : float
        [Hz]
    settle_s : float
        How long the device needs until its answer stands. [s]
    """

    response_s: float = 0.0
    v_slew_pu_per_s: float = math.inf
    f_slew_hz_per_s: float = math.inf
    ahead_s: float = 0.0
    delay_steps: int | None = None
    v_window_pu: tuple[float, float] | None = None
    f_window_hz: tuple[float, float] | None = None
    r_ohm: float | None = None
    x_ohm: float | None = None
    v_steps_pu: tuple[float, ...] = (0.92, 0.94, 0.97, 1.0, 1.03, 1.06, 1.08)
    f_step_hz: float = 0.05
    settle_s: float = 2.0


@dataclass(frozen=True, kw_only=True)
class StationDevice:
    """One device of the bench.

    Attributes
    ----------
    name : str
    role : Role
    driver : str
        ``scpi-inverter``, ``scpi`` (by a command table), ``sunspec``, or
        ``<file>.py:<class>`` with the file's whole path.
    address : str or None
        VISA address, ``sunspec://<host>:<port>/<unit>``, or what a driver of one's own takes;
        None for one that is emulated.
    emulated : mapping or None
        Settings of the emulator that plays it; None for a real one.
    expected_identity, serial_number : str or None
        What ``*IDN?`` must answer, in full; what its third field must be.
    firmware : str or None
        What it had when it was calibrated, for the record.
    calibrated, calibration_due : date or None
    plays : str or None
        Peer, or bus, whose inverter, store or grid it is; devices that play the same one are
        wired to one another and make one node.
    phase : Phase
    current_ratio, voltage_ratio : float
        Of the instrument transformers: primary over secondary.
    signs : mapping of str to {1, -1}
        By channel, ``p``, ``q`` and ``energy``: −1 where positive on the display is out of the
        grid; a channel that is left out has 1.
    p_rated_kw, s_rated_kva : float
    scale : float
        Power of what it plays over its own: 10 when a 3 kW device plays a 30 kW inverter.
    limits : Limits
    ramp_kw_per_s : float or None
    safe_state : mapping of str to float
        What `make_safe` sets beside the driver's own: ``vm_v``, ``p_kw``, ``q_kvar``, and
        ``output``, 0 for open and 1 for closed.
    timeout_s : float
    revert_s : float or None
        Of the device's own revert timer; None where it has none.
    interlocked : bool
        A hardware interlock takes it off when the host dies.
    on_loss : OnLoss
    loop : GridLoop or None
        Of a grid simulator that closes a loop: it is commissioned before every run.
    table : Path, str or None
        Command table of the generic SCPI driver: a file, or the name of one that is shipped.
    settings : mapping
        What the driver takes besides; under ``link`` what the connection does
        (`hil.link.options.LinkOptions`).
    """

    name: str
    role: Role
    driver: str
    address: str | None = None
    emulated: Mapping[str, Any] | None = None
    expected_identity: str | None = None
    serial_number: str | None = None
    firmware: str | None = None
    calibrated: date | None = None
    calibration_due: date | None = None
    plays: str | None = None
    phase: Phase = "abc"
    current_ratio: float = 1.0
    voltage_ratio: float = 1.0
    signs: Mapping[str, int] = field(default_factory=dict)
    p_rated_kw: float
    s_rated_kva: float
    scale: float = 1.0
    limits: Limits
    ramp_kw_per_s: float | None = None
    safe_state: Mapping[str, float] = field(default_factory=dict)
    timeout_s: float = 1.0
    revert_s: float | None = None
    interlocked: bool = False
    on_loss: OnLoss = OnLoss()
    loop: GridLoop | None = None
    table: Path | str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Station:
    """A bench.

    Attributes
    ----------
    name : str
    file : Path
        Where it was read; the lock lies beside the user's other state, by this path.
    about : str
        What it is, in a sentence.
    operator : str or None
        Who answers for it, for the record.
    devices : tuple of StationDevice
    p_max_kw : float or None
        Bound on the sum of what all devices are asked for. [kW]
    v_window_v : (float, float) or None
        Window outside of which the bench is made safe. [V]
    v_nominal_v, f_nominal_hz : float
        Voltage of a phase to neutral that is 1 p.u. at a device's terminals. [V], [Hz]
    interlock : Interlock or None
        What must answer well while anything is energised.
    calibration : {"warn", "refuse"}
        What an overdue calibration means.
    beyond : {"refuse", "clamp"}
        What happens when more is asked than limits allow: nothing is sent and it is an error,
        or the nearest allowed value is sent. Either stands in the record.
    """

    name: str
    file: Path
    about: str = ""
    operator: str | None = None
    devices: tuple[StationDevice, ...]
    p_max_kw: float | None = None
    v_window_v: tuple[float, float] | None = None
    v_nominal_v: float = 230.0
    f_nominal_hz: float = 50.0
    interlock: Interlock | None = None
    calibration: Literal["warn", "refuse"] = "warn"
    beyond: Literal["refuse", "clamp"] = "refuse"

    def nodes(self) -> dict[str, tuple[StationDevice, ...]]:
        """Devices by what they play together; those that play nothing are left out."""
        nodes: dict[str, tuple[StationDevice, ...]] = {}
        for device in self.devices:
            if device.plays is not None:
                nodes[device.plays] = (*nodes.get(device.plays, ()), device)
        return nodes

    def overdue(self, on: date) -> tuple[StationDevice, ...]:
        """Devices whose calibration was due before a day."""
        return tuple(
            device
            for device in self.devices
            if device.calibration_due is not None and device.calibration_due < on
        )

    @property
    def is_emulated(self) -> bool:
        """Whether nothing on it is real."""
        return all(device.emulated is not None for device in self.devices)


def same_place(address: str) -> str:
    """Spell an address in the one way in which two spellings of a place are the same."""
    if address.lower().startswith("sunspec://"):
        place = address.lower().removeprefix("sunspec://")
        host, _, unit = place.partition("/")
        return f"sunspec://{host if ':' in host else host + ':502'}/{unit or 1}"
    first, *rest = address.upper().split("::")
    numbered = first if first[-1:].isdigit() else f"{first}0"
    return "::".join([numbered, *rest])
