"""A design's figures and its negotiation in the report, worked by hand on a street of three."""

import html
import re

import pytest

from results.folder import EventLog
from results.reading import Record
from results.report import write_report
from results.report_designs import design_periods, designs_section
from results.report_negotiation import negotiation_plots, negotiation_told

MARKET = {"mechanism": "full_p2p", "kind": "orders", "summary": "Bilateral trades."}


def order(number, peer, side, price_ticks, energy_wh, filled_wh):
    return {
        "order_id": number,
        "period": 0,
        "peer": peer,
        "side": side,
        "price_ticks": price_ticks,
        "energy_wh": energy_wh,
        "arrival": 0,
        "filled_wh": filled_wh,
    }


def contract(number, seller, energy_wh, price_ticks, **more):
    return {
        "contract_id": number,
        "period": 0,
        "energy_wh": energy_wh,
        "price_ticks": price_ticks,
        "fee_ticks": 10,
        "seller": seller,
        "buyer": "anna",
        **more,
    }


TABLES = {
    "orders": [
        order(0, "anna", "buy", 300, 1200, 1200),
        order(1, "carl", "sell", 100, 1000, 1000),
        order(2, "ben", "sell", 200, 500, 200),
    ],
    "contracts": [
        contract(1, "carl", 1000, 200, receipt_ticks=195),
        contract(2, "ben", 200, 260),
    ],
    "periods": [
        {
            "period": 0,
            "gate_tick": 0,
            "volume_wh": 1200,
            "offers_wh": 1500,
            "requests_wh": 1200,
            "retail_ticks": 350,
            "feed_in_ticks": 80,
        }
    ],
    "rows": [
        {"period": 0, "energy_milliwh": -100_000, "peer": "anna", "kind": "supplier"},
        {"period": 0, "energy_milliwh": 300_000, "peer": "ben", "kind": "supplier"},
    ],
}


def step(number, gap, lost=0, time_s=None):
    return {
        "period": 0,
        "round": number,
        "sent": 4 * number,
        "lost": lost,
        "primal": float("inf") if number == 1 else 10.0 / number,
        "dual": 1.0,
        "time_s": time_s,
        "gap": gap,
    }


def spoken(folder):
    told = {
        "solver": "negotiation",
        "result": "repaired",
        "rounds": 2,
        "messages": 8,
        "lost": 2,
        "missed_wh": 12.0,
        "gap": 0.05,
        "silent": ["ben"],
    }
    with EventLog(folder) as log:
        log.write(0, "market_negotiated", period=0, **told)


def test_welfare_the_world_outside_and_prices_are_those_of_the_hand(record_market):
    # Worth 300 × 1 200 − 100 × 1 000 − 200 × 200 = 220 000 µ€; the way costs 10 × 1 200, and the
    # operator keeps 5 × 1 000. 100 Wh are bought at 350, 300 Wh sold at 80.
    (period,) = design_periods(Record(record_market(MARKET, **TABLES)))
    assert period.welfare_ueur == 220_000 - 12_000 - 5_000
    assert (period.import_milliwh, period.export_milliwh) == (100_000, 300_000)
    assert (period.import_ueur, period.export_ueur) == (35_000, 24_000)
    assert (period.low_ticks, period.mean_ticks, period.high_ticks) == (200, 210, 260)
    assert period.across_wh is None


def test_only_designs_have_the_section(record_market):
    assert designs_section(Record(record_market({**MARKET, "mechanism": "vcg"}, **TABLES))) is None


def test_communities_are_those_of_the_options_and_who_is_in_none_is_its_own(record_market):
    folder = record_market({**MARKET, "mechanism": "hybrid"}, **TABLES)
    record = Record(folder)
    parts = [{"name": "west", "parts": [{"name": "street", "members": ["anna", "carl"]}]}]
    record.manifest["resolved"] = {"scenario": {"market": {"options": {"communities": parts}}}}
    (period,) = design_periods(record)
    assert period.across_wh == 200  # ben's, who is in none
    section = designs_section(record)
    assert "Between communities [kWh]" in section["heads"]
    assert len(section["rows"][0]) == len(section["heads"])


def test_the_page_tells_and_draws_a_negotiation_against_time_and_loss(record_market):
    steps = [step(1, 0.5, 1, 0.1), step(2, 0.1, 2, 0.2)]
    folder = record_market(MARKET, **TABLES, negotiation=steps)
    spoken(folder)
    page = write_report(folder).read_text(encoding="utf-8")
    shown = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", shown)))
    for expected in (
        "In one period peers did not agree: what was offered by then was repaired",
        "2 rounds a period and eight messages, of which 25.0 % were lost.",
        "5 % of the greatest welfare. Before the repair, two ends of a trade were up to 12 Wh",
        "ben fell silent.",
        "What the gate would have missed",
        "The same against loss",
        "Social welfare [€]",
    ):
        assert expected in text
    lines = {
        plot.key: plot.figure.renderers[0].data_source.data
        for plot in negotiation_plots(Record(folder))
    }
    assert lines["negotiation-gap"]["x"].tolist() == [0.1, 0.2]
    assert lines["negotiation-gap"]["y"].tolist() == [0.5, 0.1]
    assert lines["negotiation-loss"]["x"].tolist() == [1, 2]
    residual = lines["negotiation-residual"]["y"].tolist()
    assert residual[0] != residual[0]  # somebody had not heard a partner
    assert residual[1] == pytest.approx(5.0)


def test_rounds_that_take_no_time_are_drawn_by_number(record_market):
    folder = record_market(MARKET, **TABLES, negotiation=[step(1, None), step(2, None)])
    (plot,) = negotiation_plots(Record(folder))
    assert plot.figure.renderers[0].data_source.data["x"].tolist() == [1, 2]
    assert negotiation_told(Record(folder)) == []
