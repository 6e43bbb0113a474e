"""An inverter that is not there: a power limit over the physics of `models`.

It carries only the standard library and `models.inverters.inverter`, so that its process starts
fast; with a standard's functions `inverter_functions` brings the rest.
"""

from typing import Protocol

from models.inverters.inverter import Inverter, InverterParams, State

from .instrument import EmulatedInstrument, Manners, identity_of
from .scpi import arguments, number
from .world import World

__all__ = ["STATES", "EmulatedInverter", "InverterPhysics", "identity_of"]

STATES = {"running": "RUN", "tripped": "TRIP", "waiting": "WAIT"}


class InverterPhysics(Protocol):
    """What moves the inverter's power. [kW], [kvar], [kWh]"""

    p_kw: float
    q_kvar: float
    energy_kwh: float

    @property
    def state(self) -> State:
        """Whether it feeds."""

    def step(
        self, dt_s: float, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> None:
        """Advance by one step; its power then holds over that step."""

    def begin_anew(self) -> None:
        """Bring it to its beginning."""

    def trip(self) -> None:
        """Open, until `clear`."""

    def clear(self) -> None:
        """Release it; it comes back by its own rules."""


class PlainPhysics(Inverter):
    """The inverter of `models` without a standard's functions."""

    __slots__ = ()

    def begin_anew(self) -> None:
        """Bring it to its beginning."""
        fresh = Inverter(self.params)
        for name in Inverter.__dataclass_fields__:
            setattr(self, name, getattr(fresh, name))


class EmulatedInverter(EmulatedInstrument):
    """SCPI commands of one inverter.

    Parameters
    ----------
    params : InverterParams
        Ratings and settings of the physics.
    serial : str
        Serial number in its identity, where `manners` gives none.
    world : World, optional
        Where it lives; alone unless given.
    manners : Manners, optional
        How it behaves.
    physics : InverterPhysics, optional
        What moves its power; `models.inverters.inverter.Inverter` unless given.
    """

    role = "inverter"

    def __init__(
        self,
        params: InverterParams,
        *,
        serial: str = "0",
        world: World | None = None,
        manners: Manners | None = None,
        physics: InverterPhysics | None = None,
    ) -> None:
        super().__init__(world or World(), manners or Manners(serial=serial))
        self.params = params
        self.physics: InverterPhysics = physics or PlainPhysics(params)
        self.rated_w = 1000.0 * params.p_rated_kw
        self.limit_w = 0.0
        self.p_kw = self.q_kvar = 0.0
        self.world.parties.append(self)
        self.on("[SOURce]:POWer:LIMit[:AMPLitude]", self._set_limit, "`<W>`: active power limit")
        self.on("[SOURce]:POWer:LIMit[:AMPLitude]?", self._get_limit, "`[MIN|MAX]`: limit [W]")
        for pattern, handler, about in (
            ("[SOURce]:STATe?", self.state, "`RUN`, `TRIP` or `WAIT`"),
            ("MEASure:POWer[:ACTive]?", lambda: self._shown("p"), "fed into the grid [W]"),
            ("MEASure:POWer:REACtive?", lambda: self._shown("q"), "fed into the grid [var]"),
            ("MEASure:ENERgy?", self._energy, "fed so far [Wh]"),
            ("MEASure:VOLTage[:AC]?", lambda: self._shown("v"), "at its terminals [V]"),
            ("MEASure:FREQuency?", lambda: self._shown("f"), "at its terminals [Hz]"),
        ):
            self.command(pattern, handler, about)

    @property
    def drawn_kw(self) -> float:
        """What it takes from the sun. [kW]"""
        return self.p_kw

    @property
    def available_kw(self) -> float:
        """What the sun gives it. [kW]"""
        sun = self.world.sun
        return self._available_kw if sun is None else sun.available_kw

    def live(self, dt_s: float, vm_pu: float, f_hz: float) -> None:
        """Let a step pass."""
        physics = self.physics
        physics.step(dt_s, self.available_kw, self.limit_w / 1000.0, vm_pu, f_hz)
        self.p_kw, self.q_kvar = physics.p_kw, physics.q_kvar

    def begin_anew(self) -> None:
        """Bring the physics to its beginning."""
        self.physics.begin_anew()
        self.p_kw = self.q_kvar = 0.0

    def state(self) -> str:
        """Say whether it feeds."""
        return STATES[self.physics.state]

    def setpoint(self) -> float:
        """Give its limit. [W]"""
        return self.limit_w

    def power(self) -> tuple[float, float]:
        """Give what it feeds. [W], [var]"""
        return 1000.0 * self.physics.p_kw, 1000.0 * self.physics.q_kvar

    def tick_power(self) -> tuple[float, float]:
        """Give what it fed over the last tick of lockstep. [W], [var]"""
        p_kw, q_kvar = self.world.mean[self.world.parties.index(self)]
        return 1000.0 * p_kw, 1000.0 * q_kvar

    def reset(self) -> None:
        """Return to the settings at power-on: limit 0, watchdog off. The physics goes on."""
        super().reset()
        self.limit_w = 0.0

    def restart(self) -> None:
        """Come back from a reboot: limit 0, and into service by its own rules."""
        super().restart()
        self.physics.trip()
        self.physics.clear()

    def trip(self) -> None:
        """Open, and stay open until the faults are cleared."""
        self.physics.trip()

    def clear_faults(self) -> None:
        """Behave again; after a trip it reconnects by its own rules."""
        super().clear_faults()
        self.physics.clear()

    def limit(self, limit_w: float) -> None:
        """Take a limit, whichever way it came. [W]"""
        self.accept()
        self.limit_w = limit_w

    def _set_limit(self, given: list[str]) -> None:
        """Take a limit; DEFault is 0."""
        self.limit(number(arguments(given, 1)[0], 0.0, self.rated_w, 0.0))

    def _get_limit(self, given: list[str]) -> str:
        """Tell the limit, or with MIN or MAX its bounds."""
        if arguments(given, 0, 1):
            return str(number(given[0], 0.0, self.rated_w, 0.0))
        return str(self.limit_w)

    def _shown(self, key: str) -> str:
        """Measure one thing."""
        values = {
            "p": 1000.0 * self.physics.p_kw,
            "q": 1000.0 * self.physics.q_kvar,
            "v": self.world.seen_pu(self.phases) * self.world.v_nominal_v,
            "f": self.world.f_hz,
        }
        return self.shown(key, values[key])

    def _energy(self) -> str:
        """Read its register. [Wh]"""
        return self.register_shown("energy", 1000.0 * self.physics.energy_kwh)
