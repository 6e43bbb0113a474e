import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

import scenarios
from cosim.cli import app
from cosim.commands.doctor import examine, strangers
from cosim.progress import slowest, speed
from scenarios.gallery import schema_text

FOLDER = Path(scenarios.__file__).parent
HEAVY = {"pandapower", "numba", "scipy", "pandas", "mosaik", "pyvisa", "simpy", "bokeh"}
BAD = "scenario: street\nseed: 7\nseed: 8\ntime: {start: noon, duration: 1}\n"


def call(*words):
    return CliRunner().invoke(app, list(words))


def imported_by(code):
    """Modules that a fresh interpreter holds after running some code."""
    ending = "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    told = subprocess.run(
        [sys.executable, "-c", code + ending], capture_output=True, text=True, check=True
    )
    return set(told.stdout.splitlines()[-1].split())


def test_help_needs_nothing_heavy():
    light = imported_by(
        "import cosim.cli; from cosim.commands.doctor import strangers; strangers()"
    )
    assert not light & (HEAVY | {"numpy", "pydantic", "pyarrow", "yaml", "rich"})


def test_validating_a_local_network_needs_no_pandapower():
    code = (
        f"from scenarios.load import load_scenario; load_scenario({str(FOLDER / 'village.yaml')!r})"
    )
    assert not imported_by(code) & HEAVY


def test_every_command_is_listed_by_help():
    told = call("--help")
    assert told.exit_code == 0
    for command in ("run", "validate", "list", "report", "schema", "doctor"):
        assert f"\n  {command} " in told.output


def test_it_says_which_version_it_is():
    assert call("--version").output == f"peerwatt {version('peerwatt')}\n"


def test_a_good_scenario_is_counted():
    file = str(FOLDER / "village.yaml")
    told = call("validate", file)
    assert (told.exit_code, told.stdout) == (0, f"{file}: good; 61 peers, 4 periods, 36000 ticks\n")


def test_all_faults_of_all_files_are_told_and_the_exit_code_is_2(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text(BAD)
    told = call("validate", str(first), str(second))
    assert told.exit_code == 2
    assert [line.partition(": ")[0] for line in told.stderr.splitlines()] == [
        f"{first}:1:1",
        f"{first}:1:1",
        f"{first}:3:1",
        f"{first}:4:15",
        f"{first}:4:31",
        f"{second}",
    ]


def test_wrong_input_runs_nothing_and_writes_nothing(tmp_path):
    (tmp_path / "a.yaml").write_text(BAD)
    told = call("run", str(tmp_path / "a.yaml"), "--out", str(tmp_path / "runs"))
    assert told.exit_code == 2
    assert f"{tmp_path}/a.yaml:3:1: seed: second key 'seed', the first is in line 2" in told.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["a.yaml"]


def test_a_wrong_option_is_wrong_input_too():
    assert call("run", "a.yaml", "--seed", "-1").exit_code == 2
    assert call("runn").exit_code == 2


def test_the_schema_is_printed_as_it_is_committed():
    told = call("schema")
    assert (told.exit_code, told.stdout) == (0, schema_text())
    assert json.loads(told.stdout)["title"] == "Peerwatt scenario"


def test_shipped_scenarios_are_listed_with_what_they_are_about():
    told = call("list")
    assert told.exit_code == 0
    assert "village.yaml  Noon in a Kerber village" in told.stdout


def test_a_folder_without_a_run_has_no_report(tmp_path):
    told = call("report", str(tmp_path))
    assert told.exit_code == 2
    assert told.stderr == f"{tmp_path}: no run is there; expected a folder with manifest.json\n"


def test_our_names_are_ours():
    assert strangers() == []


def test_somebody_elses_package_is_named(tmp_path):
    lines = strangers(tmp_path)
    assert len(lines) == 6
    assert lines[0].startswith("'cosim' is somebody else's package, in ")
    assert lines[0].endswith("start it by the command peerwatt")


def test_the_doctor_looks_at_versions_caches_devices_and_the_clock():
    found = {finding.what: finding for finding in examine()}
    wanted = {"python", "numba", "package names", "numba cache", "VISA back-end @py", "clock"}
    assert wanted <= set(found)
    assert found["VISA back-end @py"].good
    assert "an emulated inverter answers" in str(found["VISA back-end @py"])


@pytest.mark.parametrize(
    ("done", "elapsed_s", "dt_s", "told"),
    [
        # By hand: 3000 ticks of 0.1 s are 300 s, played in 2 s.
        (3000, 2.0, 0.1, "150 × real time"),
        (3000, 0.0, 0.1, ""),
        (3000, 2.0, None, ""),
    ],
)
def test_the_real_time_factor_is_played_time_over_wall_time(done, elapsed_s, dt_s, told):
    assert speed(done, elapsed_s, dt_s) == told


def test_the_slowest_simulator_is_named_with_its_share():
    assert slowest({"grid": 3.0, "der": 1.0}) == "slowest: grid 75%"
    assert slowest({}) == ""
