"""Market designs as optimisation problems: full P2P, community, hybrid; central and distributed."""

from __future__ import annotations

from .problem import Agents, DesignError, Edges, Outcome, Residuals

__all__ = ["Agents", "DesignError", "Edges", "Outcome", "Residuals"]
