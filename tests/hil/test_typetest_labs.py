"""Labs: real instruments in real time (here with a clock that does not wait), and the command."""

import json
from dataclasses import replace

import pytest
import yaml
from typer.testing import CliRunner

from cosim.cli import app
from cosim.commands.type_test_record import TypeTestRecord
from hil.roles import AcReading
from hil.typetest.bench_lab import BenchLab, Instruments
from hil.typetest.lab import GridStep, NotTestable, Ratings
from hil.typetest.model_lab import ModelLab
from hil.typetest.run import run
from hil.typetest.setup import Setup
from models.inverters.standards import profiles

PROFILE = profiles()["ieee1547-2018-b-iii"]


class Node:
    """A modelled inverter as device, grid, sun and analyser; waiting moves its time."""

    def __init__(self, *, functional=True):
        self.lab = ModelLab(Ratings(10.0, 10.0), PROFILE.functions, f_nominal_hz=60.0)
        self.name, self.heard, self.last, self.output = "node", [], None, False
        if functional:
            self.set_function = self.lab.set_function

    def clock(self):
        return self.lab.now_s

    def sleep(self, seconds):
        self.last = self.lab.observe(seconds, seconds)[-1]

    def set_grid(self, vm_v, f_hz):
        self.lab.set_grid(vm_v / 240.0, f_hz)

    def set_available(self, p_kw):
        self.lab.set_available(p_kw)

    def limit_power(self, p_kw):
        self.lab.set_limit(p_kw)

    def energise(self, on):
        self.output = on

    def measure(self):
        self.heard.append(self.clock())
        last = self.last or self.lab.observe(0.02, 0.02)[-1]
        vm_v = (240.0 * last.vm_pu,) * 3
        return AcReading(last.p_kw, last.q_kvar, vm_v, (), last.f_hz)


class PlayingNode(Node):
    """Its grid plays programs by itself."""

    def play(self, steps):
        self.lab.play([GridStep(s.vm_v / 240.0, s.f_hz, s.dwell_s) for s in steps], 1.0)


def bench_of(node, **options):
    return BenchLab(
        Instruments(device=node, grid=node, sun=node),
        Ratings(10.0, 10.0),
        v_nominal_v=240.0,
        f_nominal_hz=60.0,
        clock=node.clock,
        sleep=node.sleep,
        **options,
    )


def played(node, *chosen, **options):
    return run(Setup(bench_of(node, **options), PROFILE, full=False), chosen)


def test_instruments_around_a_sound_inverter_pass_it():
    trials = played(Node(), "volt-var", "limit-power")
    assert [trial.verdict for trial in trials] == ["passed", "passed"]


def test_every_device_hears_of_the_bench_while_a_test_waits():
    node = Node()
    bench_of(node).observe(20.0, 20.0)
    gaps = [after - before for before, after in zip(node.heard, node.heard[1:], strict=False)]
    assert max(gaps) < 1.5


def test_a_source_that_plays_no_program_leaves_events_not_testable():
    [trial] = played(Node(), "trip")
    assert {step.verdict for step in trial.steps} == {"not testable"}
    assert "plays no program" in trial.steps[0].because


def test_a_source_that_plays_programs_lets_events_be_judged():
    [trial] = played(PlayingNode(), "ride-through")
    assert {step.verdict for step in trial.steps} == {"passed"}


def test_an_event_longer_than_a_revert_timer_allows_is_not_testable():
    [trial] = played(PlayingNode(), "ride-through", longest_play_s=30.0)
    long = [step for step in trial.steps if step.verdict == "not testable"]
    assert len(long) == 2
    assert all("Hz" in step.name and "take the bench for dead" in step.because for step in long)


def test_power_that_droop_keeps_back_after_an_event_is_no_trip_where_it_cannot_be_switched_off():
    # By hand: 61.5 Hz for 2.95 s leave at least 1 − (1.5 − 0.036)/(60 · 0.05) = 51 %.
    settings = dict(PROFILE.settings)
    for key, value in (("voltage", []), ("frequency", [[61.2, 61.8, 30.0]])):
        place = f"ride_through.{key}"
        settings[place] = replace(settings[place], value=value)
    profile = replace(PROFILE, settings=settings)
    node = PlayingNode(functional=False)
    node.lab.set_function("frequency_droop", {**Setup(node.lab, profile).of("frequency_droop")})
    [trial] = run(Setup(bench_of(node), profile, full=False), ["ride-through"])
    [step] = trial.steps
    assert step.verdict == "passed", step.because
    assert step.criteria[0].low == pytest.approx(0.8 * 0.512 * 10.0, rel=0.01)
    assert step.criteria[0].measured < 8.0  # so a bench that forgets droop would call it a trip


def test_a_device_without_settable_functions_is_not_testable_but_its_limit_is():
    volt_var, limit = played(Node(functional=False), "volt-var", "limit-power")
    assert volt_var.verdict == "not testable"
    assert "cannot set volt var" in volt_var.steps[0].because
    # The model has volt-watt off and power factor one by itself.
    assert limit.verdict == "passed"


def test_less_sun_without_a_pv_simulator_is_not_testable():
    node = Node()
    lab = BenchLab(
        Instruments(device=node, grid=node),
        Ratings(10.0, 10.0),
        v_nominal_v=240.0,
        f_nominal_hz=60.0,
        clock=node.clock,
        sleep=node.sleep,
    )
    with pytest.raises(NotTestable, match="no PV simulator"):
        lab.set_available(5.0)


def station(folder, **emulated):
    device = {"role": "inverter", "plays": "nothing", "emulated": emulated or True}
    content = {
        "station": "qualify",
        "f_nominal_hz": 60,
        "devices": {"roof": {**device, "p_rated_kw": 10, "timeout": "500 ms"}},
    }
    file = folder / "station.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(file)


@pytest.mark.soak
def test_a_device_that_speaks_sunspec_is_tested_on_simulated_time_too(tmp_path):
    pytest.importorskip("sunspec2.modbus.client")
    file = tmp_path / "sunspec.yaml"
    device = {"role": "inverter", "driver": "sunspec", "emulated": True, "plays": "nothing"}
    rated = {"p_rated_kw": 10, "timeout": "5 s"}
    file.write_text(yaml.safe_dump({"station": "q", "devices": {"roof": device | rated}}), "utf-8")
    asked = ["type-test", str(file), "--procedure", "limit-power", "--out", f"{tmp_path}/out"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output


def test_the_command_judges_an_emulated_device_and_leaves_record_and_page(tmp_path):
    file = station(tmp_path, trip_f_hz=[57.0, 62.0], enter_f_hz=[59.0, 60.5])
    done = CliRunner().invoke(
        app, ["type-test", file, "--procedure", "limit-power", "--out", f"{tmp_path}/out"]
    )
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out" / "type-test.json").read_text("utf-8"))
    assert found["trials"][0]["verdict"] == "passed"
    assert found["about"]["identity"].startswith("Peerwatt,Emulated inverter,roof")
    page = (tmp_path / "out" / "type-test.html").read_text("utf-8")
    assert "Every step passed" in page
    assert "limit 33%" in page


@pytest.mark.soak
def test_an_emulated_device_with_functions_passes_and_fails_where_a_fault_was_planted(tmp_path):
    # It comes back after 8 s instead of 600 s, so that the test does not wait for it.
    planted = {
        "enter_service": {"delay_s": 6.0, "ramp_s": 2.0},
        "voltage_trip": {"under": [[0.88, 21.0], [0.50, 2.5]]},
    }
    file = station(tmp_path, standard=PROFILE.name, functions=planted)
    asked = [word for key in ("volt-var", "trip") for word in ("--procedure", key)]
    done = CliRunner().invoke(app, ["type-test", file, *asked, "--out", f"{tmp_path}/out"])
    assert done.exit_code == 1, done.output
    found = json.loads((tmp_path / "out" / "type-test.json").read_text("utf-8"))
    volt_var, trip = found["trials"]
    assert volt_var["verdict"] == "passed"
    failed = [step["name"] for step in trip["steps"] if step["verdict"] != "passed"]
    assert failed == ["trip: 0.47 p.u. for 2.05 s"]


@pytest.mark.parametrize(("accept", "code"), [([], 1), (["--accept-not-testable"], 0)])
def test_what_is_not_testable_is_no_success_unless_accepted(tmp_path, accept, code):
    out = ["--out", str(tmp_path / "out")]
    done = CliRunner().invoke(
        app, ["type-test", station(tmp_path), "--procedure", "volt-var", *out, *accept]
    )
    assert done.exit_code == code, done.output
    assert "not testable" in done.output


@pytest.mark.parametrize(
    "asked",
    [[], ["--model", "none-such"], ["--model", PROFILE.name, "--procedure", "none-such"]],
)
def test_wrong_input_leaves_with_2_and_writes_nothing(tmp_path, asked):
    done = CliRunner().invoke(app, ["type-test", *asked, "--out", str(tmp_path / "out")])
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


class Interrupted:
    """A lab at which somebody presses Ctrl-C in the second step of a limit."""

    def __init__(self, lab):
        self._lab, self._limits = lab, 0

    def __getattr__(self, name):
        return getattr(self._lab, name)

    def set_limit(self, p_kw):
        self._limits += 1
        if self._limits == 3:  # the first is that of the beginning
            raise KeyboardInterrupt
        self._lab.set_limit(p_kw)


def test_a_test_that_is_interrupted_leaves_what_it_found_and_no_verdict(tmp_path, capsys):
    record = TypeTestRecord(tmp_path, full=False)
    assert record.break_off("interrupted") == "nothing was written"
    record.begin(PROFILE, {"device": "roof"})
    setup = Setup(
        Interrupted(ModelLab(Ratings(10.0, 10.0), PROFILE.functions, f_nominal_hz=60.0)), PROFILE
    )
    with pytest.raises(KeyboardInterrupt):
        run(setup, ["limit-power"], told=record.tell)
    file = tmp_path / "type-test.json"
    # It is there before anybody knows of the end: `kill -9` leaves it, too.
    assert json.loads(file.read_text("utf-8"))["because"] == "still running, or killed"
    assert str(file) in record.break_off("interrupted")
    found = json.loads(file.read_text("utf-8"))
    assert (found["verdict"], found["because"]) == ("not finished", "interrupted")
    [trial] = found["trials"]
    assert trial["verdict"] == "not finished"
    assert [step["verdict"] for step in trial["steps"]] == ["passed"]
    assert not (tmp_path / "type-test.html").exists()
    assert "limit 66%" in capsys.readouterr().out
