"""What the command says with its exit code, and what it leaves."""

from xml.etree import ElementTree

import pytest

SHORT = {"start": "2016-06-14T12:00:00+02:00", "duration": "30 s"}
PERIOD = {"period": "30 s", "gate": "10 s"}


@pytest.fixture
def run(write_village, run_peerwatt, tmp_path):
    """Run half a minute of the village, and give what was told and the run folders."""

    def play(**otherwise):
        file = write_village(
            tmp_path, **{"time": SHORT, "market": PERIOD, "events": []} | otherwise
        )
        out = tmp_path / "runs"
        words = ["run", str(file), "--out", str(out), "--model-devices", "--no-report", "--quiet"]
        told = run_peerwatt(*words)
        return told, sorted(out.iterdir()) if out.exists() else []

    return play


def cases(folder):
    """Outcome of every case in a run's JUnit file, by name."""
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    return {
        case.attrib["name"]: [found.tag for found in case if found.tag in ("failure", "error")]
        for case in suite.iter("testcase")
    }


def test_a_run_whose_checks_hold_exits_with_0_and_names_its_folder(run):
    told, (folder,) = run()

    assert (told.exit_code, told.stderr) == (0, "")
    assert told.stdout.splitlines()[-2:] == ["passed", str(folder)]
    assert not any(cases(folder).values())


def test_a_failing_check_exits_with_1_and_names_the_worst_place(run):
    # No feeder holds 1 p.u. to a millionth while anybody uses it.
    told, (folder,) = run(checks=[{"voltage_band": {"low_pu": 0.999999, "high_pu": 1.000001}}])

    assert told.exit_code == 1
    (failed,) = [line for line in told.stdout.splitlines() if line.startswith("FAILED")]
    assert failed.startswith("FAILED  voltage_band: ")
    assert " p.u. at " in failed
    assert told.stdout.splitlines()[-2] == "failed"
    assert [name for name, faults in cases(folder).items() if faults] == ["voltage_band"]


@pytest.mark.parametrize(
    ("otherwise", "complaint"),
    [
        ({"colour": "red"}, "colour"),
        ({"time": SHORT | {"tick": "70 ms"}}, "70 ms does not divide the second"),
        ({"time": SHORT | {"duration": "-30 s"}}, "duration"),
        ({"grid": {"network": "nowhere.json"}}, "nowhere.json"),
        ({"events": [{"at": "5 s", "device": "till", "fault": "trip"}]}, "till"),
        ({"checks": ["frequenzy_band"]}, "frequenzy_band"),
    ],
)
def test_wrong_input_exits_with_2_says_where_and_writes_nothing(
    run, tmp_path, otherwise, complaint
):
    told, folders = run(**otherwise)

    assert (told.exit_code, told.stdout, folders) == (2, "", [])
    for line in told.stderr.splitlines():
        file, row, column, _ = line.split(":", 3)
        assert file == str(tmp_path / "village.yaml")
        assert int(row) > 0
        assert int(column) > 0
    assert complaint in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["village.yaml"]


def test_a_file_that_is_not_there_exits_with_2(run_peerwatt, tmp_path):
    told = run_peerwatt("run", str(tmp_path / "gone.yaml"), "--out", str(tmp_path / "runs"))

    assert told.exit_code == 2
    assert str(tmp_path / "gone.yaml") in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_two_runs_within_a_second_have_folders_of_their_own(run):
    run()
    _, folders = run()

    assert len(folders) == 2
