"""How a scenario's contracts are agreed: the path of their energy, keys, collateral, refusals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra

from market.delivery.carriage import Carriage
from market.delivery.contract import Contract
from market.delivery.life_agreement import Procedure, nobody
from market.delivery.risk import ByRisk, Collateral
from market.delivery.rules import Terms
from models.grid.power_flow import Grid
from scenarios.resolve import ResolvedScenario
from scenarios.schema_contracts import RefusalSpec
from scenarios.seeds import generator

__all__ = ["Paths", "procedure_of", "shortest_paths"]

Paths = Callable[[str, str], tuple[str, ...]]
"""Buses that energy passes from a seller to a buyer, both ends included."""


def shortest_paths(grid: Grid, peers: Sequence[str], peer_bus: Sequence[int]) -> Paths:
    """Find the paths of least impedance between peers [1]_, each buyer's when first asked for.

    References
    ----------
    .. [1] E. W. Dijkstra, "A note on two problems in connexion with graphs," Numer. Math.,
       vol. 1, 1959; as `scipy.sparse.csgraph.dijkstra`.
    """
    case = grid.case
    size = case.v_start.size
    ends = (case.from_node, case.to_node)
    ohmic = coo_matrix((np.abs(case.z_branch), ends), shape=(size, size)).tocsr()
    names = grid.bus_names
    node_of = {peer: int(case.node_of_bus[bus]) for peer, bus in zip(peers, peer_bus, strict=True)}

    between = _in_tree(ohmic) or _in_mesh(ohmic)

    @cache
    def path(seller: str, buyer: str) -> tuple[str, ...]:
        passed = between(node_of[seller], node_of[buyer])
        return tuple(names[int(case.lead_of_node[at])] for at in passed)

    return path


def _in_mesh(ohmic: csr_matrix) -> Callable[[int, int], list[int]]:
    @cache
    def towards(node: int) -> list[int]:
        _, before = dijkstra(ohmic, directed=False, indices=[node], return_predecessors=True)
        steps: list[int] = before[0].tolist()
        return steps

    def between(node: int, end: int) -> list[int]:
        passed = [node]
        while passed[-1] != end and passed[-1] >= 0:
            passed.append(towards(end)[passed[-1]])
        return [at for at in passed if at >= 0]

    return between


def _in_tree(ohmic: csr_matrix) -> Callable[[int, int], list[int]] | None:
    """Find paths where there is one alone, with no search for each end; None in a mesh.

    Searches would cost the square of the peers in a district of many.
    """
    parts, part = connected_components(ohmic, directed=False)
    if ohmic.nnz != ohmic.shape[0] - parts:
        return None
    before = np.full(ohmic.shape[0], -1)
    for root in np.unique(part, return_index=True)[1]:
        _, found = breadth_first_order(ohmic, root, directed=False)
        before = np.where(found >= 0, found, before)
    above: list[int] = before.tolist()

    def upwards(node: int) -> list[int]:
        passed = [node]
        while above[passed[-1]] >= 0:
            passed.append(above[passed[-1]])
        return passed

    def between(node: int, end: int) -> list[int]:
        up, down = upwards(node), upwards(end)
        if up[-1] != down[-1]:
            return [node]
        while len(up) > 1 and len(down) > 1 and up[-2] == down[-2]:
            up.pop(), down.pop()
        return up + down[-2::-1]

    return between


def procedure_of(
    resolved: ResolvedScenario, terms: Terms, courier: Carriage, paths: Paths
) -> Procedure:
    """Say how contracts are agreed."""
    spec = resolved.scenario.market.contracts
    ahead = spec.sign_ahead
    collateral: Collateral | None = None
    if spec.collateral.by == "risk":
        collateral = ByRisk(terms.retail_ticks, spec.collateral.risk)
    return Procedure(
        signing=spec.signatures,
        seed=resolved.seed,
        courier=courier,
        path=paths,
        collateral=collateral,
        refuses=_refusing(resolved.seed, spec.refusals) if spec.refusals else nobody,
        lead_ticks=0 if ahead is None else -(-ahead.ns // resolved.scenario.time.tick.ns),
    )


def _refusing(seed: int, refusals: Sequence[RefusalSpec]) -> Callable[[str, str, Contract], bool]:
    """Draw each refusal by a key of its own: who refuses one contract is no luckier at another."""

    def refuses(step: str, party: str, contract: Contract) -> bool:
        return any(
            spec.step == step
            and spec.peer in (None, party)
            and spec.period in (None, contract.period)
            and _drawn(seed, step, party, contract) < spec.probability
            for spec in refusals
        )

    return refuses


def _drawn(seed: int, step: str, party: str, contract: Contract) -> float:
    return generator(seed, "refusal", step, party, str(contract.contract_id)).random()
