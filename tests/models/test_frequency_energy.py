"""Energy and sums of an island, beside a power flow with quadratic losses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.frequency.island import IslandFrequency
from models.frequency.parameters import Generator, GridFormer, InverterResponse, IslandParams

N_PEERS, DT_S = 5, 0.1
HOURS = DT_S / 3600


def island(*, soc, inertia_s, lag_s, rated, assigned):
    engine = Generator(name="engine", s_kva=30, inertia_s=1, p_max_kw=27, p_set_kw=12)
    hydro = Generator.reheat(name="hydro", s_kva=10, inertia_s=3, p_max_kw=9, p_set_kw=4)
    return IslandFrequency(
        IslandParams(
            former=GridFormer(
                s_kva=60,
                p_max_kw=50,
                capacity_kwh=4,
                soc_initial=soc,
                efficiency_charge=0.93,
                efficiency_discharge=0.96,
                measurement_lag_s=lag_s,
                virtual_inertia_s=inertia_s,
            ),
            generators=(engine, hydro),
            inverters=InverterResponse(
                support_percent_per_hz=100, rated_kw=[20.0] * N_PEERS if rated else None
            ),
            stage_of_peer=[-1, 0, 1, 2, 3] if assigned else None,
        ),
        N_PEERS,
        DT_S,
    )


def power_flow(tick, load_kw, der_kw):
    """The former's residual and the losses: 1 % at 50 kW, quadratic in what it delivers."""
    lossless_kw = tick.served_kw.sum() - der_kw.sum() - tick.response_kw.sum() - tick.generator_kw
    losses_kw = 0.5 * (lossless_kw / 50) ** 2
    return lossless_kw + losses_kw, losses_kw


powers = st.floats(0, 18, allow_subnormal=False)
changes = st.tuples(powers, powers, st.integers(1, 12), st.sampled_from(["", "engine", "restore"]))


@given(
    story=st.lists(changes, min_size=1, max_size=8),
    soc=st.floats(0.05, 0.99),
    inertia_s=st.sampled_from([None, 0.0, 0.7]),
    lag_s=st.sampled_from([0.01, 0.06]),
    rated=st.booleans(),
    assigned=st.booleans(),
)
def test_energy_balances_and_sums_are_exact_in_every_island(
    story, soc, inertia_s, lag_s, rated, assigned
):
    bench = island(soc=soc, inertia_s=inertia_s, lag_s=lag_s, rated=rated, assigned=assigned)
    share = np.array([0.5, 1.5, 1.0, 0.7, 1.3])
    start_kwh, losses_kw, former_kw = bench.stored_kwh, 0.0, None
    into_kwh = out_kwh = moved_kwh = 0.0
    for load, der, ticks, event in story:
        if event == "engine":
            bench.trip_generator("engine")
        if event == "restore":
            bench.restore()
        load_kw, der_kw = load * share, der * share[::-1]
        for _ in range(ticks):
            tick = bench.step(
                load_kw=load_kw,
                der_kw=der_kw,
                down_kw=der_kw,
                up_kw=0.2 * der_kw,
                losses_kw=losses_kw,
                former_kw=former_kw,
            )
            numbers = [value for name in tick.__slots__ for value in np.ravel(getattr(tick, name))]
            assert np.isfinite(numbers).all()
            assert 0 <= tick.former_soc <= 1
            if tick.black:
                assert (der_kw + tick.response_kw == 0).all()
                former_kw, losses_kw = 0.0, 0.0
                continue
            assert (tick.response_kw >= -der_kw * (1 + 1e-12)).all()
            assert (tick.response_kw <= 0.2 * der_kw * (1 + 1e-12)).all()
            assert ((tick.shed_fraction >= 0) & (tick.shed_fraction <= 1)).all()
            before_kw, (former_kw, losses_kw) = losses_kw, power_flow(tick, load_kw, der_kw)
            assert tick.unexplained_kw == pytest.approx(0, abs=1e-9)
            expected_kw = former_kw - losses_kw + before_kw
            scale_kw = max(load_kw.sum(), der_kw.sum(), 1.0)
            assert tick.former_expected_kw == pytest.approx(expected_kw, abs=1e-12 * scale_kw)
            given_kw = (der_kw + tick.response_kw).sum()
            into_kwh += given_kw * HOURS
            out_kwh += (tick.served_kw.sum() + losses_kw) * HOURS
            moved_kwh += (abs(given_kw) + tick.served_kw.sum() + abs(former_kw)) * HOURS
    bench.close(former_kw)

    turbines_kwh = bench.mechanical_kwh - bench.kinetic_kwh
    stored_kwh = bench.stored_kwh - start_kwh + bench.conversion_loss_kwh
    assert turbines_kwh == pytest.approx(bench.generator_kwh, abs=1e-9)
    assert turbines_kwh + into_kwh - out_kwh == pytest.approx(
        stored_kwh, abs=1e-9 * max(moved_kwh, 1)
    )


def test_the_rotors_energy_is_what_the_turbines_gave_and_the_grid_did_not_get():
    # By hand: 2 H S / f0 is 1.2 kW s/Hz for the engine and 1.2 for the hydro set.
    bench = island(soc=0.5, inertia_s=None, lag_s=0.05, rated=False, assigned=False)
    bench.equilibrate(30.0, 0.0)
    zero, load_kw = np.zeros(N_PEERS), np.full(N_PEERS, 8.0)
    for _ in range(7):
        tick = bench.step(load_kw=load_kw, der_kw=zero, down_kw=zero, up_kw=zero)
    assert bench.kinetic_kwh == pytest.approx(2.4 * (tick.f_end_hz - 50) / 3600, rel=1e-9)
    assert bench.kinetic_kwh < 0
