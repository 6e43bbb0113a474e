"""A grid simulator that is not there: an AC source that makes the node's grid.

As on real AC sources power is what the source delivers: what an inverter feeds into it reads
negative. Command names are those of Chroma's and California Instruments' sources as far as
`svp_energy_lab` shows them; slew rates are in V/s and Hz/s.
"""

import math
from dataclasses import dataclass

from .grid_program import GridProgram
from .instrument import EmulatedInstrument, Manners
from .scpi import Handler, ScpiError, arguments, choice, number, switch
from .world import PHASES, World

_PATIENCE_S = 0.02  # a cycle of 50 Hz over a limit is what it bears
_REVERSE_SHARE = 0.01  # of its rating flows back at most, while it does not regenerate
_OVER_CURRENT, _OVER_POWER, _REVERSE = 2, 8, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSimulatorParams:
    """Ratings of an AC source.

    Parameters
    ----------
    s_kva : float
        Apparent power of all phases; beyond it, it opens. [kVA]
    v_max_v : float
        Largest voltage, phase to neutral. [V]
    f_min_hz, f_max_hz : float
        [Hz]
    i_max_a : float
        Largest current limit, per phase; beyond the limit it opens. [A]
    r_ohm, x_ohm : float
        Impedance between it and the terminals. [Ω]
    """

    s_kva: float = 30.0
    v_max_v: float = 300.0
    f_min_hz: float = 40.0
    f_max_hz: float = 70.0
    i_max_a: float = 150.0
    r_ohm: float = 0.0
    x_ohm: float = 0.0


class EmulatedGridSimulator(EmulatedInstrument):
    """SCPI commands of an AC source, and its output.

    Parameters
    ----------
    params : GridSimulatorParams
    world : World
        The node whose grid it makes; it may have no other source.
    manners : Manners
    """

    role = "grid-simulator"

    def __init__(self, params: GridSimulatorParams, *, world: World, manners: Manners) -> None:
        if world.source is not None:
            raise ValueError("a node has one grid simulator at most")
        super().__init__(world, manners)
        self.params, self.r_ohm, self.x_ohm = params, params.r_ohm, params.x_ohm
        self.program = GridProgram()
        self._defaults()
        self.vm_v, self.f_hz = [0.0, 0.0, 0.0], world.f_nominal_hz
        self._over_s = 0.0
        world.source, world.vm_v = self, [0.0, 0.0, 0.0]
        self._add_voltage()
        self._add_output()
        self._add_measurements()
        self.program.add_commands(self)

    def _defaults(self) -> None:
        """Take the settings at power-on."""
        params = self.params
        self.output, self.condition = False, 0
        self.set_v = [self.world.v_nominal_v] * 3
        self.set_hz = self.world.f_nominal_hz
        self.i_limit_a, self.v_range_v = params.i_max_a, params.v_max_v
        self.v_limits_v = [0.0, params.v_max_v]
        self.f_limits_hz = [params.f_min_hz, params.f_max_hz]
        self.v_slew, self.f_slew = math.inf, math.inf
        self.chosen, self.coupled, self.regenerates = 0, True, True
        self.program.abort()

    def _add_voltage(self) -> None:
        """Offer voltage, frequency, current and their limits."""
        volts = "[SOURce]:VOLTage[:LEVel][:IMMediate][:AMPLitude][:AC]"
        hertz = "[SOURce]:FREQuency[:CW][:IMMediate]"
        limit = "[SOURce]:VOLTage:LIMit[:AC]"
        params = self.params
        self.on("[SOURce]:VOLTage#", self._set_phase, "`<V>`: phase 1, 2 or 3 to neutral")
        self.on("[SOURce]:VOLTage#?", self._get_phase, "of that phase [V]")
        self.on(volts, self._set_voltage, "`<V>`: to neutral; all phases, or the chosen one")
        self.on(f"{volts}?", self._get_voltage, "`[MIN|MAX]`: of the chosen phase [V]")
        self.on(hertz, self._set_frequency, "`<Hz>`")
        self.on(f"{hertz}?", self._get_frequency, "`[MIN|MAX]`: [Hz]")
        self.on(limit, self._set_v_limits, "`<lowest V>,<highest V>`, or the highest alone")
        self.command(f"{limit}?", lambda: "{},{}".format(*self.v_limits_v), "[V],[V]")
        self.on("[SOURce]:FREQuency:LIMit", self._set_f_limits, "`<lowest Hz>,<highest Hz>`")
        self.command(
            "[SOURce]:FREQuency:LIMit?", lambda: "{},{}".format(*self.f_limits_hz), "[Hz],[Hz]"
        )
        amps = "[SOURce]:CURRent[:LIMit]"
        self.adjustable(amps, "i_limit_a", 0.0, params.i_max_a, params.i_max_a, "A per phase")
        highest = params.v_max_v
        self.adjustable("[SOURce]:VOLTage:RANGe", "v_range_v", 1.0, highest, highest, "V")
        self.adjustable("OUTPut:SLEW:VOLTage[:AC]", "v_slew", 0.01, 9e36, 9e36, "V/s")
        self.adjustable("OUTPut:SLEW:FREQuency", "f_slew", 0.001, 9e36, 9e36, "Hz/s")
        self.on("INSTrument:NSELect", self._choose, "`<1 to 3>`: phase that commands mean")
        self.command("INSTrument:NSELect?", lambda: str(self.chosen + 1))
        self.on("INSTrument:COUPle", self._couple, "`ALL|NONE`: whether VOLT sets all phases")
        self.command("INSTrument:COUPle?", lambda: "ALL" if self.coupled else "NONE")

    def _add_output(self) -> None:
        """Offer the output relay and its protection."""
        self.on("OUTPut[:STATe]", self._switch, "`ON|OFF`")
        self.command("OUTPut[:STATe]?", lambda: str(int(self.output)), "1 or 0")
        self.on("OUTPut:RELay", self._switch, "the same")
        self.command("OUTPut:RELay?", lambda: str(int(self.output)))
        self.command("OUTPut:PROTection:CLEar", self._clear_protection, "after it has opened")
        self.command(
            "STATus:QUEStionable:CONDition?",
            lambda: str(self.condition),
            "why it opened: 2 current, 8 power, 16 reverse power",
        )
        self.on("REGenerative:STATe", self._regenerate, "`ON|OFF`: whether it takes power back")
        self.command("REGenerative:STATe?", lambda: str(int(self.regenerates)))

    def _add_measurements(self) -> None:
        """Offer what it measures, under both verbs."""
        for verb in ("MEASure", "FETCh"):
            for header, key, about in (
                ("VOLTage#[:AC]", "v", "at its output [V]"),
                ("CURRent#[:AC]", "i", "[A]"),
                ("POWer#:AC[:REAL]", "p", "delivered by it [W]"),
                ("POWer#:AC:REACtive", "q", "delivered by it [var]"),
                ("POWer#:AC:APParent", "s", "[VA]"),
                ("POWer#:AC:PFACtor", "pf", "[1]"),
            ):
                self.on(f"{verb}:{header}?", self._measurer(key, True), f"of a phase: {about}")
                plain = header.replace("#", "")
                self.on(f"{verb}:{plain}?", self._measurer(key, False), about)
            self.command(f"{verb}:FREQuency?", lambda: self.shown("f", self.f_hz), "[Hz]")
            self.command(f"{verb}:ENERgy?", self._energy, "delivered so far [Wh]")
            self.command(f"{verb}:POWer?", lambda: self.shown("p", self.power()[0]), "[W]")

    def supply(self, dt_s: float) -> None:
        """Go on with the program, or towards what is set."""
        if self.program.running:
            v_v, self.f_hz = self.program.play(dt_s)
            wanted_v = [v_v] * 3
            if not self.program.running:
                last_v, self.set_hz = self.program.last()
                self.set_v = [last_v] * 3
        else:
            wanted_v = [self._moved(self.vm_v[n], self.set_v[n], self.v_slew, dt_s) for n in PHASES]
            self.f_hz = self._moved(self.f_hz, self.set_hz, self.f_slew, dt_s)
        self.vm_v = wanted_v if self.output else [0.0, 0.0, 0.0]

    def bear(self, dt_s: float) -> None:
        """Open when more flows than it bears."""
        flows = [self._flow(phase) for phase in PHASES]
        over = 0
        if max(flow["i"] for flow in flows) > self.i_limit_a:
            over |= _OVER_CURRENT
        if sum(flow["s"] for flow in flows) > 1000.0 * self.params.s_kva:
            over |= _OVER_POWER
        reverse_w = -sum(flow["p"] for flow in flows)
        if not self.regenerates and reverse_w > _REVERSE_SHARE * 1000.0 * self.params.s_kva:
            over |= _REVERSE
        self._over_s = self._over_s + dt_s if over else 0.0
        if self._over_s >= _PATIENCE_S - 1e-9:
            self._open(over)

    def until_change_s(self) -> float:
        """How long until its program changes. [s]"""
        return self.program.until_change_s() if self.program.running else math.inf

    def state(self) -> str:
        """Say whether it makes a grid."""
        return "TRIP" if self.condition else "RUN" if self.output else "OFF"

    def setpoint(self) -> float:
        """Give the voltage it was told. [V]"""
        return self.set_v[self.chosen]

    def power(self) -> tuple[float, float]:
        """Give what it delivers. [W], [var]"""
        return -1000.0 * sum(self.world.p_kw), -1000.0 * sum(self.world.q_kvar)

    def reset(self) -> None:
        """Return to the settings at power-on: output open."""
        super().reset()
        self._defaults()

    def trip(self) -> None:
        """Open, until the protection is cleared."""
        self._open(_OVER_CURRENT)

    def clear_faults(self) -> None:
        """Behave again; the protection is cleared, and the output stays open."""
        super().clear_faults()
        self._clear_protection()

    def _open(self, why: int) -> None:
        """Open by itself."""
        self.output, self._over_s = False, 0.0
        self.condition |= why
        self.program.abort()
        self.report(-300, text=f"Protection: output opened, condition {self.condition}")

    def _clear_protection(self) -> None:
        """Allow the output to close again."""
        self.condition = 0

    def _moved(self, now: float, wanted: float, slew: float, dt_s: float) -> float:
        """Go towards a value no faster than the slew rate."""
        step = slew * dt_s
        return min(max(wanted, now - step), now + step)

    def _flow(self, phase: int) -> dict[str, float]:
        """Give what it delivers on one phase. [V], [A], [W], [var], [VA]"""
        world, v_v = self.world, self.vm_v[phase]
        p_w, q_var = -1000.0 * world.p_kw[phase], -1000.0 * world.q_kvar[phase]
        s_va = math.hypot(p_w, q_var)
        factor = p_w / s_va if s_va > 0.0 else 1.0
        amps = s_va / v_v if v_v > 1.0 else 0.0
        return {"v": v_v, "i": amps, "p": p_w, "q": q_var, "s": s_va, "pf": factor}

    def _measured(self, key: str, phase: int | None) -> float:
        """Measure one phase; of all of them the sum where a sum has a sense."""
        if phase is None and self.coupled and key in ("p", "q", "s", "pf"):
            flows = [self._flow(each) for each in PHASES]
            total = {name: sum(flow[name] for flow in flows) for name in ("p", "q", "s")}
            total["pf"] = total["p"] / total["s"] if total["s"] > 0.0 else 1.0
            return total[key]
        return self._flow(self.chosen if phase is None else phase)[key]

    def _measurer(self, key: str, by_phase: bool) -> Handler:
        """Make what answers a measurement."""

        def measure(given: list[str]) -> str:
            phase = self._phase(given.pop(0)) if by_phase else None
            arguments(given, 0)
            return self.shown(f"{key}{phase}", self._measured(key, phase))

        return measure

    def _energy(self) -> str:
        """Read its register. [Wh]"""
        return self.register_shown("energy", -1000.0 * self.world.energy_kwh)

    def _phase(self, text: str) -> int:
        """Read the number of a phase."""
        return round(number(text, 1.0, 3.0, 1.0)) - 1

    def _v_bounds(self) -> tuple[float, float]:
        """What a voltage may be. [V]"""
        return self.v_limits_v[0], min(self.v_limits_v[1], self.v_range_v)

    def _set_voltage(self, given: list[str]) -> None:
        """Set the voltage of all phases, or of the chosen one."""
        v_v = number(arguments(given, 1)[0], *self._v_bounds())
        self.accept()
        for phase in PHASES if self.coupled else (self.chosen,):
            self.set_v[phase] = v_v

    def _get_voltage(self, given: list[str]) -> str:
        """Tell it."""
        if arguments(given, 0, 1):
            return str(number(given[0], *self._v_bounds()))
        return str(self.set_v[self.chosen])

    def _set_phase(self, given: list[str]) -> None:
        """Set the voltage of one phase."""
        phase, text = arguments(given, 2)
        v_v = number(text, *self._v_bounds())
        self.accept()
        self.set_v[self._phase(phase)] = v_v

    def _get_phase(self, given: list[str]) -> str:
        """Tell it."""
        return str(self.set_v[self._phase(arguments(given, 1)[0])])

    def _set_frequency(self, given: list[str]) -> None:
        """Set the frequency."""
        f_hz = number(arguments(given, 1)[0], *self.f_limits_hz)
        self.accept()
        self.set_hz = f_hz

    def _get_frequency(self, given: list[str]) -> str:
        """Tell it."""
        if arguments(given, 0, 1):
            return str(number(given[0], *self.f_limits_hz))
        return str(self.set_hz)

    def _set_v_limits(self, given: list[str]) -> None:
        """Bound what VOLT takes; what is set already stays."""
        self.v_limits_v = self._bounds(given, 0.0, self.params.v_max_v, self.v_limits_v)

    def _set_f_limits(self, given: list[str]) -> None:
        """Bound what FREQ takes."""
        params = self.params
        self.f_limits_hz = self._bounds(given, params.f_min_hz, params.f_max_hz, self.f_limits_hz)

    def _bounds(
        self, given: list[str], low: float, high: float, before: list[float]
    ) -> list[float]:
        """Read two bounds, or the upper one alone."""
        values = [number(text, low, high) for text in arguments(given, 1, 2)]
        bounds = values if len(values) == 2 else [before[0], values[0]]
        if not bounds[0] < bounds[1]:
            raise ScpiError(-221, f"{bounds[0]} is not below {bounds[1]}")
        self.accept()
        return bounds

    def _choose(self, given: list[str]) -> None:
        """Choose the phase that commands mean."""
        self.chosen = self._phase(arguments(given, 1)[0])

    def _couple(self, given: list[str]) -> None:
        """Set all phases together, or one at a time."""
        self.coupled = choice(arguments(given, 1)[0], "ALL", "NONE") == "ALL"

    def _regenerate(self, given: list[str]) -> None:
        """Take power back, or not."""
        self.regenerates = switch(arguments(given, 1)[0])

    def _switch(self, given: list[str]) -> None:
        """Close or open the output."""
        on = switch(arguments(given, 1)[0])
        if on and self.condition:
            raise ScpiError(-221, "protection; OUTP:PROT:CLE first")
        if on:
            self.accept()
        self.output = on
