"""Print a name for a cache of compiled kernels: the kind of CPU, and a hash of what was compiled.

A cache with this name was made of the same sources by the same compiler for the same CPU, so that
nothing in it has to be compiled again.
"""

import hashlib
import os
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from llvmlite import binding


def main() -> None:
    """Print the name."""
    cpu = os.environ.get("NUMBA_CPU_NAME") or binding.get_host_cpu_name()
    digest = hashlib.sha256(binding.get_host_cpu_features().flatten().encode())
    for package in ("numba", "llvmlite"):
        digest.update(version(package).encode())
    for folder in ("market", "models"):
        spec = find_spec(folder)
        if spec is None or spec.origin is None:
            raise SystemExit("Peerwatt is not installed here")
        for source in sorted(Path(spec.origin).parent.rglob("_kernels*.py")):
            digest.update(source.read_bytes())
    print(f"{cpu}-{digest.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
