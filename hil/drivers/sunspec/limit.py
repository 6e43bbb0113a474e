"""The active power limit of a SunSpec device, and the timer after which it falls back to 0.

Limit and timer are written in one request: only that starts the timer anew. A share of the
rating has a grain, one count of its scale factor; a limit is rounded down to it, so that the
device never holds more than was asked.
"""

import math
from typing import NamedTuple

from hil.errors import SetpointError

from .models import Controls
from .registers import SunSpecRegisters

_COARSEST = 0.01
"""Of the rating: a limit that is held further below what was asked was not taken."""
_FINEST = 1e-6


class Held(NamedTuple):
    """What a device holds: limit, None for none [kW]; seconds to its safe state, 0 for never."""

    p_kw: float | None
    revert_s: int


class PowerLimit:
    """Limit and timer of one device.

    Parameters
    ----------
    registers : SunSpecRegisters
    controls : Controls
        Where they stand.

    Attributes
    ----------
    w_max_kw : float
        What a limit is a share of. [kW]
    """

    def __init__(self, registers: SunSpecRegisters, controls: Controls) -> None:
        self.name, self.w_max_kw = registers.name, math.nan
        self._registers, self._controls = registers, controls
        self._is_known = False
        self._names = registers.between(controls.model, controls.first, controls.last)

    @property
    def reverts(self) -> bool:
        """Whether what the timer falls back to can be said, and so be 0."""
        return self._controls.revert_pct is not None

    def learn(self, w_max_kw: float) -> None:
        """Begin on a new connection: the device may have restarted. [kW]"""
        self.w_max_kw, self._is_known = w_max_kw, False

    def held(self) -> Held:
        """Read what the device holds."""
        controls = self._controls
        read = self._registers.read(controls.model, self._names)
        self._is_known = True
        pct = read[controls.pct] if read[controls.enable] == 1 else None
        p_kw = None if pct is None else pct / 100.0 * self.w_max_kw
        return Held(p_kw, self._safe_after_s(read))

    def put(self, p_kw: float, revert_s: int) -> float:
        """Set limit and timer, and return the limit that the device then holds. [kW], [s]

        Raises
        ------
        SetpointError
            It holds another one, or more than the device can was asked.
        """
        controls, most_kw = self._controls, self.w_max_kw * (1.0 + _FINEST)
        if not p_kw <= most_kw:
            raise SetpointError(
                f"{self.name}: {p_kw} kW is more than the {self.w_max_kw} kW that the device says "
                "it has; nothing was sent"
            )
        if not self._is_known:
            self.held()  # its neighbours go out again as they are
        grain_kw = self._registers.step(controls.model, controls.pct) / 100.0 * self.w_max_kw
        counts = {controls.pct: math.floor(p_kw / grain_kw + _FINEST), controls.enable: 1}
        for name in controls.at_once:
            if self._registers.has(controls.model, name):
                counts[name] = 0
        if self.reverts:
            counts |= {str(controls.revert_pct): 0, str(controls.revert_enable): 1}
            counts[controls.revert_s] = revert_s
        self._registers.write(controls.model, controls.first, controls.last, counts)
        return self._confirmed(p_kw, revert_s)

    def _confirmed(self, p_kw: float, revert_s: int) -> float:
        """Refuse to go on with a limit that was not taken, or a timer that does not run."""
        taken = self.held()
        if taken.p_kw is None:
            raise SetpointError(f"{self.name}: asked for {p_kw} kW, device holds no limit")
        short_kw = p_kw - taken.p_kw
        if not -_FINEST * self.w_max_kw <= short_kw <= _COARSEST * self.w_max_kw:
            raise SetpointError(f"{self.name}: asked for {p_kw} kW, device holds {taken.p_kw} kW")
        if self.reverts and taken.revert_s != revert_s:
            raise SetpointError(
                f"{self.name}: asked to fall back to 0 kW after {revert_s} s, device holds "
                f"{taken.revert_s} s"
            )
        return taken.p_kw

    def _safe_after_s(self, read: dict[str, float | None]) -> int:
        """How long unwritten until it is at 0; 0 for never. [s]"""
        controls = self._controls
        if controls.revert_pct is None or controls.revert_enable is None:
            return 0
        falls_to_zero = read[controls.revert_pct] == 0 and read[controls.revert_enable] == 1
        return int(read[controls.revert_s] or 0) if falls_to_zero else 0
