"""Fuses and overcurrent relays: how long each stands a current, and which has operated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..loads._kernels_thermal import wear_out
from .case import Floats

__all__ = ["GATES_A", "Fuse", "Protection", "Relay"]

GATES_A = {
    16: (33.0, 65.0, 85.0, 150.0),
    20: (42.0, 85.0, 110.0, 200.0),
    25: (52.0, 110.0, 150.0, 260.0),
    32: (75.0, 150.0, 200.0, 350.0),
    40: (95.0, 190.0, 260.0, 450.0),
    50: (125.0, 250.0, 350.0, 610.0),
    63: (160.0, 320.0, 450.0, 820.0),
    80: (215.0, 425.0, 610.0, 1100.0),
    100: (290.0, 580.0, 820.0, 1450.0),
    125: (355.0, 715.0, 1100.0, 1910.0),
    160: (460.0, 950.0, 1450.0, 2590.0),
    200: (610.0, 1250.0, 1910.0, 3420.0),
    250: (750.0, 1650.0, 2590.0, 4500.0),
    315: (1050.0, 2200.0, 3420.0, 6000.0),
    400: (1420.0, 2840.0, 4500.0, 8060.0),
}
"""gG fuses by rated current: what they stand for 10 s, what melts them in 5 s, what they stand
for 0.1 s, what melts them in 0.1 s. IEC 60269-1, table of the gates (from memory, unverified).
[A]"""


@dataclass(frozen=True, slots=True)
class Fuse:
    """A gG fuse.

    The characteristic runs through the middle of the standard's gates, on logarithmic scales: the
    conventional time at the geometric mean of conventional non-fusing (1.25) and fusing current
    (1.6 times rated), 7.1 s between the gates of 10 and 5 s, and 0.1 s; beyond, I²t is constant.

    Parameters
    ----------
    rated_a : int
        One of `GATES_A`. [A]
    """

    rated_a: int

    def __post_init__(self) -> None:
        if self.rated_a not in GATES_A:
            known = ", ".join(map(str, GATES_A))
            raise ValueError(f"there is no gG fuse of {self.rated_a} A here; known: {known}")

    @property
    def least_a(self) -> float:
        """Conventional non-fusing current. [A]"""
        return 1.25 * self.rated_a

    @property
    def points(self) -> list[tuple[float, float]]:
        """Currents and the times in which they melt it. [A], [s]"""
        stands_10, melts_5, stands_01, melts_01 = GATES_A[self.rated_a]
        hours = 1 + sum(self.rated_a > a for a in (63, 160, 400))
        return [
            (2**0.5 * self.rated_a, 3600.0 * hours),
            ((stands_10 * melts_5) ** 0.5, 50**0.5),
            ((stands_01 * melts_01) ** 0.5, 0.1),
        ]


CURVES = {
    "standard_inverse": (0.14, 0.02),
    "very_inverse": (13.5, 1.0),
    "extremely_inverse": (80.0, 2.0),
}
"""k and α of t = TMS k / ((I/Is)^α - 1), IEC 60255-151 (curves A, B, C). [s], [1]"""


@dataclass(frozen=True, slots=True)
class Relay:
    """An inverse-time overcurrent relay.

    Parameters
    ----------
    pickup_a : float
        Setting Is. [A]
    time_multiplier : float
        [1]
    curve : str
        One of `CURVES`.
    """

    pickup_a: float
    time_multiplier: float = 0.1
    curve: Literal["standard_inverse", "very_inverse", "extremely_inverse"] = "standard_inverse"

    def __post_init__(self) -> None:
        if not (self.pickup_a > 0 and self.time_multiplier > 0):
            raise ValueError(
                f"a relay with a pickup of {self.pickup_a:g} A and a time multiplier of "
                f"{self.time_multiplier:g} never or always operates; expected both above 0"
            )

    @property
    def least_a(self) -> float:
        """At 1.05 times its setting it begins to count. [A]"""
        return 1.05 * self.pickup_a

    @property
    def points(self) -> list[tuple[float, float]]:
        """The curve from 1.05 to 20 times the setting, densely. [A], [s]"""
        k, alpha = CURVES[self.curve]
        ratios = 1 + np.geomspace(0.05, 19.0, 200)
        times = self.time_multiplier * k / (ratios**alpha - 1)
        return list(zip((self.pickup_a * ratios).tolist(), times.tolist(), strict=True))


class Protection:
    """Fuses and relays of n lines.

    A current that varies uses up dt / t(I) in every tick and operates at 1, as IEC 60255-151 has
    it for relays; we take it for fuses too. Below the least current all recovers at once.

    Parameters
    ----------
    devices : sequence of n Fuse or Relay
    dt_s : float
        Length of a tick. [s]
    """

    def __init__(self, devices: Sequence[Fuse | Relay], *, dt_s: float) -> None:
        longest = max((len(one.points) for one in devices), default=1)
        points = np.array([_padded(one.points, longest) for one in devices]).reshape(-1, longest, 2)
        logs = np.log(points)
        self._log_i, self._log_t = np.ascontiguousarray(logs[..., 0]), logs[..., 1].copy()
        self._least_a = np.array([one.least_a for one in devices], dtype=np.float64)
        self._dt_s = dt_s
        self.worn: Floats = np.zeros(len(devices))

    def step(self, current_a: Floats) -> list[int]:
        """See one tick's currents; give who operates now. (n,) [A]"""
        before = self.worn >= 1.0
        first = wear_out(current_a, self._dt_s, self._log_i, self._log_t, self._least_a, self.worn)
        if first < 0:
            return []
        return np.flatnonzero((self.worn >= 1.0) & ~before).tolist()

    def replace(self, which: int) -> None:
        """Put in a new fuse, or reset a relay."""
        self.worn[which] = 0.0


def _padded(points: list[tuple[float, float]], length: int) -> list[tuple[float, float]]:
    """Extend a characteristic along constant I²t, so that all have as many points."""
    current_a, time_s = points[-1]
    more = [(current_a * 1.1**n, time_s / 1.21**n) for n in range(1, length - len(points) + 1)]
    return points + more
