"""Instruments of one node: what one sets the others see, and time is one."""

import pytest

from hil.emulators.node import Placed, build_instrument, read_node
from hil.emulators.settings import SettingsError, read_settings
from hil.emulators.world import World

ROLES = ("inverter", "grid-simulator", "pv-simulator", "storage", "load", "analyser")
NEEDED = {
    "inverter": {"p_rated_kw": 5.0, "s_kva": 5.0, "response_s": 0.0, "reconnect_delay_s": 1.0},
    "storage": {"p_max_kw": 3.0, "capacity_kwh": 6.0},
}


class Node:
    """Instruments of one world on the bench's clock, asked by role."""

    def __init__(self, *roles: str, step_s: float = 0.01, **settings: object) -> None:
        self.world = World(step_s=step_s)
        self.world.take_clock()
        self.of = {
            role: build_instrument(
                self.world,
                Placed(
                    name=role,
                    role=role,
                    settings={**NEEDED.get(role, {}), **settings.get(role.replace("-", "_"), {})},
                ),
            )
            for role in roles
        }

    def ask(self, role: str, line: str) -> str:
        reply = self.of[role].execute(line)
        assert reply is not None, self.errors(role)
        return reply

    def tell(self, role: str, line: str) -> None:
        assert self.of[role].execute(line) is None
        assert self.errors(role) == []

    def number(self, role: str, line: str) -> float:
        return float(self.ask(role, line))

    def errors(self, role: str) -> list[int]:
        codes = []
        while code := int((self.of[role].execute("SYST:ERR?") or "0").split(",")[0]):
            codes.append(code)
        return codes


def test_what_the_grid_simulator_sets_the_others_see_and_the_analyser_measures():
    # By hand: 4 kW of sun limited to 3 kW, less 0.5 kW of load, less 1 kW into the store.
    node = Node(*ROLES)
    node.tell("grid-simulator", "VOLT 220;:FREQ 50.1;:OUTP ON")
    node.tell("pv-simulator", "POW 4000;:OUTP ON")
    node.tell("inverter", "POW:LIM 3000")
    node.tell("load", "POW 500;:LOAD ON")
    node.tell("storage", "POW -1000")
    node.world.advance(0.1)
    assert node.ask("inverter", "MEAS:VOLT?;FREQ?;POW?") == "220.0;50.1;3000.0"
    assert node.ask("load", "MEAS:VOLT?;FREQ?;POW?") == "220.0;50.1;500.0"
    assert node.ask("storage", "MEAS:VOLT?;FREQ?;POW?") == "220.0;50.1;-1000.0"
    # Into the grid for the analyser, out of the source for the grid simulator.
    assert node.ask("analyser", "NUM:NORM:ITEM3 P,SIGM;VAL? 3") == "1.500000E+03"
    assert node.number("grid-simulator", "MEAS:POW:AC?") == pytest.approx(-1500.0)
    assert node.number("grid-simulator", "MEAS:POW2:AC?") == pytest.approx(-500.0)
    assert node.number("grid-simulator", "MEAS:CURR2?") == pytest.approx(500.0 / 220.0)
    assert node.number("pv-simulator", "MEAS:POW?") == pytest.approx(3000.0)


def test_energy_of_all_registers_balances():
    node = Node(*ROLES)
    node.tell("grid-simulator", "OUTP ON")
    node.tell("pv-simulator", "POW 4000;:OUTP ON")
    node.tell("inverter", "POW:LIM 3000")
    node.tell("load", "POW 500;:LOAD ON")
    node.tell("storage", "POW 700")
    node.world.advance(36.0)
    fed = node.number("inverter", "MEAS:ENER?") + node.number("storage", "MEAS:ENER?")
    fed -= node.number("load", "MEAS:ENER?")
    assert fed == pytest.approx(36.0 / 3600.0 * (3000.0 - 500.0 + 700.0))
    assert node.number("grid-simulator", "MEAS:ENER?") == pytest.approx(-fed)
    assert node.number("analyser", "NUM:NORM:ITEM1 WH;VAL? 1") == pytest.approx(fed, rel=1e-6)


def test_an_open_output_is_no_grid_and_a_closed_one_brings_the_inverter_back_after_its_delay():
    node = Node("grid-simulator", "inverter")
    node.of["inverter"].execute("SIM:SURR 4000,1,50;:POW:LIM MAX")
    node.world.advance(0.5)
    # 0.3 s below 0.45 p.u. (models.inverters.inverter), so it has tripped.
    assert node.ask("inverter", "SOUR:STAT?;:MEAS:POW?;:MEAS:VOLT?") == "TRIP;0.0;0.0"
    node.tell("grid-simulator", "OUTP ON")
    node.world.advance(0.9)
    assert node.ask("inverter", "SOUR:STAT?;:MEAS:VOLT?") == "WAIT;230.0"
    node.world.advance(0.2)
    assert node.ask("inverter", "SOUR:STAT?;:MEAS:POW?") == "RUN;4000.0"


def test_an_impedance_raises_the_voltage_behind_it():
    # By hand: 1 kW per phase at 230 V through 1 Ω and j0.5 Ω: |230 + 1000/230 + j500/230| V.
    node = Node("grid-simulator", "inverter", grid_simulator={"r_ohm": 1.0, "x_ohm": 0.5})
    node.tell("grid-simulator", "OUTP ON")
    node.of["inverter"].execute("SIM:SURR 3000,1,50;:POW:LIM MAX")
    node.world.advance(0.1)
    expected_v = abs(complex(230.0 + 1000.0 / 230.0, 500.0 / 230.0))
    assert node.number("inverter", "MEAS:VOLT?") == pytest.approx(expected_v, abs=1e-9)
    assert node.number("grid-simulator", "MEAS:VOLT?") == 230.0


def test_a_single_phase_instrument_loads_its_own_phase_alone():
    node = Node("grid-simulator", "load", "analyser", load={"phase": "b"})
    node.tell("grid-simulator", "VOLT1 231;:VOLT2 232;:VOLT3 233;:OUTP ON")
    node.tell("load", "POW 464;:LOAD ON")
    node.world.advance(0.02)
    assert node.ask("load", "MEAS:VOLT?;CURR?") == "232.0;2.0"
    powers = [node.number("grid-simulator", f"MEAS:POW{n}:AC?") for n in (1, 2, 3)]
    assert powers == [0.0, 464.0, 0.0]
    assert node.ask("analyser", "NUM:NORM:ITEM1 P,1;ITEM2 P,2;NUM 2;VAL?") == (
        "0.000000E+00,-4.640000E+02"
    )


def test_without_a_grid_simulator_the_terminals_are_what_surrounds_them():
    node = Node("inverter", "load")
    node.tell("inverter", "SIM:SURR 2000,0.95,49.9;:POW:LIM MAX")
    node.world.advance(0.1)
    assert node.ask("load", "MEAS:VOLT?;FREQ?") == "218.5;49.9"
    assert node.number("inverter", "MEAS:POW?") == 2000.0


def test_a_grid_simulator_is_not_overruled_by_what_surrounds():
    node = Node("grid-simulator", "inverter")
    node.tell("grid-simulator", "OUTP ON;:SIM:SURR 0,1.2,60")
    node.world.advance(0.1)
    assert node.ask("inverter", "MEAS:VOLT?;FREQ?") == "230.0;50.0"


@pytest.mark.parametrize("role", ["grid-simulator", "pv-simulator"])
def test_a_node_has_one_grid_and_one_sun(role):
    world = World()
    build_instrument(world, Placed(name="a", role=role, settings={}))
    with pytest.raises(SettingsError, match=r"one .* at most"):
        build_instrument(world, Placed(name="b", role=role, settings={}))


def test_a_tick_that_one_instrument_let_pass_is_answered_by_the_others():
    node = Node("inverter", "storage")
    inverter = node.ask(
        "inverter", "SIM:CLOC:BEG;:SIM:TICK 0,0.1,4000,1,50;:POW:LIM 3000;:SIM:STEP?"
    )
    storage = node.ask("storage", "SIM:TICK 0,0.1,0,1,50;:POW 500;:SIM:STEP?")
    assert inverter == "0,3000.0,0.0,RUN,3000.0"
    # The power was set after the tick had passed; it holds from the next one on.
    assert storage == "0,0.0,0.0,RUN,500.0"
    assert node.world.now_s == pytest.approx(0.1)
    node.ask("inverter", "SIM:TICK 1,0.1,4000,1,50;:SIM:STEP?")
    assert node.ask("storage", "SIM:TICK 1,0.1,0,1,50;:SIM:STEP?") == "1,500.0,0.0,RUN,500.0"


def test_a_tick_of_several_steps_answers_with_its_mean():
    # By hand: 100 kW/s of ramp reach 4 kW in 0.04 s; four of ten steps feed 1, 2, 3, 4 kW.
    slow = {"ramp_kw_per_s": 100.0}
    node = Node("grid-simulator", "inverter", inverter=slow)
    node.tell("grid-simulator", "OUTP ON")
    reply = node.ask("inverter", "SIM:TICK 0,0.1,4000,1,50;:POW:LIM 4000;:SIM:STEP?")
    assert float(reply.split(",")[1]) == pytest.approx((1 + 2 + 3 + 7 * 4) * 100.0)
    assert node.number("inverter", "MEAS:ENER?") == pytest.approx(3400.0 * 0.1 / 3600.0)


class Clock:
    """A wall clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_time_passes_by_itself_until_the_bench_takes_the_clock_and_then_begins_anew():
    clock = Clock()
    world = World(clock=clock)
    roof = build_instrument(world, Placed(name="a", role="inverter", settings=NEEDED["inverter"]))
    roof.execute("SIM:SURR 4000,1,50;:POW:LIM MAX")
    clock.now_s += 3.605
    assert roof.execute("SIM:CLOC?;CLOC:TIME?") == "WALL;" + str(world.now_s)
    assert world.now_s == pytest.approx(3.6)
    assert float(roof.execute("MEAS:ENER?") or "nan") == pytest.approx(4.0)
    assert roof.execute("SIM:CLOC:BEG;:SIM:CLOC?;CLOC:TIME?;:MEAS:ENER?;:POW:LIM?") == (
        "BENCH;0.0;0.0;5000.0"
    )
    clock.now_s += 100.0
    assert roof.execute("SIM:CLOC:TIME?") == "0.0"


def test_a_process_that_slept_does_not_live_through_all_of_it():
    clock = Clock()
    world = World(clock=clock)
    clock.now_s += 3600.0
    world.catch_up()
    assert world.now_s == pytest.approx(10.0, abs=0.02)


def test_all_unknown_settings_are_told_at_once():
    with pytest.raises(SettingsError) as fault:
        read_settings("storage", {"p_maxkw": 3, "noise": "loud"})
    assert str(fault.value) == (
        "storage: no setting 'p_maxkw'; nearest: p_max_kw; "
        "storage: setting capacity_kwh is missing; storage: setting p_max_kw is missing; "
        "storage: noise is 'loud': could not convert string to float: 'loud'"
    )


@pytest.mark.parametrize(
    ("role", "settings", "told"),
    [
        ("toaster", {}, "no role 'toaster'; known: inverter, storage"),
        ("inverter", {"p_rated_kw": -1, "s_kva": 5}, "p_rated_kw is -1.0"),
        ("load", {"faults": [{"at_s": 1, "fault": "melt"}]}, "no fault 'melt'; known: drop"),
        ("load", {"faults": [{"fault": "drop"}]}, "expected at_s, fault and perhaps values"),
        ("inverter", {"p_rated_kw": 1, "s_kva": 1, "enter_vm_pu": 3}, "expected a list of numbers"),
    ],
)
def test_settings_that_cannot_be_are_told(role, settings, told):
    with pytest.raises(SettingsError) as fault:
        read_settings(role, settings)
    assert told in str(fault.value)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"world": {"g": 9.81}, "instruments": []}, "unknown g"),
        ({"instrument": []}, "unknown instrument"),
        ({"instruments": [{"name": "a"}]}, "missing 2 required"),
    ],
)
def test_a_node_that_cannot_be_read_is_told(document, told):
    with pytest.raises(SettingsError) as fault:
        read_node(document)
    assert told in str(fault.value)
