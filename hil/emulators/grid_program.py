"""A program that a grid simulator plays by itself: steps of voltage and frequency.

``LIST:VOLT:AC:STAR``, ``LIST:VOLT:AC:END``, ``LIST:FREQ:STAR``, ``LIST:FREQ:END`` and
``LIST:DWEL`` take one value per step (one value alone holds for all of them), ``LIST:BASE``
says whether dwell is in milliseconds or cycles, ``LIST:COUN`` how often it plays (0: until
``ABOR``). ``TRIG ON`` starts it, with `world.SHORTEST_S` as its resolution. When it is over its
last values stay set.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .scpi import ScpiError, arguments, choice, number, switch

MOST_STEPS = 100
LONGEST_MS = 1e8
_LISTS = ("v_start", "v_end", "f_start", "f_end", "dwell")


@dataclass(frozen=True, slots=True)
class Stretch:
    """One step: from and to. [V], [V], [Hz], [Hz], [s]"""

    v_start_v: float
    v_end_v: float
    f_start_hz: float
    f_end_hz: float
    length_s: float


class Commanded(Protocol):
    """Who takes the program's commands."""

    set_hz: float
    v_limits_v: list[float]
    f_limits_hz: list[float]

    def on(self, pattern: str, handler: Callable[[list[str]], str | None], about: str = "") -> None:
        """Have a command handled."""

    def command(self, pattern: str, handler: Callable[[], str | None], about: str = "") -> None:
        """Have a command without parameters handled."""

    def accept(self) -> None:
        """Refuse a setpoint by a fault."""


class GridProgram:
    """Lists, and where in them it is.

    Attributes
    ----------
    running : bool
        Whether it plays.
    """

    def __init__(self) -> None:
        self.lists: dict[str, list[float]] = {name: [] for name in _LISTS}
        self.base, self.count, self.running = "TIME", 1, False
        self._steps: tuple[Stretch, ...] = ()
        self._at, self._elapsed_s, self._rounds = 0, 0.0, 0

    def start(self, source: Commanded) -> None:
        """Play from the first step.

        Raises
        ------
        ScpiError
            −226 for lists that do not fit each other; −222 for steps outside the limits.
        """
        steps = self._made(source)
        for step in steps:
            for value, (low, high) in (
                (step.v_start_v, source.v_limits_v),
                (step.v_end_v, source.v_limits_v),
                (step.f_start_hz, source.f_limits_hz),
                (step.f_end_hz, source.f_limits_hz),
            ):
                if not low <= value <= high:
                    raise ScpiError(-222, f"{value} in the list")
        self._steps, self.running = steps, True
        self._at, self._elapsed_s, self._rounds = 0, 0.0, 0

    def abort(self) -> None:
        """Stop where it is."""
        self.running = False

    def until_change_s(self) -> float:
        """How long this step still is. [s]"""
        return self._steps[self._at].length_s - self._elapsed_s

    def play(self, dt_s: float) -> tuple[float, float]:
        """Go on by a piece of a step, and give the values in its middle. [V], [Hz]"""
        step = self._steps[self._at]
        share = min(1.0, (self._elapsed_s + 0.5 * dt_s) / step.length_s)
        self._elapsed_s += dt_s
        while self.running and self._elapsed_s > self._steps[self._at].length_s - 1e-9:
            self._elapsed_s -= self._steps[self._at].length_s
            self._next()
        return (
            step.v_start_v + share * (step.v_end_v - step.v_start_v),
            step.f_start_hz + share * (step.f_end_hz - step.f_start_hz),
        )

    def last(self) -> tuple[float, float]:
        """Values that stay when it is over. [V], [Hz]"""
        return self._steps[-1].v_end_v, self._steps[-1].f_end_hz

    def add_commands(self, source: Commanded) -> None:
        """Offer lists and trigger."""
        for name, header in (
            ("v_start", "LIST:VOLTage:AC:STARt"),
            ("v_end", "LIST:VOLTage:AC:END"),
            ("f_start", "LIST:FREQuency:STARt"),
            ("f_end", "LIST:FREQuency:END"),
            ("dwell", "LIST:DWELl"),
        ):
            unit = {"v": "V", "f": "Hz", "d": "ms or cycles"}[name[0]]
            source.on(header, self._filler(name, source), f"`<{unit}>,…`: one per step")
            source.command(f"{header}?", self._teller(name))
        source.on("LIST:BASE", self._set_base, "`TIME|CYCLE`: unit of dwell")
        source.command("LIST:BASE?", lambda: self.base)
        source.on("LIST:COUNt", self._set_count, "`<times>`: 0 is for ever")
        source.command("LIST:COUNt?", lambda: str(self.count))
        source.command("LIST:POINts?", lambda: str(max(map(len, self.lists.values()))))
        source.command("LIST:CLEar", self._clear, "empty all lists")
        source.on("TRIGger[:STATe]", lambda given: self._trigger(given, source), "`ON|OFF`")
        source.command(
            "TRIGger[:STATe]?", lambda: "RUNNING" if self.running else "OFF", "`RUNNING` or `OFF`"
        )
        source.command("ABORt", self.abort, "stop the program where it is")

    def _next(self) -> None:
        """Go to the next step, or round, or be over."""
        self._at += 1
        if self._at < len(self._steps):
            return
        self._at, self._rounds = 0, self._rounds + 1
        self.running = self.count == 0 or self._rounds < self.count

    def _made(self, source: Commanded) -> tuple[Stretch, ...]:
        """Put the lists together; what has no end of its own stays at its start."""
        lists = dict(self.lists)
        lists["v_end"] = lists["v_end"] or lists["v_start"]
        lists["f_start"] = lists["f_start"] or [source.set_hz]
        lists["f_end"] = lists["f_end"] or lists["f_start"]
        points = max(map(len, lists.values()))
        if not lists["v_start"] or any(len(values) not in (1, points) for values in lists.values()):
            raise ScpiError(-226)
        rows = zip(
            *(values if len(values) == points else values * points for values in lists.values()),
            strict=True,
        )
        per_s = 1000.0 if self.base == "TIME" else None
        return tuple(Stretch(v0, v1, f0, f1, n / (per_s or f0)) for v0, v1, f0, f1, n in rows)

    def _filler(self, name: str, source: Commanded) -> Callable[[list[str]], None]:
        """Make what fills one list."""
        low, high = (0.1, LONGEST_MS) if name == "dwell" else (0.0, 1e4)

        def fill(given: list[str]) -> None:
            values = [number(text, low, high) for text in arguments(given, 1, MOST_STEPS)]
            source.accept()
            self.lists[name] = values

        return fill

    def _teller(self, name: str) -> Callable[[], str]:
        """Make what tells one list."""
        return lambda: ",".join(map(str, self.lists[name])) or "0"

    def _clear(self) -> None:
        """Empty the lists."""
        self.abort()
        self.lists = {name: [] for name in _LISTS}

    def _set_base(self, given: list[str]) -> None:
        """Choose the unit of dwell."""
        self.base = choice(arguments(given, 1)[0], "TIME", "CYCLe")
        self.base = "CYCLE" if self.base == "CYCL" else self.base

    def _set_count(self, given: list[str]) -> None:
        """Choose how often it plays."""
        self.count = round(number(arguments(given, 1)[0], 0.0, 1e6, 1.0))

    def _trigger(self, given: list[str], source: Commanded) -> None:
        """Start or stop."""
        if switch(arguments(given, 1)[0]):
            source.accept()
            self.start(source)
        else:
            self.abort()
