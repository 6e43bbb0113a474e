"""What a period's market came to: prices, gains, and who kept the difference."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from results.metrics import key_figures
from results.outcome import outcomes, possible_gain_ueur
from results.reading import Record


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


def contract(number, seller, energy_wh, price_ticks, **more):
    return {
        "contract_id": number,
        "period": 0,
        "energy_wh": energy_wh,
        "price_ticks": price_ticks,
        "fee_ticks": 0,
        "seller": seller,
        "buyer": "anna",
        **more,
    }


# Unit bids 100, 90, 80, 70, 60 and asks 80, 85, 95, 100, 110: two trades gain (100 − 80) +
# (90 − 85) = 25 (HS Mittweida's example); trade reduction gives up the second and gains 20.
BIDS, ASKS = [100, 90, 80, 70, 60], [80, 85, 95, 100, 110]


def book(filled):
    return [
        order(number, peer, side, price, 1, int(number % 5 < filled))
        for number, (peer, side, price) in enumerate(
            [*(("anna", "buy", bid) for bid in BIDS), *(("carl", "sell", ask) for ask in ASKS)]
        )
    ]


def test_gain_is_what_buyers_would_pay_less_what_sellers_would_take(record_market):
    (period,) = outcomes(Record(record_market(orders=book(2), periods=[cleared(2)])))

    assert period.book.gain_ueur == period.book.possible_ueur == 25


def test_a_given_up_trade_costs_a_fifth_of_the_gain(record_market):
    record = Record(record_market(orders=book(1), periods=[cleared(1)]))

    figures = {figure.key: figure.value for figure in key_figures(record)}

    assert figures["gain_total_eur"] == 20e-6
    assert figures["gain_efficiency"] == 80


def cleared(volume_wh, period=0, **more):
    return {
        "period": period,
        "gate_tick": 0,
        "volume_wh": volume_wh,
        "offers_wh": 5,
        "requests_wh": 5,
        **more,
    }


def test_prices_paid_and_received_are_weighted_by_energy(record_market):
    # By hand: 1000 Wh at 200 and 200 Wh at 260 are 210 on average; sellers get 20 ticks more
    # of the dear one. The operator adds 20 ticks on the 150 Wh that were delivered: 3000 µ€.
    rows = [
        contract(1, "carl", 1000, 200, delivered_milliwh=900_000),
        contract(2, "ben", 200, 260, receipt_ticks=280, delivered_milliwh=150_000),
    ]
    (period,) = outcomes(Record(record_market(contracts=rows, periods=[cleared(1200)])))

    assert (period.paid.lowest_ticks, period.paid.mean_ticks, period.paid.highest_ticks) == (
        200,
        210,
        260,
    )
    assert period.received.highest_ticks == 280
    assert period.operator_ueur == -3000


def test_half_a_micro_euro_of_the_operators_goes_where_settlement_puts_it(record_market):
    # A margin of −1 tick on 1500 mWh is −1.5 µ€; settlement pays the seller −1 µ€, rounded up.
    rows = [contract(1, "carl", 2, 200, receipt_ticks=199, delivered_milliwh=1500)]
    (period,) = outcomes(Record(record_market(contracts=rows, periods=[cleared(2)])))

    assert period.operator_ueur == 1


def test_a_rule_is_told_by_its_bills(record_market):
    bills = [
        bill("anna", -1_300_000, -1_300_000, -279_500),
        bill("ben", 500_000, 433_333, 98_500),
        bill("carl", 1_000_000, 866_667, 197_000),
    ]
    prices = [
        {"period": 0, "name": name, "price_ticks": ticks}
        for name, ticks in (("sell", 197.0), ("buy", 215.0))
    ]
    folder = record_market(
        bills=bills, rule_prices=prices, remarks=[{"period": 0, "remark": "All is well."}]
    )

    (period,) = outcomes(Record(folder))

    assert period.by_rule
    assert (period.volume_wh, period.offers_wh, period.requests_wh) == (1300, 1500, 1300)
    assert period.supplier_ueur == 16_000
    assert period.inside == {"sell": 197, "buy": 215}
    assert period.remarks == ("All is well.",)


def bill(peer, net, inside, receives):
    return {
        "period": 0,
        "peer": peer,
        "net_milliwh": net,
        "inside_milliwh": inside,
        "receives_ueur": receives,
        "status_quo_ueur": 0,
    }


def test_own_use_is_netted_within_a_period(record_market):
    # By hand, quarter-hours of three peers and an LPD that counts as outside. First: 4 kW of
    # sun on 2 + 3 kW of load, so 1 kW comes from outside. Second: 6 kW of sun on 2 kW of load,
    # 4 kW leave. Load 7, of it 6 from inside; sun 10, of it 4 to the outside.
    ticks = {
        "p_kw": [[-2, -3, 4, 9], [-2, 0, 6, -9]],
        "load_kw": [[2, 3, 0, 0], [2, 0, 0, 0]],
        "pv_kw": [[0, 0, 4, 0], [0, 0, 6, 0]],
    }
    record = Record(record_market(ticks=ticks))

    figures = {figure.key: figure.value for figure in key_figures(record)}

    assert round(figures["self_sufficiency"], 9) == round(100 * 6 / 7, 9)
    assert round(figures["self_consumption"], 9) == 60


sides = st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 9)), max_size=12)


@given(bids=sides, asks=sides)
def test_the_possible_gain_is_that_of_matching_unit_by_unit(bids, asks):
    asked = sorted((price for price, size in bids for _ in range(size)), reverse=True)
    offered = sorted(price for price, size in asks for _ in range(size))
    by_units = sum(max(0, b - a) for b, a in zip(asked, offered, strict=False))

    columns = [
        np.array([row[column] for row in rows], dtype=np.int64)
        for rows in (sorted(bids, reverse=True), sorted(asks))
        for column in (0, 1)
    ]

    assert possible_gain_ueur(*columns) == by_units
