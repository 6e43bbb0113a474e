"""Readings that are repeated for ever: when a device that answers is believed no longer.

A device whose measurement has stopped goes on answering, in time and to the question. That a
reading comes twice proves nothing: a calm sky, a limit, or a device that measures once a second
repeats it honestly. So it takes a witness that the reading ought to have moved, for as long as
the station says.
"""

import math

from .node import Node, NodeReading

_ACCURACY = 0.02  # of the node's power: less than that is no movement, and no power
_STEPS = 3  # of the register, that power should have made
_LEAST_POLLS = 3
_BLINK_S = 1e-6  # sums of ticks are a little off
_NOISY_POLLS, _NOISY_SHARE = 20, 0.9


class FrozenWatch:
    """Watches the readings of one node.

    Parameters
    ----------
    p_most_kw : float
        Largest power of the node, either way. [kW]
    after_s : float or None
        How long a reading may be repeated against a witness; None for ever. [s]
    follows : bool
        Power is what was set, as a store's is; otherwise what was set bounds it.

    Notes
    -----
    Witnesses are: power above its limit, or beside what a store was told anew; a set point that
    moved while readings that had noise stand still; an energy register, seen to move before,
    that stands still while power should have moved it three of its steps. A node without power,
    which is every night, has none of them. Once frozen, it stays so until anything in its
    reading moves. What was read up to then has been believed.
    """

    def __init__(self, p_most_kw: float, *, after_s: float | None, follows: bool = False) -> None:
        self._accuracy_kw, self._after_s, self._follows = _ACCURACY * p_most_kw, after_s, follows
        self._values: tuple[float, ...] | None = None
        self._because: str | None = None
        self._since_s = self._first_kw = 0.0
        self._count, self._seen_s = 0, 0.0
        self._beside_since_s = self._moved_since_s = math.inf
        self._owed_kwh = 0.0
        self._register_kwh: float | None = None
        self._step_kwh = math.inf
        self._polls = self._changes = 0

    def see(self, reading: NodeReading, setpoint_kw: float, now_s: float) -> str | None:
        """Take one reading, and say why it is not to be believed; None when it is.

        Parameters
        ----------
        reading : NodeReading
        setpoint_kw : float
            What the node was told when it was read, in the power of what it plays. [kW]
        now_s : float
            When. [s]
        """
        values = _values(reading)
        powered = abs(reading.p_kw) > self._accuracy_kw
        self._polls += powered
        if values != self._values:
            self._changes += powered
            self._learn_step(reading.energy_kwh)
            self._begin(values, setpoint_kw, now_s)
            self._note_setpoint(reading.p_kw, setpoint_kw, now_s)
            return None
        self._count += 1
        self._owed_kwh += abs(reading.p_kw) * (now_s - self._seen_s) / 3600.0
        self._seen_s = now_s
        self._note_setpoint(reading.p_kw, setpoint_kw, now_s)
        if self._because is None and self._after_s is not None and powered:
            witness = self._witness(reading, setpoint_kw, now_s - self._after_s + _BLINK_S)
            if witness is not None and self._count >= _LEAST_POLLS:
                self._because = (
                    f"its readings stand still at {reading.p_kw:g} kW, {self._count} times over "
                    f"{now_s - self._since_s:.3g} s, while {witness}"
                )
        return self._because

    def _begin(self, values: tuple[float, ...], setpoint_kw: float, now_s: float) -> None:
        """Begin with a reading that is new."""
        self._values, self._since_s, self._first_kw = values, now_s, setpoint_kw
        self._because, self._count, self._seen_s, self._owed_kwh = None, 1, now_s, 0.0
        self._beside_since_s = self._moved_since_s = math.inf

    def _learn_step(self, register_kwh: float | None) -> None:
        """Learn how fine the register is, from the least that it ever moved."""
        last_kwh, self._register_kwh = self._register_kwh, register_kwh
        if last_kwh is not None and register_kwh is not None and register_kwh != last_kwh:
            self._step_kwh = min(self._step_kwh, abs(register_kwh - last_kwh))

    def _note_setpoint(self, p_kw: float, setpoint_kw: float, now_s: float) -> None:
        """Note since when the set point has moved, and since when the power contradicts it."""
        moved = abs(setpoint_kw - self._first_kw) > self._accuracy_kw
        self._moved_since_s = min(self._moved_since_s, now_s) if moved else math.inf
        beyond_kw = abs(p_kw - setpoint_kw) if self._follows else p_kw - setpoint_kw
        # A store may be held below what it is told, by its battery; an inverter is never above.
        beside = beyond_kw > self._accuracy_kw and (moved or not self._follows)
        self._beside_since_s = min(self._beside_since_s, now_s) if beside else math.inf

    def _witness(self, reading: NodeReading, setpoint_kw: float, by_s: float) -> str | None:
        """Say what should have moved it, and since before when."""
        if self._since_s > by_s:
            return None
        if self._beside_since_s <= by_s:
            return f"it was told {setpoint_kw:g} kW"
        if self._moved_since_s <= by_s and self._is_noisy():
            moved = f"from {self._first_kw:g} to {setpoint_kw:g} kW"
            return f"its set point went {moved} and its noise is gone"
        if reading.energy_kwh is not None and self._owed_kwh > _STEPS * self._step_kwh:
            return f"its register should have counted {self._owed_kwh:.3g} kWh"
        return None

    def _is_noisy(self) -> bool:
        """Whether nearly every reading with power was new, before this one was repeated."""
        polls = self._polls - self._count + 1
        return polls >= _NOISY_POLLS and self._changes >= _NOISY_SHARE * polls


def watch_of(node: Node) -> FrozenWatch:
    """Watch a node as its station says."""
    after_s = node.on_loss.frozen_after_s
    return FrozenWatch(node.p_most_kw, after_s=after_s, follows=node.follows)


def _values(reading: NodeReading) -> tuple[float, ...]:
    """What must move when anything does; NaN, which equals nothing, is left out."""
    energy = () if reading.energy_kwh is None else (reading.energy_kwh,)
    soc = () if math.isnan(reading.soc) else (reading.soc,)
    return (reading.p_kw, reading.q_kvar, *energy, *soc)
