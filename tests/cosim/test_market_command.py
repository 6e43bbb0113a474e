"""The command that clears an order file: what it tells, refuses and leaves."""

import csv
import json

import pytest
from typer.testing import CliRunner

from cosim.cli import app

TEXTBOOK = "peer,side,price_ticks,energy_wh\n" + "".join(
    f"{side}{i},{side},{price},1000\n"
    for side, prices in (("buy", [100, 90, 80, 70, 60]), ("sell", [80, 85, 95, 100, 110]))
    for i, price in enumerate(prices)
)
STREET = (
    "peer,side,price_eur_per_kwh,energy_kwh,zone,period\n"
    "anna,buy,0.30,1,north,1\n"
    "farm,sell,0.10,2,south,1\n"
    "ben,buy,0.20,1,north,2\n"
    "farm,sell,0.22,1,south,2\n"
)
GREEDY = """
from pydantic import BaseModel
from market import Clearing


class Greedy:
    class Options(BaseModel, extra="forbid", frozen=True):
        pass

    def __init__(self, options):
        pass

    def clear(self, orders):
        return Clearing(price_ticks=10**6, filled_wh=orders.energy_wh)


class Broken(Greedy):
    def clear(self, orders):
        raise KeyError("price")
"""


@pytest.fixture
def call(tmp_path, monkeypatch):
    """Call the command in a folder of its own that holds two order files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "textbook.csv").write_text(TEXTBOOK)
    (tmp_path / "street.csv").write_text(STREET)
    (tmp_path / "greedy.py").write_text(GREEDY)
    return lambda *words: CliRunner().invoke(app, ["market", *words])


def test_trades_prices_surplus_and_gains_are_told(call):
    # Computed from the published table, 1 kWh instead of 1: buyers pay 85, sellers get 90, the
    # operator adds 10 per Wh, and all gain 25.
    told = call("textbook.csv", "--mechanism", "vcg")
    assert (told.exit_code, told.stderr) == (0, "")
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert lines[0] == "textbook.csv, cleared by vcg"
    assert lines[1] == (
        "period 0: 2 kWh in 2 trades of 10 orders; prices differ; surplus of the operator "
        "-0.010000 €"
    )
    assert "0 sell0 buy0 1.000 0.085 0.090" in lines
    assert "buy0 0.015000 0.000000 0.015000" in lines
    assert lines[-2:] == [
        "operator -0.010000 €, DSO 0.000000 €",
        "all gain 0.025000 €; 0.025000 € is possible, 100.00% of it reached",
    ]


def test_an_option_and_a_price_range_are_told(call):
    # By hand: of 85 to 90, a quarter from the lower end, rounded down.
    told = call("textbook.csv", "--option", "k=0.25")
    assert "price 0.086 €/kWh, of 0.085 to 0.09 that clear the same" in told.stdout


def test_every_period_is_cleared_by_itself_and_one_can_be_picked(call):
    told = call("street.csv", "--json")
    periods = json.loads(told.stdout)["periods"]
    assert [(p["period"], p["price_ticks"], p["volume_wh"]) for p in periods] == [
        (1, 100, 1000),
        (2, None, 0),
    ]
    assert "period 2: nothing trades, so there is no price; 2 orders" in call("street.csv").stdout
    one = json.loads(call("street.csv", "--json", "--period", "2").stdout)
    assert [p["period"] for p in one["periods"]] == [2]
    assert one["efficiency"] is None


def test_transport_is_charged_by_zone(call):
    # By hand: 1 kWh from south to north at 0.03; the buyer gains 0.20 less that.
    told = json.loads(call("street.csv", "--json", "--fee", "0.01", "--zone-fee", "0.03").stdout)
    assert [t["fee_ticks"] for t in told["trades"]] == [30]
    assert told["dso_ueur"] == 30_000
    gains = {row["peer"]: row["gain_ueur"] for row in told["gains"]}
    assert gains == {"anna": 170_000, "ben": 0, "farm": 0}


def test_tariffs_give_the_benefit_over_the_status_quo(call):
    # By hand: anna saves 350 - 100 for 1 000 Wh, farm gets 100 instead of 80.
    told = json.loads(call("street.csv", "--json", "--retail", "0.35", "--period", "1").stdout)
    benefit = {row["peer"]: row["benefit_ueur"] for row in told["gains"]}
    assert benefit == {"anna": 250_000, "ben": 0, "farm": 20_000}


def test_a_rule_reads_the_orders_as_meters(call):
    # By hand, mid-market rate between 0.35 and 0.08, 2 kWh injected and 1 withdrawn: buyers pay
    # 0.215, sellers get (0.215 + 0.08) / 2.
    told = call("street.csv", "--mechanism", "mid_market_rate", "--period", "1")
    assert told.exit_code == 0, told.stderr
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert "anna -1.000000 -1.000000 -0.215000 0.135000" in lines
    assert "farm 2.000000 1.000000 0.295000 0.135000" in lines


def test_tables_are_written_as_they_are_told(call, tmp_path):
    told = call("textbook.csv", "--mechanism", "mcafee", "--out", "cleared")
    assert told.exit_code == 0
    rows = {
        name: list(csv.DictReader((tmp_path / f"cleared/{name}.csv").read_text("utf-8").split()))
        for name in ("trades", "orders", "gains")
    }
    assert [len(rows[name]) for name in ("trades", "orders", "gains")] == [2, 10, 10]
    document = json.loads((tmp_path / "cleared/clearing.json").read_text("utf-8"))
    assert document["mechanism"] == "mcafee"
    assert sum(int(row["gain_ueur"]) for row in rows["gains"]) == document["total_ueur"] == 25_000


def test_faults_of_the_file_are_told_by_line_and_nothing_is_cleared(call, tmp_path):
    (tmp_path / "bad.csv").write_text("peer,side,price_ticks,energy_wh\na,buy,nan,5\nb,sell,1,-5\n")
    told = call("bad.csv", "--out", "cleared")
    assert (told.exit_code, told.stdout) == (2, "")
    assert told.stderr.splitlines() == [
        "bad.csv:2: price_ticks: is 'nan'; expected a price in µ€/Wh",
        "bad.csv:3: energy_wh: -5 Wh is not more than 0; drop the order or turn its side",
    ]
    assert not (tmp_path / "cleared").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--mechanism", "uniform_prize"], "--mechanism: no market mechanism 'uniform_prize'"),
        (["--mechanism", "./gone.py:A"], "--mechanism: no file './gone.py'"),
        (["--option", "k=2"], "--option k: Input should be less than or equal to 1"),
        (["--option", "m=2"], "--option m: Extra inputs are not permitted"),
        (["--option", "k"], "--option k: sets nothing; expected name=value"),
        (["--fee", "0.0001"], "--fee: 0.0001 €/kWh is finer than a price tick"),
        (["--fee", "-1"], "--fee: "),
        (["--fee", "nan"], "--fee: nan €/kWh is no price"),
        (["--zone-fee", "0.02"], "textbook.csv: zone: 'buy0' is in no zone; expected one"),
        (["--retail", "0.05"], "--feed-in: "),
        (["--period", "7"], "textbook.csv: no orders for period 7; expected one of: 0"),
        (["--open-from", "1"], "textbook.csv:2: period: the gate of period 0 has closed"),
    ],
)
def test_wrong_words_are_named_and_leave_with_2(call, words, told):
    done = call("textbook.csv", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(told)


def test_orders_that_a_mechanism_refuses_are_named_by_their_line(call, tmp_path):
    (tmp_path / "lots.csv").write_text(STREET)
    done = call("lots.csv", "--mechanism", "mcafee", "--option", "lots=equal")
    assert done.exit_code == 2
    assert done.stderr.startswith("lots.csv: order 3 of 'farm': 2000 Wh where the book's lot is")


def test_a_mechanism_that_breaks_its_promises_is_stopped_and_named(call):
    done = call("textbook.csv", "--mechanism", "./greedy.py:Greedy")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith(
        "market mechanism ./greedy.py:Greedy: order 2 of 'buy0': trades at 1000000 ticks beyond"
    )
    broken = call("textbook.csv", "--mechanism", "./greedy.py:Broken")
    assert broken.exit_code == 3
    assert broken.stderr == "market mechanism ./greedy.py:Broken: KeyError: 'price'\n"


def test_long_tables_are_cut_and_say_so(call, tmp_path):
    rows = [f"b{i},buy,100,1\ns{i},sell,50,1\n" for i in range(60)]
    (tmp_path / "long.csv").write_text("peer,side,price_ticks,energy_wh\n" + "".join(rows))
    told = call("long.csv").stdout
    assert "20 rows more; --out or --json gives all" in told
    assert "80 rows more; --out or --json gives all" in told
