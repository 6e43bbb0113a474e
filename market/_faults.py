"""Judging orders: everything that would make a book impossible to clear, one line a fault."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from .network.charges import Charges

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Sums of energy and of money over a book stay below this, so int64 never overflows.
LARGEST_SUM = 2**62


def as_given(values: list[Any]) -> NDArray[Any]:
    """Column of the values as they are, so that a wrong one is judged by itself."""
    try:
        column = np.array(values)
    except (ValueError, OverflowError):
        column = np.empty(0)
    if column.dtype.kind in "iu" and column.ndim == 1:
        return column
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def own_column(values: ArrayLike) -> NDArray[Any]:
    """Copy an extra column; a list is taken value by value, for a value may be a sequence."""
    return np.array(values) if isinstance(values, np.ndarray) else as_given(list(values))  # type: ignore[arg-type]


def shape_faults(columns: Mapping[str, NDArray[Any]], n: int) -> list[str]:
    """Say which columns do not hold one value per order."""
    return [
        f"column {name} has shape {np.shape(column)} for {n} orders; give one value per order"
        for name, column in columns.items()
        if column.shape[:1] != (n,)
    ]


def whole_columns(columns: Mapping[str, NDArray[Any]], faults: list[str]) -> dict[str, Ints]:
    """Copy columns to int64; a value that is no whole number is noted and stands as 1."""
    whole = {}
    for name, column in columns.items():
        if column.dtype.kind == "i":
            whole[name] = column.astype(np.int64)
            continue
        whole[name] = np.ones(column.size, dtype=np.int64)
        for i, value in enumerate(column.tolist()):
            if _is_whole(value):
                whole[name][i] = int(value)
            else:
                faults.append(
                    f"order {columns['order_id'][i]}: {name} is {value!r}, expected a whole "
                    f"number within int64; round it before it is sent"
                )
    return whole


def _is_whole(value: object) -> bool:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value.is_integer() and abs(value) < 2**53
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) < value < 2**63


def side_column(is_buy: ArrayLike, n: int, faults: list[str]) -> Bools:
    """Copy the column of sides, noting when it holds anything but booleans."""
    column = np.array(is_buy)
    if column.shape == (n,) and (n == 0 or column.dtype == np.bool_):
        return column.astype(np.bool_)
    faults.append(f"column is_buy must hold {n} booleans, not {column.dtype} {column.shape}")
    return np.zeros(n, dtype=np.bool_)


def book_faults(whole: Mapping[str, Ints], is_buy: Bools, peers: tuple[str, ...]) -> list[str]:
    """Judge the orders of a book whose columns are whole numbers."""
    ids, energy, index = whole["order_id"], whole["energy_wh"], whole["peer_index"]
    faults = []
    if len(set(peers)) != len(peers):
        twice = sorted({name for name in peers if peers.count(name) > 1})
        faults.append(f"peers named twice: {', '.join(twice)}; give every peer its own name")
    faults += [
        f"order {ids[i]}: peer {index[i]} is not among {len(peers)} peers; count from 0"
        for i in np.flatnonzero((index < 0) | (index >= len(peers)))
    ]
    faults += [
        f"order {ids[i]}: energy is {energy[i]} Wh, expected more than 0; drop the order or turn "
        f"its side"
        for i in np.flatnonzero(energy <= 0)
    ]
    return faults + _number_faults(ids) + _overflow_faults(whole, is_buy)


def _number_faults(ids: Ints) -> list[str]:
    if (ids[1:] > ids[:-1]).all():
        return []
    unique, count = np.unique(ids, return_counts=True)
    return [
        f"order {one}: the number occurs {times} times; number every order once"
        for one, times in zip(unique[count > 1], count[count > 1], strict=True)
    ]


def _overflow_faults(whole: Mapping[str, Ints], is_buy: Bools) -> list[str]:
    energy = np.abs(whole["energy_wh"].astype(np.float64))
    faults = []
    for unit, size in (("Wh", energy), ("µ€", energy * np.abs(whole["price_ticks"] * 1.0))):
        for side, rows in (("buy", is_buy), ("sell", ~is_buy)):
            total = float(size[rows].sum())
            if total >= LARGEST_SUM:
                largest = np.flatnonzero(rows)[size[rows].argmax()]
                faults.append(
                    f"order {whole['order_id'][largest]}: the {side} side adds up to "
                    f"{total:.3g} {unit}, more than int64 can sum ({LARGEST_SUM:.3g}); this order "
                    f"is its largest: check its units"
                )
    return faults


def charge_faults(charges: Charges, energy_wh: Ints, n_peers: int) -> list[str]:
    """Judge whether charges fit the peers of a book, and their sums int64."""
    faults = []
    if charges.place.size != n_peers:
        faults.append(
            f"the charges know the places of {charges.place.size} peers, the book has {n_peers}"
        )
    if float(np.abs(energy_wh * 1.0).sum()) * charges.cap_ticks >= LARGEST_SUM:
        faults.append(
            f"a fee of {charges.cap_ticks} ticks on all the book's energy is more µ€ than int64 "
            f"can sum ({LARGEST_SUM:.3g}); check its unit"
        )
    return faults


def side_fault(order_id: object, peer: object, side: object) -> str:
    """Say that a side is neither buying nor selling."""
    return (
        f"order {order_id} of {peer!r}: side is {side!r}, expected 'buy' or 'sell'; energy is "
        f"positive on both sides"
    )


def peer_fault(order_id: object, peer: object, peers: tuple[str, ...]) -> str:
    """Say that a peer is unknown, and which names are near."""
    near = get_close_matches(str(peer), peers, n=3)
    hint = f"; nearest names: {', '.join(near)}" if near else ""
    return f"order {order_id}: no peer {peer!r} among {len(peers)} peers{hint}"
