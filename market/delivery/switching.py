"""Who takes part in the market when: a peer may leave for the retailer, and come back.

What counts is where a peer stands at a period's gate. From the first gate after it left it gives
no orders and is billed at retail and feed-in; contracts that it has then are delivered and settled
like all others. Its account stays its own: collateral returns to it, a claim against it stands
against it, whether it is there, away or back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, NamedTuple

from ..faulty import Faulty

__all__ = ["Membership", "Move", "Switch", "SwitchError"]

Move = Literal["leave", "join"]


class Switch(NamedTuple):
    """A peer's move, at a tick."""

    tick: int
    peer: str
    move: Move


class SwitchError(Faulty):
    """Moves that cannot be made; every one of them is named."""


class Membership:
    """Tells who is away from the market at any gate; everybody is there at first.

    Parameters
    ----------
    peers : collection of str
        Who can move; the LPD cannot.
    switches : iterable of Switch
        In any order.

    Raises
    ------
    SwitchError
        Somebody is not known, leaves who is away, or joins who is there.

    Examples
    --------
    >>> members = Membership(["anna", "ben"], [Switch(10, "anna", "leave")])
    >>> sorted(members.away(9)), sorted(members.away(10))
    ([], ['anna'])
    """

    def __init__(self, peers: Collection[str], switches: Iterable[Switch] = ()) -> None:
        self._moves = sorted(switches)
        faults: list[str] = []
        away: set[str] = set()
        for tick, peer, move in self._moves:
            if peer not in peers:
                faults.append(f"tick {tick}: no peer {peer!r} can {move}; expected a peer's name")
            elif (move == "leave") == (peer in away):
                where = "away already" if peer in away else "there already"
                faults.append(f"tick {tick}: {peer!r} cannot {move}, it is {where}")
            (away.add if move == "leave" else away.discard)(peer)
        if faults:
            raise SwitchError(faults)

    def away(self, tick: int) -> frozenset[str]:
        """Who is away at a tick; a move at the tick itself counts."""
        last = {switch.peer: switch.move for switch in self._moves if switch.tick <= tick}
        return frozenset(peer for peer, move in last.items() if move == "leave")
