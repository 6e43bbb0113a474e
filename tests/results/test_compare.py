"""Two runs compared: where they part first, and what cannot be compared is said in words."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.compare import CompareError, compare_runs
from results.compare_settings import scenario_changes
from results.report_compare import write_comparison
from results.report_compare_svg import nice_steps
from results.tables import write_table


def edit_manifest(folder, **changes):
    told = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(told | changes), "utf-8")


def edit_table(folder, name, row, **changes):
    """Change values of one row."""
    table = pq.ParquetFile(folder / f"{name}.parquet").read()
    rows = table.to_pylist()
    rows[row] |= changes
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), folder / f"{name}.parquet")
    return rows[row]


def edit_ticks(folder, column, tick, place, by):
    """Add to a value of the tick table, which keeps its type."""
    table = pq.ParquetFile(folder / "ticks.parquet").read()
    at = table.column_names.index(column)
    kind = table.schema.field(column).type
    values = np.array(table[column].to_pylist())
    values[(tick, place) if values.ndim == 2 else tick] += by
    new = pa.array(list(values), type=kind)
    field = table.schema.field(column)
    pq.write_table(table.set_column(at, field, new), folder / "ticks.parquet")


def test_a_run_compared_with_itself_is_the_same(village):
    found = compare_runs(village, village)
    assert found.same
    assert found.first is None
    assert [found.notes, found.scenario, found.making, found.signals, found.tables] == [[]] * 5


def test_a_copy_written_anew_by_other_chunks_is_the_same(village, village_copy):
    copy = village_copy()
    table = pq.ParquetFile(copy / "ticks.parquet").read()
    pq.write_table(table, copy / "ticks.parquet", row_group_size=77, compression="none")
    assert (copy / "ticks.parquet").read_bytes() != (village / "ticks.parquet").read_bytes()
    assert compare_runs(village, copy).same


def test_another_price_is_found_at_the_gate_of_its_period(village, village_copy):
    copy = village_copy()
    rows = pq.ParquetFile(copy / "contracts.parquet").read().to_pylist()
    row = next(i for i, one in enumerate(rows) if one["period"] == 1)
    edit_table(copy, "contracts", row, price_ticks=999)
    first = compare_runs(village, copy).first
    # The gate of period 1 is a third of a period, 300 s, before its 900 s begin: 11:55.
    assert (first.tick, first.clock, first.what) == (600, "11:55:00", "contracts")
    assert (first.a, first.b) == ("price_ticks 200", "price_ticks 999")
    assert first.where == f"period 1, {rows[row]['seller']}, {rows[row]['buyer']}"


def test_a_delivery_is_found_at_the_end_of_its_period(village, village_copy):
    copy = village_copy()
    edit_table(copy, "contracts", 0, delivered_milliwh=1)
    first = compare_runs(village, copy).first
    assert (first.tick, first.what, first.b) == (900, "fates", "delivered_milliwh 1")


@settings(max_examples=8)
@given(
    st.sampled_from([("vm_pu", 41), ("p_kw", 21), ("f_hz", 1)]),
    st.integers(0, 3599),
    st.integers(0, 40),
    st.sampled_from([1e-4, -0.5, 3.0, np.nan]),
)
def test_any_change_of_any_signal_is_the_first_divergence(
    village, tmp_path_factory, what, t, i, by
):
    column, width = what
    copy = tmp_path_factory.mktemp("runs") / "copy"
    shutil.copytree(village, copy)
    edit_ticks(copy, column, t, i % width, by)
    found = compare_runs(village, copy)
    assert not found.same
    assert (found.first.tick, found.first.what) == (t, column)
    assert len(found.signals) == 1
    (change,) = found.signals
    assert change.tick == change.largest_tick == t
    assert change.place == found.a.names(column)[i % width] if width > 1 else change.place == ""
    assert change.largest == pytest.approx(by, rel=1e-2, nan_ok=True)


def test_causes_are_told_before_effects_and_trades_before_signals(village, village_copy):
    copy = village_copy()
    edit_ticks(copy, "vm_pu", 600, 5, 0.01)
    edit_ticks(copy, "pv_kw", 600, 19, 1.0)
    assert compare_runs(village, copy).first.what == "pv_kw"
    edit_table(copy, "periods", 1, price_ticks=1)
    first = compare_runs(village, copy).first
    assert first.what == "periods"
    assert first.also == ("pv_kw", "vm_pu")


def test_a_contract_that_only_one_has_is_told_whole(village, village_copy):
    copy = village_copy()
    rows = pq.ParquetFile(copy / "contracts.parquet").read().to_pylist()
    write_table(copy, "contracts", rows[1:])
    first = compare_runs(village, copy).first
    one = rows[0]
    assert first.a == (
        f"{one['seller']}→{one['buyer']} {one['energy_wh']} Wh at {one['price_ticks']} ticks"
    )
    assert first.b == "–"


def test_events_are_compared_and_a_later_one_is_not_blamed(village, village_copy):
    copy = village_copy()
    lines = (copy / "events.jsonl").read_text("utf-8").splitlines(keepends=True)
    (copy / "events.jsonl").write_text("".join(lines[1:]), "utf-8")
    first = compare_runs(village, copy).first
    assert (first.tick, first.what, first.b) == (2340, "events", "–")
    assert first.a == "trip: peer mill, device mill-inverter"


def test_settings_that_differ_are_named_by_path():
    def manifest(**scenario):
        return {"resolved": {"scenario": scenario, "peers": [{"name": "a", "x": len(scenario)}]}}

    one = manifest(market={"mechanism": "vcg"}, peers=[{"name": "mill", "pv": {"p_kwp": 5}}])
    other = manifest(market={"mechanism": "mcafee"}, peers=[{"name": "mill", "pv": None}])
    changes = [(c.path, c.a, c.b) for c in scenario_changes(one, other)]
    assert changes == [
        ("market.mechanism", "vcg", "mcafee"),
        ("peers.mill.pv.p_kwp", "5", "–"),
        ("peers.mill.pv", "–", "none"),
    ]
    # What was drawn is told only where the settings are the same.
    other = {"resolved": one["resolved"] | {"peers": [{"name": "a", "x": 7}]}}
    assert [c.path for c in scenario_changes(one, other)] == ["peers.a.x"]


def test_runs_of_unlike_length_peers_and_ticks_are_told_in_words(village, tmp_path, record_market):
    street = record_market(ticks={"p_kw": [[1.0, 0, 0, 0]] * 2})
    found = compare_runs(village, street)
    told = " ".join(found.notes)
    assert "signals were not compared tick by tick: their ticks are 1 s and 900 s long" in told
    assert "peers only in B: anna, ben, carl" in told
    assert "ticks recorded: 3600 in A, 2 in B" in told
    page = write_comparison(found, tmp_path / "page.html").read_text("utf-8")
    assert "Their ticks are" in page or "their ticks are" in page


def test_a_shorter_run_is_compared_as_far_as_it_goes(village, village_copy, tmp_path):
    copy = village_copy()
    table = pq.ParquetFile(copy / "ticks.parquet").read()
    pq.write_table(table.slice(0, 1000), copy / "ticks.parquet")
    found = compare_runs(village, copy)
    assert (found.first, found.signals, found.same) == (None, [], False)
    assert found.notes == ["ticks recorded: 3600 in A, 1000 in B"]


@pytest.mark.parametrize(
    "missing",
    ["contracts", "accounts", "periods", "settlement", "meters", "ticks", "covers", "orders"],
)
def test_whatever_table_is_missing_there_is_an_answer_and_a_page(
    village, village_copy, tmp_path, missing
):
    copy = village_copy()
    (copy / f"{missing}.parquet").unlink(missing_ok=True)
    for pair in ((village, copy), (copy, village), (copy, copy)):
        found = compare_runs(*pair)
        assert found.same == (pair[0] == pair[1] or missing == "orders")
        write_comparison(found, tmp_path / "page.html")


def test_a_run_without_contracts_is_compared_by_its_bills(record_market, tmp_path):
    bill = {"period": 0, "peer": "anna", "net_milliwh": -5, "inside_milliwh": 0}
    bill |= {"receives_ueur": -2, "status_quo_ueur": -2}
    price = {"period": 0, "name": "sell", "price_ticks": 136.5}
    one = record_market({"mechanism": "mid_market_rate"}, bills=[bill], rule_prices=[price])
    other = tmp_path / "other"
    shutil.copytree(one, other)
    assert compare_runs(one, other).same
    write_table(other, "bills", [bill | {"receives_ueur": -3}])
    write_table(other, "rule_prices", [price | {"price_ticks": 140.0}])
    found = compare_runs(one, other)
    assert (found.first.what, found.first.where) == ("bills", "period 0, anna")
    assert (found.first.a, found.first.b) == ("receives_ueur -2", "receives_ueur -3")
    page = write_comparison(found, tmp_path / "page.html").read_text("utf-8")
    assert "Price inside, sold" in page


def test_a_broken_run_and_an_interrupted_one_are_told(village, village_copy):
    copy = village_copy()
    edit_manifest(copy, status="broken")
    found = compare_runs(village, copy)
    assert found.notes == ["B: the run is broken"]
    assert [(c.path, c.a, c.b) for c in found.making] == [("status", "finished", "broken")]


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda f: shutil.rmtree(f), "is no folder; expected a folder with manifest.json"),
        (lambda f: (f / "manifest.json").unlink(), "holds no run; expected a folder with"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json: no JSON"),
        (lambda f: (f / "ticks.parquet").write_bytes(b"PAR1"), "ticks.parquet: cannot be read"),
        (lambda f: (f / "orders.parquet").write_bytes(b""), "orders.parquet: cannot be read"),
        (lambda f: (f / "events.jsonl").write_text("no\n"), "events.jsonl: no JSON"),
        (lambda f: (f / "verdict.json").write_text("[]"), "verdict.json"),
        (lambda f: (f / "manifest.json").write_text("[]"), "manifest.json"),
    ],
)
def test_what_is_no_run_is_refused_in_words(village, village_copy, spoil, told):
    copy = village_copy()
    spoil(copy)
    for pair in ((village, copy), (copy, village)):
        with pytest.raises(CompareError) as caught:
            compare_runs(*pair)
        assert told in str(caught.value)


def test_the_page_is_one_file_that_fetches_nothing_and_escapes_names(
    village, village_copy, tmp_path
):
    copy = village_copy()
    edit_ticks(copy, "vm_pu", 1500, 5, 0.02)
    edit_manifest(copy, scenario="<script>alert(1)</script>")
    text = write_comparison(compare_runs(village, copy), tmp_path / "c.html").read_text("utf-8")
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text
    assert "<script>alert" not in text
    assert "The same in both: " in text
    assert text.count('<svg class="overlay"') == 2  # the close-up, and the voltage of the hour


def test_times_and_values_along_the_axes_are_round():
    assert nice_steps(0.981, 1.043, 5) == [1.0, 1.02, 1.04]
    assert nice_steps(-7.3, 12.6, 4) == [-5.0, 0.0, 5.0, 10.0]
