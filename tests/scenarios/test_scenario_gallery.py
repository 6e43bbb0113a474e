import json
import shutil
from pathlib import Path

import pandapower.networks as networks
import pytest

from models.grid.case import bus_names
from scenarios.document import read
from scenarios.gallery import SCHEMA_FILE, schema_text, shipped
from scenarios.load import load_scenario
from scenarios.network import NetworkError, outline

SHIPPED = [file for file, _ in shipped()]


def test_the_committed_schema_is_the_schema():
    assert SCHEMA_FILE.read_text("utf-8") == schema_text(), "write it anew: peerwatt schema"


def test_every_key_of_the_schema_says_what_it_means():
    schema = json.loads(schema_text())
    for model in [schema, *schema["$defs"].values()]:
        for name, field in model["properties"].items():
            told = "description" in field or "$ref" in field  # where a section speaks for itself
            assert told, f"{model['title']}.{name}"


def test_every_number_says_its_unit():
    units = {"kw": "kW", "kwh": "kWh", "kva": "kVA", "s": "s", "hz": "Hz", "pu": "p.u."}
    for model in json.loads(schema_text())["$defs"].values():
        for name, field in model["properties"].items():
            unit = units.get(name.rpartition("_")[2])
            if unit is not None and "_" in name and "per" not in name:
                assert field["description"].endswith(f"[{unit}]"), f"{model['title']}.{name}"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_shipped_scenarios_are_good_and_name_their_schema(file):
    first, *_ = file.read_text("utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=./scenario.schema.json"
    resolved = load_scenario(file)
    assert resolved.scenario.scenario == file.stem
    assert read(file)[0].plain()["about"]


def test_the_outline_of_a_file_is_what_pandapower_reads(tmp_path):
    village = outline("grids/kerber-village.json", SHIPPED[0].parent)
    assert (len(village.bus_names), len(village.load_buses)) == (116, 57)
    assert village.busbar == "main_busbar"


def test_buses_are_named_as_the_grid_names_them():
    assert outline("pandapower:case9", Path()).bus_names == bus_names(networks.case9())
    twins = networks.create_cigre_network_lv()
    assert outline("pandapower:create_cigre_network_lv", Path()).bus_names == bus_names(twins)


def test_networks_that_nobody_makes_are_refused(tmp_path):
    with pytest.raises(NetworkError, match=r"pandapower.networks has no function 'case_9'"):
        outline("pandapower:case_9", tmp_path)
    with pytest.raises(NetworkError, match="has no network of the code 'x'"):
        outline("simbench:x", tmp_path)


def test_json_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "a.json").write_text("{}")
    (tmp_path / "b.json").write_text("{")
    with pytest.raises(NetworkError, match="is JSON, but not a network of pandapower 3"):
        outline("a.json", tmp_path)
    with pytest.raises(NetworkError, match="is not JSON"):
        outline("b.json", tmp_path)


def test_merge_keys_and_aliases_are_read(tmp_path):
    shutil.copytree(SHIPPED[0].parent / "grids", tmp_path / "grids")
    text = (SHIPPED[0].parent / "village.yaml").read_text("utf-8")
    text = text.replace("time: {", "time: &clock {").replace(
        "lpd: {", "lpd: {<<: {capacity_kwh: 99}, "
    )
    text = text.replace(", capacity_kwh: 60, ", ", ").replace("}, capacity_kwh: 60,", "},")
    (tmp_path / "village.yaml").write_text(text, "utf-8")
    assert load_scenario(tmp_path / "village.yaml").peers[-1].battery_kwh == 99
