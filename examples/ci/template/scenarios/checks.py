"""What this street has to keep to, beyond the known checks."""

from results.checks_physics import gap
from results.reading import Record
from results.verdict import Verdict


def import_below(record: Record, *, limit_kw: float) -> Verdict:
    """The street never draws more than this through its transformer."""
    if missing := gap(record, "p_boundary_kw"):
        return Verdict("import_below", False, missing, unit="kW")
    power_kw = record.scalar("p_boundary_kw")
    row = int(power_kw.argmax())
    worst = f"{power_kw[row]:.1f} kW at {record.clock(int(record.tick[row]))}"
    return Verdict("import_below", power_kw[row] <= limit_kw, worst, power_kw[row], limit_kw, "kW")
