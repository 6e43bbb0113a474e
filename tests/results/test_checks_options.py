"""Options of checks: what is wrong with them is told before a run, with its place in the file."""

import sys
from typing import Literal

import pytest
import yaml

from results.checks import CHECKS, CheckError, check_options, find_check, run_checks
from results.checks_options import read_options
from results.verdict import Verdict
from scenarios.faults import ScenarioError
from scenarios.load import load_scenario

STREET = """\
scenario: street
about: A lane.
time: {start: 2016-06-14T12:00:00+02:00, duration: 15 min}
grid: {network: "pandapower:create_kerber_landnetz_freileitung_1"}
peers:
  - {name: farm, bus: bus_1_13, pv: {p_kwp: 20}}
market: {mechanism: uniform_price}
checks:
"""


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "voltage_band",
            {"low_pu": "abc"},
            "low_pu: 'abc' does not fit; expected a number in p.u.",
        ),
        ("voltage_band", {"low_pu": "0.9"}, "'0.9' does not fit"),
        ("voltage_band", {"low_pu": True}, "True does not fit"),
        ("voltage_band", {"high_pu": None}, "None does not fit"),
        ("voltage_band", {"high_pu": float("nan")}, "expected a number in p.u., finite"),
        ("voltage_band", {"low_pu": 1.1, "high_pu": 0.9}, "low_pu 1.1 lies above high_pu 0.9"),
        ("voltage_band", {"low_pu": 1.2}, "low_pu 1.2 lies above high_pu 1.1"),
        ("frequency_band", {"low_hz": 51}, "lies above high_hz 50.5"),
        ("rocof", {"limit_hz_per_s": []}, "expected a number in Hz/s"),
        ("en50160", {"nominal_hz": 0}, "expected a number in Hz, above 0"),
        ("time_to_fallback", {"at_most_ticks": 1.5}, "expected a whole number in ticks"),
        ("time_to_fallback", {"at_most_s": -1}, "expected a number in s, of at least 0"),
        ("real_time_lateness", {"required": "yes"}, "expected true or false"),
        ("metric", {"at_most": 3}, "option 'key' is missing; expected text"),
        ("metric", {"key": "losses_kwh"}, "expected at_least, at_most, or both"),
        ("metric", {"key": 3, "at_most": 1}, "key: 3 does not fit; expected text"),
        ("money_bounds", {"who": "mill", "of": "tax"}, "expected balance or bill"),
        ("money_bounds", {"who": "mill"}, "expected at_least_eur, at_most_eur, or both"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_what_was_expected(tmp_path, name, options, said):
    with pytest.raises(CheckError) as caught:
        check_options(name, options, beside=tmp_path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"check {name}: ")


def test_all_that_is_wrong_with_a_check_is_told_at_once(tmp_path):
    with pytest.raises(CheckError) as caught:
        check_options("voltage_band", {"low": 0.9, "high_pu": "a"}, beside=tmp_path)
    assert [fault.option for fault in caught.value.faults] == ["low", "high_pu"]


def test_a_whole_number_is_a_number_and_a_list_is_any_sequence():
    def check(record, *, limit: float, names: tuple[str, ...] = (), kind: Literal["a", "b"] = "a"):
        """Takes what JSON can say."""

    read, faults = read_options(check, {"limit": 3, "names": ["x", "y"], "kind": "b"})
    assert not faults
    assert read == {"limit": 3.0, "names": ("x", "y"), "kind": "b"}
    assert isinstance(read["limit"], float)


def test_options_without_annotations_or_of_types_unknown_to_pydantic_are_left_alone():
    class Odd:
        pass

    def check(record, *, plain=1, odd: Odd | None = None, late: "NotImported" = 0):  # noqa: F821
        """Annotated as a user's file may be."""

    given = {"plain": "a", "odd": 5, "late": "b"}
    assert read_options(check, given) == (given, [])


def test_a_check_may_take_any_option():
    def check(record, **given):
        """Takes all."""

    assert read_options(check, {"anything": object}) == ({"anything": object}, [])


@pytest.mark.parametrize(
    ("line", "place", "said"),
    [
        ("  - voltage_band: {low_pu: abc}", "street.yaml:9", "expected a number in p.u."),
        ("  - rocof\n  - metric: {key: losses_kwh}", "street.yaml:10", "or both"),
        ("  - rocof\n  - rocof: {limit: 3}", "street.yaml:10", "limit_hz_per_s"),
        ("  - ./own.py:mine", "street.yaml:9", "own.py cannot be imported: SyntaxError"),
    ],
)
def test_it_is_a_fault_of_the_scenario_with_its_line_before_anything_is_run(
    tmp_path, line, place, said
):
    file = tmp_path / "street.yaml"
    file.write_text(STREET + line + "\n")
    (tmp_path / "own.py").write_text("def mine(record:\n")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    (fault,) = caught.value.faults
    assert place in str(fault)
    assert said in fault.message
    assert fault.column > 0


def test_every_known_check_with_its_defaults_written_out_is_taken(tmp_path):
    needed = {
        "metric": {"key": "losses_kwh", "at_most": 1},
        "money_bounds": {"who": "mill", "of": "bill", "at_least_eur": 0, "at_most_eur": 10},
    }
    asked = [{name: needed.get(name, {})} for name in CHECKS]
    file = tmp_path / "street.yaml"
    file.write_text(STREET + yaml.safe_dump(asked))
    assert len(load_scenario(file).scenario.checks) == len(CHECKS)


# Checks that packages bring ---------------------------------------------------------------------


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Install packages that bring checks, each of them `name = module:function`."""

    def install(package, *points, code="from results.verdict import Verdict\n"):
        site = tmp_path / "site"
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join(["[peerwatt.checks]", *points]) + "\n")
        (site / f"{package}.py").write_text(
            code + "def tidy(record, *, limit_kw: float = 1.0):\n"
            "    return Verdict('tidy', True, 'nothing lies about', 0.0, limit_kw, 'kW')\n"
        )
        monkeypatch.syspath_prepend(str(site))
        sys.modules.pop(package, None)

    return install


def test_a_packages_check_is_used_by_its_bare_name_and_its_options_are_read(bring, village):
    bring("ourchecks", "tidy = ourchecks:tidy")
    (verdict,) = run_checks(village, [("tidy", {"limit_kw": 2})], beside=village)
    assert verdict == Verdict("tidy", True, "nothing lies about", 0.0, 2.0, "kW")
    with pytest.raises(CheckError, match="expected a number in kW"):
        check_options("tidy", {"limit_kw": "much"}, beside=village)


def test_a_clash_with_a_known_name_is_refused_and_names_the_package(bring, tmp_path):
    bring("clashing", "rocof = clashing:tidy")
    with pytest.raises(CheckError, match=r"'rocof' is brought by Peerwatt and by clashing"):
        find_check("rocof", beside=tmp_path)
    assert find_check("clashing:tidy", beside=tmp_path)
    assert find_check("voltage_band", beside=tmp_path) is CHECKS["voltage_band"]


def test_two_packages_that_bring_one_name_are_both_named(bring, tmp_path):
    bring("first", "tidy = first:tidy")
    bring_again = tmp_path / "site" / "second-1.0.dist-info"
    bring_again.mkdir()
    (bring_again / "METADATA").write_text("Metadata-Version: 2.1\nName: second\nVersion: 1.0\n")
    (bring_again / "entry_points.txt").write_text("[peerwatt.checks]\ntidy = first:tidy\n")
    with pytest.raises(CheckError, match=r"brought by (first and by second|second and by first)"):
        find_check("tidy", beside=tmp_path)


def test_a_package_that_cannot_be_imported_is_named_with_the_reason(bring, tmp_path):
    bring("broken", "tidy = broken:tidy", code="raise OSError('no licence')\n")
    with pytest.raises(CheckError, match=r"'tidy' of broken: OSError: no licence"):
        find_check("tidy", beside=tmp_path)


def test_names_that_packages_bring_are_among_the_known_ones(bring, tmp_path):
    bring("another", "neat = another:tidy")
    with pytest.raises(CheckError, match=r"no check 'meat'; known: .*\bneat\b.*"):
        find_check("meat", beside=tmp_path)
