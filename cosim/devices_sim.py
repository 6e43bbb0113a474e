"""Opens devices, real or emulated, to mosaik: what they are told, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from .box import Box, Inputs, Log, model, only, silent
from .clock import NEVER, Clock

SETTLING_S = 3.0
"""What devices live through before the first tick, so that they do not begin at zero. [s]"""


class Reading(Protocol):
    """What a device says of one tick."""

    @property
    def p_kw(self) -> float: ...
    @property
    def q_kvar(self) -> float: ...
    @property
    def tripped(self) -> bool: ...


class LockstepInverter(Protocol):
    """An inverter that takes the bench's clock."""

    def tick(self, available_kw: float, limit_kw: float, vm_pu: float, f_hz: float) -> Reading: ...

    name: str

    def inject(self, fault: str) -> None: ...

    @property
    def p_rated_kw(self) -> float: ...


class DevicesSim(Box):
    """Lets each device play the PV inverter of one peer.

    Voltage and frequency are those of the last tick; power holds over this one.
    """

    models = {
        "Devices": model(
            [
                "tick",
                "available[kW]",
                "limit[kW]",
                "Vm[pu]",
                "f[Hz]",
                "P[MW]",
                "Q[MVar]",
                "pv[kW]",
                "q[kvar]",
                "tripped",
            ]
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        devices: Mapping[int, LockstepInverter],
        peers: Sequence[str],
        clock: Clock,
        faults: Sequence[tuple[int, int, str]] = (),
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the devices by the peer they play, and faults as (mosaik time, peer, kind)."""
        self._devices, self._clock, self._log = dict(devices), clock, log
        self._pv_kw, self._q_kvar = np.zeros((2, len(peers)))
        self._tripped = np.zeros(len(peers), dtype=np.bool_)
        self._names = peers
        self._settling = round(SETTLING_S / clock.dt_s)
        self._faults: dict[int, list[tuple[int, str]]] = {}
        for at, peer, kind in faults:
            self._faults.setdefault(at, []).append((peer, kind))
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        if not self._clock.is_physics(time):
            return self._clock.preroll if time < self._clock.preroll else NEVER
        for peer, kind in self._faults.get(time, ()):
            device = self._devices[peer]
            device.inject(kind)
            self._log(time, kind, device=device.name, peer=self._names[peer])
        given = inputs["devices"]
        ticks = 1 if time > self._clock.preroll else 1 + self._settling
        for _ in range(ticks):
            self._exchange(given)
        self.values["devices"].update(
            {
                "P[MW]": self._pv_kw * 1e-3,
                "Q[MVar]": self._q_kvar * 1e-3,
                "pv[kW]": self._pv_kw,
                "q[kvar]": self._q_kvar,
                "tripped": self._tripped,
            }
        )
        return time + 1 if time + 1 < self._clock.end else NEVER

    def _exchange(self, given: Mapping[str, Mapping[str, Any]]) -> None:
        """Let every device live one tick under what its peer sees."""
        available_kw, limit_kw = only(given["available[kW]"]), only(given["limit[kW]"])
        vm_pu, f_hz = only(given["Vm[pu]"]), float(only(given["f[Hz]"]))
        for peer, device in self._devices.items():
            reading = device.tick(
                float(available_kw[peer]),
                min(float(limit_kw[peer]), device.p_rated_kw),
                float(vm_pu[peer]),
                f_hz,
            )
            self._pv_kw[peer], self._q_kvar[peer] = reading.p_kw, reading.q_kvar
            self._tripped[peer] = reading.tripped
