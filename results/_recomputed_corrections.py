"""Readings that disputes corrected: what a period comes to by them, again from the rules alone.

A correction is what accounts differ by when the period is settled by the corrected reading, with
what the guarantee fund held when it was settled first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ._recomputed_period import FUND, Period

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
Readings = dict[tuple[int, str], int]


class Corrections:
    """Books corrections in the order in which they were decided, between the settlements."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._waiting = _corrected(tables)
        self._terms: dict[int, Row] = {}
        self._fund_ueur: dict[int, int] = {}
        self._readings: Readings = {}

    def settling(self, terms: Row, accounts: Mapping[str, int]) -> None:
        """Note what a period starts from. [µ€]"""
        self._terms[terms["period"]] = terms
        self._fund_ueur[terms["period"]] = accounts[FUND]

    def book(self, accounts: defaultdict[str, int], before_tick: int | None = None) -> None:
        """Book what was decided before a tick; a period that closes at it is settled first."""
        while self._waiting:
            row = self._waiting[0]
            if before_tick is not None and row["decided_tick"] >= before_tick:
                return
            self._waiting.pop(0)
            period = row["period"]
            was = self._settled(period)
            self._readings[period, row["peer"]] = row["corrected_milliwh"]
            now = self._settled(period)
            for account in was.keys() | now.keys():
                accounts[account] += now[account] - was[account]

    def _settled(self, period: int) -> defaultdict[str, int]:
        """Accounts after one period, by the readings so far."""
        accounts: defaultdict[str, int] = defaultdict(int)
        accounts[FUND] = self._fund_ueur[period]
        meters = [
            {**row, "net_milliwh": self._readings.get((period, row["peer"]), row["net_milliwh"])}
            for row in self._tables["meters"]
            if row["period"] == period
        ]
        Period(self._terms[period], {**self._tables, "meters": meters}, accounts).settle()
        return accounts


def misread(tables: Tables) -> tuple[dict[str, int], dict[str, int]]:
    """What disputes say was read, and what the meters or the corrections before say. [mWh]"""
    readings: Readings = {
        (row["period"], row["peer"]): row["net_milliwh"] for row in tables["meters"]
    }
    told: dict[str, int] = {}
    known: dict[str, int] = {}
    for row in tables.get("disputes", ()):
        key = row["period"], row["peer"]
        name = f"reading contested in dispute {row['dispute_id']} [mWh]"
        told[name], known[name] = row["read_milliwh"], readings.get(key, 0)
        if row["corrected_milliwh"] is not None:
            readings[key] = row["corrected_milliwh"]
    return told, known


def _corrected(tables: Tables) -> list[Row]:
    rows = [row for row in tables.get("disputes", ()) if row["corrected_milliwh"] is not None]
    return sorted(rows, key=lambda row: (row["decided_tick"], row["dispute_id"]))
