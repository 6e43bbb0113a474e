"""Kernels for flows over arcs: taking out what goes in circles, and rounding to whole Wh."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_NONE = 2**62


@njit(cache=True, nogil=True)
def cancel_circles(start: Ints, arcs: Ints, head: Ints, flow: Floats, near: float) -> None:
    """Take out of a flow whatever goes in circles.

    In a cheapest flow a circle costs nothing, so that without it the flow is as cheap.

    Parameters
    ----------
    start : (n + 1,) int64 array
        Where each node's arcs begin in `arcs`.
    arcs : (k,) int64 array
        Arcs by the node they come from.
    head : (k,) int64 array
        Where each arc goes.
    flow : (k,) float64 array, changed
        0 or more. [Wh]
    near : float
        A flow up to this is none. [Wh]
    """
    n = start.size - 1
    turn, state = start[:-1].copy(), np.zeros(n, np.int64)  # 0 new, 1 on the way, 2 done
    stop, way = np.empty(n + 1, np.int64), np.empty(n + 1, np.int64)
    for root in range(n):
        stop[0], length = root, 0
        while state[root] != 2:
            node = stop[length]
            state[node] = 1
            if turn[node] == start[node + 1]:  # nothing that goes on from here comes back
                state[node] = 2
                length = max(length - 1, 0)
                continue
            arc = arcs[turn[node]]
            if flow[arc] <= near or state[head[arc]] == 2:
                turn[node] += 1
                continue
            way[length] = arc
            length += 1
            stop[length] = head[arc]
            if state[head[arc]] == 1:
                _drain(stop, way, length, flow)
                for k in range(length):
                    state[stop[k]] = 0
                length = 0


@njit(cache=True, nogil=True)
def _drain(stop: Ints, way: Ints, length: int, flow: Floats) -> None:
    """Take the least flow of the circle that ends a way off all of it."""
    begin, least = length - 1, flow[way[length - 1]]
    while stop[begin] != stop[length]:
        begin -= 1
        least = min(least, flow[way[begin]])
    for k in range(begin, length):
        flow[way[k]] -= least


@njit(cache=True, nogil=True)
def round_flow(first: Ints, second: Ints, start: Ints, slots: Ints, flow: Floats) -> None:
    """Round a flow to whole numbers, each arc up or down, conserving it at every node.

    As long as arcs are left whose flow is not whole there is a circle of them: a node with one has
    another, for what a node has in sum is whole. Along it the flow is moved the shorter way until
    an arc is whole [1]_.

    Parameters
    ----------
    first, second : (k,) int64 array
        Ends of each arc; the flow goes from first to second.
    start, slots : (n + 1,), (2k,) int64 array
        Arcs by node: arc k at its first end as ``k``, at its second as ``−k − 1``.
    flow : (k,) float64 array, changed
        What is whole stays. Sums at every node are whole.

    References
    ----------
    .. [1] D. Kang and J. Payor, "Flow rounding," arXiv:1507.08139, 2015 (unverified).
    """
    n = start.size - 1
    stop, way = np.empty(n + 1, np.int64), np.empty(n + 1, np.int64)
    at = np.full(n, -1, np.int64)
    for root in range(n):
        stop[0], at[root], length = root, 0, 0
        while True:
            node, came = stop[length], _NONE
            if length:
                came = int(way[length - 1])
            step = _next_step(start[node], start[node + 1], slots, flow, -came - 1)
            if step == _NONE:  # only rounding of sums leaves a single arc: let it go
                if length:
                    flow[_arc(came)] = np.rint(flow[_arc(came)])
                if _rewind(stop, at, length):
                    break
                length = 0
                continue
            way[length] = step
            length += 1
            to = second[step] if step >= 0 else first[-step - 1]
            stop[length] = to
            if at[to] < 0:
                at[to] = length
                continue
            _shift(way, at[to], length, flow)
            _rewind(stop, at, length)
            length = 0


@njit(cache=True, nogil=True)
def _rewind(stop: Ints, at: Ints, length: int) -> bool:
    """Forget a way but for its first node; say whether it was no more than that."""
    for k in range(1, length + 1):
        at[stop[k]] = -1
    at[stop[0]] = 0 if length else -1
    return length == 0


@njit(cache=True, nogil=True)
def _arc(slot: int) -> int:
    return slot if slot >= 0 else -slot - 1


@njit(cache=True, nogil=True)
def _whole(value: float) -> bool:
    return bool(value == np.rint(value))


@njit(cache=True, nogil=True)
def _next_step(begin: int, end: int, slots: Ints, flow: Floats, shunned: int) -> int:
    """First arc that is not whole and does not lead straight back."""
    for k in range(begin, end):
        if slots[k] != shunned and not _whole(flow[_arc(slots[k])]):
            return int(slots[k])
    return int(_NONE)


@njit(cache=True, nogil=True)
def _shift(way: Ints, begin: int, end: int, flow: Floats) -> None:
    """Move the flow along a circle, forwards or back, by the least that makes an arc whole."""
    ahead = back = np.inf
    for k in range(begin, end):
        value = flow[_arc(way[k])]
        up, down = np.ceil(value) - value, value - np.floor(value)
        ahead = min(ahead, up if way[k] >= 0 else down)
        back = min(back, down if way[k] >= 0 else up)
    move = ahead if ahead <= back else -back
    for k in range(begin, end):
        arc = _arc(way[k])
        flow[arc] += move if way[k] >= 0 else -move
        if abs(flow[arc] - np.rint(flow[arc])) < 1e-9 * (1.0 + abs(flow[arc])):
            flow[arc] = np.rint(flow[arc])
