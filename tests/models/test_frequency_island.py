"""What answers frequency in an island: shedding, P(f), limits, trips; numbers by hand."""

import math

import numpy as np
import pytest

from models.frequency.island import IslandFrequency
from models.frequency.parameters import (
    Generator,
    GridFormer,
    InverterResponse,
    IslandParams,
    ShedStage,
)

ROTOR = Generator(name="rotor", s_kva=100, inertia_s=5, p_max_kw=50, p_set_kw=20, droop_pu=math.inf)


def former(**options):
    given = {"s_kva": 50, "p_max_kw": 50, "capacity_kwh": 50, "droop_pu": 0.02}
    given |= {"efficiency_charge": 1.0, "efficiency_discharge": 1.0}
    return GridFormer(**(given | options))


def step(island, *, load, der=0.0, down=None, up=0.0, **rest):
    shape = np.ones(island.n_peers)
    down = der if down is None else down
    return island.step(
        load_kw=load * shape, der_kw=der * shape, down_kw=down * shape, up_kw=up * shape, **rest
    )


def falling(stages, stage_of_peer=None, n_peers=4):
    """20 kW are missing at 2 H S / f0 = 20 kW s/Hz: 1 Hz/s; the former holds its power."""
    params = IslandParams(
        former=former(s_kva=200, p_max_kw=200, droop_pu=math.inf),
        generators=(ROTOR,),
        stages=stages,
        stage_of_peer=stage_of_peer,
        load_percent_per_hz=0,
    )
    island = IslandFrequency(params, n_peers, 0.1)
    island.equilibrate(60.0, 0.0)
    return island


def test_a_stage_sheds_its_share_after_threshold_and_delay():
    # 49.0 Hz is passed at 1.0 s, shed at 1.1 s: 10 of 20 missing kW, so the slope halves.
    island = falling((ShedStage(below_hz=49.0, delay_s=0.1, share=0.125),))
    ticks = []
    for _ in range(20):
        tick = step(island, load=20.0)
        ticks.append((tick.f_end_hz, tick.stages_shed, tick.shed_fraction.copy()))
    f_hz, stages, shed = zip(*ticks, strict=True)
    assert f_hz[9] == pytest.approx(49.0, abs=1e-9)
    assert stages[10:12] == (1, 1) or stages[10:12] == (0, 1)
    assert f_hz[19] == pytest.approx(50 - 1.1 - 0.9 * 0.5, abs=0.011)
    assert shed[9].tolist() == [0.0] * 4
    assert shed[19] == pytest.approx([0.125] * 4, abs=1e-15)
    assert tick.served_kw.sum() == pytest.approx(70, rel=1e-12)


def test_a_dip_shorter_than_the_delay_sheds_nothing():
    island = falling((ShedStage(below_hz=49.8, delay_s=0.5),))
    for load in [20.0] * 4 + [10.0] * 10:
        tick = step(island, load=load)
    assert tick.stages_shed == 0
    assert tick.f_end_hz == pytest.approx(50 - 0.4 + 10 * 0.1 * 1.0, abs=1e-9)


def test_assigned_peers_lose_their_whole_load_and_no_one_else_does():
    island = falling(
        (ShedStage(below_hz=49.5), ShedStage(below_hz=49.3)), stage_of_peer=[-1, 1, 0, -1]
    )
    for _ in range(30):
        tick = step(island, load=20.0)
    # Stage 0 sheds 20 kW: balance, so stage 1 never acts.
    assert tick.stages_shed == 1
    assert tick.shed_fraction == pytest.approx([0, 0, 1, 0], abs=1e-15)
    assert tick.served_kw == pytest.approx([20, 20, 0, 20], rel=1e-12)
    assert tick.f_end_hz == pytest.approx(49.4, abs=0.011)


def test_shed_load_comes_back_only_when_it_is_restored():
    island = falling((ShedStage(below_hz=49.5, share=0.5),))
    for load in [20.0] * 7 + [15.0] * 20:
        tick = step(island, load=load)
    assert tick.f_end_hz > 50
    assert tick.stages_shed == 1
    island.restore()
    tick = step(island, load=15.0)
    assert tick.stages_shed == 0
    assert tick.served_kw.sum() == pytest.approx(60, rel=1e-12)


def test_inverters_reduce_by_forty_percent_of_rated_per_hertz_up_to_their_headroom():
    # Peers of 60 and 40 kW rated; the second can give up only 5 kW. A surplus of 60 kW
    # meets 50 kW/Hz of droop: 50 d + 24 (d - 0.2) + 5 = 60, d = 59.8 / 74 Hz.
    params = IslandParams(
        former=former(),
        inverters=InverterResponse(rated_kw=[60.0, 40.0]),
        load_percent_per_hz=0,
    )
    island = IslandFrequency(params, 2, 0.1)
    island.equilibrate(60.0, 60.0)
    for _ in range(50):
        tick = island.step(
            load_kw=np.zeros(2),
            der_kw=np.array([50.0, 10.0]),
            down_kw=np.array([50.0, 5.0]),
            up_kw=np.zeros(2),
        )
    d = 59.8 / 74
    assert tick.f_hz == pytest.approx(50 + d, abs=1e-9)
    assert tick.response_kw == pytest.approx([-24 * (d - 0.2), -5], rel=1e-9)
    assert tick.former_expected_kw == pytest.approx(-50 * d, rel=1e-9)
    assert tick.droop_offset_hz == pytest.approx(d, rel=1e-9)


def test_without_ratings_the_slope_refers_to_the_power_at_hand():
    # Surplus 60, droop 50 kW/Hz, 60 kW at hand: 50 d + 24 (d - 0.2) = 60.
    island = IslandFrequency(IslandParams(former=former(), load_percent_per_hz=0), 2, 0.1)
    island.equilibrate(60.0, 60.0)
    for _ in range(50):
        tick = step(island, load=0.0, der=30.0)
    d = 64.8 / 74
    assert tick.f_hz == pytest.approx(50 + d, abs=1e-9)
    assert tick.response_kw == pytest.approx([-12 * (d - 0.2)] * 2, rel=1e-9)


def test_fast_frequency_response_supports_within_what_is_offered():
    # 10 kW missing: 50 d + min(2, 100 %/Hz of 2 kW beyond 0.1 Hz) per peer.
    inverters = InverterResponse(support_start_hz=49.9, support_percent_per_hz=1000)
    params = IslandParams(former=former(), inverters=inverters, load_percent_per_hz=0)
    island = IslandFrequency(params, 2, 0.1)
    island.equilibrate(20.0, 0.0)
    for _ in range(50):
        tick = step(island, load=15.0, up=1.0)
    # 10 d' = min(1, 10 (d - 0.1)) per peer: 50 d + 2 * 10 (d - 0.1) = 10 -> d = 12 / 70 Hz.
    d = 12 / 70
    assert tick.f_hz == pytest.approx(50 - d, abs=1e-9)
    assert tick.response_kw == pytest.approx([10 * (d - 0.1)] * 2, rel=1e-9)


def test_load_regulates_itself_in_what_is_served():
    # 5 kW more at 50 kW/Hz of droop and 2 %/Hz of 25 kW: d (50 + 0.5) = 5.
    island = IslandFrequency(IslandParams(former=former(), load_percent_per_hz=2), 1, 0.1)
    island.equilibrate(20.0, 0.0)
    for _ in range(50):
        tick = step(island, load=25.0)
    assert tick.f_hz == pytest.approx(50 - 5 / 50.5, abs=1e-9)
    assert tick.served_kw[0] == pytest.approx(25 * (1 - 0.02 * 5 / 50.5), rel=1e-9)
    assert tick.shed_fraction[0] == 0


def test_losing_a_generator_shows_as_initial_and_windowed_rocof():
    # 20 kW are lost; two machines of 20 kW s/Hz stood by, one is left: 1 Hz/s.
    other = Generator(name="other", s_kva=100, inertia_s=5, p_max_kw=50, droop_pu=math.inf)
    params = IslandParams(
        former=former(s_kva=200, p_max_kw=200, droop_pu=math.inf),
        generators=(ROTOR, other),
        stages=(),
        load_percent_per_hz=0,
    )
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(60.0, 0.0)
    assert abs(step(island, load=60.0).rocof_hz_per_s) < 1e-12
    island.trip_generator("rotor")
    slopes = [step(island, load=60.0).rocof_500ms_hz_per_s for _ in range(5)]
    assert slopes == pytest.approx([-0.2, -0.4, -0.6, -0.8, -1.0], abs=1e-9)
    tick = step(island, load=60.0)
    assert tick.rocof_hz_per_s == pytest.approx(-1.0, abs=1e-9)
    # The rotor that is left feeds what it loses: 20 kW s/Hz * 1 Hz/s.
    assert tick.generators_kw == pytest.approx([0, 20], abs=1e-9)
    assert tick.former_expected_kw == pytest.approx(40, abs=1e-9)
    with pytest.raises(ValueError, match=r"no generator 'rotr'; known: rotor, other"):
        island.trip_generator("rotr")


def test_an_island_starts_at_rest_and_moves_generators_only_where_it_must():
    fixed = Generator(name="small", s_kva=30, inertia_s=1, p_max_kw=27, p_set_kw=5)
    island = IslandFrequency(IslandParams(former=former(), generators=(fixed,)), 1, 0.1)
    island.equilibrate(40.0, 10.0, 1.0)
    tick = step(island, load=40.0, der=10.0, losses_kw=1.0)
    assert abs(tick.rocof_hz_per_s) < 1e-3
    assert (tick.generator_kw, tick.former_expected_kw) == pytest.approx((5, 26), abs=1e-9)
    island = IslandFrequency(IslandParams(former=former(), generators=(fixed,)), 1, 0.1)
    island.equilibrate(70.0, 0.0, 0.0)
    tick = step(island, load=70.0)
    assert (tick.generator_kw, tick.former_expected_kw) == pytest.approx((20, 50), abs=1e-9)
    with pytest.raises(ValueError, match=r"would start at 73\.000 kW .* expected -50\.000 to 50"):
        island.equilibrate(100.0, 0.0, 0.0)


def test_a_nearly_full_former_lets_frequency_rise_until_inverters_reduce():
    # 30 kW of surplus fill the last 5 % of 2 kWh; then 40 kW/Hz of P(f) must take all of
    # it: 50.2 + 30 / 40 Hz.
    params = IslandParams(
        former=former(capacity_kwh=2.0, soc_initial=0.95, taper_soc=0.97),
        inverters=InverterResponse(rated_kw=[100.0]),
        load_percent_per_hz=0,
    )
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(0.0, 30.0)
    socs = []
    for _ in range(1200):
        tick = step(island, load=0.0, der=30.0)
        socs.append(tick.former_soc)
        assert not tick.black
    assert max(socs) < 1
    assert tick.f_hz == pytest.approx(50.95, abs=1e-3)
    assert tick.response_kw[0] == pytest.approx(-30, abs=0.05)


def test_a_full_former_that_must_absorb_trips():
    params = IslandParams(
        former=former(capacity_kwh=1.0, soc_initial=0.99),
        inverters=InverterResponse(percent_per_hz=0),
        stages=(),
    )
    island = IslandFrequency(params, 1, 0.1)
    # 10 Wh of room, less 2.8 Wh that are kept free, at 10 kW: under 4 s.
    lit = 0
    while not step(island, load=0.0, der=10.0).black:
        lit += 1
    assert 20 < lit < 40
    assert 0.99 < island.former_soc <= 1


def test_a_former_trips_while_two_ticks_of_full_power_are_left():
    # 36 kW for 0.1 s are 1 Wh; peak and twice 50 kW for 0.1 s keep 2.78 Wh. 0.1 kWh lasts
    # until 2.78 Wh are left: after 98 ticks of 1 Wh.
    params = IslandParams(former=former(capacity_kwh=1.0, soc_initial=0.1), stages=())
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(36.0, 0.0)
    lit = 0
    while not step(island, load=36.0).black:
        lit += 1
    assert lit == 98
    assert island.stored_kwh == pytest.approx(0.1 - 0.098, abs=1e-9)


def test_an_overloaded_former_sheds_first_and_trips_if_that_is_not_enough():
    # Pure former, M = 0.05 s * 50 kW/Hz = 2.5 kW s/Hz, 10 kW too much: -4 Hz/s.
    def play(stages):
        island = IslandFrequency(
            IslandParams(former=former(), stages=stages, load_percent_per_hz=0), 1, 0.1
        )
        island.equilibrate(50.0, 0.0)
        ticks = (step(island, load=60.0) for _ in range(60))
        return [(tick.f_hz, tick.black) for tick in ticks]

    survived = play((ShedStage(below_hz=49.0, share=0.25),))
    collapsed = play(())
    assert not survived[-1][1]
    # 45 of 60 kW are served: 5 kW below the set power of 50 kW at 50 kW/Hz.
    assert survived[-1][0] == pytest.approx(50.1, abs=1e-6)
    # 45 Hz are passed after 1.25 s.
    assert [black for _, black in collapsed].index(True) == 12
    assert collapsed[-1] == (0.0, True)


def test_an_overload_that_frequency_survives_still_trips_after_its_time():
    params = IslandParams(
        former=former(overload_time_s=1.0, f_low_trip_hz=0.0), stages=(), load_percent_per_hz=0
    )
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(50.0, 0.0)
    black = [step(island, load=52.0).black for _ in range(12)]
    assert black.index(True) == 10


def test_a_saturated_former_leaves_the_slope_to_the_rotating_inertia():
    # The former stands at its limit; 10 kW more fall on 20 kW s/Hz: -0.5 Hz/s at once.
    params = IslandParams(
        former=former(virtual_inertia_s=4.0),
        generators=(ROTOR,),
        stages=(),
        load_percent_per_hz=0,
    )
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(70.0, 0.0)
    tick = step(island, load=80.0)
    assert tick.rocof_hz_per_s == pytest.approx(-0.5, abs=1e-9)
    assert tick.former_expected_kw == pytest.approx(50, abs=1e-9)
    assert tick.generator_kw == pytest.approx(30, abs=1e-9)


def test_a_black_island_supplies_nothing_and_says_so_in_numbers():
    island = falling(())
    step(island, load=15.0, der=5.0)
    island.trip_former()
    for _ in range(2):
        tick = step(island, load=15.0, der=5.0)
    assert tick.black
    assert (tick.f_hz, tick.f_min_hz, tick.f_max_hz, tick.f_end_hz) == (0, 0, 0, 0)
    assert (tick.generator_kw, tick.former_expected_kw, tick.reference_vm_pu) == (0, 0, 0)
    assert (tick.response_kw + 5.0).tolist() == [0.0] * 4
    assert tick.served_kw.tolist() == [0.0] * 4
    assert tick.shed_fraction.tolist() == [1.0] * 4


def test_the_reference_voltage_droops_with_reactive_power_and_falls_at_the_current_limit():
    # 3 % of droop at 25 of 50 kvar: 1.5 %. With 48 kW and 64 kvar it carries 80 of 50 kVA.
    island = IslandFrequency(
        IslandParams(
            former=former(measurement_lag_s=0.0, virtual_inertia_s=1.0), load_percent_per_hz=0
        ),
        1,
        0.1,
    )
    island.equilibrate(10.0, 0.0)
    assert step(island, load=10.0).reference_vm_pu == 1.0
    tick = step(island, load=10.0, former_kw=10.0, former_kvar=25.0)
    assert tick.reference_vm_pu == pytest.approx(0.985, abs=1e-12)
    tick = step(island, load=10.0, former_kw=36.0, former_kvar=48.0)
    assert tick.reference_vm_pu == pytest.approx((1 - 0.03 * 48 / 50) * 50 / 60, abs=1e-12)


def test_the_former_pays_for_losses_with_its_charge():
    params = IslandParams(former=former(efficiency_discharge=0.9))
    island = IslandFrequency(params, 1, 0.1)
    island.equilibrate(10.0, 0.0, 0.0)
    step(island, load=10.0)
    island.close(former_kw=18.0)
    # 18 kW for 0.1 s are 0.5 Wh, drawn from the store at 90 %.
    assert 25 - island.stored_kwh == pytest.approx(0.0005 / 0.9, rel=1e-9)
    assert island.conversion_loss_kwh == pytest.approx(0.0005 / 0.9 - 0.0005, rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"load_kw": [1.0, math.nan]}, r"load_kw\[1\] is nan kW; expected a finite value, 0 or"),
        ({"load_kw": [-1.0, 1.0]}, r"load_kw\[0\] is -1.0 kW"),
        ({"der_kw": [0.0, math.inf]}, r"der_kw\[1\] is inf kW; expected a finite value"),
        ({"down_kw": [0.0, -2.0]}, r"down_kw\[1\] is -2.0 kW"),
        ({"up_kw": [0.0]}, r"up_kw has shape \(1,\); expected \(2,\)"),
    ],
)
def test_bad_input_to_a_step_is_refused_by_peer(change, message):
    island = IslandFrequency(IslandParams(former=former()), 2, 0.1)
    arrays = {name: np.zeros(2) for name in ("load_kw", "der_kw", "down_kw", "up_kw")}
    arrays |= {name: np.array(value) for name, value in change.items()}
    with pytest.raises(ValueError, match=message):
        island.step(**arrays)
    arrays |= {name: np.zeros(2) for name in change}
    with pytest.raises(ValueError, match="former_kvar nan"):
        island.step(**arrays, former_kvar=math.nan)
