"""What a sweep's report and statistics say, of points that were written by hand."""

import re

import numpy as np
import pytest

from results.folder import write_json
from results.report_sweep import write_sweep_report
from results.sweep_reading import Sweep
from results.sweep_statistics import influence, wilson
from results.sweep_table import NOT_RUN, SweepRow, write_sweep_tables

PATH = "peers.mill.pv.p_kwp"


def record(status, traded, vm_max, because=""):
    passed = status == "passed"
    return {
        "status": status,
        "because": because,
        "checks": [{"name": "voltage_band", "passed": passed, "value": vm_max}],
        "metrics": {"energy_traded_kwh": traded, "voltage_highest_pu": vm_max},
        "series": {
            "at_s": [0.0, 30.0],
            "f_hz": [50.0, 49.9],
            "vm_min_pu": [0.98, 0.97],
            "vm_max_pu": [1.0, vm_max],
            "traded_kw": [traded, traded],
        },
        "wall_s": 1.5,
        "worker": "here:1",
    }


def rows():
    """Twelve points: traded energy follows the rating, the mechanism changes nothing."""
    made = []
    for index in range(12):
        rating, mechanism = 10.0 * (1 + index // 2), ("vcg", "mcafee")[index % 2]
        over = rating > 45
        because = "voltage_band: 1.12 p.u. at <b>MUF</b>" if over else ""
        told = record("failed" if over else "passed", rating / 10, 1 + rating / 500, because)
        values = {PATH: rating, "market.mechanism": mechanism}
        made.append(SweepRow(index, f"key{index}", values, index % 3, told))
    return made


@pytest.fixture
def write(tmp_path):
    def sweep(points, **more):
        write_sweep_tables(tmp_path, points)
        about = {
            "name": "sun",
            "about": "How much sun?",
            "scenario": "/here/village.yaml",
            "axes": [
                [PATH, {"low": 10, "high": 60, "log": False, "whole": False}],
                ["market.mechanism", ["vcg", "mcafee"]],
            ],
            "seeds": [0, 1, 2],
            "sampling": "grid",
            "points": None,
            "model_devices": True,
            "command": "peerwatt sweep sun.yaml",
            "versions": {"peerwatt": "0.1.0"},
            "machine": {"system": "Linux"},
            "metrics": [],
            "found": None,
        }
        write_json(tmp_path / "sweep.json", about | more)
        return tmp_path

    return sweep


def test_wilsons_interval_is_the_published_one():
    # Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263 and 15 of 148, method 3.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_influence_ranks_numbers_and_choices_by_what_they_explain():
    rng = np.random.default_rng(7)
    moved = np.linspace(1, 2, 40)
    figure = np.exp(5 * moved)  # monotone, far from linear
    by_number = influence(moved.tolist(), figure)
    falling = influence(moved.tolist(), -figure)
    choice = influence(["a"] * 20 + ["b"] * 20, figure)
    nothing = influence(rng.permutation(moved).tolist(), figure)

    assert (by_number.share, by_number.correlation) == pytest.approx((1, 1))
    assert falling.correlation == pytest.approx(-1)
    # By hand: ranks 1..20 and 21..40 have means 10.5 and 30.5 around 20.5, so 100 between them
    # of a variance of (40² − 1) / 12 = 133.25.
    assert choice.share == pytest.approx(100 / 133.25)
    assert nothing.share < 0.2
    assert nothing.chance > 0.05
    assert influence([1.0] * 40, figure) is None
    assert influence(moved.tolist(), np.ones(40)) is None


def test_the_page_tells_rate_influence_failures_and_how_to_play_one(write):
    folder = write(rows())
    page = write_sweep_report(folder).read_text("utf-8")

    assert "Not every point passed" in page
    assert "12 points: 8 × passed and 4 × a check failed." in page
    assert "8 of 12; 95 % confidence 39.1 to 86.2 %" in page  # Wilson, worked by hand
    assert "voltage_band: 1.12 p.u. at &lt;b&gt;MUF&lt;/b&gt;" in page
    assert f"peerwatt run /here/village.yaml --seed 2 --model-devices --set {PATH}=50" in page
    for title in ("Frequency", "Lowest voltage", "Highest voltage", "Traded power"):
        assert f"<h3>{title}</h3>" in page
    first = re.search(r'<section id="influence">.*?<tbody>\s*<tr>(.*?)</tr>', page, re.DOTALL)
    assert PATH in first[1]
    assert "+1.000" in first[1]
    outside = re.sub(r"<script.*?</script>", "<script>", page, flags=re.DOTALL)
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", outside)


def test_points_of_the_machine_do_not_count_for_the_rate_and_are_told(write):
    points = rows()
    lost = NOT_RUN | {"status": "lost", "because": "2 workers died of it: killed by SIGKILL"}
    points += [SweepRow(12, "key12", points[0].values, 5, lost)]
    folder = write(points)
    page = write_sweep_report(folder).read_text("utf-8")

    assert "Not every point was run" in page
    assert "8 of 12; 95 % confidence" in page
    assert "killed by SIGKILL" in page
    assert len(Sweep(folder).ran) == 12


def test_bands_are_over_the_runs_that_share_a_time_base(write):
    points = rows()
    points[3].record["series"]["at_s"] = [0.0, 60.0]
    at_s, series, left_out = Sweep(write(points)).bands

    assert at_s.tolist() == [0, 30]
    assert series["vm_max_pu"].shape == (11, 2)
    assert left_out == 1


def test_a_sweep_of_nothing_but_failures_has_a_page_too(write):
    nothing = [SweepRow(0, "key", {PATH: 1.0, "market.mechanism": "vcg"}, 1, NOT_RUN)]
    page = write_sweep_report(write(nothing)).read_text("utf-8")

    assert "not run yet" in page
