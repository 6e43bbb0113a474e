"""The operator's hand in a run: who is cut off, who is curtailed, and who pays for it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from cosim.cli import app
from cosim.run import run_scenario
from scenarios.faults import ScenarioError
from scenarios.load import load_scenario

SCENARIO = Path(__file__).parents[2] / "scenarios" / "operator.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    outcome = run_scenario(SCENARIO, out=tmp_path_factory.mktemp("runs"), report=False)
    assert outcome.passed
    return outcome.folder


def table(folder, name):
    return pd.read_parquet(folder / f"{name}.parquet")


def test_a_dead_branch_has_no_voltage_and_its_meters_stand_still(folder):
    ticks = table(folder, "ticks")
    during, after = ticks.iloc[2700], ticks.iloc[3600]

    assert (np.stack([during["vm_pu"]]) == 0).sum() > 8
    assert (np.stack([after["vm_pu"]]) > 0.9).all()
    before_kw, during_kw = np.stack(ticks["p_kw"])[[2699, 2700]]
    assert before_kw[0] > 1  # the barn fed in, and at once does no more
    assert during_kw[0] == 0


def test_the_light_turned_red_and_somebody_was_curtailed(folder):
    shown = table(folder, "operator")

    assert shown["light"].max() == 2
    assert shown["capped"].max() > 0
    assert shown["tap"].max() == 1
    limit = 25 + 1
    assert table(folder, "ticks")["loading_max_percent"].iloc[1000:2600].max() < limit


def test_the_operator_buys_what_it_kept_sellers_from_delivering(folder):
    rows, postings = table(folder, "curtailments"), table(folder, "postings")
    credited = rows["credited_milliwh"]
    bought = postings[postings["reason"] == "curtailed"]

    assert credited.sum() > 0
    assert (credited <= rows["curtailed_milliwh"]).all()
    # By hand: retail is 350 µ€/Wh, rounded once for each seller and period.
    paid = [(350 * mwh + 500) // 1000 for mwh in credited if mwh]
    assert bought["amount_ueur"].sum() == sum(paid)
    assert set(bought["debit"]) == {"dso"}


def test_each_meter_stands_in_its_rows(folder):
    rows, meters = table(folder, "rows"), table(folder, "meters")
    in_rows = rows.groupby(["period", "peer"])["energy_milliwh"].sum()
    metered = meters.set_index(["period", "peer"])["net_milliwh"]

    assert (metered.sub(in_rows, fill_value=0) == 0).all()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("line_1_3, state: open", "line_9_9, state: open", "line 'line_9_9'"),
        ("dead_band_pu: 0.014", "dead_band_pu: 0.01", "it would hunt"),
        ("trafo: 0,", "trafo: 7,", "transformer 7"),
        ("low_pu: 0.94, high_pu: 1.02", "low_pu: 0.99, high_pu: 1.02", "leaves no green"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, old, new, told):
    text = SCENARIO.read_text().replace("grids/", f"{SCENARIO.parent}/grids/")
    assert old in text
    (tmp_path / "wrong.yaml").write_text(text.replace(old, new))

    with pytest.raises(ScenarioError, match=told):
        load_scenario(tmp_path / "wrong.yaml")


@pytest.mark.soak
def test_hosting_finds_the_share_of_trade_that_a_fuse_stands(tmp_path):
    # The fuse melts at a share of 0.8, the default, and holds where nobody trades.
    text = SCENARIO.with_name("blown-fuse.yaml").read_text("utf-8")
    told = yaml.safe_load(text.replace("grids/", f"{SCENARIO.parent}/grids/"))
    told["checks"] = ["voltage_band", "compliant_party_whole"]
    (tmp_path / "fuse.yaml").write_text(yaml.safe_dump(told), "utf-8")

    asked = ["hosting", str(tmp_path / "fuse.yaml"), "--what", "traded", "--tolerance", "0.5"]
    outcome = CliRunner().invoke(app, asked)

    assert outcome.exit_code == 0, outcome.output
    found = float(outcome.stdout.split(":")[0])
    assert 0.4 < found < 0.8
