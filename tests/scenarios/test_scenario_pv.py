"""Modules under a scenario's weather, held against the whole chain by pvlib at every instant."""

from pathlib import Path

import numpy as np
import pandas as pd
import pvlib
import pytest

import scenarios.weather
from cosim import build
from scenarios.faults import ScenarioError
from scenarios.load import load_scenario
from scenarios.weather import weather_faults

STREET = """
scenario: street
time: {{start: "{start}", duration: 30 min, tick: 1 s}}
grid: {{network: {village}}}
weather: {weather}
lpd: {{capacity_kwh: 1, p_max_kw: 0.001}}
peers:
  - name: east
    bus: KV_1_4
    pv: {{p_kwp: 10, s_kva_per_kwp: 0.7, modules: {{tilt_deg: 35, azimuth_deg: 90}}}}
  - name: west
    bus: KV_1_6
    pv: {{p_kwp: 6, modules: {{tilt_deg: 60, azimuth_deg: 270, albedo: 0.4}}}}
"""
MORNING, EVENING = "2016-06-14T09:30:00+02:00", "2016-01-20T14:00:00+01:00"
VILLAGE = Path(scenarios.weather.__file__).parent / "grids/kerber-village.json"
PLACE = {"latitude_deg": 48.1, "longitude_deg": 11.6, "altitude_m": 520.0}


def street(tmp_path, *, start=MORNING, **weather):
    file = tmp_path / "street.yaml"
    file.write_text(STREET.format(start=start, weather=PLACE | weather, village=VILLAGE), "utf-8")
    return load_scenario(file)


def available_kw(resolved, seconds):
    """What a run would be told, of the two roofs."""
    read = build.second_reader(resolved, build.profiles(resolved))
    return np.array([read(second)[2][:2] for second in seconds])


def chain(plane, ac_kw, p_kwp, times, light, *, albedo, air_c, wind):
    """PV by pvlib alone, at every instant."""
    site = pvlib.location.Location(PLACE["latitude_deg"], PLACE["longitude_deg"], altitude=520.0)
    sun = site.get_solarposition(times)
    if light is None:
        light = site.get_clearsky(times, model="simplified_solis", solar_position=sun)
    on = pvlib.irradiance.get_total_irradiance(
        *plane,
        sun["apparent_zenith"],
        sun["azimuth"],
        light["dni"],
        light["ghi"],
        light["dhi"],
        dni_extra=pvlib.irradiance.get_extra_radiation(times),
        albedo=albedo,
        model="haydavies",
    )["poa_global"].fillna(0.0)
    cell_c = pvlib.temperature.faiman(on, air_c, wind)
    dc_kw = pvlib.pvsystem.pvwatts_dc(on, cell_c, p_kwp, -0.0047) * 0.86
    return np.nan_to_num(pvlib.inverter.pvwatts(dc_kw.to_numpy(), ac_kw / 0.96))


def both(times, light=None, *, air_c=15.0, wind=1.0):
    east = chain((35, 90), 7.0, 10.0, times, light, albedo=0.2, air_c=air_c, wind=wind)
    west = chain((60, 270), 6.0, 6.0, times, light, albedo=0.4, air_c=air_c, wind=wind)
    return np.stack([east, west], axis=1)


def assert_like(ours_kw, expected_kw):
    """1 % of the energy, and at every instant 2 % of the rating."""
    assert expected_kw.sum() > 0.0
    np.testing.assert_allclose(ours_kw.sum(axis=0), expected_kw.sum(axis=0), rtol=0.01)
    assert (np.abs(ours_kw - expected_kw) <= 0.02 * np.array([7.0, 6.0])).all()


@pytest.mark.parametrize("start", [MORNING, EVENING])
def test_roofs_under_a_clear_sky_are_those_of_pvlib(tmp_path, start):
    seconds = range(0, 1800, 10)
    ours_kw = available_kw(street(tmp_path, start=start), seconds)
    times = pd.Timestamp(start) + pd.to_timedelta(np.array(seconds) + 0.5, unit="s")
    assert_like(ours_kw, both(times))


def weather_file(tmp_path, step_s, columns):
    """Six hours of light with clouds before it, as a logger of that interval would have it."""
    times = pd.date_range("2016-06-14T06:00", periods=6 * 3600 // step_s, freq=f"{step_s}s")
    times = times.tz_localize("Europe/Berlin")
    middles = times + pd.Timedelta(seconds=step_s / 2)
    site = pvlib.location.Location(48.1, 11.6, altitude=520.0)
    light = site.get_clearsky(middles, model="simplified_solis").set_index(times)
    clouds = 1.0 - 0.6 * np.sin(np.arange(times.size) * step_s / 120.0) ** 2
    light["dni"] = light["dni"] * clouds
    zenith = site.get_solarposition(middles)["apparent_zenith"].to_numpy()
    light["ghi"] = light["dhi"] + light["dni"] * np.cos(np.deg2rad(zenith)).clip(0.0)
    names = {"ghi": "ghi_w_per_m2", "dni": "dni_w_per_m2", "dhi": "dhi_w_per_m2"}
    table = light.rename(columns=names)[columns]
    table["air_c"], table["wind_m_per_s"] = 25.0, 3.0
    table.index = [time.isoformat() for time in times]
    table.to_csv(tmp_path / "sky.csv", index_label="time")
    return middles, light.set_index(middles)


def test_a_weather_file_is_played_as_pvlib_would_at_its_own_instants(tmp_path):
    middles, light = weather_file(tmp_path, 10, ["ghi_w_per_m2", "dni_w_per_m2", "dhi_w_per_m2"])
    start = pd.Timestamp(MORNING)
    inside = (middles >= start) & (middles < start + pd.Timedelta(minutes=30))
    seconds = ((middles[inside] - start).total_seconds()).astype(int)
    ours_kw = available_kw(street(tmp_path, file="sky.csv"), seconds)
    expected_kw = both(middles[inside], light[inside], air_c=25.0, wind=3.0)
    assert ours_kw[:, 0].min() < 0.7 * ours_kw[:, 0].max()  # the clouds are there
    assert_like(ours_kw, expected_kw)


def test_global_light_alone_is_parted_after_erbs(tmp_path):
    middles, light = weather_file(tmp_path, 60, ["ghi_w_per_m2"])
    start = pd.Timestamp(MORNING)
    inside = (middles >= start) & (middles < start + pd.Timedelta(minutes=30))
    times = middles[inside]
    site = pvlib.location.Location(48.1, 11.6, altitude=520.0)
    ghi = light["ghi"][inside]
    parts = pvlib.irradiance.erbs(ghi, site.get_solarposition(times)["zenith"], times)
    given = pd.DataFrame({"ghi": ghi, "dni": parts["dni"], "dhi": parts["dhi"]})
    seconds = ((times - start).total_seconds()).astype(int)
    ours_kw = available_kw(street(tmp_path, file="sky.csv"), seconds)
    assert_like(ours_kw, both(times, given, air_c=25.0, wind=3.0))


def test_what_managers_expect_is_the_mean_of_what_roofs_offer(tmp_path):
    resolved = street(tmp_path)
    refined = build.profiles(resolved)
    quarter = int((resolved.scenario.time.start - refined.start).total_seconds()) // 900
    offered_kw = available_kw(resolved, range(900)).mean(axis=0)
    np.testing.assert_allclose(refined.pv_kw[quarter, :2], offered_kw, rtol=1e-12)


def test_clouds_take_of_the_beam_and_reach_roofs_one_after_the_other(tmp_path):
    seconds = range(1800)
    clear_kw = available_kw(street(tmp_path), seconds)
    clouded_kw = available_kw(street(tmp_path, clouds={"depth": 0.9}), seconds)
    assert (clouded_kw <= clear_kw + 1e-12).all()
    assert clouded_kw[:, 0].min() < 0.5 * clear_kw[:, 0].min()
    assert not np.array_equal(np.diff(clouded_kw[:, 0]) < 0, np.diff(clouded_kw[:, 1]) < 0)


def test_steep_edges_are_drawn_for_profiles_as_for_modules(tmp_path):
    largest_kw = {}
    for edges in ("smooth", "steep"):
        text = STREET.format(
            start="2016-06-14T12:00:00+02:00", weather={"clouds": {"edges": edges}}, village=VILLAGE
        ).replace("modules: {tilt_deg: 60, azimuth_deg: 270, albedo: 0.4}", "share: 1")
        file = tmp_path / f"{edges}.yaml"
        file.write_text(text, encoding="utf-8")
        ramps_kw = np.diff(available_kw(load_scenario(file), range(1800)), axis=0)
        largest_kw[edges] = np.abs(ramps_kw).max(axis=0)
    assert (largest_kw["steep"] > 1.2 * largest_kw["smooth"]).all()


def refusal(tmp_path, **weather):
    with pytest.raises(ScenarioError) as refused:
        street(tmp_path, **weather)
    return str(refused.value)


def test_without_the_extra_the_message_names_it(tmp_path):
    scenario = street(tmp_path).scenario
    span = scenario.time.start, scenario.time.start
    [(where, told)] = weather_faults(scenario, tmp_path, span, installed=lambda: False)
    assert where == ("peers", 0, "pv", "modules")
    assert "pip install 'peerwatt[pv]'" in told


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("time,light\n", "no column 'ghi_w_per_m2'"),
        ("time,ghi_w_per_m2,dni_w_per_m2\n", "expected both or none"),
        ("time,ghi_w_per_m2\n", "expected it to reach over"),
        ("time,ghi_w_per_m2,air_c\n", "air_c is -999 at 2016-06-14T04:00:00"),
    ],
)
def test_weather_that_cannot_be_is_refused(tmp_path, table, told):
    rows = ["2016-06-14T06:00:00+02:00", "2016-06-14T12:00:00+02:00"]
    if "reach" in told:
        rows[1] = "2016-06-14T07:00:00+02:00"
    values = ",-999" if "air_c" in table else ",1" * (table.count(",") - 1)
    lines = [f"{row},500{values}\n" for row in rows]
    (tmp_path / "sky.csv").write_text(table + "".join(lines), encoding="utf-8")
    assert told in refusal(tmp_path, file="sky.csv")


def test_clouds_beside_a_file_and_a_profile_beside_modules_are_refused(tmp_path):
    told = refusal(tmp_path, file="sky.csv", clouds={})
    assert "weather.clouds: stand beside a file" in told
    file = tmp_path / "twice.yaml"
    text = STREET.format(start=MORNING, weather={}, village=VILLAGE).replace(
        "p_kwp: 6,", 'p_kwp: 6, profile: "simbench:PV1",'
    )
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match="stands beside modules"):
        load_scenario(file)
