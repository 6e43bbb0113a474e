"""What a scenario is expected to give, kept beside it as a small text file under version control.

Exact by default is what is exact: contracts, what became of them, money. Key figures and signals
have tolerances, which whoever keeps the file edits.
"""

from pathlib import Path

from .baseline_check import Held, hold_against
from .baseline_figures import measure
from .baseline_place import BaselineError, baseline_file, is_run, scenario_of, was_edited
from .baseline_text import Baseline, read_baseline, write_baseline
from .compare_record import CompareError, OpenedRun, open_run

__all__ = [
    "Baseline",
    "BaselineError",
    "Held",
    "accept",
    "baseline_file",
    "check",
    "is_run",
    "read_baseline",
    "scenario_of",
    "was_edited",
]


def accept(run: Path, file: Path) -> tuple[Baseline, bool]:
    """Make a run the baseline of its scenario; tolerances of an earlier one are kept.

    Parameters
    ----------
    run : Path
        Folder of a run that came to its end.
    file : Path
        The baseline's file, as `baseline_file` gives it.

    Returns
    -------
    Baseline
    bool
        Whether the file changed.

    Raises
    ------
    BaselineError
        The run is unfit, or the earlier baseline cannot be read; nothing was written.
    """
    old = read_baseline(file) if file.exists() else None
    made = measure(_opened(run), old)
    return made, write_baseline(made, file)


def check(run: Path, file: Path, *, exact: bool = False, page: Path | None = None) -> Held:
    """Hold a run against a baseline.

    Parameters
    ----------
    run : Path
        Folder of a run that came to its end.
    file : Path
        The baseline's file.
    exact : bool
        Signals have to be the same to the last bit.
    page : Path, optional
        Where an HTML page with the curves of both is written if they differ.

    Raises
    ------
    BaselineError
        There is no baseline, it is at fault, or the run is unfit.
    """
    old, opened = read_baseline(file), _opened(run)
    new = measure(opened)
    try:
        held = hold_against(old, new, opened, exact=exact)
    except BaselineError as error:
        raise BaselineError(f"{file}: {error}") from None
    if page is not None and not held.same:
        from .report_compare_baseline import write_baseline_page

        write_baseline_page(old, new, held, opened, file, page)
    return held


def _opened(run: Path) -> OpenedRun:
    try:
        return open_run(run)
    except CompareError as error:
        raise BaselineError(str(error)) from None
