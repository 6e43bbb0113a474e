"""The grid's say at a gate: which of the trades concluded it can carry, and what is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from market.book import Trade
from market.network.admission import Admission, Batch, GridLimits, admit
from market.network.envelopes import envelope_kw, static_caps_kw
from models.grid.power_flow import Grid
from models.grid.sensitivity import PeerGrid
from scenarios.schema_admission import AdmissionSpec

from ..boxes.box import FloatArray


class Gatekeeper:
    """Admits trades as far as the power flow of their schedule holds the limits.

    Parameters
    ----------
    grid : Grid
        Its own: it is solved for schedules that never flow, so hand over another object than the
        one that plays the run (`build.grid` makes one in the same state of switches).
    peer_bus : sequence of int
        Position of each peer's bus.
    spec : AdmissionSpec
    peers : sequence of str
        Names in the order of all arrays.
    period_h : float
        Length of a delivery period. [h]

    Raises
    ------
    AdmissionError
        With every cap of a peer that there is not.
    """

    def __init__(
        self,
        grid: Grid,
        peer_bus: Sequence[int],
        spec: AdmissionSpec,
        *,
        peers: Sequence[str],
        period_h: float,
    ) -> None:
        self._network, self._spec, self._hours = PeerGrid(grid, peer_bus), spec, period_h
        self._position = {name: i for i, name in enumerate(peers)}
        self._limits = GridLimits(
            low_pu=spec.low_pu, high_pu=spec.high_pu, loading_percent=spec.loading_percent
        )
        by_peer = spec.caps if isinstance(spec.caps, dict) else {}
        self._static_kw = static_caps_kw(by_peer, tuple(peers))

    def admit(
        self,
        period: int,
        trades: Sequence[Trade],
        base_kw: ArrayLike,
        q_kvar: ArrayLike = 0.0,
    ) -> tuple[list[Trade], list[dict[str, Any]]]:
        """Decide about the trades of one period.

        Parameters
        ----------
        period : int
        trades : sequence of Trade
        base_kw : (n_peers,) float array
            What flows whatever is admitted. [kW]
        q_kvar : (n_peers,) float array or float
            Reactive injection, which trades leave as it is. [kvar]

        Returns
        -------
        admitted : list of Trade
            In the order given; cut ones with less energy, rejected ones left out.
        rows : list of dict
            One per trade for the table ``admission``: period, seller, buyer, asked_wh,
            admitted_wh, and reason, which is empty for a trade in full.
        """
        base = np.array(base_kw, dtype=np.float64)
        self._network.q_kvar[:] = q_kvar
        batch = Batch.of(
            [self._position[trade.seller] for trade in trades],
            [self._position[trade.buyer] for trade in trades],
            [trade.energy_wh for trade in trades],
        )
        caps_kw = self._caps_kw(batch, base)
        answer = admit(batch, base, self._network, self._limits, hours=self._hours, caps_kw=caps_kw)
        return _admitted(trades, answer), _rows(period, trades, answer)

    def _caps_kw(self, batch: Batch, base_kw: FloatArray) -> FloatArray:
        if self._spec.caps != "dynamic" or not batch.seller.size:
            return self._static_kw
        sold_wh = np.bincount(batch.seller, weights=batch.energy_wh, minlength=base_kw.size)
        return envelope_kw(
            base_kw,
            self._network,
            self._limits,
            weights=np.sign(sold_wh),
            most_kw=float(sold_wh.max()) / (1000 * self._hours),
        )


def _admitted(trades: Iterable[Trade], answer: Admission) -> list[Trade]:
    return [
        replace(trade, energy_wh=energy_wh)
        for trade, energy_wh in zip(trades, answer.energy_wh.tolist(), strict=True)
        if energy_wh > 0
    ]


def _rows(period: int, trades: Iterable[Trade], answer: Admission) -> list[dict[str, Any]]:
    return [
        {
            "period": period,
            "seller": trade.seller,
            "buyer": trade.buyer,
            "asked_wh": trade.energy_wh,
            "admitted_wh": energy_wh,
            "reason": reason,
        }
        for trade, energy_wh, reason in zip(
            trades, answer.energy_wh.tolist(), answer.reasons, strict=True
        )
    ]
