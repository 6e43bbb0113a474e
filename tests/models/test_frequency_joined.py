"""A village parts from the grid, turns away from it, joins again; goes black and starts anew."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from models.frequency.area_parameters import SecondaryControl, SynchroCheck
from models.frequency.joined import JoinedIsland
from models.frequency.parameters import Generator, GridFormer, IslandParams, ShedStage
from models.frequency.process import FrequencyTick, NominalFrequency
from models.frequency.stores import FormingStore

ONE = np.ones(2)


class Steady:
    """A grid that stays where it is."""

    def __init__(self, f_hz):
        self._tick = FrequencyTick(f_hz, f_hz, f_hz, 0.0)

    def step(self):
        return self._tick


def village(f_hz=50.0, **options):
    parts = {
        "former": GridFormer(
            s_kva=50, p_max_kw=50, capacity_kwh=50, measurement_lag_s=0.05, virtual_inertia_s=2
        ),
        "stages": (),
        "load_percent_per_hz": 0,
    }
    kept = ("has_former", "connected", "check", "restore_every_s")
    more = {name: options.pop(name) for name in kept if name in options}
    params = IslandParams(**(parts | options))
    return JoinedIsland(params, 2, 0.1, source=Steady(f_hz), **more)


def play(bench, load_kw, ticks, der_kw=0.0):
    ends = []
    for _ in range(ticks):
        given = {"down_kw": der_kw / 2 * ONE, "up_kw": 0 * ONE}
        tick = bench.step(load_kw=load_kw / 2 * ONE, der_kw=der_kw / 2 * ONE, **given)
        ends.append(tick.f_end_hz)
    return np.array(ends), tick


def test_on_the_grid_frequency_is_its_own_and_the_former_rests():
    bench = village(49.97)
    f_hz, tick = play(bench, 30.0, 5)
    assert (f_hz == 49.97).all()
    assert tick.served_kw.tolist() == [15.0, 15.0]
    assert (bench.former_soc, tick.former_expected_kw, bench.conversion_loss_kwh) == (0.5, 0, 0)


def test_on_a_fast_grid_pv_reduces_by_its_droop():
    # By hand: 0.25 Hz beyond 50.2 Hz at 40 %/Hz are a tenth of 30 kW.
    _, tick = play(village(50.45), 30.0, 1, der_kw=30.0)
    assert tick.response_kw.sum() == pytest.approx(-3.0)


def test_a_parting_village_swings_from_the_grids_frequency_as_solve_ivp_says():
    engine = Generator(
        name="engine", s_kva=40, inertia_s=1, p_max_kw=40, p_set_kw=15, turbine_lag_s=0.5
    )
    other = FormingStore(name="other", p_max_kw=20, capacity_kwh=9, measurement_lag_s=0.1)
    bench = village(49.96, generators=(engine,), stores=(other,))
    play(bench, 30.0, 3)
    bench.part()
    f_hz, _ = play(bench, 30.0, 40)

    def slopes(_, x):
        f, droop, valve, turbine = x
        swing = droop - 20 * f + turbine - 30
        inertia = 2 * 2 * 50 / 50 + 0.1 * 20 + 2 * 1 * 40 / 50
        governor = (15 - 40 / 2.5 * f - valve) / 0.1
        return [swing / inertia, (-50 * f - droop) / 0.05, governor, (valve - turbine) / 0.5]

    t_s = np.arange(1, 41) * 0.1
    start = [-0.04, 0, 15, 15]
    exact = solve_ivp(slopes, (0, 4.001), start, t_eval=t_s, rtol=1e-8, atol=1e-8, max_step=0.02)
    assert np.abs(f_hz - 50 - exact.y[0]).max() < 1e-3


def test_the_angle_is_the_integral_of_the_difference_and_the_check_refuses_by_name():
    # By hand: 25 kW at 50 kW/Hz are 0.5 Hz, more than IEEE 1547's 0.3 Hz; 180 degrees a second.
    bench = village()
    play(bench, 25.0, 1)
    bench.part(angle_deg=-30.0)
    play(bench, 25.0, 100)
    before = bench.angle_deg
    play(bench, 25.0, 10)
    assert bench.angle_deg - before == pytest.approx(-180.0, abs=1e-6)
    faults = bench.join(vm_pu=0.12)
    assert any(text.startswith("frequencies differ by -0.5 Hz; expected 0.3 Hz") for text in faults)
    assert any(text.startswith("voltages differ by 0.12 p.u.; expected 0.1") for text in faults)
    assert not bench.connected


def test_secondary_control_turns_the_village_towards_the_grid_until_it_may_join():
    pi = SecondaryControl(bias_kw_per_hz=50, p_max_kw=50, integral_time_s=2)
    bench = village(49.9, secondary=pi, check=SynchroCheck(f_hz=0.1, angle_deg=10))
    play(bench, 20.0, 1)
    bench.part()
    play(bench, 20.0, 200)
    assert bench.differences(0.0)["f_hz"] == pytest.approx(0.1, abs=5e-3)
    waited = 0
    while bench.join():
        play(bench, 20.0, 1)
        waited += 1
    left = bench.differences(0.0)
    # A turn at 0.05 Hz beyond the grid takes 20 s at most, and the control's swing before it.
    assert 0 < waited < 350
    assert abs(left["f_hz"]) <= 0.1
    assert abs(left["angle_deg"]) <= 10
    f_hz, tick = play(bench, 20.0, 1)
    assert (f_hz[0], tick.former_expected_kw) == (49.9, 0.0)


def test_the_formers_charge_pays_for_the_time_alone_and_for_no_other():
    # By hand: 20 kW for 3 s of 6 s from a store with 95 %.
    bench = village(check=SynchroCheck(f_hz=2, vm_pu=0.5, angle_deg=90))
    for part in (True, False):
        play(bench, 20.0, 15)
        if part:
            bench.part()
            play(bench, 20.0, 30)
            bench.angle_deg = 0.0
            assert bench.join() == []
    expected_kwh = 20 * 3 / 3600 / 0.95
    assert 25 - bench.stored_kwh == pytest.approx(expected_kwh, rel=0.05)
    spent_kwh = bench.stored_kwh
    play(bench, 20.0, 15)
    assert bench.stored_kwh == spent_kwh


def test_without_a_former_the_village_is_black_until_the_grid_is_back():
    bench = village(has_former=False)
    play(bench, 20.0, 2)
    bench.part()
    f_hz, tick = play(bench, 20.0, 2, der_kw=5.0)
    assert tick.black
    assert (f_hz == 0).all()
    assert tick.served_kw.sum() == 0
    assert tick.response_kw.sum() == -5
    assert "no grid-former" in bench.black_start(10 * ONE)[0]
    assert bench.join(vm_pu=1.0) == []
    _, tick = play(bench, 20.0, 1)
    assert not tick.black
    assert tick.served_kw.sum() == 20


def test_a_black_start_picks_up_what_no_stage_sheds_and_then_stage_by_stage():
    stages = (ShedStage(below_hz=49.0, share=0.4), ShedStage(below_hz=48.5, share=0.3))
    bench = village(stages=stages, restore_every_s=1.0)
    bench.part()
    bench.trip_former()
    assert play(bench, 40.0, 3)[1].black
    # 0.3 of 400 kW are more than the former's 50 kW, and 0.3 of 40 kW are not.
    assert "of 120 kW the former would have 120 kW, not" in bench.black_start(200 * ONE)[0]
    assert bench.black_start(20 * ONE) == []
    f_hz, tick = play(bench, 40.0, 5)
    assert f_hz == pytest.approx([50.0] * 5, abs=1e-9)
    assert tick.served_kw.sum() == pytest.approx(12.0)
    seen = [play(bench, 40.0, 1)[1].served_kw.sum() for _ in range(60)]
    assert sorted({round(kw) for kw in seen}) == [12, 24, 40]
    # 28 kW more than it was set for at 50 kW/Hz.
    assert play(bench, 40.0, 50)[0][-1] == pytest.approx(50 - 28 / 50, abs=1e-3)


def test_a_nominal_grid_and_a_village_that_begins_alone():
    params = IslandParams(former=GridFormer(s_kva=9, p_max_kw=9, capacity_kwh=9), stages=())
    bench = JoinedIsland(params, 2, 0.1, source=NominalFrequency(), connected=False)
    bench.equilibrate(4.0, 0.0)
    f_hz, tick = play(bench, 4.0, 3)
    assert f_hz == pytest.approx([50.0] * 3, abs=1e-9)
    assert tick.former_expected_kw == pytest.approx(4.0)
