"""Scenarios in three phases: who hangs where, what is refused, and how much PV a street hosts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cosim.cli import app
from cosim.commands.hosting import shares
from scenarios.faults import ScenarioError
from scenarios.load import load_scenario

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHIPPED = (SCENARIOS / "unbalanced.yaml").read_text("utf-8")


@pytest.fixture
def written(tmp_path):
    (tmp_path / "grids").symlink_to(SCENARIOS / "grids")

    def write(*changes):
        text = SHIPPED
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        file = tmp_path / "s.yaml"
        file.write_text(text)
        return file

    return write


def test_peers_hang_where_they_say_or_where_the_seed_puts_them():
    peers = {peer.name: peer for peer in load_scenario(SCENARIOS / "unbalanced.yaml").peers}
    assert (peers["mill"].phase, peers["stable"].phase, peers["lpd"].phase) == ("abc", "b", "abc")
    drawn = [peer for name, peer in peers.items() if name.startswith("house")]
    assert {peer.phase for peer in drawn} == {"a", "b", "c", "abc"}
    for peer in drawn:
        large = max(peer.inverter_kva, peer.battery_kw) > 4.6
        assert (peer.phase == "abc") == large
    again = {peer.name: peer.phase for peer in load_scenario(SCENARIOS / "unbalanced.yaml").peers}
    assert again == {name: peer.phase for name, peer in peers.items()}


def test_a_balanced_village_has_no_phases():
    assert {peer.phase for peer in load_scenario(SCENARIOS / "village.yaml").peers} == {None}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("  unbalanced: {line_r0: 4, line_x0: 4, trafo_z0: 1, s_sc_mva: 100}\n", ""),
            "means nothing on a balanced grid",
        ),
        (("phase: b", "phase: d"), "'d' does not fit"),
        (("line_r0: 4,", "line_r0: 0,"), "line_r0"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(written, change, message):
    with pytest.raises(ScenarioError, match=message):
        load_scenario(written(change))


@pytest.mark.soak
def test_the_hosting_command_finds_the_share_at_which_phases_part_too_far(written):
    # A short run with a coarse search: without PV the street keeps to the limit, with it not.
    file = written(
        ("duration: 10 min", "duration: 1 min"),
        ("period: 5 min, gate: 5 min", "period: 1 min, gate: 1 min"),
        ("- voltage_unbalance", "- voltage_unbalance: {limit_percent: 0.25}"),
    )
    outcome = CliRunner().invoke(app, ["hosting", str(file), "--tolerance", "0.5"])
    assert outcome.exit_code == 0, outcome.output
    assert "0% (seed 4): holds" in outcome.output
    assert "100% (seed 4): fails" in outcome.output


def test_hosting_varies_all_groups_with_pv_or_the_energy_offered():
    scenario = load_scenario(SCENARIOS / "unbalanced.yaml").scenario
    assert shares(scenario, "pv") == ["peers[3].pv.share", "peers[4].pv.share"]
    assert shares(scenario, "traded") == ["market.bids.share"]
    with pytest.raises(ValueError, match="known: pv, traded"):
        shares(scenario, "wind")
