"""Functions of our own emulated inverter, over the driver that hands its clock to the bench."""

from collections.abc import Mapping
from typing import Any

from hil.drivers.scpi_inverter import ScpiInverter
from hil.emulators.inverter_functions import NODES
from hil.errors import SetpointError
from hil.numbers import decimal
from hil.roles import InverterReading

WITHOUT_SWITCH = ("enter_service", "voltage_trip", "frequency_trip", "rocof", "capability")
SLACK = 1e-6


class EmulatedFunctions:
    """An emulated inverter that takes ticks and functions.

    Parameters
    ----------
    inverter : ScpiInverter
        Of an emulator that was started with a standard.
    """

    def __init__(self, inverter: ScpiInverter) -> None:
        self._inverter, self.name = inverter, inverter.name

    def begin_lockstep(self, dt_s: float) -> None:
        """Take over its clock. [s]"""
        self._inverter.begin_lockstep(dt_s)

    def tick(
        self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float
    ) -> InverterReading:
        """Advance it by one tick."""
        return self._inverter.tick(available_kw, limit_kw, vm_pu, f_hz)

    def set_function(self, name: str, settings: Mapping[str, Any]) -> None:
        """Switch a function on with these settings, or off with none; read back.

        Raises
        ------
        SetpointError
            It holds something else than it was told.
        """
        header = f"SOUR:FUNC:{NODES[name].upper()}"
        words = _words(settings) if settings else ["OFF"]
        reply = self._inverter.ask(f"{header} {','.join(words)};:{header}?")
        held = _held(reply)
        wanted = {} if name in WITHOUT_SWITCH else {"ENABLED": [str(int(bool(settings)))]}
        wanted |= {key.upper(): _spelt(value) for key, value in settings.items()}
        for key, value in wanted.items():
            if not _same(held.get(key, []), value):
                raise SetpointError(
                    f"{self.name}: {name.replace('_', ' ')}: asked for {key.lower()} "
                    f"{','.join(value)}, device holds {','.join(held.get(key, ['nothing']))}"
                )


def _words(settings: Mapping[str, Any]) -> list[str]:
    return [word for key, value in settings.items() for word in (key.upper(), *_spelt(value))]


def _spelt(value: Any) -> list[str]:
    """Spell a value as the emulator takes it."""
    if isinstance(value, list | tuple):
        return [word for one in value for word in _spelt(one)]
    return [str(int(value)) if isinstance(value, bool) else str(value).upper()]


def _held(reply: str) -> dict[str, list[str]]:
    """Read ``NAME,value,…,NAME,value,…``: a word that is no number after a value is a name."""
    found: dict[str, list[str]] = {}
    name = ""
    for word in reply.split(","):
        if decimal(word) is None and (not name or found[name]):
            name = word.strip()
            found[name] = []
        elif name:
            found[name].append(word.strip())
    return found


def _same(held: list[str], wanted: list[str]) -> bool:
    """Compare numbers as numbers and words as words."""
    if len(held) != len(wanted):
        return False
    for one, other in zip(held, wanted, strict=True):
        a, b = decimal(one), decimal(other)
        if (one != other) if a is None or b is None else (abs(a - b) > SLACK * max(1.0, abs(b))):
            return False
    return True
