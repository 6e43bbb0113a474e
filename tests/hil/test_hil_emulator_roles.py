"""Each emulated role by its commands: what it takes, what it refuses, what protects it."""

import math

import pytest

from hil.emulators.instrument import EmulatedInstrument
from hil.emulators.node import Placed, build_instrument
from hil.emulators.world import World

NEEDED = {
    "inverter": {"p_rated_kw": 5.0, "s_kva": 5.0, "response_s": 0.0},
    "storage": {"p_max_kw": 3.0, "capacity_kwh": 0.001, "efficiency_charge": 1.0},
}
ROLES = ("inverter", "storage", "grid-simulator", "pv-simulator", "load", "analyser")


def made(role: str, world: World | None = None, **settings: object) -> EmulatedInstrument:
    world = world or World()
    world.on_bench_clock = True
    placed = Placed(name="x", role=role, settings={**NEEDED.get(role, {}), **settings})
    return build_instrument(world, placed)


def errors(instrument: EmulatedInstrument) -> list[int]:
    codes = []
    while code := int((instrument.execute("SYST:ERR?") or "0").split(",")[0]):
        codes.append(code)
    return codes


@pytest.mark.parametrize("role", ROLES)
def test_every_role_says_who_it_is_and_what_time_it_is(role):
    instrument = made(role, serial="SN 7")
    assert instrument.execute("*IDN?") == f"Peerwatt,Emulated {role},SN 7,1"
    assert instrument.execute("SIM:CLOC:BEG;:SIM:CLOC:ADV? 0.05;TIME?") == "0.05;0.05"
    assert errors(instrument) == []


@pytest.mark.parametrize("role", ROLES)
def test_an_identity_can_be_that_of_another_maker(role):
    assert made(role, identity="Maker,Model,1,2").execute("*IDN?") == "Maker,Model,1,2"


@pytest.mark.parametrize(
    ("role", "on", "asked", "before", "after"),
    [
        ("inverter", "POW:LIM 3000", "POW:LIM?", "0.0", "3000.0"),
        ("storage", "POW -2000", "POW?", "0.0", "-2000.0"),
        ("grid-simulator", "OUTP ON", "OUTP?", "0", "1"),
        ("pv-simulator", "OUTP ON", "OUTP?", "0", "1"),
        ("load", "LOAD ON", "LOAD?", "0", "1"),
    ],
)
def test_a_role_that_energises_starts_safe_and_is_safe_again_after_reset_silence_and_reboot(
    role, on, asked, before, after
):
    instrument = made(role)
    for make_safe in (instrument.reset, instrument.revert, instrument.restart):
        assert instrument.execute(asked) == before
        instrument.execute(on)
        assert instrument.execute(asked) == after
        make_safe()
    assert instrument.execute(asked) == before
    assert errors(instrument) == [-300]  # the silence


@pytest.mark.parametrize("role", ["inverter", "storage", "grid-simulator", "pv-simulator", "load"])
def test_the_watchdog_is_set_and_asked_for_and_survives_what_it_did(role):
    instrument = made(role)
    assert instrument.execute("SYST:WATC 12;WATC?") == "12.0"
    instrument.revert()
    assert instrument.execute("SYST:WATC?") == "12.0"
    assert instrument.execute("*RST;:SYST:WATC?") == "0.0"


@pytest.mark.parametrize(
    ("role", "line", "code"),
    [
        ("storage", "POW 3001", -222),
        ("grid-simulator", "VOLT 301", -222),
        ("grid-simulator", "VOLT:LIM 250;:VOLT 251", -222),
        ("grid-simulator", "VOLT:LIM 200,250;:VOLT 199", -222),
        ("grid-simulator", "VOLT:LIM 250,200", -221),
        ("grid-simulator", "VOLT:RANG 150;:VOLT 151", -222),
        ("grid-simulator", "FREQ:LIM 49,51;:FREQ 51.1", -222),
        ("grid-simulator", "VOLT4 230", -222),
        ("grid-simulator", "INST:COUP SOME", -224),
        ("grid-simulator", "OUTP MAYBE", -224),
        ("grid-simulator", "TRIG ON", -226),
        ("pv-simulator", "POW 10001", -222),
        ("pv-simulator", "SAS:CURV:VMP 0;:POW 1", -221),
        ("load", "POW 10001", -222),
        ("load", "MODE XX", -224),
        ("load", "CONF:REM OFF;:POW 1", -221),
        ("analyser", "NUM:FORM FLO", -224),
        ("analyser", "NUM:NORM:ITEM256 U", -222),
        ("analyser", "NUM:NORM:ITEM1 U,4", -224),
        ("analyser", "NUM:NORM:ITEM1 V", -224),
        ("analyser", "SYST:WATC 5", -113),
    ],
)
def test_what_a_role_cannot_do_is_refused(role, line, code):
    instrument = made(role)
    instrument.execute(line)
    assert errors(instrument) == [code]


def test_phases_are_set_together_or_one_at_a_time():
    source = made("grid-simulator")
    assert source.execute("VOLT 220;:VOLT1?;:VOLT3?") == "220.0;220.0"
    assert source.execute("INST:COUP NONE;NSEL 2;:VOLT 210;:VOLT?;:VOLT1?;:INST:NSEL?;COUP?") == (
        "210.0;220.0;2;NONE"
    )
    assert source.execute("VOLT3 200;VOLT3?;VOLT1?") == "200.0;220.0"


def test_slew_rates_bound_how_fast_voltage_and_frequency_move():
    # By hand: from 230 V at 100 V/s for 0.2 s, and from 50 Hz at 1 Hz/s.
    source = made("grid-simulator")
    source.execute("OUTP ON;:SIM:CLOC:BEG;ADV? 0.1;:OUTP:SLEW:VOLT 100;FREQ 1;:VOLT 100;:FREQ 45")
    source.world.advance(0.2)
    volts, hertz = (source.execute("MEAS:VOLT?;FREQ?") or "").split(";")
    assert float(volts) == pytest.approx(210.0)
    assert float(hertz) == pytest.approx(49.8)


@pytest.mark.parametrize(
    ("setting", "condition"),
    [("CURR 4", "2"), ("REG:STAT OFF", "16")],
)
def test_more_than_it_bears_opens_a_source_until_its_protection_is_cleared(setting, condition):
    # 3 kW at 230 V on three phases is 4.35 A; 1 % of 30 kVA is less.
    world = World()
    source, roof = made("grid-simulator", world), made("inverter", world)
    source.execute(f"OUTP ON;:{setting}")
    roof.execute("SIM:SURR 3000,1,50;:POW:LIM MAX")
    world.advance(0.1)
    assert source.execute("OUTP?;:STAT:QUES:COND?") == f"0;{condition}"
    source.execute("OUTP ON")
    assert errors(source) == [-300, -221]
    assert source.execute("OUTP:PROT:CLE;:OUTP ON;:OUTP?;:STAT:QUES:COND?") == "1;0"


def test_more_than_its_power_opens_a_source():
    world = World()
    source, load = made("grid-simulator", world, s_kva=2.0), made("load", world)
    source.execute("OUTP ON")
    load.execute("POW 2100;:LOAD ON")
    world.advance(0.1)
    assert source.execute("OUTP?;:STAT:QUES:COND?") == "0;8"


def played(source: EmulatedInstrument, times: int, dt_s: float) -> list[float]:
    volts = []
    for _ in range(times):
        source.world.advance(dt_s)
        volts.append(float(source.execute("MEAS:VOLT?") or "nan"))
    return volts


def test_a_program_plays_its_steps_with_a_resolution_of_its_own_and_its_last_values_stay():
    # By hand: steps end after 5, 8 and 20 ms, in a world with steps of 10 ms.
    source = made("grid-simulator")
    source.execute("OUTP ON;:SIM:CLOC:BEG;ADV? 0.01")
    source.execute("LIST:VOLT:AC:STAR 100,150,200;:LIST:DWEL 5,3,12;:LIST:FREQ:STAR 50,50,49")
    source.execute("TRIG ON")
    assert source.execute("TRIG?") == "RUNNING"
    assert played(source, 10, 0.0025) == [100.0] * 2 + [150.0] + 7 * [200.0]
    assert source.execute("TRIG?;:VOLT?;:FREQ?") == "OFF;200.0;49.0"


def test_a_program_can_ramp_repeat_be_counted_in_cycles_and_be_aborted():
    # By hand: a ramp of 1 cycle of 50 Hz from 100 V to 200 V is 125 V in the middle of its
    # first half; the value over a step is that in its middle.
    source = made("grid-simulator", World(step_s=0.01))
    source.execute("OUTP ON;:LIST:BASE CYCLE;:LIST:VOLT:AC:STAR 100;END 200;:LIST:DWEL 1;COUN 2")
    assert source.execute("LIST:POIN?;BASE?;COUN?;VOLT:AC:END?") == "1;CYCLE;2;200.0"
    source.execute("TRIG ON")
    assert played(source, 5, 0.01) == [125.0, 175.0, 125.0, 175.0, 200.0]
    source.execute("LIST:COUN 0;:TRIG ON")
    played(source, 51, 0.01)
    assert source.execute("TRIG?") == "RUNNING"
    assert source.execute("ABOR;:TRIG?") == "OFF"


def test_a_program_outside_the_limits_is_not_started():
    source = made("grid-simulator")
    source.execute("VOLT:LIM 250;:LIST:VOLT:AC:STAR 230,260;:LIST:DWEL 100;:TRIG ON")
    assert errors(source) == [-222]
    assert source.execute("TRIG?") == "OFF"
    source.execute("LIST:DWEL 1,2,3;:TRIG ON")
    assert errors(source) == [-226]


def test_the_curve_of_a_pv_simulator_goes_through_its_points():
    pv = made("pv-simulator")
    pv.execute("SAS:CURV:VOC 700;VMP 560;ISC 8;IMP 7.4;:OUTP ON")
    # The exponential leaves less than 0.1 % at short circuit for these points.
    assert pv.current_a(0.0) == pytest.approx(8.0, rel=2e-3)  # type: ignore[attr-defined]
    assert pv.current_a(560.0) == pytest.approx(7.4)  # type: ignore[attr-defined]
    assert pv.current_a(700.0) == 0.0  # type: ignore[attr-defined]
    assert float(pv.execute("POW?") or "nan") == pytest.approx(560.0 * 7.4)


@pytest.mark.parametrize("fill_v", [0.6, 0.75, 0.82, 0.9])
def test_a_power_makes_a_curve_with_its_maximum_there(fill_v):
    # Looked for on a grid of 1 V, which the maximum may miss by half.
    pv = made("pv-simulator", fill_v=fill_v)
    pv.execute("POW 4000")
    powers = {v: v * pv.current_a(v) for v in range(1, 1000)}  # type: ignore[attr-defined]
    best = max(powers, key=lambda v: powers[v])
    assert best == 600
    assert powers[best] == pytest.approx(4000.0)


def test_irradiance_scales_the_current_and_temperature_the_voltage():
    pv = made("pv-simulator", v_per_c=-0.004)
    pv.execute("POW 4000;:IRR 500;:TEMP 50")
    assert float(pv.execute("POW?") or "nan") == pytest.approx(4000.0 * 0.5 * 0.9)


def test_a_limited_inverter_moves_the_pv_simulator_to_the_right_of_its_maximum():
    world = World()
    pv, roof = made("pv-simulator", world), made("inverter", world)
    pv.execute("POW 4000;:OUTP ON")
    volts = []
    for limit_w in (5000.0, 2000.0, 0.0):
        roof.execute(f"POW:LIM {limit_w}")
        world.advance(0.02)
        power, volt, current = map(float, (pv.execute("MEAS:POW?;VOLT?;CURR?") or "").split(";"))
        assert power == pytest.approx(min(limit_w, 4000.0))
        assert power == pytest.approx(volt * current)
        volts.append(volt)
    assert volts == sorted(volts)
    assert volts[0] == pytest.approx(600.0, abs=0.01)
    assert volts[2] == pytest.approx(600.0 / 0.82)


@pytest.mark.parametrize(
    ("mode", "level", "power_w"),
    [("CP", "POW 900", 900.0), ("CC", "CURR 2", 1320.0), ("CR", "RES 40", 3 * 220.0**2 / 40)],
)
def test_a_load_holds_what_its_mode_says(mode, level, power_w):
    world = World()
    load = made("load", world)
    load.execute(f"MODE {mode};:{level};:LOAD ON;:SIM:SURR 0,{220 / 230},50")
    world.advance(0.01)
    assert float(load.execute("MEAS:POW?") or "nan") == pytest.approx(power_w)


def test_a_load_draws_no_more_than_its_current_and_nothing_where_there_is_no_voltage():
    world = World()
    load = made("load", world, i_max_a=2.0)
    load.execute("POW 9000;:LOAD ON;:SIM:SURR 0,1,50")
    world.advance(0.01)
    assert float(load.execute("MEAS:POW?") or "nan") == pytest.approx(3 * 230.0 * 2.0)
    load.execute("SIM:SURR 0,0.05,50")
    world.advance(0.01)
    assert load.execute("MEAS:POW?") == "0.0"


def test_a_store_runs_empty_opens_without_a_grid_and_comes_back():
    # By hand: 0.5 Wh at 95 % give 1.71 kW for one second.
    world = World()
    store = made("storage", world, trip_s=0.2, reconnect_s=1.0)
    store.execute("POW 1710")
    world.advance(0.99)
    assert store.execute("MEAS:POW?") == "1710.0"
    world.advance(0.05)
    assert store.execute("MEAS:POW?;:BATT:SOC?") == "0.0;0.0"
    store.execute("POW -1000;:SIM:SURR 0,0.5,50")
    world.advance(0.3)
    assert store.execute("SOUR:STAT?;:MEAS:POW?") == "TRIP;0.0"
    store.execute("SIM:SURR 0,1,50")
    world.advance(0.5)
    assert store.execute("SOUR:STAT?") == "WAIT"
    world.advance(0.6)
    assert store.execute("SOUR:STAT?;:MEAS:POW?") == "RUN;-1000.0"


def test_settings_of_an_analyser_are_told_with_their_header_until_it_is_switched_off():
    meter = made("analyser")
    assert meter.execute("NUM:FORM?;NUM?;:COMM:HEAD?") == (
        ":NUMERIC:FORMAT ASCII;:NUMERIC:NORMAL:NUMBER 5;:COMMUNICATE:HEADER 1"
    )
    assert meter.execute("COMM:VERB OFF;:NUM:FORM?;NUM?") == ":NUM:FORM ASC;:NUM:NORM:NUM 5"
    assert meter.execute("COMM:HEAD OFF;:NUM:NUM?;ITEM3?") == "5;P,SIGM"
    assert meter.execute("*RST;:COMM:HEAD?") == ":COMMUNICATE:HEADER 1"


def test_an_analyser_shows_its_wiring():
    # By hand: 1 kW per phase behind a transformer of 10 A to 1 A, reversed.
    world = World()
    meter = made("analyser", world, current_ratio=10.0, sign=-1.0)
    roof = made("inverter", world)
    roof.execute("SIM:SURR 3000,1,50;:POW:LIM MAX")
    world.advance(0.1)
    meter.execute("NUM:NORM:ITEM1 P,1;ITEM2 U,1;ITEM3 I,1;ITEM4 LAMB,1;NUM 4")
    p_w, v_v, i_a, factor = map(float, (meter.execute("NUM:NORM:VAL?") or "").split(","))
    assert (p_w, v_v, factor) == (-100.0, 230.0, -1.0)
    assert i_a == pytest.approx(1000.0 / 230.0 / 10.0, rel=1e-5)


def test_swapped_current_inputs_turn_power_by_120_degrees():
    world = World()
    meter, roof = made("analyser", world, swapped=1.0), made("inverter", world)
    roof.execute("SIM:SURR 3000,1,50;:POW:LIM MAX")
    world.advance(0.1)
    meter.execute("NUM:NORM:ITEM1 P,1;ITEM2 P,2;ITEM3 P,3;ITEM4 Q,1;NUM 4")
    powers = [float(text) for text in (meter.execute("NUM:NORM:VAL?") or "").split(",")]
    assert powers[:3] == pytest.approx([-500.0, -500.0, 1000.0])
    assert abs(powers[3]) == pytest.approx(1000.0 * math.sqrt(0.75), rel=1e-5)


def test_held_values_of_an_analyser_stay():
    world = World()
    meter = made("analyser", world)
    assert meter.execute("NUM:HOLD ON;:NUM:NORM:ITEM1 FU;VAL? 1") == "5.000000E+01"
    meter.execute("SIM:SURR 0,1,49")
    assert meter.execute("NUM:NORM:VAL? 1") == "5.000000E+01"
    assert meter.execute("NUM:HOLD OFF;:NUM:NORM:VAL? 1") == "4.900000E+01"
