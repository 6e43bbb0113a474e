"""docs/market.md is a promise: its table is the code's, and what it shows is run as it stands."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

from market.bidders.protocol import BIDDERS
from market.known import MECHANISMS
from market.order_file import read_orders
from market.properties import properties_table
from scenarios.load import load_scenario

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/market.md").read_text(encoding="utf-8")
PEERWATT = Path(sys.executable).with_name("peerwatt")
STREET = ROOT / "scenarios/orders/street.csv"


def blocks(language):
    """Code blocks of a language, in the order of the page."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


def own_mechanism():
    (text,) = [block for block in blocks("python") if block.startswith("# first_come.py")]
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A newcomer's folder: the shipped orders, and the mechanism written off the page."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "street.csv").write_text(STREET.read_text("utf-8"), encoding="utf-8")
    (folder / "first_come.py").write_text(own_mechanism(), encoding="utf-8")
    return folder


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_the_table_is_the_codes():
    assert properties_table() in PAGE


def test_every_known_mechanism_and_bidder_is_on_the_page():
    for name in (*MECHANISMS, *BIDDERS):
        assert f"`{name}`" in PAGE, name


@pytest.mark.parametrize("command", [line for b in blocks("console") for line in b.splitlines()])
def test_every_command_works_as_typed(folder, command):
    name, *words = command.split()
    assert name == "peerwatt"
    assert run([PEERWATT, *words], folder)


@pytest.mark.parametrize(
    "code", [b for b in blocks("python") if not b.startswith("# first_come.py")]
)
def test_every_other_python_block_runs_in_five_lines_as_it_stands(folder, code):
    assert len([line for line in code.splitlines() if line.strip()]) <= 5
    assert run([sys.executable, "-W", "error", "-c", code], folder)


def test_the_order_file_shown_is_read_and_is_part_of_the_one_shipped(tmp_path):
    (shown,) = blocks("csv")
    (tmp_path / "orders.csv").write_text(shown)
    assert len(read_orders(tmp_path / "orders.csv")) == 3
    shipped = list(csv.DictReader(io.StringIO(STREET.read_text("utf-8"))))
    assert all(row in shipped for row in csv.DictReader(io.StringIO(shown)))


def test_a_mechanism_of_ones_own_takes_under_40_lines_and_trades_at_its_price(folder):
    assert len(own_mechanism().splitlines()) < 40
    words = ["--mechanism", "./first_come.py:FirstCome", "--option", "price_ticks=200"]
    told = run([PEERWATT, "market", "street.csv", *words], folder)
    # By hand: in period 0 three bids of 4.5 kWh and two asks of 3.6 kWh are willing at 200; in
    # period 1, 3.2 and 1.8 kWh.
    assert "period 0: 3.6 kWh" in told
    assert "period 1: 1.8 kWh" in told
    assert told.count("price 0.2 €/kWh") == 2


def test_every_scenario_line_on_the_page_loads(folder):
    told = re.findall(r"`(market: \{.*\})`", PAGE)
    assert len(told) == 5
    scenario = (
        'scenario: street\nabout: A lane.\ntime: {start: 2016-06-14T12:00:00+02:00, duration: "15 '
        'min"}\ngrid: {network: "pandapower:create_kerber_landnetz_freileitung_1"}\n'
        "peers:\n  - {name: farm, bus: bus_1_13, pv: {p_kwp: 20}}\n"
    )
    for line in told:
        (folder / "street.yaml").write_text(scenario + line + "\n", encoding="utf-8")
        assert load_scenario(folder / "street.yaml").scenario.market


def test_every_file_that_it_names_is_there():
    for name in re.findall(r"`((?:market|scenarios|tests)/[\w./-]+)`", PAGE):
        assert (ROOT / name).exists(), name
