"""The generic SCPI driver: a device is what its command table says."""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import NamedTuple

from hil.errors import BenchError, DeviceError, SetpointError
from hil.roles import Link
from hil.station import StationDevice
from hil.turns import Talk, asking, finish

from .channels import Channels
from .scpi_device import ScpiDevice
from .table_parts import Read, RoleTable, Setting, Table, fill

PLAUSIBLE = 10.0
"""Times the rating: a power beyond it was read in a wrong unit, or through a wrong ratio."""


class _Wanted(NamedTuple):
    """One number of a reading: which answer, which field."""

    ask: int
    field: int
    fields: int


class _Spelt(NamedTuple):
    """How one quantity is set: what is said, and what is asked to compare it."""

    name: str
    value: float
    number: float
    setting: Setting
    commands: list[str]
    asks: list[str]


class TableDevice(ScpiDevice):
    """A device with a command table.

    Parameters
    ----------
    link : Link
    device : StationDevice
    table : Table

    Raises
    ------
    ValueError
        The table has not this role, or reads one voltage where three phases are wired.
    """

    def __init__(self, link: Link, device: StationDevice, table: Table) -> None:
        super().__init__(link, name=device.name, channels=Channels.of(device))
        if device.role not in table.roles:
            raise ValueError(
                f"{device.name}: table {table.dialect!r} plays {', '.join(table.roles)}, "
                f"but the station calls it {device.role}"
            )
        self._device, self._table = device, table
        self._part: RoleTable = table.roles[device.role]
        self.p_rated_kw = device.p_rated_kw
        # A station's phases are any text; those of a table are spelt out, and others have no words.
        self._phases = [table.phases.get(phase, "") for phase in self._channels.phases]  # type: ignore[call-overload]
        self._asks: list[str] = []
        self._wanted = {name: self._plan(name, read) for name, read in self._part.read.items()}
        self._prepared: int | None = None

    def ask(self, query: str) -> str:
        """Send one query as it is, and return its answer."""
        self._prepare()
        return self._link.query(query)

    def _plan(self, name: str, read: Read) -> list[_Wanted]:
        """Say which answers make one quantity; what is asked twice goes out once."""
        if read.ask is None:
            return []
        one = not read.is_by_phase and not read.balanced
        if name in ("vm_v", "i_a") and "vm_v" in self._part.read and one and len(self._phases) > 1:
            raise ValueError(
                f"{self.name}: table {self._table.dialect!r} reads one {name}, but the station "
                "wires three phases; expected phase a, b or c"
            )
        by_ask = self._phases if "{phase}" in read.ask else [""]
        wanted = []
        for phase in by_ask:
            query = fill(read.ask, phase=phase)
            if query not in self._asks:
                self._asks.append(query)
            index = self._asks.index(query)
            fields = read.field if isinstance(read.field, list) else [read.field]
            if isinstance(read.field, list):
                fields = [read.field["abc".index(phase)] for phase in self._channels.phases]
            wanted += [_Wanted(index, field, read.fields) for field in fields]
        return wanted * len(self._phases) if read.balanced else wanted

    def _prepare(self) -> None:
        """Send what every new connection begins with, and empty the error queue once."""
        commands, link = [*self._table.open, *self._part.open], self._link
        connect = getattr(link, "connect", None)
        if self._prepared is not None and (not commands or self._table.speaks.proof == "fresh"):
            return
        if connect is not None:
            connect()
        connects = getattr(link, "connects", 1)
        if connects == self._prepared:
            return
        for command in commands:
            link.write(command)
        if self._prepared is None and self._table.speaks.errors is not None:
            self.take_errors()
        self._prepared = getattr(link, "connects", 1)

    def take_errors(self) -> list[str]:
        """Take everything out of the device's error queue; empty when it has none to ask."""
        query = self._table.speaks.errors
        return [] if query is None else self._take_errors(query)

    def _converse(self, commands: list[str], queries: list[str]) -> list[str]:
        """Send commands, then queries, in as few lines as the device takes."""
        return finish(self._conversing(commands, queries))

    def _conversing(self, commands: list[str], queries: list[str]) -> Talk[list[str]]:
        """Do as `_converse`, and give way while an answer is on its way."""
        self._prepare()
        if not queries or not self._table.speaks.compound:
            for command in commands:
                self._link.write(command)
            answers = []
            for query in queries:
                answers.append((yield from asking(self._link, query)))
            return answers
        line = "".join(
            part if not position else (";" if part[0] in "*:" else ";:") + part
            for position, part in enumerate([*commands, *queries])
        )
        reply = yield from asking(self._link, line)
        answers = reply.split(";", len(queries) - 1)
        if len(answers) != len(queries):
            raise self._nonsense(f"{len(queries)} answers", reply)
        return answers

    def _set(self, name: str, value: float) -> None:
        """Set a quantity, in our unit, and compare what the device then holds.

        Raises
        ------
        SetpointError
            It is no finite number (nothing is sent); the device refused it, or holds another.
        """
        finish(self._setting({name: value}))

    def _setting(self, values: Mapping[str, float]) -> Talk[None]:
        """Do as `_set` with several quantities at once, on one line where the device takes it."""
        spelt = [self._spelt(name, value) for name, value in values.items()]
        errors = self._error_query()
        answers = yield from self._conversing(
            [command for one in spelt for command in one.commands],
            [ask for one in spelt for ask in one.asks] + errors,
        )
        if errors:
            self._check(answers.pop(), values)
        left = iter(answers)
        for one in spelt:
            asks = 1 if one.setting.ask_negative is None else 2
            held = [next(left) for _ in one.asks]
            for first in range(0, len(held), asks):
                self._compare(one, held[first : first + asks])

    def _spelt(self, name: str, value: float) -> _Spelt:
        """Spell what sets a quantity, and what reads it back."""
        if not math.isfinite(value):
            raise SetpointError(f"{self.name}: {name} {value} is no number; nothing was sent")
        setting = self._part.set[name]
        number = value / setting.factor(self._rated(name))
        if value == 0 and setting.at_zero is not None:
            return _Spelt(name, value, number, setting, [setting.at_zero], [])
        phases = self._phases if "{phase}" in setting.send else [""]
        asks = (
            [setting.ask] if setting.ask_negative is None else [setting.ask, setting.ask_negative]
        )
        return _Spelt(
            name,
            value,
            number,
            setting,
            [self._spelled(setting, number, value, phase) for phase in phases],
            [fill(ask, phase=phase) for phase in phases for ask in asks],
        )

    def _error_query(self) -> list[str]:
        """What asks for the oldest error, where the link does not ask already."""
        speaks = self._table.speaks
        return [speaks.errors] if speaks.errors is not None and speaks.proof != "errors" else []

    def _check(self, entry: str, values: Mapping[str, float]) -> None:
        """Refuse to go on after an error that the device reports of a setting.

        What happened to the device by itself (SCPI-99 vol. 2, 21.8: −3xx, as a watchdog that
        reverted) or to an earlier answer (−4xx) is not of this setting: the read-back decides.
        """
        code = self._number(entry.partition(",")[0], entry)
        if code and not -500 < code <= -300:
            told = ", ".join(f"{name} {value:g}" for name, value in values.items())
            with suppress(BenchError):
                self.take_errors()  # of the same line: they must not be taken for the next one's
            raise SetpointError(f"{self.name}: {told} was refused; the device says {entry}")

    def _spelled(self, setting: Setting, number: float, value: float, phase: str) -> str:
        """Write the command that sets a number, or a word."""
        for word, meaning in setting.words.items():
            if meaning == value:
                return fill(setting.send, value=word, phase=phase)
        if setting.words:
            raise SetpointError(f"{self.name}: no word for {value:g}; nothing was sent")
        digits = setting.decimals
        return fill(
            setting.send,
            value=f"{number:.{digits}f}",
            positive=f"{max(number, 0.0):.{digits}f}",
            negative=f"{max(-number, 0.0):.{digits}f}",
            phase=phase,
        )

    def _compare(self, spelt: _Spelt, answers: list[str]) -> None:
        """Refuse to go on with a setting that was not taken."""
        name, value, number, setting = spelt[:4]
        if setting.words:
            word = answers[0].strip()
            if word not in setting.words:
                raise self._nonsense(f"one of {', '.join(setting.words)}", answers[0])
            taken, wanted, tolerance = setting.words[word], value, 0.0
        else:
            held = [self._suffixed(answer, setting.suffix) for answer in answers]
            taken = held[0] - (held[1] if len(held) > 1 else 0.0)
            wanted, tolerance = number, setting.tolerance
        if abs(taken - wanted) > tolerance:
            raise SetpointError(
                f"{self.name}: asked for {name} {wanted:g}, device holds {taken:g} "
                f"(its own unit, {setting.unit})"
            )

    def _suffixed(self, text: str, suffix: str) -> float:
        """Read a number with the unit that this device writes behind it."""
        if suffix and not text.strip().endswith(suffix):
            raise self._nonsense(f"a number with {suffix!r}", text)
        return self._number(text.strip().removesuffix(suffix).strip(), text)

    def _rated(self, name: str) -> float:
        """What a share is of. [kW] or [1]"""
        return self.p_rated_kw if name.endswith(("_kw", "_kvar")) else 1.0

    def _read(self) -> dict[str, tuple[float, ...] | str]:
        """Ask everything that a reading needs, and turn it into what flows, in our units."""
        return finish(self._reading_all())

    def _reading_all(self) -> Talk[dict[str, tuple[float, ...] | str]]:
        """Do as `_read`, and give way while the answer is on its way."""
        answers = yield from self._conversing([], self._asks)
        return {name: self._value(name, answers) for name in self._part.read}

    def _value(self, name: str, answers: list[str]) -> tuple[float, ...] | str:
        """Turn answers into one quantity, by phase where it has phases."""
        read = self._part.read[name]
        if read.constant is not None:
            return (read.constant,)
        texts = [
            self._fields(answers[wanted.ask], ",", wanted.fields)[wanted.field]
            for wanted in self._wanted[name]
        ]
        if name == "state":
            word = texts[0].strip()
            if word not in read.words:
                raise self._nonsense(f"a state of {', '.join(read.words)}", answers[0])
            return read.words[word]
        quantity = name.rpartition("_")[0] or name
        factor = read.factor(self._rated(name))
        return tuple(
            self._plausible(
                name, self._channels.primary(quantity, factor * self._suffixed(text, read.suffix))
            )
            for text in texts
        )

    def _plausible(self, name: str, value: float) -> float:
        """Refuse what cannot be: a wrong unit, a wrong ratio, a wrong answer."""
        low, high = -math.inf, math.inf
        if name in ("p_kw", "q_kvar"):
            rated = max(self._device.s_rated_kva, self.p_rated_kw) or math.inf
            low, high = -PLAUSIBLE * rated, PLAUSIBLE * rated
        elif name in ("vm_v", "f_hz") or (name == "i_a" and self._device.role != "pv-simulator"):
            low = 0.0
        elif name == "soc":
            low, high = 0.0, 1.0
        if not low - 1e-9 <= value <= high + 1e-9:
            self._link.drop()
            raise DeviceError(
                f"{self.name}: {name} of {value:g} is outside {low:g} to {high:g}; look at the "
                "table's unit, and at the ratios and signs of the station"
            )
        return value
