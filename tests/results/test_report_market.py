"""The report explains every kind of market, and none of them leaves an empty plot."""

import html
import json
import re

import pytest

from results.folder import EventLog
from results.outcome import outcomes
from results.reading import Record
from results.report import write_report
from results.report_curves import STEPS, curves, market_plots, steps
from results.report_market import market_section

SUMMARY = "All trade at one price between the last bid and the last offer."
TERMS = {"residual": "supplier", "retail_ticks": 350, "feed_in_ticks": 80, "losses_milliwh": 0}
METERS = (("anna", -1_300_000), ("ben", 500_000), ("carl", 1_000_000), ("lpd", 0))


def text_of(folder):
    page = write_report(folder).read_text(encoding="utf-8")
    shown = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", shown)))


def order(number, peer, side, price_ticks, energy_wh, filled_wh, period=0):
    return {
        "order_id": number,
        "period": period,
        "peer": peer,
        "side": side,
        "price_ticks": price_ticks,
        "energy_wh": energy_wh,
        "arrival": 0,
        "filled_wh": filled_wh,
    }


ORDERS = [
    order(0, "anna", "buy", 300, 1200, 1200),
    order(1, "carl", "sell", 100, 1000, 1000),
    order(2, "ben", "sell", 200, 500, 200),
]


def contract(number, seller, energy_wh, price_ticks, **more):
    return {
        "contract_id": number,
        "period": 0,
        "energy_wh": energy_wh,
        "price_ticks": price_ticks,
        "fee_ticks": 10,
        "seller": seller,
        "buyer": "anna",
        "delivered_milliwh": 1000 * energy_wh,
        "fee_ueur": 10 * energy_wh,
        "fate": "delivered",
        "state": "settled",
        **more,
    }


def period(volume_wh, **more):
    return {
        "period": 0,
        "gate_tick": 0,
        "volume_wh": volume_wh,
        "offers_wh": 1500,
        "requests_wh": 1200,
        "retail_ticks": 350,
        "feed_in_ticks": 80,
        **more,
    }


def accounts(**balances):
    return [
        {
            "account": f"peer:{name}" if name in ("anna", "ben", "carl") else name,
            "role": "peer" if name in ("anna", "ben", "carl") else name,
            "balance_ueur": balance,
        }
        for name, balance in balances.items()
    ]


def settled(balances, **tables):
    meters = [
        {"period": 0, "peer": peer, "net_milliwh": net, "shed_milliwh": 0} for peer, net in METERS
    ]
    return {
        "settlement": [{"period": 0, **TERMS}],
        "meters": meters,
        "accounts": balances,
        **tables,
    }


def of(mechanism, kind="orders", summary=SUMMARY):
    return {"mechanism": mechanism, "kind": kind, "summary": summary}


def test_a_uniform_price_is_told_with_curves_and_benefits(record_market):
    balances = accounts(anna=-287_000, ben=64_000, carl=200_000, dso=12_000, supplier=11_000)
    folder = record_market(
        of("uniform_price"),
        **settled(
            balances,
            orders=ORDERS,
            contracts=[contract(1, "carl", 1000, 200), contract(2, "ben", 200, 200)],
            periods=[period(1200, price_ticks=200)],
        ),
    )

    text = text_of(folder)

    for expected in (
        f"uniform_price {SUMMARY}",
        "Over one period, 1.20 kWh were traded: 80.0 % of what was offered and 100 % of what was "
        "asked for. 0.30 kWh of offers found no buyer.",
        "Buyers paid 20.0 ct/kWh and sellers got the same. The supplier asks 35.0 and pays 8.0",
        "trade was worth 22.00 ct: 100 % of what a competitive equilibrium",
        "buyers paid the DSO 1.20 ct on top",
        "1.20 kWh were traded in two contracts, all at 20.0 ct/kWh.",
        "All 3 peers together have 31.20 ct more than the tariffs would have left them: three "
        "peers gained.",
        "anna gained most, 16.80 ct.",
    ):
        assert expected in text


def test_prices_that_differ_are_told_from_lowest_to_highest(record_market):
    folder = record_market(
        of("pay_as_bid"),
        orders=ORDERS,
        contracts=[contract(1, "carl", 1000, 200), contract(2, "ben", 200, 260)],
        periods=[period(1200)],
    )

    section = market_section(Record(folder))
    lines = curves(Record(folder), outcomes(Record(folder)))["0"]

    assert (
        "Buyers paid 20.0 to 26.0 ct/kWh (21.0 on average) and sellers got the same"
        in (section["summary"][1])
    )
    heads = section["table"]["heads"]
    row = dict(zip(heads, section["table"]["rows"][0], strict=True))
    assert [row[f"Price {word} [ct/kWh]"] for word in ("lowest", "mean", "highest")] == [
        "20.0",
        "21.0",
        "26.0",
    ]
    assert lines["price"] == {"x": [0, 0.2, 0.2, 1.2], "y": [26, 26, 20, 20]}
    assert lines["points"] == {"x": [1.2], "y": [20]}
    assert "Prices of each delivery period" in text_of(folder)


def test_a_deficit_is_told_as_the_operators(record_market):
    more = {"receipt_ticks": 200}
    balances = accounts(
        anna=-227_000, ben=64_000, carl=200_000, operator=-60_000, dso=12_000, supplier=11_000
    )
    folder = record_market(
        of("vcg"),
        **settled(
            balances,
            orders=ORDERS,
            contracts=[
                contract(1, "carl", 1000, 150, **more),
                contract(2, "ben", 200, 150, **more),
            ],
            periods=[period(1200)],
        ),
    )

    text = text_of(folder)

    assert "Buyers paid 15.0 ct/kWh; sellers got 20.0 ct/kWh" in text
    heads = market_section(Record(folder))["table"]["heads"]
    assert [head for head in heads if head.startswith(("Paid", "Received"))] == [
        "Paid [ct/kWh]",
        "Received [ct/kWh]",
    ]
    lines = curves(Record(folder), outcomes(Record(folder)))["0"]
    assert lines["received"] == {"x": [0, 1.2], "y": [20, 20]}
    assert lines["points"] == {"x": [1.2, 1.2], "y": [15, 20]}
    assert "Sellers got more than buyers paid: the operator made up the deficit of 6.00 ct." in text
    assert re.search(r"Operator -0.06 \+0.00 -0.06 1", text)


def test_a_rule_is_told_without_contracts_or_curves(record_market):
    bills = [
        {"period": 0, "peer": peer, "status_quo_ueur": alone}
        | {"net_milliwh": net, "inside_milliwh": inside, "receives_ueur": receives}
        for peer, net, inside, receives, alone in (
            ("anna", -1_300_000, -1_300_000, -279_500, -455_000),
            ("ben", 500_000, 433_333, 98_500, 40_000),
            ("carl", 1_000_000, 866_667, 197_000, 80_000),
        )
    ]
    folder = record_market(
        of("mid_market_rate", "rule", "Inside, energy costs the middle of both tariffs."),
        **settled(
            accounts(anna=-279_500, ben=98_500, carl=197_000, community=0, supplier=-16_000),
            bills=bills,
            rule_prices=[
                {"period": 0, "name": "sell", "price_ticks": 197.0},
                {"period": 0, "name": "buy", "price_ticks": 215.0},
            ],
            remarks=[{"period": 0, "remark": "The split is in the core."}],
        ),
    )

    text = text_of(folder)

    for expected in (
        "Met inside the community 1.30 kWh by a rule, on what meters showed; no contracts",
        "Gained against the tariffs 0.35 € all peers together; least by ben, +0.06 €",
        "mid_market_rate Inside, energy costs the middle of both tariffs.",
        "No contracts were made: a rule shared what the meters showed. Of the 1.30 kWh that "
        "members drew, 1.30 kWh came from each other.",
        "1.30 kWh of it met inside the community, at internal prices: sell 19.7 ct/kWh and buy "
        "21.5 ct/kWh.",
        "The supplier paid the community 1.60 ct.",
        "and 1.30 kWh drawn, at internal prices: sell 19.7 ct/kWh and buy 21.5 ct/kWh. The split "
        "is in the core.",
        "All 3 peers together have 35.10 ct more",
    ):
        assert expected in text
    assert "Supply and demand" not in text
    assert "Contracts and their fate" not in text
    assert market_plots(Record(folder), outcomes(Record(folder))) == ([], {})


def test_a_price_of_nothing_is_a_price(record_market):
    bill = {"period": 0, "peer": "anna", "net_milliwh": -5, "inside_milliwh": 0}
    folder = record_market(
        of("bill_sharing", "rule"),
        bills=[{**bill, "receives_ueur": -2, "status_quo_ueur": -2}],
        rule_prices=[{"period": 0, "name": "sell", "price_ticks": 0.0}],
    )

    table = market_section(Record(folder))["table"]

    assert dict(zip(table["heads"], table["rows"][0], strict=True))["Sell [ct/kWh]"] == "0.0"


def test_a_trip_without_contracts_draws_no_contract(record_market):
    folder = record_market(of("mid_market_rate", "rule"))
    with EventLog(folder) as log:
        log.write(1, "trip", peer="carl", device="carl-inverter")

    assert "carl tripped" in (text := text_of(folder))
    assert "Delivered against contracted" not in text


@pytest.mark.parametrize(
    ("orders", "why"),
    [
        ([], "Nobody gave an order."),
        (
            [order(0, "carl", "sell", 100, 1500, 0)],
            "1.50 kWh were offered, and nobody asked for energy.",
        ),
        (
            [order(0, "anna", "buy", 300, 1200, 0)],
            "1.20 kWh were asked for, and nobody offered energy.",
        ),
        (
            [order(0, "anna", "buy", 90, 1200, 0), order(1, "carl", "sell", 100, 1500, 0)],
            "Nobody would pay what anybody asked: the best bid was 9.0 ct/kWh, the cheapest offer "
            "10.0 ct/kWh.",
        ),
        (
            [order(0, "anna", "buy", 100, 1200, 0), order(1, "carl", "sell", 90, 1500, 0)],
            "Nothing was traded though prices met (the best bid was 10.0 ct/kWh, the cheapest "
            "offer 9.0 ct/kWh): this mechanism's rules left it out.",
        ),
    ],
)
def test_a_market_without_trade_says_why(orders, why, record_market):
    balances = accounts(anna=-455_000, ben=40_000, carl=80_000, supplier=335_000)
    folder = record_market(
        of("uniform_price"), **settled(balances, orders=orders, periods=[period(0)])
    )

    text = text_of(folder)

    assert f"Over one period nothing was traded. {why}" in text
    assert "have just what the tariffs would have left them: three peers came out even." in text
    assert "Benefit of each peer" not in text
    assert ("Supply and demand" in text) == bool(orders)
    labels = {
        item.label.value
        for plot in market_plots(Record(folder), outcomes(Record(folder)))[0]
        for item in plot.figure.legend[0].items
    }
    sides = {"buy": "Requests", "sell": "Offers"}
    assert labels == {sides[row["side"]] for row in orders}


def test_a_continuous_auction_shows_its_price_path(record_market):
    rows = [contract(n, "carl", 100, price) for n, price in ((3, 190), (1, 200), (2, 260))]
    folder = record_market(of("continuous"), orders=ORDERS, contracts=rows, periods=[period(300)])
    record = Record(folder)

    drawn, data = market_plots(record, outcomes(record))

    assert [plot.key for plot in drawn] == ["curves", "path"]
    assert data["periods"]["0"]["path"] == {"x": [1, 2, 3], "y": [20, 26, 19]}
    assert "Three trades followed one another; the price moved by at most 7.0 ct/kWh" in (
        text_of(folder)
    )


def test_what_the_grid_did_not_admit_is_told_with_its_reason(record_market):
    trades = [("carl", 1000, 600), ("ben", 150, 0), ("ben", 50, 50)]
    rows = [
        {"period": 0, "seller": seller, "buyer": "anna", "asked_wh": asked, "admitted_wh": admitted}
        | {"reason": "1.103 p.u. at home 3" if admitted < asked else ""}
        for seller, asked, admitted in trades
    ]
    folder = record_market(
        of("uniform_price"),
        orders=ORDERS,
        contracts=[contract(1, "carl", 600, 200)],
        periods=[period(1200, price_ticks=200)],
        admission=rows,
    )

    text = text_of(folder)

    assert "Over one period, 1.20 kWh were cleared: 80.0 %" in text
    assert "1.20 kWh were cleared, of which 0.60 kWh became one contract, all at 20.0" in text
    assert "The grid did not admit 0.55 kWh: one trade was rejected and 1 cut." in text
    assert "carl anna 1000 600 1.103 p.u. at home 3" in text
    assert "ben anna 50 50" not in text


def test_subscriptions_stand_in_words_and_in_the_table(record_market):
    folder = record_market(
        of("vandebron"),
        orders=ORDERS,
        contracts=[contract(1, "carl", 1000, 200)],
        periods=[period(1000)],
        subscriptions=[{"period": 0, "peer": "anna", "amount_ueur": 2_500_000}],
    )

    section = market_section(Record(folder))

    assert "Subscriptions brought the operator 2.50 €." in section["summary"]
    assert "Subscriptions [€]" in section["table"]["heads"]


def test_a_hierarchy_tells_what_each_level_balanced_and_passed_up(record_market):
    # By hand: 300 of 400 Wh inside the groups; the feeder passes 100 and then 200 Wh of offers up.
    def level(name, depth, at, offered, wanted, balanced, price):
        told = {"period": at, "level": name, "depth": depth, "offered_wh": offered}
        return {**told, "wanted_wh": wanted, "balanced_wh": balanced, "price_ticks": price}

    folder = record_market(
        of("hierarchy"),
        orders=ORDERS,
        contracts=[contract(1, "carl", 1000, 200)],
        periods=[period(1000)],
        levels=[
            level("feeder", 1, 0, 200, 100, 100, 150),
            level("market", 0, 0, 100, 300, 100, 210),
            level("feeder", 1, 1, 400, 200, 200, 120),
            level("market", 0, 1, 200, 0, 0, None),
        ],
    )

    section = market_section(Record(folder))

    assert section["levels"]["rows"] == [
        ["market", "0.10", "0.20", "0.20", "21.0"],
        ["\u2003feeder", "0.30", "0.30", "0.00", "12.0 to 15.0"],
    ]
    text = text_of(folder)
    assert "The groups balanced 75.0 % of what was traded by themselves" in text
    assert "What each level balanced" in text


def test_a_market_without_levels_does_not_speak_of_them(record_market):
    assert "What each level balanced" not in text_of(record_market(of("vandebron"), orders=ORDERS))


def test_a_run_that_says_nothing_of_its_mechanism_is_told_all_the_same(record_market):
    assert "Benefit against the tariffs" not in text_of(record_market())


def test_what_was_traded_of_a_curve_breaks_where_it_was_not(record_market):
    rows = [order(n, "carl", "sell", 100 + n, 10, filled) for n, filled in enumerate((10, 0, 4))]
    record = Record(record_market(of("muda"), orders=rows, periods=[period(14)]))

    lines = curves(record, outcomes(record))["0"]

    assert lines["supply"]["x"] == [0, 0.01, 0.01, 0.02, 0.02, 0.03]
    assert lines["sold"]["x"] == [0, 0.01, None, 0.02, 0.024]
    assert lines["sold"]["y"] == [10, 10, None, 10.2, 10.2]


def test_premiums_stand_as_steps_above_the_limits(record_market):
    rows = [
        {**order(0, "anna", "buy", 200, 1000, 0), "premium_ticks": 0},
        {**order(1, "ben", "buy", 180, 500, 0), "premium_ticks": 60},
        {**order(2, "carl", "sell", 190, 700, 700), "premium_ticks": None},
    ]
    record = Record(record_market(of("piclo"), orders=rows, periods=[period(0)]))

    plots, data = market_plots(record, outcomes(record))
    lines = data["periods"]["0"]

    assert lines["demand"] == {"x": [0, 1, 1, 1.5], "y": [20, 20, 18, 18]}
    assert lines["premium"] == {"x": [0, 0.5, 0.5, 1.5], "y": [24, 24, 20, 20]}
    assert lines["view"]["top"] > 24
    labels = [item.label.value for item in plots[0].figure.legend[0].items]
    assert "Requests with premium" in labels
    assert not any("trade was worth" in told for told in market_section(record)["summary"])


def test_a_long_curve_keeps_its_energy_and_its_worth():
    import numpy as np

    rng = np.random.default_rng(3)
    ticks, energy = np.sort(rng.integers(0, 40_000, 5_000)), rng.integers(1, 900, 5_000)

    price, width, filled = steps(ticks, energy, energy // 2)

    assert price.size <= STEPS
    assert (np.diff(price) >= 0).all()
    assert width.sum() == pytest.approx(energy.sum() / 1e3)
    assert filled.sum() == pytest.approx((energy // 2).sum() / 1e3)
    assert price @ width == pytest.approx(ticks @ energy / 1e4)


def test_of_very_many_periods_the_busiest_are_shown_and_all_are_counted(record_market):
    many = [period(n % 7) | {"period": n} for n in range(1100)]
    rows = [order(n, "carl", "sell", 100, 7, n % 7, n) for n in range(1100)]

    record = Record(record_market(of("pay_as_bid"), orders=rows, periods=many))
    section = market_section(record)

    assert (len(section["table"]["rows"]), section["table"]["left_out"]) == (1000, 100)
    assert f"{sum(n % 7 for n in range(1100)) / 1000:.2f} kWh" in section["summary"][0]
    shown = curves(record, outcomes(record))
    assert len(shown) == 200
    assert all(int(n) % 7 in (5, 6) for n in shown)


def test_the_page_holds_the_curves_of_every_period_and_no_name_can_break_it(record_market):
    second = [{**row, "period": 1, "order_id": 9 + i} for i, row in enumerate(ORDERS)]
    folder = record_market(
        of("</script><b>x", summary="<i>"),
        orders=[*ORDERS, *second],
        periods=[period(1200), period(1200) | {"period": 1}],
    )

    page = write_report(folder).read_text(encoding="utf-8")

    (data,) = re.findall(r'id="market-curves">(.*?)</script>', page, flags=re.DOTALL)
    assert set(json.loads(data)) == {"0", "1"}
    assert "<b>x" not in page
    assert "<i>" not in re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL).split("<main>")[1]
