from pathlib import Path

import pytest

from scenarios.faults import ScenarioError
from scenarios.overrides import OverrideError
from scenarios.schema_sweep import (
    Span,
    is_sweep,
    load_sweep,
    parse_axis,
    parse_search,
    parse_seeds,
)

SWEEPS = Path(__file__).parents[2] / "scenarios" / "sweeps"


@pytest.fixture
def told(tmp_path):
    """Write a sweep file, and give what is wrong with it without the file's name."""

    def write(text):
        file = tmp_path / "s.yaml"
        file.write_text(text, "utf-8")
        with pytest.raises(ScenarioError) as error:
            load_sweep(file)
        return [str(fault).removeprefix(f"{file}:") for fault in error.value.faults]

    return write


@pytest.mark.parametrize("file", sorted(SWEEPS.glob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_sweeps_are_good_and_name_a_shipped_scenario(file):
    assert is_sweep(file)
    assert (file.parent / load_sweep(file).scenario).is_file()


def test_a_file_says_values_ranges_seeds_and_sampling(tmp_path):
    file = tmp_path / "s.yaml"
    file.write_text(
        "sweep: sun\nscenario: village.yaml\nseeds: [3, 5]\nsampling: sobol\npoints: 8\n"
        "set:\n  market.mechanism: [vcg, mcafee]\n  market.gate: 5 min\n"
        "  lpd.p_max_kw: {low: 10, high: 80, log: true}\n"
    )
    spec = load_sweep(file)

    assert spec.seeds == (3, 5)
    assert spec.set == {
        "market.mechanism": ("vcg", "mcafee"),
        "market.gate": ("5 min",),
        "lpd.p_max_kw": Span(low=10, high=80, log=True),
    }


def test_every_fault_is_told_with_its_line_and_column(told):
    faults = told(
        "sweep: a b\nscenario: v.yaml\nseeds: 0\ncolour: red\nsampling: grit\n"
        "set:\n  x: {low: 5, high: 2}\n  y: {low: -1, high: 2, log: true}\n"
    )
    assert [fault.split(": ")[0:2] for fault in faults] == [
        ["1:8", "sweep"],
        ["3:8", "seeds"],
        ["4:1", "colour"],
        ["5:11", "sampling"],
        ["7:21", "set.x.high"],
        ["8:12", "set.y.low"],
    ]


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ("sampling: random", "missing; expected how many combinations random sampling draws"),
        ("sampling: sobol\npoints: 12", "12 is no power of two"),
        ("points: 1", "a range has two ends"),
        ("set: {seed: [1, 2]}", "seeds are varied by the key 'seeds'"),
        ("set: {x: [1, 1]}", "names a value twice"),
        ("set: {x: []}", "names no value; expected one at least"),
        ("set: {x: {low: 1.5, high: 3, whole: true}}", "are not whole"),
    ],
)
def test_what_does_not_go_together_is_told(told, keys, complaint):
    assert complaint in " ".join(told(f"sweep: s\nscenario: v.yaml\n{keys}\n"))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("m=vcg,mcafee", ("vcg", "mcafee")),
        ("m=0.2..0.9", Span(low=0.2, high=0.9)),
        ("m=-5..-2", Span(low=-5, high=-2)),
        ("m=1..100:log", Span(low=1, high=100, log=True)),
        ("m=2..40:whole", Span(low=2, high=40, whole=True)),
        ("m=[3, 5],[4, 6]", ([3, 5], [4, 6])),
        ("m={k: 0.1, j: 1},{k: 0.2}", ({"k": 0.1, "j": 1}, {"k": 0.2})),
        ("m='x,y',z", ("x,y", "z")),
        ("m=12:24,12:30", ("12:24", "12:30")),
        ("m=./own.py:Class,../other.py:Class", ("./own.py:Class", "../other.py:Class")),
        ("m=true,false", (True, False)),
    ],
)
def test_values_on_the_command_line_are_lists_or_ranges(text, values):
    assert parse_axis(text) == ("m", values)


@pytest.mark.parametrize("text", ["m", "=1", "m=", "m=5..2", "m=a..b", "m={k: ,1", "m=0..9:log"])
def test_what_varies_nothing_is_refused(text):
    with pytest.raises(OverrideError):
        parse_axis(text)


def test_a_search_may_go_down_and_seeds_are_a_number_or_a_list():
    assert parse_search("x=1.0..0.1") == ("x", 1.0, 0.1, Span(low=0.1, high=1))
    assert parse_seeds("10") == 10
    assert parse_seeds("3,5,8") == (3, 5, 8)
    for wrong in ("0", "ten", "", "3,"):
        with pytest.raises(OverrideError):
            parse_seeds(wrong)
    with pytest.raises(OverrideError, match="bisection"):
        parse_search("x=1..10:log")
