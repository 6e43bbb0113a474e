"""Buses of a network by name, in the order of all arrays."""

from __future__ import annotations

from typing import Any

from .case import bus_names

__all__ = ["NamedBuses"]


class NamedBuses:
    """Knows where each bus stands in the arrays of a grid.

    Parameters
    ----------
    net : pandapowerNet

    Attributes
    ----------
    bus_names : tuple of str
        Every bus once.
    n_bus : int
    """

    def __init__(self, net: Any) -> None:
        self.bus_names = bus_names(net)
        self.n_bus = len(self.bus_names)
        self._positions = {name: position for position, name in enumerate(self.bus_names)}

    def bus_position(self, name: str) -> int:
        """Position of a bus in all arrays.

        Raises
        ------
        KeyError
            When the grid has no bus of this name.
        """
        if name not in self._positions:
            raise KeyError(f"no bus {name!r} in this grid of {self.n_bus} buses")
        return self._positions[name]
