"""The command `peerwatt ieee14`, from the command line's own entry."""

import json

import pytest
from typer.testing import CliRunner

from cosim.cli import app


def play(*options):
    return CliRunner().invoke(app, ["ieee14", *map(str, options)])


@pytest.fixture(scope="module")
def found():
    ended = play("--json")
    assert ended.exit_code == 0
    return json.loads(ended.stdout)


def test_tables_stand_beside_the_published_values_with_and_without_the_half_hour(found):
    assert found["periods"] == 17_520
    assert [design["name"] for design in found["designs"]] == ["full P2P", "hybrid", "community"]
    full, mixed, alone = found["designs"]
    assert full["published"]["welfare"] == 45.21
    assert mixed["published"] == {}
    assert alone["published"]["export"] == 1093.4
    for design in found["designs"]:
        for name, value in design["sums"].items():
            assert design["halved"][name] == pytest.approx(value / 2)


def test_every_ordering_holds_with_our_own_data(found):
    assert [claim["told"] for claim in found["orderings"] if not claim["holds"]] == []


def test_figure_7_shows_what_peer_3_buys_in_each_design(found):
    figure = found["figure"]
    assert (figure["peer"], figure["moments"][0]) == (3, "2013-06-01T06:00")
    for design in figure["designs"]:
        assert all(sum(mw) > 0 for mw in zip(*design["partners"].values(), strict=True))


def test_wishes_cost_welfare(found):
    assert found["preference"]["poorest"] == 8
    assert 0 < found["preference"]["welfare_lost"] < 0.01 * found["preference"]["welfare"]


@pytest.mark.soak
def test_with_limits_on_the_lines_each_design_says_what_they_cost():
    ended = play("--network")
    assert ended.exit_code == 0
    assert "full P2P: limits bind in 2117 half-hours; welfare lost 10,612 $ a year" in ended.stdout
    assert "line 3-4       16 MW" in ended.stdout


def test_a_table_of_limits_that_cannot_be_read_is_wrong_input(tmp_path):
    ended = play("--limits", tmp_path / "none.csv")
    assert (ended.exit_code, "none.csv: cannot be read" in ended.stderr) == (2, True)


def test_the_text_says_what_is_not_reproduced_and_the_page_draws_figure_7(tmp_path):
    ended = play("--out", tmp_path / "made", "--wish", "green", "--poorest", 4)
    assert ended.exit_code == 0
    assert "its numbers cannot come out of them" in ended.stdout
    assert "Whom peer 3" not in ended.stdout
    assert "all consumers but peer 4 wish for energy from wind and sun" in ended.stdout
    page = (tmp_path / "made" / "ieee14.html").read_text("utf-8")
    assert "Whom peer 3 buys from, 2013-06-01" in page
    assert "manager of C2" in page or "peer 12 (wind, C1)" in page
    assert "http" not in page.split("<body>")[0].split("</style>")[0]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--wish", "gold"], "wish: no 'gold'; known: own-community, green"),
        (["--poorest", "12"], "peer 12 is no consumer"),
        (["--premium", "-1"], "premium: -1 $/MWh; expected 0 or more"),
        (["--gamma", "11"], "gamma: 11 $/MWh; expected 0 to the tariff, 10"),
        (["--between", "9", "1", "1"], "exceeds the way round"),
        (["--data", "nowhere"], "nowhere/price.csv: no such file"),
    ],
)
def test_what_is_wrong_is_named_and_leaves_with_2(options, told):
    ended = play(*options)
    assert ended.exit_code == 2
    assert told in ended.stderr
