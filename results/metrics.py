"""The run in numbers: energy, who covered, voltage, frequency, money, and how fast it went."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .benefit import benefits
from .outcome import Book, outcomes
from .reading import Record

__all__ = ["COVER_LABELS", "Metric", "first_trip", "key_figures", "role_of"]


@dataclass(frozen=True)
class Metric:
    """One key figure.

    Attributes
    ----------
    key : str
        Name for programs.
    label : str
        Name for people.
    value : float or None
        None when the run has nothing to measure. [`unit`]
    unit : str
    note : str
        Where, when, or of what kind.
    """

    key: str
    label: str
    value: float | None
    unit: str
    note: str = ""

    def told(self) -> str:
        """Say value and unit in as many digits as matter."""
        if self.value is None:
            return "–"
        return f"{self.value:.{_digits(self.value, self.unit)}f} {self.unit}".rstrip()


def key_figures(record: Record) -> list[Metric]:
    """Everything measured that the tables of this run allow, in the order of its telling."""
    figures = [*_energy(record), *_cover(record)]
    if record.ticks.num_rows:
        figures += [*_voltage(record), *_frequency(record), *_boundary(record)]
    told = [*_market(record), *_own_energy(record), *_ageing(record), *_messages(record)]
    told += [*_appliances(record), *_devices(record)]
    return [*figures, *told, *_money(record)]


def _digits(value: float, unit: str) -> int:
    if unit in ("p.u.", "Hz", "s"):
        return {"p.u.": 3, "Hz": 2, "s": 1}[unit]
    if unit in ("", "contracts", "%"):
        return 0 if float(value).is_integer() else 1
    return 2 if unit == "€" or abs(value) < 100 else 1


def _energy(record: Record) -> list[Metric]:
    contracts = record.rows("contracts")
    traded = sum(row["energy_wh"] for row in contracts) / 1000
    delivered = sum(row["delivered_milliwh"] or 0 for row in contracts) / 1e6
    share = f"{delivered / traded:.1%} of what was traded" if traded else ""
    return [
        Metric("contracts", "Contracts", float(len(contracts)), "contracts"),
        Metric("energy_traded_kwh", "Traded", traded, "kWh"),
        Metric("energy_delivered_kwh", "Delivered by its sellers", delivered, "kWh", share),
    ]


def _cover(record: Record) -> list[Metric]:
    covers = [row for row in record.rows("covers") if row["direction"] in (None, "cover")]
    energy: dict[str, float] = defaultdict(float)
    for row in covers:
        energy[row["kind"]] += row["energy_milliwh"] / 1e6
    figures = [
        Metric(f"covered_{kind}_kwh", label, energy[kind], "kWh")
        for kind, label in COVER_LABELS.items()
        if kind in energy and kind != "shed"
    ]
    shed = sum(row["shed_milliwh"] for row in record.rows("meters")) / 1e6
    figures.append(Metric("unserved_kwh", "Shed, not served", shed, "kWh"))
    trip = first_trip(record)
    started = [r["start_tick"] for r in covers if r["start_tick"] is not None]
    started = [tick for tick in started if trip is not None and tick >= trip["tick"]]
    if trip is not None and started:
        seconds = (min(started) - trip["tick"]) * record.dt_s
        note = f"after {trip.get('peer') or trip.get('device') or 'it'} tripped"
        figures.append(Metric("trip_to_cover_s", "From trip to cover", seconds, "s", note))
    return figures


COVER_LABELS = {
    "own": "Covered by own storage",
    "replacement": "Covered by replacement",
    "lpd": "Covered by the LPD",
    "supplier": "Covered by the supplier",
    "shed": "Shed",
}
"""Kinds of cover in the order in which they are asked."""


def first_trip(record: Record) -> dict[str, Any] | None:
    """The first trip in the event log."""
    trips = (event for event in record.events if event["kind"] == "trip")
    return min(trips, key=lambda event: event["tick"], default=None)


def _voltage(record: Record) -> list[Metric]:
    if not record.has("vm_pu"):
        return []
    values = record.values("vm_pu")
    places = ("lowest", values.argmin()), ("highest", values.argmax())
    figures = []
    for word, place in places:
        row, column = divmod(int(place), values.shape[1])
        where = f"{record.names('vm_pu')[column]}, {record.clock(int(record.tick[row]))}"
        label = f"{word.capitalize()} voltage"
        value = float(values[row, column])
        figures.append(Metric(f"voltage_{word}_pu", label, value, "p.u.", where))
    return figures


def _frequency(record: Record) -> list[Metric]:
    figures = []
    kind = "" if record.islanded else "input, "
    for word, column, find in (
        ("lowest", "f_min_hz", np.argmin),
        ("highest", "f_max_hz", np.argmax),
    ):
        if record.has(column):
            row = int(find(record.scalar(column)))
            value = float(record.scalar(column)[row])
            note = f"{kind}{record.clock(int(record.tick[row]))}"
            label = f"{word.capitalize()} frequency"
            figures.append(Metric(f"frequency_{word}_hz", label, value, "Hz", note))
    return figures


def _boundary(record: Record) -> list[Metric]:
    hours = record.dt_s / 3600
    figures = []
    if record.has("losses_kw"):
        lost = float(record.scalar("losses_kw").sum() * hours)
        figures.append(Metric("losses_kwh", "Lost in lines", lost, "kWh"))
    if record.has("p_boundary_kw"):
        power = record.scalar("p_boundary_kw") * hours
        if not record.has("connected"):
            source = "grid-former" if record.islanded else "grid above"
            return figures + _given_and_taken(("import_kwh", "export_kwh"), source, power)
        above = record.scalar("connected")
        figures += _given_and_taken(("import_kwh", "export_kwh"), "grid above", power * above)
        keys = "former_given_kwh", "former_taken_kwh"
        figures += _given_and_taken(keys, "grid-former", power * (1 - above))
    return figures


def _given_and_taken(
    keys: tuple[str, str], source: str, energy_kwh: npt.NDArray[np.float64]
) -> list[Metric]:
    given, taken = np.maximum(energy_kwh, 0).sum(), np.maximum(-energy_kwh, 0).sum()
    return [
        Metric(keys[0], f"From the {source}", float(given), "kWh"),
        Metric(keys[1], f"To the {source}", float(taken), "kWh"),
    ]


def _market(record: Record) -> list[Metric]:
    """What the market did, and what it was worth against the tariffs."""
    periods, accounts = outcomes(record), benefits(record)
    if not periods:
        return []
    figures = [
        Metric("volume_kwh", "Cleared", sum(p.volume_wh for p in periods) / 1000, "kWh"),
        *_gains([p.book for p in periods if p.book is not None and p.book.by_limits]),
    ]
    members = [row for row in accounts if row.is_member]
    if members and record.rows("settlement"):
        total = sum(row.benefit_ueur for row in members) / 1e6
        worst = min(members, key=lambda row: row.benefit_ueur)
        figures += [
            Metric("benefit_total_eur", "Benefit of all peers against the tariffs", total, "€"),
            Metric(
                "benefit_worst_peer_eur",
                "Benefit of the peer that gained least",
                worst.benefit_ueur / 1e6,
                "€",
                worst.name,
            ),
        ]
    kept = [row.balance_ueur for row in accounts if row.account == "operator"]
    owed = sum(period.subscriptions_ueur for period in periods)
    note = f"subscriptions of {owed / 1e6:.2f} € among it" if owed else ""
    label = "Surplus of the market's operator"
    return [*figures, *(Metric("operator_surplus_eur", label, k / 1e6, "€", note) for k in kept)]


def _gains(books: Sequence[Book]) -> list[Metric]:
    """Gains from trade by what orders said; none where there were no orders."""
    if not books:
        return []
    gain = sum(book.gain_ueur for book in books)
    possible = sum(book.possible_ueur for book in books)
    share = 100 * gain / possible if possible else None
    return [
        Metric("gain_total_eur", "Gain from trade, by the orders' limits", gain / 1e6, "€"),
        Metric("gain_efficiency", "Of the gain at competitive equilibrium", share, "%"),
    ]


def _own_energy(record: Record) -> list[Metric]:
    """How far the community lived on its own production, period by period.

    What members exchange with the outside is netted within a delivery period, as it is billed.
    Their storage counts as theirs, so what it charges from outside or gives away can bring a
    share down to zero, not below; the LPD and its storage stand outside.
    """
    length = record.manifest.get("ticks_per_period")
    if not length or not all(record.has(name) for name in ("p_kw", "load_kw", "pv_kw")):
        return []
    members = np.array([peer != "lpd" for peer in record.peers], dtype=bool)
    net, load, pv = (
        record.values(name)[:, members].sum(axis=1, dtype=np.float64)
        for name in ("p_kw", "load_kw", "pv_kw")
    )
    starts = np.flatnonzero(np.diff(record.tick // length, prepend=-1))
    exchanged = np.add.reduceat(net, starts)
    figures = []
    for key, label, outside, whole in (
        ("self_sufficiency", "Of the load, met by the community", -exchanged, load.sum()),
        ("self_consumption", "Of the production, used in the community", exchanged, pv.sum()),
    ):
        share = 1 - float(np.maximum(outside, 0).sum()) / float(whole) if whole > 0 else None
        figures.append(Metric(key, label, None if share is None else 100 * max(0.0, share), "%"))
    return figures


def _ageing(record: Record) -> list[Metric]:
    """What the run cost its batteries; none where no scenario asks."""
    rows = record.rows("ageing")
    if not rows:
        return []
    worst = max(rows, key=lambda row: float(row["life_used"]))
    cycles = float(np.mean([row["full_cycles"] for row in rows]))
    note = f"{worst['peer']}, deepest cycle {100 * worst['deepest_cycle']:.2g} %"
    of = f"of {len(rows)} batteries"
    return [
        Metric(
            "battery_full_cycles_milli", "Thousandths of a full cycle, mean", 1e3 * cycles, "", of
        ),
        Metric(
            "battery_life_used_ppm",
            "Most of a battery's cycle life",
            1e6 * worst["life_used"],
            "ppm",
            note,
        ),
    ]


def _appliances(record: Record) -> list[Metric]:
    """How well appliances kept their comfort while they waited; none where nobody has any."""
    things, stays = record.rows("appliances"), record.rows("charging")
    if not things and not stays:
        return []
    return [*_comfort(record, things), *_charging(stays), *_taken(record)]


def _comfort(record: Record, things: Sequence[dict[str, Any]]) -> list[Metric]:
    if not things:
        return []
    length_h = record.ticks.num_rows * record.dt_s / 3600
    outside_h = sum(thing["outside_s"] for thing in things) / 3600
    whole_h = len(things) * length_h
    worst = max(things, key=lambda thing: float(thing["outside_s"]))
    note = f"of {whole_h:.1f} h of {len(things)} things"
    if worst["outside_s"] > 0:
        note += f"; least by {worst['peer']}'s {worst['kind'].replace('_', ' ')}"
    drawn_kwh = sum(thing["drawn_kwh"] for thing in things)
    share = 100 * (1 - outside_h / whole_h) if whole_h else None
    return [
        Metric("comfort_hours", "Comfort kept", whole_h - outside_h, "h", note),
        Metric("comfort_kept", "Of the time, comfort kept", share, "%"),
        Metric("thermal_kwh", "Drawn by heating and cooling", drawn_kwh, "kWh"),
    ]


def _charging(stays: Sequence[dict[str, Any]]) -> list[Metric]:
    left = [stay for stay in stays if stay["has_left"]]
    if not left:
        return []
    wanted, charged = (sum(stay[name] for stay in left) for name in ("wanted_kwh", "charged_kwh"))
    full = sum(stay["charged_kwh"] >= stay["wanted_kwh"] - 1e-6 for stay in left)
    least = min(left, key=lambda stay: stay["charged_kwh"] - stay["wanted_kwh"])
    note = f"of {wanted:.2f} kWh that {len(left)} wanted"
    if full < len(left):
        note += f"; most is missing at {least['peer']}'s"
    return [
        Metric("vehicles_charged_kwh", "In vehicles when they left", charged, "kWh", note),
        Metric("vehicles_full", "Of the vehicles that left, full", 100 * full / len(left), "%"),
    ]


def _taken(record: Record) -> list[Metric]:
    """How far buyers took what they had bought, which their appliances are asked to do."""
    read = [row for row in record.rows("contracts") if row["accepted_milliwh"] is not None]
    bought = sum(row["energy_wh"] for row in read)
    if not bought:
        return []
    share = sum(row["accepted_milliwh"] for row in read) / (10 * bought)
    return [Metric("accepted_share", "Of what was bought, taken by its buyers", share, "%")]


def _messages(record: Record) -> list[Metric]:
    """How messages fared; none where all arrive at once."""
    rows = record.rows("messages")
    if not rows:
        return []
    taken = {kind: _taken_s(record, rows, kind) for kind in (None, "alarm")}
    missed = len(rows) - len(taken[None])
    late = sum(row["why"] == "late" for row in rows)
    note = f"of {len(rows)}" + (f"; {late} came too late" if late else "")
    figures = [Metric("messages_missed", "Messages that did not come in time", missed, "", note)]
    for key, label, kind in (
        ("message_delay_s", "Mean time that a message took", None),
        ("alarm_delay_s", "Mean time that an alarm took", "alarm"),
    ):
        if taken[kind]:
            longest = f"longest {max(taken[kind]):.1f} s"
            figures.append(Metric(key, label, float(np.mean(taken[kind])), "s", longest))
    return figures


def _taken_s(record: Record, rows: Sequence[dict[str, Any]], kind: str | None) -> list[float]:
    """Time that messages of a kind, or of all kinds, took that came in time. [s]"""
    return [
        (row["arrived_tick"] - row["sent_tick"]) * record.dt_s
        for row in rows
        if row["why"] == "arrived" and kind in (None, row["kind"])
    ]


def _devices(record: Record) -> list[Metric]:
    """What devices left unsaid; none where all were heard at every tick."""
    if not record.devices or not record.has("device_stale"):
        return []
    stale = record.values("device_stale") > 0
    if not stale.any():
        return []
    at = [record.peers.index(record.played[name]) for name in record.devices]
    kw = np.abs(record.values("pv_kw")[:, at].astype(np.float64))
    seconds = stale.sum(axis=0) * record.dt_s
    note = f"most {record.devices[int(seconds.argmax())]}, {seconds.max():.1f} s"
    hours = record.dt_s / 3600
    losses = int((np.diff(stale.astype(np.int8), axis=0, prepend=0) > 0).sum())
    return [
        Metric("device_losses", "Devices lost, times", float(losses), ""),
        Metric("device_stale_s", "Devices not heard", float(seconds.sum()), "s", note),
        Metric(
            "device_stale_kwh",
            "Fed while not heard, as taken",
            float(kw[stale].sum() * hours),
            "kWh",
        ),
    ]


def role_of(account: dict[str, Any]) -> str:
    """Role of an account; what endowed the guarantee fund counts as the fund's."""
    return "guarantee_fund" if account["account"] == "endowment" else str(account["role"])


def _money(record: Record) -> list[Metric]:
    by_role: dict[str, int] = defaultdict(int)
    for row in record.rows("accounts"):
        by_role[role_of(row)] += row["balance_ueur"]
    return [
        Metric(f"money_{role}_eur", role.replace("_", " "), balance / 1e6, "€")
        for role, balance in by_role.items()
    ]
