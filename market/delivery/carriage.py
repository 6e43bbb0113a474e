"""How a message of a contract's life gets from one party to another, seen from the contract.

The models of links, outages and retries are in :mod:`market.communication`; a contract's life
needs of them only when a message arrives, if it does.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Carriage", "Ideal"]


class Carriage(Protocol):
    """Carries messages; deterministic for one seed."""

    def carry(
        self,
        kind: str,
        sender: str,
        receiver: str,
        now_tick: int,
        deadline_tick: int,
        size_bytes: int,
    ) -> int | None:
        """Send one message, again if need be.

        Parameters
        ----------
        kind : str
            What it says, as "signature".
        sender, receiver : str
            Peers, the LPD included, or "market" or "dso".
        now_tick, deadline_tick : int
            When it is sent, and the last tick at which it is still of use.
        size_bytes : int

        Returns
        -------
        int or None
            Tick of its arrival, from `now_tick` to `deadline_tick`; None where it does not arrive.
        """
        ...


class Ideal:
    """Links that lose nothing and take no time."""

    def carry(
        self,
        kind: str,
        sender: str,
        receiver: str,
        now_tick: int,
        deadline_tick: int,
        size_bytes: int,
    ) -> int | None:
        """Arrive in the tick of sending."""
        return now_tick
