"""SCPI as an instrument sees it: headers, numbers, status and error queue, without a socket.

After IEEE 488.2-1992 and SCPI-99. Only the standard library, so that an emulator starts fast.
"""

import re
from collections import deque
from collections.abc import Callable
from itertools import product

from hil.numbers import decimal

Handler = Callable[[list[str]], str | None]

ERRORS = {
    -101: "Invalid character",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -158: "String data not allowed",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -226: "Lists not same length",
    -300: "Device-specific error",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
    -410: "Query INTERRUPTED",
}  # SCPI-99 vol. 2, 21.8
QUEUE_LENGTH = 32

# Event status register, IEEE 488.2, 11.5.1: one bit per class of error.
_OPERATION_COMPLETE, _QUERY, _DEVICE, _EXECUTION, _COMMAND, _POWER_ON = 1, 4, 8, 16, 32, 128
_ERROR_QUEUE, _MESSAGE, _EVENT, _MASTER = 4, 16, 32, 64  # status byte, SCPI-99 vol. 1, 9

_NODE = re.compile(r"(\[)?:?([*A-Z]+[0-9]*)([a-z]*)(#?)(?(1)\])")
_SUFFIX = re.compile(r"(?<=[A-Z])[0-9]+(?=[:?]|$)")


class ScpiError(Exception):
    """A unit of a message that the instrument refuses, by its SCPI error number."""

    def __init__(self, code: int, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def spellings(pattern: str) -> set[str]:
    """Every header, in capitals, that a pattern like ``[SOURce]:POWer:LIMit?`` allows.

    Capitals are the short form, brackets mean that the node may be left out, ``#`` stands for
    a number.
    """
    query = "?" if pattern.endswith("?") else ""
    nodes = [
        {short + number, short + rest.upper() + number} | ({""} if optional else set())
        for optional, short, rest, number in _NODE.findall(pattern)
    ]
    return {":".join(filter(None, chosen)) + query for chosen in product(*nodes)}


def number(text: str, low: float, high: float, default: float | None = None) -> float:
    """Read a parameter between two bounds, or one of the words MIN, MAX and DEF.

    Raises
    ------
    ScpiError
        −104 for no number, −222 for one outside the bounds.
    """
    value = decimal(text)
    if value is not None:
        if low <= value <= high:
            return value
        raise ScpiError(-222, text)
    word = text.upper()
    if word in ("MIN", "MINIMUM"):
        return low
    if word in ("MAX", "MAXIMUM"):
        return high
    if word in ("DEF", "DEFAULT") and default is not None:
        return default
    raise ScpiError(-104, text)


def switch(text: str) -> bool:
    """Read ON, OFF, 1 or 0.

    Raises
    ------
    ScpiError
        −224 for anything else.
    """
    word = text.upper()
    if word not in ("ON", "OFF", "1", "0"):
        raise ScpiError(-224, text)
    return word in ("ON", "1")


def choice(text: str, *words: str) -> str:
    """Read one of several words, in their short or long form; give its short form.

    Parameters
    ----------
    text : str
    words : str
        With the short form in capitals.

    Raises
    ------
    ScpiError
        −224 for none of them.
    """
    for word in words:
        if text.upper() in spellings(word):
            return "".join(letter for letter in word if not letter.islower())
    raise ScpiError(-224, text[:20])


def arguments(given: list[str], least: int, most: int | None = None) -> list[str]:
    """Check how many parameters came."""
    if len(given) < least:
        raise ScpiError(-109)
    if len(given) > (least if most is None else most):
        raise ScpiError(-108)
    return given


class Instrument:
    """A SCPI instrument: status registers, error queue and a table of commands.

    Parameters
    ----------
    identity : str
        Answer to ``*IDN?``: maker, model, serial number, firmware.
    """

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.described: dict[str, str] = {}
        self._commands: dict[str, Handler] = {}
        self._errors: deque[tuple[int, str]] = deque()
        self._event_status, self._event_enable, self._service_enable = _POWER_ON, 0, 0
        self._answered = False
        for pattern, handler, about in (
            ("*IDN?", self.identify, "maker, model, serial number, firmware"),
            ("*RST", self.reset, "settings at power-on"),
            ("*CLS", self._clear_status, "empty the error queue and the event status register"),
            ("*ESR?", self._take_event_status, "event status register, which empties it"),
            ("*ESE?", lambda: str(self._event_enable), "what the event bit sums up"),
            ("*SRE?", lambda: str(self._service_enable), "what requests service"),
            ("*STB?", lambda: str(self.status_byte()), "status byte"),
            ("*OPC", self._complete, "set the bit of operation complete"),
            ("*OPC?", lambda: "1", "1 when all before is done"),
            ("*TST?", lambda: "0", "0: the self-test found nothing"),
            ("*WAI", lambda: None, "nothing: every command is done when it is read"),
            ("SYSTem:ERRor[:NEXT]?", self._next_error, "oldest error, taken out of the queue"),
            ("SYSTem:ERRor:COUNt?", lambda: str(len(self._errors)), "errors in the queue"),
            ("SYSTem:VERSion?", lambda: "1999.0", "year of SCPI"),
        ):
            self.command(pattern, handler, about)
        self.on("*ESE", self._set_event_enable, "`<0 to 255>`")
        self.on("*SRE", self._set_service_enable, "`<0 to 255>`")

    def on(self, pattern: str, handler: Handler, about: str = "") -> None:
        """Have a command, in all its spellings, handled with the list of its parameters.

        The number that a ``#`` of the pattern stands for comes first among them; 1 where the
        header has none.
        """
        self.described[pattern] = about
        for spelling in spellings(pattern):
            self._commands[spelling] = handler
            if "#" in spelling:
                self._commands[spelling.replace("#", "")] = lambda given: handler(["1", *given])

    def command(self, pattern: str, handler: Callable[[], str | None], about: str = "") -> None:
        """Have a command without parameters handled."""

        def handle(given: list[str]) -> str | None:
            arguments(given, 0)
            return handler()

        self.on(pattern, handle, about)

    def identify(self) -> str:
        """Say who it is."""
        return self.identity

    def reset(self) -> None:
        """Bring the settings to their defaults; status and errors stay (IEEE 488.2, 10.32)."""

    def report(self, code: int, detail: str = "", text: str | None = None) -> None:
        """Put an error into the queue and its class into the event status register."""
        if code > 0 or code <= -300:
            self._event_status |= _QUERY if -500 < code <= -400 else _DEVICE
        else:
            self._event_status |= _EXECUTION if code <= -200 else _COMMAND
        if len(self._errors) >= QUEUE_LENGTH:
            self._errors[-1] = (-350, ERRORS[-350])
            return
        words = text or ERRORS.get(code, "Device-specific error")
        self._errors.append((code, f"{words};{detail}" if detail else words))

    def execute(self, line: str) -> str | None:
        """Carry out one message of any number of units.

        A unit that is refused leaves an error and no answer; those after it are carried out.

        Parameters
        ----------
        line : str
            The message without its line end.

        Returns
        -------
        str or None
            The answers of its queries, joined by ``;``; None when there is none.
        """
        if not (line.isascii() and line.replace("\t", " ").isprintable()):
            self.report(-101)
            return None
        if '"' in line or "'" in line:
            self.report(-158)
            return None
        answers: list[str] = []
        path = ""
        self._answered = False
        for unit in line.split(";"):
            words = unit.split(None, 1)
            if not words:
                continue
            header = words[0].upper()
            if header[0] == ":":
                header = header[1:]
            elif header[0] != "*":
                header = path + header
            if header[:1] != "*":
                path = header[: header.rfind(":") + 1]
            try:
                answer = self._handler(header)(
                    [text.strip() for text in words[1].split(",")] if len(words) > 1 else []
                )
            except ScpiError as refusal:
                self.report(refusal.code, refusal.detail)
                continue
            if answer is not None:
                answers.append(answer)
                self._answered = True
        return ";".join(answers) if answers else None

    def _handler(self, header: str) -> Handler:
        """Look up a command."""
        try:
            return self._commands[header]
        except KeyError:
            pass
        numbers = _SUFFIX.findall(header)
        handler = self._commands.get(_SUFFIX.sub("#", header)) if len(numbers) == 1 else None
        if handler is None:
            raise ScpiError(-113, header[:40])
        return lambda given: handler([*numbers, *given])

    def _next_error(self) -> str:
        """Take the oldest error out of the queue."""
        code, text = self._errors.popleft() if self._errors else (0, "No error")
        return f'{code},"{text}"'

    def _clear_status(self) -> None:
        """Empty the error queue and the event status register."""
        self._errors.clear()
        self._event_status = 0

    def _take_event_status(self) -> str:
        """Read the event status register, which empties it."""
        taken, self._event_status = self._event_status, 0
        return str(taken)

    def status_byte(self) -> int:
        """Sum up what waits."""
        byte = _ERROR_QUEUE if self._errors else 0
        byte |= _MESSAGE if self._answered else 0
        byte |= _EVENT if self._event_status & self._event_enable else 0
        return byte | _MASTER if byte & self._service_enable else byte

    def _complete(self) -> None:
        """Every command is done when it is read, so operation complete is set at once."""
        self._event_status |= _OPERATION_COMPLETE

    def _set_event_enable(self, given: list[str]) -> None:
        """Choose what the event bit of the status byte sums up."""
        self._event_enable = round(number(arguments(given, 1)[0], 0, 255))

    def _set_service_enable(self, given: list[str]) -> None:
        """Choose what requests service; the master bit itself cannot (IEEE 488.2, 11.3.2.3)."""
        self._service_enable = round(number(arguments(given, 1)[0], 0, 255)) & ~_MASTER
