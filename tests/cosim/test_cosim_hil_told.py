"""What a run says of its devices: on the terminal while it plays, and in the story afterwards."""

import re
import tomllib
from pathlib import Path

from cosim.commands.doctor import EXTRAS
from cosim.run import run_scenario
from cosim.vitals import Vitals
from hil.realtime.lateness import Lateness
from results.reading import Record
from results.report_bench import losses_told
from results.report_story import story

ROOT = Path(__file__).parents[2]


def test_the_terminal_tells_lateness_losses_and_who_falls_back():
    lateness = Lateness()
    vitals = Vitals(lateness)
    assert vitals.line() == ""
    for late_us in range(1, 101):
        lateness.add(100.0 * late_us)
    # By hand: of 0.1 ms to 10 ms, 99 % are at most 9.9 ms, and bins are 2.4 % wide.
    assert vitals.line() in {f"late p99 {ms / 100:.2f} ms" for ms in range(990, 1001)}
    vitals.note("device_lost", "roof")
    vitals.note("device_lost", "barn")
    vitals.note("device_back", "roof")
    assert vitals.line().endswith("2 losses  not heard, its fallback stands in: barn")


def test_a_run_tells_its_losses_while_it_plays_and_in_its_story(write_village, tmp_path):
    lost = {"at": "1 s", "device": "mill-inverter", "fault": "close", "for": "1 s"}
    file = write_village(
        tmp_path,
        time={"start": "2016-06-14T12:00:00+02:00", "duration": "40 s"},
        market={"period": "20 s", "gate": "20 s"},
        events=[lost, lost | {"at": "30 s", "for": "20 s"}],
    )
    told: list[str] = []
    run = run_scenario(file, out=tmp_path / "runs", vitals=told.append, report=False)
    assert told == ["1 loss", "2 losses  not heard, its fallback stands in: mill-inverter"]
    record = Record(run.folder)
    (sentence,) = losses_told(record)
    assert sentence == (
        "mill-inverter was not heard 2 times, from 12:00:30 to the end: it counted as tripped "
        "meanwhile."
    )
    assert sentence in story(record)


def test_the_doctor_names_every_extra_of_the_distribution():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    del extras["test"]
    assert {name: (package,) for name, (package, _) in EXTRAS.items()} == {
        name: tuple(re.match(r"[\w-]+", line)[0] for line in lines)
        for name, lines in extras.items()
    }
