"""The command `peerwatt compare`: where two runs part, and by how much."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from results.compare import Comparison

__all__ = ["compare"]

DIFFERENT = 1
WRONG_INPUT = 2

LINES = 12
"""Differences of one kind that are printed; the page has them all."""


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder of a run.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Folder of another run.")],
    out: Annotated[
        Path | None, typer.Option(help="The page to write, instead of compare.html in B.")
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no page.")] = False,
) -> None:
    """Compare two runs: where they part first, key figures, curves, settings.

    A page with the curves of both laid over each other is written when they differ, or when
    --out asks for it.

    Exit codes: 0 the same bit for bit, 1 different, 2 the input is wrong.
    """
    from results.compare import CompareError, compare_runs

    try:
        found = compare_runs(a, b)
    except CompareError as error:
        _refuse(str(error))
    for line in told(found):
        typer.echo(line)
    if not no_report and (out is not None or not found.same):
        from results.report_compare import write_comparison

        page = b / "compare.html" if out is None else out
        try:
            typer.echo(str(write_comparison(found, page)))
        except OSError as error:
            _refuse(f"{page}: cannot be written: {error.strerror}; give another file by --out")
    raise SystemExit(0 if found.same else DIFFERENT)


def told(found: "Comparison") -> list[str]:
    """Say a comparison line by line, what matters most first."""
    lines = ["the same"] if found.same else []
    if found.first is not None:
        lines.append(f"they part first at {found.first.told()}")
        if found.first.also:
            lines.append(f"  also then: {', '.join(found.first.also)}")
    lines += [*found.notes, *found.remarks]
    changed = [one for one in found.metrics if one.a != one.b]
    if changed:
        lines.append("key figures")
    for one in changed:
        by = "" if one.difference is None else f" ({one.difference:+.6g})"
        lines.append(f"  {one.key}: {_figure(one.a)} → {_figure(one.b)} {one.unit}".rstrip() + by)
    for heading, settings in (("settings", found.scenario), ("made by", found.making)):
        if settings:
            lines.append(heading)
        lines += [f"  {one.path}: {_cut(one.a)} → {_cut(one.b)}" for one in settings[:LINES]]
        if len(settings) > LINES:
            lines.append(f"  and {len(settings) - LINES} more")
    return lines


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.6g}"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _refuse(message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise SystemExit(WRONG_INPUT)
