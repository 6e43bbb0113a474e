"""Several machines against ANDES 2, whose curves `tools/andes_frequency.py` wrote."""

import json
from pathlib import Path
from runpy import run_path

import numpy as np
import pytest

from models.frequency.area_parameters import Area, Tie
from models.frequency.areas import AreaFrequency
from models.frequency.parameters import Generator

ROOT = Path(__file__).parents[2]
CURVES = json.loads((ROOT / "tests/models/data/andes_frequency.json").read_text("utf-8"))


TOOL = run_path(str(ROOT / "tools" / "andes_frequency.py"))


def machines():
    return [
        Generator(
            name=f"machine{at}",
            s_kva=m["s_mva"] * 1e3,
            inertia_s=m["h_s"],
            p_max_kw=m["s_mva"] * 1e3,
            p_set_kw=m["p_mw"] * 1e3,
            droop_pu=m["r"],
            governor_lag_s=m["t1"],
            turbine_lead_s=m["t2"],
            turbine_lag_s=m["t3"],
        )
        for at, m in enumerate(TOOL["MACHINES"])
    ]


def played(model, loads_kw, step_kw, ticks):
    before, after = np.array(loads_kw, dtype=float), np.array(loads_kw, dtype=float)
    after[-1] += step_kw
    assert np.allclose(model.step(before).f_end_hz, 50, atol=1e-9)
    return np.array([model.step(after).f_end_hz - 50 for _ in range(ticks)]).T


def test_machines_on_a_strong_network_swing_as_the_one_area_within_two_millihertz():
    # The network is lossless and the load of constant power, as the one-area model has it;
    # compared is the centre of inertia, that of 200 MVA at 4 s and 100 MVA at 3 s.
    area = Area(name="all", units=tuple(machines()), load_percent_per_hz=0)
    model = AreaFrequency([area], dt_s=0.1, load_kw={"all": 180e3})
    curve = CURVES["strong"]
    ours = played(model, [180e3], 15e3, len(curve["t_s"]))[0]
    theirs = np.array([800, 300]) / 1100 @ np.array(curve["deviation_hz"])
    assert np.abs(ours - theirs).max() < 2e-3
    assert theirs.min() < -0.2


def test_machines_across_a_weak_line_swing_apart_as_areas_on_a_tie_within_two_millihertz():
    first, second = machines()
    areas = [
        Area(name="one", units=(first,), load_percent_per_hz=0),
        Area(name="two", units=(second,), load_percent_per_hz=0),
    ]
    curve = CURVES["weak"]
    reactance_pu = curve["x_pu"] + TOOL["XD1"] * (100 / 200 + 100 / 100)
    tie = Tie(
        name="tie",
        start="one",
        end="two",
        p_max_kw=100e3 / reactance_pu,
        p_set_kw=1e3 * curve["flow_mw"],
    )
    model = AreaFrequency(areas, [tie], dt_s=0.1, load_kw={"one": 100e3, "two": 80e3})
    ours = played(model, [100e3, 80e3], 15e3, len(curve["t_s"]))
    theirs = np.array(curve["deviation_hz"])
    assert np.abs(theirs[0] - theirs[1]).max() > 0.05
    assert np.abs(ours - theirs).max() < 2e-3


@pytest.mark.soak
@pytest.mark.parametrize("case", ["strong", "weak"])
def test_the_stored_curves_are_what_andes_computes(case):
    pytest.importorskip("andes")
    again = TOOL["computed"](CURVES[case]["x_pu"])
    assert np.abs(np.array(again["deviation_hz"]) - CURVES[case]["deviation_hz"]).max() < 1e-5
