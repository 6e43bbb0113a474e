"""Checks on how fast things went: from a call to its cover, and the clock of a real-time run."""

import json
from typing import Annotated, Any

from pydantic import Field

from .checks_physics import gap
from .reading import Record
from .verdict import Verdict

__all__ = ["real_time_lateness", "time_to_fallback"]

Seconds = Annotated[float, Field(ge=0)]


def time_to_fallback(
    record: Record,
    *,
    at_most_s: Seconds = 1.0,
    at_most_ticks: Annotated[int, Field(ge=0)] | None = None,
) -> Verdict:
    """Whoever stands in for a contract begins this soon after it was called.

    Notes
    -----
    `at_most_ticks` is taken in place of `at_most_s` where it is given. A contract that was called,
    for which nobody began, and whose energy the supplier had to add at settlement, fails. A run
    in which nothing had to be called holds; one without a market is a gap in the record.
    """
    name = "time_to_fallback"
    if missing := gap(record):
        return Verdict(name, False, missing, unit="s")
    if not record.table("periods").num_rows and not record.rows("bills"):
        return Verdict(name, False, "no market was recorded", unit="s")
    in_ticks = at_most_ticks is not None
    scale, unit = (1.0, "ticks") if in_ticks else (record.dt_s, "s")
    bound = float(at_most_ticks) if at_most_ticks is not None else at_most_s
    called = [row for row in record.rows("covers") if row["called_tick"] is not None]
    if left := _left_alone(record, called):
        return Verdict(name, False, left, None, bound, unit)
    if not called:
        return Verdict(name, True, "nothing had to be called", None, bound, unit)
    slowest = max(called, key=lambda row: int(row["start_tick"] - row["called_tick"]))
    value = (slowest["start_tick"] - slowest["called_tick"]) * scale
    worst = (
        f"{value:g} {unit} until {slowest['party']} ({slowest['kind']}) began for contract "
        f"{slowest['contract_id']}, called at {record.clock(slowest['called_tick'])}"
    )
    # Ticks are counted exactly; seconds carry the rounding of a tick's length.
    return Verdict(name, value <= bound * (1 + 1e-9), worst, float(value), bound, unit)


def _left_alone(record: Record, called: list[dict[str, Any]]) -> str:
    """Say for which contract nobody began although it was called; empty if there is none."""
    for row in called:
        if row["start_tick"] is None:
            return (
                f"{row['party']} ({row['kind']}) never began for contract {row['contract_id']}, "
                f"called at {record.clock(row['called_tick'])}"
            )
    answered = {row["contract_id"] for row in called}
    added = {row["contract_id"] for row in record.rows("covers") if row["called_tick"] is None}
    for row in record.rows("contracts"):
        number = row["contract_id"]
        if row["called_at_tick"] is not None and number in added - answered:
            at = record.clock(row["called_at_tick"])
            return f"nobody began for contract {number}, called at {at}"
    return ""


def real_time_lateness(
    record: Record, *, p99_s: Seconds = 0.002, at_most_s: Seconds = 0.1, required: bool = False
) -> Verdict:
    """In a real-time run, ticks begin when the clock says.

    Notes
    -----
    Judged is what `timing.json` has under `real_time`: `ticks` that were timed, `p99_s` and
    `max_s` by which they began late, and `worst_tick`. Without it the run was not one in real
    time, as the scenario may be played both ways: that holds and is said, unless `required`.
    Fewer ticks timed than played are a gap in the record.
    """
    name = "real_time_lateness"
    if missing := gap(record):
        return Verdict(name, False, missing, unit="s")
    timed = _timing(record).get("real_time")
    if timed is None:
        told = "not a real-time run"
        return Verdict(name, not required, told + " but one was required" * required, unit="s")
    lacking = sorted({"ticks", "p99_s", "max_s", "worst_tick"} - set(timed))
    if lacking:
        return Verdict(name, False, f"timing.json lacks real_time.{lacking[0]}", unit="s")
    if timed["ticks"] < record.tick.size:
        told = f"only {timed['ticks']} of {record.tick.size} ticks were timed"
        return Verdict(name, False, told, unit="s")
    worst = (
        f"{1e3 * timed['max_s']:.2f} ms late at {record.clock(timed['worst_tick'])}; "
        f"99 % of ticks within {1e3 * timed['p99_s']:.2f} ms"
    )
    if timed["p99_s"] > p99_s:
        return Verdict(name, False, worst, timed["p99_s"], p99_s, "s")
    return Verdict(name, timed["max_s"] <= at_most_s, worst, timed["max_s"], at_most_s, "s")


def _timing(record: Record) -> dict[str, Any]:
    path = record.folder / "timing.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found
