"""Make the village's feeder once, so that every run meets the same cables.

Kerber's village network draws the type of each house's cable from Python's
global, unseeded ``random``. This script seeds it, names what has no name and
writes the result as pandapower JSON beside the scenarios.

    python tools/make_village_grid.py [PATH]
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pandapower as pp
from pandapower.networks import create_kerber_dorfnetz

SEED = 2011  # the year of Kerber's thesis
TARGET = Path(__file__).parents[1] / "scenarios" / "grids" / "kerber-village.json"


def village() -> Any:
    """Build Kerber's village: 116 buses, 57 houses, one 400 kVA transformer.

    Returns
    -------
    pandapowerNet
        With unique names of buses, lines and loads, and only the cable and
        transformer types that it uses.

    References
    ----------
    .. [1] G. Kerber, "Aufnahmefähigkeit von Niederspannungsverteilnetzen für die
       Einspeisung aus Photovoltaikkleinanlagen," thesis, TU München, 2011.
    """
    state = random.getstate()
    random.seed(SEED)
    try:
        net = create_kerber_dorfnetz()
    finally:
        random.setstate(state)
    net.name = "kerber-village"
    net.load["name"] = [
        net.bus.at[bus, "name"].replace("loadbus", "house") for bus in net.load["bus"]
    ]
    for table in ("bus", "line", "load"):
        net[table]["name"] = _unique(net[table]["name"], table)
    for element in ("line", "trafo", "trafo3w"):
        used = set(net[element]["std_type"])
        types = net.std_types[element]
        net.std_types[element] = {name: types[name] for name in types if name in used}
    for element in ("fuse", "line_dc"):
        net.std_types.pop(element, None)
    return net


def _unique(names: Any, kind: str) -> list[str]:
    """Keep the first of each name; number the ones that follow and the nameless."""
    taken: set[str] = set()
    result = []
    for index, name in zip(names.index, names, strict=True):
        clear = str(name) if name else f"{kind} {index}"
        if clear in taken:
            clear = f"{clear} ({index})"
        taken.add(clear)
        result.append(clear)
    return result


def to_text(net: Any) -> str:
    """Pandapower JSON, sorted, so that the same network is the same bytes.

    Tables without rows are left out; pandapower makes them again.
    """
    document = json.loads(pp.to_json(net))
    tables = document["_object"]
    document["_object"] = {
        key: value
        for key, value in tables.items()
        if not (isinstance(value, dict) and '"data":[]' in str(value.get("_object")))
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET
    target.write_text(to_text(village()), encoding="utf-8")
    print(f"{target}: written")
