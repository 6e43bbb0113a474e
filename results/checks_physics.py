"""Checks on what the physics did: voltage, frequency, energy, loading."""

import numpy as np
import numpy.typing as npt

from .checks_options import agrees, rises
from .reading import Record
from .verdict import Verdict

__all__ = [
    "energy_balance",
    "frequency_band",
    "gap",
    "line_loading",
    "meters_match_ticks",
    "nadir",
    "rocof",
    "voltage_band",
]

Array = npt.NDArray[np.floating]


def gap(record: Record, *columns: str) -> str | None:
    """Say where the record has its first gap in these columns, or None if it has none.

    A gap is a column that was not recorded, a tick that is missing before the end of the
    run, or a value that is not a number.
    """
    for column in columns:
        if not record.has(column):
            return f"{column} was not recorded"
    tick = record.tick
    expected = np.arange(record.manifest.get("ticks", tick[-1] + 1 if tick.size else 1))
    if not np.array_equal(tick, expected):
        present = tick[: expected.size] == expected[: tick.size]
        first = int(np.argmin(np.append(present, False)))
        return f"the record has a gap at {record.clock(first)} (tick {first})"
    for column in columns:
        values = _matrix(record, column)
        if np.isnan(values).any():
            row, place = divmod(int(np.isnan(values).argmax()), values.shape[1])
            where = f" of {record.names(column)[place]}" if values.shape[1] > 1 else ""
            return f"{column}{where} is missing at {record.clock(int(tick[row]))}"
    return None


@agrees(rises("low_pu", "high_pu"))
def voltage_band(record: Record, *, low_pu: float = 0.90, high_pu: float = 1.10) -> Verdict:
    """Every bus stays in the band at every recorded instant.

    Stricter than EN 50160, which lets 5 % of a week's ten-minute means leave it.
    """
    if missing := gap(record, "vm_pu"):
        return Verdict("voltage_band", False, missing, unit="p.u.")
    values = record.values("vm_pu").astype(np.float64)
    row, place, value, bound = _worst_in_band(values, low_pu, high_pu)
    bus = record.names("vm_pu")[place]
    worst = f"{value:.3f} p.u. at {bus}, {record.clock(int(record.tick[row]))}"
    # A float32 stands for all values that round to it, the bound among them.
    passed = low_pu - 1e-7 <= value <= high_pu + 1e-7
    return Verdict("voltage_band", bool(passed), worst, value, bound, "p.u.")


@agrees(rises("low_hz", "high_hz"))
def frequency_band(record: Record, *, low_hz: float = 49.5, high_hz: float = 50.5) -> Verdict:
    """Frequency stays in the band, between ticks too; a grid-connected feeder cannot move it."""
    columns = "f_min_hz", "f_max_hz"
    if missing := gap(record, *columns):
        return Verdict("frequency_band", False, missing, unit="Hz")
    values = np.stack([record.scalar(column) for column in columns], axis=1)
    row, _, value, bound = _worst_in_band(values, low_hz, high_hz)
    worst = f"{value:.3f} Hz at {record.clock(int(record.tick[row]))}"
    if not record.islanded:
        told = f"not applicable: grid-connected, so frequency is an input; {worst}"
        return Verdict("frequency_band", True, told, value, bound, "Hz")
    return Verdict("frequency_band", low_hz <= value <= high_hz, worst, value, bound, "Hz")


def nadir(record: Record, *, at_least_hz: float = 49.0) -> Verdict:
    """Frequency falls no lower than this, between ticks too, while the village stands alone.

    49.0 Hz is where Germany's first stage of shedding acts. A village in the dark has no
    frequency, and fails.
    """
    if missing := gap(record, "f_min_hz", *(["connected"] if record.has("connected") else [])):
        return Verdict("nadir", False, missing, unit="Hz")
    values = record.scalar("f_min_hz")
    alone = np.full(values.size, record.islanded)
    if record.has("connected"):
        alone &= record.scalar("connected") == 0
    if not alone.any():
        told = f"not applicable: grid-connected, so frequency is an input; {values.min():.3f} Hz"
        return Verdict("nadir", True, told, float(values.min()), at_least_hz, "Hz")
    row = int(np.where(alone, values, np.inf).argmin())
    value = float(values[row])
    worst = f"{value:.3f} Hz at {record.clock(int(record.tick[row]))}"
    return Verdict("nadir", value >= at_least_hz, worst, value, at_least_hz, "Hz")


def rocof(record: Record, *, limit_hz_per_s: float = 2.0) -> Verdict:
    """Frequency changes no faster than what converters have to ride through.

    The mean over 500 ms where it is recorded (EN 50549-1, 4.5.2: 2 Hz/s for
    non-synchronous generation), the steepest instant otherwise.
    """
    column = "rocof_500ms_hz_per_s" if record.has("rocof_500ms_hz_per_s") else "rocof_hz_per_s"
    if missing := gap(record, column):
        return Verdict("rocof", False, missing, unit="Hz/s")
    values = record.scalar(column)
    row = int(np.abs(values).argmax())
    value = float(values[row])
    worst = f"{value:+.3f} Hz/s at {record.clock(int(record.tick[row]))}"
    if not record.islanded:
        told = f"not applicable: grid-connected, so frequency is an input; {worst}"
        return Verdict("rocof", True, told, value, limit_hz_per_s, "Hz/s")
    passed = abs(value) <= limit_hz_per_s
    return Verdict("rocof", passed, worst, value, limit_hz_per_s, "Hz/s")


def line_loading(record: Record, *, limit_percent: float = 100.0) -> Verdict:
    """No line or transformer carries more than it is made for."""
    if missing := gap(record, "loading_max_percent"):
        return Verdict("line_loading", False, missing, unit="%")
    values = record.scalar("loading_max_percent")
    row = int(values.argmax())
    value = float(values[row])
    worst = f"{value:.1f} % at {record.clock(int(record.tick[row]))}"
    return Verdict("line_loading", value <= limit_percent, worst, value, limit_percent, "%")


def energy_balance(record: Record, *, tolerance: float = 1e-6) -> Verdict:
    """What peers, generators and the grid above put in, the lines lost, at every instant.

    Compared is the energy since the start with `tolerance` of the energy moved since then;
    the peers' powers are those that their meters integrated, so the slack cannot hide a gap.
    """
    sources = [
        name
        for name in ("p_boundary_kw", "generator_kw", "stores_kw")
        if record.has(name) or name == "p_boundary_kw"
    ]
    if missing := gap(record, "p_kw", "losses_kw", *sources):
        return Verdict("energy_balance", False, missing, unit="kWh")
    peers = record.values("p_kw").astype(np.float64)
    others = np.stack([record.scalar(name) for name in sources], axis=1)
    hours = record.dt_s / 3600
    missing_kwh = np.cumsum(peers.sum(1) + others.sum(1) - record.scalar("losses_kw")) * hours
    moved_kwh = np.cumsum(np.abs(peers).sum(1) + np.abs(others).sum(1)) * hours
    bound = tolerance * moved_kwh
    row = int((np.abs(missing_kwh) / np.maximum(bound, 1e-300)).argmax())
    value = float(missing_kwh[row])
    worst = (
        f"{value:+.2e} kWh of {moved_kwh[row]:.3g} kWh moved "
        f"until {record.clock(int(record.tick[row]))}"
    )
    return Verdict(
        "energy_balance", abs(value) <= bound[row], worst, value, float(bound[row]), "kWh"
    )


def meters_match_ticks(record: Record, *, tolerance: float = 1e-6) -> Verdict:
    """Each meter reading is the energy of the powers recorded for its peer and period.

    Allowed are the meter's own rounding (2 mWh: it carries a remainder in and one out) and
    `tolerance` of the reading, because powers are recorded in single precision.
    """
    name = "meters_match_ticks"
    if missing := gap(record, "p_kw"):
        return Verdict(name, False, missing, unit="mWh")
    readings = record.rows("meters")
    length = record.manifest.get("ticks_per_period")
    if not readings or length is None:
        return Verdict(name, False, "no meter reading was recorded", unit="mWh")
    power_kw = record.values("p_kw").astype(np.float64)
    place = {peer: i for i, peer in enumerate(record.peers)}
    worst, excess, value, bound = "", -np.inf, 0.0, 0.0
    for row in readings:
        first = row["period"] * length
        energy = power_kw[first : first + length, place[row["peer"]]] * record.dt_s / 3.6e-3
        off, allowed = row["net_milliwh"] - energy.sum(), 2 + tolerance * np.abs(energy).sum()
        if abs(off) - allowed > excess:
            excess, value, bound = abs(off) - allowed, float(off), float(allowed)
            worst = f"{off:+.1f} mWh at {row['peer']}, period from {record.clock(first)}"
    return Verdict(name, bool(excess <= 0), worst, value, bound, "mWh")


def _matrix(record: Record, column: str) -> Array:
    values = record.ticks[column]
    is_list = hasattr(values.type, "list_size")
    return record.values(column) if is_list else record.scalar(column)[:, None]


def _worst_in_band(values: Array, low: float, high: float) -> tuple[int, int, float, float]:
    """Row, column and value nearest to leaving a band, or farthest outside; and that bound."""
    excess = np.maximum(low - values, values - high)
    row, column = divmod(int(excess.argmax()), excess.shape[1])
    value = float(values[row, column])
    return row, column, value, low if low - value > value - high else high
