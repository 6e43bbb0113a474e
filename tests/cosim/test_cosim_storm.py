"""What happens all at once: switching like a loose contact, every roof gone in one tick."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from cosim.run import RunBroken, run_scenario
from results.recording import read_ticks

SCENARIO = Path(__file__).parents[2] / "scenarios" / "operator.yaml"
FLICKER_S = [20 + 0.3 * number for number in range(6)]
"""A line opens and closes, every three ticks."""
TOGETHER_S = 40.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Play a minute of it, with nearly full and nearly empty stores."""
    told = yaml.safe_load(SCENARIO.read_text("utf-8"))
    told["grid"]["network"] = str(SCENARIO.parent / told["grid"]["network"])
    told["time"]["duration"] = "60 s"
    told["market"] = {"period": "30 s", "gate": "15 s"}
    battery = {"capacity_kwh": 0.9, "p_max_kw": 5, "soc_initial": [0.0, 1.0]}
    told["peers"][2] |= {"battery": battery, "pv": {"share": 1.0, "p_kwp": [3, 8]}}
    states = ["open", "closed"] * 3
    flicker = [
        {"at": f"{at:g} s", "line": "line_1_3", "state": state}
        for at, state in zip(FLICKER_S, states, strict=True)
    ]
    trips = [{"peer": name, "fault": "trip"} for name in ("barn", "depot")]
    cuts = [{"line": f"line_{n}_1", "state": "open"} for n in (1, 2, 3)]
    together = [{"at": f"{TOGETHER_S:g} s", **what} for what in (*trips, *cuts)]
    back = [{"at": "50 s", "line": f"line_{n}_1", "state": "closed"} for n in (1, 2, 3)]
    told |= {"events": [*flicker, *together, *back], "checks": []}
    file = tmp_path_factory.mktemp("storm") / "storm.yaml"
    file.write_text(yaml.safe_dump(told), "utf-8")
    outcome = run_scenario(file, out=file.parent, report=False)
    assert outcome.passed, outcome.verdicts
    return outcome.folder


def column(folder, name):
    return np.stack(pd.read_parquet(folder / "ticks.parquet")[name])


def test_no_number_is_missing_and_dead_peers_exchange_nothing(folder):
    for name in ("vm_pu", "p_kw", "load_kw", "pv_kw", "battery_kw", "soc"):
        assert np.isfinite(column(folder, name)).all(), name
    barn_kw = column(folder, "p_kw")[:, 0]
    for at, (opened, closed) in enumerate(zip(FLICKER_S[::2], FLICKER_S[1::2], strict=True)):
        dark = slice(round(10 * opened), round(10 * closed))
        assert (barn_kw[dark] == 0).all(), at


def test_what_trips_together_is_gone_together_and_stays_so(folder):
    pv_kw, at = column(folder, "pv_kw")[:, :2], round(10 * TOGETHER_S)

    assert pv_kw[at - 1, 1] > 1
    assert (pv_kw[at:] == 0).all()


def test_stores_stop_at_their_bounds(folder):
    soc = column(folder, "soc")[:, 2:-1]
    held = soc[:, soc[0] > 0]

    assert (held.min(), held.max()) == pytest.approx((0, 1), abs=0.02)
    assert (held >= 0).all()
    assert (held <= 1).all()


@pytest.mark.soak
def test_a_load_that_grows_to_the_collapse_is_solved_until_there_is_no_solution(
    write_village, tmp_path
):
    # Steps of 4 % a second; the voltage falls faster and faster, and never jumps to the lower
    # solution: the last that is told is on the upper branch, at half the voltage or more.
    grows = [
        {"at": f"{1 + n} s", "peer": "bakery", "load_scale": round(170 * 1.04**n, 3)}
        for n in range(20)
    ]
    minute = {"start": "2016-06-14T12:00:00+02:00", "duration": "1 min"}
    file = write_village(tmp_path, time=minute, events=grows)

    with pytest.raises(RunBroken, match="power flow diverged") as broken:
        run_scenario(file, out=tmp_path, report=False, model_devices=True)

    lowest_pu = np.stack(read_ticks(broken.value.folder)["vm_pu"].to_numpy())[15::10].min(axis=1)
    falls = -np.diff(lowest_pu)
    assert lowest_pu[-1] > 0.5
    assert falls[-1] > 3 * falls[0] > 0
    assert (falls > 0).all()
