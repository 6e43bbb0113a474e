"""Dynamic operating envelopes: how much more each peer may inject at the grid's present state.

Caps in advance are the alternative to cutting trades afterwards: they hold for every book, and
cost what this book would not have needed.

References
----------
.. [1] K. Petrou et al., "Ensuring distribution network integrity using dynamic operating limits
   for prosumers," IEEE Trans. Smart Grid, vol. 12, no. 5, 2021: limits of the same size for all,
   or in proportion (remembered, unverified).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .grid_limits import AdmissionError, GridLimits, LimitRows, Network

__all__ = ["envelope_kw", "static_caps_kw"]

Floats = NDArray[np.float64]

ROUNDS = 30
"""Power flows after which the largest injection found so far stands."""
FINE = 1e-3
"""How closely the largest injection is found, relative to itself. [1]"""


def envelope_kw(
    base_kw: ArrayLike,
    network: Network,
    limits: GridLimits | None = None,
    *,
    weights: ArrayLike | None = None,
    most_kw: float = 100.0,
) -> Floats:
    """Largest injection on top of the base that all peers may make at the same time.

    Parameters
    ----------
    base_kw : (n_peers,) float array
        What every peer injects already. [kW]
    network : Network
    limits : GridLimits, optional
    weights : (n_peers,) float array, optional
        Proportions of the injections, 0 for peers that have none; all equal if not given. [1]
    most_kw : float
        What a peer of weight 1 gets where no limit binds, such as its connection's rating. [kW]

    Returns
    -------
    (n_peers,) float64 array
        0 for all where the base alone breaks a limit. [kW]

    Raises
    ------
    AdmissionError
        With every fault, or when the base alone has no power flow.

    Notes
    -----
    One number is sought, the injection of a peer of weight 1: Newton's method on the linearised
    limit that binds first, kept between the largest that held and the smallest that did not.
    What peers withdraw beside is not counted on.
    """
    base = np.array(base_kw, dtype=np.float64)
    weight = np.ones(base.size) if weights is None else np.array(weights, dtype=np.float64)
    faults = _faults(base, weight, most_kw)
    if faults:
        raise AdmissionError(faults)
    return weight * _largest_kw(base, weight, network, limits or GridLimits(), most_kw)


def _largest_kw(
    base: Floats, weight: Floats, network: Network, limits: GridLimits, most_kw: float
) -> float:
    held, broke, tried = 0.0, np.inf, 0.0
    for _ in range(ROUNDS):
        linear = network.linearise(base + tried * weight)
        rows = None if linear is None else LimitRows(linear, limits)
        if rows is None and not tried:
            raise AdmissionError(["the base state has no power flow; check base_kw"])
        reach = -np.inf if rows is None else _reach_kw(rows, weight)
        if rows is not None and (rows.excess <= 0).all():
            held = tried
            if held >= most_kw or reach <= FINE * held:
                break
        else:
            broke = tried
        if np.isfinite(broke) and broke - held <= FINE * broke:
            break
        # Newton's steps towards a curved limit may leave what is known; halve that instead.
        aim = tried + reach
        tried = min(aim if held < aim < broke else (held + broke) / 2, most_kw)
    return held


def _reach_kw(rows: LimitRows, weight: Floats) -> float:
    """How far the linearised limits let the injection grow, or have it shrink. [kW]"""
    pace = rows.slope @ weight
    climbing = pace > 0
    room = -(rows.excess + rows.margin)[climbing]
    return float((room / pace[climbing]).min(initial=np.inf))


def static_caps_kw(caps_kw: Mapping[str, float], peers: Sequence[str]) -> Floats:
    """Lay caps out by peer; infinite for peers that have none.

    Raises
    ------
    AdmissionError
        Naming every cap of a peer that there is not.
    """
    known = {name: i for i, name in enumerate(peers)}
    faults = [
        f"cap of {name!r}: no such peer; expected one of {len(known)} peers"
        for name in caps_kw
        if name not in known
    ]
    if faults:
        raise AdmissionError(faults)
    caps = np.full(len(peers), np.inf)
    for name, cap_kw in caps_kw.items():
        caps[known[name]] = cap_kw
    return caps


def _faults(base_kw: Floats, weight: Floats, most_kw: float) -> list[str]:
    if weight.shape != base_kw.shape or base_kw.ndim != 1:
        return [f"weights have shape {weight.shape}, base_kw {base_kw.shape}; expected (n_peers,)"]
    faults = [
        f"base of peer {i}: {base_kw[i]} kW; expected a finite number"
        for i in np.flatnonzero(~np.isfinite(base_kw)).tolist()
    ]
    faults += [
        f"weight of peer {i}: {weight[i]}; expected 0 or more"
        for i in np.flatnonzero(~((weight >= 0) & (weight < np.inf))).tolist()
    ]
    if not 0 <= most_kw < np.inf:
        faults.append(f"most_kw is {most_kw} kW; expected 0 or more")
    return faults
