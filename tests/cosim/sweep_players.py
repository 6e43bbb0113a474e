"""Points that answer at once, or take their worker with them; workers import this by its name."""

import os
import signal
import time
from pathlib import Path


def answer(task):
    """A record that follows from what was set alone."""
    values = dict(task.values)
    share = values.get("peers[3].pv.share", 0.5)
    passed = share + 0.001 * task.seed < 0.7
    return {
        "key": task.key,
        "status": "passed" if passed else "failed",
        "because": "" if passed else "voltage_band: too high",
        "checks": [{"name": "voltage_band", "passed": passed, "value": 1 + share / 10}],
        "metrics": {"energy_traded_kwh": 10 * share + task.seed, "contracts": 3.0},
        "series": {"at_s": [0.0, 1.0], "vm_max_pu": [1.0, 1 + share / 10]},
        "again": False,
        "wall_s": time.perf_counter(),
        "worker": str(os.getpid()),
    }


def _first_time(task):
    marker = Path(task.kept).parent / f"seen-{task.key}"
    seen = marker.exists()
    marker.touch()
    return not seen


def dies_at_seed_2_once(task):
    """Play as `answer`, but seed 2 takes its worker with it when it comes first."""
    if task.seed == 2 and _first_time(task):
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(task)


def dies_at_seed_2(task):
    """Play as `answer`, but seed 2 takes every worker with it."""
    if task.seed == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer(task)


def names_its_worker(task):
    """Say in the reason which process played it."""
    return answer(task) | {"because": str(os.getpid())}


def grows(task):
    """Use 40 MB more for good, and say in the reason which process played it."""
    grows.kept.append(bytearray(os.urandom(1024)) * 40_000)
    return names_its_worker(task)


grows.kept = []


def cannot_start():
    """What a worker does before its first point: it leaves."""
    os._exit(7)
