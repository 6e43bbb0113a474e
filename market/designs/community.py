"""The community: members trade inside through a manager, who trades for them with the world.

Each member balances: ``p + q + α − β = 0`` with its injection p, what it buys inside q, what it
imports α and exports β, both 0 or more. Inside, Σ q = 0; the manager imports Σ α and exports Σ β
at a cost G. Members' costs count, a transaction cost on each side's |q|, preference weights on α
and β, and G [1]_. (A report on the FleXunity pilot prints ``+ β``; with that sign an export would
have to be a purchase.)

References
----------
.. [1] F. Moret and P. Pinson, "Energy collectives: a community and fairness based approach to
   future electricity markets," IEEE Trans. Power Syst., vol. 34, 2019.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .problem import DesignError

__all__ = ["Community"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Community:
    """Members who trade through one manager.

    Attributes
    ----------
    members : (k,) int64 array
        Peers by position.
    transaction : float
        Cost to each side of a Wh traded inside, so twice this per Wh. [µ€/Wh]
    gamma_import, gamma_export : (k,) float array, or one number for all
        Preference weight of each member on what it imports and exports. [µ€/Wh]
    import_price, export_price : float or None
        What the manager pays the market per Wh, tariff included, and is paid: G is
        ``import_price · Σ α − export_price · Σ β``. None: it does not know the market. [µ€/Wh]

    Raises
    ------
    DesignError
        With every fault: no members, a member twice, values that are no numbers, one price
        without the other, costs with which trading in circles would earn.
    """

    members: Ints
    transaction: float = 0.0
    gamma_import: Floats | float = 0.0
    gamma_export: Floats | float = 0.0
    import_price: float | None = None
    export_price: float | None = None

    def __post_init__(self) -> None:
        members = np.array(self.members, dtype=np.int64)
        object.__setattr__(self, "members", members)
        faults = []
        for name in ("gamma_import", "gamma_export"):
            weights = np.asarray(getattr(self, name), dtype=np.float64)
            if weights.shape not in ((), members.shape):
                faults.append(
                    f"community: {name} has shape {weights.shape}, {members.size} members"
                )
                continue
            object.__setattr__(self, name, np.broadcast_to(weights, members.shape))
        if faults := faults or _community_faults(self):
            raise DesignError(faults)

    @property
    def uniform(self) -> bool:
        """Whether all members have the same weights."""
        return bool(np.ptp(self.gamma_import) == 0 == np.ptp(self.gamma_export))


def market_faults(
    import_price: float | None, export_price: float | None, crossing: float, owner: str
) -> list[str]:
    """Judge a manager's market: both prices or none, and no gain in buying to sell. [µ€/Wh]"""
    if (import_price is None) != (export_price is None):
        return [f"{owner}: give both import_price and export_price, or neither"]
    earned = 0.0 if import_price is None or export_price is None else export_price - import_price
    if np.isnan(earned) or np.isinf(earned):
        return [f"{owner}: prices are {import_price} and {export_price}, expected finite numbers"]
    if crossing < earned:
        return [
            f"{owner}: importing to export earns {earned:g} µ€/Wh and costs {crossing:g}, so it "
            f"would earn without bound; raise the import price, a weight or a tariff"
        ]
    return []


def _community_faults(community: Community) -> list[str]:
    members = community.members
    if not members.size:
        return ["a community without members; give it some or leave it out"]
    faults = [
        f"community: peer {one} is named {times} times; name each member once"
        for one, times in zip(
            *(x.tolist() for x in np.unique(members, return_counts=True)), strict=True
        )
        if times > 1
    ]
    if not community.transaction >= 0 or np.isinf(community.transaction):
        faults.append(
            f"community: a transaction costs {community.transaction:g} µ€/Wh, expected 0 or more"
        )
    crossing = float(np.min(community.gamma_import) + np.min(community.gamma_export))
    if not np.isfinite(crossing):
        return [*faults, "community: a weight on import or export is no finite number"]
    told = community.import_price, community.export_price
    return faults + market_faults(*told, crossing, "community")
