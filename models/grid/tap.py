"""Tap changers of transformers: what a network says of them, and the control that moves them.

pandapower ignores the position of a tap whose `tap_changer_type` is missing, as in SimBench's
networks, and CIGRE's carry no tap data at all; so both are completed or refused here, never
silently passed over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from .topology import index_of

__all__ = ["TapControl", "TapData", "complete_tap", "raising_step", "set_tap", "tap_data"]

COLUMNS = ("tap_side", "tap_neutral", "tap_min", "tap_max", "tap_step_percent", "tap_pos")
TYPES = ("Ratio", "Symmetrical", "Ideal")


@dataclass(frozen=True, slots=True, kw_only=True)
class TapData:
    """What a tap changer is.

    Parameters
    ----------
    side : {"hv", "lv"}
        Winding that it changes.
    step_percent : float
        Change of that winding's rated voltage by one step. [%]
    lowest, highest, neutral, position : int
        Positions; the last is where it stands.
    """

    side: Literal["hv", "lv"] = "hv"
    step_percent: float = 2.5
    lowest: int = -2
    highest: int = 2
    neutral: int = 0
    position: int = 0

    def __post_init__(self) -> None:
        if not self.lowest <= self.position <= self.highest:
            raise ValueError(
                f"tap position {self.position} is outside {self.lowest} to {self.highest}"
            )
        if not 0 < abs(self.step_percent) <= 10:
            raise ValueError(f"a tap step of {self.step_percent:g} % is no step; expected 0 to 10")


def tap_data(net: Any, trafo: str | int) -> TapData:
    """Read the tap changer of a transformer.

    Raises
    ------
    ValueError
        When the network does not say enough of it; names what is missing.
    """
    row = net.trafo.loc[index_of(net, "trafo", trafo)]
    missing = [name for name in COLUMNS if name not in row or _is_missing(row[name])]
    if missing:
        raise ValueError(
            f"transformer {trafo!r}: the network gives no {', '.join(missing)}; complete its tap "
            "data, or leave its tap alone"
        )
    return TapData(
        side=row["tap_side"],
        step_percent=float(row["tap_step_percent"]),
        lowest=int(row["tap_min"]),
        highest=int(row["tap_max"]),
        neutral=int(row["tap_neutral"]),
        position=int(row["tap_pos"]),
    )


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # NaN differs from itself


def complete_tap(net: Any, trafo: str | int, data: TapData) -> None:
    """Write a transformer's tap data into its network, as a ratio tap changer."""
    index = index_of(net, "trafo", trafo)
    for name in ("tap_side", "tap_changer_type"):
        if name not in net.trafo:
            net.trafo[name] = None
        net.trafo[name] = net.trafo[name].astype(object)
    net.trafo.loc[index, "tap_side"] = data.side
    net.trafo.loc[index, "tap_changer_type"] = "Ratio"
    for name, value in (
        ("tap_neutral", data.neutral),
        ("tap_min", data.lowest),
        ("tap_max", data.highest),
        ("tap_step_percent", data.step_percent),
        ("tap_step_degree", 0.0),
        ("tap_pos", data.position),
    ):
        net.trafo[name] = net.trafo[name].astype(np.float64) if name in net.trafo else np.nan
        net.trafo.loc[index, name] = float(value)


def set_tap(net: Any, trafo: str | int, position: int) -> None:
    """Move a tap.

    Raises
    ------
    ValueError
        When it is out of range, or pandapower would ignore it.
    """
    data = tap_data(net, trafo)
    index = index_of(net, "trafo", trafo)
    kind = net.trafo["tap_changer_type"].loc[index] if "tap_changer_type" in net.trafo else None
    if kind not in TYPES:
        raise ValueError(
            f"transformer {trafo!r}: its tap_changer_type is {kind}, so that a power flow would "
            f"ignore its tap; expected one of {', '.join(TYPES)}, which complete_tap sets"
        )
    if not data.lowest <= position <= data.highest:
        raise ValueError(
            f"transformer {trafo!r}: tap {position} is outside {data.lowest} to {data.highest}"
        )
    net.trafo.loc[index, "tap_pos"] = position


def raising_step(data: TapData) -> int:
    """Give the step, 1 or -1, that raises the voltage of the low-voltage side."""
    towards = 1 if data.side == "lv" else -1
    return towards if data.step_percent > 0 else -towards


class TapControl:
    """Automatic voltage control: outside its dead band for a while, it takes a step.

    Parameters
    ----------
    data : TapData
    vm_set_pu : float
        Voltage that it holds. [p.u.]
    dead_band_pu : float
        Half the width of the band in which it rests. [p.u.]
    delay_s, next_delay_s : float
        Time outside before the first step, and before each that follows it. [s]
    dt_s : float
        Length of a tick. [s]
    block_pu : float
        Below this it does nothing, since a fault is no matter of taps. [p.u.]

    Notes
    -----
    A band narrower than a step hunts, and is refused. The control of a definite-time relay as in
    P. Kundur, *Power System Stability and Control*, 1994, section 11.2.5 (from memory,
    unverified); the timer resets inside the band.
    """

    def __init__(
        self,
        data: TapData,
        *,
        vm_set_pu: float = 1.0,
        dead_band_pu: float = 0.02,
        delay_s: float = 30.0,
        next_delay_s: float = 10.0,
        dt_s: float = 0.1,
        block_pu: float = 0.8,
    ) -> None:
        if 2 * dead_band_pu <= abs(data.step_percent) / 100:
            raise ValueError(
                f"a dead band of ±{dead_band_pu:g} p.u. is no wider than a tap step of "
                f"{data.step_percent:g} %: the tap changer would hunt; expected more than "
                f"±{abs(data.step_percent) / 200:g} p.u."
            )
        self._data, self._raise = data, raising_step(data)
        self._vm_set_pu, self._dead_band_pu, self._block_pu = vm_set_pu, dead_band_pu, block_pu
        self._delay_s, self._next_delay_s, self._dt_s = delay_s, next_delay_s, dt_s
        self.position = data.position
        self._outside_s = 0.0
        self._due_s = delay_s

    def step(self, vm_pu: float) -> bool:
        """See one tick's voltage; tell whether the tap has moved, to `position`. [p.u.]"""
        error_pu = vm_pu - self._vm_set_pu
        if not (vm_pu >= self._block_pu and abs(error_pu) > self._dead_band_pu):
            self._outside_s, self._due_s = 0.0, self._delay_s
            return False
        self._outside_s += self._dt_s
        if self._outside_s < self._due_s - 1e-9:
            return False
        self._outside_s, self._due_s = 0.0, self._next_delay_s
        wanted = self.position + (self._raise if error_pu < 0 else -self._raise)
        if not self._data.lowest <= wanted <= self._data.highest:
            return False
        self.position = wanted
        return True
