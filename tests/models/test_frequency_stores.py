"""What helps an island's former: other formers, containment, fast reserves, secondary control."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from models.frequency.area_parameters import SecondaryControl
from models.frequency.island import IslandFrequency
from models.frequency.parameters import Generator, GridFormer, IslandParams
from models.frequency.stores import ContainmentStore, FastStore, FormingStore

ONE = np.ones(1)


def former(**options):
    given = {"s_kva": 50, "p_max_kw": 50, "capacity_kwh": 50, "measurement_lag_s": 0.05}
    return GridFormer(**(given | options), efficiency_charge=1.0, efficiency_discharge=1.0)


def engine(**options):
    given = {"name": "engine", "s_kva": 100, "inertia_s": 2, "p_max_kw": 100, "p_set_kw": 40}
    return Generator(**(given | options))


def island(load_kw, dt_s=0.1, **parts):
    params = IslandParams(**({"former": former(), "stages": (), "load_percent_per_hz": 0} | parts))
    made = IslandFrequency(params, 1, dt_s)
    made.equilibrate(load_kw, 0.0)
    return made


def play(bench, load_kw, seconds):
    """Step with a constant load; return t, f and the stores' powers at the ticks' ends."""
    ends, powers = [], []
    for _ in range(round(seconds / bench.dt_s)):
        tick = bench.step(load_kw=load_kw * ONE, der_kw=0 * ONE, down_kw=0 * ONE, up_kw=0 * ONE)
        assert not tick.black
        ends.append(tick.f_end_hz)
        powers.append([*tick.stores_kw, tick.former_expected_kw])
    return np.arange(1, len(ends) + 1) * bench.dt_s, np.array(ends), np.array(powers)


def test_every_kind_of_store_and_secondary_control_match_solve_ivp():
    # A virtual machine, a droop on measured power, containment and a governor with PI control
    # behind 12 kW more load; no limit is met. M = 2 H S / f0 or lag over droop, all by hand.
    stores = (
        FormingStore(
            name="vsm", p_max_kw=20, capacity_kwh=9, measurement_lag_s=0.08, virtual_inertia_s=3
        ),
        FormingStore(name="droop", p_max_kw=30, capacity_kwh=9, measurement_lag_s=0.1),
        ContainmentStore(name="fcr", p_max_kw=10, capacity_kwh=9, full_at_hz=0.5, lag_s=0.6),
    )
    pi = SecondaryControl(bias_kw_per_hz=60, p_max_kw=50, proportional=0.2, integral_time_s=5)
    machine = engine(governor_lag_s=0.2, turbine_lag_s=0.4, droop_pu=0.05)
    bench = island(
        60.0,
        former=former(virtual_inertia_s=2, measurement_lag_s=0.04),
        generators=(machine,),
        stores=stores,
        secondary=pi,
    )
    t_s, f_hz, _ = play(bench, 72.0, 8)

    def slopes(_, x):
        f, reference, vsm, fcr, valve, turbine, summed = x
        inertia = 2 * 2 * 50 / 50 + 2 * 3 * 20 / 50 + 0.1 * 30 + 2 * 2 * 100 / 50
        beyond = math.copysign(max(abs(f) - 0.01, 0), f)
        asked = summed - 0.2 * 60 * f
        given = 20 + reference + vsm - 30 * f + fcr + turbine - 72
        return [
            given / inertia,
            (-50 * f - reference) / 0.04,
            (-20 * f - vsm) / 0.08,
            (-10 / 0.49 * beyond - fcr) / 0.6,
            (40 + asked - 100 / 2.5 * f - valve) / 0.2,
            (valve - turbine) / 0.4,
            -60 * f / 5,
        ]

    start = [0, 0, 0, 0, 40, 40, 0]
    exact = solve_ivp(slopes, (0, 8.001), start, t_eval=t_s, rtol=1e-8, atol=1e-8, max_step=0.02)
    assert np.abs(f_hz - 50 - exact.y[0]).max() < 1e-3
    assert f_hz.min() < 49.9


def test_formers_share_a_load_by_their_droops_and_their_charges_pay():
    # By hand: 50 kW at 2 % and 30 kW at 2 %, 25 kW at 1 %: 50, 30, 50 kW/Hz; 26 kW cost 0.2 Hz.
    stores = (
        FormingStore(name="like", p_max_kw=30, capacity_kwh=10, efficiency_discharge=0.8),
        FormingStore(name="stiff", p_max_kw=25, capacity_kwh=10, droop_pu=0.01),
    )
    bench = island(0.0, stores=stores)
    _, f_hz, powers_kw = play(bench, 26.0, 36)
    assert f_hz[-1] == pytest.approx(49.8, abs=1e-6)
    assert powers_kw[-1] == pytest.approx([6, 10, 10], abs=1e-4)
    given_kwh = powers_kw.sum(axis=0) * 0.1 / 3600
    assert bench.stores_soc[0] == pytest.approx(0.5 - given_kwh[0] / 0.8 / 10, abs=1e-12)
    bench.close()
    assert bench.former_soc == pytest.approx(0.5 - given_kwh[2] / 50, abs=1e-12)


def test_formers_share_the_first_blow_by_their_inertias():
    # By hand: M is 2 H S / f0 = 8, 2 and 6 kW s/Hz: of 16 kW each takes its part at once.
    stores = tuple(
        FormingStore(name=f"h{h}", p_max_kw=20, capacity_kwh=5, virtual_inertia_s=h, s_kva=s)
        for h, s in ((1, 50), (5, 30))
    )
    bench = island(0.0, 0.001, former=former(virtual_inertia_s=4), stores=stores)
    _, f_hz, powers_kw = play(bench, 16.0, 0.001)
    assert f_hz[-1] - 50 == pytest.approx(-1e-3, rel=1e-3)
    assert powers_kw[0] == pytest.approx([2, 6, 8], rel=2e-3)


def test_a_former_that_is_empty_leaves_its_part_to_the_others():
    empty = FormingStore(name="empty", p_max_kw=50, capacity_kwh=10, soc_initial=0.0)
    bench = island(0.0, stores=(empty,))
    _, f_hz, powers_kw = play(bench, 10.0, 5)
    assert powers_kw[:, 0].max() == 0.0
    assert f_hz[-1] == pytest.approx(49.8, abs=1e-6)


def test_a_fast_reserve_rises_holds_and_leaves_in_straight_lines():
    # 20 kW are missing at 2 H S / f0 = 8 kW s/Hz: 2.5 Hz/s, so 49.7 Hz is passed at 0.12 s.
    fast = FastStore(name="ffr", p_max_kw=20, capacity_kwh=10, full_in_s=0.7, hold_s=3, release_s=1)
    holds = former(droop_pu=math.inf, virtual_inertia_s=0.0, s_kva=200, p_max_kw=200)
    bench = island(40.0, former=holds, generators=(engine(droop_pu=math.inf),), stores=(fast,))
    t_s, f_hz, powers_kw = play(bench, 60.0, 5)
    called_s = 0.12
    line = np.interp(
        t_s - 0.05 - called_s, [0, 0.7, 3.7, 4.7], [0, 20, 20, 0]
    )  # mean of a tick on a straight line is its middle
    inside = (np.abs(t_s - 0.05 - called_s - np.array([[0], [0.7], [3.7], [4.7]])) > 0.07).all(0)
    assert powers_kw[inside, 0] == pytest.approx(line[inside], abs=0.3)
    # Closed form: f falls 20/8 t, less the integral of the ramp: 20 · 0.7 / 2 / 8.
    expected = 50 - 20 / 8 * (called_s + 0.7) + 20 * 0.35 / 8
    assert f_hz[20] == pytest.approx(expected, abs=0.02)


def test_secondary_control_of_formers_alone_brings_frequency_back():
    pi = SecondaryControl(bias_kw_per_hz=80, p_max_kw=60, proportional=0.0, integral_time_s=10)
    other = FormingStore(name="other", p_max_kw=30, capacity_kwh=9)
    bench = island(0.0, stores=(other,), secondary=pi)
    _, f_hz, powers_kw = play(bench, 24.0, 120)
    # Closed form of the slow mode: 24 kW / 80 kW/Hz, fading with 10 s (the swing is 0.05 s).
    assert f_hz[99] - 50 == pytest.approx(-0.3 * math.exp(-9.95 / 10), rel=1e-2)
    assert f_hz[-1] == pytest.approx(50, abs=1e-4)
    assert powers_kw[-1] == pytest.approx([9, 15], abs=0.01)


powers = st.floats(-70, 70, allow_subnormal=False)


@settings(max_examples=25, deadline=None)
@given(
    story=st.lists(st.tuples(powers, st.integers(1, 8)), min_size=1, max_size=6),
    soc=st.sampled_from([0.0, 1e-4, 0.5, 1.0]),
    inertia_s=st.sampled_from([None, 0.01, 3.0]),
    rotor=st.booleans(),
)
def test_energy_balances_and_no_store_leaves_its_limits_in_any_storm(story, soc, inertia_s, rotor):
    stores = (
        FormingStore(
            name="a", p_max_kw=20, capacity_kwh=0.02, soc_initial=soc, virtual_inertia_s=inertia_s
        ),
        FormingStore(name="b", p_max_kw=9, capacity_kwh=5, droop_pu=0.005),
        ContainmentStore(name="c", p_max_kw=8, capacity_kwh=0.01, soc_initial=soc, lag_s=0.1),
        FastStore(name="d", p_max_kw=15, capacity_kwh=0.01, soc_initial=soc, full_in_s=0),
    )
    pi = SecondaryControl(bias_kw_per_hz=50, p_max_kw=20, integral_time_s=1)
    bench = IslandFrequency(
        IslandParams(
            former=former(virtual_inertia_s=1.0),
            generators=(engine(),) if rotor else (),
            stores=stores,
            secondary=pi,
            load_percent_per_hz=0,
        ),
        1,
        0.1,
    )
    start_kwh, into_kwh, moved_kwh = bench.stored_kwh, 0.0, 1.0
    limits_kw = np.array([20, 9, 8, 15]) * (1 + 1e-12)
    for net_kw, ticks in story:
        load_kw, der_kw = max(net_kw, 0) * ONE, max(-net_kw, 0) * ONE
        for _ in range(ticks):
            tick = bench.step(load_kw=load_kw, der_kw=der_kw, down_kw=der_kw, up_kw=0 * ONE)
            numbers = [value for name in tick.__slots__ for value in np.ravel(getattr(tick, name))]
            assert np.isfinite(numbers).all()
            assert (np.abs(tick.stores_kw) <= limits_kw).all()
            assert ((bench.stores_soc >= -1e-9) & (bench.stores_soc <= 1 + 1e-9)).all()
            if tick.black:
                assert not tick.stores_kw.any()
                break
            given_kw = float((der_kw + tick.response_kw - tick.served_kw)[0]) + tick.generator_kw
            assert given_kw + tick.stores_kw.sum() + tick.former_expected_kw == pytest.approx(
                0, abs=1e-9
            )
            into_kwh += given_kw * 0.1 / 3600
            moved_kwh += abs(given_kw) * 0.1 / 3600
    if not tick.black:
        bench.close()
        gained_kwh = bench.stored_kwh - start_kwh + bench.conversion_loss_kwh
        assert gained_kwh == pytest.approx(into_kwh, abs=1e-9 * moved_kwh)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FormingStore(name="a", p_max_kw=5, capacity_kwh=5, droop_pu=0.0), "droop_pu is 0"),
        (
            lambda: FormingStore(name="a", p_max_kw=5, capacity_kwh=5, virtual_inertia_s=0.0),
            "virtual_inertia_s is 0.0 s; expected above 0",
        ),
        (
            lambda: ContainmentStore(name="a", p_max_kw=5, capacity_kwh=5, insensitivity_hz=0.3),
            "insensitivity_hz is 0.3 Hz; expected below full_at_hz",
        ),
        (
            lambda: FastStore(name="a", p_max_kw=5, capacity_kwh=5, hold_s=-1),
            "hold_s is -1 s; expected 0 to 3600 s",
        ),
        (
            lambda: island(
                0.0, stores=(FastStore(name="a", p_max_kw=5, capacity_kwh=5, below_hz=50.1),)
            ),
            "'a': below_hz is 50.1 Hz; expected below nominal_hz",
        ),
        (
            lambda: FormingStore(name="a", p_max_kw=5, capacity_kwh=5, efficiency_charge=1.2),
            "efficiency_charge is 1.2; expected above 0, at most 1",
        ),
    ],
)
def test_impossible_stores_are_refused_by_name_value_and_unit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
