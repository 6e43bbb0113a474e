"""What can be wrong with an installation: versions, caches, devices, the clock, other people's
packages of our names."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OUR_PACKAGES = ("cosim", "scenarios", "hil", "market", "models", "results")
WORST_JITTER_S = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
    found : str
    good : bool
        False when a run would suffer from it.
    """

    what: str
    found: str
    good: bool = True

    def __str__(self) -> str:
        return f"{'ok  ' if self.good else 'WRONG'} {self.what}: {self.found}"


def strangers(root: Path | None = None) -> list[str]:
    """Say which of our package names belong to somebody else here.

    Parameters
    ----------
    root : Path, optional
        Where our packages lie; beside this one unless given.

    Returns
    -------
    list of str
        A sentence for each; empty when all is well.
    """
    ours = (root or Path(__file__).parent.parent).resolve()
    lines = []
    for name in OUR_PACKAGES:
        place = _place(name)
        if place is None:
            lines.append(f"the package {name!r} of peerwatt is missing; install peerwatt anew")
        elif place.parent != ours:
            lines.append(
                f"{name!r} is somebody else's package, in {place}, and peerwatt's lie in {ours}; "
                "use an environment of its own for peerwatt, and start it by the command peerwatt"
            )
    return lines


def _place(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
    if not places:
        return None
    found = Path(places[0]).resolve()
    return found.parent if spec.origin else found


def examine() -> Iterator[Finding]:
    """Look at everything, one after the other."""
    yield from _versions()
    yield _packages()
    yield _numba_cache()
    yield _visa()
    yield _clock()


def _versions() -> Iterator[Finding]:
    from .provenance import versions

    for name, version in versions().items():
        yield Finding(name, version)


def _packages() -> Finding:
    foreign = strangers()
    return Finding("package names", "; ".join(foreign) or "all six are peerwatt's", not foreign)


def _numba_cache() -> Finding:
    """Find out whether compiled kernels can be kept; without, every run compiles them again."""
    wanted = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(wanted) if wanted else Path(__file__).parent.parent / "models"
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Finding("numba cache", f"kernels are kept in {folder}")
    except OSError as error:
        reason = (error.strerror or "cannot be written").lower()
        text = f"{folder}: {reason}; set NUMBA_CACHE_DIR to a folder that can be written"
        return Finding("numba cache", text, good=False)


def _visa() -> Finding:
    """Talk to an emulated inverter through pyvisa, as a run does."""
    from hil.emulated_bench import EmulatedBench
    from hil.errors import BenchError
    from models.inverter import InverterParams

    params = InverterParams(p_rated_kw=5.0, s_kva=5.0)
    try:
        with EmulatedBench({"probe": params}) as bench:
            began_s = time.perf_counter()
            bench.inverters["probe"].limit_power(2.5)
            took_ms = 1e3 * (time.perf_counter() - began_s)
    except (BenchError, OSError) as error:
        return Finding("VISA back-end @py", f"no answer on loopback: {error}", good=False)
    return Finding("VISA back-end @py", f"an emulated inverter answers, {took_ms:.1f} ms")


def _clock(naps: int = 50, nap_s: float = 0.002) -> Finding:
    """Measure by how much short sleeps are late."""
    late_s = []
    for _ in range(naps):
        due_s = time.perf_counter() + nap_s
        time.sleep(nap_s)
        late_s.append(time.perf_counter() - due_s)
    worst_s = max(late_s)
    text = f"sleeps end {1e3 * sorted(late_s)[naps // 2]:.2f} ms late, {1e3 * worst_s:.2f} at worst"
    return Finding("clock", text, good=worst_s < WORST_JITTER_S)
