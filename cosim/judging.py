"""What a run is judged by: the checks that its scenario asks for, and those that every run has to
pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.asked_checks import named_checks

if TYPE_CHECKING:
    from results.folder import Status
    from results.metrics import Metric
    from results.verdict import Verdict

ALWAYS = (
    "all_contracts_settled",
    "accounts_recomputed",
    "tokens_balance",
    "ledger_verifies",
    "energy_balance",
)
"""Checks that every run has to pass, whatever its scenario asks for."""

Asked = tuple[str, Mapping[str, Any]]


def checks_of(asked: Iterable[str | Mapping[str, Any]]) -> list[Asked]:
    """List what is checked, with options: what is asked for, then what every run has to pass.

    Parameters
    ----------
    asked : iterable of str or mapping
        A scenario's `checks`: names, or one name with its options.
    """
    named = named_checks(asked)
    known = {name for name, _ in named}
    return named + [(name, {}) for name in ALWAYS if name not in known]


def judge(
    folder: Path, asked: list[Asked], *, status: Status, name: str, beside: Path
) -> tuple[bool, list[Verdict], list[Metric]]:
    """Check the tables of a run, and write its verdict and its JUnit file.

    Returns
    -------
    passed : bool
        It came to its end and every check holds.
    verdicts : list of Verdict
        None of a run that did not come to its end.
    metrics : list of Metric
    """
    from results.checks import run_checks
    from results.metrics import key_figures
    from results.reading import Record
    from results.verdict import write_verdict

    verdicts = run_checks(folder, asked, beside=beside) if status == "finished" else []
    metrics = key_figures(Record(folder))
    passed = write_verdict(folder, verdicts, metrics, status=status, name=name)
    return passed, verdicts, metrics
