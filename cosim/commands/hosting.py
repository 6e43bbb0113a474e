"""`peerwatt hosting`: how much PV, or how much trade, a feeder carries before a check fails."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from scenarios.overrides import Override
    from scenarios.schema import Scenario

    from ..sweeps.find import Found

What = Literal["pv", "traded"]


def hosting(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="Scenario, a YAML file.")],
    what: Annotated[
        str,
        typer.Option(
            help="pv: share of each group's peers that have PV; traded: share of the energy at "
            "hand that peers offer and ask for."
        ),
    ] = "pv",
    tolerance: Annotated[float, typer.Option(min=0.001, max=0.5, help="How finely. [1]")] = 0.05,
    seeds: Annotated[int, typer.Option(min=1, help="Draws of who has what.")] = 1,
) -> None:
    """Find the largest share of PV, or of traded energy, for which all checks hold.

    Every share is played with the scenario's own seed and those after it. Exit codes: 0 something
    was found, 1 the checks fail already without any, 2 the input is wrong, 3 a run broke.
    """
    from scenarios.faults import ScenarioError
    from scenarios.load import load_scenario

    from ..run import RunBroken

    try:
        loaded = load_scenario(scenario)
        paths = shares(loaded.scenario, what)
    except (ScenarioError, ValueError) as error:
        typer.echo(str(error), err=True)
        raise SystemExit(2) from None
    drawn = [loaded.seed + more for more in range(seeds)]
    try:
        found = capacity(scenario, what, paths, drawn, tolerance)
    except RunBroken as error:
        typer.echo(f"the run broke: {error}", err=True)
        raise SystemExit(3) from None
    for line in found.told(drawn):
        typer.echo(line)
    raise SystemExit(0 if found.good else 1)


def shares(scenario: Scenario, what: str) -> list[str]:
    """Where a scenario says how large the share is.

    Raises
    ------
    ValueError
        Nothing of it is there to be varied.
    """
    if what == "traded":
        return ["market.bids.share"]
    if what != "pv":
        raise ValueError(f"--what {what}: no such share; known: pv, traded")
    paths = [
        f"peers[{index}].pv.share"
        for index, peer in enumerate(scenario.peers)
        if hasattr(peer, "each") and peer.pv is not None
    ]
    if not paths:
        raise ValueError("no group of peers (each: load) has pv, so there is no share to vary")
    return paths


def capacity(
    scenario: Path, what: str, paths: list[str], seeds: list[int], tolerance: float
) -> Found:
    """Search for the largest share, playing every run into a folder that is thrown away.

    Parameters
    ----------
    scenario : Path
    what : str
        What is varied, for the telling.
    paths : list of str
        Values that are all set to the share.
    seeds : list of int
    tolerance : float
        How finely. [1]
    """
    from ..sweeps.find import Question, find

    def evaluate(values: list[float]) -> list[list[bool]]:
        return [[_holds(scenario, paths, value, seed) for seed in seeds] for value in values]

    question = Question(f"share of {what}", 0.0, 1.0, tolerance=tolerance)
    return find(question, lambda values: evaluate(list(values)))


def _holds(scenario: Path, paths: list[str], value: float, seed: int) -> bool:
    """Whether all checks hold; a power flow that finds no voltages is a violation, too."""
    from models.grid.power_flow import PowerFlowDiverged
    from scenarios.overrides import parse_override

    from ..run import RunBroken, run_scenario

    overrides: list[Override] = [parse_override(f"{path}={value:g}") for path in paths]
    with tempfile.TemporaryDirectory(prefix="peerwatt-hosting-") as folder:
        try:
            outcome = run_scenario(
                scenario, out=Path(folder), seed=seed, overrides=overrides, report=False
            )
        except RunBroken as broken:
            if isinstance(broken.__cause__, PowerFlowDiverged):
                return False
            raise
    typer.echo(f"  {value:.0%} (seed {seed}): {'holds' if outcome.passed else 'fails'}", err=True)
    return bool(outcome.passed)
