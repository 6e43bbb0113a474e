import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.storage.ageing import aged, rainflow, xu_cycles


def totals(series):
    ranges, counts = rainflow(series)
    return {size: counts[ranges == size].sum() for size in sorted(set(ranges))}


def test_rainflow_counts_the_standard_s_own_example():
    # ASTM E1049-85, figure 6: the ranges 3, 4, 6, 8 and 9 and their counts.
    figure = [-2, 1, -3, 5, -1, 3, -4, 4, -2]
    assert totals(figure) == {3: 0.5, 4: 1.5, 6: 0.5, 8: 1.0, 9: 0.5}


def test_points_on_the_way_and_standing_still_count_nothing():
    figure = [-2, -2, 0, 1, 1, -1, -3, 5, 2, 2, -1, 3, -4, 0, 4, 4, -2]
    assert totals(figure) == {3: 0.5, 4: 1.5, 6: 0.5, 8: 1.0, 9: 0.5}
    assert totals([0.5] * 4) == {}
    assert totals([]) == {}


def test_a_small_cycle_inside_a_large_one_is_taken_out_whole():
    # By hand: 0 to 4 to 0 with a dip from 3 to 1 on the way down; the way down ends as it began.
    assert totals([0, 4, 1, 3, 0]) == {2: 1.0, 4: 1.0}


@given(st.lists(st.integers(0, 100), min_size=1, max_size=60))
def test_counted_ranges_are_the_way_the_series_went(values):
    # A cycle is its range there and back: twice the sum of all is the way, whatever the order.
    ranges, counts = rainflow(values)
    assert 2.0 * ranges @ counts == np.abs(np.diff(values)).sum()
    if ranges.size:
        assert ranges.max() == max(values) - min(values)


def test_equivalent_full_cycles_are_throughput_over_twice_the_capacity():
    # By hand: three times 80 % down and up again is 2.4 full cycles.
    assert aged([0.9, 0.1] * 3 + [0.9]).full_cycles == pytest.approx(2.4)


def test_life_of_the_published_curve():
    # By hand: 0.0575 e^(-121 f) + 0.9425 e^(-f) = 0.8 at f = ln(0.9425/0.8) = 0.16391, where the
    # first term is 1e-10; a full cycle costs 1/17 000 of it, one of a tenth 1/320 753.
    assert xu_cycles(np.array([1.0]))[0] == pytest.approx(0.16391 * 17_000, rel=1e-4)
    assert xu_cycles(np.array([0.1]))[0] == pytest.approx(0.16391 * 320_753, rel=1e-4)


def test_a_battery_that_lived_its_cycles_has_used_its_life():
    lasting = float(xu_cycles(np.array([0.5]))[0])
    soc = np.tile([0.75, 0.25], round(lasting))
    assert aged(np.append(soc, 0.75)).life_used == pytest.approx(round(lasting) / lasting)


def test_shallow_cycles_of_the_same_energy_cost_less():
    deep, shallow = aged([1.0, 0.0, 1.0]), aged([0.6, 0.5] * 10 + [0.6])
    assert deep.full_cycles == pytest.approx(shallow.full_cycles)
    assert deep.life_used > 1.5 * shallow.life_used


@pytest.mark.parametrize("wrong", [[0.2, np.nan], [0.2, 1.3], [[0.1], [0.2]]])
def test_what_is_no_state_of_charge_is_refused(wrong):
    with pytest.raises(ValueError, match=r"outside 0 to 1|finite"):
        aged(wrong)


def test_a_life_that_ends_with_more_than_all_is_refused():
    with pytest.raises(ValueError, match=r"left_at_end is 1\.0"):
        xu_cycles(np.array([0.5]), left_at_end=1.0)
