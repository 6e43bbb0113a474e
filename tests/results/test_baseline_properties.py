"""Whatever number of a run moves further than its tolerance is found and named, and no other."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.baseline import accept, check, read_baseline
from results.baseline_figures import DIGITS, TOLERANCES
from results.baseline_text import write_baseline
from results.folder import Manifest, write_json
from results.recording import TickRecorder
from results.tables import write_table

PEERS, BUSES, TICKS = ("anna", "ben", "carl"), ("busbar", "home"), 120
METRICS = {"energy_kwh": (3.25, "kWh"), "voltage_lowest_pu": (0.98, "p.u."), "trip_s": (1.5, "s")}
CONTRACTS = [
    (0, "carl", "anna", 328, 153),
    (0, "carl", "ben", 40, 153),
    (1, "ben", "anna", 17, 160),
    (1, "carl", "anna", 300, 160),
]
ACCOUNTS = {"peer:anna": -70_000, "peer:ben": 20_000, "dso": 50_000}


def record(
    folder: Path,
    *,
    metrics=METRICS,
    contracts=CONTRACTS,
    delivered=(0, 0, 0, 0),
    accounts=ACCOUNTS,
    added=None,
    machine="one",
    overrides=(),
    status="finished",
):
    """Record two minutes of a street; `added` is put on top of a column in half a window."""
    folder.mkdir(parents=True)
    told = {
        "scenario": "street",
        "start": "2016-06-14T12:00:00+02:00",
        "ticks_per_period": 60,
        "seed": 3,
        "overrides": list(overrides),
        "versions": {"peerwatt": "0.1.0"},
        "machine": {"processor": machine, "architecture": "x", "portable": False},
    }
    manifest = Manifest(folder, told)
    _record_ticks(folder, added or {})
    rows = [
        {
            "contract_id": i,
            "period": period,
            "seller": seller,
            "buyer": buyer,
            "energy_wh": energy,
            "price_ticks": price,
            "fee_ticks": 0,
            "delivered_milliwh": 1000 * energy - less,
            "fate": "short" if less > 5000 else "delivered",
        }
        for i, ((period, seller, buyer, energy, price), less) in enumerate(
            zip(contracts, delivered, strict=True)
        )
    ]
    write_table(folder, "contracts", rows)
    rows = [{"account": k, "role": "peer", "balance_ueur": v} for k, v in accounts.items()]
    write_table(folder, "accounts", rows)
    figures = {
        key: {"label": key, "value": value, "unit": unit, "note": ""}
        for key, (value, unit) in metrics.items()
    }
    write_json(folder / "verdict.json", {"checks": [], "metrics": figures})
    manifest.end(status)
    return folder


def _record_ticks(folder, added):
    t = np.arange(TICKS)
    scalars = {"f_hz": 50 + 0.01 * np.sin(t / 9), "p_boundary_kw": 3 + np.cos(t / 7)}
    vm = np.stack([np.full(TICKS, 1.01), 1 - 0.01 * np.cos(t / 7)], axis=1)
    for column, (rows, by) in added.items():
        if column == "vm_pu":
            vm[rows] += by
        else:
            scalars[column][rows] += by
    metadata = {"buses": json.dumps(BUSES), "peers": json.dumps(PEERS), "dt_s": "1"}
    with TickRecorder(
        folder,
        scalars=list(scalars),
        lists={"vm_pu": 2},
        metadata={**metadata, "start": "2016-06-14T12:00:00+02:00"},
    ) as recorder:
        whole = np.stack(list(scalars.values()), axis=1)
        for tick in range(TICKS):
            recorder.write(tick, whole[tick], {"vm_pu": vm[tick]})


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("street")
    file = folder / "street.baseline.yaml"
    accept(record(folder / "run"), file)
    return file


def held(file, **changes):
    with TemporaryDirectory() as folder:
        return check(record(Path(folder) / "run", **changes), file)


def test_the_same_run_again_is_as_expected(baseline):
    found = held(baseline)
    assert found.same
    assert found.notes == []


@settings(max_examples=20)
@given(st.sampled_from(sorted(METRICS)), st.floats(-3, 3).filter(lambda x: abs(abs(x) - 1) > 1e-6))
def test_a_key_figure_is_found_beyond_its_tolerance_and_only_there(baseline, key, tolerances):
    value, unit = METRICS[key]
    by = tolerances * (TOLERANCES.get(unit) or 1e-6)
    found = held(baseline, metrics=METRICS | {key: (value + by, unit)})
    beyond = abs(by) > TOLERANCES.get(unit, 0.0) and abs(by) > 1e-8
    named = [line for line in found.differences if line.startswith(f"{key}: ")]
    if abs(by) > 1e-8 or by == 0:  # figures are kept to nine digits
        assert (len(named) == 1) == beyond
    assert len(found.differences) == len(named)


SAMPLED = {
    "f_hz": ("Hz", ["frequency_lowest", "frequency_highest"]),
    "p_boundary_kw": ("kW", ["boundary_power"]),
    "vm_pu": ("p.u.", ["voltage_lowest", "voltage_highest"]),
}


@settings(max_examples=20)
@given(st.sampled_from(sorted(SAMPLED)), st.integers(0, 59), st.integers(-150, 150))
def test_a_signal_is_found_where_it_leaves_its_band(baseline, column, window, steps):
    # Two ticks are one of the sixty windows; all of it moves, so every kind of sample does.
    unit, names = SAMPLED[column]
    step = 10.0 ** -DIGITS[unit]
    found = held(baseline, added={column: (slice(2 * window, 2 * window + 2), steps * step)})
    minute, second = divmod(2 * window, 60)
    if abs(steps * step) > TOLERANCES[unit] * (1 + 1e-6) + step:
        assert [line.partition(" ")[0] for line in found.differences] == sorted(names)
        assert f"first at 12:{minute:02}:{second:02}: " in found.differences[0]
        assert "1 of 60 samples" in found.differences[0]
    elif abs(steps * step) < TOLERANCES[unit] * (1 - 1e-6) - step:
        assert found.same
    assert any(column in note for note in found.notes) == (steps != 0)


@settings(max_examples=20)
@given(st.integers(0, 3), st.sampled_from([3, 4]), st.integers(-10, 10).filter(bool), st.booleans())
def test_any_trade_that_changes_is_the_first_that_is_named(baseline, which, field, by, machine):
    contracts = [list(one) for one in CONTRACTS]
    contracts[which][field] += by
    found = held(
        baseline, contracts=[tuple(c) for c in contracts], machine="other" if machine else "one"
    )
    period, seller, buyer, energy, price = CONTRACTS[which]
    now = contracts[which]
    assert found.differences[0] == (
        f"first trade that changed: period {period} (12:0{period}), {seller}→{buyer}: "
        f"{energy} Wh {price} ticks → {now[3]} Wh {now[4]} ticks"
    )


@settings(max_examples=20)
@given(st.integers(0, 3), st.integers(1, 12_000))
def test_any_milliwatt_hour_that_is_not_delivered_is_named(baseline, which, less):
    delivered = [0, 0, 0, 0]
    delivered[which] = less
    found = held(baseline, delivered=delivered)
    period, seller, buyer, energy, _ = CONTRACTS[which]
    fate = "short" if less > 5000 else "delivered"
    assert found.differences[0] == (
        f"first delivery that changed: period {period} (12:0{period}), {seller}→{buyer}: "
        f"delivered {energy}.000 Wh → {fate} {energy - less / 1000:.3f} Wh"
    )


@settings(max_examples=20)
@given(st.sampled_from(sorted(ACCOUNTS)), st.integers(-3000, 3000), st.booleans())
def test_money_is_exact_here_and_has_a_tolerance_on_another_processor(baseline, who, by, here):
    found = held(
        baseline, accounts=ACCOUNTS | {who: ACCOUNTS[who] + by}, machine="one" if here else "other"
    )
    assert found.same == (by == 0 if here else abs(by) <= 1000)
    if not found.same:
        assert found.differences == [
            f"money of {who}: {ACCOUNTS[who]} → {ACCOUNTS[who] + by} µ€ ({by:+d})"
        ]


def test_contracts_that_come_and_go_are_named(baseline):
    gone = held(baseline, contracts=CONTRACTS[1:], delivered=[0] * 3)
    assert gone.differences[0].endswith("period 0 (12:00), carl→anna: 328 Wh 153 ticks, is no more")
    assert "trades: 4 → 3, energy 685 → 357 Wh" in gone.differences
    more = [*CONTRACTS, (1, "ben", "carl", 5, 160)]
    new = held(baseline, contracts=more, delivered=[0] * 5)
    assert new.differences[0].endswith("period 1 (12:01), ben→carl: 5 Wh 160 ticks, is new")


def test_what_an_earlier_period_delivers_is_told_before_what_a_later_one_trades(baseline):
    contracts = [*CONTRACTS[:3], (1, "carl", "anna", 301, 160)]
    found = held(baseline, contracts=contracts, delivered=[9000, 0, 0, 0])
    kinds = [line.partition(":")[0] for line in found.differences[:2]]
    assert kinds == ["first delivery that changed", "first trade that changed"]


def test_of_a_long_list_the_rest_is_held_by_its_hash(tmp_path):
    many = [(period, "carl", "anna", 10, 100 + i) for period in range(2) for i in range(1500)]
    zeros = [0] * len(many)
    file = tmp_path / "street.baseline.yaml"
    accept(record(tmp_path / "run", contracts=many, delivered=zeros), file)
    kept = read_baseline(file)
    assert (kept.trades.count, len(kept.trades.lines)) == (3000, 2000)
    assert held(file, contracts=many, delivered=zeros).same
    last = [*many[:-1], (1, "carl", "anna", 11, 1599)]
    found = held(file, contracts=last, delivered=zeros)
    assert found.differences[0] == (
        "first trade that changed: after the first 2000, which are the same"
    )
    first = [(0, "carl", "anna", 9, 100), *many[1:]]
    assert (
        "10 Wh 100 ticks → 9 Wh 100 ticks"
        in (held(file, contracts=first, delivered=zeros).differences[0])
    )
    assert held(file, contracts=many, delivered=[*zeros[:-1], 10]).differences[0] == (
        "first delivery that changed: after the first 2000, which are the same"
    )


def test_a_tolerance_that_somebody_edits_holds_and_survives(tmp_path):
    file = tmp_path / "street.baseline.yaml"
    accept(record(tmp_path / "run"), file)
    moved = {"metrics": METRICS | {"energy_kwh": (3.50, "kWh")}}
    assert not held(file, **moved).same
    text = file.read_text("utf-8")
    edited = text.replace(
        "    unit: kWh\n    tolerance: 0.01", "    unit: kWh\n    tolerance: 10 %"
    )
    assert edited != text
    file.write_text(edited, "utf-8")
    assert held(file, **moved).same
    made, changed = accept(record(tmp_path / "next", **moved), file)
    assert changed
    assert made.metrics["energy_kwh"].tolerance == "10 %"
    assert made.metrics["energy_kwh"].value == 3.5
    assert read_baseline(file) == made
    assert not write_baseline(made, file)


def test_bits_count_when_asked_for_and_only_on_one_type_of_processor(baseline, tmp_path):
    from results.baseline import BaselineError

    moved = record(tmp_path / "a", added={"f_hz": (slice(5, 6), 1e-9)})
    assert check(moved, baseline).notes == ["not bit for bit the same: f_hz"]
    assert check(moved, baseline, exact=True).differences == ["not bit for bit the same: f_hz"]
    elsewhere = record(tmp_path / "b", machine="other")
    assert "this run from other" in check(elsewhere, baseline).notes[-1]
    with pytest.raises(BaselineError, match="only on one type of processor"):
        check(elsewhere, baseline, exact=True)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"status": "interrupted"}, "the run is interrupted; expected one that finished"),
        ({"overrides": ["a=1"]}, "made with --set a=1; expected a run of the scenario as it"),
    ],
)
def test_unfit_runs_are_refused(baseline, tmp_path, how, told):
    from results.baseline import BaselineError

    run = record(tmp_path / "run", **how)
    with pytest.raises(BaselineError, match=told):
        check(run, baseline)
    with pytest.raises(BaselineError, match=told):
        accept(run, tmp_path / "new.baseline.yaml")
    assert not (tmp_path / "new.baseline.yaml").exists()
