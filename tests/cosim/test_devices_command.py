"""`peerwatt devices` tells what is there, and never shows a traceback."""

import json
import socket
from pathlib import Path

from typer.testing import CliRunner

import scenarios
from cosim.cli import app

EMULATED = Path(scenarios.__file__).parents[1] / "stations" / "emulated.yaml"
LONELY = """\
station: lonely
devices:
  roof:
    role: inverter
    address: TCPIP0::127.0.0.1::{port}::SOCKET
    serial_number: SN1
    plays: mill
    p_rated_kw: 5
"""


def call(*words, **env):
    return CliRunner().invoke(app, ["devices", *map(str, words)], env=env)


def test_every_emulated_device_answers_with_its_name():
    told = call(EMULATED, "--json")
    assert told.exit_code == 0
    devices = json.loads(told.stdout)["devices"]
    assert [one["name"] for one in devices] == [
        "mill-inverter",
        "mill-grid",
        "mill-pv",
        "mill-analyser",
    ]
    assert all(one["identity"]["serial"] == one["name"] and not one["amiss"] for one in devices)


def test_a_device_that_is_not_there_is_told_in_a_line(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        file = tmp_path / "lonely.yaml"
        file.write_text(LONELY.format(port=nobody.getsockname()[1]), "utf-8")
        told = call(file, PEERWATT_STATE=str(tmp_path / "state"))
    assert told.exit_code == 1
    assert "    AMISS: " in told.stdout
    assert told.stdout.endswith("0 of 1 devices are there and are the ones expected\n")


def test_a_wrong_station_is_told_by_its_lines(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("station: x\ndevices: {}\n", "utf-8")
    told = call(file)
    assert told.exit_code == 2
    assert told.stderr.startswith(f"{file}:2:10: devices: ")


def test_settings_that_no_emulator_has_are_told_in_a_line(tmp_path):
    file = tmp_path / "odd.yaml"
    text = "station: x\ndevices:\n  roof: {role: inverter, plays: mill, p_rated_kw: 5, "
    file.write_text(text + "emulated: {colour: red}}\n", "utf-8")
    told = call(file)
    assert (told.exit_code, "colour" in told.stderr) == (2, True)


def test_without_a_station_it_lists_what_visa_sees():
    told = call("--json")
    assert told.exit_code == 0
    assert "resources" in json.loads(told.stdout)
