"""Durations and moments: parsed once, exactly, and printed back in the notation they came in."""

import datetime as dt
import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

NS_PER_UNIT = {
    "ns": 1,
    "us": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
}
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zµ]+)\s*")
_DURATION_PATTERN = r"^\s*([0-9]+(\.[0-9]+)?\s*(ns|us|ms|s|min|h|d)\s*)+$"
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9](?:\.[0-9]{1,6})?))?")
_CLOCK_PATTERN = r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"


class Duration:
    """A length of time, exact to the nanosecond.

    Parameters
    ----------
    ns : int
        Length. [ns]
    """

    __slots__ = ("ns",)

    def __init__(self, ns: int) -> None:
        self.ns = ns

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``'15 min'``, ``'100 ms'``, ``'1 h 30 min'``.

        Raises
        ------
        ValueError
            No unit, an unknown unit, a sign, or a fraction of a nanosecond.
        """
        if isinstance(text, cls):
            return text
        if not isinstance(text, str) or not text.strip():
            raise ValueError(
                f"{text!r} is not a duration; expected a number with its unit, such as '15 min'"
            )
        if text.lstrip().startswith("-"):
            raise ValueError(f"{text!r} is negative; expected more than zero")
        total, position = Fraction(0), 0
        while position < len(text):
            part = _PART.match(text, position)
            if part is None or part[2] not in NS_PER_UNIT:
                known = ", ".join(NS_PER_UNIT)
                raise ValueError(
                    f"{text!r} is not a duration; expected numbers with a unit of {known}, "
                    "such as '15 min'"
                )
            total += Fraction(Decimal(part[1])) * NS_PER_UNIT[part[2]]
            position = part.end()
        if total.denominator != 1:
            raise ValueError(f"{text!r} is finer than a nanosecond; expected whole ones")
        return cls(int(total))

    @classmethod
    def positive(cls, text: object) -> Self:
        """Read a duration that is longer than zero."""
        duration = cls.parse(text)
        if duration.ns == 0:
            raise ValueError(f"{text!r} is zero; expected more than zero")
        return duration

    @property
    def seconds(self) -> float:
        """Length. [s]"""
        return self.ns / 1e9

    @property
    def delta(self) -> dt.timedelta:
        """Length, to the microsecond."""
        return dt.timedelta(microseconds=self.ns // 1_000)

    def in_ticks(self, tick: "Duration") -> int:
        """Return how many whole ticks it holds; callers have checked that it divides."""
        return self.ns // tick.ns

    def is_multiple_of(self, other: "Duration") -> bool:
        """Tell whether `other` fits into it a whole number of times."""
        return self.ns % other.ns == 0

    def __str__(self) -> str:
        for unit in ("d", "h", "min", "s", "ms", "us"):
            if self.ns and self.ns % NS_PER_UNIT[unit] == 0:
                return f"{self.ns // NS_PER_UNIT[unit]} {unit}"
        return f"{self.ns} ns"

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Duration) and self.ns == other.ns

    def __hash__(self) -> int:
        return hash(("Duration", self.ns))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.positive, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": _DURATION_PATTERN,
            "examples": ["100 ms", "15 min", "1 h"],
        }


class Moment:
    """When something happens: a wall-clock time of the scenario's day, or time since its start."""

    __slots__ = ("_clock", "_offset", "_text")

    def __init__(self, text: str, *, clock: dt.time | None, offset: Duration | None) -> None:
        self._text, self._clock, self._offset = text, clock, offset

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read ``'12:24'``, ``'12:24:30.5'`` or ``'39 min'``.

        Raises
        ------
        ValueError
            It is neither.
        """
        if isinstance(text, cls):
            return text
        expected = "expected a time of day such as '12:24' or a time since the start as '39 min'"
        if not isinstance(text, str):
            raise ValueError(f"{text!r} is not a moment; {expected}")
        clock = _CLOCK.fullmatch(text.strip())
        if clock is not None:
            seconds = Decimal(clock[3] or 0)
            micro = int(seconds % 1 * 1_000_000)
            time = dt.time(int(clock[1]), int(clock[2]), int(seconds), micro)
            return cls(text.strip(), clock=time, offset=None)
        if text.strip() in {"0", "0 s"}:
            return cls("0 s", clock=None, offset=Duration(0))
        try:
            offset = Duration.parse(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a moment; {expected}") from None
        return cls(str(offset), clock=None, offset=offset)

    def after(self, start: dt.datetime) -> Duration:
        """Return the time from `start` to this moment; a clock time that has passed is tomorrow's.

        Parameters
        ----------
        start : datetime
            First instant of the run, with its time zone.
        """
        if self._offset is not None:
            return self._offset
        assert self._clock is not None
        wait = dt.datetime.combine(start.date(), self._clock, start.tzinfo) - start
        if wait < dt.timedelta(0):
            wait += dt.timedelta(days=1)
        return Duration(wait // dt.timedelta(microseconds=1) * 1_000)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Moment({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and self._text == other._text

    def __hash__(self) -> int:
        return hash(("Moment", self._text))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        pattern = f"^({_CLOCK_PATTERN}|{_DURATION_PATTERN[1:-1]})$"
        return {"type": "string", "pattern": pattern, "examples": ["12:24", "39 min"]}
