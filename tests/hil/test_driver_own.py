"""A user's driver from its file, the conformance suite, and the page about both."""

import shutil
from pathlib import Path

import pytest

import hil.drivers.template
from hil.conformance import Conformance
from hil.drivers.channels import Channels
from hil.drivers.dialects_page import dialects_table
from hil.drivers.opening import open_device
from hil.emulated_bench import EmulatedStation
from hil.station import Limits, Station, StationDevice

ROOT = Path(__file__).parents[2]


def device(**given):
    return StationDevice(
        **{
            "name": "roof",
            "role": "inverter",
            "driver": "scpi-inverter",
            "emulated": {},
            "p_rated_kw": 5.0,
            "s_rated_kva": 5.0,
            "limits": Limits(p_max_kw=5.0),
            "timeout_s": 0.5,
            "revert_s": 0.4,
            **given,
        }
    )


@pytest.fixture(scope="module")
def address():
    with EmulatedStation(Station(name="s", file=Path("s.yaml"), devices=(device(),))) as bench:
        yield bench.addresses["roof"]


def verdicts(one, address):
    steps = Conformance(one, lambda: open_device(one, address)).run()
    return {step.name: (step.verdict, step.because) for step in steps}


@pytest.mark.parametrize("driver", ["scpi", pytest.param("scpi-inverter", marks=pytest.mark.soak)])
def test_our_drivers_conform_on_our_emulator(address, driver):
    found = verdicts(device(driver=driver), address)
    assert {name for name, (verdict, _) in found.items() if verdict != "passed"} == set()


def test_a_reversed_sign_is_found_before_it_closes_a_loop(address):
    found = verdicts(device(signs={"p": -1}, revert_s=None), address)
    assert found["sign of what flows"][0] == "failed"
    assert "turn its sign in the station file" in found["sign of what flows"][1]


def test_the_template_is_a_driver_as_it_stands(address, tmp_path):
    file = tmp_path / "my_inverter.py"
    shutil.copy(hil.drivers.template.__file__, file)
    found = verdicts(device(driver=f"{file}:MyInverter"), address)
    assert "failed" not in {verdict for verdict, _ in found.values()}
    assert found["takes set points and reads them back"][0] == "passed"


def test_a_real_device_is_not_energised_without_arming(address):
    found = verdicts(device(emulated=None), address)
    for name in ("takes set points and reads them back", "sign of what flows"):
        assert found[name] == ("not testable", "it would be energised: give --arm")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class Mine:\n    def measure(self): ...", r"limit_power\(self, p_kw\) is missing"),
        ("def Mine(): ...", "has no class 'Mine'; it has none"),
        ("import nothing_of_the_kind", "fails: ModuleNotFoundError"),
    ],
)
def test_a_driver_that_is_none_is_refused_with_what_it_lacks(tmp_path, code, said):
    file = tmp_path / "mine.py"
    file.write_text(code)
    with pytest.raises(ValueError, match=said):
        open_device(device(driver=f"{file}:Mine"), "nowhere")


def test_an_unknown_driver_names_those_that_there_are():
    with pytest.raises(ValueError, match="no driver 'scipy'; known: scpi, scpi-inverter"):
        open_device(device(driver="scipy"), "nowhere")


@pytest.mark.parametrize("signs", [{"p": 2}, {"x": 1}])
def test_a_sign_that_nobody_reads_is_refused(signs):
    with pytest.raises(ValueError, match="expected 1 or -1 of p, q, energy"):
        Channels(signs=signs)


def test_the_page_holds_the_shipped_tables():
    page = (ROOT / "docs" / "drivers.md").read_text()
    assert dialects_table() in page
