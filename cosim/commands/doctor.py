"""What can be wrong with an installation: versions, caches, devices, the clock, other people's
packages of our names."""

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

OUR_PACKAGES = ("cosim", "scenarios", "hil", "market", "models", "results")
WORST_JITTER_S = 0.05
EXTRAS = {
    "dask": ("distributed", "sweeps over many machines"),
    "piqp": ("piqp", "another solver beside our own"),
    "postgres": ("psycopg", "a ledger in PostgreSQL"),
    "pv": ("pvlib", "PV modules under a weather"),
    "simbench": ("simbench", "SimBench's networks"),
    "sunspec": ("pysunspec2", "inverters that speak SunSpec Modbus"),
}
"""What may be installed beside: package, and what it is for."""


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
    ours = (root or Path(__file__).parents[2]).resolve()
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
    yield from _extras()
    yield _packages()
    yield _numba_cache()
    yield _visa()
    yield _clock()


def _versions() -> Iterator[Finding]:
    from ..provenance import versions

    for name, number in versions().items():
        yield Finding(name, number)


def _packages() -> Finding:
    foreign = strangers()
    return Finding("package names", "; ".join(foreign) or "all six are peerwatt's", not foreign)


def _numba_cache() -> Finding:
    """Find out whether compiled kernels can be kept; without, every run compiles them again."""
    wanted = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(wanted) if wanted else Path(__file__).parents[2] / "models"
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
    from models.inverters.inverter import InverterParams

    params = InverterParams(p_rated_kw=5.0, s_kva=5.0)
    try:
        with EmulatedBench({"probe": params}) as bench:
            began_s = time.perf_counter()
            bench.inverters["probe"].limit_power(2.5)
            took_ms = 1e3 * (time.perf_counter() - began_s)
    except (BenchError, OSError) as error:
        return Finding("VISA back-end @py", f"no answer on loopback: {error}", good=False)
    return Finding("VISA back-end @py", f"an emulated inverter answers, {took_ms:.1f} ms")


def _extras() -> Iterator[Finding]:
    """Say which extras are here; none is needed."""
    for extra, (package, brings) in EXTRAS.items():
        found = _version(package)
        told = f"{package} {found}" if found else f"not here: pip install 'peerwatt[{extra}]'"
        yield Finding(f"extra {extra}", f"{told}; {brings}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _clock(naps: int = 100, nap_s: float = 0.005) -> Finding:
    """Measure by how much this machine wakes whoever sleeps to a deadline too late."""
    from hil.realtime.lateness import timer_jitter

    jitter = timer_jitter(nap_s, naps)
    p50_ms, p99_ms = 1e-3 * jitter.quantile(0.5), 1e-3 * jitter.quantile(0.99)
    text = (
        f"the timer's jitter is {p50_ms:.2f} ms in the middle, {p99_ms:.2f} ms in 99 %, "
        f"{1e-3 * jitter.most_us:.2f} ms at worst; no tick in real time is better"
    )
    return Finding("clock", text, good=1e-6 * jitter.most_us < WORST_JITTER_S)
