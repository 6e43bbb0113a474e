"""Driver of an inverter that speaks SunSpec: kilowatts to us, percent of its rating to the device.

It refuses before sending, reads back after in kilowatts, and leaves the device at limit zero
however its block ends.
"""

import math
import time
from collections.abc import Callable

from hil.drivers.channels import Channels
from hil.drivers.made_safe import MadeSafe
from hil.errors import DeviceError, SetpointError
from hil.roles import Identity, InverterReading

from .limit import PowerLimit
from .link import ModbusLink
from .models import Generation, generation_of
from .registers import SunSpecRegisters

_SENSELESS = 10.0  # times the rating: a unit or a ratio is wrong then
_LONGEST_S = 2**31


class SunSpecInverter(MadeSafe):
    """Inverter with a power limit, left at zero whenever the block ends.

    Parameters
    ----------
    link : ModbusLink
        Connected to the device.
    name : str
        What messages call it.
    p_rated_kw : float
        What the station says; the device's own rating bounds it too. [kW]
    channels : Channels
        How its measurement is wired.
    clock : callable
        Tells when a limit has to be written again. [s]

    Raises
    ------
    LinkError, DeviceError
        It does not answer, or has not the models of an inverter with a limit.

    Notes
    -----
    SunSpec's revert timer counts from the last *write* of the limit. While it is armed, a
    reading that comes late enough writes the limit again, but only if the device still holds
    it: one that has fallen back stays there until the bench sets a limit again.
    """

    def __init__(
        self,
        link: ModbusLink,
        *,
        name: str,
        p_rated_kw: float,
        channels: Channels,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self.name, self._link, self._channels = name, link, channels
        self._registers = SunSpecRegisters(link)
        self._generation: Generation = generation_of(name, self._registers.models)
        self._limit = PowerLimit(self._registers, self._generation.controls)
        self._station_kw, self._connects = p_rated_kw, 0
        self._revert_s, self._told_kw, self._due_s = 0, 0.0, math.inf
        self._meet()

    @property
    def p_rated_kw(self) -> float:
        """Largest limit: the station's, or the device's own if that is less. [kW]"""
        return min(self._station_kw, self._limit.w_max_kw)

    def identify(self) -> Identity:
        """Read its common model: maker, model, serial number, version."""
        return self._link.nameplate()

    def limit_power(self, p_kw: float) -> None:
        """Set the active power limit and read it back. [kW]

        Raises
        ------
        SetpointError
            Outside the rating (nothing is sent), or the device holds another one.
        """
        if not 0 <= p_kw <= self.p_rated_kw:
            raise SetpointError(
                f"{self.name}: {p_kw} kW is outside 0 to {self.p_rated_kw} kW; nothing was sent"
            )
        self._set(p_kw)

    def make_safe(self) -> None:
        """Bring it to its safe state: limit 0, read back."""
        self._set(0.0)

    def close(self) -> None:
        """Let go of it, as it stands."""
        self._link.close()

    def measure(self) -> InverterReading:
        """Read what it feeds now; renew its revert timer where that is due.

        Raises
        ------
        DeviceError
            A quantity is missing, or cannot be true of this inverter.
        """
        self._meet()
        if self._clock() >= self._due_s:
            self._renew()
        at = self._generation.measured
        read = self._registers.read(at.models[0], (at.p, at.q, at.energy, at.state))
        p_kw, q_kvar = self._sensible(at.p, read[at.p]), self._sensible(at.q, read[at.q])
        state, energy_wh = self._state(read[at.state]), read[at.energy]
        return InverterReading(
            self._channels.primary("p", p_kw),
            self._channels.primary("q", q_kvar),
            state != "running",
            state,
            energy_kwh=None
            if energy_wh is None
            else self._channels.primary("energy", energy_wh / 1000.0),
        )

    def arm_revert(self, revert_s: float) -> None:
        """Start the device's own revert timer, read back; 0 stops it. [s]

        Raises
        ------
        SetpointError
            It is no whole number of seconds, the device holds another one, or what it falls
            back to is not its safe state.
        """
        if not 0 <= revert_s < _LONGEST_S or revert_s != int(revert_s):
            raise SetpointError(
                f"{self.name}: SunSpec's timer counts whole seconds; expected such a number, not "
                f"{revert_s} s; nothing was sent"
            )
        if revert_s and not self._limit.reverts:
            raise SetpointError(
                f"{self.name}: when its timer runs out, model {self._generation.controls.model} "
                "lifts the limit, which is not safe; leave `revert` out and interlock the device; "
                "nothing was sent"
            )
        self._meet()
        self._revert_s = int(revert_s)
        self._set(self._limit.held().p_kw or 0.0)

    def _set(self, p_kw: float) -> None:
        """Set the limit, and with it the timer."""
        self._meet()
        self._told_kw = self._limit.put(p_kw, self._revert_s)
        self._due_s = self._clock() + self._revert_s / 3.0 if self._revert_s else math.inf

    def _renew(self) -> None:
        """Write the limit again, unless the device holds another one by now."""
        if self._limit.held().p_kw == self._told_kw:
            self._set(self._told_kw)
        else:
            self._due_s = math.inf  # it has fallen back; the next limit begins anew

    def _meet(self) -> None:
        """On a new connection, learn what its limit is a share of; it may have been set anew.

        Raises
        ------
        DeviceError
            It does not say.
        """
        self._link.connect()
        if self._connects == self._link.connects:
            return
        for rating in self._generation.ratings:
            if rating.model not in self._registers.models:
                continue
            read = self._registers.read(rating.model, rating.points)
            for w_max in read.values():
                if w_max is not None and w_max > 0:
                    self._limit.learn(w_max / 1000.0)
                    self._connects = self._link.connects
                    return
        places = " nor ".join(
            f"{one.model} {'/'.join(one.points)}" for one in self._generation.ratings
        )
        raise DeviceError(f"{self.name}: does not say its rating, by {places}")

    def _sensible(self, name: str, value: float | None) -> float:
        """Turn W or var into kW or kvar; what is not there, or far beyond the rating, is none."""
        if value is None or abs(value) > _SENSELESS * 1000.0 * self._limit.w_max_kw:
            raise DeviceError(
                f"{self.name}: {name} is {value}; expected a number of W or var that fits "
                f"{self._limit.w_max_kw} kW"
            )
        return value / 1000.0

    def _state(self, code: float | None) -> str:
        """Name the state that it says."""
        at = self._generation.measured
        if code is None:
            raise DeviceError(f"{self.name}: does not say {at.state}")
        if code in at.running:
            return "running"
        return "waiting" if code in at.waiting else "tripped"
