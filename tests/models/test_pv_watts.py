from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pvlib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pv.watts import PvPlantParams, PvPlants

ROOF = PvPlantParams(p_kwp=10.0, ac_kw=8.0)


def power(plant, light, *, air_c=20.0, wind=1.0):
    plants = PvPlants([plant])
    plants.power(*(np.array([value], dtype=float) for value in (light, air_c, wind)))
    return plants


def test_power_of_a_warm_plant_by_hand():
    # By hand: 500 W/m² warm cells by 500/(25 + 6.84) = 15.703 K to 35.703 °C; at −0.47 %/K,
    # 5 kW · 0.949694 · 0.86 = 4.083686 kW; ζ = 4.083686/(8/0.96) = 0.490042, and
    # η = 0.96/0.9637 · (−0.0162 ζ − 0.0059/ζ + 0.9858) = 0.962115.
    plants = power(ROOF, 500.0)
    assert plants.cell_c[0] == pytest.approx(35.7035, abs=1e-4)
    assert plants.dc_kw[0] == pytest.approx(4.083686, abs=1e-5)
    assert plants.ac_kw[0] == pytest.approx(4.083686 * 0.962115, abs=1e-4)


def test_cells_reach_their_noct_under_its_own_conditions():
    # The definition: 800 W/m² in air of 20 °C.
    plant = PvPlantParams(p_kwp=1.0, ac_kw=1.0, noct_c=47.0)
    assert power(plant, 800.0).cell_c[0] == pytest.approx(47.0)


def test_the_inverter_clips_at_its_rating_and_sleeps_in_twilight():
    assert power(ROOF, 1400.0, air_c=-10.0).ac_kw[0] == 8.0
    # By hand: below ζ = 0.00599 the curve is under zero; 5 W/m² give about 0.005.
    assert power(ROOF, 5.0).ac_kw[0] == 0.0
    assert power(ROOF, 0.0).ac_kw[0] == 0.0


@given(
    light=st.one_of(st.floats(-1e4, 1e4), st.just(np.nan)),
    air_c=st.floats(-60.0, 60.0),
    wind=st.floats(-5.0, 60.0),
)
def test_no_light_however_odd_gives_more_than_the_rating_or_no_number(light, air_c, wind):
    assert 0.0 <= power(ROOF, light, air_c=air_c, wind=wind).ac_kw[0] <= 8.0


SECONDS = pd.date_range(datetime(2016, 6, 14, tzinfo=UTC), periods=17_280, freq="5s")


def sky(day):
    """Light on a tilted plane under a clear sky with clouds before it, air and wind, by pvlib."""
    place = pvlib.location.Location(51.0, 10.0)
    times = SECONDS + pd.Timedelta(days=day)
    sun = place.get_solarposition(times)
    clear = place.get_clearsky(times, model="haurwitz", solar_position=sun)["ghi"]
    wave = 0.5 + 0.5 * np.sin(np.arange(times.size) / 37.0)
    ghi = clear * (1.0 - 0.7 * wave)
    split = pvlib.irradiance.erbs(ghi, sun["zenith"], times)
    plane = pvlib.irradiance.get_total_irradiance(
        35.0, 160.0, sun["apparent_zenith"], sun["azimuth"], split["dni"], ghi, split["dhi"]
    )["poa_global"].fillna(0.0)
    hours = times.hour + times.minute / 60.0
    # In the last seconds of light pvlib divides by less than numbers can hold.
    plane = plane.where(plane > 1e-3, 0.0)
    return plane, 15.0 + 8.0 * np.sin((hours - 9.0) / 24.0 * 2.0 * np.pi), 2.0 + wave


@pytest.mark.parametrize("day", [0, 100, 183])
def test_power_is_that_of_the_pvlib_chain(day):
    # 1 % of the day's energy and, at every instant, 2 % of the rating were asked for; the same
    # equations in another order agree to rounding, which a slip in either would not.
    plane, air_c, wind = sky(day)
    cell_c = pvlib.temperature.faiman(plane, air_c, wind)
    dc_kw = pvlib.pvsystem.pvwatts_dc(plane, cell_c, 10.0, -0.0047) * 0.86
    expected_kw = pvlib.inverter.pvwatts(dc_kw.to_numpy(), 8.0 / 0.96)
    plants = PvPlants([ROOF] * plane.size)
    ours_kw = plants.power(plane.to_numpy(), np.asarray(air_c), wind)
    assert ours_kw.sum() > 0.0
    assert ours_kw.sum() == pytest.approx(expected_kw.sum(), rel=1e-9)
    np.testing.assert_allclose(ours_kw, expected_kw, atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"efficiency": 1.1}, "efficiency is 1.1; expected 0 to 1"),
        ({"losses": 1.0}, "losses is 1.0"),
        ({"gamma_per_k": 0.004}, "gamma_per_k is 0.004"),
        ({"noct_c": 20.0}, "noct_c is 20.0; expected above the 20 °C"),
        ({"u0": 0.0}, "u0 is 0.0; expected more than 0: cells give heat"),
        ({"p_kwp": -1.0, "ac_kw": np.inf}, "p_kwp is -1.0; expected more than 0; ac_kw is inf"),
    ],
)
def test_impossible_plants_are_refused_with_the_physics_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        PvPlantParams(**({"p_kwp": 5.0, "ac_kw": 5.0} | wrong))
