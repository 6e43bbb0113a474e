"""Areas on tie-lines: closed forms of the steady state, reserves, separation and its end."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from models.frequency.area_parameters import (
    Area,
    Containment,
    FastReserve,
    SecondaryControl,
    SynchroCheck,
    Tie,
)
from models.frequency.areas import AreaFrequency
from models.frequency.parameters import Generator


def unit(name="unit", **given):
    options = {"s_kva": 1000, "inertia_s": 4, "p_max_kw": 1000, "p_set_kw": 500}
    options |= {"droop_pu": 0.05, "turbine_lead_s": 2.1, "turbine_lag_s": 7.0}
    return Generator(name=name, **(options | given))


def pair(**given):
    return [Area(name=name, units=(unit(),), load_percent_per_hz=0, **given) for name in "ab"]


def joined(areas, **given):
    options = {"dt_s": 0.1, "load_kw": {"a": 500, "b": 500}}
    return AreaFrequency(areas, [Tie(name="tie", start="a", end="b", p_max_kw=800)], **options)


def play(model, load_kw, seconds):
    return [model.step(load_kw).f_end_hz.copy() for _ in range(round(seconds / 0.1))]


def test_two_areas_share_a_loss_by_their_stiffness():
    # By hand: 1000 kW / (5 % of 50 Hz) = 400 kW/Hz each; 80 kW cost 0.1 Hz, 40 kW cross the tie.
    model = joined(pair())
    f_hz = play(model, [500, 580], 120)[-1]
    assert f_hz == pytest.approx([49.9, 49.9], abs=1e-4)
    assert model.step([500, 580]).tie_kw[0] == pytest.approx(40, abs=0.05)


def test_secondary_control_brings_frequency_and_exchange_back():
    # With the bias at its own stiffness, only the faulted area moves: a's units end as they began.
    secondary = SecondaryControl(
        bias_kw_per_hz=400, p_max_kw=300, proportional=0.1, integral_time_s=20
    )
    model = joined(pair(secondary=secondary))
    play(model, [500, 580], 600)
    tick = model.step([500, 580])
    assert tick.f_end_hz == pytest.approx([50, 50], abs=1e-3)
    assert tick.tie_kw[0] == pytest.approx(0, abs=0.1)
    assert tick.mechanical_kw == pytest.approx([500, 580], abs=0.1)


def test_containment_gives_its_share_at_the_steady_state():
    # By hand: 400 kW/Hz of governor; reserve 38 kW / 0.19 Hz = 200 kW/Hz beyond 10 mHz:
    # 400 d + 200 (d - 0.01) = 58, so d = 0.1 Hz and the reserve gives 18 kW.
    reserve = Containment(name="fcr", p_max_kw=38)
    area = Area(name="a", units=(unit(),), reserves=(reserve,), load_percent_per_hz=0)
    model = AreaFrequency([area], dt_s=0.1, load_kw={"a": 500})
    f_hz = play(model, [558], 200)[-1]
    assert f_hz[0] == pytest.approx(49.9, abs=1e-4)
    assert model.step([558]).reserves_kw[0] == pytest.approx(18, abs=0.02)


def test_a_fast_reserve_waits_its_delay_holds_and_then_ends():
    reserve = FastReserve(name="ffr", p_max_kw=150, below_hz=49.7, delay_s=0.7, hold_s=5)
    area = Area(name="a", units=(unit(),), reserves=(reserve,), load_percent_per_hz=0)
    model = AreaFrequency([area], dt_s=0.1, load_kw={"a": 500})
    ticks = [model.step([700]) for _ in range(1)]
    below = active = None
    for at in range(1, 200):
        tick = model.step([700] if at < 100 else [500])
        if below is None and tick.f_end_hz[0] < 49.7:
            below = at
        if active is None and tick.reserves_kw[0] > 0:
            active = at
    assert ticks[0].dark[0] == 0
    assert 0.6 <= (active - below) * 0.1 <= 0.9
    assert tick.reserves_kw[0] == pytest.approx(0, abs=1e-6)


def test_areas_with_governor_and_tie_match_solve_ivp():
    model = joined(pair())
    ours = np.array(play(model, [500, 580], 20)) - 50

    def slopes(_, x):
        (fa, fb), angle, (va, vb), (ta, tb) = x[:2], x[2], x[3:5], x[5:7]
        flow = 800 * math.sin(angle)
        powers = [t + 2.1 * (v - t) / 7 for v, t in ((va, ta), (vb, tb))]
        m = 2 * 4 * 1000 / 50
        swing = [(powers[0] - 500 - flow) / m, (powers[1] - 580 + flow) / m]
        valves = [(500 - 400 * f - v) / 0.1 for f, v in ((fa, va), (fb, vb))]
        return [*swing, 2 * math.pi * (fa - fb), *valves, (va - ta) / 7, (vb - tb) / 7]

    t_s = np.arange(1, 201) * 0.1
    start = [0, 0, 0, 500, 500, 500, 500]
    exact = solve_ivp(slopes, (0, 20.01), start, t_eval=t_s, rtol=1e-10, atol=1e-10)
    assert np.abs(ours - exact.y[:2].T).max() < 1e-5


def test_parted_areas_swing_alone_and_join_only_when_they_are_alike():
    model = joined(pair())
    model.open_tie("tie")
    f_hz = play(model, [500, 580], 60)[-1]
    assert f_hz == pytest.approx([50, 49.8], abs=1e-3)
    strict = SynchroCheck(f_hz=0.1, angle_deg=10)
    assert any("frequencies differ by 0.2 Hz" in text for text in model.close_tie("tie", strict))
    play(model, [500, 508], 120)
    waited = 0
    while model.close_tie("tie", strict):
        model.step([500, 508])
        waited += 1
    assert 0 < waited < 1000
    f_hz, angle_deg = model.differences("tie")
    assert abs(f_hz) <= 0.1
    assert abs(angle_deg) <= 10
    assert "voltages differ by 0.2 p.u." in model.close_tie("tie", vm_pu=0.2)[0]
    assert play(model, [500, 508], 60)[-1] == pytest.approx([49.99, 49.99], abs=1e-3)


def test_an_area_beyond_its_trips_is_black_spares_the_other_and_can_be_restarted():
    # 1500 kW are beyond b's 1000 kW and what the tie can bring; a loses b and its export.
    model = joined(pair())
    play(model, [500, 1500], 60)
    tick = model.step([500, 1500])
    assert tick.dark.tolist() == [0, 1]
    assert (tick.f_hz[1], tick.mechanical_kw[1], tick.served_kw[1]) == (0, 0, 0)
    assert tick.f_hz[0] == pytest.approx(50, abs=0.01)
    assert "'b' is black" in model.close_tie("tie")[0]
    model.restart("b", 300)
    tick = model.step([500, 300])
    assert tick.f_hz[1] == pytest.approx(50, abs=1e-6)
    assert model.step([500, 300]).dark.tolist() == [0, 0]


@given(
    steps=st.lists(st.floats(-2000, 2000), min_size=1, max_size=15),
    s_kva=st.floats(100, 5000),
    tie_kw=st.floats(1, 5000),
)
def test_no_storm_of_steps_lets_anything_but_numbers_out(steps, s_kva, tie_kw):
    areas = [Area(name=n, units=(unit(s_kva=s_kva, p_max_kw=1000),)) for n in "ab"]
    tie = Tie(name="tie", start="a", end="b", p_max_kw=tie_kw)
    model = AreaFrequency(areas, [tie], dt_s=0.1, load_kw={"a": 500, "b": 500})
    for step_kw in steps:
        tick = model.step([500 + step_kw, 500])
        for values in (tick.f_hz, tick.f_min_hz, tick.mechanical_kw, tick.tie_kw, tick.served_kw):
            assert np.isfinite(values).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Area(name="a", units=()), "no unit"),
        (lambda: unit(droop_pu=0.0), "droop_pu is 0.0 p.u."),
        (lambda: Containment(name="r", p_max_kw=1, full_at_hz=0.0), "full_at_hz is 0.0 Hz"),
        (lambda: Tie(name="t", start="a", end="a", p_max_kw=1), "to itself"),
        (lambda: Tie(name="t", start="a", end="b", p_max_kw=1, p_set_kw=1), "within 99 %"),
        (
            lambda: AreaFrequency(pair()[:1], dt_s=0.1, load_kw={"a": 5000}),
            "1000 kW at most or least; expected 5000 kW",
        ),
        (
            lambda: joined(pair()).step([math.nan, 0]),
            "expected 2 finite values",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name_value_and_unit(make, message):
    with pytest.raises(ValueError, match=message):
        make()
