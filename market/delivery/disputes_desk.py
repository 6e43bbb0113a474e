"""Hears disputes: gathers evidence from what was settled, and settles anew what was wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .disputes import Dispute, DisputeError
from .disputes_evidence import Evidence, MeterClass, Signature, implied, substitute
from .ledger import Posting
from .period import Period

__all__ = ["Complaint", "DisputeDesk", "differences", "paired"]

CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a party contests, with the evidence that only the world has. [mWh]

    Attributes
    ----------
    busbar_milliwh : int or None
        What flowed out of the feeder; None where nobody measures it.
    doubtful : frozenset of str
        Other peers whose readings of the period are missing or contested too.
    doubtful_periods : frozenset of int
        Other periods of which this meter gave no reading.
    periods_per_day : int or None
        For substitute values from similar days.
    profile_milliwh : int or None
        What was forecast for the peer.
    log : tuple of str
        What the device noted.
    """

    period: int
    peer: str
    raised_tick: int
    claimed_milliwh: int
    missing: bool = False
    signature: Signature = "none"
    busbar_milliwh: int | None = None
    doubtful: frozenset[str] = frozenset()
    doubtful_periods: frozenset[int] = frozenset()
    periods_per_day: int | None = None
    profile_milliwh: int | None = None
    log: tuple[str, ...] = ()


Settle = Callable[[Period], Iterable[Posting]]


class DisputeDesk:
    """Keeps what periods were settled by, and corrects it.

    Parameters
    ----------
    settle : callable
        Gives the postings of a period; it books nothing.
    meter_class : {"A", "B", "C"}
        Of all meters.
    """

    def __init__(self, settle: Settle, *, meter_class: MeterClass = "B") -> None:
        self._settle, self._class = settle, meter_class
        self._periods: dict[int, Period] = {}
        self._unsound: set[tuple[int, str]] = set()
        self.disputes: list[Dispute] = []

    def settled(self, period: Period) -> None:
        """Note what a period was settled by."""
        self._periods[period.period] = period

    def hear(self, now: int, complaint: Complaint) -> tuple[Dispute, list[Posting]]:
        """Take a dispute through all its states; give it, and what is to be booked.

        Raises
        ------
        DisputeError
            The period is not settled, or the peer has no meter in it.
        """
        period = self._periods.get(complaint.period)
        if period is None:
            raise DisputeError([f"period {complaint.period} is not settled; nothing to contest"])
        if complaint.peer not in period.net_milliwh:
            raise DisputeError([f"no meter of {complaint.peer!r} in period {complaint.period}"])
        dispute = Dispute(
            len(self.disputes) + 1, complaint.period, complaint.peer, complaint.raised_tick
        )
        self.disputes.append(dispute)
        dispute.gather(now, self._evidence(complaint, period))
        corrected = dispute.decide(now, self._class).corrected_milliwh
        postings = (
            [] if corrected is None else self._correct(now, period, complaint.peer, corrected)
        )
        dispute.close(now)
        return dispute, postings

    def rows(self) -> list[dict[str, Any]]:
        """Give all disputes as plain rows."""
        return [dispute.row() for dispute in self.disputes]

    def _evidence(self, of: Complaint, period: Period) -> Evidence:
        left, tolerance = None, 0
        if of.busbar_milliwh is not None and not of.doubtful - {of.peer}:
            left, tolerance = implied(
                of.peer, period.net_milliwh, of.busbar_milliwh, period.losses_milliwh, self._class
            )
        if of.missing or of.signature == "wrong":
            self._unsound.add((of.period, of.peer))
        return Evidence(
            read_milliwh=period.net_milliwh[of.peer],
            claimed_milliwh=of.claimed_milliwh,
            missing=of.missing,
            signature=of.signature,
            implied_milliwh=left,
            tolerance_milliwh=tolerance,
            substitutes=substitute(
                of.period, self._reading_of(of), of.periods_per_day, of.profile_milliwh
            ),
            log=of.log,
        )

    def _reading_of(self, of: Complaint) -> Callable[[int], int | None]:
        """Look up what else the contested meter showed, as far as it can be relied on."""

        def reading(period: int) -> int | None:
            known = self._periods.get(period)
            if known is None or period in of.doubtful_periods or (period, of.peer) in self._unsound:
                return None
            return known.net_milliwh.get(of.peer)

        return reading

    def _correct(self, now: int, period: Period, peer: str, milliwh: int) -> list[Posting]:
        """Settle anew by the corrected reading, from what the fund held then."""
        anew = replace(period, net_milliwh={**period.net_milliwh, peer: milliwh})
        due = differences(self._settle(period), self._settle(anew))
        self._periods[period.period] = anew
        self._unsound.discard((period.period, peer))
        return [
            Posting(now, period.period, 0, CORRECTION, debit, credit, amount)
            for debit, credit, amount in paired(due)
        ]


def differences(before: Iterable[Posting], after: Iterable[Posting]) -> dict[str, int]:
    """What each account gets more by the second postings than by the first. [µ€]"""
    due: dict[str, int] = defaultdict(int)
    for postings, sign in ((before, -1), (after, 1)):
        for posting in postings:
            due[posting.debit] -= sign * posting.amount_ueur
            due[posting.credit] += sign * posting.amount_ueur
    return {account: amount for account, amount in sorted(due.items()) if amount}


def paired(due: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Have those who owe pay those who are due: (debit, credit, µ€), as few as it takes in turn.

    Examples
    --------
    >>> paired({"a": -5, "b": 3, "c": 2})
    [('a', 'b', 3), ('a', 'c', 2)]
    """
    owing = [(account, -amount) for account, amount in due.items() if amount < 0]
    moves: list[tuple[str, str, int]] = []
    for creditor, wanted in ((account, amount) for account, amount in due.items() if amount > 0):
        left = wanted
        while left:
            debtor, owes = owing.pop(0)
            part = min(left, owes)
            moves.append((debtor, creditor, part))
            left -= part
            if owes > part:
                owing.insert(0, (debtor, owes - part))
    return moves
