"""Changes of a pandapower network's topology: what an event opens, and what dies with it."""

from __future__ import annotations

from typing import Any

from pandapower.topology import connected_component, create_nxgraph


def index_of(net: Any, table: str, element: str | int) -> int:
    """Index of a row given by its name or by its index.

    Raises
    ------
    KeyError
        When no row, or more than one, answers to it.
    """
    rows = net[table]
    if isinstance(element, str):
        found = rows.index[rows["name"] == element]
        if len(found) != 1:
            raise KeyError(
                f"grid: {len(found)} rows of {table!r} are named {element!r}, expected 1"
            )
        return int(found[0])
    if element not in rows.index:
        raise KeyError(f"grid: {table!r} has no row {element}; it has {len(rows)} rows")
    return int(element)


def isolate_upstream(net: Any, reference_bus: int) -> None:
    """Take out every external grid, and the transformers through which it feeds.

    Everything that an external grid reaches without crossing a transformer is the
    upstream side, unless the new reference lies there too: then only the external
    grid goes.
    """
    slack_gens = net.gen.index[net.gen["slack"].astype(bool)]
    sources = [*net.ext_grid["bus"].tolist(), *net.gen.loc[slack_gens, "bus"].tolist()]
    wires = create_nxgraph(net, include_trafos=False, include_trafo3ws=False)
    for source in sources:
        upstream = set(connected_component(wires, source)) if source in wires else {source}
        if reference_bus not in upstream:
            net.trafo.loc[net.trafo["hv_bus"].isin(upstream), "in_service"] = False
            net.trafo3w.loc[net.trafo3w["hv_bus"].isin(upstream), "in_service"] = False
    net.ext_grid = net.ext_grid.iloc[:0]
    net.gen = net.gen.drop(slack_gens)
