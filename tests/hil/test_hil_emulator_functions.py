"""An emulated inverter with a standard's functions: they do what the model does, and can be set."""

import numpy as np
import pytest

from hil.emulators.instrument import EmulatedInstrument
from hil.emulators.inverter_functions import NODES
from hil.emulators.node import Placed, build_instrument
from hil.emulators.settings import SettingsError
from hil.emulators.world import World
from models.inverters.fleet import InverterFleet
from models.inverters.functions import InverterFunctions
from models.inverters.inverter import InverterParams
from models.inverters.standards import profiles

RATED = {"p_rated_kw": 5.0, "s_kva": 5.0, "response_s": 0.0}
STANDARD = "ieee1547-2018-b-ii"


def made(**settings: object) -> EmulatedInstrument:
    world = World(f_nominal_hz=60.0)
    world.take_clock()
    given = {**RATED, "standard": STANDARD, **settings}
    return build_instrument(world, Placed(name="x", role="inverter", settings=given))


@pytest.fixture
def roof() -> EmulatedInstrument:
    return made()


def errors(instrument: EmulatedInstrument) -> list[int]:
    codes = []
    while code := int((instrument.execute("SYST:ERR?") or "0").split(",")[0]):
        codes.append(code)
    return codes


def asked(instrument: EmulatedInstrument, line: str) -> float:
    return float(instrument.execute(line) or "nan")


def test_its_power_is_the_models_to_the_last_bit(roof):
    # The fleet, stepped beside it, is the reference.
    rng = np.random.default_rng(5)
    params = InverterParams(**RATED)
    fleet = InverterFleet([params], [profiles()[STANDARD].functions()], dt_s=0.01)
    available, limit = np.array([4.0]), np.array([4.5])
    for _ in range(50):
        vm_pu, f_hz = rng.uniform(0.9, 1.1), rng.uniform(59.5, 60.5)
        roof.execute(f"SIM:SURR 4000,{vm_pu},{f_hz};:POW:LIM 4500;:SIM:CLOC:ADV? 0.05")
        for _ in range(5):
            seen_pu = vm_pu * 230.0 * 3 / (3 * 230.0)
            p_kw, q_kvar = fleet.step(available, limit, np.array([seen_pu]), f_hz)
        assert asked(roof, "MEAS:POW?") == pytest.approx(1000.0 * p_kw[0], rel=1e-12)
        assert asked(roof, "MEAS:POW:REAC?") == pytest.approx(1000.0 * q_kvar[0], abs=1e-9)


def test_volt_var_is_switched_on_with_a_curve_and_followed(roof):
    # By hand: at 0.95 p.u., halfway between 0.92 (44 %) and 0.98 (0), it injects 22 % of 5 kVA.
    roof.execute("SOUR:FUNC:VVAR V_PU,0.92,0.98,1.02,1.08,Q_PU,0.44,0,0,-0.44,RESPONSE_S,1")
    roof.execute("SIM:SURR 2000,0.95,60;:POW:LIM MAX;:SIM:CLOC:ADV? 30")
    assert asked(roof, "MEAS:POW:REAC?") == pytest.approx(1100.0, abs=0.1)
    assert roof.execute("SOUR:FUNC:VVAR?") == (
        "ENABLED,1,V_PU,0.92,0.98,1.02,1.08,Q_PU,0.44,0.0,0.0,-0.44,RESPONSE_S,1.0"
    )
    roof.execute("SOUR:FUNC:VVAR OFF;:SIM:CLOC:ADV? 30")
    assert asked(roof, "MEAS:POW:REAC?") == pytest.approx(0.0, abs=0.1)
    assert errors(roof) == []


def test_a_function_that_is_changed_leaves_the_others_timers_alone(roof):
    # 8 s of the 10 s of UV1 (0.70 p.u.) have passed when volt-var is set; 2 s later it trips.
    roof.execute("SIM:SURR 4000,0.65,60;:POW:LIM MAX;:SIM:CLOC:ADV? 8")
    assert roof.execute("SOUR:FUNC:VVAR ON;:SOUR:STAT?") == "RUN"
    assert roof.execute("SIM:CLOC:ADV? 1.9;:SOUR:STAT?") == "9.9;RUN"
    assert roof.execute("SIM:CLOC:ADV? 0.2;:SOUR:STAT?") == "10.1;TRIP"


@pytest.mark.parametrize("node", ["CPF", "CQ", "VVAR", "WVAR"])
def test_what_sets_the_reactive_power_switches_the_others_off(roof, node):
    roof.execute(f"SOUR:FUNC:{node} ON")
    on = [
        name
        for name in ("CPF", "CQ", "VVAR", "WVAR")
        if (roof.execute(f"SOUR:FUNC:{name}?") or "").startswith("ENABLED,1")
    ]
    assert on == [node]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("VVAR V_PU,0.92,0.98,1.02,0.9", -221),  # no curve of the voltage
        ("VVAR V_PU,0.92", -221),
        ("VVAR COLOUR,1", -224),
        ("VVAR RESPONSE_S,fast", -104),
        ("VVAR RESPONSE_S,1,2", -108),
        ("VVAR", -109),
        ("VTR OVER,1.1,2", -226),
        ("VTR ON", -224),
        ("CPF COS_PHI,1.2", -221),
        ("CPF EXCITATION,1.5", -224),
        ("FDR DROOP_OVER,0", -221),
    ],
)
def test_settings_that_cannot_be_change_nothing(roof, line, code):
    before = [roof.execute(f"SOUR:FUNC:{node}?") for node in ("VVAR", "VTR", "CPF", "FDR")]
    roof.execute(f"SOUR:FUNC:{line}")
    assert errors(roof) == [code]
    assert [roof.execute(f"SOUR:FUNC:{node}?") for node in ("VVAR", "VTR", "CPF", "FDR")] == before


def test_a_refused_setpoint_is_a_refused_function_too(roof):
    roof.execute("SIM:FAUL REFUSE;:SOUR:FUNC:VVAR ON")
    assert errors(roof) == [-221]
    assert (roof.execute("SOUR:FUNC:VVAR?") or "").startswith("ENABLED,0")


@pytest.mark.parametrize("name", NODES)
def test_what_a_function_tells_it_takes_again(roof, name):
    short = "".join(letter for letter in NODES[name] if not letter.islower())
    told = roof.execute(f"SOUR:FUNC:{short}?")
    roof.execute(f"SOUR:FUNC:{short} {told}")
    assert errors(roof) == []
    assert roof.execute(f"SOUR:FUNC:{short}?") == told


def test_reset_brings_the_functions_back(roof):
    before = roof.execute("SOUR:FUNC:VTR?")
    assert roof.execute("SOUR:FUNC:VTR OVER,1.15,1,1.2,0.16;VTR?") != before
    assert roof.execute("*RST;:SOUR:FUNC:VTR?") == before


def test_a_power_limit_of_the_functions_ramps(roof):
    # By hand: from 5 kW towards 1 kW, by the rating in 10 s, is 4 kW after 2 s.
    roof.execute("SIM:SURR 5000,1,60;:POW:LIM MAX;:SIM:CLOC:ADV? 1")
    roof.execute("SOUR:FUNC:PLIM P_PU,0.2,RAMP_S,10;:SIM:CLOC:ADV? 2")
    assert asked(roof, "MEAS:POW?") == pytest.approx(4000.0, abs=10.0)
    roof.execute("SIM:CLOC:ADV? 10")
    assert asked(roof, "MEAS:POW?") == pytest.approx(1000.0, abs=1.0)


def test_a_setting_can_be_replaced_at_the_start_and_a_wrong_one_is_told():
    roof = made(functions={"volt_var": {"enabled": True}, "constant_pf": {"enabled": False}})
    assert (roof.execute("SOUR:FUNC:VVAR?;:SOUR:FUNC:STAN?") or "").startswith("ENABLED,1")
    with pytest.raises(SettingsError, match="constant_pf and volt_var are both on"):
        made(functions={"volt_var": {"enabled": True}})
    with pytest.raises(SettingsError, match="no standard 'ieee'; known: en50549"):
        made(standard="ieee")
    with pytest.raises(SettingsError, match="functions need a standard"):
        made(standard="", functions={"volt_var": {}})


def test_frequencies_follow_the_nominal_one():
    world = World(f_nominal_hz=50.0)
    given = {**RATED, "standard": STANDARD}
    roof = build_instrument(world, Placed(name="x", role="inverter", settings=given))
    # By hand: 62 Hz of 60 are 51.67 Hz of 50.
    told = (roof.execute("SOUR:FUNC:FTR?") or "").split(",")
    assert float(told[3]) == pytest.approx(62.0 / 60.0 * 50.0)


def test_a_tick_is_a_multiple_of_its_step(roof):
    assert roof.execute("SIM:CLOC:BEG;:SIM:TICK 0,0.025,4000,1,60;:SIM:STEP?") is None
    assert errors(roof) == [-222]
    reply = roof.execute("SIM:TICK 0,0.1,4000,1,60;:POW:LIM MAX;:SIM:STEP?") or ""
    number, p_w, *_ = reply.split(",")
    assert (number, float(p_w)) == ("0", pytest.approx(4000.0))
    assert roof.world.now_s == pytest.approx(0.1)


def test_a_fleets_unit_takes_other_functions_and_the_others_keep_theirs():
    functions = profiles()[STANDARD].functions({"constant_pf": {"enabled": False}})
    volt_var = profiles()[STANDARD].functions(
        {"constant_pf": {"enabled": False}, "volt_var": {"enabled": True}}
    )

    def fed(change: InverterFunctions | None) -> list[float]:
        fleet = InverterFleet([InverterParams(**RATED)] * 2, [functions] * 2, dt_s=0.1)
        if change is not None:
            fleet.set_functions(1, change)
        for _ in range(600):
            fleet.step(np.full(2, 2.0), np.full(2, 5.0), np.full(2, 0.95), 60.0)
        return fleet.q_kvar.tolist()

    assert fed(None) == [0.0, 0.0]
    assert fed(volt_var) == pytest.approx([0.0, 1.1], abs=1e-4)
    fleet = InverterFleet([InverterParams(**RATED)], [functions], dt_s=0.1)
    with pytest.raises(ValueError, match="both on"):
        fleet.set_functions(0, profiles()[STANDARD].functions({"volt_var": {"enabled": True}}))
