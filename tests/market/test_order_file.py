"""Order files: what is read is what stands there, and every fault names its line and the remedy."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.order_file import OrderFileError, read_orders

HEAD = "peer,side,price_ticks,energy_wh\n"


@pytest.fixture
def written(tmp_path):
    """Write a file and give its name."""

    def write(text, name="orders.csv"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


def faults_of(file, **how):
    with pytest.raises(OrderFileError) as refused:
        read_orders(file, **how)
    return [str(fault).removeprefix(f"{file}:") for fault in refused.value.faults]


def test_a_file_is_read_with_everything_it_says(written):
    orders = read_orders(
        written(
            "order_id,peer,side,price_eur_per_kwh,energy_kwh,period,arrival,origin,zone,prefers,"
            "only_preferred,storage,curtailed,flexible,expiry,immediate\n"
            '7,anna,buy,0.351,1.5,3,40,,north,"pv:20;farm",true,,,yes,90,false\n'
            "5,farm,sell,-0.02,0.001,3,41,pv,south,,,no,TRUE,,,\n"
        )
    )
    assert orders.peers == ("anna", "farm")
    anna, farm = orders
    assert (anna.order_id, anna.side, anna.price_ticks, anna.energy_wh) == (7, "buy", 351, 1500)
    assert (farm.order_id, farm.side, farm.price_ticks, farm.energy_wh) == (5, "sell", -20, 1)
    assert (anna.period, anna.arrival, farm.arrival) == (3, 40, 41)
    assert anna.attributes == {
        "origin": None,
        "zone": "north",
        "prefers": (("pv", 20), ("farm", 0)),
        "only_preferred": True,
        "storage": None,
        "curtailed": None,
        "flexible": True,
        "expiry": 90,
        "immediate": False,
    }
    assert farm.attributes["storage"] is False
    assert farm.attributes["curtailed"] is True


def test_what_is_not_said_has_its_line_its_turn_and_period_0(written):
    orders = read_orders(written(HEAD + "b,buy,300,5\n\na,sell,100,5\n"))
    assert orders.order_id.tolist() == [2, 4]
    assert orders.arrival.tolist() == [0, 1]
    assert orders.periods == (0,)
    assert dict(orders.attributes) == {}


def test_a_column_of_ones_own_reaches_the_mechanism_as_text(written):
    orders = read_orders(
        written("peer,side,price_ticks,energy_wh,attribute:mood\na,buy,1,1,fine\n")
    )
    assert orders[0].attributes == {"mood": "fine"}


def test_a_file_without_orders_is_an_empty_book(written):
    assert len(read_orders(written(HEAD))) == 0


def test_parquet_says_the_same_as_csv(written, tmp_path):
    text = "peer,side,price_eur_per_kwh,energy_kwh,prefers,storage\na,buy,0.351,1.5,pv:20,\n"
    text += "b,sell,0.1,0.003,,true\n"
    columns = {
        "peer": ["a", "b"],
        "side": ["buy", "sell"],
        "price_eur_per_kwh": [0.351, 0.1],
        "energy_kwh": [1.5, 0.003],
        "prefers": ["pv:20", None],
        "storage": [None, True],
    }
    pq.write_table(pa.table(columns), tmp_path / "orders.parquet")
    from_csv, from_parquet = read_orders(written(text)), read_orders(tmp_path / "orders.parquet")
    assert from_parquet.price_ticks.tolist() == from_csv.price_ticks.tolist() == [351, 100]
    assert from_parquet.energy_wh.tolist() == from_csv.energy_wh.tolist() == [1500, 3]
    assert [o.attributes for o in from_parquet] == [o.attributes for o in from_csv]


def test_nan_in_parquet_names_its_row(tmp_path):
    columns = {"peer": ["a", "b"], "side": ["buy", "sell"], "energy_wh": [1, 2]}
    pq.write_table(pa.table(columns | {"price_ticks": [1.0, float("nan")]}), tmp_path / "o.parquet")
    assert faults_of(tmp_path / "o.parquet") == [
        "2: price_ticks: is 'nan'; expected a price in µ€/Wh"
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a,buy,nan,5", "price_ticks: is 'nan'; expected a price in µ€/Wh"),
        ("a,buy,cheap,5", "price_ticks: is 'cheap'; expected a price in µ€/Wh"),
        ("a,buy,,5", "price_ticks: is empty; expected a price in µ€/Wh"),
        (
            "a,buy,0.5,5",
            "price_ticks: 0.5 µ€/Wh is finer than a price tick; expected steps of 1 µ€/Wh",
        ),
        (
            "a,buy,1e10,5",
            "price_ticks: 1e10 µ€/Wh is beyond the tick range of ±1000000000 ticks of 1 µ€/Wh",
        ),
        ("a,buy,300,-5", "energy_wh: -5 Wh is not more than 0; drop the order or turn its side"),
        ("a,buy,300,0", "energy_wh: 0 Wh is not more than 0; drop the order or turn its side"),
        ("a,buy,300,1.5", "energy_wh: 1.5 Wh is finer than 1 Wh; expected whole Wh"),
        ("a,buy,300,inf", "energy_wh: is 'inf'; expected energy in Wh"),
        ("a,buy,300,1e30", "energy_wh: 1e30 Wh is more than int64 can sum; check its unit"),
        ("a,bid,300,5", "side: 'bid' is no side; expected buy or sell, energy is positive on both"),
        (",buy,300,5", "peer: is empty; expected a peer's name"),
        ("a,buy,300", "3 cells under 4 names; expected one for each"),
    ],
)
def test_a_wrong_cell_names_its_line_column_and_remedy(written, line, told):
    assert faults_of(written(HEAD + "b,sell,100,5\n" + line + "\n")) == [f"3: {told}"]


@pytest.mark.parametrize(
    ("column", "cell", "told"),
    [
        (
            "price_eur_per_kwh",
            "0.3505",
            "0.3505 €/kWh is finer than a price tick; expected steps of 0.001 €/kWh",
        ),
        ("energy_kwh", "0.0005", "0.0005 kWh is finer than 1 Wh; expected whole Wh"),
        ("storage", "maybe", "is 'maybe'; expected true or false"),
        ("expiry", "1.5", "is 1.5; expected a whole number below 2^62"),
        ("prefers", "pv:20;:3", "'pv:20;:3' names nobody in ':3'; expected as in pv:20;anna:35"),
        ("prefers", "pv:-1", "a premium of -1 µ€/Wh is negative; expected 0 or more"),
        ("period", "", "is empty; expected a whole number"),
    ],
)
def test_a_wrong_attribute_or_unit_does_too(written, column, cell, told):
    cells = {"peer": "a", "side": "buy", "price_ticks": "300", "energy_wh": "5"}
    cells.pop({"price_eur_per_kwh": "price_ticks", "energy_kwh": "energy_wh"}.get(column), None)
    cells[column] = cell
    text = f"{','.join(cells)}\n{','.join(cells.values())}\n"
    assert faults_of(written(text)) == [f"2: {column}: {told}"]


def test_all_faults_are_told_at_once_in_the_order_of_the_file(written):
    file = written("order_id,period," + HEAD + "1,4,a,buy,300,5\n1,2,b,ask,x,0\n2,4,c,sell,1,9\n")
    assert faults_of(file, open_from=3) == [
        "3: energy_wh: 0 Wh is not more than 0; drop the order or turn its side",
        "3: order_id: second order 1, the first is in line 2; number every order once",
        "3: period: the gate of period 2 has closed; drop the order or move it to period 3 or "
        "later",
        "3: price_ticks: is 'x'; expected a price in µ€/Wh",
        "3: side: 'ask' is no side; expected buy or sell, energy is positive on both",
    ]


def test_columns_that_are_missing_unknown_or_double_are_named(written):
    file = written("peer,sid,price_ticks,price_eur_per_kwh,energy_wh,only_prefered,colour\n")
    assert faults_of(file) == [
        "1: colour: no such column; a mechanism's own is attribute:colour",
        "1: only_prefered: no such column; is it only_preferred?",
        "1: price_ticks or price_eur_per_kwh: both price_ticks and price_eur_per_kwh are there; "
        "expected one of them",
        "1: sid: no such column; is it side?",
        "1: side: no such column",
    ]


def test_a_column_that_occurs_twice_is_named(written):
    file = written("peer,side,price_ticks,energy_wh,peer\na,buy,1,1,b\n")
    assert faults_of(file) == ["1: peer: the column occurs twice; keep one of them"]


def test_sums_beyond_int64_name_their_largest_order(written):
    file = written(HEAD + "a,buy,1000000000,5\na,buy,1000000000,4000000000000000000\n")
    (fault,) = faults_of(file)
    assert "order 3: the buy side adds up to 4e+27 µ€" in fault


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("gone.csv", None, "cannot be read (No such file or directory)"),
        ("latin.csv", "peer,süd\n".encode("latin-1"), "is no CSV in UTF-8"),
        ("fake.parquet", b"peer,side\n", "is no Parquet file"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path, name, content, told):
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(OrderFileError) as refused:
        read_orders(file)
    assert str(refused.value).startswith(f"{file}: {told}")


ROWS = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1),
        st.sampled_from(["buy", "sell"]),
        st.integers(-(10**9), 10**9),
        st.integers(1, 10**6),
    ),
    min_size=1,
    max_size=8,
)


@given(rows=ROWS)
def test_whatever_is_written_exactly_is_read_exactly(tmp_path_factory, rows):
    import csv

    file = tmp_path_factory.mktemp("orders") / "orders.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["peer", "side", "price_eur_per_kwh", "energy_kwh"])
        for peer, side, ticks, wh in rows:
            price = f"{'-' if ticks < 0 else ''}{abs(ticks) // 1000}.{abs(ticks) % 1000:03d}"
            writer.writerow([peer, side, price, f"{wh // 1000}.{wh % 1000:03d}"])
    orders = read_orders(file)
    assert [(o.peer, o.side, o.price_ticks, o.energy_wh) for o in orders] == rows
