"""Check of hunting.yaml: whether the voltage at a bus goes to and fro, or stands."""

import numpy as np

from results.checks_physics import gap
from results.reading import Record
from results.verdict import Verdict

_LAST_S = 30.0


def swing(
    record: Record, *, bus: str, at_least_pu: float = 0.0, at_most_pu: float = 9.0
) -> Verdict:
    """The largest change of a bus's voltage within a tick, over the last half minute."""
    name = f"swing at {bus}"
    if missing := gap(record, "vm_pu"):
        return Verdict(name, False, missing, unit="p.u.")
    last = round(_LAST_S / record.dt_s)
    vm_pu = record.values("vm_pu")[-last:, record.names("vm_pu").index(bus)].astype(float)
    found = float(np.abs(np.diff(vm_pu)).max())
    passed = at_least_pu <= found <= at_most_pu
    bound = at_least_pu if at_least_pu > 0.0 else at_most_pu
    return Verdict(name, passed, f"{found:.5f} p.u. within a tick", found, bound, "p.u.")
