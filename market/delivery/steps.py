"""The diary of all contracts: what was done at which tick, by whom, and with what result."""

from __future__ import annotations

from typing import TypedDict

__all__ = ["StepLog", "StepRow"]


class StepRow(TypedDict):
    """One line of the diary."""

    contract_id: int
    tick: int
    step: str
    by: str
    result: str


class StepLog:
    """Takes notes while contracts live, and gives them as rows in order of contract and time."""

    def __init__(self) -> None:
        self._notes: list[tuple[int, int, str, str, str]] = []
        self.note = self._notes.append
        """Take one note: (contract, tick, step, by, result)."""

    def rows(self) -> list[StepRow]:
        """Give every note, contract by contract, each contract's in the order taken."""
        notes = sorted(self._notes, key=lambda note: note[0])
        return [
            StepRow(contract_id=number, tick=tick, step=step, by=by, result=result)
            for number, tick, step, by, result in notes
        ]
