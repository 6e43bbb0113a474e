"""What settlement promises in every world, however its parties fail."""

from collections import Counter, defaultdict

from hypothesis import given
from hypothesis import strategies as st

from market.delivery.contract import Contract
from market.delivery.cover import Cover
from market.delivery.rules import Rules, apportion, money
from market.delivery.settlement import LPD, Period, Terms, account_of, settle_period

SELLERS, BUYERS, SPARES = ("s0", "s1", "s2"), ("b0", "b1", "b2"), ("r0", "r1")
TERMS = Terms()

milliwh = st.integers(-3_000_000, 3_000_000)
deals = st.lists(
    st.tuples(
        st.sampled_from(SELLERS),
        st.sampled_from(BUYERS),
        st.integers(1, 1500),
        st.integers(-50, 400),
        st.integers(0, 30),
        st.integers(0, 200_000),
        st.integers(0, 200_000),
    ),
    max_size=6,
)
plans = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["replacement", "lpd", "absorb"]),
        st.sampled_from(SPARES),
        st.integers(1, 1_000_000),
        st.integers(0, 400),
        st.integers(0, 40),
    ),
    max_size=5,
)


@st.composite
def worlds(draw):
    contracts = [
        Contract(i, 0, s, b, wh, price, fee, held_s, held_b)
        for i, (s, b, wh, price, fee, held_s, held_b) in enumerate(draw(deals), start=1)
    ]
    covers = []
    for i, (of, kind, spare, planned, ask, fee) in enumerate(draw(plans), start=1):
        if not contracts:
            break
        number = contracts[of % len(contracts)].contract_id
        absorb = kind == "absorb"
        is_spare = kind == "replacement"
        covers.append(
            Cover(
                i, number, 0, "absorb" if absorb else "cover",
                "replacement" if is_spare else "lpd", spare if is_spare else LPD, 1, 2, 3, planned,
                price_ticks=ask if is_spare else TERMS.lpd_sell_ticks, fee_ticks=fee,
            )
        )  # fmt: skip
    promised = Counter()
    for c in contracts:
        promised[c.seller] += c.energy_milliwh
        promised[c.buyer] -= c.energy_milliwh
    net = {
        peer: draw(st.one_of(st.just(promised[peer]), milliwh))
        for peer in (*SELLERS, *BUYERS, *SPARES, LPD)
    }
    residual = draw(st.sampled_from(["supplier", "lpd"]))
    shed = {b: draw(st.integers(0, 500_000)) if residual == LPD else 0 for b in BUYERS}
    return Period(
        0, 9, contracts, covers, net, shed, residual,
        losses_milliwh=draw(st.integers(0, 100_000)), fund_ueur=draw(st.integers(0, 300_000)),
    )  # fmt: skip


def moved_by(settlement, contract_id):
    moved = defaultdict(int)
    for p in settlement.postings:
        if p.contract_id == contract_id:
            moved[p.debit] -= p.amount_ueur
            moved[p.credit] += p.amount_ueur
    return moved


@given(worlds())
def test_each_metered_milliwatthour_stands_in_exactly_one_row(world):
    rows = settle_period(world, TERMS).rows
    total = Counter()
    for row in rows:
        total[row.peer] += row.energy_milliwh
    assert {p: total[p] for p in world.net_milliwh} == dict(world.net_milliwh)
    of_peers = [r for r in rows if r.peer != LPD]
    for row in of_peers:
        assert row.energy_milliwh * world.net_milliwh[row.peer] > 0
    keys = [(r.peer, r.kind, r.contract_id) for r in of_peers if r.kind in ("contract", "lpd")]
    assert len(keys) == len(set(keys))


@given(worlds())
def test_collateral_is_used_up_or_returned_and_money_sums_to_zero(world):
    settlement = settle_period(world, TERMS)
    for contract in world.contracts:
        moved = moved_by(settlement, contract.contract_id)
        held = contract.collateral_seller_ueur + contract.collateral_buyer_ueur
        assert moved["collateral"] == -held
        assert sum(moved.values()) == 0


@given(worlds())
def test_who_kept_its_word_is_whole_to_the_microeuro(world):
    settlement = settle_period(world, TERMS)
    activated = {c.contract_id for c in world.covers}
    for outcome in settlement.outcomes:
        c = outcome.contract
        moved = moved_by(settlement, c.contract_id)
        if outcome.delivered_milliwh == c.energy_milliwh and c.contract_id not in activated:
            due = money(c.price_ticks, c.energy_milliwh)
            assert moved[account_of(c.seller)] - c.collateral_seller_ueur == due
        if outcome.accepted_milliwh == c.energy_milliwh and c.contract_id not in activated:
            served = c.energy_milliwh - outcome.shed_milliwh
            due = money(c.price_ticks, served) + money(c.fee_ticks, served)
            got = sum(
                p.amount_ueur
                for p in settlement.postings
                if p.contract_id == c.contract_id and p.reason == "compensation"
            )
            assert moved[account_of(c.buyer)] - c.collateral_buyer_ueur == got - due


@given(worlds())
def test_nobody_but_its_parties_fund_and_lpd_pays_for_a_contract(world):
    settlement = settle_period(world, TERMS)
    for contract in world.contracts:
        moved = moved_by(settlement, contract.contract_id)
        parties = {account_of(contract.seller), account_of(contract.buyer)}
        for account, amount in moved.items():
            if account.startswith("peer:") and account not in parties:
                assert amount >= 0
        assert moved["dso"] >= 0


@given(worlds())
def test_a_failing_party_loses_no_more_than_its_collateral(world):
    settlement = settle_period(world, TERMS)
    for outcome in settlement.outcomes:
        c = outcome.contract
        served = outcome.accepted_milliwh - outcome.shed_milliwh
        price, fee = money(c.price_ticks, served), money(c.fee_ticks, served)
        moved = moved_by(settlement, c.contract_id)
        assert moved[account_of(c.seller)] >= outcome.received_ueur
        assert moved[account_of(c.buyer)] >= -price - fee
        borne = outcome.borne_fund_ueur + outcome.borne_lpd_ueur
        assert borne == sum(
            x.amount_ueur for x in settlement.claims if x.contract_id == c.contract_id
        )


@given(worlds())
def test_kept_contracts_at_once_are_what_one_at_a_time_would_have_been(world):
    terms = TERMS.with_values(levy_ticks=30, vat_permille=190, imbalance="dual")
    assert settle_period(world, terms) == settle_period(world, terms, one_by_one=True)


def test_kept_contracts_between_broken_ones_stay_in_their_place():
    deals = [
        Contract(i, 0, f"s{i}", f"b{i}", 100 * i, 100 + i, i % 2, i, 2 * i) for i in range(1, 8)
    ]
    net = {p: s * c.energy_milliwh for c in deals for p, s in ((c.seller, 1), (c.buyer, -1))}
    net |= {"s3": 10_000, "b6": -20_000, LPD: 0}
    world = Period(0, 9, deals, [], net, {}, fund_ueur=100)

    at_once = settle_period(world, TERMS)

    assert at_once == settle_period(world, TERMS, one_by_one=True)
    assert [o.contract.contract_id for o in at_once.outcomes] == [1, 2, 3, 4, 5, 6, 7]
    fates = [o.fate for o in at_once.outcomes]
    assert [fates[2], fates[5]] == ["short", "unabsorbed"]
    assert fates.count("delivered") == 5


def test_a_replaced_rule_is_asked_for_each_contract_kept_or_not():
    asked = []

    def fee_for_nothing(fee_ticks, served, over):
        asked.append(served)
        return 0, 0

    deal = Contract(1, 0, "s0", "b0", 100, 200, 10)
    world = Period(0, 9, [deal], [], {"s0": 100_000, "b0": -100_000, LPD: 0}, {})
    done = settle_period(world, TERMS, Rules(transport=fee_for_nothing))

    assert asked == [100_000]
    assert {p.reason for p in done.postings} == {"price"}


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), max_size=8))
def test_a_split_is_exact_and_never_off_by_more_than_one(total, weights):
    shares = apportion(total, weights)
    if sum(weights):
        assert sum(shares) == total
        for share, weight in zip(shares, weights, strict=True):
            assert abs(share * sum(weights) - total * weight) < sum(weights)
