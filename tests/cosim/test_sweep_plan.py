"""Which points a sweep has, and how the last good value of a range is found among them."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from cosim.sweeps.find import Question, find
from cosim.sweeps.plan import Plan, part_of
from cosim.sweeps.progress import Eta
from scenarios.schema_sweep import Span

UNIT = {"a": Span(low=0, high=1), "b": Span(low=0, high=1), "c": Span(low=0, high=1)}


def plan(axes, **more):
    return Plan("test", Path("/scenario.yaml"), axes, **more)


def drawn(made):
    return np.array([[value for _, value in row] for row in made.combinations()])


def test_a_grid_has_every_combination_with_every_seed_in_the_order_given():
    points = plan({"m": ("x", "y"), "k": (1, 2)}, seeds=(7, 9)).all_points()

    assert [point.index for point in points] == list(range(8))
    assert str(points[0]) == "m=x, k=1, seed=7"
    assert str(points[3]) == "m=x, k=2, seed=9"
    assert str(points[7]) == "m=y, k=2, seed=9"


def test_a_range_in_a_grid_is_cut_evenly_by_differences_by_ratios_or_in_whole_numbers():
    (row,) = zip(*plan({"a": Span(low=0.1, high=0.5)}).combinations(), strict=True)
    assert [value for _, value in row] == [0.1, 0.2, 0.3, 0.4, 0.5]
    log = plan({"a": Span(low=1, high=1000, log=True)}, points=4)
    assert drawn(log).ravel().tolist() == [1, 10, 100, 1000]
    whole = plan({"a": Span(low=2, high=4, whole=True)}, points=9)
    assert drawn(whole).ravel().tolist() == [2, 3, 4]


@given(points=st.integers(1, 60))
def test_a_latin_hypercube_has_one_point_in_every_slice_of_every_range(points):
    unit = drawn(plan(UNIT, sampling="latin-hypercube", points=points))

    slices = np.sort((unit * points).astype(int), axis=0)
    assert (slices == np.arange(points)[:, None]).all()


@pytest.mark.parametrize("power", [3, 5, 7])
def test_sobol_points_fill_every_elementary_interval_and_more_evenly_than_random_ones(power):
    points = 2**power
    unit = drawn(plan(UNIT, sampling="sobol", points=points))

    # A digital net in base 2: each half, quarter, ... of each range holds its share exactly.
    for parts in (2, 4, points):
        counts = np.apply_along_axis(np.bincount, 0, (unit * parts).astype(int), minlength=parts)
        assert (counts == points // parts).all()
    by_chance = drawn(plan(UNIT, sampling="random", points=points))
    assert qmc.discrepancy(unit) < qmc.discrepancy(by_chance)


def test_samples_are_the_same_whenever_they_are_drawn_and_others_for_another_sweep():
    axes = UNIT | {"m": ("x", "y", "z")}
    one = Plan("one", Path("/s"), axes, sampling="sobol", points=8)
    two = Plan("two", Path("/s"), axes, sampling="sobol", points=8)

    assert one.combinations() == Plan.of_plain(json.loads(json.dumps(one.plain()))).combinations()
    assert one.combinations() != two.combinations()


def test_lists_and_whole_numbers_are_drawn_alike_often():
    # By hand: a Latin hypercube of 30 points puts ten of them into each third of the range.
    axes = {"m": ("x", "y", "z"), "n": Span(low=5, high=7, whole=True)}
    rows = plan(axes, sampling="latin-hypercube", points=30).combinations()

    assert sorted(dict(row)["m"] for row in rows) == ["x"] * 10 + ["y"] * 10 + ["z"] * 10
    assert sorted(dict(row)["n"] for row in rows) == [5] * 10 + [6] * 10 + [7] * 10


@given(points=st.integers(1, 40), of=st.integers(1, 12))
def test_parts_have_every_point_once_and_weigh_alike(points, of):
    made = plan({"a": tuple(range(points))}).all_points()
    parts = [part_of(made, (which, of)) for which in range(1, of + 1)]

    assert sorted(point.index for part in parts for point in part) == list(range(points))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


LIMITS = st.lists(st.floats(0.05, 0.95), min_size=1, max_size=7)


def searched(question, holds):
    """Search with a rule that says whether a seed holds at a value; give also what was asked."""
    asked = []

    def evaluate(values):
        asked.extend(values)
        return [holds(value) for value in values]

    return find(question, evaluate), asked


@given(limits=LIMITS, share=st.floats(0.1, 1.0))
def test_the_last_good_value_of_a_monotone_answer_is_found_within_the_tolerance(limits, share):
    question = Question("x", 0.0, 1.0, share=share, tolerance=0.01)
    found, asked = searched(question, lambda x: [x <= limit for limit in limits])

    # By hand: enough seeds hold up to the k-th largest limit, k the least count that is enough.
    enough = next(k for k in range(1, len(limits) + 1) if k >= share * len(limits) - 1e-9)
    last = sorted(limits, reverse=True)[enough - 1]
    assert found.good.value <= last < found.bad.value
    assert found.bad.value - found.good.value <= 0.01 + 1e-9
    assert found.violations == []
    assert len(asked) == len(set(asked)) <= 2 + 7 + 6


def test_a_search_towards_smaller_values_finds_the_smallest():
    found, _ = searched(Question("x", 10.0, 2.0, tolerance=1, whole=True), lambda x: [x >= 5.5])

    assert (found.good.value, found.bad.value) == (6, 5)
    assert str(found.question) == "Smallest x for which all checks hold"


@pytest.mark.parametrize(("holds", "told"), [(True, "1, the end"), (False, "None: already at 0")])
def test_a_range_that_holds_all_over_or_nowhere_is_told_as_such(holds, told):
    found, _ = searched(Question("x", 0.0, 1.0), lambda x: [holds, holds])

    assert (found.good is not None, found.bad is not None) == (holds, not holds)
    assert found.told([1, 2])[0].startswith(told)


def test_a_seed_that_holds_again_further_on_is_told_and_the_first_failure_counts():
    # Holds up to 0.8, apart from a gap that bisection would step over.
    question = Question("x", 0.0, 1.0, tolerance=0.02)
    found, _ = searched(question, lambda x: [x < 0.8 and not 0.38 < x < 0.42, x < 0.9])

    assert found.good.value <= 0.38 < found.bad.value < 0.42
    (violation,) = found.violations
    assert violation[0] == 0
    assert 0.38 < violation[1] < 0.42 <= violation[2] < 0.8
    assert any(line.startswith("Not monotone: seed 11 fails at") for line in found.told([11, 12]))


def test_what_is_certain_is_said_by_wilsons_interval():
    # Ten of ten: Wilson's lower end is 1 / (1 + 1.96² / 10) = 0.722.
    found, _ = searched(Question("x", 0.0, 1.0), lambda x: [x < 0.5] * 10)

    assert found.told(range(10))[2].startswith("With 95 % confidence the checks hold at 0.4")
    assert "for 72 to 100 % of all seeds" in found.told(range(10))[2]


def test_runs_without_an_answer_count_neither_way_and_are_told():
    found, _ = searched(Question("x", 0.0, 1.0), lambda x: [x < 0.5, None])

    assert found.good.value < 0.5 <= found.bad.value
    assert any("not played to an answer" in line for line in found.told([1, 2]))


def test_the_time_left_follows_from_what_was_played_here():
    eta = Eta(now_s=0.0, done=100)

    assert eta.told(now_s=10.0, done=100, of=200) == ""
    assert eta.told(now_s=60.0, done=120, of=200) == "4 min left"
    assert eta.told(now_s=60.0, done=101, of=200) == "1.6 h left"  # 99 × 60 s
