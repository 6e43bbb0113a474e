"""A community's answer: by hand, against a program assembled here, and what holds for every one."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from market.billing.rule import Tariffs
from market.flexibility import FlexibilityError, Incentive, Sites, answer, leftover
from market.flexibility._program import Room
from market.flexibility._whole import whole_bid

TARIFFS = Tariffs(retail_ticks=350, feed_in_ticks=80)


def sites(rows, periods=2, operators=None):
    """Sites of (net, up, down, up cost, down cost, up in all, down in all), each period alike."""
    net, up, down, *rest = (np.array(column) for column in zip(*rows, strict=True))
    flat = [column[:, None] * np.ones(periods, dtype=np.int64) for column in (net, up, down)]
    return Sites(
        names=tuple(f"site {i}" for i in range(len(rows))),
        operators=operators or ("dso",) * len(rows),
        net_wh=flat[0],
        up_wh=flat[1],
        down_wh=flat[2],
        up_ticks=rest[0],
        down_ticks=rest[1],
        up_total_wh=rest[2],
        down_total_wh=rest[3],
    )


def call(**told):
    return Incentive(
        **{
            "name": "evening",
            "operator": "dso",
            "direction": "up",
            "price_ticks": 500,
            "wanted_wh": 1000,
            "first": 0,
            "periods": 2,
        }
        | told
    )


STREET = [(-500, 0, 0, 0, 0, 0, 0), (0, 900, 0, 100, 0, 1000, 0)]
"""A load of 500 Wh, and a battery: 900 Wh a period, 1000 Wh in all, 100 ticks."""


def test_in_sequence_operators_get_what_the_inside_leaves():
    # By hand: inside the battery saves 350 − 100 a Wh, so its 1000 Wh go to the load.
    found = answer(sites(STREET), TARIFFS, [call()], local_priority=1.0)
    assert found.up_wh.tolist() == [[0, 0], [500, 500]]
    assert not found.bids[0].any()
    assert (found.inside_ueur, found.operators_ueur) == (-100_000, 0)
    assert found.refusals[0].reason == "no site of dso has anything left to move"


def test_together_the_stored_energy_goes_where_it_is_worth_most():
    # By hand: the operator pays 500, the inside saves 350: all 1000 Wh to the operator, the load
    # of 1000 Wh is bought at 350.
    found = answer(sites(STREET), TARIFFS, [call()])
    assert (found.up_wh.sum(), found.bids[0].sum()) == (0, 1000)
    assert (found.inside_ueur, found.operators_ueur) == (-350_000, 400_000)


def test_local_priority_weighs_the_two():
    # By hand: λ · 250 against (1 − λ) · 400 a Wh: even at λ = 8/13.
    inside = [
        int(answer(sites(STREET), TARIFFS, [call()], local_priority=x).up_wh.sum())
        for x in (0.0, 0.61, 0.62, 1.0)
    ]
    assert inside == [0, 0, 1000, 1000]


def test_a_block_of_two_periods_wants_the_same_in_each():
    # By hand: 900 Wh at most in one period, 1000 in all: 500 in each of the block.
    found = answer(sites(STREET), TARIFFS, [call(block=2)])
    assert found.bids[0].sum(axis=0).tolist() == [500, 500]
    # By single periods 900 Wh in one and the last 100 in the other.
    assert sorted(answer(sites(STREET), TARIFFS, [call()]).bids[0].sum(axis=0)) == [100, 900]


def test_below_the_least_bid_there_is_none_and_the_reason_is_told():
    found = answer(sites(STREET), TARIFFS, [call(minimum_wh=950)], local_priority=0.0)
    assert not found.bids[0].any()
    assert {one.reason for one in found.refusals} == {
        "its sites can move 900 Wh a period, below the least bid of 950"
    }


def test_a_site_below_its_own_least_bid_takes_no_part():
    # By hand: 300 Wh and 90 Wh, least 100 a site: only the first.
    community = sites([(0, 300, 0, 0, 0, 900, 0), (0, 90, 0, 0, 0, 900, 0)])
    found = leftover(community, [call(site_minimum_wh=100)])
    assert found.bids[0].tolist() == [[300, 300], [0, 0]]
    assert found.refusals[0][2:] == ("site 1", "90 Wh a period left, below its least bid of 100")


def test_two_sites_share_a_volume_in_which_each_keeps_its_least_bid():
    # By hand: 150 Wh are wanted of 140 (cheap) and 100, least 60 each: 90 and 60.
    community = sites([(0, 140, 0, 10, 0, 900, 0), (0, 100, 0, 20, 0, 900, 0)])
    found = leftover(community, [call(wanted_wh=150, site_minimum_wh=60)])
    assert found.bids[0].tolist() == [[90, 90], [60, 60]]


def test_moving_that_costs_more_than_it_earns_is_not_bid():
    found = leftover(sites([(0, 300, 0, 500, 0, 900, 0)]), [call()])
    assert not found.bids[0].any()
    assert found.refusals[0].reason == "moving costs 500 ticks or more, the incentive pays 500"


def test_across_a_border_each_operator_has_its_own_sites():
    # By hand: the dear operator's incentive reaches only its own site.
    community = sites(
        [(0, 300, 0, 10, 0, 900, 0), (0, 200, 0, 10, 0, 900, 0)], operators=("west", "east")
    )
    calls = [call(operator="west"), call(name="other", operator="east", price_ticks=900)]
    found = answer(community, TARIFFS, calls)
    assert found.bids[0].tolist() == [[300, 300], [0, 0]]
    assert found.bids[1].tolist() == [[0, 0], [200, 200]]


def test_calls_at_the_same_time_share_a_site():
    # By hand: 300 Wh, 200 of them to the dearer call.
    community = sites([(0, 300, 0, 10, 0, 900, 0)])
    calls = [call(price_ticks=400), call(name="dear", price_ticks=600, wanted_wh=200)]
    found = leftover(community, calls)
    assert [bid.tolist() for bid in found.bids] == [[[100, 100]], [[200, 200]]]


def test_a_site_moves_one_way_for_operators_in_a_period():
    # By hand: up brings 500 and down 400 for each of 100 Wh; the meter could prove neither of both.
    community = sites([(0, 100, 100, 0, 0, 900, 900)])
    calls = [call(), call(name="sink", direction="down", price_ticks=400)]
    found = leftover(community, calls)
    assert [bid.tolist() for bid in found.bids] == [[[100, 100]], [[0, 0]]]


def test_every_fault_is_named():
    with pytest.raises(FlexibilityError) as told:
        answer(
            sites(STREET),
            TARIFFS,
            [call(first=1), call(operator="north")],
            local_priority=2.0,
        )
    assert len(told.value.faults) == 4
    with pytest.raises(FlexibilityError) as told:
        call(wanted_wh=0, block=3, minimum_wh=5)
    assert len(told.value.faults) == 3
    with pytest.raises(FlexibilityError, match="up_wh is -1 Wh"):
        sites([(0, -1, 0, 0, 0, 0, 0)])


# Against a program of its own


def reckoned(community, calls, weight):
    """Weighted value by linear programs, one for every choice of who bids in which block.

    Variables: up and down of each site and period, then each call's; import and export are a
    net's two slopes, since retail is above feed-in.
    """
    n, periods = community.net_wh.shape
    mine = [np.flatnonzero(community.of(c.operator)) for c in calls]
    switches = [
        [(k, i, b) for i in ["all", *mine[k].tolist()] for b in range(c.blocks)]
        for k, c in enumerate(calls)
    ]
    best = -np.inf
    for on in product([False, True], repeat=sum(map(len, switches))):
        chosen = dict(zip([s for of in switches for s in of], on, strict=True))
        value = _linear(community, calls, mine, chosen, weight, n, periods)
        best = max(best, value)
    return best


def _linear(community, calls, mine, chosen, weight, n, periods):
    size = 2 * n * periods + sum(n * c.periods for c in calls) + periods
    up, down = (np.arange(n * periods).reshape(n, periods) + k * n * periods for k in (0, 1))
    at, moved = 2 * n * periods, []
    for c in calls:
        moved.append(np.arange(n * c.periods).reshape(n, c.periods) + at)
        at += n * c.periods
    worth = np.arange(periods) + at
    cost, bounds = np.zeros(size), [(0.0, None)] * size
    cost[up] = weight * community.up_ticks[:, None]
    cost[down] = weight * community.down_ticks[:, None]
    cost[worth] = -weight
    less, most, same, zero = [], [], [], []

    def at_most(terms, limit, rows=less, limits=most):
        row = np.zeros(size)
        for where, factor in terms:
            row[np.ravel(where)] += factor
        rows.append(row)
        limits.append(limit)

    for t in range(periods):
        bounds[worth[t]] = (None, None)
        for price in (350, 80):  # the bill is the lower of both lines
            net = community.net_wh[:, t].sum()
            at_most([(worth[t], 1), (up[:, t], -price), (down[:, t], price)], price * net)
    for name, own in (("up", up), ("down", down)):
        room, total = community.capacity_wh(name), community.total_wh(name)
        for i in range(n):
            parts = [(own[i], 1)]
            parts += [(moved[k][i], 1) for k, c in enumerate(calls) if c.direction == name]
            at_most(parts, total[i])
            for t in range(periods):
                here = [(own[i, t], 1)]
                for k, c in enumerate(calls):
                    if c.direction == name and c.first <= t < c.first + c.periods:
                        here.append((moved[k][i, t - c.first], 1))
                at_most(here, room[i, t])
    for k, c in enumerate(calls):
        price = c.price_ticks - community.cost_ticks(c.direction)
        cost[moved[k]] = -(1 - weight) * price[:, None]
        for i in set(range(n)) - set(mine[k].tolist()):
            for t in range(c.periods):
                bounds[moved[k][i, t]] = (0.0, 0.0)
        for t in range(c.periods):
            b = t // c.block
            if t % c.block:
                at_most([(moved[k][:, t], 1), (moved[k][:, t - 1], -1)], 0.0, same, zero)
            low, high = (c.minimum_wh, c.wanted_wh) if chosen[k, "all", b] else (0, 0)
            at_most([(moved[k][:, t], 1)], high)
            at_most([(moved[k][:, t], -1)], -low)
            for i in mine[k].tolist():
                bounds[moved[k][i, t]] = (
                    (c.site_minimum_wh, None) if chosen[k, i, b] else (0.0, 0.0)
                )
    equal = {"A_eq": np.array(same), "b_eq": zero} if same else {}
    found = linprog(cost, A_ub=np.array(less), b_ub=most, bounds=bounds, **equal)
    return -found.fun if found.status == 0 else -np.inf


@st.composite
def communities(draw, most=3):
    n, periods = draw(st.integers(1, most)), 2

    def whole(low, high, size):
        return draw(st.lists(st.integers(low, high), min_size=size, max_size=size))

    return Sites(
        names=tuple(f"site {i}" for i in range(n)),
        operators=tuple(draw(st.sampled_from(["west", "east"])) for _ in range(n)),
        net_wh=np.array(whole(-900, 900, n * periods)).reshape(n, periods),
        up_wh=np.array(whole(0, 500, n * periods)).reshape(n, periods),
        down_wh=np.array(whole(0, 500, n * periods)).reshape(n, periods),
        up_ticks=np.array(whole(1, 600, n)),
        down_ticks=np.array(whole(-200, 300, n)),
        up_total_wh=np.array(whole(0, 800, n)),
        down_total_wh=np.array(whole(0, 800, n)),
    )


@st.composite
def calls_for(draw, community, most=2):
    calls = []
    for k in range(draw(st.integers(1, most))):
        wanted = draw(st.integers(1, 900))
        calls.append(
            call(
                name=f"call {k}",
                operator=draw(st.sampled_from(sorted(set(community.operators)))),
                direction=draw(st.sampled_from(["up", "down"])),
                price_ticks=draw(st.integers(-50, 900)),
                wanted_wh=wanted,
                block=draw(st.sampled_from([1, 2])),
                minimum_wh=draw(st.integers(0, wanted)),
                site_minimum_wh=draw(st.integers(0, 200)),
            )
        )
    return calls


@settings(max_examples=25)
@given(st.data(), st.sampled_from([0.2, 0.5, 0.8]))
def test_the_weighted_value_is_that_of_a_program_assembled_here(data, priority):
    community = data.draw(communities(most=2))
    calls = data.draw(calls_for(community, most=1))
    found = answer(community, TARIFFS, calls, local_priority=priority)
    value = priority * found.inside_ueur + (1 - priority) * found.operators_ueur
    best = reckoned(community, calls, priority)
    # Whole Wh: each site may lose one in each period and direction, inside and in each call.
    slack = 950 * 2 * 2 * (2 + len(calls))
    assert best - slack <= value <= best + 1e-3


@given(st.data(), st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_nothing_is_sold_twice_and_every_least_bid_is_kept(data, priority):
    community = data.draw(communities())
    calls = data.draw(calls_for(community))
    found = answer(community, TARIFFS, calls, local_priority=priority)
    for name, own in (("up", found.up_wh), ("down", found.down_wh)):
        used = own.copy()
        for of, bid in zip(calls, found.bids, strict=True):
            if of.direction == name:
                used[:, of.window] += bid
        assert (used >= 0).all()
        assert (used <= community.capacity_wh(name)).all()
        assert (used.sum(axis=1) <= community.total_wh(name)).all()
    ways = {"up": np.zeros_like(community.net_wh), "down": np.zeros_like(community.net_wh)}
    for of, bid in zip(calls, found.bids, strict=True):
        ways[of.direction][:, of.window] += bid
    assert not (ways["up"] * ways["down"]).any()
    for of, bid in zip(calls, found.bids, strict=True):
        assert not bid[~community.of(of.operator)].any()
        by_block = bid.reshape(len(community), of.blocks, of.block)
        volumes = by_block.sum(axis=0)
        assert (volumes == volumes[:, :1]).all()
        assert ((volumes == 0) | ((volumes >= of.minimum_wh) & (volumes <= of.wanted_wh))).all()
        least = by_block.min(axis=2)
        takes = by_block.any(axis=2)
        assert (least[takes] >= of.site_minimum_wh).all()
        told = {(one.incentive, one.block) for one in found.refusals if not one.site}
        empty = {(of.name, b) for b in range(of.blocks) if not volumes[b].any()}
        assert {one for one in told if one[0] == of.name} == empty


@given(st.data())
def test_together_is_worth_at_least_as_much_as_in_sequence(data):
    community = data.draw(communities())
    calls = data.draw(calls_for(community))
    found = {x: answer(community, TARIFFS, calls, local_priority=x) for x in (0.0, 0.5, 0.9, 1.0)}
    slack = 950 * len(community) * 2 * (2 + len(calls))  # whole Wh, as above
    for x in (0.0, 0.9, 1.0):
        assert found[0.5].total_ueur >= found[x].total_ueur - slack
    assert found[0.9].inside_ueur >= found[0.5].inside_ueur - slack
    assert found[1.0].inside_ueur >= found[0.9].inside_ueur - slack


def test_a_least_bid_that_no_whole_numbers_reach_is_left_out():
    # By hand: 10.5 Wh of each in the plan, 10 Wh of room: 20 Wh are below the least bid of 21.
    community = sites([(0, 10, 0, 0, 0, 99, 0)] * 2, periods=1)
    plan = np.full((2, 1), 10.5)
    assert not whole_bid(plan, call(periods=1, minimum_wh=21), Room.of(community)).any()
    found = whole_bid(plan, call(periods=1, minimum_wh=20), Room.of(community))
    assert found.tolist() == [[10], [10]]


def test_what_rounding_loses_is_topped_up_where_there_is_room():
    # By hand: 10.5 Wh of each are 21 Wh; the earlier one gives the odd one.
    community = sites([(0, 11, 0, 0, 0, 99, 0)] * 2, periods=1)
    found = whole_bid(np.full((2, 1), 10.5), call(periods=1, minimum_wh=21), Room.of(community))
    assert found.tolist() == [[11], [10]]
