"""Who bids in a run: mixed, a user's own, told what came of it, and held to its promises."""

import json
from pathlib import Path

import numpy as np
import pytest

from cosim.run import run_scenario
from cosim.trade.bidders import table
from market._luck import scatter, uniform
from models import draws
from results.reading import Record
from scenarios.load import load_scenario

MINE = '''
"""A user's own bidder, which writes down what it is told."""

import json
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from market import Bids, Clearing, Orders, Outlook


class Diarist:
    """Bids 200, and notes when it bids and what it hears."""

    periods_ahead = 3

    class Options(BaseModel, extra="forbid", frozen=True):
        diary: str

    def __init__(self, options: Options) -> None:
        self._diary = Path(options.diary)

    def bid(self, outlook: Outlook) -> Bids:
        self._note("bid", outlook.period, outlook.n, outlook.ahead_wh.shape[1])
        return Bids.one_each(outlook, 200)

    def learn(self, orders: Orders, clearing: Clearing) -> None:
        self._note("learn", *orders.periods, len(orders), int(clearing.filled_wh.sum()))

    def _note(self, *what: object) -> None:
        with self._diary.open("a") as diary:
            diary.write(json.dumps(what) + "\\n")


class Greedy:
    """Offers a Wh more than there is."""

    class Options(BaseModel):
        pass

    def __init__(self, options: Options) -> None:
        pass

    def bid(self, outlook: Outlook) -> Bids:
        bids = Bids.one_each(outlook, 200)
        return Bids(bids.peer_index, bids.is_buy, bids.price_ticks, bids.energy_wh + 1)
'''


def bidding(write_village, folder, **bids):
    (folder / "mine.py").write_text(MINE)
    return write_village(folder, market={"bids": bids})


def test_a_bidder_hears_of_a_gate_before_the_next_one(write_village, tmp_path):
    diary = tmp_path / "diary.jsonl"
    options = {"diary": str(diary)}
    file = bidding(write_village, tmp_path, agent="./mine.py:Diarist", options=options)
    outcome = run_scenario(file, out=tmp_path / "runs", model_devices=True, report=False)

    notes = [json.loads(line) for line in diary.read_text().splitlines()]
    assert [note[:2] for note in notes] == [["bid", 0], ["learn", 0], ["bid", 1], ["learn", 1]]
    peers, orders = load_scenario(file).peers, Record(outcome.folder).table("orders").to_pandas()
    assert notes[0][2:] == [len(peers) - 1, 3]  # all but the LPD, as far ahead as it asked for
    first = orders[orders.period == 0]
    assert notes[1][2:] == [len(first), first.filled_wh.sum()]
    assert set(orders.price_ticks) == {200}
    assert outcome.status == "finished"


def test_a_bidder_that_offers_more_than_there_is_stops_the_run_and_is_named(
    write_village, tmp_path, run_peerwatt
):
    file = bidding(write_village, tmp_path, agent="./mine.py:Greedy")
    told = run_peerwatt("run", str(file), "--model-devices", "--out", str(tmp_path / "runs"))
    assert told.exit_code == 3
    assert "bidder ./mine.py:Greedy: mill offers" in told.output


def test_peers_with_the_same_bidder_and_options_share_one(write_village, tmp_path):
    seated = table(load_scenario(bidding(write_village, tmp_path, agent="truthful")))
    assert [seat.name for seat in seated.seats] == ["truthful"]
    peers = load_scenario(tmp_path / "village.yaml").peers
    assert seated.seats[0].members.tolist() == list(range(len(peers) - 1))


def test_orders_arrive_within_the_minutes_before_their_gate(modelled_village):
    orders = Record(modelled_village.folder).table("orders").to_pandas()
    gate = orders.period * 600 - 300
    waits = gate - orders.arrival
    assert waits.between(0, 1200).all()
    assert waits.nunique() > len(orders) / 3


@pytest.mark.parametrize("agent", ["storage_aware", "zero_intelligence_plus", "truthful"])
def test_what_bidders_promise_is_delivered(agent, write_village, tmp_path):
    # The mill does not trip here. As `margin` does, all but the crumbs of the dead band.
    file = write_village(tmp_path, market={"bids": {"agent": agent}}, events=[])
    outcome = run_scenario(file, out=tmp_path / "runs", model_devices=True, report=False)
    contracts = Record(outcome.folder).table("contracts").to_pandas()
    assert len(contracts) > 10
    promised = 1000 * contracts.energy_wh.sum()
    assert contracts.delivered_milliwh.sum() > 0.9 * promised
    assert contracts.accepted_milliwh.sum() > 0.9 * promised


def test_the_market_draws_the_numbers_that_the_models_draw():
    keys = np.random.default_rng(3).integers(0, 2**63, 50).astype(np.uint64)
    for counter in (0, 1, 77):
        np.testing.assert_array_equal(uniform(keys, counter), draws.uniform(keys, counter))
        np.testing.assert_array_equal(scatter(keys, counter), draws.scatter(keys, counter))


def test_the_shipped_village_bids_in_every_period():
    file = Path(__file__).parents[2] / "scenarios/village.yaml"
    assert table(load_scenario(file)).periods_ahead == 0
