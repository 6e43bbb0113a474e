"""docs/hil-safety.md: every end of a run has a test there, and numbers are the code's."""

import re
from inspect import signature
from pathlib import Path

import pytest

from hil.realtime.live import RealTimeExchange
from hil.safety import energised, guardian, interlock, limits, safe_state
from hil.safety.guarded import guarded
from hil.safety.heart import BLIND_S

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/hil-safety.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize("row", ROWS)
def test_every_end_names_what_makes_it_safe_when_and_a_test_that_exists(row):
    *said, test = (cell.strip() for cell in row.strip("|").split("|"))
    assert len(said) == 3
    assert all(said)
    path, name = re.fullmatch(r"`(tests/[\w/]+\.py)::(test_\w+)`", test).groups()
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text("utf-8"), flags=re.MULTILINE)


def test_times_on_the_page_are_those_of_the_code():
    default = {name: given.default for name, given in signature(guarded).parameters.items()}
    quiet_s = signature(RealTimeExchange).parameters["quiet_s"].default
    for sentence in (
        f"| {quiet_s:g} s without a tick |",
        f"| {default['hung_after_s']:g} s without a beat",
        f"after {default['run_hung_after_s']:g} s the guardian kills the run",
        f"it is tried for {default['safe_within_s']:g} s",
        f"{energised.END_S:g} s for a silent device",
        f"a tick; {BLIND_S:g} s when it hangs",
        f"waits for the one before it at most {safe_state.STAGE_S:g} s",
        f"gives the others {guardian.GRACE_S:g} s",
        f"asked every {interlock.POLL_S:g} s",
        f"{interlock.POLL_S:g} s; {interlock.UNREAD * interlock.POLL_S:.1f} s unread",
        f"below it {limits.SETTLING_S:g} s after",
        f"none larger than what it covers in {limits.RAMP_STEP_S:g} s",
    ):
        assert sentence in PAGE, sentence


def test_the_order_on_the_page_is_the_codes():
    words = {
        "inverter": "inverters", "storage": "stores", "pv-simulator": "PV simulators",
        "load": "loads", "grid-simulator": "grid simulators", "analyser": "analysers",
    }  # fmt: skip
    stages = re.findall(r"^\d\. \*\*(.+?)\*\*", PAGE, flags=re.MULTILINE)
    assert len(stages) == len(safe_state.STAGES)
    for stage, roles in zip(stages, safe_state.STAGES, strict=True):
        assert all(words[role] in stage for role in roles)
