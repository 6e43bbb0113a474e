"""An inverter that is not there: SCPI on a loopback socket over the physics of `models`.

``python -m hil.emulators.inverter --p-rated-kw 5 --s-kva 5`` prints its port and serves. It
takes the bench's clock tick by tick, misbehaves on demand, and carries only the standard
library and `models.inverter`, so that its process starts fast.
"""

import argparse
import asyncio
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from typing import Any

from hil.numbers import NOT_A_NUMBER
from models.inverter import Inverter, InverterParams

from .scpi import Instrument, ScpiError, arguments, number
from .server import REPLY_FAULTS, InstrumentServer, ReplyFault

_STATES = {"running": "RUN", "tripped": "TRIP", "waiting": "WAIT"}
_LONGEST_S = 86_400.0
_NOT_SERIAL = re.compile("[^A-Za-z0-9_. -]")


def identity_of(serial: str) -> str:
    """Spell the answer to ``*IDN?``; what cannot stand in a serial number becomes ``_``."""
    return f"Peerwatt,Emulated inverter,{_NOT_SERIAL.sub('_', serial)},1"


class EmulatedInverter(Instrument):
    """SCPI commands of one inverter.

    Parameters
    ----------
    params : InverterParams
        Ratings and settings of the physics.
    serial : str
        Serial number in its identity.

    Notes
    -----
    A tick is ``SIM:TICK <number>,<length s>,<available W>,<voltage p.u.>,<frequency Hz>``, then
    what the bench sets, then ``SIM:STEP?``, answered by
    ``<number>,<P W>,<Q var>,<state>,<limit W>``. Numbers count up by one from where
    ``SIM:CLOCk:BEGin`` put them. A tick asked for again with the same inputs is answered again
    without passing again, so a bench may repeat a question whose answer it lost.
    """

    def __init__(self, params: InverterParams, *, serial: str = "0") -> None:
        super().__init__(identity_of(serial))
        self._inverter = Inverter(params)
        self._rated_w = 1000.0 * params.p_rated_kw
        self._limit_w = 0.0
        self._watchdog_s = 0.0
        self._last: tuple[float, ...] = (-1.0,)
        self._staged: tuple[float, ...] | None = None
        self._answer = ""
        self.reply_fault: ReplyFault | None = None
        self._faults: dict[str, Callable[[list[str]], None]] = {
            "TRIP": self._trip,
            **{name: self._break_replies(name) for name in REPLY_FAULTS},
        }
        self.on("[SOURce]:POWer:LIMit[:AMPLitude]", self._set_limit)
        self.on("[SOURce]:POWer:LIMit[:AMPLitude]?", self._get_limit)
        self.on("SYSTem:WATChdog[:TIMeout]", self._set_watchdog)
        self.command("SYSTem:WATChdog[:TIMeout]?", lambda: str(self._watchdog_s))
        self.command("[SOURce]:STATe?", lambda: _STATES[self._inverter.state])
        self.command("MEASure:POWer[:ACTive]?", lambda: str(1000.0 * self._inverter.p_kw))
        self.command("MEASure:POWer:REACtive?", lambda: str(1000.0 * self._inverter.q_kvar))
        self.command("MEASure:ENERgy?", lambda: str(1000.0 * self._inverter.energy_kwh))
        self.command("SIMulate:CLOCk:BEGin", self._begin)
        self.command("SIMulate:CLOCk?", lambda: "BENCH")
        self.on("SIMulate:TICK", self._stage)
        self.command("SIMulate:STEP?", self._step)
        self.on("SIMulate:FAULt", self._inject)
        self.command("SIMulate:FAULt:CLEar", self._clear_faults)

    @property
    def watchdog_s(self) -> float:
        """How long the bench may be silent before the limit reverts; 0 for ever. [s]"""
        return self._watchdog_s

    def reset(self) -> None:
        """Return to the settings at power-on: limit 0, watchdog off. The physics goes on."""
        self._limit_w, self._watchdog_s = 0.0, 0.0

    def revert(self) -> None:
        """Fall back to limit 0 because the bench is silent."""
        self._limit_w = 0.0
        self.report(-300, text="Watchdog: bench silent, limit reverted to 0")

    def _set_limit(self, given: list[str]) -> None:
        """Take a limit; DEFault is 0."""
        self._limit_w = number(arguments(given, 1)[0], 0.0, self._rated_w, 0.0)

    def _get_limit(self, given: list[str]) -> str:
        """Tell the limit, or with MIN or MAX its bounds."""
        if arguments(given, 0, 1):
            return str(number(given[0], 0.0, self._rated_w, 0.0))
        return str(self._limit_w)

    def _set_watchdog(self, given: list[str]) -> None:
        """Arm the watchdog; 0 disarms it."""
        self._watchdog_s = number(arguments(given, 1)[0], 0.0, _LONGEST_S, 0.0)

    def _begin(self) -> None:
        """Count ticks from 0."""
        self._last, self._staged, self._answer = (-1.0,), None, ""

    def _stage(self, given: list[str]) -> None:
        """Take the inputs of the next tick, or of the last one again."""
        self._staged = None
        tick, dt_s, available_w, vm_pu, f_hz = (
            number(text, 0.0, 1e12) for text in arguments(given, 5)
        )
        staged = tick, dt_s, available_w, vm_pu, f_hz
        if not 0.0 < dt_s <= _LONGEST_S:
            raise ScpiError(-222, f"tick of {dt_s} s")
        if tick != self._last[0] + 1 and staged != self._last:
            raise ScpiError(-221, f"tick {tick:.0f} after {self._last[0]:.0f}")
        self._staged = staged

    def _step(self) -> str:
        """Let the staged tick pass, and tell what the inverter did."""
        staged, self._staged = self._staged, None
        if staged is None:
            state = _STATES[self._inverter.state]
            return f"-1,{NOT_A_NUMBER},{NOT_A_NUMBER},{state},{self._limit_w}"
        if staged != self._last:
            tick, dt_s, available_w, vm_pu, f_hz = self._last = staged
            inverter = self._inverter
            inverter.step(dt_s, available_w / 1000.0, self._limit_w / 1000.0, vm_pu, f_hz)
            self._answer = (
                f"{tick:.0f},{1000.0 * inverter.p_kw},{1000.0 * inverter.q_kvar},"
                f"{_STATES[inverter.state]}"
            )
        return f"{self._answer},{self._limit_w}"

    def _inject(self, given: list[str]) -> None:
        """Misbehave as named."""
        name = arguments(given, 1, 3)[0].upper()
        if name not in self._faults:
            raise ScpiError(-224, f"{name[:20]} is none of {' '.join(self._faults)}")
        self._faults[name](given[1:])

    def _trip(self, given: list[str]) -> None:
        """Open, and stay open until the fault is cleared."""
        arguments(given, 0)
        self._inverter.trip()

    def _break_replies(self, name: str) -> Callable[[list[str]], None]:
        """Make a fault that spoils the next replies: ``<how many>,<seconds>``."""

        def arm(given: list[str]) -> None:
            count = number(given[0], 1.0, 1e9) if given else 1.0
            seconds = number(given[1], 0.0, _LONGEST_S) if len(given) > 1 else 0.0
            self.reply_fault = ReplyFault(name, int(count), seconds)

        return arm

    def _clear_faults(self) -> None:
        """Behave again."""
        self.reply_fault = None
        self._inverter.clear()


def build_parser() -> argparse.ArgumentParser:
    """Offer every setting of the physics as an option of its own."""
    parser = argparse.ArgumentParser(prog="python -m hil.emulators.inverter", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--serial", default="0", help="serial number in its identity")
    parser.add_argument(
        "--stop-at-eof", action="store_true", help="end when standard input does: with its parent"
    )
    for setting in fields(InverterParams):
        parser.add_argument(
            option_name(setting.name),
            type=float,
            nargs=None if setting.type is float else 2,
            default=setting.default,
            required=setting.default is MISSING,
        )
    return parser


def option_name(setting: str) -> str:
    """Spell a setting as an option of the command line."""
    return "--" + setting.replace("_", "-")


def options_of(params: InverterParams) -> list[str]:
    """Spell settings as the command line that gives them."""
    words: list[str] = []
    for setting in fields(params):
        value = getattr(params, setting.name)
        values = value if isinstance(value, tuple) else (value,)
        words += [option_name(setting.name), *(repr(float(one)) for one in values)]
    return words


def main(words: Sequence[str] | None = None) -> int:
    """Serve one emulated inverter until told to stop."""
    given = vars(build_parser().parse_args(words))
    port, serial, stop_at_eof = (given.pop(name) for name in ("port", "serial", "stop_at_eof"))
    settings: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in given.items()
    }
    params = InverterParams(**settings)
    server = InstrumentServer(EmulatedInverter(params, serial=serial))
    try:
        asyncio.run(server.serve(port, stop_at_eof=stop_at_eof))
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
