"""One scenario, one seed, one kind of machine: the same bytes, however it is played."""

import json
import os

import pytest

from cosim.run import run_scenario

NOT_COMPARED = {"manifest.json", "timing.json"}
"""Say when and where a run was made."""


def content(folder):
    """Everything that a run left which may not depend on when, where and how fast it ran."""
    files = {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name not in NOT_COMPARED
    }
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    return files | {"ledger": manifest["ledger"], "resolved": manifest["resolved"]}


def differing(one, other):
    assert one.keys() == other.keys()
    return {name for name in one if one[name] != other[name]}


def test_a_second_run_in_another_process_leaves_the_same_bytes(
    village, village_file, tmp_path, start_peerwatt
):
    # Other hashes of strings would reorder sets and so betray anything that iterates over one.
    words = ["run", str(village_file), "--out", "runs", "--no-report"]
    process = start_peerwatt(*words, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": "4711"})
    told, complaints = process.communicate(timeout=60)
    assert (process.returncode, complaints) == (0, "")
    (folder,) = (tmp_path / "runs").iterdir()

    assert "passed\n" in told
    assert differing(content(village.folder), content(folder)) == set()
    assert {"ticks.parquet", "ledger.sqlite", "events.jsonl"} <= content(folder).keys()


def test_another_seed_leaves_other_bytes(modelled_village, village_file, tmp_path):
    other = run_scenario(village_file, out=tmp_path, seed=8, model_devices=True, report=False)

    assert other.passed
    changed = differing(content(modelled_village.folder), content(other.folder))
    assert {"ticks.parquet", "orders.parquet", "meters.parquet", "ledger"} <= changed


@pytest.mark.parametrize("model_devices", [pytest.param(True, marks=pytest.mark.soak), False])
def test_boxes_one_by_one_in_mosaik_leave_the_same_bytes_as_in_a_bundle(
    village, modelled_village, village_file, tmp_path, model_devices
):
    bundled = modelled_village if model_devices else village
    alone = run_scenario(
        village_file, out=tmp_path, model_devices=model_devices, bundled=False, report=False
    )

    assert differing(content(bundled.folder), content(alone.folder)) == set()
