"""docs/fidelity.md: every row names a test that exists and that `make test` really runs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/fidelity.md"
AWAY = {"skip", "skipif", "xfail", "soak", "hardware"}
"""Marks with which a test does not count: it does not run, or may fail."""


def rows(text):
    """Cells of every row of the page's table."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell):
    return re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", cell)


def excused(tree, function):
    """Say what keeps a test function of this module from running, or None."""
    tops = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    found = [node for node in tops if node.name == function]
    if not found:
        return "there is no such test"
    marks = [
        node
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    parts = [*found[0].decorator_list, *(mark.value for mark in marks)]
    if away := AWAY & {name for part in parts for name in attributes(part)}:
        return f"it is marked {min(away)}"
    if called := {"skip", "importorskip", "xfail"} & {
        name for node in found[0].body for name in attributes(node)
    }:
        return f"it calls pytest.{min(called)}"
    return None


def attributes(tree):
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("row", rows(PAGE.read_text("utf-8")), ids=lambda row: row[0])
def test_every_row_names_a_test_that_runs(row):
    assert len(row) == 4
    assert all(row), "a cell is empty"
    tests = named(row[3])
    assert tests, f"{row[3]!r} names no test as `tests/…py::test_…`"
    for path, function in tests:
        assert function.startswith("test_")
        assert (ROOT / path).is_file(), f"there is no {path}"
        why = excused(ast.parse((ROOT / path).read_text("utf-8")), function)
        assert why is None, f"{path}::{function}: {why}"


def test_no_model_stands_there_twice():
    models = [row[0] for row in rows(PAGE.read_text("utf-8"))]
    assert len(models) > 10
    assert len(set(models)) == len(models)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def test_a(): pass", None),
        ("def test_b(): pass", "there is no such test"),
        ("@pytest.mark.soak\ndef test_a(): pass", "it is marked soak"),
        ("@pytest.mark.skipif(True, reason='')\ndef test_a(): pass", "it is marked skipif"),
        ("pytestmark = [pytest.mark.skip]\ndef test_a(): pass", "it is marked skip"),
        ("def test_a():\n    pytest.importorskip('andes')", "it calls pytest.importorskip"),
    ],
)
def test_a_test_that_is_put_aside_does_not_count(source, why):
    assert excused(ast.parse(source), "test_a") == why
