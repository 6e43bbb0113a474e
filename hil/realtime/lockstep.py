"""Devices on the bench's clock: every tick waits for them, and the same bytes come twice."""

from collections import deque
from collections.abc import Mapping
from itertools import repeat
from typing import NamedTuple

import numpy as np

from hil.errors import BenchError, DeviceError, SetpointError, UnsafeError
from hil.exchange import Answered, Asked, Happened
from hil.turns import Talk, finish, together

from .energy import EnergyCount
from .frozen import watch_of
from .node import Node, NodeAsked, NodeReading

_SILENT = NodeReading(0.0, 0.0, True, None, float("nan"))


class LockstepExchange:
    """Nodes that live one tick when they are asked to, and only then.

    Parameters
    ----------
    nodes : mapping of str to Node
        By name, in the order of the arrays.
    dt_s : float
        Length of a tick. [s]
    retry_ticks : int
        A lost node is tried again every so many ticks.

    Raises
    ------
    LockstepError
        A device keeps its own time, as every real one does.

    Notes
    -----
    A node whose device fails is asked once more at once; then it does what its `OnLoss` says,
    and its ticks are stale. When it answers again it first lives the ticks that it missed,
    under the sun and the grid that they had and the last limit it took, so that its clock is
    the bench's again. A device that has restarted meanwhile refuses the number of the tick and
    is given the clock anew.

    All nodes are told before any is heard, so that devices work at the same time, and a tick
    costs no more waiting than its slowest node.

    Nothing here reads a clock: whether a run repeats to the bit depends only on time-outs long
    enough that a busy machine is never taken for a lost device.
    """

    def __init__(self, nodes: Mapping[str, Node], *, dt_s: float, retry_ticks: int = 10) -> None:
        self.names = tuple(nodes)
        self._dt_s, self._retry_ticks = dt_s, retry_ticks
        self._tick = -1
        self._log: list[Happened] = []
        self._seats = {name: _Seat(node) for name, node in nodes.items()}
        for node in nodes.values():
            node.begin_lockstep(dt_s)

    def exchange(self, asked: Asked) -> Answered:
        """Let every node live one tick.

        Raises
        ------
        BenchError
            A node was lost that says ``abort``; or UnsafeError, whatever it says.
        """
        self._tick += 1
        n = len(self.names)
        p_kw, q_kvar, age_s, energy_kwh = np.empty((4, n))
        tripped, stale = np.empty((2, n), dtype=np.bool_)
        # Python's own floats: what is spelt into a message must not be numpy's.
        available_kw, limit_kw = asked.available_kw.tolist(), asked.limit_kw.tolist()
        vm_pu = asked.vm_pu.tolist()
        told = map(NodeAsked, available_kw, limit_kw, vm_pu, repeat(asked.f_hz))
        seats = self._seats.values()
        readings = finish(together(map(self._live, seats, told)))
        for k, (seat, reading) in enumerate(zip(seats, readings, strict=True)):
            p_kw[k], q_kvar[k], tripped[k] = reading.p_kw, reading.q_kvar, reading.tripped
            stale[k], age_s[k] = seat.lost, seat.age * self._dt_s
            energy_kwh[k] = seat.energy.total_kwh
        return Answered(p_kw, q_kvar, tripped, age_s, stale, energy_kwh)

    def happened(self) -> tuple[Happened, ...]:
        """Tell what happened since this was last asked."""
        told, self._log = tuple(self._log), []
        return told

    def inject(self, name: str, fault: str, *values: float) -> None:
        """Make an emulated device misbehave; a device that is lost cannot be told."""
        try:
            self._seats[name].node.inject(fault, *values)
        except BenchError as failure:
            self._note(name, "refused", str(failure))

    def clear_faults(self, name: str) -> None:
        """Make it behave again; a device that is lost cannot be told."""
        try:
            self._seats[name].node.clear_faults()
        except BenchError as failure:
            self._note(name, "refused", str(failure))

    def _live(self, seat: "_Seat", asked: NodeAsked) -> Talk[NodeReading]:
        """Let one node live this tick, and those it still owes; or fall back."""
        seat.owed.append(_Owed(asked, unreached=seat.lost))
        failure = None
        if seat.age % self._retry_ticks == 0:
            failure = yield from self._catch_up(seat)
        if failure is not None and not seat.lost:
            self._lose(seat, failure)
        if not seat.owed and failure is None:
            seat.energy.step(seat.last.p_kw, self._dt_s, seat.last.energy_kwh)
            return seat.last
        seat.age += 1
        reading = seat.last if seat.node.on_loss.action == "hold" else _SILENT
        seat.energy.step(reading.p_kw, self._dt_s)
        return reading

    def _catch_up(self, seat: "_Seat") -> Talk[BenchError | None]:
        """Let a node live all ticks that it owes; tell what kept it from that."""
        frozen = None
        try:
            while seat.owed:
                reading = yield from self._pass_tick(seat)
                seat.owed.popleft()
                seat.lived_s += self._dt_s
                frozen = seat.frozen.see(reading, seat.node.told_kw, seat.lived_s)
                seat.last = reading if frozen is None else seat.last
        except UnsafeError:
            raise
        except SetpointError as refusal:
            seat.owed.popleft()  # the tick has passed, under a setpoint that was not taken
            return refusal
        except BenchError as failure:
            return failure
        if frozen is not None:
            return DeviceError(f"{seat.node.name}: {frozen}")
        if seat.lost:
            self._note(seat.node.name, "back", f"after {seat.age} ticks")
            seat.age = 0
        return None

    def _pass_tick(self, seat: "_Seat") -> Talk[NodeReading]:
        """Let a node live the oldest tick that it owes; garbage is asked for once more."""
        asked, unreached = seat.owed[0]
        held = unreached and len(seat.owed) > 1
        try:
            return (yield from seat.node.ticking(asked, self._dt_s, held=held))
        except DeviceError:
            pass
        try:
            return (yield from seat.node.ticking(asked, self._dt_s, held=held))
        except DeviceError as refusal:
            seat.node.begin_lockstep(self._dt_s)
            self._note(seat.node.name, "begun anew", str(refusal))
        return (yield from seat.node.ticking(asked, self._dt_s, held=held))

    def _lose(self, seat: "_Seat", failure: BenchError) -> None:
        """Note that a node is lost, or stop the run where it says so."""
        if seat.node.on_loss.action == "abort":
            failure.add_note(f"{seat.node.name} says abort when it is lost; the run was stopped")
            raise failure
        self._note(seat.node.name, "lost", str(failure))

    def _note(self, name: str, what: str, because: str) -> None:
        """Remember what happened."""
        self._log.append(Happened(name, what, because, self._tick * self._dt_s))


class _Owed(NamedTuple):
    """A tick that a node has still to live, and whether the bench could reach it then."""

    asked: NodeAsked
    unreached: bool


class _Seat:
    """A node, and how it is getting on."""

    def __init__(self, node: Node) -> None:
        self.node, self.energy = node, EnergyCount(node.p_most_kw)
        self.frozen, self.lived_s = watch_of(node), 0.0
        self.owed: deque[_Owed] = deque()
        self.last = _SILENT
        self.age = 0

    @property
    def lost(self) -> bool:
        """Whether it did not answer the last time it was asked."""
        return self.age > 0
