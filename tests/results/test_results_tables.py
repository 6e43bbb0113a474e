"""Small tables: their columns, their bytes, and what is refused."""

import pyarrow as pa
import pytest

from results.tables import SCHEMAS, TableError, read_table, write_table

METER = {"period": 0, "peer": "mill", "net_milliwh": 5, "shed_milliwh": 0}


def test_rows_come_back_as_written(tmp_path):
    write_table(tmp_path, "meters", [METER, {**METER, "peer": "lpd", "net_milliwh": -(2**40)}])

    rows = read_table(tmp_path, "meters").to_pylist()

    assert rows == [METER, {**METER, "peer": "lpd", "net_milliwh": -(2**40)}]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_an_empty_table_keeps_its_columns(tmp_path, name):
    write_table(tmp_path, name, [])

    assert read_table(tmp_path, name).schema == SCHEMAS[name]


def test_a_table_that_was_never_written_reads_as_empty(tmp_path):
    assert read_table(tmp_path, "contracts").to_pylist() == []


def test_nullable_columns_may_be_left_out_and_further_ones_follow(tmp_path):
    row = {"period": 1, "peer": "mill", "minted_milliwh": 7, "colour": "green"}
    write_table(tmp_path, "tokens", [row])

    table = read_table(tmp_path, "tokens")

    assert table.column_names[-1] == "colour"
    assert table["burned_milliwh"].to_pylist() == [None]
    assert table["minted_milliwh"].type == pa.int64()


def test_columns_give_the_same_bytes_as_rows(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    by_rows = write_table(tmp_path / "a", "meters", [METER, METER])
    by_columns = write_table(tmp_path / "b", "meters", {k: [v, v] for k, v in METER.items()})

    assert by_rows.read_bytes() == by_columns.read_bytes()


def test_a_missing_value_is_named_with_its_row(tmp_path):
    with pytest.raises(TableError, match="meters, row 1: net_milliwh is missing"):
        write_table(tmp_path, "meters", [METER, {"period": 0, "peer": "x", "shed_milliwh": 0}])
    assert not (tmp_path / "meters.parquet").exists()


def test_half_a_milliwatt_hour_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"meters, row 0: net_milliwh is 0\.5; expected int64"):
        write_table(tmp_path, "meters", [{**METER, "net_milliwh": 0.5}])


def test_a_table_of_ones_own_brings_its_schema(tmp_path):
    schema = pa.schema([("bus", pa.string()), ("vm_pu", pa.float64())])
    write_table(tmp_path, "worst", [{"bus": "b1", "vm_pu": 0.97}], schema=schema)

    assert read_table(tmp_path, "worst").to_pylist() == [{"bus": "b1", "vm_pu": 0.97}]
