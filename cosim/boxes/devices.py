"""Opens devices, real or emulated, to mosaik: what they are told, and what they answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hil.exchange import Answered, Asked, Exchange

from .box import Box, FloatArray, Inputs, Log, model, only, silent
from .clock import NEVER, Clock

PORT = re.compile(r"TCPIP0::127\.0\.0\.1::[0-9]+::SOCKET")
"""Where an emulator listens, which is elsewhere in every run."""

SETTLING_S = 3.0
"""What devices in lockstep live through before the first tick, so that they do not begin at
zero. [s]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Misdeed:
    """A fault of a device, or with `fault` None the end of all its faults.

    Attributes
    ----------
    at : int
        Mosaik time.
    node : str
        Name of the node in the exchange.
    device : str
        What the event log calls it.
    instrument : str
        Name of the device in the station whose fault it is; the node's unit has the same name
        as `device`.
    fault : str or None
    values : tuple of float
        What the emulator takes with it: how many replies, and by how much.
    """

    at: int
    node: str
    device: str
    fault: str | None
    instrument: str = ""
    values: tuple[float, ...] = ()


class Faults(Protocol):
    """A way to have emulated devices misbehave that is not the link's, which may be lost."""

    def inject(self, device: str, fault: str, *values: float) -> None:
        """Make a device misbehave."""

    def clear(self, devices: Iterable[str]) -> None:
        """Make devices behave again."""

    def refused(self) -> Sequence[tuple[str, str]]:
        """Tell of each fault that was not taken: the device, and why."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """The devices of a run, while they are open.

    Attributes
    ----------
    exchange : Exchange or None
        None where models play all.
    beat : callable
        To be called at every tick: shows the guardian that the run lives.
    faults : Faults or None
    lived : bool
        Devices have lived before the first tick: they keep their own time, or did.
    """

    exchange: Exchange | None
    beat: Callable[[], None] = lambda: None
    faults: Faults | None = None
    lived: bool = False


NO_BENCH = Bench(exchange=None)


class DevicesSim(Box):
    """Lets each node of devices play the PV inverter, or the battery, of one peer.

    Voltage and frequency are those of the last tick; power holds over this one. A node that is
    lost does what its fallback says, and its ticks are flagged.
    """

    models = {
        "Devices": model(
            [
                "tick",
                "available[kW]",
                "limit[kW]",
                "setpoint[kW]",
                "Vm[pu]",
                "f[Hz]",
                "P[MW]",
                "Q[MVar]",
                "pv[kW]",
                "q[kvar]",
                "store[kW]",
                "tripped",
                "age[s]",
                "stale",
            ]
        )
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        exchange: Exchange,
        players: Mapping[str, int],
        peers: Sequence[str],
        clock: Clock,
        stores: Collection[str] = (),
        called: Mapping[str, str] | None = None,
        misdeeds: Sequence[Misdeed] = (),
        faults: Faults | None = None,
        instruments: Mapping[str, Sequence[str]] | None = None,
        settling_s: float = SETTLING_S,
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the devices and who plays whom.

        Parameters
        ----------
        exchange : Exchange
        players : mapping of str to int
            Position of the peer that each node of the exchange plays.
        peers : sequence of str
        clock : Clock
        stores : collection of str, optional
            Nodes that play the battery of their peer rather than its PV.
        called : mapping of str to str, optional
            What the event log calls each node; its own name unless given.
        misdeeds : sequence of Misdeed
        faults : Faults, optional
            Needed with misdeeds.
        instruments : mapping of str to sequence of str, optional
            Names of the devices of each node, whose faults end together.
        settling_s : float
            What devices on the bench's clock live through before the first tick; those in a
            time of their own have lived. [s]
        log : Log
        """
        self._exchange, self._clock, self._log = exchange, clock, log
        self._faults, self._instruments = faults, instruments or {}
        self._players = np.array([players[node] for node in exchange.names], dtype=np.intp)
        self._called = [(called or {}).get(node, node) for node in exchange.names]
        self._of_peer = [peers[player] for player in self._players]
        self._is_store = np.array([node in stores for node in exchange.names], dtype=np.bool_)
        self._of_stores, self._of_pv = (
            self._players[self._is_store],
            self._players[~self._is_store],
        )
        self._pv_kw, self._q_kvar, self._store_kw = np.zeros((3, len(peers)))
        self._tripped = np.zeros(len(peers), dtype=np.bool_)
        self._settling = round(settling_s / clock.dt_s)
        self._misdeeds: dict[int, list[Misdeed]] = {}
        for misdeed in misdeeds:
            self._misdeeds.setdefault(misdeed.at, []).append(misdeed)
        self._off, self._lost, self._foretold = np.zeros((3, len(exchange.names)), dtype=np.bool_)
        self._because = [""] * len(exchange.names)
        self._lost_since = np.zeros(len(exchange.names), dtype=np.int64)
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        if not self._clock.is_physics(time):
            return self._clock.preroll if time < self._clock.preroll else NEVER
        self._misbehave(time)
        asked = self._asked(inputs["devices"])
        if time == self._clock.preroll:
            still = asked._replace(limit_kw=np.where(self._is_store, 0.0, asked.limit_kw))
            for _ in range(self._settling):
                self._exchange.exchange(still)
        answered = self._exchange.exchange(asked)
        self._hear(time)
        self._tell(time, answered)
        pv = ~self._is_store
        self._pv_kw[self._of_pv] = answered.p_kw[pv]
        self._q_kvar[self._of_pv] = answered.q_kvar[pv]
        self._tripped[self._of_pv] = answered.tripped[pv]
        self._store_kw[self._of_stores] = answered.p_kw[self._is_store]
        self.values["devices"].update(
            {
                "P[MW]": self._pv_kw * 1e-3,
                "Q[MVar]": self._q_kvar * 1e-3,
                "pv[kW]": self._pv_kw,
                "q[kvar]": self._q_kvar,
                "store[kW]": self._store_kw,
                "tripped": self._tripped,
                "age[s]": answered.age_s,
                "stale": answered.stale,
            }
        )
        return time + 1 if time + 1 < self._clock.end else NEVER

    def _asked(self, given: Mapping[str, Mapping[str, Any]]) -> Asked:
        """Pick what concerns the nodes from what concerns all peers."""

        def of_nodes(attr: str) -> FloatArray:
            values: FloatArray = only(given[attr])
            return values[self._players]

        return Asked(
            of_nodes("available[kW]"),
            np.where(self._is_store, of_nodes("setpoint[kW]"), of_nodes("limit[kW]")),
            of_nodes("Vm[pu]"),
            float(only(given["f[Hz]"])),
        )

    def _misbehave(self, time: int) -> None:
        """Do to the devices what the scenario wants done to them now."""
        for misdeed in self._misdeeds.get(time, ()):
            place = self._exchange.names.index(misdeed.node)
            named = {"device": misdeed.device, "peer": self._of_peer[place]}
            assert self._faults is not None
            if misdeed.fault is None:
                self._faults.clear(self._instruments[misdeed.node])
                self._foretold[place] = False
                self._log(time, "device_fault_cleared", **named)
                continue
            self._faults.inject(misdeed.instrument, misdeed.fault, *misdeed.values)
            if misdeed.instrument != misdeed.device:
                named["instrument"] = misdeed.instrument
            elif misdeed.fault == "trip":
                self._foretold[place] = True
                self._log(time, "trip", **named)
                continue
            self._log(time, "device_fault", fault=misdeed.fault, **named)

    def _hear(self, time: int) -> None:
        """Note why devices are lost, and log what only the exchange can know."""
        for happened in self._exchange.happened():
            place = self._exchange.names.index(happened.name)
            if happened.what == "lost":
                self._because[place] = PORT.sub("its emulator", happened.because)
            elif happened.what != "back":
                because = PORT.sub("its emulator", happened.because)
                named = {"device": self._called[place], "peer": self._of_peer[place]}
                kind = "device_" + happened.what.replace(" ", "_")
                self._log(time, kind, because=because, **named)
        for device, because in self._faults.refused() if self._faults is not None else ():
            self._log(time, "device_refused", because=because, device=device)

    def _tell(self, time: int, answered: Answered) -> None:
        """Log what has changed: devices lost and back, and trips that nobody asked for."""
        lost, off = answered.stale, answered.tripped & ~answered.stale
        for place in np.flatnonzero(lost != self._lost):
            self._tell_loss(time, int(place), bool(lost[place]), answered)
        new: NDArray[np.bool_] = off & ~self._off
        for place in np.flatnonzero(new & ~self._foretold):
            self._log(time, "trip", device=self._called[place], peer=self._of_peer[place])
        self._foretold &= ~new
        self._off = np.where(lost, self._off, off)
        self._lost = lost.copy()

    def _tell_loss(self, time: int, place: int, lost: bool, answered: Answered) -> None:
        named = {"device": self._called[place], "peer": self._of_peer[place]}
        if lost:
            self._lost_since[place] = time
            stands_in = round(float(answered.p_kw[place]), 6)
            because = self._because[place]
            self._log(
                time,
                "device_lost",
                age_s=float(answered.age_s[place]),
                p_kw=stands_in,
                because=because,
                **named,
            )
        else:
            lost_s = (time - int(self._lost_since[place])) * self._clock.dt_s
            self._log(time, "device_back", lost_s=round(lost_s, 9), **named)
