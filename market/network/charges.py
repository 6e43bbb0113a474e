"""Network charges: what a trade pays the grid's owner per Wh, by where its two ends are.

A charge goes by the places (buses, zones) of seller and buyer, so that ten thousand peers at a
hundred buses need a table of a hundred rows. *Road pricing* by electrical distance and zonal
charges are the exogenous charges of [1]_.

References
----------
.. [1] T. Baroche, P. Pinson, R. Le Goff Latimier and H. Ben Ahmed, "Exogenous cost allocation in
   peer-to-peer electricity markets," IEEE Trans. Power Syst., vol. 34, 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..faulty import Faulty
from . import _charge_faults

__all__ = [
    "ChargeError",
    "Charges",
    "distance_charges",
    "lines_between",
    "node_charges",
    "ptdf_charges",
    "uniform_charges",
    "zonal_charges",
]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_DEAREST = 2**40
"""Beyond every fee that occurs, and far from where int64 ends. [µ€/Wh]"""


class ChargeError(Faulty):
    """Places, distances or rates from which no charge can be made; mend them."""


@dataclass(frozen=True, slots=True, eq=False)
class Charges:
    """What a trade is charged per Wh, by the places of its seller and its buyer.

    Attributes
    ----------
    fee_ticks : (n_places, n_places) int64 array
        From the seller's place to the buyer's, 0 or more. [µ€/Wh]
    place : (n_peers,) int64 array
        Position of each peer's place.
    entry_ticks, exit_ticks : (n_places,) int64 array or None
        Where the charge is made per node: the seller's and the buyer's part, of which
        ``fee_ticks`` is then the sum. [µ€/Wh]

    Raises
    ------
    ChargeError
        With every fault.
    """

    fee_ticks: Ints
    place: Ints
    entry_ticks: Ints | None = None
    exit_ticks: Ints | None = None

    def __post_init__(self) -> None:
        for name in ("fee_ticks", "place", "entry_ticks", "exit_ticks"):
            if (given := getattr(self, name)) is not None:
                column = np.array(given)
                column.flags.writeable = False
                object.__setattr__(self, name, column)
        faults = _charge_faults.shape_faults(self) or [
            *_charge_faults.place_faults(self.place, self.fee_ticks.shape[0]),
            *_charge_faults.table_faults(self.fee_ticks),
            *_charge_faults.node_faults(self),
        ]
        if faults:
            raise ChargeError(faults)

    @property
    def cap_ticks(self) -> int:
        """The most that any trade can be charged. [µ€/Wh]

        Who bids its value minus this never loses where the charge comes on top of the price: the
        buyer pays it but learns its seller only after the clearing.
        """
        return int(self.fee_ticks.max(initial=0)) if self.place.size > 1 else 0

    def between(self, seller: ArrayLike, buyer: ArrayLike) -> Ints:
        """Fee of trades between peers, by position; arrays broadcast. [µ€/Wh]"""
        sells, buys = np.asarray(seller), np.asarray(buyer)
        fees: Ints = self.fee_ticks[self.place[sells], self.place[buys]]
        return np.where(sells != buys, fees, 0)

    def __getitem__(self, pair: tuple[int, int]) -> int:
        """Fee from a seller to a buyer, as `matrix` has it, but without the matrix. [µ€/Wh]"""
        return int(self.between(*pair))

    def matrix(self) -> Ints:
        """Fee of every pair of peers, (n_peers, n_peers), zero on the diagonal. [µ€/Wh]"""
        everybody = np.arange(self.place.size)
        return self.between(everybody[:, None], everybody)


def uniform_charges(n_peers: int, fee_ticks: int) -> Charges:
    """Charge every trade the same, whatever the path. [µ€/Wh]"""
    return Charges(np.full((1, 1), fee_ticks), np.zeros(n_peers, dtype=np.int64))


def zonal_charges(
    zone_of_peer: Sequence[str] | ArrayLike,
    within_ticks: ArrayLike,
    between_ticks: ArrayLike,
) -> Charges:
    """Charge by zones: one fee inside a zone, another from zone to zone.

    Parameters
    ----------
    zone_of_peer : (n_peers,) sequence of str or int
        Names of zones, or their positions where `between_ticks` is a matrix.
    within_ticks : int or (n_zones,) int array
        Inside each zone. [µ€/Wh]
    between_ticks : int or (n_zones, n_zones) int array
        From the seller's zone to the buyer's; a matrix' diagonal is not looked at. [µ€/Wh]

    Raises
    ------
    ChargeError
        With every fault.
    """
    between = np.asarray(between_ticks)
    if between.ndim:
        zones, place = between.shape[0], np.asarray(zone_of_peer)
    else:
        names, place = np.unique(np.asarray(zone_of_peer), return_inverse=True)
        zones = names.size
    fees = np.array(between) if between.ndim else np.full((zones, zones), between)
    within = np.asarray(within_ticks)
    if within.shape not in ((), (zones,)) or fees.ndim != 2:
        raise ChargeError(
            [
                f"fees within zones have shape {within.shape}, between zones {fees.shape}; "
                f"expected one or ({zones},), and one or ({zones}, {zones})"
            ]
        )
    np.fill_diagonal(fees, within)
    return Charges(fees, place)


def distance_charges(
    distance_ohm: ArrayLike,
    peer_bus: ArrayLike,
    *,
    ticks_per_ohm: float,
    minimum_ticks: int = 0,
    cap_ticks: int | None = None,
    free_within_bus: bool = True,
) -> Charges:
    """Charge a trade by the electrical distance between its two ends.

    Parameters
    ----------
    distance_ohm : (n_bus, n_bus) float array
        Symmetric, 0 on the diagonal; infinite between parts that are not connected. [Ω]
    peer_bus : (n_peers,) int array
        Position of each peer's bus.
    ticks_per_ohm : float
        Rate; the charge is rounded half up to whole ticks. [µ€/Wh/Ω]
    minimum_ticks, cap_ticks : int, optional
        Least and greatest charge. Unconnected parts need a cap. [µ€/Wh]
    free_within_bus : bool
        Peers at one bus trade free of charge, instead of for the minimum.

    Raises
    ------
    ChargeError
        With every fault.
    """
    distance, bus = np.asarray(distance_ohm, np.float64), np.asarray(peer_bus, np.int64)
    faults = _charge_faults.rate_faults("ohm", ticks_per_ohm, minimum_ticks, cap_ticks)
    faults += _charge_faults.distance_faults(distance, capped=cap_ticks is not None)
    faults += _charge_faults.place_faults(bus, len(distance))
    if faults:
        raise ChargeError(faults)
    with np.errstate(invalid="ignore"):  # a rate of 0 over an infinite distance
        fees = _whole_ticks(distance * ticks_per_ohm, minimum_ticks, cap_ticks)
    if free_within_bus:
        np.fill_diagonal(fees, 0)
    return Charges(fees, bus)


def ptdf_charges(
    ptdf: ArrayLike,
    peer_bus: ArrayLike,
    *,
    ticks_per_line: ArrayLike,
    minimum_ticks: int = 0,
    cap_ticks: int | None = None,
) -> Charges:
    """Charge a trade by the lines that it loads, as power transfer distribution factors say.

    The fee from s to b is ``Σ_l |PTDF_l,s − PTDF_l,b| · rate_l``: every line is paid for the part
    of the trade that flows over it, in either direction; peers at one bus load none. This is the
    power transfer distance among the charges of [1]_ (its equation unverified here).

    Parameters
    ----------
    ptdf : (n_line, n_bus) float array
        Flow over a line per injection at a bus, against any one reference. [-]
    peer_bus : (n_peers,) int array
        Position of each peer's bus.
    ticks_per_line : float or (n_line,) float array
        Rate of each line. [µ€/Wh]
    minimum_ticks, cap_ticks : int, optional
        Least and greatest charge between buses. [µ€/Wh]

    Raises
    ------
    ChargeError
        With every fault.

    References
    ----------
    .. [1] T. Baroche, P. Pinson, R. Le Goff Latimier and H. Ben Ahmed, "Exogenous cost allocation
       in peer-to-peer electricity markets," IEEE Trans. Power Syst., vol. 34, 2019.
    """
    factors, given = np.asarray(ptdf, dtype=np.float64), np.asarray(ticks_per_line, np.float64)
    if factors.ndim != 2 or given.shape not in ((), (factors.shape[0],)):
        raise ChargeError(
            [
                f"factors have shape {factors.shape} and rates {given.shape}; expected one row per "
                f"line and column per bus, and one rate or one per line"
            ]
        )
    rates, bus = np.broadcast_to(given, factors.shape[:1]), np.asarray(peer_bus, np.int64)
    faults = _charge_faults.rate_faults("line", 0.0, minimum_ticks, cap_ticks)
    for i, rate in enumerate(rates.tolist()):
        faults += [
            f"line {i}: {fault}" for fault in _charge_faults.rate_faults("line", rate, 0, None)
        ]
    faults += _charge_faults.place_faults(bus, factors.shape[1])
    if not np.isfinite(factors).all():
        faults.append("a factor is not a number; leave out what is not connected")
    if faults:
        raise ChargeError(faults)
    fees = _whole_ticks(lines_between(factors, rates), minimum_ticks, cap_ticks)
    np.fill_diagonal(fees, 0)
    return Charges(fees, bus)


def lines_between(ptdf: Floats, rates: Floats) -> Floats:
    """Sum the parts of a trade that flow over each line, each times the line's rate.

    Parameters
    ----------
    ptdf : (n_line, n_bus) float array
    rates : (n_line,) float array

    Returns
    -------
    (n_bus, n_bus) float array
        ``Σ_l |PTDF_l,s − PTDF_l,b| · rate_l`` from each s (row) to each b (column).
    """
    return np.array([rates @ np.abs(ptdf - at_bus[:, None]) for at_bus in ptdf.T])


def node_charges(charges: Charges) -> Charges:
    """Split charges per pair into an entry fee for sellers and an exit fee for buyers.

    A place's entry fee is half of what its peers would pay on average to sell to everybody else,
    its exit fee half of the average to buy from everybody else, both rounded half up. Over all
    pairs of peers the fees thus bring what the pairs' would bring, but for the rounding, and none
    is negative. A trade between two remote places pays less than by pairs and one between near
    neighbours more: the price for a fee that does not ask who the partner is. As in entry–exit
    tariffs of gas grids, after whose matrix of path costs this is modelled (unverified).
    """
    count = np.bincount(charges.place, minlength=charges.fee_ticks.shape[0])
    fees, others = charges.fee_ticks, max(int(count.sum()) - 1, 1)
    itself = np.diagonal(fees) * (count > 0)
    entry, leave = (
        (total - itself + others) // (2 * others) for total in (fees @ count, count @ fees)
    )
    return replace(charges, fee_ticks=entry[:, None] + leave, entry_ticks=entry, exit_ticks=leave)


def free_at_same_bus(charges: Charges, buses: Sequence[int]) -> Charges:
    """Charge nothing between peers behind one connection point; the rest as before.

    Parameters
    ----------
    charges : Charges
        Made per pair.
    buses : sequence of int
        Connection point of each peer, by any number.
    """
    fees, bus = charges.matrix(), np.asarray(buses)
    return Charges(np.where(bus[:, None] == bus, 0, fees), np.arange(bus.size))


def _whole_ticks(fees: Floats, minimum_ticks: int, cap_ticks: int | None) -> Ints:
    """Round half up and hold between least and greatest; what is not connected pays the most."""
    most = np.inf if cap_ticks is None else cap_ticks
    rounded = np.nan_to_num(np.floor(fees + 0.5), nan=most, posinf=most)
    held = np.clip(rounded, minimum_ticks, most)
    if held.max(initial=0) > _DEAREST:
        raise ChargeError(
            [f"a fee of {held.max():.3g} ticks; expected at most {_DEAREST}: check the rate's unit"]
        )
    whole: Ints = held.astype(np.int64)
    return whole
