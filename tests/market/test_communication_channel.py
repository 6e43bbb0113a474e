"""Channels against closed forms: loss, delay, throughput, duty cycle, outages, order, copies."""

from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.communication import (
    LINKS,
    Channel,
    Link,
    LinkError,
    Radio,
    RandomOutages,
    ScheduledOutages,
    Skew,
    Way,
)

DRAWS = 20_000


def channel(link, seed=7, **more):
    return Channel(link, np.random.default_rng(seed), **more)


def four_sigma(share):
    return 4 * sqrt(share * (1 - share) / DRAWS)


def test_as_many_are_lost_as_the_link_loses():
    link = Link(name="made", loss=0.12)
    there = channel(link)
    lost = sum(there.delay_s(float(t)) is None for t in range(DRAWS)) / DRAWS
    assert lost == pytest.approx(0.12, abs=four_sigma(0.12))


def test_a_message_of_several_frames_is_lost_with_any_of_them():
    # By hand: three frames, each there with 0.8, are all there with 0.512.
    link = Link(name="made", loss=0.2, spreading_factor=9)
    there = channel(link)
    came = sum(there.delay_s(float(t), 250) is not None for t in range(DRAWS)) / DRAWS
    assert came == pytest.approx(0.512, abs=four_sigma(0.512))


@pytest.mark.parametrize("name", ["gprs", "lte", "power-line", "fibre"])
def test_delays_have_the_quantiles_of_the_table(name):
    link = LINKS[name]
    there = channel(link)
    found = [there.delay_s(1000.0 * t, 50) for t in range(DRAWS)]
    delays = np.array([d for d in found if d is not None]) - link.on_air_s(50)
    for share, value in ((0.5, link.median_s), (0.95, link.p95_s)):
        assert np.mean(delays <= value) == pytest.approx(share, abs=four_sigma(share) * 1.05)
    assert delays.min() > link.least_s - 1e-9


def test_jitter_comes_on_top_with_its_mean():
    link = Link(name="made", jitter_s=0.5)
    there = channel(link)
    delays = np.array([there.delay_s(float(t)) for t in range(DRAWS)])
    assert delays.mean() == pytest.approx(0.5, abs=4 * 0.5 / sqrt(DRAWS))
    assert np.mean(delays > 0.5) == pytest.approx(np.exp(-1), abs=four_sigma(np.exp(-1)))


def test_messages_queue_for_the_throughput():
    # By hand: ten messages of 100 and 25 bytes at 1 kbit/s take a second each.
    there = channel(Link(name="made", bits_per_s=1000.0, overhead_bytes=25))
    assert [there.delay_s(5.0, 100) for _ in range(10)] == pytest.approx(range(1, 11))


@given(
    gaps=st.lists(st.floats(0, 100), min_size=1, max_size=30),
    size=st.integers(0, 300),
    spreading_factor=st.integers(7, 12),
)
def test_the_duty_cycle_is_never_exceeded(gaps, size, spreading_factor):
    link = Link(name="made", spreading_factor=spreading_factor, duty_cycle=0.01)
    radio = Radio(link)
    now = 0.0
    first, on_air, last_begin = None, 0.0, -inf
    for gap in gaps:
        now += gap
        begins, ends = radio.on_air(now, size)
        first = begins if first is None else first
        # Up to here it was on the air for at most 1 % of the time since its first message.
        assert on_air <= 0.01 * (begins - first) * (1 + 1e-9) + 1e-9
        assert begins >= max(now, last_begin)
        on_air += sum(link.on_air_s(frame) for frame in link.frames(size))
        last_begin = ends


def test_who_may_not_send_in_time_does_not_send():
    radio = Radio(LINKS["lorawan"])
    radio.on_air(0.0, 16)
    assert radio.on_air(1.0, 16, latest_s=2.0)[1] == inf
    begins, _ = radio.on_air(1.0, 16, latest_s=60.0)
    # Of 16 and 13 bytes at SF9; what was not sent has not kept the radio busy.
    assert begins == pytest.approx(LINKS["lorawan"].on_air_s(16) / 0.01)


def test_a_scheduled_outage_is_from_its_start_until_before_its_end():
    there = channel(LINKS["ideal"], outages=ScheduledOutages([(10.0, 20.0)]))
    assert there.send(9.9).why == "arrived"
    assert there.send(10.0).why == "outage"
    assert [there.delay_s(t) for t in (19.9, 20.0)] == [None, 0.0]


def test_an_outage_that_begins_while_bytes_are_on_the_air_takes_them():
    slow = Link(name="made", bits_per_s=8.0)
    there = channel(slow, outages=ScheduledOutages([(10.0, 20.0)]))
    assert there.send(9.5, 1).why == "outage"


def test_random_outages_leave_the_share_of_time_up_that_their_means_say():
    # Availability = MTBF / (MTBF + MTTR) = 0.9; 4000 turns, each share within a few per cent.
    outages = RandomOutages(np.random.default_rng(3), 900.0, 100.0)
    at = np.random.default_rng(4).uniform(0.0, 4e6, DRAWS)
    up = np.mean([not outages.touches(t, t) for t in at])
    assert up == pytest.approx(0.9, abs=0.01)


def test_random_outages_do_not_depend_on_who_asked_before():
    one = RandomOutages(np.random.default_rng(3), 9.0, 1.0)
    other = RandomOutages(np.random.default_rng(3), 9.0, 1.0)
    other.touches(5000.0, 5000.0)
    times = np.linspace(0.0, 1000.0, 5001)
    assert [one.touches(t, t) for t in times] == [other.touches(t, t) for t in times]


def test_outages_that_cannot_be_are_refused():
    with pytest.raises(LinkError, match="from 5 s to 5 s"):
        ScheduledOutages([(5.0, 5.0)])
    with pytest.raises(LinkError) as refused:
        RandomOutages(np.random.default_rng(3), 0.0, -1.0)
    assert len(refused.value.faults) == 2


def test_messages_overtake_each_other_unless_the_link_keeps_order():
    link = Link(name="made", jitter_s=1.0)
    loose, strict = channel(link), channel(link, in_order=True)
    sent = [0.01 * k for k in range(500)]
    came = [[one.send(t).arrives_s[0] for t in sent] for one in (loose, strict)]
    assert came[0] != sorted(came[0])
    assert came[1] == sorted(came[1])
    assert all(later >= early for early, later in zip(*came, strict=True))


def test_as_many_come_twice_as_the_scenario_says():
    there = channel(LINKS["ideal"], duplicate=0.3)
    twice = sum(len(there.send(float(t)).arrives_s) == 2 for t in range(DRAWS)) / DRAWS
    assert twice == pytest.approx(0.3, abs=four_sigma(0.3))


def test_more_loss_takes_messages_and_leaves_the_others_as_they_were():
    few, many = (
        channel(Link(name="made", least_s=0.1, median_s=0.2, p95_s=0.5, loss=loss))
        for loss in (0.1, 0.4)
    )
    for t in range(500):
        before, after = few.delay_s(float(t)), many.delay_s(float(t))
        assert after is None or after == before


def test_a_way_of_two_legs_takes_the_time_of_both_and_loses_on_either():
    fixed = [Link(name="made", least_s=d, median_s=d, p95_s=d) for d in (1.0, 2.0)]
    assert Way([channel(link) for link in fixed]).send(5.0).arrives_s == (8.0,)
    lossy = [Link(name="made", loss=loss) for loss in (0.1, 0.2)]
    way = Way([channel(link, seed) for seed, link in enumerate(lossy)])
    came = sum(bool(way.send(float(t)).arrives_s) for t in range(DRAWS)) / DRAWS
    assert came == pytest.approx(0.72, abs=four_sigma(0.72))


def test_a_clock_that_is_ahead_shows_a_time_too_early():
    # By hand: 2 s ahead and 100 ppm fast, it shows 1000 s at (1000 − 2) / 1.0001 s.
    assert Skew(2.0, 100.0).true_s(1000.0) == pytest.approx(997.9002099790021)
