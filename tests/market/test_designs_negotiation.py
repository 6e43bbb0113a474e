"""Negotiation message by message: privacy, delay, loss, silence, and what holds at the gate."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from market.designs.admm import Admm, solve_admm
from market.designs.messages import Offer, Peer, pack, unpack
from market.designs.negotiation import Network, Terms, negotiate_over
from market.designs.opening import openings
from market.designs.problem import Agents, DesignError, Edges
from market.designs.repair import primal_residual_wh

LONG = Terms(gate_s=1e5)


def village(n: int = 12, seed: int = 5, decades: int = 0) -> tuple[Agents, Edges]:
    """A third each of sellers, buyers and prosumers; each pair is linked with one chance in two.

    Slopes of costs lie within one decade and as many more as are asked for.
    """
    rng = np.random.default_rng(seed)
    role, cap = np.arange(n) % 3, rng.uniform(20, 100, n)
    first, second = np.triu_indices(n, 1)
    held = rng.random(first.size) < 0.5
    mine, other = rng.uniform(-0.5, 2, (2, held.sum()))
    agents = Agents(
        a=rng.uniform(0.05, 0.5, n) * 10.0 ** -rng.integers(0, decades + 1, n),
        b=np.where(role == 0, 12.0, np.where(role == 1, 35.0, 20.0)) + rng.uniform(-5, 5, n),
        c=np.zeros(n),
        low_wh=np.where(role == 0, 0, -cap),
        high_wh=np.where(role == 1, 0, cap),
    )
    return agents, Edges(
        first=first[held],
        second=second[held],
        gamma_first=mine,
        gamma_second=np.maximum(other, -mine),
    )


@pytest.mark.parametrize("seed", range(5))
def test_ideal_links_give_the_synchronous_result_bit_for_bit(seed):
    agents, edges = village(seed=seed)
    rounds = solve_admm(agents, edges)
    talk = negotiate_over(Network(), agents, edges, terms=LONG)
    assert talk.result == "agreed"
    for name in ("trade_wh", "price", "injection_wh"):
        assert (getattr(talk.outcome, name) == getattr(rounds.outcome, name)).all()
    for name in ("welfare_ueur", "residuals", "rounds", "messages", "converged"):
        assert getattr(talk.outcome, name) == getattr(rounds.outcome, name)
    assert (talk.standing.stiffness == rounds.standing.stiffness).all()
    assert [one.primal for one in talk.records] == rounds.progress.primal.tolist()
    assert [one.dual for one in talk.records] == rounds.progress.dual.tolist()


def test_ideal_links_give_the_synchronous_result_from_a_warm_start_too():
    agents, edges = village()
    before = solve_admm(agents, edges).standing
    today = replace(agents, b=agents.b + 0.5, high_wh=0.9 * agents.high_wh)
    rounds = solve_admm(today, edges, warm=before)
    talk = negotiate_over(Network(), today, edges, terms=LONG, warm=before)
    assert talk.outcome.rounds == rounds.outcome.rounds > 20  # beyond the first balancing
    assert (talk.outcome.trade_wh == rounds.outcome.trade_wh).all()


def test_equal_delays_only_stretch_time():
    agents, edges = village()
    quick, slow = (
        negotiate_over(Network(delay_s=delay), agents, edges, terms=LONG) for delay in (0.01, 0.1)
    )
    assert (quick.outcome.trade_wh == slow.outcome.trade_wh).all()
    # A round lasts a delay and a thought of 10 ms; the last thought sends nothing.
    rounds = slow.outcome.rounds
    assert quick.ended_s == pytest.approx((rounds + 1) * 0.02)
    assert slow.ended_s == pytest.approx((rounds + 1) * 0.11)


def test_a_peer_in_another_process_sends_the_same_bytes_from_its_inbox():
    agents, edges = village()
    name = int(edges.first[0])
    private = openings(agents, edges)[name]
    ideal, lossy = (
        negotiate_over(network, agents, edges, terms=LONG, record=(name, private.partners[0]))
        for network in (Network(), Network(loss=0.1, jitter_s=0.05))
    )
    program = (
        "import pickle, sys\n"
        "from market.designs.messages import Manner, Peer, pack, unpack\n"
        "private, talks = pickle.load(sys.stdin.buffer)\n"
        "for boxes in talks:\n"
        "    peer = Peer(private, Manner())\n"
        "    said = [pack(peer.open()), *(pack(peer.step(unpack(box))) for box in boxes)]\n"
        "    sys.stdout.buffer.write(b''.join(said))\n"
    )
    heard = [[pack(box) for box in talk.inboxes[name]] for talk in (ideal, lossy)]
    alone = subprocess.run(
        [sys.executable, "-c", program],
        input=pickle.dumps((private, heard)),
        capture_output=True,
        check=True,
    )
    said = []
    for boxes in heard:
        here = Peer(private, Admm().manner)
        said.append([pack(here.open()), *(pack(here.step(unpack(box))) for box in boxes)])
    assert min(map(len, heard)) > 30
    assert alone.stdout == b"".join(said[0] + said[1])
    # What it says is what its partner heard from it.
    partner = private.partners[0]
    received = [box[name] for box in ideal.inboxes[partner]]
    assert received == [unpack(one)[partner] for one in said[0][: len(received)]]


def test_offers_come_back_from_their_bytes():
    box = {3: Offer(-0.1, 1 / 3, 5e-324), 1: Offer(1e300, -0.0, 2.0)}
    assert unpack(pack(box)) == box


@pytest.mark.parametrize("loss", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("decades", [0, 4])
def test_lossy_links_still_lead_to_the_optimum(loss, decades):
    agents, edges = village(20, 3, decades)
    best = solve_admm(agents, edges, Admm(tolerance=1e-7)).outcome.welfare_ueur
    options = Admm(most_rounds=1000)
    talk = negotiate_over(Network(loss=loss, jitter_s=0.05), agents, edges, options, terms=LONG)
    assert talk.result == "agreed"
    assert talk.outcome.welfare_ueur == pytest.approx(best, rel=1e-3)
    assert talk.records[-1].lost == pytest.approx(loss * talk.records[-1].sent, rel=0.5)


def test_the_same_seed_gives_the_same_talk_and_another_another():
    agents, edges = village()
    talks = [
        negotiate_over(Network(loss=0.2, jitter_s=0.1, seed=seed), agents, edges, terms=LONG)
        for seed in (1, 1, 2)
    ]
    assert talks[0].records == talks[1].records
    assert talks[0].records != talks[2].records


def test_the_gate_closes_on_what_there_is_repaired():
    agents, edges = village()
    best = solve_admm(agents, edges).outcome.welfare_ueur
    gained = []
    for gate_s in (0.3, 1.0, 3.0):
        talk = negotiate_over(Network(), agents, edges, terms=Terms(gate_s=gate_s))
        assert talk.result == "repaired"
        assert talk.ended_s == gate_s
        assert not talk.outcome.converged
        assert primal_residual_wh(agents, edges, talk.outcome.trade_wh) <= 1e-6
        assert talk.outcome.residuals.primal_wh > 1e-3
        gained.append(talk.outcome.welfare_ueur / best)
    assert gained[0] < gained[-1] <= 1


def test_or_the_last_contracts_hold():
    agents, edges = village()
    last = solve_admm(agents, edges).outcome
    terms = Terms(gate_s=0.5, at_gate="last")
    talk = negotiate_over(Network(loss=0.5), agents, edges, terms=terms, last=last)
    assert talk.result == "last"
    assert not talk.outcome.converged
    assert (talk.outcome.trade_wh == last.trade_wh).all()
    assert talk.outcome.welfare_ueur == pytest.approx(last.welfare_ueur)


def test_last_contracts_that_are_missing_or_no_longer_fit_are_refused():
    agents, edges = village()
    terms = Terms(gate_s=0.5, at_gate="last")
    with pytest.raises(DesignError, match="no last contracts over these links"):
        negotiate_over(Network(), agents, edges, terms=terms)
    last = solve_admm(agents, edges).outcome
    cloudy = Agents(
        a=agents.a, b=agents.b, c=agents.c, low_wh=agents.low_wh, high_wh=0.1 * agents.high_wh
    )
    with pytest.raises(DesignError, match="miss today's bounds by"):
        negotiate_over(Network(), cloudy, edges, terms=terms, last=last)


def test_a_silent_peer_holds_nobody_up_and_is_never_agreed_with():
    agents, edges = village()
    silent = int(edges.first[0])
    network = Network(silent_from={silent: 10})
    talk = negotiate_over(network, agents, edges, terms=Terms(gate_s=30.0), record=(silent,))
    assert talk.result == "repaired"
    assert not talk.outcome.converged
    assert len(talk.inboxes[silent]) == 9
    assert talk.records[-1].round > 30
    assert primal_residual_wh(agents, edges, talk.outcome.trade_wh) <= 1e-6
    assert talk.outcome.welfare_ueur > 0


def test_who_falls_silent_just_before_the_end_has_agreed_to_nothing():
    agents, edges = village()
    rounds = solve_admm(agents, edges).outcome.rounds
    network = Network(silent_from={int(edges.first[0]): rounds - 1})
    talk = negotiate_over(network, agents, edges, terms=Terms(gate_s=30.0))
    assert min(max(one.primal, one.dual) for one in talk.records) <= 1
    assert talk.result == "repaired"


def test_who_never_hears_a_partner_does_not_think_it_agreed():
    agents, edges = village()
    talk = negotiate_over(Network(loss=1.0), agents, edges, terms=Terms(gate_s=20.0))
    assert talk.result == "repaired"
    assert all(np.isinf(one.primal) for one in talk.records)
    assert np.abs(talk.outcome.trade_wh).max() == 0


def test_impossible_networks_and_terms_are_refused_with_all_faults():
    with pytest.raises(DesignError, match=r"delay_s: -1 s.*\n.*loss: 2, expected"):
        Network(delay_s=-1, loss=2)
    with pytest.raises(DesignError, match=r"gate_s: 0 s.*\n.*thinking_s: -1 s"):
        Terms(gate_s=0, thinking_s=-1)
