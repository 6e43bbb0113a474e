"""From a scenario's words to how contracts are agreed, and the ticks that it takes."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pandapower as pp
import pytest
from scipy.sparse import coo_matrix

from cosim.assembly import boxes, laid
from cosim.boxes.box import silent
from cosim.boxes.contracts import ContractsSim
from cosim.boxes.recorder import LISTS, SCALARS
from cosim.boxes.world import prepared
from cosim.plant import plant
from cosim.trade.agreeing import _in_mesh, _in_tree, procedure_of, shortest_paths
from market.delivery.carriage import Ideal
from market.delivery.contract import Contract
from market.delivery.ledger import Ledger
from market.delivery.risk import ByRisk
from market.delivery.rules import Terms
from models.grid.power_flow import Grid
from results.recording import TickRecorder
from scenarios.load import load_scenario

TWO_MINUTES = {"start": "2016-06-14T12:00:00+02:00", "duration": "2 min"}


def ring():
    """Four buses in a ring behind a transformer; from B over C to D is longer than over A."""
    net = pp.create_empty_network()
    mv = pp.create_bus(net, 20.0, name="mv")
    a, b, c, d = (pp.create_bus(net, 0.4, name=name) for name in "ABCD")
    pp.create_ext_grid(net, mv)
    pp.create_transformer(net, mv, a, "0.4 MVA 20/0.4 kV")
    for one, other, km in ((a, b, 0.1), (b, c, 0.3), (c, d, 0.1), (d, a, 0.1)):
        pp.create_line(net, one, other, km, "NAYY 4x150 SE")
    return Grid.from_net(net)


def test_energy_takes_the_path_of_least_impedance():
    # By hand: from B to D 0.2 km by A, 0.4 km by C; lines of one type.
    grid = ring()
    path = shortest_paths(grid, ["b", "d"], [grid.bus_position(bus) for bus in "BD"])
    assert path("b", "d") == ("B", "A", "D")
    assert path("d", "b") == ("D", "A", "B")
    assert path("b", "b") == ("B",)


def resolved(write_village, folder, contracts):
    file = write_village(folder, time=TWO_MINUTES, market={"contracts": contracts}, events=[])
    return load_scenario(file)


def test_a_scenario_says_who_refuses_how_often_and_in_which_period(write_village, tmp_path):
    refusals = [
        {"peer": "mill", "step": "quote", "period": 1},
        {"peer": "shop", "probability": 0.25},
    ]
    asked = {"refusals": refusals, "sign_ahead": "250 ms", "collateral": {"by": "risk"}}
    village = resolved(write_village, tmp_path, asked)
    procedure = procedure_of(village, Terms(), Ideal(), lambda seller, buyer: ())
    deals = [Contract(i, i % 2, "mill", "shop", 1000, 200, 10) for i in range(800)]
    assert [procedure.refuses("quote", "mill", deal) for deal in deals[:4]] == [
        False,
        True,
        False,
        True,
    ]
    refused = [procedure.refuses("signature", "shop", deal) for deal in deals]
    # Three standard deviations of 800 draws at a quarter: 3 · sqrt(800 · 0.25 · 0.75) = 37.
    assert 163 < sum(refused) < 237
    assert refused == [procedure.refuses("signature", "shop", deal) for deal in deals]
    assert not any(procedure.refuses("quote", "shop", deal) for deal in deals)
    assert isinstance(procedure.collateral, ByRisk)
    assert procedure.lead_ticks == 3
    assert procedure.signing == "batched"


class TracedContracts(ContractsSim):
    """Notes when it steps, and whether it was told something."""

    def __init__(self):
        super().__init__()
        self.stepped = []

    def advance(self, time, inputs):
        told = any(
            value is not None
            for attributes in inputs.values()
            for sources in attributes.values()
            for value in sources.values()
        )
        self.stepped.append((self._clock.tick(time), told))
        return super().advance(time, inputs)


@pytest.mark.parametrize("signatures", ["none", "batched", "each"])
def test_contracts_step_when_something_happens_and_never_otherwise(
    write_village, tmp_path, signatures
):
    village = resolved(write_village, tmp_path, {"signatures": signatures})
    contracts = TracedContracts()
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        made = plant(village, ledger=ledger, log=silent)
        widths = {name: len(made.names) for name in LISTS} | {"vm_pu": len(made.live_buses())}
        with TickRecorder(tmp_path, scalars=[*SCALARS], lists=widths, metadata={}) as recorder:
            all_boxes = dict(boxes(made, recorder=recorder, watch=lambda *_: None, log=silent))
            all_boxes["contracts"] = (contracts, all_boxes["contracts"][1])
            with prepared(all_boxes, laid(made), made.clock, bundled=True) as go:
                go()
    ticks = [tick for tick, _ in contracts.stepped]
    assert all(a < b for a, b in pairwise(ticks))
    # Untold, it steps at the beginnings and ends of the two periods of 600 ticks alone.
    assert {tick for tick, told in contracts.stepped if not told} <= {0, 600, 1200}
    assert len(ticks) < 60 < 1200
    states = {row["state"] for row in made.trading.tables()["contracts"]}
    assert states == {"settled"}


def test_the_only_path_of_a_tree_is_the_shortest_of_a_search():
    grid = Grid.from_json(Path(__file__).parents[2] / "scenarios/grids/kerber-village.json")
    case, size = grid.case, grid.case.v_start.size
    ends = (case.from_node, case.to_node)
    ohmic = coo_matrix((np.abs(case.z_branch), ends), shape=(size, size)).tocsr()
    in_tree, in_mesh = _in_tree(ohmic), _in_mesh(ohmic)

    assert in_tree is not None
    for start, end in np.random.default_rng(1).integers(size, size=(200, 2)).tolist():
        assert in_tree(start, end) == in_mesh(start, end)
    assert _in_tree(ohmic + coo_matrix(([1.0], ([0], [size - 1])), shape=(size, size))) is None
