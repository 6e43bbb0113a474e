"""Job scripts for SLURM: an array whose tasks play a part of the points each, and a last job.

The folder of the sweep has to lie where all nodes see it; so has the scenario.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import join, quote

__all__ = ["write_scripts"]

_ARRAY = """\
#!/bin/sh
#SBATCH --job-name={name}
#SBATCH --array=1-{parts}
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --output={out}/slurm-%a.log
# Give each task more cores with sbatch --cpus-per-task=N; memory is about 0.6 GB per core.
exec {peerwatt} sweep --resume --out {out} --quiet \\
  --only "$SLURM_ARRAY_TASK_ID/{parts}" --workers "${{SLURM_CPUS_PER_TASK:-1}}"
"""

_COLLECT = """\
#!/bin/sh
#SBATCH --job-name={name}-collect
#SBATCH --ntasks=1
#SBATCH --output={out}/slurm-collect.log
exec {peerwatt} sweep --resume --out {out} --collect
"""


def write_scripts(out: Path, name: str, parts: int) -> list[str]:
    """Write `sweep.slurm` and `collect.slurm` into a sweep's folder.

    Returns
    -------
    list of str
        The commands that hand them in, the second waiting for the first.
    """
    folder = out.resolve()
    said = {"name": name, "parts": parts, "out": quote(str(folder)), "peerwatt": _peerwatt()}
    array, collect = folder / "sweep.slurm", folder / "collect.slurm"
    array.write_text(_ARRAY.format(**said), "utf-8")
    collect.write_text(_COLLECT.format(**said), "utf-8")
    job = f"$(sbatch --parsable {quote(str(array))})"
    return [f"sbatch --dependency=afterany:{job} {quote(str(collect))}"]


def _peerwatt() -> str:
    """This installation's command, wherever the job's PATH leads."""
    beside = Path(sys.executable).with_name("peerwatt")
    if beside.exists():
        return quote(str(beside))
    return join([sys.executable, "-c", "from cosim.cli import main; main()"])
