"""How four parties agree on a contract or do not, message by message.

Anna sells bert 1 000 Wh; carl's 400 Wh stay unsold. The gate is 3 000 ticks before the period.
"""

import json
from dataclasses import asdict
from hashlib import sha256

import numpy as np
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from market.book import Order, Trade
from market.delivery.contract import Clock
from market.delivery.envelope import Answer
from market.delivery.life import TransactionLoop
from market.delivery.life_agreement import Procedure
from market.delivery.meters import PeriodReading
from market.delivery.risk import ByRisk, RiskOptions

PEERS = ("anna", "bert", "carl", "dora", "lpd")
GATE = -3000
OFFERS = [
    Order(1, "anna", "sell", 100, 1000, 0, 0, {"origin": "pv"}),
    Order(2, "carl", "sell", 120, 400, 0, 1),
    Order(3, "bert", "buy", 300, 800, 0, 2, {"prefers": [("pv", 20)]}),
    Order(4, "bert", "buy", 250, 200, 0, 3),
]
TRADE = Trade("anna", "bert", 1000, 200, 10, 1, 3)
FOUR = ("anna", "bert", "dso", "lpd")


class Post:
    """Takes messages its own time: `late` by kind and peer, in ticks or None for never."""

    def __init__(self, **late):
        self.late, self.sent = late, []

    def carry(self, kind, sender, receiver, now_tick, deadline_tick, size_bytes):
        self.sent.append((kind, sender, receiver))
        for name in (f"{kind}_{sender}", f"{kind}_{receiver}", kind):
            if name in self.late:
                delay = self.late[name]
                arrives = None if delay is None else now_tick + delay
                return None if arrives is None or arrives > deadline_tick else arrives
        return now_tick


def concluded(trades=(TRADE,), **procedure):
    loop = TransactionLoop(PEERS, Clock(9000, 0.1), now=GATE, procedure=Procedure(**procedure))
    loop.offers(GATE, 0, OFFERS)
    loop.conclude(GATE, 0, trades)
    return loop


def steps(loop, number=1):
    rows = loop.tables()["contract_steps"]
    return [(r["step"], r["by"], r["tick"]) for r in rows if r["contract_id"] == number]


def state(loop, number=1):
    (row,) = [r for r in loop.tables()["contracts"] if r["contract_id"] == number]
    return row["state"]


def answers(loop):
    return [
        Answer(row["envelope"], row["signer"], bytes.fromhex(row["signature"]))
        for row in loop.tables()["signatures"]
    ]


def read(*net_wh):
    return PeriodReading(1000 * np.array(net_wh), np.zeros(len(net_wh), np.int64))


def nothing_is_left(loop):
    assert loop.ledger.balance("collateral") == 0
    assert {loop.ledger.balance(f"peer:{peer}") for peer in PEERS[:-1]} == {0}
    assert loop.tokens.free_milliwh(0, "anna") == 1_000_000


def test_a_contract_passes_all_steps_from_offer_to_payment():
    loop = concluded()
    loop.close_period(9000, 0, read(1000, -1000, 0, 0, 0))
    assert steps(loop) == [
        ("offered", "anna", GATE),
        ("requested", "bert", GATE),
        ("matched", "market", GATE),
        ("routed", "dso", GATE),
        ("quoted", "lpd", GATE),
        ("secured", "market", GATE),
        ("drawn up", "market", GATE),
        *(("signed", party, GATE) for party in FOUR),
        ("in force", "market", GATE),
        ("settled", "market", 9000),
    ]


@pytest.mark.parametrize("signing", ["each", "batched"])
def test_all_four_signatures_hold_for_whoever_verifies_them_again(signing):
    rows = concluded(signing=signing).tables()["signatures"]
    assert [row["signer"] for row in rows] == list(FOUR)
    for row in rows:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(row["public_key"]))
        key.verify(bytes.fromhex(row["signature"]), bytes.fromhex(row["signed"]))
        with pytest.raises(InvalidSignature):
            key.verify(bytes.fromhex(row["signature"]), bytes.fromhex(row["signed"]) + b"\0")


def test_the_deed_holds_all_terms_and_its_hash_is_what_is_signed():
    # The bytes, by hand: keys in order, no spaces.
    loop = concluded(signing="each", path=lambda seller, buyer: ("Bus 1", "Bus 7"))
    rules = sha256(json.dumps(asdict(loop.terms), sort_keys=True).encode()).hexdigest()
    text = (
        '{"buyer":"bert","collateral_buyer_ueur":175000,"collateral_seller_ueur":175000,'
        '"contract":1,"energy_wh":1000,"fee_ticks":10,"from_tick":0,"mix":["pv"],'
        '"offer_ticks":[100,100],"offer_wh":1000,"origin":["pv"],"path":["Bus 1","Bus 7"],'
        '"period":0,"price_ticks":200,"receipt_ticks":null,"request_ticks":[250,300],'
        f'"request_wh":1000,"rules":"{rules}","seller":"anna","to_tick":9000}}'
    )
    digest = sha256(text.encode()).hexdigest()
    (drawn_up,) = [r for r in loop.tables()["contract_steps"] if r["step"] == "drawn up"]
    assert drawn_up["result"] == digest
    assert all(row["signed"].endswith(digest) for row in loop.tables()["signatures"])


def test_every_word_of_a_contract_changes_what_is_signed():
    signed = set()
    variants = [
        TRADE,
        Trade("anna", "bert", 999, 200, 10, 1, 3),
        Trade("anna", "bert", 1000, 201, 10, 1, 3),
        Trade("anna", "bert", 1000, 200, 11, 1, 3),
        Trade("anna", "bert", 1000, 200, 10, 1, 3, 190),
        Trade("anna", "dora", 1000, 200, 10, 1, 3),
    ]
    for trade in variants:
        signed.add(concluded([trade]).tables()["signatures"][0]["signed"])
    signed.add(concluded(path=lambda s, b: ("Bus 1",)).tables()["signatures"][0]["signed"])
    by_risk = ByRisk(350, RiskOptions())
    signed.add(concluded(collateral=by_risk).tables()["signatures"][0]["signed"])
    assert len(signed) == len(variants) + 2


def test_messages_that_take_their_time_bring_it_into_force_later():
    # 10 ticks for the deed to bert, 20 for his signature; everybody else is at once.
    loop = concluded(courier=Post(deed_bert=10, signature_bert=20))
    first = {s.peer: s.net_wh for s in loop.take_messages()}
    assert first["anna"] == first["bert"] == 0
    assert state(loop) == "drawn up"
    assert loop.next_event() == GATE + 10
    loop.advance(GATE + 29)
    assert state(loop) == "drawn up"
    loop.advance(GATE + 30)
    assert state(loop) == "in force"
    assert {s.peer: s.net_wh for s in loop.take_messages()} == {"anna": 1000, "bert": -1000}
    assert [x.tolist() for x in loop.expected_wh(0)] == [[1000, 0, 0, 0, 0], [0, 1000, 0, 0, 0]]


def test_a_signature_in_the_tick_of_the_deadline_is_in_time_and_a_tick_later_is_not():
    in_time = concluded(courier=Post(signature_bert=2900), lead_ticks=100)
    in_time.advance(0)
    assert state(in_time) == "delivering"
    late = concluded(courier=Post(signature_bert=2901), lead_ticks=100)
    late.advance(-101)
    assert state(late) == "drawn up"
    late.advance(-100)
    assert state(late) == "expired"
    nothing_is_left(late)


@pytest.mark.parametrize(
    ("lost", "reached"),
    [
        ("fee_request", "matched"),
        ("fee", "matched"),
        ("quote_request", "routed"),
        ("quote", "routed"),
        ("deed_anna", "drawn up"),
        ("deed_dso", "drawn up"),
        ("signature_bert", "drawn up"),
        ("signature_lpd", "drawn up"),
    ],
)
@pytest.mark.parametrize("signing", ["each", "batched"])
def test_what_is_lost_for_good_lets_the_contract_expire_and_leaves_nothing(signing, lost, reached):
    loop = concluded(courier=Post(**{lost: None}), signing=signing)
    assert state(loop) == reached
    loop.advance(0)
    assert state(loop) == "expired"
    nothing_is_left(loop)
    (lost_step,) = [r for r in loop.tables()["contract_steps"] if r["result"] == "lost"]
    assert lost.startswith(lost_step["step"])
    loop.close_period(9000, 0, read(0, 0, 0, 0, 0))
    assert loop.ledger.balance("supplier") == 0
    contract = loop.tables()["contracts"][0]
    assert (contract["fate"], contract["paid_ueur"], contract["delivered_milliwh"]) == (
        "cancelled",
        0,
        0,
    )


@pytest.mark.parametrize("signing", ["each", "batched"])
@pytest.mark.parametrize(
    ("step", "party"),
    [("quote", "anna"), ("quote", "bert"), *(("signature", party) for party in FOUR)],
)
def test_a_refusal_ends_it_at_once_and_only_it(signing, step, party):
    trades = [TRADE, Trade("carl", "dora", 400, 200, 10, 2, 4)]
    loop = concluded(
        trades,
        signing=signing,
        refuses=lambda s, p, contract: (s, p, contract.contract_id) == (step, party, 1),
    )
    assert state(loop, 1) == "refused"
    assert state(loop, 2) == "in force"
    assert loop.ledger.balance("collateral") == 2 * 70_000
    assert loop.tokens.free_milliwh(0, "anna") == 1_000_000
    assert [s for s in steps(loop, 1) if s[0] == "refused"] == [
        ("refused", party, GATE),
        ("refused", "market", GATE),
    ]


def test_refused_energy_is_unsold_again_and_stands_in_for_a_seller_that_fails():
    # Anna refuses bert's contract; carl sells dora 400 Wh and trips. Anna's 1 000 Wh, asked at
    # 100, replace his 1.6 kW; offers that nobody bought are none.
    loop = concluded(
        [TRADE, Trade("carl", "dora", 400, 200, 10, 2, 4)],
        refuses=lambda step, party, contract: party == "anna" and step == "signature",
    )
    loop.take_messages()
    loop.shortfall(4499, "carl", 0.3, "trip")
    (cover,) = loop.tables()["covers"]
    assert (cover["kind"], cover["party"], cover["price_ticks"]) == ("replacement", "anna", 100)
    assert cover["planned_milliwh"] == 200_000


def test_a_barred_peers_refused_energy_replaces_nobody():
    loop = TransactionLoop(
        PEERS,
        Clock(9000, 0.1),
        now=GATE,
        procedure=Procedure(refuses=lambda step, party, contract: contract.contract_id == 1),
    )
    loop.offers(GATE, 0, OFFERS)
    trades = [TRADE, Trade("carl", "dora", 400, 200, 10, 2, 4)]
    loop.conclude(GATE, 0, trades, barred=["anna"])
    loop.shortfall(4499, "carl", 0.3, "trip")
    assert [c["kind"] for c in loop.tables()["covers"]] == []


def test_a_signature_that_comes_again_has_no_second_effect():
    loop = concluded()
    before = loop.ledger.head, state(loop)
    for answer in answers(loop):
        assert loop.receive(GATE + 5, answer) == "repeated"
    assert (loop.ledger.head, state(loop)) == before
    assert loop.take_messages() != []
    loop.close_period(9000, 0, read(1000, -1000, 0, 0, 0))
    assert loop.ledger.balance("peer:anna") == 200_000


def test_signatures_after_the_deadline_revive_nothing():
    signed = answers(concluded())
    loop = concluded(courier=Post(signature_bert=None))
    loop.advance(1)
    assert {loop.receive(1, answer) for answer in signed} == {"late"}
    assert state(loop) == "expired"
    nothing_is_left(loop)


@pytest.mark.parametrize("signing", ["each", "batched"])
def test_a_forged_or_replayed_signature_is_refused_and_the_true_one_still_counts(signing):
    true = {answer.signer: answer for answer in answers(concluded(signing=signing))}
    other = {a.signer: a for a in answers(concluded(signing=signing, seed=8))}
    loop = concluded(signing=signing, courier=Post(signature_bert=None))
    forged = [
        Answer(1, "bert", bytes(64)),
        Answer(1, "bert", true["anna"].signature),
        Answer(1, "bert", other["bert"].signature),
        Answer(1, "bert", true["bert"].signature, declined=(1,)),
        Answer(1, "bert", b""),
    ]
    assert [loop.receive(GATE + 1, answer) for answer in forged] == ["forged"] * 5
    assert state(loop) == "drawn up"
    assert loop.receive(GATE + 2, true["bert"]) == "taken"
    assert state(loop) == "in force"


@pytest.mark.parametrize("signing", ["each", "batched"])
def test_a_signature_under_one_envelope_is_none_under_another(signing):
    # Bert's signature under his contract of period 0 is played again for that of period 1.
    post = Post(signature_bert=5)
    loop = concluded(signing=signing, courier=post)
    loop.advance(GATE + 5)
    (first,) = [answer for answer in answers(loop) if answer.signer == "bert"]
    loop.offers(GATE + 6, 1, OFFERS)
    loop.conclude(GATE + 6, 1, [TRADE])
    assert loop.receive(GATE + 7, Answer(2, "bert", first.signature)) == "forged"
    assert state(loop, 2) == "drawn up"
    loop.advance(GATE + 11)
    assert state(loop, 2) == "in force"


def test_who_is_no_party_cannot_sign_and_an_unknown_envelope_is_none():
    loop = concluded()
    assert loop.receive(GATE + 1, Answer(1, "carl", bytes(64))) == "foreign"
    assert loop.receive(GATE + 1, Answer(9, "anna", bytes(64))) == "unknown"
    assert state(loop) == "in force"


def test_one_signature_of_each_party_serves_all_contracts_of_a_gate():
    trades = [Trade("anna", "bert", 400 + i, 200, 10, 1, 3) for i in range(2)]
    trades += [Trade("carl", "dora", 100, 200, 10, 2, 4)]
    one_each = concluded(trades, signing="each").tables()["signatures"]
    batched = concluded(trades, signing="batched").tables()["signatures"]
    assert len(one_each) == 3 * 4
    assert [row["signer"] for row in batched] == ["anna", "bert", "dso", "lpd", "carl", "dora"]


def test_signing_is_deterministic_and_moves_no_money():
    heads, signatures = set(), []
    for signing in ("none", "each", "batched", "batched"):
        loop = concluded(signing=signing)
        loop.close_period(9000, 0, read(900, -1000, 0, 0, 0))
        heads.add(loop.ledger.head)
        signatures.append(loop.tables()["signatures"])
    assert len(heads) == 1
    assert signatures[2] == signatures[3]


def test_both_parties_silent_leaves_nothing_and_the_run_goes_on():
    post = Post(deed_anna=None, deed_bert=None)
    loop = concluded([TRADE, Trade("carl", "dora", 400, 200, 10, 2, 4)], courier=post)
    loop.close_period(9000, 0, read(0, 0, 400, -400, 0))
    assert (state(loop, 1), state(loop, 2)) == ("expired", "settled")
    assert loop.ledger.balance("peer:carl") == 80_000


def test_a_run_that_ends_while_signatures_are_out_returns_the_collateral():
    loop = concluded(courier=Post(signature_bert=100))
    assert loop.ledger.balance("collateral") == 350_000
    loop.finish(GATE + 50)
    assert state(loop) == "cancelled"
    assert loop.ledger.balance("collateral") == 0
