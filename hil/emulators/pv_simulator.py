"""A PV simulator that is not there: a DC source with the curve of an array.

The curve is an exponential through short circuit, maximum power and no load, as the SAS mode of
such sources has it: see `EmulatedPvSimulator.current_a`. Irradiance scales the current and
temperature the voltage. It makes available what its maximum power point gives; inverters of its
node draw from it, and its voltage is where the curve has their power, to the right of the
maximum.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from .instrument import Manners
from .protected import ProtectedInstrument
from .scpi import Handler, ScpiError, arguments, number, switch
from .world import World

_STANDARD_W_PER_M2, _STANDARD_C = 1000.0, 25.0
_HALVINGS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class PvSimulatorParams:
    """Ratings of the source.

    Parameters
    ----------
    p_max_kw : float
        Largest power. [kW]
    v_max_v : float
        Largest no-load voltage. [V]
    v_mpp_v : float
        Voltage at the maximum power point at first. [V]
    fill_v : float
        Vmp over Voc, at first. [1]
    v_per_c : float
        Change of voltage with temperature. [1/K]
    """

    p_max_kw: float = 10.0
    v_max_v: float = 1000.0
    v_mpp_v: float = 600.0
    fill_v: float = 0.82
    v_per_c: float = -0.003


def share_at_mpp(fill_v: float) -> float:
    """Imp over Isc with which the curve has its maximum power just at Vmp. [1]

    Parameters
    ----------
    fill_v : float
        Vmp over Voc, x. [1]

    Notes
    -----
    With E = exp(c·(x − 1)) the power V·(1 − E) is largest where 1 − E = c·x·E, which is
    exp(c·(1 − x)) = 1 + c·x; its root above 0 is at most 1/(1 − x)².
    """
    low, high = 1e-6, 1.0 / (1.0 - fill_v) ** 2 + 2.0
    for _ in range(_HALVINGS):
        steep = 0.5 * (low + high)
        if steep * (1.0 - fill_v) < math.log1p(steep * fill_v):
            low = steep
        else:
            high = steep
    return 1.0 - math.exp(low * (fill_v - 1.0))


class EmulatedPvSimulator(ProtectedInstrument):
    """SCPI commands of a PV simulator, and what it makes available.

    Parameters
    ----------
    params : PvSimulatorParams
    world : World
        The node whose sun it is; it may have no other.
    manners : Manners
    """

    role = "pv-simulator"

    def __init__(self, params: PvSimulatorParams, *, world: World, manners: Manners) -> None:
        if world.sun is not None:
            raise ValueError("a node has one PV simulator at most")
        super().__init__(world, manners)
        self.params, self.drawn_kw = params, 0.0
        self._defaults()
        world.sun = self
        most_w, most_v = 1000.0 * params.p_max_kw, params.v_max_v
        most_a = most_w / (0.1 * params.v_mpp_v)
        self.on("[SOURce]:POWer[:MPP]", self._set_power, "`<W>`: at the maximum power point")
        self.command("[SOURce]:POWer[:MPP]?", lambda: str(self.p_mpp_w()), "[W]")
        for header, name, high, unit in (
            ("IMP", "imp_a", most_a, "A"),
            ("ISC", "isc_a", most_a, "A"),
            ("VMP", "vmp_v", most_v, "V"),
            ("VOC", "voc_v", most_v, "V"),
        ):
            pattern = f"[SOURce]:SAS:CURVe:{header}"
            self.on(pattern, self._setter(name, high), f"`<{unit}>`: a point of the curve")
            self.command(f"{pattern}?", self._teller(name), f"[{unit}]")
        self.adjustable("[SOURce]:IRRadiance", "irradiance", 0.0, 1500.0, 1000.0, "W/m²")
        self.adjustable("[SOURce]:TEMPerature", "temperature", -50.0, 100.0, 25.0, "°C")
        self.on("OUTPut[:STATe]", self._switch, "`ON|OFF`")
        self.command("OUTPut[:STATe]?", lambda: str(int(self.output)), "1 or 0")
        self.command("OUTPut:PROTection:CLEar", self._clear_protection, "after it has opened")
        for key, header, unit in (
            ("p", "POWer", "W"),
            ("v", "VOLTage", "V"),
            ("i", "CURRent", "A"),
        ):
            for verb in ("MEASure", "FETCh"):
                self.command(f"{verb}:{header}[:DC]?", self._measurer(key), f"[{unit}]")

    def _defaults(self) -> None:
        """Take the settings at power-on: no current, so no power."""
        params = self.params
        self.output = False
        self.vmp_v, self.voc_v = params.v_mpp_v, params.v_mpp_v / params.fill_v
        self.imp_a = self.isc_a = 0.0
        self.irradiance, self.temperature = _STANDARD_W_PER_M2, _STANDARD_C

    @property
    def available_kw(self) -> float:
        """What it makes available. [kW]"""
        return self.p_mpp_w() / 1000.0 if self.output else 0.0

    def p_mpp_w(self) -> float:
        """Power at the maximum power point under this sun. [W]"""
        power_w = self.vmp_v * self._warmth() * self.imp_a * self.irradiance / _STANDARD_W_PER_M2
        return min(power_w, 1000.0 * self.params.p_max_kw)

    def current_a(self, v_v: float) -> float:
        """Current of the curve at a voltage. [A]

        Notes
        -----
        With x = V/Voc and c = −ln(1 − Imp/Isc)·Voc/(Voc − Vmp) the exponential through short
        circuit, maximum power and no load is I = Isc·(1 − exp(c·(x − 1))), up to what is left
        at short circuit, exp(−c), under 1 % for any array.
        """
        scale = self.irradiance / _STANDARD_W_PER_M2
        voc_v = self.voc_v * self._warmth()
        if self.isc_a <= 0.0 or v_v >= voc_v:
            return 0.0
        knee = min(max(self.imp_a / self.isc_a, 0.0), 0.999)
        steep = -math.log(1.0 - knee) * self.voc_v / max(self.voc_v - self.vmp_v, 1e-6)
        return scale * self.isc_a * (1.0 - math.exp(steep * (v_v / voc_v - 1.0)))

    def setpoint(self) -> float:
        """Give what it was told to make available. [W]"""
        return self.p_mpp_w()

    def power(self) -> tuple[float, float]:
        """Give what is drawn from it. [W], 0"""
        return self._flow()["p"], 0.0

    def _warmth(self) -> float:
        """What temperature does to the voltage. [1]"""
        return max(0.0, 1.0 + self.params.v_per_c * (self.temperature - _STANDARD_C))

    def _flow(self) -> dict[str, float]:
        """Give power, voltage and current where the curve has what is drawn."""
        if not self.output:
            return {"p": 0.0, "v": 0.0, "i": 0.0}
        drawn_w = 1000.0 * min(self.drawn_kw, self.available_kw)
        left_v, right_v = self.vmp_v * self._warmth(), self.voc_v * self._warmth()
        for _ in range(_HALVINGS):
            middle_v = 0.5 * (left_v + right_v)
            if middle_v * self.current_a(middle_v) > drawn_w:
                left_v = middle_v
            else:
                right_v = middle_v
        return {"p": drawn_w, "v": right_v, "i": drawn_w / right_v if right_v > 0.0 else 0.0}

    def _measurer(self, key: str) -> Callable[[], str]:
        """Make what answers a measurement."""
        return lambda: self.shown(key, self._flow()[key])

    def _teller(self, name: str) -> Callable[[], str]:
        """Make what tells a point of the curve."""
        return lambda: str(getattr(self, name))

    def _setter(self, name: str, high: float) -> Handler:
        """Make what sets a point of the curve."""

        def put(given: list[str]) -> None:
            value = number(arguments(given, 1)[0], 0.0, high)
            self.accept()
            setattr(self, name, value)

        return put

    def _set_power(self, given: list[str]) -> None:
        """Set the power at the maximum power point: the currents follow, irradiance is standard."""
        power_w = number(arguments(given, 1)[0], 0.0, 1000.0 * self.params.p_max_kw, 0.0)
        if not 0.5 * self.voc_v < self.vmp_v < self.voc_v or self._warmth() <= 0.0:
            raise ScpiError(-221, f"no array has {self.vmp_v} V of {self.voc_v} V at its best")
        self.accept()
        self.irradiance = _STANDARD_W_PER_M2
        self.imp_a = power_w / (self.vmp_v * self._warmth())
        self.isc_a = self.imp_a / share_at_mpp(self.vmp_v / self.voc_v)

    def _switch(self, given: list[str]) -> None:
        """Close or open the output."""
        on = switch(arguments(given, 1)[0])
        if on and self._tripped:
            raise ScpiError(-221, "protection; OUTP:PROT:CLE first")
        if on:
            self.accept()
        self.output = on
