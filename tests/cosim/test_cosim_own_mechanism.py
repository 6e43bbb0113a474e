"""A market in one file beside the scenario, nothing of ours edited."""

import pytest

from results.reading import Record

NIGHT_AUCTION = '''
"""A user's own market."""

import numpy as np
from pydantic import BaseModel, PositiveInt

from market.book import Clearing, Orders


class NightAuction:
    """Every trade is at the cap; who comes first is served first."""

    class Options(BaseModel, extra="forbid", frozen=True):
        cap_ticks: PositiveInt

    def __init__(self, options: Options) -> None:
        self.cap_ticks = options.cap_ticks

    def clear(self, orders: Orders) -> Clearing:
        prices, cap = orders.price_ticks, self.cap_ticks
        sides = [
            np.flatnonzero(orders.is_buy & (prices >= cap)),
            np.flatnonzero(~orders.is_buy & (prices <= cap)),
        ]
        volume_wh = min(int(orders.energy_wh[side].sum()) for side in sides)
        filled_wh = np.zeros(len(orders), dtype=np.int64)
        for side in sides:
            left_wh = volume_wh
            for row in side.tolist():
                filled_wh[row] = min(int(orders.energy_wh[row]), left_wh)
                left_wh -= int(filled_wh[row])
        return Clearing(price_ticks=cap, filled_wh=filled_wh)


class FreeLunch(NightAuction):
    """Gives every buyer what it wants and takes it from nobody."""

    def clear(self, orders: Orders) -> Clearing:
        filled_wh = np.where(orders.is_buy, orders.energy_wh, 0)
        return Clearing(price_ticks=self.cap_ticks, filled_wh=filled_wh)


class Broken(NightAuction):
    """Does not get that far."""

    def clear(self, orders: Orders) -> Clearing:
        return {}["price"]
'''
CAP = 250
"""Between the village's feed-in tariff of 80 and its retail tariff of 350. [µ€/Wh]"""


@pytest.fixture
def run(write_village, run_peerwatt, tmp_path):
    """Run a minute of the village under one of the file's markets."""

    def play(class_name):
        (tmp_path / "night_auction.py").write_text(NIGHT_AUCTION, "utf-8")
        file = write_village(
            tmp_path,
            time={"start": "2016-06-14T12:00:00+02:00", "duration": "1 min"},
            market={
                "mechanism": f"./night_auction.py:{class_name}",
                "options": {"cap_ticks": CAP},
            },
            events=[],
        )
        out = tmp_path / "runs"
        words = ["run", str(file), "--out", str(out), "--model-devices", "--no-report"]
        told = run_peerwatt(*words)
        (folder,) = out.iterdir()
        return told, Record(folder)

    return play


def test_a_market_in_a_file_beside_the_scenario_sets_the_prices(run, village):
    told, record = run("NightAuction")

    assert (told.exit_code, told.stderr) == (0, "")
    assert [row["price_ticks"] for row in record.rows("periods")] == [CAP]
    assert {row["price_ticks"] for row in record.rows("contracts")} == {CAP}
    ours = {row["price_ticks"] for row in Record(village.folder).rows("periods")}
    assert CAP not in ours
    options = record.manifest["resolved"]["scenario"]["market"]
    assert options["options"] == {"cap_ticks": CAP}


def test_a_market_whose_energy_does_not_balance_is_named(run):
    told, record = run("FreeLunch")

    assert told.exit_code == 3
    assert "./night_auction.py:FreeLunch" in told.stderr
    assert " Wh but sellers give 0 Wh" in told.stderr
    assert told.stderr.count("\n") == 1
    assert record.manifest["status"] == "broken"
    assert record.rows("contracts") == []


def test_a_market_that_raises_is_named(run):
    told, record = run("Broken")

    assert told.exit_code == 3
    assert "./night_auction.py:Broken" in told.stderr
    assert "KeyError" in told.stderr
    assert "Traceback" not in told.stderr
    assert record.manifest["status"] == "broken"
