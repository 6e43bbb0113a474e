"""FleXunity's sequence: trade inside, balance with the supplier, then answer the operators.

The community's value has two parts, both in whole µ€ of a plan in whole Wh:

- *inside*: what the supplier pays or is paid for what is not exchanged inside,
  ``Σ_t f·E_t − r·I_t`` with ``E_t − I_t = Σ_i net + up − down``, less what moving costs the sites;
- *operators*: ``Σ (π − c_i)·y`` over what is moved for each incentive. That energy is the
  operator's: it is taken out of what the supplier balances, so no Wh is paid for twice.

The local priority λ weighs the two, ``λ·inside + (1 − λ)·operators``. λ = 1 is the sequence: first
the inside by itself, then what is left for the operators. λ = ½ counts every µ€ the same, so no
other λ has a larger sum. λ = 0 turns the sequence round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..billing.rule import Tariffs
from ._program import Plan, Room, solve
from ._refusals import Refusal, refusals
from ._whole import whole_bid, whole_moves
from .sites import FlexibilityError, Incentive, Sites

__all__ = ["SEQUENTIAL", "TOGETHER", "Answer", "Refusal", "answer", "leftover"]

Ints = NDArray[np.int64]

SEQUENTIAL = 1.0
"""Local priority with which operators get what the inside leaves. [1]"""

TOGETHER = 0.5
"""Local priority with which every µ€ counts the same. [1]"""


@dataclass(frozen=True, eq=False, kw_only=True)
class Answer:
    """What a community does inside and bids to the operators.

    Attributes
    ----------
    up_wh, down_wh : (n, periods) int64 array
        Moved for neighbours. [Wh]
    bids : tuple of (n, window) int64 array
        Moved for each incentive, in its direction. [Wh]
    refusals : tuple of Refusal
        Blocks without a bid, and sites that none could come from, each with its reason.
    inside_ueur, operators_ueur : int
        The two parts of the value, unweighted. [µ€]
    """

    up_wh: Ints
    down_wh: Ints
    bids: tuple[Ints, ...]
    refusals: tuple[Refusal, ...]
    inside_ueur: int
    operators_ueur: int

    @property
    def total_ueur(self) -> int:
        """What the community has of both. [µ€]"""
        return self.inside_ueur + self.operators_ueur

    @property
    def scheduled_wh(self) -> Ints:
        """What each site moves for neighbours, injection positive. (n, periods) [Wh]"""
        return self.up_wh - self.down_wh


def answer(
    sites: Sites,
    tariffs: Tariffs,
    incentives: Sequence[Incentive],
    *,
    local_priority: float = TOGETHER,
) -> Answer:
    """Answer the incentives of one or more operators.

    Parameters
    ----------
    sites : Sites
    tariffs : Tariffs
        The supplier's.
    incentives : sequence of Incentive
        At most one operator's block sees what another's has not taken: capacity is shared.
    local_priority : float
        λ, from 0 to 1. [1]

    Raises
    ------
    FlexibilityError
        With every incentive that does not fit the periods, or asks sites that there are not; or
        the solver found no optimum.
    """
    faults = _faults(sites, incentives, local_priority)
    if faults:
        raise FlexibilityError(faults)
    whole = left = Room.of(sites)
    if 0.0 < local_priority < 1.0:
        weights = {"inside": local_priority, "outside": 1.0 - local_priority}
        plan = solve(sites, whole, tariffs, incentives, **weights)
        up, down, left = _inside(plan, whole)
        bids, _ = _bids(plan, left, incentives)
    elif local_priority == SEQUENTIAL:
        up, down, left = _inside(_solve_inside(sites, whole, tariffs), whole)
        bids, _ = _bids(_solve_outside(sites, left, incentives), left, incentives)
    else:
        bids, spare = _bids(_solve_outside(sites, whole, incentives), whole, incentives)
        up, down, _ = _inside(_solve_inside(sites, spare, tariffs), spare)
    return _told(sites, tariffs, incentives, left, bids, up, down)


def leftover(sites: Sites, incentives: Sequence[Incentive]) -> Answer:
    """Answer with all that sites have: what a market that is cleared already has left them.

    Raises
    ------
    FlexibilityError
        As :func:`answer`.
    """
    faults = _faults(sites, incentives, 0.0)
    if faults:
        raise FlexibilityError(faults)
    room, none = Room.of(sites), np.zeros_like(sites.net_wh)
    bids, _ = _bids(_solve_outside(sites, room, incentives), room, incentives)
    return _told(sites, Tariffs(0, 0), incentives, room, bids, none, none)


def _told(
    sites: Sites,
    tariffs: Tariffs,
    incentives: Sequence[Incentive],
    room: Room,
    bids: Sequence[Ints],
    up: Ints,
    down: Ints,
) -> Answer:
    """Put an answer together; `room` is what operators could have."""
    return Answer(
        up_wh=up,
        down_wh=down,
        bids=tuple(bids),
        refusals=tuple(refusals(sites, room, incentives, bids)),
        inside_ueur=inside_ueur(sites, tariffs, up, down),
        operators_ueur=sum(
            operator_ueur(sites, one, bid) for one, bid in zip(incentives, bids, strict=True)
        ),
    )


def inside_ueur(sites: Sites, tariffs: Tariffs, up_wh: Ints, down_wh: Ints) -> int:
    """What the supplier's balance brings, less what moving costs. [µ€]"""
    net = (sites.net_wh + up_wh - down_wh).sum(axis=0)
    balanced = tariffs.feed_in_ticks * np.maximum(net, 0) + tariffs.retail_ticks * np.minimum(
        net, 0
    )
    moving = up_wh.sum(axis=1) @ sites.up_ticks + down_wh.sum(axis=1) @ sites.down_ticks
    return int(balanced.sum() - moving)


def operator_ueur(sites: Sites, of: Incentive, bid_wh: Ints) -> int:
    """What an incentive brings beyond what moving costs, if all of it is delivered. [µ€]"""
    return int((bid_wh.sum(axis=1) * (of.price_ticks - sites.cost_ticks(of.direction))).sum())


def _solve_inside(sites: Sites, room: Room, tariffs: Tariffs) -> Plan:
    return solve(sites, room, tariffs, (), inside=1.0, outside=0.0)


def _solve_outside(sites: Sites, room: Room, incentives: Sequence[Incentive]) -> Plan:
    return solve(sites, room, Tariffs(0, 0), incentives, inside=0.0, outside=1.0)


def _inside(plan: Plan, room: Room) -> tuple[Ints, Ints, Room]:
    """Make what is moved inside whole, and take it off."""
    up, down = whole_moves(plan.up, room.up), whole_moves(plan.down, room.down)
    return up, down, room.less("up", up).less("down", down)


def _bids(plan: Plan, room: Room, incentives: Sequence[Incentive]) -> tuple[list[Ints], Room]:
    """Make bids whole, one incentive after the other, each from what the ones before leave."""
    bids = []
    for moved, of in zip(plan.moved, incentives, strict=True):
        bids.append(whole_bid(moved, of, room))
        room = room.less(of.direction, bids[-1], of.window)
    return bids, room


def _faults(sites: Sites, incentives: Sequence[Incentive], local_priority: float) -> list[str]:
    faults = []
    if not 0.0 <= local_priority <= 1.0:
        faults.append(f"local priority is {local_priority}, expected 0 to 1")
    names = [one.name for one in incentives]
    faults += [
        f"incentive {name!r} is named {names.count(name)} times; name each once"
        for name in sorted(set(names))
        if names.count(name) > 1
    ]
    for one in incentives:
        if one.first + one.periods > sites.periods:
            faults.append(
                f"incentive {one.name!r}: periods {one.first} to {one.first + one.periods - 1}, "
                f"but there are {sites.periods}; they count from 0"
            )
        if one.operator not in sites.operators:
            known = ", ".join(sorted(set(sites.operators)))
            faults.append(
                f"incentive {one.name!r}: no site belongs to operator {one.operator!r}; "
                f"known: {known}"
            )
    return faults
