"""Seeded faults: what the run-time audit and the checks afterwards have to catch."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from cosim.assembly import boxes, energy_books, laid
from cosim.audit import Auditor
from cosim.boxes.box import silent
from cosim.boxes.grid import GridSim
from cosim.boxes.meters import MetersSim
from cosim.boxes.recorder import LISTS, SCALARS
from cosim.boxes.world import prepared
from cosim.plant import plant
from market.delivery.ledger import Ledger
from results.checks import run_checks
from results.invariants import InvariantViolated
from results.reading import Record
from results.recording import TickRecorder
from scenarios.load import load_scenario

SINCE = 100
"""Tick from which a seeded fault acts."""


class LateMeter(MetersSim):
    """Feeds one peer's meter the power of the tick before."""

    def __init__(self, peer):
        super().__init__()
        self.peer, self.before, self.first_wrong = peer, {}, None

    def advance(self, time, inputs):
        given = inputs.get("meters", {})
        tick = self._clock.tick(time)
        if "P[MW]" not in given or not self._clock.is_physics(time):
            return super().advance(time, inputs)
        now = {source: np.copy(p_mw) for source, p_mw in given["P[MW]"].items()}
        fed = {source: np.copy(p_mw) for source, p_mw in now.items()}
        if tick >= SINCE:
            for source, p_mw in fed.items():
                p_mw[self.peer] = self.before[source][self.peer]
            off_mw = sum(fed[source] - now[source] for source in now)[self.peer]
            if self.first_wrong is None and abs(off_mw) > 1e-7:
                self.first_wrong = tick
        self.before = now
        return super().advance(time, {**inputs, "meters": {**given, "P[MW]": fed}})


class WattTooMuch(GridSim):
    """Says that the network took one watt more at one bus than it did."""

    def __init__(self, bus):
        super().__init__()
        self.bus = bus

    def advance(self, time, inputs):
        upcoming = super().advance(time, inputs)
        if self._clock.tick(time) >= SINCE and self._clock.is_physics(time):
            told_mw = np.copy(self.values["grid"]["bus P[MW]"])
            told_mw[self.bus] += 1e-6
            self.values["grid"]["bus P[MW]"] = told_mw
        return upcoming


class LossesTooSmall(GridSim):
    """Says that the lines lost one per cent less than they did."""

    def advance(self, time, inputs):
        upcoming = super().advance(time, inputs)
        if self._clock.is_physics(time):
            self.values["grid"]["losses[MW]"] *= 0.99
        return upcoming


class DriftingMismatch(GridSim):
    """Says that its solution misses the balance by more than is allowed."""

    def advance(self, time, inputs):
        upcoming = super().advance(time, inputs)
        if self._clock.tick(time) == SINCE:
            self.values["grid"]["mismatch[pu]"] = 2e-8
        return upcoming


@pytest.fixture(scope="module")
def resolved(write_village, tmp_path_factory):
    """A minute of the village, its device played by a model."""
    folder = tmp_path_factory.mktemp("minute")
    time = {"start": "2016-06-14T12:00:00+02:00", "duration": "1 min"}
    return load_scenario(write_village(folder, time=time, events=[]))


def play(resolved, folder, make_box=None):
    """Play a run as `run_scenario` does, with one box exchanged; give the auditor."""
    with Ledger(folder / "ledger.sqlite") as ledger:
        made = plant(resolved, ledger=ledger, log=silent)
        n_peers, live = len(made.names), made.live_buses()
        lists = {name: len(live) if name == "vm_pu" else n_peers for name in LISTS}
        auditor = Auditor(
            bus_names=made.grid.bus_names,
            peers=made.names,
            peer_bus=made.peer_bus,
            references=made.references(),
            dt_s=resolved.dt_s,
            books=lambda: energy_books(made, laid_out),
        )
        with TickRecorder(folder, scalars=[*SCALARS], lists=lists, metadata={}) as recorder:
            laid_out = dict(boxes(made, recorder=recorder, watch=auditor.see, log=silent))
            if make_box is not None:
                name, box = make_box(made)
                laid_out[name] = (box, laid_out[name][1])
            with prepared(laid_out, laid(made), made.clock) as go:
                go()
            auditor.close()
    return auditor


def test_a_run_without_a_fault_passes_the_audit_on_every_tick(resolved, tmp_path):
    assert play(resolved, tmp_path).ticks == 600


def test_a_meter_fed_the_last_ticks_power_is_caught_at_its_first_tick_and_bus(resolved, tmp_path):
    meters = []

    def late(made):
        meters.append(LateMeter(made.names.index("mill")))
        return "meters", meters[0]

    with pytest.raises(
        InvariantViolated, match=r"KV_1_4: the power flow used .* the meter"
    ) as told:
        play(resolved, tmp_path, late)

    assert SINCE <= told.value.tick == meters[0].first_wrong
    assert str(told.value).startswith(f"tick {told.value.tick}: ")


def test_the_audit_stops_a_run_while_it_runs(resolved, tmp_path):
    # By hand: 600 ticks are judged at 500 and at the end; the fault at 100 leaves no tick beyond
    # the 500th in the record.
    with pytest.raises(InvariantViolated):
        play(resolved, tmp_path, lambda made: ("grid", WattTooMuch(5)))

    assert Record(tmp_path).tick[-1] == 499


def test_one_watt_too_much_at_one_bus_is_caught_at_its_first_tick(resolved, tmp_path):
    named = []

    def tampered(made):
        bus = made.peer_bus[made.names.index("bakery")]
        named.append(made.grid.bus_names[bus])
        return "grid", WattTooMuch(bus)

    with pytest.raises(InvariantViolated) as told:
        play(resolved, tmp_path, tampered)

    assert told.value.tick == SINCE
    assert named == ["KV_3_2"]
    assert "KV_3_2: the power flow used" in str(told.value)


def test_losses_that_are_too_small_are_caught_by_the_energy_of_the_whole_run(resolved, tmp_path):
    with pytest.raises(InvariantViolated, match="kWh came from nowhere"):
        play(resolved, tmp_path, lambda _: ("grid", LossesTooSmall()))


def test_a_power_flow_that_misses_its_own_balance_is_caught(resolved, tmp_path):
    with pytest.raises(InvariantViolated, match=r"tick 100: nodal mismatch of 2e-08 p\.u\."):
        play(resolved, tmp_path, lambda _: ("grid", DriftingMismatch()))


@pytest.fixture
def copied(village, tmp_path):
    """A finished run to tamper with."""
    return shutil.copytree(village.folder, tmp_path / "run")


def judge(folder, *names):
    return {v.name: v for v in run_checks(folder, [(name, {}) for name in names], beside=folder)}


def test_the_untouched_run_passes(copied):
    assert judge(copied, "accounts_recomputed")["accounts_recomputed"].passed
    assert judge(copied, "ledger_verifies")["ledger_verifies"].passed


def test_one_cent_moved_between_two_accounts_is_caught_and_named(copied):
    table = pq.read_table(copied / "accounts.parquet")
    accounts = table["account"].to_pylist()
    balances = table["balance_ueur"].to_pylist()
    balances[accounts.index("peer:mill")] -= 10_000  # a cent in micro-euro
    balances[accounts.index("peer:bakery")] += 10_000
    place = table.column_names.index("balance_ueur")
    moved = table.set_column(place, table.field(place), [balances])
    pq.write_table(moved, copied / "accounts.parquet")

    found = judge(copied, "accounts_recomputed", "ledger_verifies")

    assert not found["accounts_recomputed"].passed
    assert abs(found["accounts_recomputed"].value) == 10_000
    assert "peer:bakery" in found["accounts_recomputed"].worst
    assert not found["ledger_verifies"].passed
    assert "peer:bakery" in found["ledger_verifies"].worst


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_a_flipped_byte_in_a_ledger_entry_is_caught(copied, place):
    # The name of an account inside an entry; SQLite itself does not notice.
    file = copied / "ledger.sqlite"
    content = bytearray(file.read_bytes())
    found = [at for at in range(len(content)) if content.startswith(b"peer:", at)]
    at = {"first": found[0], "middle": found[len(found) // 2], "last": found[-1]}[place]
    content[at + len(b"peer:")] ^= 0x01
    file.write_bytes(content)

    verdict = judge(copied, "ledger_verifies")["ledger_verifies"]

    assert not verdict.passed
    assert verdict.worst.startswith("entry ")
