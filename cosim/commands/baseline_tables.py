"""Prints a baseline as tables."""

from rich.console import Console
from rich.table import Table

from results.baseline import Baseline

__all__ = ["print_baseline"]

LINES = 20


def print_baseline(baseline: Baseline, title: str) -> None:
    """Print what a baseline expects."""
    console, made = Console(), baseline.made
    console.print(
        f"{title}: {baseline.scenario}, seed {made.seed}, {made.ticks} ticks of {made.tick_s:g} s, "
        f"Peerwatt {made.peerwatt}, {made.processor or 'unnamed processor'}"
        f"{', portable' if made.portable else ''}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for table in (_metrics(baseline), _series(baseline), _facts(baseline), _lines(baseline)):
        if table.row_count:
            console.print(table)


def _table(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numbers else "left")
    return table


def _metrics(baseline: Baseline) -> Table:
    table = _table(
        "\nkey figures", "name", "value", "tolerance", "unit", numbers=("value", "tolerance")
    )
    for name, figure in baseline.metrics.items():
        value = "–" if figure.value is None else f"{figure.value:.6g}"
        table.add_row(name, value, _tolerance(figure.tolerance), figure.unit)
    return table


def _series(baseline: Baseline) -> Table:
    table = _table(
        "\nsignals",
        *("name", "samples", "lowest", "highest", "tolerance", "unit"),
        numbers=("samples", "lowest", "highest", "tolerance"),
    )
    for name, series in baseline.series.items():
        known = [value for value in series.values if value is not None]
        ends = [f"{end:.6g}" for end in (min(known), max(known))] if known else ["–", "–"]
        told = str(len(series.values)), *ends, _tolerance(series.tolerance), series.unit
        table.add_row(name, *told)
    return table


def _facts(baseline: Baseline) -> Table:
    table = _table("\nexactly", "what", "name", "value", numbers=("value",))
    for name, found in baseline.checks.items():
        table.add_row("check", name, found)
    for name, count in baseline.fates.items():
        table.add_row("contracts", name, str(count))
    for name, balance in baseline.money_ueur.items():
        table.add_row("money [µ€]", name, str(balance))
    return table


def _lines(baseline: Baseline) -> Table:
    listing = baseline.trades if baseline.trades.count else baseline.bills
    what = "trades" if baseline.trades.count else "bills"
    table = _table(f"\n{what}: {listing.count}, {len(listing.lines)} of them in the file", "first")
    for line in listing.lines[:LINES]:
        table.add_row(line)
    if len(listing.lines) > LINES:
        table.add_row("...")
    return table


def _tolerance(tolerance: float | str) -> str:
    return tolerance if isinstance(tolerance, str) else f"{tolerance:g}"
