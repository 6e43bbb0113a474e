"""Short runs of the shipped scenarios, played once for all tests that look at them."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cosim.cli import app
from cosim.run import RunOutcome, run_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
TRIP_S = 75
"""When the mill's inverter trips in the short village. [s]"""

PEERWATT = [sys.executable, "-c", "from cosim.cli import main; main()"]

WriteVillage = Callable[..., Path]


@pytest.fixture(scope="session")
def write_village() -> WriteVillage:
    """Write the shipped village, two minutes of it, with what a test wants otherwise."""

    def write(folder: Path, *, market: Any = (), **otherwise: Any) -> Path:
        told = yaml.safe_load((SCENARIOS / "village.yaml").read_text("utf-8"))
        told["time"] = {"start": "2016-06-14T12:00:00+02:00", "duration": "2 min"}
        told["grid"]["network"] = str(SCENARIOS / "grids/kerber-village.json")
        told["market"] |= {"period": "1 min", "gate": "30 s", **dict(market)}
        told["events"] = [{"at": f"{TRIP_S} s", "device": "mill-inverter", "fault": "trip"}]
        file = folder / "village.yaml"
        file.write_text(yaml.safe_dump(told | otherwise, sort_keys=False), "utf-8")
        return file

    return write


@pytest.fixture(scope="session")
def village_file(tmp_path_factory: pytest.TempPathFactory, write_village: WriteVillage) -> Path:
    return write_village(tmp_path_factory.mktemp("village"))


@pytest.fixture(scope="session")
def village(village_file: Path) -> RunOutcome:
    """The short village, the mill's inverter played by the emulated device."""
    return run_scenario(village_file, out=village_file.parent / "runs", report=False)


@pytest.fixture(scope="session")
def modelled_village(village_file: Path) -> RunOutcome:
    """The same, the mill's inverter played by the fleet's model."""
    out = village_file.parent / "modelled"
    return run_scenario(village_file, out=out, model_devices=True, report=False)


@pytest.fixture(scope="session")
def island(tmp_path_factory: pytest.TempPathFactory) -> RunOutcome:
    """The shipped island, all twenty minutes, its device played by a model."""
    out = tmp_path_factory.mktemp("island")
    file = SCENARIOS / "island.yaml"
    return run_scenario(file, out=out, model_devices=True, report=False)


@pytest.fixture(scope="session")
def start_peerwatt() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the command in a process and session of its own, as a terminal does."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: str, command: list[str] = PEERWATT, **more: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture(scope="session")
def run_peerwatt() -> Callable[..., Any]:
    """Call the command in this process."""

    def run(*words: str) -> Any:
        return CliRunner().invoke(app, list(words))

    return run
