"""An emulated inverter with a standard's functions, which can be set and asked for.

``SOUR:FUNC:VVAR V_PU,0.92,0.98,1.02,1.08,Q_PU,0.44,0,0,-0.44,RESPONSE_S,5`` switches volt-var on
with that curve, ``SOUR:FUNC:VVAR OFF`` off; names and units of the settings are those of
`models.inverters.functions`. What sets the reactive power, constant power factor, constant Q,
volt-var or watt-var, switches the others of these off. All settings of one message are taken
together, or none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from hil.numbers import decimal
from models.inverters.fleet import InverterFleet
from models.inverters.functions import REACTIVE, InverterFunctions
from models.inverters.inverter import InverterParams, State
from models.inverters.standards import profiles

from .instrument import Manners
from .inverter import EmulatedInverter
from .scpi import Handler, ScpiError
from .world import World

NODES = {
    "constant_pf": "CPF",
    "constant_q": "CQ",
    "volt_var": "VVAR",
    "volt_watt": "VWATt",
    "watt_var": "WVAR",
    "frequency_droop": "FDRoop",
    "power_limit": "PLIMit",
    "capability": "CAPability",
    "enter_service": "ENTer",
    "voltage_trip": "VTRip",
    "frequency_trip": "FTRip",
    "rocof": "ROCof",
}
"""Node of each function's command."""

_WORDS = (("absorb", "inject"), ("reactive", "active"))


class FunctionalPhysics:
    """One inverter of `models.inverters.fleet`.

    Parameters
    ----------
    params : InverterParams
        Ratings.
    functions : InverterFunctions
    dt_s : float
        Length of every step. [s]
    """

    def __init__(
        self, params: InverterParams, functions: InverterFunctions, *, dt_s: float
    ) -> None:
        self.params, self.functions, self._dt_s = params, functions, dt_s
        self.begin_anew()
        # What has to be compiled is compiled before anybody waits for an answer.
        self.step(dt_s, 0.0, 0.0, 1.0, functions.f_nominal_hz)
        self.begin_anew()

    def begin_anew(self) -> None:
        """Bring it to its beginning."""
        self._fleet = InverterFleet([self.params], [self.functions], dt_s=self._dt_s)
        self._available, self._limit, self._vm = np.zeros(1), np.zeros(1), np.ones(1)
        self.p_kw = self.q_kvar = self.energy_kwh = 0.0

    @property
    def state(self) -> State:
        """Whether it feeds."""
        return self._fleet.state(0)

    def step(
        self, dt_s: float, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> None:
        """Advance by one step, which is as long as every other."""
        self._available[0], self._limit[0], self._vm[0] = available_kw, limit_kw, vm_pu
        p_kw, q_kvar = self._fleet.step(self._available, self._limit, self._vm, f_hz)
        self.p_kw, self.q_kvar = float(p_kw[0]), float(q_kvar[0])
        self.energy_kwh += self.p_kw * dt_s / 3600.0

    def trip(self) -> None:
        """Open, until `clear`."""
        self._fleet.trip(0)
        self.p_kw = self.q_kvar = 0.0

    def clear(self) -> None:
        """Release it; it enters service by its own rules."""
        self._fleet.reconnect(0)

    def set_functions(self, functions: InverterFunctions) -> None:
        """Take other functions.

        Raises
        ------
        ValueError
            What no inverter can be set to; nothing is changed.
        """
        self._fleet.set_functions(0, functions)
        if functions.power_limit != self.functions.power_limit:
            limit = functions.power_limit
            self._fleet.command_limit(0, limit.p_pu if limit.enabled else 1.0)
        self.functions = functions


class FunctionalInverter(EmulatedInverter):
    """An inverter whose functions can be set.

    Parameters
    ----------
    params : InverterParams
    standard : str
        Name of a profile of `models.inverters.standards`.
    replaced : mapping
        Single values replaced at the start.
    world : World
        Its nominal frequency is that of the functions; its step becomes fixed.
    manners : Manners
    """

    def __init__(
        self,
        params: InverterParams,
        *,
        standard: str,
        replaced: Mapping[str, Any],
        world: World,
        manners: Manners,
    ) -> None:
        if standard not in profiles():
            raise ValueError(f"no standard {standard!r}; known: {', '.join(profiles())}")
        try:
            functions = profiles()[standard].functions(replaced)
        except (KeyError, TypeError, AttributeError) as fault:
            raise ValueError(f"functions: {fault}") from None
        self._at_start = functions.at_nominal(world.f_nominal_hz)
        self._functional = FunctionalPhysics(params, self._at_start, dt_s=world.step_s)
        super().__init__(params, world=world, manners=manners, physics=self._functional)
        world.fixed_step = True
        self.command("[SOURce]:FUNCtion:CATalog?", lambda: ",".join(NODES), "functions it has")
        self.command("[SOURce]:FUNCtion:STANdard?", lambda: standard, "profile it started with")
        for name, node in NODES.items():
            about = f"{name}: `ON`, `OFF` or `<setting>,<value>,…`"
            self.on(f"[SOURce]:FUNCtion:{node}", self._setter(name), about)
            self.command(f"[SOURce]:FUNCtion:{node}?", self._teller(name), "all its settings")

    @property
    def functions(self) -> InverterFunctions:
        """What it is set to."""
        return self._functional.functions

    def reset(self) -> None:
        """Return to the settings at power-on, functions included."""
        super().reset()
        self._functional.set_functions(self._at_start)

    def set_function(self, name: str, settings: Mapping[str, Any]) -> None:
        """Change some settings of one function.

        Raises
        ------
        ScpiError
            −221 for settings that cannot be true together, −224 for a setting it has not.
        """
        self.accept()
        part = getattr(self.functions, name)
        unknown = set(settings) - {field.name for field in fields(part)}
        if unknown:
            raise ScpiError(-224, f"{name} has no {', '.join(sorted(unknown))}")
        functions = replace(self.functions, **{name: replace(part, **settings)})
        if name in REACTIVE and settings.get("enabled"):
            functions = replace(
                functions,
                **{
                    other: replace(getattr(functions, other), enabled=False)
                    for other in REACTIVE
                    if other != name
                },
            )
        try:
            self._functional.set_functions(functions)
        except (ValueError, TypeError) as fault:
            raise ScpiError(-221, str(fault)) from None

    def _setter(self, name: str) -> Handler:
        """Make what sets one function."""

        def put(given: list[str]) -> None:
            part = getattr(self.functions, name)
            can_be_off = hasattr(part, "enabled")
            words = [text.upper() for text in given]
            if words in (["ON"], ["OFF"]) and can_be_off:
                self.set_function(name, {"enabled": words == ["ON"]})
                return
            settings = _settings(part, words)
            if can_be_off:
                settings.setdefault("enabled", True)
            self.set_function(name, settings)

        return put

    def _teller(self, name: str) -> Callable[[], str]:
        """Make what tells one function."""

        def tell() -> str:
            part = getattr(self.functions, name)
            words: list[str] = []
            for field in fields(part):
                words += [field.name.upper(), *_spelt(getattr(part, field.name))]
            return ",".join(words)

        return tell


def _settings(part: Any, words: Sequence[str]) -> dict[str, Any]:
    """Read ``<setting>,<value>,…``: a word that is a setting's name begins the next one."""
    names = {field.name.upper(): field.name for field in fields(part)}
    found: dict[str, list[str]] = {}
    for word in words:
        if word in names:
            values = found[names[word]] = []
        elif not found:
            raise ScpiError(-224, f"{word[:20]} is none of {' '.join(names)}")
        else:
            values.append(word)
    if not found:
        raise ScpiError(-109)
    return {name: _read(getattr(part, name), values) for name, values in found.items()}


def _read(before: Any, words: list[str]) -> Any:
    """Read a value of the same kind as the one before."""
    if isinstance(before, bool) and words in (["0"], ["1"], ["ON"], ["OFF"]):
        return words in (["1"], ["ON"])
    if isinstance(before, str):
        known = next(words for words in _WORDS if before in words)
        if len(words) != 1 or words[0].lower() not in known:
            raise ScpiError(-224, ",".join(words)[:20])
        return words[0].lower()
    values = [decimal(word) for word in words]
    numbers = [value for value in values if value is not None]
    if len(numbers) != len(words) or not words:
        raise ScpiError(-104, ",".join(words)[:30])
    if not isinstance(before, tuple):
        if len(numbers) != 1 or isinstance(before, bool):
            raise ScpiError(-108)
        return numbers[0]
    if before and isinstance(before[0], tuple):
        if len(numbers) != 2 * len(before):
            raise ScpiError(-226, f"{len(before)} pairs")
        return tuple(zip(numbers[::2], numbers[1::2], strict=True))
    return tuple(numbers)


def _spelt(value: Any) -> list[str]:
    """Spell a value as words."""
    if isinstance(value, tuple):
        return [word for one in value for word in _spelt(one)]
    if isinstance(value, bool):
        return [str(int(value))]
    return [str(value).upper()]
