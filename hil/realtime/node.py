"""A node: the devices that together play one peer, as one thing that is asked and answers."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from hil.errors import DeviceError, LockstepError
from hil.roles import (
    AcReading,
    Analyser,
    Device,
    Faulty,
    Inverter,
    InverterReading,
    Lockstep,
    MeterInTurns,
    PvSimulator,
    Storage,
    StorageReading,
    SunInTurns,
    Surrounded,
    TickInTurns,
)
from hil.station import OnLoss
from hil.tried import all_tried
from hil.turns import Talk, finish, together

_RAMP_SHARE = 0.9
"""Of the ramp limit, in the wall's time: a message that comes early must not be too steep."""


class NodeAsked(NamedTuple):
    """What one tick tells one node. [kW], [kW], [p.u.], [Hz]"""

    available_kw: float
    limit_kw: float
    vm_pu: float
    f_hz: float


class NodeReading(NamedTuple):
    """What a node does, in the power of what it plays.

    Attributes
    ----------
    p_kw, q_kvar : float
        By the analyser where there is one. [kW], [kvar]
    tripped : bool
    energy_kwh : float or None
        Register of the analyser, else of the device; None where neither has one. [kWh]
    soc : float
        State of charge of a store; NaN for an inverter. [1]
    """

    p_kw: float
    q_kvar: float
    tripped: bool
    energy_kwh: float | None
    soc: float


class NodeGrid(Protocol):
    """The grid of a node: `hil.phil` over a grid simulator."""

    def applying(self, vm_pu: float, f_hz: float, dt_s: float) -> Talk[None]:
        """Move what the node sees towards this voltage and frequency. [p.u.], [Hz], [s]"""


class Node:
    """Devices that play one peer.

    Parameters
    ----------
    name : str
        The peer, or what messages call it.
    unit : Inverter or Storage
        What feeds, or charges.
    grid : NodeGrid, optional
        Gives the unit its voltage and frequency.
    pv : PvSimulator, optional
        Gives an inverter its sun.
    analyser : Analyser, optional
        Measures power in the unit's stead.
    scale : float
        Power of what is played over the unit's own.
    ramp_kw_per_s : float, optional
        Fastest change of the unit's setpoint, either way. [kW/s]
    on_loss : OnLoss
        What the node does while a device of it does not answer.
    emulated : bool
        The unit has no sun and grid of its own: in its own time the bench tells it of them.
    others : sequence of Device
        What else is to be made safe and closed, the grid simulator for one.
    """

    def __init__(
        self,
        name: str,
        unit: Inverter | Storage,
        *,
        grid: NodeGrid | None = None,
        pv: PvSimulator | None = None,
        analyser: Analyser | None = None,
        scale: float = 1.0,
        ramp_kw_per_s: float | None = None,
        on_loss: OnLoss = OnLoss(),  # noqa: B008 - frozen
        emulated: bool = True,
        others: Sequence[Device] = (),
    ) -> None:
        self.name, self.on_loss, self.scale = name, on_loss, scale
        self._unit, self._grid = unit, grid
        self._ramp_kw_per_s, self._emulated = ramp_kw_per_s, emulated
        self._held_kw = 0.0
        self._clock = unit if isinstance(unit, Lockstep) else None
        self._turns = unit if isinstance(unit, TickInTurns) else None
        # Looked up once: a protocol takes longer to be asked for than a device to be told.
        self._shine = None if pv is None else _shining(pv)
        self._meter = None if analyser is None else _measuring(analyser)
        # Only a store takes power both ways.
        if hasattr(unit, "set_power"):
            self._command, self._least_kw = unit.set_power, -unit.p_rated_kw
        else:
            self._command, self._least_kw = unit.limit_power, 0.0
        self.devices: tuple[Device, ...] = tuple(
            device for device in (unit, pv, analyser, *others) if device is not None
        )

    @property
    def p_most_kw(self) -> float:
        """Largest power of what is played, either way. [kW]"""
        return self.scale * self._unit.p_rated_kw

    @property
    def told_kw(self) -> float:
        """What it was told last, in the power of what it plays. [kW]"""
        return self.scale * self._held_kw

    @property
    def follows(self) -> bool:
        """Whether its power is what it was told, as a store's is; an inverter's is bounded."""
        return self._least_kw < 0.0

    def begin_lockstep(self, dt_s: float) -> None:
        """Take over the clock of the unit, in ticks of this length. [s]

        Raises
        ------
        LockstepError
            It keeps its own time, as every real device does.
        """
        self._clocked().begin_lockstep(dt_s)

    def tick(self, asked: NodeAsked, dt_s: float, *, held: bool = False) -> NodeReading:
        """Let one tick of the bench's clock pass, and read what the node did in it.

        Parameters
        ----------
        asked : NodeAsked
        dt_s : float
            Length of the tick. [s]
        held : bool
            The bench could not reach the unit in this tick: it kept its last setpoint.
        """
        return finish(self.ticking(asked, dt_s, held=held))

    def ticking(self, asked: NodeAsked, dt_s: float, *, held: bool = False) -> Talk[NodeReading]:
        """Do as `tick`, and give way to other nodes while an answer is on its way.

        Sun and grid are confirmed before the unit lives its tick under them, and it has lived
        it before the analyser is read: devices of one node do not hear in any sure order.
        """
        setpoint_kw = self._held_kw if held else self._setpoint(asked.limit_kw, dt_s)
        yield from self._surrounding(asked, dt_s)
        inputs = asked.available_kw / self.scale, setpoint_kw, asked.vm_pu, asked.f_hz
        if self._turns is not None:
            done = yield from self._turns.ticking(*inputs)
        else:
            done = self._clocked().tick(*inputs)
        self._held_kw = setpoint_kw
        return (yield from self._reading(done))

    def tell(self, asked: NodeAsked, dt_s: float) -> None:
        """Tell devices that keep their own time what is asked.

        Parameters
        ----------
        asked : NodeAsked
        dt_s : float
            Time since they were told last. [s]
        """
        setpoint_kw = self._setpoint(asked.limit_kw, _RAMP_SHARE * dt_s)
        finish(self._surrounding(asked, dt_s))
        if self._emulated and isinstance(self._unit, Surrounded):
            self._unit.surround(asked.available_kw / self.scale, asked.vm_pu, asked.f_hz)
        self._command(setpoint_kw)
        self._held_kw = setpoint_kw

    def read(self) -> NodeReading:
        """Read what the node does now, in its own time."""
        return finish(self._reading(self._unit.measure()))

    def make_safe(self) -> None:
        """Bring every device to its safe state, the unit first; all are tried.

        Raises
        ------
        BenchError
            Of the first that may not be safe; the others stand in its notes.
        """
        self._held_kw = 0.0
        all_tried([device.make_safe for device in self.devices])

    def close(self) -> None:
        """Let go of every device, as it stands."""
        all_tried([device.close for device in self.devices])

    def inject(self, fault: str, *values: float) -> None:
        """Make the unit misbehave; only an emulated one does."""
        self._faulty().inject(fault, *values)

    def clear_faults(self) -> None:
        """Make it behave again."""
        self._faulty().clear_faults()

    def _clocked(self) -> Lockstep:
        """Return the unit, which has to take the bench's clock."""
        if self._clock is not None:
            return self._clock
        raise LockstepError(
            f"{self._unit.name} keeps its own time, and ticks that wait would falsify its ramps "
            "and its energy; run in real time, or play it with an emulated device"
        )

    def _faulty(self) -> Faulty:
        """Return the unit, which has to misbehave on demand."""
        if isinstance(self._unit, Faulty):
            return self._unit
        raise DeviceError(f"{self._unit.name}: no fault can be injected into a real device")

    def _setpoint(self, limit_kw: float, dt_s: float) -> float:
        """Scale to the unit, within its rating and as fast as its ramp allows. [kW]"""
        rated_kw = self._unit.p_rated_kw
        wanted_kw = min(max(limit_kw / self.scale, self._least_kw), rated_kw)
        if self._ramp_kw_per_s is None:
            return wanted_kw
        reach_kw = self._ramp_kw_per_s * dt_s
        return min(max(wanted_kw, self._held_kw - reach_kw), self._held_kw + reach_kw)

    def _surrounding(self, asked: NodeAsked, dt_s: float) -> Talk[None]:
        """Give the unit its grid and its sun, where devices of the bench play them."""
        talks: list[Talk[None]] = []
        if self._grid is not None:
            talks.append(self._grid.applying(asked.vm_pu, asked.f_hz, dt_s))
        if self._shine is not None:
            talks.append(self._shine(asked.available_kw / self.scale))
        if talks:
            yield from together(talks)

    def _reading(self, done: InverterReading | StorageReading) -> Talk[NodeReading]:
        """Put together what was measured, in the power of what is played."""
        p_kw, q_kvar, energy_kwh = done.p_kw, done.q_kvar, done.energy_kwh
        if self._meter is not None:
            seen = yield from self._meter()
            p_kw, q_kvar = seen.p_kw, seen.q_kvar
            energy_kwh = energy_kwh if seen.energy_kwh is None else seen.energy_kwh
        return NodeReading(
            self.scale * p_kw,
            self.scale * q_kvar,
            done.tripped,
            None if energy_kwh is None else self.scale * energy_kwh,
            getattr(done, "soc", math.nan),
        )


def _shining(pv: PvSimulator) -> Callable[[float], Talk[None]]:
    """Find how the sun is set: giving way, where its driver can."""
    if isinstance(pv, SunInTurns):
        return pv.setting_available

    def at_once(available_kw: float) -> Talk[None]:
        yield
        pv.set_available(available_kw)

    return at_once


def _measuring(analyser: Analyser) -> Callable[[], Talk[AcReading]]:
    """Find how the analyser is read: giving way, where its driver can."""
    if isinstance(analyser, MeterInTurns):
        return analyser.measuring

    def at_once() -> Talk[AcReading]:
        yield
        return analyser.measure()

    return at_once
