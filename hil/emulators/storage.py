"""A battery inverter that is not there: a power over the physics of `models.storage.battery`.

It discharges at a positive power. It opens when the voltage leaves its window and closes again
by itself after its delay.
"""

from dataclasses import dataclass

from models.storage.battery import Battery, BatteryParams

from .instrument import EmulatedInstrument, Manners
from .world import World

_SLACK_S = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageProtection:
    """When a battery inverter opens, and when it closes again.

    Parameters
    ----------
    vm_pu : (float, float)
        Where it works; outside for `trip_s` it opens. [p.u.]
    f_hz : (float, float)
        Likewise. [Hz]
    trip_s, reconnect_s : float
        [s]
    """

    vm_pu: tuple[float, float] = (0.80, 1.15)
    f_hz: tuple[float, float] = (47.5, 51.5)
    trip_s: float = 0.2
    reconnect_s: float = 60.0


class EmulatedStorage(EmulatedInstrument):
    """SCPI commands of a battery inverter.

    Parameters
    ----------
    params : BatteryParams
    protection : StorageProtection
    world : World
    manners : Manners
    """

    role = "storage"

    def __init__(
        self,
        params: BatteryParams,
        protection: StorageProtection,
        *,
        world: World,
        manners: Manners,
    ) -> None:
        super().__init__(world, manners)
        self.battery, self.protection = Battery(params), protection
        self.power_w = 0.0
        self.p_kw = self.q_kvar = 0.0
        self._latched = False
        self._closed, self._timer_s = True, 0.0
        world.parties.append(self)
        self.adjustable(
            "[SOURce]:POWer[:LEVel][:AMPLitude]",
            "power_w",
            -1000.0 * params.p_max_kw,
            1000.0 * params.p_max_kw,
            0.0,
            "W, discharging positive",
        )
        for pattern, handler, about in (
            ("[SOURce]:STATe?", self.state, "`RUN`, `TRIP` or `WAIT`"),
            ("BATTery:SOC?", lambda: self.shown("soc", 100.0 * self.battery.soc), "[%]"),
            ("BATTery:ENERgy?", self._stored, "in the store [Wh]"),
            ("MEASure:POWer[:ACTive]?", lambda: self.shown("p", self.power()[0]), "fed [W]"),
            ("MEASure:POWer:REACtive?", lambda: self.shown("q", self.power()[1]), "fed [var]"),
            ("MEASure:VOLTage[:AC]?", lambda: self.shown("v", self._seen_v()), "[V]"),
            ("MEASure:FREQuency?", lambda: self.shown("f", world.f_hz), "[Hz]"),
            ("MEASure:ENERgy?", self._energy, "fed so far, less what it took [Wh]"),
        ):
            self.command(pattern, handler, about)

    def live(self, dt_s: float, vm_pu: float, f_hz: float) -> None:
        """Let a step pass."""
        self._protect(dt_s, vm_pu, f_hz)
        self.battery.step(dt_s, self.power_w / 1000.0 if self._closed else 0.0, vm_pu)
        if not self._closed:
            # Its ramp is that of the set-point; an open switch needs none.
            self.battery.p_kw = 0.0
        self.p_kw, self.q_kvar = self.battery.p_kw, self.battery.q_kvar

    def begin_anew(self) -> None:
        """Bring the physics to its beginning."""
        self.battery = Battery(self.battery.params)
        self._closed, self._timer_s, self.p_kw, self.q_kvar = not self._latched, 0.0, 0.0, 0.0

    def state(self) -> str:
        """Say whether it is on the grid."""
        if self._closed:
            return "RUN"
        return "TRIP" if self._latched or self._timer_s == 0.0 else "WAIT"

    def setpoint(self) -> float:
        """Give its power. [W]"""
        return self.power_w

    def power(self) -> tuple[float, float]:
        """Give what it feeds. [W], [var]"""
        return 1000.0 * self.p_kw, 1000.0 * self.q_kvar

    def tick_power(self) -> tuple[float, float]:
        """Give what it fed over the last tick of lockstep. [W], [var]"""
        p_kw, q_kvar = self.world.mean[self.world.parties.index(self)]
        return 1000.0 * p_kw, 1000.0 * q_kvar

    def reset(self) -> None:
        """Return to the settings at power-on: power 0."""
        super().reset()
        self.power_w = 0.0

    def restart(self) -> None:
        """Come back from a reboot: power 0, and into service after its delay."""
        super().restart()
        self._open()

    def trip(self) -> None:
        """Open, and stay open until the faults are cleared."""
        self._open()
        self._latched = True

    def clear_faults(self) -> None:
        """Behave again; after a trip it closes by its own rules."""
        super().clear_faults()
        self._latched = False

    def _open(self) -> None:
        """Open the switch."""
        self._closed, self._timer_s = False, 0.0
        self.p_kw = self.q_kvar = self.battery.p_kw = 0.0

    def _protect(self, dt_s: float, vm_pu: float, f_hz: float) -> None:
        """Run the timer of the way out, or of the way back."""
        window = self.protection
        inside = (
            window.vm_pu[0] <= vm_pu <= window.vm_pu[1] and window.f_hz[0] <= f_hz <= window.f_hz[1]
        )
        if inside == self._closed or self._latched:
            self._timer_s = 0.0
            return
        self._timer_s += dt_s
        limit_s = window.trip_s if self._closed else window.reconnect_s
        if self._timer_s >= limit_s - _SLACK_S:
            self._closed, self._timer_s = not self._closed, 0.0

    def _seen_v(self) -> float:
        """Voltage at its terminals. [V]"""
        return self.world.seen_pu(self.phases) * self.world.v_nominal_v

    def _stored(self) -> str:
        """Read what is in the store. [Wh]"""
        return self.register_shown("stored", 1000.0 * self.battery.stored_kwh)

    def _energy(self) -> str:
        """Read its register. [Wh]"""
        battery = self.battery
        return self.register_shown(
            "energy", 1000.0 * (battery.discharged_kwh - battery.charged_kwh)
        )
