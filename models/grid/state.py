"""What a power flow answers: the state of a tick, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from .case import Floats


class PowerFlowDiverged(RuntimeError):
    """The power flow found no voltages for these injections.

    Attributes
    ----------
    bus_name : str
        Bus whose balance is furthest from met.
    mismatch_pu : float
        By how much. [p.u.]
    """

    def __init__(self, bus_name: str, mismatch_pu: float, because: str) -> None:
        super().__init__(
            f"power flow diverged ({because}); worst bus {bus_name!r}, "
            f"{mismatch_pu:.3g} p.u. out of balance"
        )
        self.bus_name = bus_name
        self.mismatch_pu = mismatch_pu


@dataclass(slots=True)
class GridState:
    """What one tick's power flow found; reused, so copy what you keep."""

    vm_pu: Floats
    """Voltage magnitude at each bus, 0 where de-energised. [p.u.]"""
    p_bus_mw: Floats
    """What the network took at each bus, from V·conj(YV). [MW]"""
    q_bus_mvar: Floats
    """Likewise. [Mvar]"""
    p_boundary_mw: float = 0.0
    """Injection of the reference: upstream grid, or former of an island. [MW]"""
    q_boundary_mvar: float = 0.0
    """Likewise. [Mvar]"""
    losses_mw: float = 0.0
    """Active losses in lines, transformers and shunts. [MW]"""
    mismatch_pu: float = 0.0
    """Largest |V·conj(YV) − S| away from the reference. [p.u.]"""
    loading_max_percent: float = 0.0
    """Of the line or transformer that is loaded most. [%]"""
    iterations: int = 0
    """Sweeps, or steps of Newton's method."""
