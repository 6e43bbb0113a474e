"""An electronic load that is not there; what it draws reads positive on it, as on real ones.

Modes are constant power, current and resistance, each with its level. Command names are those
of Chroma's and NHR's loads as `svp_energy_lab` shows them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from .instrument import Manners
from .protected import ProtectedInstrument
from .scpi import ScpiError, arguments, choice, switch
from .world import World

_LOWEST_PU = 0.1  # below, it cannot draw


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadParams:
    """Ratings.

    Parameters
    ----------
    p_max_kw : float
        Largest power of all its phases. [kW]
    i_max_a : float
        Largest current, per phase. [A]
    """

    p_max_kw: float = 10.0
    i_max_a: float = 64.0


class EmulatedLoad(ProtectedInstrument):
    """SCPI commands of an electronic load.

    Parameters
    ----------
    params : LoadParams
    world : World
    manners : Manners
    """

    role = "load"

    def __init__(self, params: LoadParams, *, world: World, manners: Manners) -> None:
        super().__init__(world, manners)
        self.params = params
        self._defaults()
        self.p_kw = self.q_kvar = self.energy_kwh = 0.0
        world.parties.append(self)
        most_w, most_a = 1000.0 * params.p_max_kw, params.i_max_a
        self.on("MODE", self._set_mode, "`CP|CC|CR`: power, current or resistance")
        self.command("MODE?", lambda: self.mode, "`CP`, `CC` or `CR`")
        for pattern, name, low, high, default, about in (
            ("POWer[:STATic][:L1]", "level_w", 0.0, most_w, 0.0, "W"),
            ("CURRent[:STATic][:L1]", "level_a", 0.0, most_a, 0.0, "A per phase"),
            ("RESistance[:STATic][:L1]", "level_ohm", 0.1, 1e6, 1e6, "Ω per phase"),
        ):
            self.adjustable(pattern, name, low, high, default, about)
        self.on("LOAD[:STATe]", self._switch, "`ON|OFF`: input")
        self.command("LOAD[:STATe]?", lambda: str(int(self.output)), "1 or 0")
        self.on("CONFigure:REMote", self._set_remote, "`ON|OFF`: settings need ON")
        self.command("CONFigure:REMote?", lambda: str(int(self.remote)), "1 or 0")
        self.command("LOAD:PROTection:CLEar", self._clear_protection, "after it has opened")
        for verb in ("MEASure", "FETCh"):
            for header, key, unit in (
                ("POWer[:ACTive]", "p", "W, drawn positive"),
                ("POWer:REACtive", "q", "var"),
                ("VOLTage", "v", "V"),
                ("CURRent", "i", "A per phase"),
                ("FREQuency", "f", "Hz"),
            ):
                self.command(f"{verb}:{header}?", self._measurer(key), f"[{unit}]")
            self.command(f"{verb}:ENERgy?", self._energy, "drawn so far [Wh]")

    def _defaults(self) -> None:
        """Take the settings at power-on: input open."""
        self.output, self.remote, self.mode = False, True, "CP"
        self.level_w, self.level_a, self.level_ohm = 0.0, 0.0, 1e6

    def live(self, dt_s: float, vm_pu: float, f_hz: float) -> None:
        """Let a step pass."""
        v_v = vm_pu * self.world.v_nominal_v
        drawn_w = 0.0
        if self.output and vm_pu > _LOWEST_PU:
            n = len(self.phases)
            drawn_w = {
                "CP": self.level_w,
                "CC": n * v_v * self.level_a,
                "CR": n * v_v * v_v / self.level_ohm,
            }[self.mode]
            drawn_w = min(drawn_w, n * v_v * self.params.i_max_a, 1000.0 * self.params.p_max_kw)
        self.p_kw = -drawn_w / 1000.0
        self.energy_kwh += drawn_w * dt_s / 3.6e6

    def begin_anew(self) -> None:
        """Bring the physics to its beginning."""
        self.p_kw = self.energy_kwh = 0.0

    def accept(self) -> None:
        """Refuse settings while it is in local control, too."""
        if not self.remote:
            raise ScpiError(-221, "local control; CONF:REM ON first")
        super().accept()

    def setpoint(self) -> float:
        """Give the level of constant power. [W]"""
        return self.level_w

    def power(self) -> tuple[float, float]:
        """Give what it draws. [W], 0"""
        return 0.0 - 1000.0 * self.p_kw, 0.0

    def _measurer(self, key: str) -> Callable[[], str]:
        """Make what answers a measurement."""

        def measure() -> str:
            v_v = self.world.seen_pu(self.phases) * self.world.v_nominal_v
            drawn_w = self.power()[0]
            amps = drawn_w / (len(self.phases) * v_v) if v_v > 0.0 else 0.0
            values = {"p": drawn_w, "q": 0.0, "v": v_v, "i": amps, "f": self.world.f_hz}
            return self.shown(key, values[key])

        return measure

    def _energy(self) -> str:
        """Read its register. [Wh]"""
        return self.register_shown("energy", 1000.0 * self.energy_kwh)

    def _set_mode(self, given: list[str]) -> None:
        """Choose what is constant."""
        mode = choice(arguments(given, 1)[0], "CP", "CC", "CR")
        self.accept()
        self.mode = mode

    def _set_remote(self, given: list[str]) -> None:
        """Take it from its front panel, or give it back."""
        self.remote = switch(arguments(given, 1)[0])

    def _switch(self, given: list[str]) -> None:
        """Close or open the input."""
        on = switch(arguments(given, 1)[0])
        if on and self._tripped:
            raise ScpiError(-221, "protection; LOAD:PROT:CLE first")
        if on:
            self.accept()
        self.output = on
