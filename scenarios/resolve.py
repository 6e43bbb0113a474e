"""A scenario with everything drawn: every peer by name, every clock in ticks."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .network import NetworkOutline, is_made
from .peers import Peer, draw_peers
from .profiles import Profile, ProfileSource
from .schema import Scenario, TimeSpec
from .schema_devices import DeviceEvent
from .schema_feeder import FeederEvent, IslandEvent
from .schema_operator import switched
from .schema_peers import LPD_NAME
from .weather import roof_quarters_kw, roofed


@dataclass(frozen=True, slots=True)
class ResolvedEvent:
    """Something that happens at a tick.

    Attributes
    ----------
    tick : int
        Physics tick at whose beginning it happens.
    kind : {"device_trip", "device_fault", "device_clear", "peer_trip", "load_scale", \
"generator_loss", "lpd_failure"}
    target : str
        Name of the device, peer or generator; of an LPD's failure, the LPD's.
    value : float
        New multiple of the load, where that is the event, or what the fault of a device takes.
        [1], [s], [1/s]
    fault : str
        Kind of a device's fault.
    count : int or None
        How many replies the fault spoils; None for all until it is cleared.
    instrument : str
        Role or name of the device beside it whose fault it is; empty for the device itself.
    """

    tick: int
    kind: Literal[
        "device_trip",
        "device_fault",
        "device_clear",
        "peer_trip",
        "load_scale",
        "generator_loss",
        "lpd_failure",
    ]
    target: str
    value: float = 0.0
    fault: str = ""
    count: int | None = None
    instrument: str = ""


@dataclass(frozen=True)
class ResolvedScenario:
    """A scenario ready to be wired.

    Attributes
    ----------
    scenario : Scenario
        With every default.
    file : Path
        Where it was read.
    seed : int
    network : NetworkOutline
    peers : tuple of Peer
        Their order is that of all arrays; the LPD is last.
    events : tuple of ResolvedEvent
        In the order of time.
    sources : dict of str to ProfileSource
    """

    scenario: Scenario
    file: Path
    seed: int
    network: NetworkOutline
    peers: tuple[Peer, ...]
    events: tuple[ResolvedEvent, ...]
    sources: dict[str, ProfileSource]

    @property
    def dt_s(self) -> float:
        """Length of a tick. [s]"""
        return self.scenario.time.tick.seconds

    @property
    def n_ticks(self) -> int:
        """Physics ticks."""
        return self.scenario.time.n_ticks

    @property
    def ticks_per_period(self) -> int:
        """Ticks in a delivery period."""
        return self.scenario.market.period.in_ticks(self.scenario.time.tick)

    @property
    def gate_ticks(self) -> int:
        """Ticks between a gate and its delivery."""
        return self.scenario.market.gate.in_ticks(self.scenario.time.tick)

    @property
    def n_periods(self) -> int:
        """Delivery periods."""
        return self.n_ticks // self.ticks_per_period

    @property
    def network_file(self) -> Path | None:
        """The network's JSON file; None for one that pandapower makes."""
        network = self.scenario.grid.network
        return None if is_made(network) else self.file.parent / network

    def array(self, attribute: str) -> NDArray[np.float64]:
        """Return one number of every peer, in their order."""
        return np.array([getattr(peer, attribute) for peer in self.peers], dtype=np.float64)

    def quarter_hours(
        self, start: dt.datetime, end: dt.datetime
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean consumption and mean available PV of every quarter hour that is touched.

        Returns
        -------
        load_kw, pv_kw : (n_quarters, n_peers) float64 array
            Both zero or positive; the first row begins at the full quarter hour before `start`.
            [kW]
        """

        def table(profile: str, scale: str) -> NDArray[np.float64]:
            return np.stack([self._column(p, profile, scale, start, end) for p in self.peers], 1)

        load_kw, pv_kw = table("load", "load_scale"), table("pv", "pv_scale")
        under_roofs_kw = roof_quarters_kw(self, start, end)
        if under_roofs_kw is not None:
            pv_kw[:, roofed(self.peers)] = under_roofs_kw
        return load_kw, pv_kw

    def _column(
        self, peer: Peer, profile: str, scale: str, start: dt.datetime, end: dt.datetime
    ) -> NDArray[np.float64]:
        found: Profile | None = getattr(peer, profile)
        if found is None:
            quarters = -(-int(end.timestamp()) // 900) - int(start.timestamp()) // 900
            return np.zeros(quarters)
        factor: float = getattr(peer, scale)
        return factor * self.sources[found.source].quarters(found, start, end)

    def manifest(self) -> dict[str, Any]:
        """Return the scenario with every default and everything drawn, as JSON can hold it."""
        peers = [asdict(peer) for peer in self.peers]
        for peer in peers:
            for key in ("load", "pv"):
                peer[key] = peer[key] and f"{peer[key]['source']}:{peer[key]['name']}"
            peer["ramp_kw_per_s"] = _finite(peer["ramp_kw_per_s"])
        return {
            "scenario": self.scenario.model_dump(mode="json"),
            "seed": self.seed,
            "peers": peers,
            "events": [asdict(event) for event in self.events],
        }


def profile_span(scenario: Scenario) -> tuple[dt.datetime, dt.datetime]:
    """Return the time that profiles have to cover: a gate and a period before, a period after."""
    market, time = scenario.market, scenario.time
    first = time.start - market.gate.delta - market.period.delta
    return first, time.start + time.duration.delta + market.period.delta


def resolve_scenario(
    scenario: Scenario,
    *,
    file: Path,
    network: NetworkOutline,
    sources: dict[str, ProfileSource],
    seed: int | None = None,
) -> ResolvedScenario:
    """Draw everything that a scenario leaves open.

    Parameters
    ----------
    scenario : Scenario
        Checked by `scenarios.load.load_scenario`.
    file : Path
        Where it was read; files it names lie beside it.
    network : NetworkOutline
    sources : dict of str to ProfileSource
        All that its peers name.
    seed : int, optional
        Instead of the scenario's.
    """
    root = scenario.seed if seed is None else seed
    peers = draw_peers(scenario, network, sources, root)
    events = tuple(sorted(_events(scenario), key=lambda event: event.tick))
    return ResolvedScenario(scenario, file, root, network, peers, events, sources)


def _events(scenario: Scenario) -> Iterator[ResolvedEvent]:
    kinds = {"peer": "peer_trip", "generator": "generator_loss"}
    for event in scenario.events:
        tick = event.at.after(scenario.time.start).in_ticks(scenario.time.tick)
        if hasattr(event, "lpd"):
            yield ResolvedEvent(tick, "lpd_failure", LPD_NAME)
            continue
        if switched(event) is not None or isinstance(event, FeederEvent | IslandEvent):
            continue  # their boxes take them as they stand in the scenario
        if isinstance(event, DeviceEvent):
            yield from _of_device(event, tick, scenario.time)
            continue
        what = next(key for key in kinds if hasattr(event, key))
        if not getattr(event, "is_physical", True):
            continue  # what is traded or shown is no affair of the models
        scale = getattr(event, "load_scale", None)
        kind: Any = kinds[what] if scale is None else "load_scale"
        yield ResolvedEvent(tick, kind, getattr(event, what), scale or 0.0)


def _of_device(event: DeviceEvent, tick: int, time: TimeSpec) -> Iterator[ResolvedEvent]:
    """A device's fault, and its end where that is known."""
    if event.fault is None:
        yield ResolvedEvent(tick, "device_clear", event.device)
        return
    whole = event.fault == "trip" and event.instrument is None
    kind: Any = "device_trip" if whole else "device_fault"
    count = 1 if event.count is None and event.for_ is None else event.count
    yield ResolvedEvent(
        tick,
        kind,
        event.device,
        event.value or 0.0,
        "" if kind == "device_trip" else event.fault,
        count,
        event.instrument or "",
    )
    if event.fault == "reboot":
        back = round((event.value or 0.0) / time.tick.seconds)
        yield ResolvedEvent(tick + back, "device_clear", event.device)
    if event.for_ is not None:
        yield ResolvedEvent(tick + event.for_.in_ticks(time.tick), "device_clear", event.device)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
