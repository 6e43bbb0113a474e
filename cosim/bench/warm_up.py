"""Before the first tick in real time: devices enter service by their own rules."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from hil.errors import DeviceError
from hil.exchange import Asked, Exchange

LONGEST_S = 400.0
"""IEEE 1547-2018, table 4: an inverter may wait 300 s before it enters service, by default."""


def warm_up(
    exchange: Exchange,
    *,
    dt_s: float,
    f_hz: float,
    tell: Callable[[str], None],
    longest_s: float = LONGEST_S,
) -> None:
    """Give devices their grid, with limit 0, until each of them is in service.

    Parameters
    ----------
    exchange : Exchange
        Of devices in a time of their own.
    dt_s : float
        How often they are asked. [s]
    f_hz : float
        Nominal frequency. [Hz]
    tell : callable
        Told once whom the run waits for.
    longest_s : float
        [s]

    Raises
    ------
    DeviceError
        Some are still not in service.
    """
    nothing, nominal = np.zeros(len(exchange.names)), np.ones(len(exchange.names))
    began = time.monotonic()
    told = False
    while True:
        answered = exchange.exchange(Asked(nothing, nothing, nominal, f_hz))
        waiting = answered.tripped | answered.stale
        if not waiting.any():
            exchange.happened()  # what came before the run is none of its losses
            return
        names = ", ".join(exchange.names[k] for k in np.flatnonzero(waiting))
        waited_s = time.monotonic() - began
        if waited_s > longest_s:
            raise DeviceError(f"{names}: not in service after {longest_s:g} s on a nominal grid")
        if not told and waited_s > 1.0:
            tell(f"waiting for {names} to enter service")
            told = True
        time.sleep(dt_s)
