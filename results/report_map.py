"""The feeder as a map: where its buses are, or a layout of its tree, as SVG shapes.

A feeder without coordinates is drawn like a one-line diagram: the longest way from the
source runs straight on, branches open rows of their own, house connections are stubs.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .reading import Record

__all__ = ["FeederMap", "feeder_map", "tree_layout"]

Place = tuple[float, float]
LOW, MIDDLE, HIGH = (33, 113, 181), (160, 166, 173), (213, 94, 0)
"""Blue, grey, vermilion: told apart by all common kinds of colour vision."""


@dataclass(frozen=True)
class Dot:
    """One bus."""

    x: float
    y: float
    colour: str
    told: str
    peer: bool
    failed: bool


@dataclass(frozen=True)
class FeederMap:
    """What the template draws."""

    width: float
    height: float
    lines: Sequence[tuple[float, float, float, float]]
    dots: Sequence[Dot]
    scale: Sequence[tuple[str, str]]
    """Legend: (p.u., colour) from the lowest to the highest."""


def feeder_map(record: Record, failed: str | None) -> FeederMap | None:
    """Lay out the feeder and colour every bus by its voltage farthest from 1 p.u.

    Parameters
    ----------
    record : Record
    failed : str or None
        The peer to mark, by its bus, where `network.json` or the manifest says who lives where.
    """
    network = record.network
    if not network or not network.get("buses") or not record.ticks.num_rows:
        return None
    places, width, height = _fit(_places(network))
    voltages = _voltages(record)
    span = _span(voltages)
    living = _living(record)
    buses = [{"peers": living.get(bus["name"], []), **bus} for bus in network["buses"]]
    dots = [_dot(bus, places[bus["name"]], voltages, span, failed) for bus in buses]
    lines = [
        (*places[line["from"]], *places[line["to"]])
        for line in network.get("lines", ())
        if line["from"] in places and line["to"] in places
    ]
    steps = np.linspace(-span, span, 5)
    scale = [(f"{1 + step:.3f}".rstrip("0").rstrip("."), _colour(step / span)) for step in steps]
    return FeederMap(width, height, lines, dots, scale)


def tree_layout(names: Sequence[str], lines: Sequence[tuple[str, str]]) -> dict[str, Place]:
    """Place the buses of a mostly radial feeder on rows, the source at the left.

    Parameters
    ----------
    names : sequence of str
        The source first.
    lines : sequence of (str, str)
        Meshes are cut where a breadth-first walk closes them.
    """
    children = _children(names, lines)
    depth = dict.fromkeys(names, 0)
    for name in reversed(_order(names, children)):
        depth[name] = 1 + max((depth[child] for child in children[name]), default=0)
    places: dict[str, Place] = {}
    rows = 0.0
    waiting = [(name, 0.0) for name in reversed(names) if _is_root(name, children)]
    while waiting:
        name, x = waiting.pop()
        branches = _place_row(name, x, rows, children, depth, places)
        waiting += reversed(branches)
        rows += 1.0
    return places


def _is_root(name: str, children: Mapping[str, list[str]]) -> bool:
    return not any(name in others for others in children.values())


def _place_row(
    name: str,
    x: float,
    y: float,
    children: Mapping[str, list[str]],
    depth: Mapping[str, int],
    places: dict[str, Place],
) -> list[tuple[str, float]]:
    """Follow the longest way along one row; give the branches that need rows of their own."""
    branches: list[tuple[str, float]] = []
    side = 1.0
    while True:
        places[name] = (x, y)
        ways = sorted(children[name], key=lambda child: -depth[child])
        for child in ways[1:]:
            if depth[child] == 1 and len(ways) <= 3:
                places[child] = (x, y + 0.34 * side)
                side = -side
            else:
                branches.append((child, x + 1))
        if not ways:
            return branches
        name, x = ways[0], x + 1


def _children(names: Sequence[str], lines: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Spanning forest of the feeder, each tree hanging from the first of its names."""
    beside: dict[str, list[str]] = {name: [] for name in names}
    for one, other in lines:
        if one in beside and other in beside:
            beside[one].append(other)
            beside[other].append(one)
    children: dict[str, list[str]] = {name: [] for name in names}
    seen: set[str] = set()
    for root in names:
        if root in seen:
            continue
        seen.add(root)
        walk = deque([root])
        while walk:
            name = walk.popleft()
            children[name] = [n for n in dict.fromkeys(beside[name]) if n not in seen]
            seen.update(children[name])
            walk.extend(children[name])
    return children


def _order(names: Sequence[str], children: Mapping[str, list[str]]) -> list[str]:
    """Every name, parents before children."""
    order = [name for name in names if _is_root(name, children)]
    for name in order:
        order.extend(children[name])
    return order


def _places(network: Mapping[str, Any]) -> dict[str, Place]:
    buses = network["buses"]
    given = {
        bus["name"]: (float(bus["x"]), -float(bus["y"]))
        for bus in buses
        if bus.get("x") is not None and bus.get("y") is not None
    }
    if len(given) == len(buses) and len(set(given.values())) > len(buses) / 2:
        return given
    lines = [(line["from"], line["to"]) for line in network.get("lines", ())]
    return tree_layout([bus["name"] for bus in buses], lines)


def _fit(places: Mapping[str, Place]) -> tuple[dict[str, Place], float, float]:
    """Scale to a picture 1000 wide and at most 700 high, with a margin."""
    points = np.array(list(places.values()))
    low, extent = points.min(axis=0), np.maximum(np.ptp(points, axis=0), 1e-9)
    height = float(np.clip(960 * extent[1] / extent[0], 160, 560))
    rows = len(np.unique(np.round(points[:, 1])))
    height = min(560.0, max(height, 46.0 * rows)) if rows < 14 else height
    scaled = (points - low) / extent * [960, height] + 20
    fitted = {name: (float(x), float(y)) for name, (x, y) in zip(places, scaled, strict=True)}
    return fitted, 1000.0, height + 40


def _voltages(record: Record) -> dict[str, tuple[float, float]]:
    values = record.values("vm_pu")
    if record.phases:
        values = values.reshape(len(values), -1, 3).swapaxes(1, 2).reshape(-1, len(record.buses))
    low, high = values.min(axis=0).tolist(), values.max(axis=0).tolist()
    names = record.buses or record.names("vm_pu")
    return dict(zip(names, zip(low, high, strict=True), strict=True))


def _living(record: Record) -> dict[str, list[str]]:
    """Who has which bus, by the scenario in the manifest."""
    peers = (record.manifest.get("resolved") or {}).get("peers") or ()
    living: dict[str, list[str]] = {}
    for peer in peers:
        if isinstance(peer, dict) and peer.get("bus") is not None:
            living.setdefault(str(peer["bus"]), []).append(str(peer["name"]))
    return living


def _span(voltages: Mapping[str, tuple[float, float]]) -> float:
    """Farthest voltage from 1 p.u., rounded up to a percent, at most 15 %."""
    off = max((max(1 - low, high - 1) for low, high in voltages.values()), default=0.0)
    return min(0.15, max(0.01, float(np.ceil(100 * off)) / 100))


def _dot(
    bus: Mapping[str, Any],
    place: Place,
    voltages: Mapping[str, tuple[float, float]],
    span: float,
    failed: str | None,
) -> Dot:
    name, peers = bus["name"], bus["peers"]
    told = ", ".join([name, *peers])
    if name not in voltages:
        return Dot(*place, "none", told, bool(peers), failed in peers)
    low, high = voltages[name]
    worst = low if 1 - low > high - 1 else high
    told = f"{told}: {low:.3f} to {high:.3f} p.u."
    return Dot(*place, _colour((worst - 1) / span), told, bool(peers), failed in peers)


def _colour(share: float) -> str:
    """Colour of a deviation, −1 to 1 of the scale."""
    share = min(1.0, max(-1.0, share))
    end = HIGH if share > 0 else LOW
    mixed = [round(m + abs(share) * (e - m)) for m, e in zip(MIDDLE, end, strict=True)]
    return "#" + "".join(f"{part:02x}" for part in mixed)
