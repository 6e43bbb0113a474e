"""Retries against closed forms, and the courier that makes them."""

import hashlib
from dataclasses import replace
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.communication import (
    LINKS,
    Channel,
    Courier,
    Inbox,
    Lines,
    Link,
    LinkError,
    Retry,
    ScheduledOutages,
    Skew,
    send,
)

DRAWS = 20_000


def channel(link, seed=7, **more):
    return Channel(link, np.random.default_rng(seed), **more)


def luck(*names):
    digest = hashlib.sha256(repr(names).encode()).digest()
    return np.random.default_rng(list(digest))


def courier(**lines):
    return Courier(Lines(**lines), 0.1, luck)


def test_pauses_grow_until_the_longest():
    assert [Retry(first_s=2.0, most_s=10.0).pause_s(k) for k in range(4)] == [2.0, 4.0, 8.0, 10.0]


def test_a_sender_gives_up_when_its_deadline_has_passed():
    # By hand: pauses of 2, 4, 8 and 16 s bring attempts at 0, 2, 6, 14 and 30 s.
    sent = send(channel(Link(name="made", loss=1.0)), None, 0.0, 30.0)
    assert [attempt.at_s for attempt in sent.attempts] == [0.0, 2.0, 6.0, 14.0, 30.0]
    assert (sent.arrives_s, sent.why) == ((), "lost")


def test_a_message_gets_through_when_the_outage_is_over():
    # By hand: attempts at 0, 2, 6 s fall into the outage, that at 14 s does not.
    there = channel(LINKS["ideal"], outages=ScheduledOutages([(0.0, 10.0)]))
    sent = send(there, None, 0.0, 60.0)
    assert (sent.arrives_s, sent.why, len(sent.attempts)) == ((14.0,), "arrived", 4)


def test_n_attempts_fail_as_often_as_the_nth_power_of_the_loss():
    there = channel(Link(name="made", loss=0.5))
    retry = Retry(attempts=3)
    came = sum(bool(send(there, None, 100.0 * t, 1e9, 0, retry).arrives_s) for t in range(DRAWS))
    assert came / DRAWS == pytest.approx(0.875, abs=4 * sqrt(0.875 * 0.125 / DRAWS))


def test_a_lost_acknowledgement_brings_copies_that_the_inbox_knows():
    there, back = channel(LINKS["ideal"]), channel(Link(name="made", loss=1.0))
    sent = send(there, back, 0.0, 10.0)
    assert sent.arrives_s == (0.0, 2.0, 6.0)
    inbox = Inbox()
    assert [inbox.takes("anna", 4) for _ in sent.arrives_s] == [True, False, False]
    assert inbox.takes("berta", 4)


@given(
    loss=st.floats(0, 1),
    acks=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
    patience=st.floats(0.1, 500),
    first_s=st.floats(0.1, 20),
    factor=st.floats(1, 4),
    name=st.sampled_from(sorted(LINKS)),
)
def test_a_sender_tries_only_until_its_deadline_and_never_more_often_than_it_may(
    loss, acks, seed, patience, first_s, factor, name
):
    there = channel(replace(LINKS[name], loss=loss), seed)
    back = channel(replace(LINKS[name], loss=acks), seed + 1)
    retry = Retry(first_s=first_s, factor=factor, most_s=60.0)
    sent = send(there, back, 10.0, 10.0 + patience, 16, retry)
    times = [attempt.at_s for attempt in sent.attempts]
    assert 1 <= len(times) <= retry.attempts
    assert times[-1] <= 10.0 + patience
    for k, (one, other) in enumerate(pairwise(times)):
        assert other - one >= retry.pause_s(k) * (1 - 1e-12)
    assert bool(sent.arrives_s) == (sent.why in ("arrived", "late"))
    if sent.why == "arrived":
        assert 10.0 <= sent.arrives_s[0] <= 10.0 + patience


def test_waits_that_cannot_be_are_refused_all_at_once():
    with pytest.raises(LinkError) as refused:
        Retry(first_s=0.0, factor=0.5, attempts=0)
    assert len(refused.value.faults) == 3


def test_one_seed_gives_the_same_messages_and_another_party_changes_nobodys():
    def play(parties):
        post = courier(meters=LINKS["lorawan"], peers=LINKS["gprs"], duplicate=0.2)
        for tick in range(0, 20_000, 500):
            for party in parties:
                post.send("alarm", party, "market", tick, tick + 3000)
                post.send("schedule", "market", party, tick, tick + 3000)
        return [
            {key: row[key] for key in row if key != "sequence"}
            for row in post.rows
            if {row["sender"], row["receiver"]} & {"anna", "berta"}
        ]

    assert play(["anna", "berta"]) == play(["anna", "berta"])
    assert play(["anna", "berta"]) == play(["anna", "zoe", "berta"])


def test_what_comes_too_late_is_on_record_and_not_handed_over():
    slow = Link(name="made", least_s=5.0, median_s=5.0, p95_s=5.0)
    post = courier(peers=slow)
    assert post.carry("offer", "anna", "market", 0, 49, 64) is None
    assert post.carry("offer", "berta", "market", 0, 50, 64) == 50
    assert [(row["why"], row["arrived_tick"]) for row in post.rows] == [
        ("late", 50),
        ("arrived", 50),
    ]


def test_ideal_links_deliver_in_the_tick_of_sending():
    post = courier()
    assert [post.carry("alarm", "anna", "market", t, t, 16) for t in (0, 7)] == [0, 7]


def test_market_dso_and_lpd_are_reached_at_once_unless_they_are_down():
    down = {"dso": ScheduledOutages([(1.0, 2.0)])}
    post = courier(meters=LINKS["lorawan"], peers=LINKS["gprs"], outages=down)
    assert post.carry("fee", "market", "dso", 5, 100, 24) == 5
    assert post.carry("quote", "market", "lpd", 15, 100, 24) == 15
    # By hand: the first attempt at 1.5 s is lost, the second at 3.5 s is not.
    assert post.carry("fee", "market", "dso", 15, 100, 24) == 35


def test_what_one_peer_tells_another_takes_both_their_links():
    slow = Link(name="made", least_s=1.0, median_s=1.0, p95_s=1.0)
    assert courier(peers=slow).carry("offer", "anna", "berta", 0, 900, 64) == 20


def test_an_outage_of_a_class_of_links_leaves_the_other_class_alone():
    down = {"lte": ScheduledOutages([(0.0, 1000.0)])}
    post = courier(meters=LINKS["fibre"], peers=LINKS["lte"], link_outages=down)
    assert post.carry("schedule", "market", "anna", 0, 5000, 48) is None
    assert post.carry("alarm", "anna", "market", 0, 5000, 16) is not None


def test_a_slow_clock_sends_offers_late_and_no_clock_sends_a_reading_before_it_is_taken():
    # By hand: a clock that is 3 s behind sends at 13 s what it means to send at 10 s.
    behind = courier(skews={"anna": Skew(-3.0)})
    assert behind.carry("offer", "anna", "market", 100, 200, 64) == 130
    assert behind.carry("offer", "anna", "market", 100, 120, 64) is None
    assert behind.carry("alarm", "anna", "market", 100, 200, 16) == 100
    ahead = courier(skews={"anna": Skew(3.0)})
    assert ahead.carry("reading", "anna", "dso", 100, 200, 24) == 100


def test_a_meter_may_not_say_more_than_its_duty_cycle_allows():
    post = courier(meters=LINKS["lorawan"])
    for tick in range(300):
        post.send("alarm", "anna", "market", tick, 36_000)
    sent = [row for row in post.rows if row["why"] != "busy"]
    # An hour is 36 s of airtime at 1 %, and SF9 takes 0.2468 s for 16 and 13 bytes.
    attempts = sum(row["attempts"] for row in sent)
    assert attempts * LINKS["lorawan"].on_air_s(16) <= 36.0 * 1.01
    assert any(row["why"] == "busy" for row in post.rows)
