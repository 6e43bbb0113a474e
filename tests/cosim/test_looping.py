"""The impedance that a run's grid has at a node, as commissioning takes it."""

from types import SimpleNamespace

import pandapower as pp
import pytest

from cosim.bench.looping import loops_of
from models.grid.power_flow import Grid


def test_the_feeder_seen_from_a_node_is_its_line_between_node_and_stiff_grid():
    # By hand: 1 km of 0.5 + j0.3 Ω behind a stiff busbar; without load nothing else moves V.
    net = pp.create_empty_network()
    low = [pp.create_bus(net, vn_kv=0.4, name=name) for name in ("busbar", "mill")]
    pp.create_ext_grid(net, low[0])
    line = {"r_ohm_per_km": 0.5, "x_ohm_per_km": 0.3, "c_nf_per_km": 0.0, "max_i_ka": 1.0}
    pp.create_line_from_parameters(net, *low, length_km=1.0, **line)
    made = SimpleNamespace(
        grid=Grid(net),
        peer_bus=(1,),
        resolved=SimpleNamespace(dt_s=0.1),
        seating=SimpleNamespace(
            players={"mill": 0}, station=SimpleNamespace(v_nominal_v=400.0 / 3**0.5)
        ),
        three_phase=None,
    )
    loop = loops_of(made)["mill"]
    assert (loop.step_s, loop.feeder.v_nominal_v) == pytest.approx((0.1, 400.0))
    assert (loop.feeder.r_ohm, loop.feeder.x_ohm) == pytest.approx((0.5, 0.3), rel=1e-6)
