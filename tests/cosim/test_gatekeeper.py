"""A gate's trades pass the grid: what breaks it is cut; the rest and the run's grid stay whole."""

import numpy as np
import pandapower as pp
import pytest
from pydantic import ValidationError

from cosim.trade.admitting import Admitting, anyway_wh
from cosim.trade.gatekeeper import Gatekeeper
from market.book import Orders, Trade
from market.network.admission import AdmissionError
from models.grid.power_flow import Grid
from scenarios.schema_admission import AdmissionSpec

PEERS = ("mill", "farm", "shop", "lpd")
SPEC = AdmissionSpec(low_pu=0.94, high_pu=1.06)


def street():
    """Source, shop, mill and farm in a row, 0.4 ohm from one to the next."""
    net = pp.create_empty_network()
    pp.create_buses(net, 4, 0.4, name=["source", "middle", "end", "yard"])
    pp.create_ext_grid(net, 0)
    wire = {"r_ohm_per_km": 0.4, "x_ohm_per_km": 0.1, "c_nf_per_km": 0, "max_i_ka": 0.1}
    for name, ends in (("near", (0, 1)), ("far", (1, 2)), ("lane", (2, 3))):
        pp.create_line_from_parameters(net, *ends, length_km=1, name=name, **wire)
    return Grid.from_net(net)


PEER_BUS = (2, 3, 1, 0)


def trade(seller, buyer, energy_wh, number=0):
    return Trade(seller, buyer, energy_wh, 200, 10, number, number + 1)


def keeper(spec=SPEC):
    return Gatekeeper(street(), PEER_BUS, spec, peers=PEERS, period_h=0.25)


def flow(p_kw):
    grid = street()
    p_mw = np.zeros(grid.n_bus)
    np.add.at(p_mw, list(PEER_BUS), 1e-3 * np.asarray(p_kw))
    return grid.solve(p_mw, np.zeros(grid.n_bus)).vm_pu.copy(), grid.line_loading_percent()


def schedule_kw(base_kw, trades):
    p_kw = np.array(base_kw, dtype=float)
    for one in trades:
        p_kw[PEERS.index(one.seller)] += one.energy_wh / 250
        p_kw[PEERS.index(one.buyer)] -= one.energy_wh / 250
    return p_kw


def test_a_book_that_violates_is_cut_and_the_schedule_holds():
    # By hand: 0.4 ohm at 0.4 kV are 0.0025 p.u. per kW, so that 40 kW from mill to shop are 10 %.
    base_kw = [1.0, -2.0, -3.0, 0.0]
    trades = [trade("mill", "shop", 10_000), trade("shop", "farm", 500, 2)]
    assert flow(schedule_kw(base_kw, trades))[0].max() > 1.06

    admitted, rows = keeper().admit(7, trades, base_kw)

    vm_pu, loading_percent = flow(schedule_kw(base_kw, admitted))
    assert vm_pu.max() == pytest.approx(1.06, abs=1e-4)
    assert vm_pu.max() <= 1.06
    assert vm_pu.min() >= 0.94
    assert loading_percent.max() <= 100
    assert 0 < admitted[0].energy_wh < 10_000
    assert admitted[0] == trade("mill", "shop", admitted[0].energy_wh)
    assert admitted[1] == trades[1]
    assert rows[0] | {"reason": ""} == {
        "period": 7,
        "seller": "mill",
        "buyer": "shop",
        "asked_wh": 10_000,
        "admitted_wh": admitted[0].energy_wh,
        "reason": "",
    }
    assert rows[0]["reason"].startswith("voltage at end: 1.0")
    assert rows[0]["reason"].endswith("above 1.06 p.u.")
    assert (rows[1]["admitted_wh"], rows[1]["reason"]) == (500, "")


def test_what_holds_passes_as_it_is():
    trades = [trade("mill", "shop", 1000), trade("farm", "shop", 500, 2)]

    admitted, rows = keeper().admit(0, trades, np.zeros(4))

    assert admitted == trades
    assert [row["reason"] for row in rows] == ["", ""]
    assert keeper().admit(0, [], np.zeros(4)) == ([], [])


def test_rejected_trades_are_left_out_but_recorded():
    # By hand: the mill's own 26 kW are beyond the band, and what it sells makes it worse.
    admitted, rows = keeper().admit(0, [trade("mill", "shop", 100)], [26.0, 0, 0, 0])

    assert admitted == []
    assert (rows[0]["asked_wh"], rows[0]["admitted_wh"]) == (100, 0)
    assert rows[0]["reason"].startswith("voltage at")


def test_reactive_power_counts():
    trades = [trade("mill", "shop", 8000)]

    plain, drawn = (
        keeper().admit(0, trades, np.zeros(4), q_kvar)[0][0].energy_wh
        for q_kvar in (0.0, [-10.0, 0, 0, 0])
    )

    # By hand: 10 kvar through 0.1 ohm twice drop what 5 kW raise through 0.4 ohm once.
    assert drawn > plain + 500


def test_one_gate_leaves_no_trace_in_the_next():
    kept = keeper()
    trades = [trade("mill", "shop", 8000)]

    kept.admit(0, [trade("mill", "shop", 20_000)], [5.0, 0, 0, 0], [0, 3.0, 0, 0])

    assert kept.admit(1, trades, np.zeros(4)) == keeper().admit(1, trades, np.zeros(4))


def test_caps_by_peer_hold_before_the_grid_does():
    spec = AdmissionSpec(caps={"mill": 3.0})

    admitted, rows = keeper(spec).admit(0, [trade("mill", "shop", 2000)], np.zeros(4))

    assert admitted[0].energy_wh == 750
    assert rows[0]["reason"] == "seller's trades: 8.000 kW, 5.000 kW above its 3 kW"


def test_dynamic_caps_are_alike_and_follow_the_state():
    spec = AdmissionSpec(low_pu=0.94, high_pu=1.06, caps="dynamic")
    trades = [trade("mill", "shop", 9000), trade("farm", "shop", 9000, 2)]

    idle = [one.energy_wh for one in keeper(spec).admit(0, trades, np.zeros(4))[0]]
    busy = [one.energy_wh for one in keeper(spec).admit(0, trades, [4.0, 0, 0, 0])[0]]

    assert idle[0] == pytest.approx(idle[1], abs=2)
    assert busy[0] == pytest.approx(busy[1], abs=2)
    assert busy[0] < idle[0] < 9000
    # Both inject as much as the envelope says, and nobody takes it off: the band is just held.
    each_kw = idle[0] / 250
    assert flow([each_kw, each_kw, 0, 0])[0].max() == pytest.approx(1.06, abs=2e-4)


def test_the_run_s_grid_is_another_and_stays_as_it_is():
    running = street()
    p_mw = np.array([0, -0.002, 0.003, 0])
    state = running.solve(p_mw, np.zeros(4))
    before = (state.vm_pu.copy(), state.iterations, running.v_node_pu.copy())

    keeper().admit(0, [trade("mill", "shop", 8000)], np.zeros(4))

    np.testing.assert_array_equal(state.vm_pu, before[0])
    np.testing.assert_array_equal(running.v_node_pu, before[2])
    assert state.iterations == before[1]


def test_caps_of_strangers_are_named():
    with pytest.raises(AdmissionError, match="cap of 'mil': no such peer; expected one of 4"):
        keeper(AdmissionSpec(caps={"mil": 3.0}))


def test_what_flows_anyway_is_the_part_of_the_forecast_that_no_order_speaks_of():
    # By hand: the mill expects 5 kWh and offers 4; the farm expects nothing and sells 2 from its
    # store; the shop expects to draw 3 and asks for 1 and 1.
    orders = Orders(
        peers=PEERS,
        peer_index=[0, 1, 2, 2],
        is_buy=[False, False, True, True],
        price_ticks=[100, 100, 200, 210],
        energy_wh=[4000, 2000, 1000, 1000],
    )
    forecast_wh = np.array([5000.0, 0.0, -3000.0, 0.0])
    assert anyway_wh(forecast_wh, orders).tolist() == [1000, 0, -1000, 0]


def test_who_was_cut_may_inject_what_was_admitted_and_what_flows_anyway():
    orders = Orders(
        peers=PEERS,
        peer_index=[0, 2],
        is_buy=[False, True],
        price_ticks=[100, 200],
        energy_wh=[8000, 8000],
    )
    admitting = Admitting(keeper(), lambda period: np.array([8500.0, 0, -8000, 0]), 0.25)
    answer = admitting.judge(0, [trade("mill", "shop", 8000)], orders)
    sold_wh = sum(one.energy_wh for one in answer.trades)
    assert 0 < sold_wh < 8000
    assert answer.cut == {"mill"}
    assert answer.caps_kw[0] == pytest.approx((sold_wh + 500) / 250)
    assert np.isinf(answer.caps_kw[1:]).all()


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"low_pu": 1.1}, "is no band; expected low_pu at least 0.01 p.u. below high_pu"),
        ({"loading_percent": 0}, "greater than 0"),
        ({"caps": {"mill": -1}}, "greater than or equal to 0"),
        ({"caps": "some"}, "'none' or 'dynamic'"),
        ({"high": 1.1}, "Extra inputs"),
    ],
)
def test_a_scenario_s_admission_is_checked(said, complaint):
    with pytest.raises(ValidationError, match=complaint):
        AdmissionSpec(**said)


def test_admission_has_defaults_and_three_kinds_of_caps():
    assert AdmissionSpec().model_dump() == {
        "low_pu": 0.9,
        "high_pu": 1.1,
        "loading_percent": 100.0,
        "caps": "none",
    }
    assert AdmissionSpec(caps={"mill": 3}).caps == {"mill": 3.0}
