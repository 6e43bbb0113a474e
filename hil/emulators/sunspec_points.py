"""One SunSpec model as registers: points by name and value, words at the wire."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .sunspec_layout import GROUPS, HEADS

_WORDS = {"uint32": 2, "int32": 2, "bitfield32": 2, "uint64": 4}
_SIGNED = ("int16", "int32", "sunssf")


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a model; its offset counts from the model's number."""

    name: str
    kind: str
    factor: str
    writable: bool
    offset: int
    words: int


class Model:
    """One model's registers.

    Parameters
    ----------
    number : int
        Of the model.
    factors : mapping of str to int
        Scale factors by name: powers of ten.
    groups, corners : int
        How many curves or controls, and how many corners each.

    Attributes
    ----------
    words : list of int
        Its registers, number and length included. At first no point is implemented.
    """

    def __init__(
        self, number: int, factors: Mapping[str, int], *, groups: int = 0, corners: int = 0
    ) -> None:
        self.number, self._factors = number, dict(factors)
        self.points: dict[str, Point] = {}
        offset = 2
        for spelt in _spelt(number, groups, corners):
            point = _read(spelt, offset)
            self.points[point.name] = point
            offset += point.words
        self.words = [number, offset - 2, *([0] * (offset - 2))]
        for name, point in self.points.items():
            self.put(name, factors[name] if point.kind == "sunssf" else None)

    def put(self, name: str, value: float | str | None) -> None:
        """Set a point to a value in its unit; None says that it is not implemented.

        Values beyond what its type can spell become the largest that it can.
        """
        point = self.points[name]
        if point.kind.startswith("string"):
            text = str(value or "").encode("ascii", "replace")[: 2 * point.words]
            padded = text.ljust(2 * point.words, b"\0")
            self._place(point, int.from_bytes(padded))
            return
        bits = 16 * point.words
        signed = point.kind in _SIGNED
        missing = 1 << (bits - 1) if signed else (1 << bits) - 1
        if value is None or point.kind == "pad":
            self._place(point, 0x8000 if point.kind == "pad" else missing)
            return
        assert not isinstance(value, str)
        raw = round(value / 10.0 ** self._factors.get(point.factor, 0))
        low, high = (1 - missing, missing - 1) if signed else (0, missing - 1)
        self._place(point, min(max(raw, low), high) & ((1 << bits) - 1))

    def fill(self, values: Mapping[str, float | str | None]) -> None:
        """Set several points."""
        for name, value in values.items():
            self.put(name, value)

    def get(self, name: str) -> float:
        """Give a point's value in its unit; NaN where it is not implemented."""
        point = self.points[name]
        raw = 0
        for word in self.words[point.offset : point.offset + point.words]:
            raw = raw << 16 | word
        bits = 16 * point.words
        if point.kind in _SIGNED:
            if raw == 1 << (bits - 1):
                return math.nan
            raw -= (raw >> (bits - 1)) << bits
        elif raw == (1 << bits) - 1:
            return math.nan
        return raw * 10.0 ** self._factors.get(point.factor, 0)

    def touched(self, offset: int, count: int) -> set[str] | None:
        """Names of the points that a write would change; None if one of them cannot be."""
        found = [
            point
            for point in self.points.values()
            if point.offset < offset + count and offset < point.offset + point.words
        ]
        if offset < 2 or not all(point.writable for point in found):
            return None
        return {point.name for point in found}

    def _place(self, point: Point, raw: int) -> None:
        """Write a number into its words."""
        for place in reversed(range(point.words)):
            self.words[point.offset + place] = raw & 0xFFFF
            raw >>= 16


def _spelt(number: int, groups: int, corners: int) -> Iterator[str]:
    """Give the points of a model as its layout spells them."""
    yield from HEADS[number].split()
    own, corner = GROUPS.get(number, ("", ""))
    for n in range(1, groups + 1):
        yield from own.replace("{n}", str(n)).split()
        for m in range(1, corners + 1):
            yield from corner.replace("{n}", str(n)).replace("{m}", str(m)).split()


def _read(spelt: str, offset: int) -> Point:
    """Read one point of a layout."""
    name, kind, factor = (*spelt.split(":"), "")[:3]
    words = int(kind[6:]) if kind.startswith("string") else _WORDS.get(kind, 1)
    return Point(name.removesuffix("!"), kind, factor, name.endswith("!"), offset, words)
