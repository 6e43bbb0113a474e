"""The README is a promise: what it shows is taken from it and run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from market.bidders.protocol import BIDDERS
from market.known import MECHANISMS
from results.reading import Record

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PEERWATT = Path(sys.executable).with_name("peerwatt")


def block(language: str, opening: str) -> str:
    """Find the code block of a language that begins with a line."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    (found,) = [text for text in blocks if text.startswith(opening)]
    return found


def peerwatt(*words: str, cwd: Path) -> subprocess.CompletedProcess:
    return subprocess.run([PEERWATT, *words], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A newcomer's folder with the files that the README has them write."""
    folder = tmp_path_factory.mktemp("newcomer")
    scenario = block("yaml", "# street.yaml")
    (folder / "street.yaml").write_text(scenario, encoding="utf-8")
    (folder / "night_auction.py").write_text(block("python", "# night_auction.py"), "utf-8")
    of_night = re.search(r"`(market: \{mechanism: \"\./night_auction[^`]*)`", README)
    night = re.sub(r"^market: .*$", of_night[1], scenario, flags=re.MULTILINE)
    night = night.replace("duration: 30 min", "duration: 15 min")
    (folder / "night.yaml").write_text(night, encoding="utf-8")
    return folder


def test_its_commands_work_as_typed(folder):
    for part in ("scenarios", "stations"):
        (folder / part).symlink_to(ROOT / part)
    commands = re.findall(r"^\.venv/bin/peerwatt (.*)$", README, flags=re.MULTILINE)
    kinds = ["validate", "run", "run", "market", "run", "bills", "ledger"]
    kinds += ["devices", "run", "type-test", "baseline", "compare", "sweep"]
    assert [command.split()[0] for command in commands] == kinds
    # A run in real time is held by tests/cosim/test_cosim_hil.py.
    of_bench = [command for command in commands if command.split()[0] in ("devices", "type-test")]
    for command in [*commands[:4], *of_bench]:
        done = peerwatt(*shlex.split(command), cwd=folder)
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (run,) = (folder / "results/runs").glob("street-*")
    assert (run / "report.html").stat().st_size > 100_000
    for name in re.findall(r"`(\w+\.(?:json|xml|html|parquet|sqlite|jsonl))`", README):
        assert (run / name).exists(), f"the README promises {name}"


@pytest.mark.parametrize("command", ["bills", "ledger"])
def test_a_run_is_billed_and_its_ledger_verified(folder, command):
    (typed,) = re.findall(rf"^\.venv/bin/peerwatt ({command} .*)$", README, re.MULTILINE)
    (run,) = (folder / "results/runs").glob("street-*")
    done = peerwatt(
        *shlex.split(typed.replace("RUN", str(run)).replace("mill", "farm"), comments=True),
        cwd=folder,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_two_runs_are_compared(folder):
    # As typed, but with the two runs of the test before. The baselines of
    # the shipped scenarios and `pytest scenarios/` are held by tests/cosim/test_own_scenarios.py.
    (compare,) = re.findall(r"^\.venv/bin/peerwatt (compare .*)$", README, re.MULTILINE)
    runs = sorted(str(run.relative_to(folder)) for run in (folder / "results/runs").iterdir())
    for written, run in zip(("results/runs/A", "results/runs/B"), runs, strict=True):
        compare = compare.replace(written, run)
    done = peerwatt(*shlex.split(compare, comments=True), cwd=folder)
    assert done.returncode == 1, done.stderr
    assert "they part first at" in done.stdout


@pytest.mark.soak
def test_the_sweep_is_played(folder):
    (sweep,) = re.findall(r"^\.venv/bin/peerwatt (sweep .*)$", README, re.MULTILINE)
    done = peerwatt(*shlex.split(sweep.replace("--points 64", "--points 1")), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (table,) = folder.glob("results/sweeps/*/sweep.parquet")
    assert pq.read_table(table).num_rows == 1


def test_every_mechanism_and_bidder_that_it_names_is_known():
    named = re.search(r"Known by name.*?docs/market\.md\)", README, flags=re.DOTALL)[0]
    for known in (*MECHANISMS, *BIDDERS):
        assert f"`{known}`" in named


def test_a_mechanism_in_one_file_clears_the_market_at_its_own_price(folder):
    done = peerwatt("run", "night.yaml", "--no-report", "--out", "night", cwd=folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (run,) = (folder / "night").iterdir()
    prices = {row["price_ticks"] for row in Record(run).rows("contracts")}
    assert prices == {200}


def test_every_command_of_the_table_exists():
    helped = peerwatt("--help", cwd=ROOT).stdout
    for command in re.findall(r"^\| `peerwatt (\w+)", README, flags=re.MULTILINE):
        assert command in helped


def test_every_folder_of_the_map_is_a_package():
    for folder in re.findall(r"^\| `(\w+)` \| \w", README, flags=re.MULTILINE):
        assert (ROOT / folder / "__init__.py").exists()


def test_every_file_that_it_links_or_names_is_there():
    named = re.findall(r"\]\(([\w./-]+)\)", README)
    named += re.findall(r"`((?:cosim|models|scenarios|docs)/[\w./-]+)`", README)
    for name in named:
        assert (ROOT / name).exists(), name
