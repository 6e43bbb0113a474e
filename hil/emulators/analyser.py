"""A power analyser that is not there: Yokogawa WT's commands over the node's terminals.

Answers to queries of settings begin with their header until ``COMM:HEAD OFF``, as those
instruments' do; numbers (``NUM:NORM:VAL?``) never do. It is wired into the grid positive,
unless its ``sign`` is −1, and shows the secondary side of its transformers. Names are from
what `svp_energy_lab` shows of the WT series; the rest is remembered, unverified.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from hil.numbers import NOT_A_NUMBER

from .instrument import EmulatedInstrument, Manners
from .scpi import arguments, choice, number, switch
from .world import PHASES, World

FUNCTIONS = ("U", "I", "P", "S", "Q", "LAMBda", "PHI", "FU", "WH", "NONE")
MOST_ITEMS = 255
_DEFAULT_ITEMS = (("U", "1"), ("I", "1"), ("P", "SIGM"), ("Q", "SIGM"), ("FU", "1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyserParams:
    """How it is wired.

    Parameters
    ----------
    current_ratio, voltage_ratio : float
        Of the transformers before it: primary over secondary. [1]
    sign : float
        1, or −1 with its current inputs reversed.
    swapped : float
        1 with the current inputs of phases a and b swapped, else 0.
    """

    current_ratio: float = 1.0
    voltage_ratio: float = 1.0
    sign: float = 1.0
    swapped: float = 0.0


class EmulatedAnalyser(EmulatedInstrument):
    """SCPI commands of a power analyser.

    Parameters
    ----------
    params : AnalyserParams
    world : World
    manners : Manners
    """

    role, energises = "analyser", False

    def __init__(self, params: AnalyserParams, *, world: World, manners: Manners) -> None:
        super().__init__(world, manners)
        self.params = params
        self._defaults()
        self.on("COMMunicate:HEADer", self._set_header, "`ON|OFF`: settings with their header")
        self._headed("COMMunicate:HEADer", lambda: str(int(self.headed)))
        self.on("COMMunicate:VERBose", self._set_verbose, "`ON|OFF`: headers in full")
        self._headed("COMMunicate:VERBose", lambda: str(int(self.verbose)))
        self.command("COMMunicate:REMote", lambda: None, "nothing: it always is")
        self.on("NUMeric:FORMat", self._set_format, "`ASCii`; binary is refused")
        self._headed("NUMeric:FORMat", lambda: "ASCII" if self.verbose else "ASC")
        self.on("NUMeric[:NORMal]:NUMber", self._set_number, "`<1 to 255>`: items of VAL?")
        self._headed("NUMeric[:NORMal]:NUMber", lambda: str(self.number))
        about = f"`<function>,<1|2|3|SIGMa>`: {', '.join(FUNCTIONS)}"
        self.on("NUMeric[:NORMal]:ITEM#", self._set_item, about)
        self.on("NUMeric[:NORMal]:ITEM#?", self._get_item, "function and element")
        self.on("NUMeric[:NORMal]:VALue?", self._values, "`[<item>]`: values, comma between")
        self.on("NUMeric:HOLD", self._set_hold, "`ON|OFF`: values stay")
        self._headed("NUMeric:HOLD", lambda: str(int(self._held is not None)))
        self.command("STATus:CONDition?", lambda: "0", "0")
        self.command("STATus:ERRor?", self._next_error, "oldest error")

    def _defaults(self) -> None:
        """Take the settings at power-on."""
        self.headed = self.verbose = True
        self.items = dict(enumerate(_DEFAULT_ITEMS, start=1))
        self.number = len(self.items)
        self._held: dict[tuple[str, str], float] | None = None

    def reset(self) -> None:
        """Return to the settings at power-on: headers on."""
        super().reset()
        self._defaults()

    def power(self) -> tuple[float, float]:
        """Give what it shows. [W], [var]"""
        return self._measured("P", "SIGM"), self._measured("Q", "SIGM")

    def _flow(self, phase: int) -> dict[str, float]:
        """Give what one element shows, on the secondary side. [V], [A], [W], [var], [VA]"""
        params, world = self.params, self.world
        fed = (1, 0, 2)[phase] if params.swapped else phase
        p_w, q_var = 1000.0 * world.p_kw[fed], 1000.0 * world.q_kvar[fed]
        v_v = world.vm_v[phase]
        # A current that belongs to another phase is turned by 120 degrees against this voltage.
        turn = 0.0 if fed == phase else math.radians(120.0 if phase == 0 else -120.0)
        across = world.vm_v[fed]
        share = v_v / across if across > 0.0 else 0.0
        p_w, q_var = (
            share * (p_w * math.cos(turn) - q_var * math.sin(turn)),
            share * (p_w * math.sin(turn) + q_var * math.cos(turn)),
        )
        v_v /= params.voltage_ratio
        scale = params.sign / (params.current_ratio * params.voltage_ratio)
        p_w, q_var = scale * p_w, scale * q_var
        s_va = math.hypot(p_w, q_var)
        amps = s_va / v_v if v_v > 1.0 else 0.0
        return {"U": v_v, "I": amps, "P": p_w, "Q": q_var, "S": s_va}

    def _measured(self, function: str, element: str) -> float:
        """Measure one function of one element, or of the sum."""
        if function == "FU":
            return self.world.f_hz
        if function == "WH":
            scale = self.params.sign / (self.params.current_ratio * self.params.voltage_ratio)
            return 1000.0 * scale * self.world.energy_kwh
        phases = PHASES if element == "SIGM" else (int(element) - 1,)
        flows = [self._flow(phase) for phase in phases]
        total = {key: sum(flow[key] for flow in flows) for key in flows[0]}
        if function in ("U", "I"):
            return total[function] / len(phases)
        factor = total["P"] / total["S"] if total["S"] > 0.0 else 1.0
        if function == "LAMB":
            return factor
        if function == "PHI":
            return math.degrees(math.acos(max(-1.0, min(1.0, factor))))
        return total[function]

    def _headed(self, pattern: str, tell: Callable[[], str]) -> None:
        """Offer a query whose answer begins with its header."""
        nodes = pattern.replace("[:NORMal]", ":NORMal").split(":")
        full = ":" + ":".join(nodes).upper()
        short = ":" + ":".join("".join(c for c in node if not c.islower()) for node in nodes)

        def answer() -> str:
            return f"{full if self.verbose else short} {tell()}" if self.headed else tell()

        self.command(f"{pattern}?", answer)

    def _set_header(self, given: list[str]) -> None:
        """Choose whether answers begin with their header."""
        self.headed = switch(arguments(given, 1)[0])

    def _set_verbose(self, given: list[str]) -> None:
        """Choose how headers are spelt."""
        self.verbose = switch(arguments(given, 1)[0])

    def _set_format(self, given: list[str]) -> None:
        """Take the only format there is."""
        choice(arguments(given, 1)[0], "ASCii")

    def _set_number(self, given: list[str]) -> None:
        """Choose how many items are told."""
        self.number = round(number(arguments(given, 1)[0], 1.0, MOST_ITEMS))

    def _item(self, text: str) -> int:
        """Read the number of an item."""
        return round(number(text, 1.0, MOST_ITEMS))

    def _set_item(self, given: list[str]) -> None:
        """Choose what an item tells."""
        place, function, *element = arguments(given, 2, 3)
        where = element[0].upper() if element else "1"
        if where not in ("1", "2", "3"):
            where = choice(where, "SIGMa")
        self.items[self._item(place)] = choice(function, *FUNCTIONS), where

    def _get_item(self, given: list[str]) -> str:
        """Tell what an item tells."""
        place = self._item(arguments(given, 1)[0])
        told = ",".join(self.items.get(place, ("NONE", "1")))
        return f":NUMERIC:NORMAL:ITEM{place} {told}" if self.headed else told

    def _set_hold(self, given: list[str]) -> None:
        """Freeze what is shown, or not."""
        self._held = {} if switch(arguments(given, 1)[0]) else None

    def _values(self, given: list[str]) -> str:
        """Tell the items, or one of them."""
        if arguments(given, 0, 1):
            return self._value(self._item(given[0]))
        return ",".join(self._value(place) for place in range(1, self.number + 1))

    def _value(self, place: int) -> str:
        """Tell one item as NR3."""
        item = self.items.get(place, ("NONE", "1"))
        if item[0] == "NONE":
            return NOT_A_NUMBER
        if self._held is None:
            return f"{self._shown(item):.6E}"
        return f"{self._held.setdefault(item, self._shown(item)):.6E}"

    def _shown(self, item: tuple[str, str]) -> float:
        """Measure one item with noise, registers without."""
        value = self._measured(*item)
        if item[0] == "WH":
            return self.misbehaviour.bend("".join(item), value, self.world.now_s)
        return self.value_shown("".join(item), value)
