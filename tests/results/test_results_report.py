"""The report: whole, self-contained, and true to extremes."""

import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.checks import run_checks
from results.metrics import key_figures
from results.reading import Record
from results.report import write_report
from results.report_data import bucket_extremes, bucket_reduce
from results.report_map import tree_layout
from results.report_story import story
from results.verdict import write_verdict

VOID = {"meta", "input", "link", "br", "hr", "img", "circle", "path"}


class Outline(HTMLParser):
    """Checks that elements close in order, and collects what loads from elsewhere."""

    def __init__(self):
        super().__init__()
        self.open, self.loads, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [v for k, v in attrs if k in ("src", "href", "data", "action")]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text.append(data)


@pytest.fixture(scope="module")
def reported(village, tmp_path_factory):
    folder = shutil.copytree(village, tmp_path_factory.mktemp("reported") / "run")
    record = Record(folder)
    verdicts = run_checks(folder, [("voltage_band", {}), ("delivered_share", {})], beside=folder)
    write_verdict(folder, verdicts, key_figures(record), status="finished", name="village")
    return write_report(folder)


def test_a_report_is_one_file_that_loads_nothing(reported):
    page = Outline()
    page.feed(reported.read_text(encoding="utf-8"))

    assert page.open == []
    assert page.loads == []
    assert reported.stat().st_size < 4_000_000


def test_a_report_tells_verdict_story_and_numbers(reported):
    page = Outline()
    page.feed(reported.read_text(encoding="utf-8"))
    text = re.sub(r"\s+", " ", " ".join(page.text))

    for expected in (
        "1 of 2 checks failed: delivered share.",
        "At 12:24:00 mill tripped.",
        "The shortfall was noticed after 4.0 s, and cover began 5.0 s after the trip.",
        "an input: the grid above sets it",
        "Delivered against contracted",
        "The sum is zero to the micro-euro: 0 µ€.",
        "peerwatt run scenarios/village.yaml",
    ):
        assert expected in text


def test_one_run_gives_one_story(reported):
    assert story(Record(reported.parent)) == story(Record(reported.parent))


def test_names_cannot_inject_markup(village_copy):
    folder = village_copy()
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace("Noon in", "<script>alert(1)</script>"))

    page = write_report(folder).read_text(encoding="utf-8")

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_a_killed_run_is_reported_as_far_as_it_came(village_copy):
    folder = village_copy()
    for name in ("contracts", "covers", "accounts", "periods", "meters", "tokens"):
        (folder / f"{name}.parquet").unlink()
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace('"finished"', '"running"'))

    page = write_report(folder).read_text(encoding="utf-8")

    assert "Not finished: running" in page
    assert "Nothing was traded." in page


def test_a_folder_without_a_record_gets_no_report(tmp_path):
    with pytest.raises(FileNotFoundError, match="no recorded tick"):
        write_report(tmp_path)


@given(st.integers(0, 2**32 - 1), st.integers(1, 5000), st.integers(1, 60))
def test_downsampling_keeps_every_extreme(seed, size, buckets):
    values = np.random.default_rng(seed).normal(size=size)

    rows = bucket_extremes(values, buckets)
    _, low = bucket_reduce(values, np.minimum, buckets)
    _, high = bucket_reduce(values, np.maximum, buckets)

    assert (np.diff(rows) > 0).all()
    assert {0, size - 1} <= set(rows.tolist())
    assert len(rows) <= max(2 * buckets + 2, size if size <= 2 * buckets else 0)
    assert (values[rows].min(), values[rows].max()) == (values.min(), values.max())
    assert (low.min(), high.max()) == (values.min(), values.max())


def test_a_feeder_is_laid_out_as_rows_with_stubs():
    # By hand: the longest way is row 0; what is one bus deep hangs beside it, side by side.
    lines = [("bar", "a1"), ("a1", "a2"), ("a1", "house"), ("a2", "a3"), ("bar", "b1")]

    places = tree_layout(["bar", "a1", "a2", "a3", "house", "b1"], lines)

    assert [places[name] for name in ("bar", "a1", "a2", "a3")] == [(0, 0), (1, 0), (2, 0), (3, 0)]
    assert (places["b1"], places["house"]) == ((0, 0.34), (1, -0.34))


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_every_bus_gets_a_place_of_its_own(seed, size):
    rng = np.random.default_rng(seed)
    names = [f"b{i}" for i in range(size)]
    lines = [(names[int(rng.integers(0, i))], names[i]) for i in range(1, size)]

    places = tree_layout(names, lines)

    assert set(places) == set(names)
    assert len(set(places.values())) == size
