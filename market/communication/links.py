"""Link classes as data: delay, loss, throughput and duty cycle, each number with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, inf, log
from pathlib import Path
from statistics import NormalDist
from typing import Any

import yaml

from ..faulty import Faulty
from .lorawan import MOST_BYTES, airtime_s

__all__ = ["LINKS", "Link", "LinkError", "link_table", "read_links"]

TABLE = Path(__file__).with_name("links.yaml")

_Z95 = NormalDist().inv_cdf(0.95)


class LinkError(Faulty):
    """A link that cannot be: mend its numbers, or name a known one."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """What happens to messages on links of one class.

    The delay is `least_s` and a lognormal on top, given by the median and 95th percentile of the
    whole; jitter, exponential, comes on top of that. The time that the bytes take is added.

    Attributes
    ----------
    name : str
    least_s, median_s, p95_s : float
        Quantiles of the one-way delay, without bytes and jitter; all equal: no spread. [s]
    jitter_s : float
        Mean of what comes on top, exponentially distributed. [s]
    loss : float
        Probability that one transmission does not arrive. [1]
    bits_per_s : float
        Throughput. Not used where there is a spreading factor. [bit/s]
    overhead_bytes : int
        What the protocol adds to every message. [byte]
    duty_cycle : float
        Share of time that a sender may be on the air. [1]
    spreading_factor : int or None
        LoRa's; None: no LoRa.
    sources : mapping of str to str
        Where each number is from.
    """

    name: str
    least_s: float = 0.0
    median_s: float = 0.0
    p95_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    bits_per_s: float = inf
    overhead_bytes: int = 0
    duty_cycle: float = 1.0
    spreading_factor: int | None = None
    sources: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if faults := self._faults():
            raise LinkError([f"link {self.name!r}: {fault}" for fault in faults])

    def _faults(self) -> list[str]:
        quantiles = (self.least_s, self.median_s, self.p95_s)
        faults = []
        if not 0 <= self.least_s <= self.median_s <= self.p95_s < inf:
            given = ", ".join(f"{value:g}" for value in quantiles)
            faults.append(f"delays of {given} s; expected 0 ≤ least_s ≤ median_s ≤ p95_s")
        elif (self.least_s == self.median_s) != (self.median_s == self.p95_s):
            faults.append(
                f"median_s {self.median_s:g} s equals one of its neighbours only; expected "
                "least_s < median_s < p95_s, or all equal"
            )
        if not 0 <= self.jitter_s < inf:
            faults.append(f"jitter_s: {self.jitter_s:g} s, expected a finite 0 or more")
        if not 0 <= self.loss <= 1:
            faults.append(f"loss: {self.loss:g}, expected a probability from 0 to 1")
        if not self.bits_per_s > 0:
            faults.append(f"bits_per_s: {self.bits_per_s:g} bit/s, expected more than 0")
        if not 0 < self.duty_cycle <= 1:
            faults.append(f"duty_cycle: {self.duty_cycle:g}, expected above 0, at most 1")
        if self.spreading_factor is not None and not 7 <= self.spreading_factor <= 12:
            faults.append(f"spreading_factor: {self.spreading_factor}, expected 7 to 12")
        if self.overhead_bytes < 0:
            faults.append(f"overhead_bytes: {self.overhead_bytes}, expected 0 or more")
        return faults

    @property
    def is_ideal(self) -> bool:
        """Whether every message arrives at once."""
        return not (self.p95_s or self.jitter_s or self.loss) and self.on_air_s(1) == 0

    def frames(self, size_bytes: int) -> list[int]:
        """Cut a message into frames; one, unless LoRa's are too small for it. [byte]"""
        if self.spreading_factor is None or size_bytes == 0:
            return [size_bytes]
        most = MOST_BYTES[self.spreading_factor]
        return [min(most, size_bytes - begin) for begin in range(0, size_bytes, most)]

    def on_air_s(self, size_bytes: int) -> float:
        """Time that the bytes of one frame take. [s]"""
        whole = size_bytes + self.overhead_bytes
        if self.spreading_factor is not None:
            return airtime_s(whole, self.spreading_factor)
        return 8 * whole / self.bits_per_s

    def quantile_s(self, share: float) -> float:
        """Quantile of the delay, without bytes and jitter; `share` lies between 0 and 1. [s]"""
        if self.p95_s == self.least_s:
            return self.least_s
        middle = self.median_s - self.least_s
        sigma = log((self.p95_s - self.least_s) / middle) / _Z95
        return self.least_s + middle * exp(sigma * NormalDist().inv_cdf(share))


def read_links(file: Path = TABLE) -> dict[str, Link]:
    """Read link classes from a table: numbers as ``{value: 0.5, from: source}``.

    Raises
    ------
    LinkError
        With everything that cannot be.
    """
    table: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    links: dict[str, Link] = {}
    faults: list[str] = []
    for name, row in table.items():
        values = {key: cell["value"] for key, cell in row.items()}
        sources = {key: cell["from"] for key, cell in row.items()}
        try:
            links[name] = Link(name=name, **values, sources=sources)
        except LinkError as error:
            faults += error.faults
    if faults:
        raise LinkError(faults)
    return links


LINKS: Mapping[str, Link] = read_links()
"""The link classes that ship, by name."""


def link_table() -> str:
    """Print the link classes as two tables of the docs, in Markdown: numbers, then sources."""
    lines = [
        "| Link | Least [s] | Median [s] | p95 [s] | Loss [%] | Throughput [kbit/s] | Added [byte] "
        "| Duty cycle [%] | 50 bytes take [s] |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    lines += [_row(link) for link in LINKS.values()]
    lines += ["", "| Link | Number | From |", "|---|---|---|"]
    for link in LINKS.values():
        lines += [f"| `{link.name}` | `{key}` | {said} |" for key, said in link.sources.items()]
    return "\n".join(lines)


def _row(link: Link) -> str:
    rate = "–" if link.bits_per_s == inf else f"{link.bits_per_s / 1000:g}"
    if link.spreading_factor is not None:
        rate = f"SF{link.spreading_factor}"
    cells = [
        f"`{link.name}`",
        *(f"{value:g}" for value in (link.least_s, link.median_s, link.p95_s)),
        f"{100 * link.loss:g}",
        rate,
        f"{link.overhead_bytes}",
        f"{100 * link.duty_cycle:g}",
        f"{link.on_air_s(50):.3g}",
    ]
    return f"| {' | '.join(cells)} |"
