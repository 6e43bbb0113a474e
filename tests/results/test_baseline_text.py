"""The text of a baseline: what is written is read back, and what somebody mistypes is named."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from results.baseline_lines import Line, read_line
from results.baseline_place import BaselineError, baseline_file, scenario_of, was_edited
from results.baseline_text import (
    Baseline,
    Figure,
    Listing,
    Made,
    Series,
    baseline_text,
    read_baseline,
    within,
    write_baseline,
)
from results.folder import write_json

GOOD = Baseline(
    format=1,
    scenario="street",
    made=Made(seed=3, ticks=120, tick_s=1.0),
    checks={"voltage_band": "holds"},
    money_ueur={"peer:anna": -5},
    metrics={"energy_kwh": Figure(value=1.5, unit="kWh", tolerance=0.01)},
    series={"frequency": Series(unit="Hz", tolerance="2 %", values=[50.0, None])},
)

number = st.floats(allow_nan=False)
text = st.text(max_size=12)


@given(text, st.dictionaries(text, st.integers(-(10**12), 10**12)), number, st.lists(text))
def test_whatever_names_and_numbers_there_are_one_text_gives_them_back(name, money, value, lines):
    told = GOOD.model_copy(
        update={
            "scenario": name,
            "money_ueur": money,
            "metrics": {name: Figure(value=value, unit=name, tolerance=abs(value))},
            "trades": Listing(count=len(lines), energy_wh=1, agreed="0", outcome="1", lines=lines),
        }
        if lines
        else {"scenario": name, "money_ueur": money}
    )
    written = baseline_text(told)
    assert Baseline.model_validate(yaml.safe_load(written)) == told
    assert baseline_text(told) == written


def test_every_value_stands_on_a_line_of_its_own_in_one_order():
    lines = [line for line in baseline_text(GOOD).splitlines() if not line.startswith("#")]
    assert lines[-10:] == [
        "    unit: kWh",
        "    tolerance: 0.01",
        "series:",
        "  frequency:",
        "    unit: Hz",
        '    tolerance: "2 %"',
        "    values:",
        "      - 50",
        "      - null",
        "bits: {}",
    ]


def test_a_baseline_is_no_scenario_to_pytest(tmp_path):
    from cosim.pytest_plugin import is_scenario

    write_baseline(GOOD, tmp_path / "street.baseline.yaml")
    assert not is_scenario(tmp_path / "street.baseline.yaml")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("tolerance: 0.01", "tolerance: wide", "metrics.energy_kwh.tolerance: expected a number, "),
        ("tolerance: 0.01", "tolerance: -1", "metrics.energy_kwh.tolerance: expected a number, "),
        ("tolerance: 0.01", "tolerance: yes", "metrics.energy_kwh.tolerance: expected a number, "),
        ("format: 1", "format: 2", "format: input should be 1; got 2"),
        ("seed: 3", "seed: 3\n  colour: red", "made.colour: extra inputs are not permitted"),
        ("  peer:anna: -5", "  peer:anna: [", "street.baseline.yaml:"),
        ("format: 1", "", "format: field required"),
    ],
)
def test_a_baseline_at_fault_says_where(tmp_path, old, new, told):
    file = tmp_path / "street.baseline.yaml"
    file.write_text(baseline_text(GOOD).replace(old, new, 1), "utf-8")
    with pytest.raises(BaselineError) as caught:
        read_baseline(file)
    assert str(caught.value).startswith(str(file))
    assert told in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\xfe\x00", b"just words"])
def test_what_is_no_baseline_is_refused_in_words(tmp_path, content):
    file = tmp_path / "street.baseline.yaml"
    file.write_bytes(content)
    with pytest.raises(BaselineError, match=r"street\.baseline\.yaml"):
        read_baseline(file)


@pytest.mark.parametrize(
    ("old", "new", "tolerance", "same"),
    [
        (50.0, 50.002, 0.002, True),  # the edge, which floats miss by their last bits
        (50.0, 50.00201, 0.002, False),
        (1.0215, 1.0210, 0.0005, True),
        (200.0, 204.0, "2 %", True),
        (-200.0, -204.1, "2 %", False),
        (0.0, 1e-12, "50 %", False),
        (3.0, math.nextafter(3.0, 4), 0.0, False),
        (None, None, 0.0, True),
        (None, 0.0, 1e9, False),
        (math.nan, 1.0, 1e9, False),
        (math.inf, math.inf, 0.0, True),
        (1.0, math.inf, 5.0, False),
    ],
)
def test_how_far_a_value_may_be_off(old, new, tolerance, same):
    assert within(old, new, tolerance) is same


@given(
    st.integers(0, 9), st.text("ab →:", min_size=1).filter(lambda n: n == n.strip()), st.integers()
)
def test_a_line_is_read_back_whatever_the_names(period, who, price):
    line = Line(period, who, f"328 Wh {price} ticks", "delivered", "328.000")
    assert read_line(str(line)) == line


def test_the_scenario_of_a_run_is_found_by_its_command_and_its_content(tmp_path, monkeypatch):
    import hashlib

    run, near, far = tmp_path / "run", tmp_path / "near", tmp_path / "far"
    for folder in (run, near / "scenarios", far):
        folder.mkdir(parents=True)
    (far / "street.yaml").write_text("scenario: street\n")
    read = hashlib.sha256(b"scenario: street\n").hexdigest()
    command = f"peerwatt run '{far / 'street.yaml'}' --seed 3"
    write_json(run / "manifest.json", {"command": command, "hashes": {"street.yaml": read}})
    monkeypatch.chdir(near)
    assert scenario_of(run) == far / "street.yaml"
    assert baseline_file(scenario_of(run)).name == "street.baseline.yaml"
    # A namesake nearer by is another scenario, unless it is all there is.
    (near / "scenarios/street.yaml").write_text("scenario: other\n")
    assert scenario_of(run) == far / "street.yaml"
    (far / "street.yaml").unlink()
    assert scenario_of(run).name == "street.yaml"
    assert was_edited(run, scenario_of(run))
    (near / "scenarios/street.yaml").unlink()
    with pytest.raises(BaselineError, match=r"street\.yaml is not found from here; give the"):
        scenario_of(run)
