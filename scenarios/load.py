"""Read a scenario: every fault of the file at once, or a scenario with everything drawn."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from . import document
from .asked_checks import named_checks
from .checking import Checking
from .document import Entry
from .faults import Fault, ScenarioError
from .faults import Path as KeyPath
from .frequency_traces import trace_fault
from .messages import message
from .network import NetworkError, NetworkOutline, outline
from .overrides import Override, applied
from .peers import placed_loads
from .plugins import (
    PluginError,
    bidder_faults,
    check_reference,
    known_mechanisms,
    mechanism_class,
)
from .plugins_manager import check_manager
from .plugins_rules import rule_faults
from .profiles import Kind, Profile, ProfileError, ProfileSource, open_source, split
from .resolve import ResolvedScenario, profile_span, resolve_scenario
from .rules import hang_together, nearest
from .rules_operator import network_problems
from .schema import Scenario
from .schema_peers import PeerGroup, SinglePeer
from .weather import weather_faults

_STAND_INS: dict[str, Any] = {
    "at": "0 s",
    "below_hz": 49.0,
    "bus": "",
    "capacity_kwh": 1e6,
    "device": "",
    "duration": "1 d",
    "generator": "",
    "name": "",
    "network": "",
    "p_kwp": 1,
    "p_max_kw": 1e-3,
    "p_set_kw": 0.0,
    "peer": "",
    "s_kva": 1e6,
    "scenario": "unnamed",
    "share": 1e-6,
    "start": "2016-06-14T12:00:00+02:00",
}
"""What is put in the place of a required key that is missing or wrong, to check the rest."""


def load_scenario(
    file: Path | str, *, seed: int | None = None, overrides: Sequence[Override] = ()
) -> ResolvedScenario:
    """Read, check and resolve a scenario.

    Parameters
    ----------
    file : path
        YAML file; the files it names lie beside it.
    seed : int, optional
        Instead of the one in the file.
    overrides : sequence of Override
        Values that are set instead of the file's.

    Raises
    ------
    ScenarioError
        With every fault of the file, each with line and column.
    """
    path = Path(file)
    root, faults = document.read(path)
    checking = _Checking(path, applied(root, overrides, path), faults)
    scenario = checking.fields()
    if scenario is None:
        raise ScenarioError(checking.faults)
    checking.problems(hang_together(scenario))
    network = checking.network(scenario)
    sources = checking.profiles(scenario)
    checking.mechanism(scenario)
    checking.bidders(scenario)
    checking.settlement_rules(scenario)
    checking.energy_manager(scenario)
    checking.frequency(scenario)
    checking.weather(scenario)
    checking.checks(scenario)
    if checking.faults or network is None:
        raise ScenarioError(checking.faults)
    return resolve_scenario(scenario, file=path, network=network, sources=sources, seed=seed)


class _Checking(Checking[Scenario]):
    """Gathers the faults of one scenario."""

    def __init__(self, file: Path, root: Entry, faults: list[Fault]) -> None:
        super().__init__(file, root, faults, model=Scenario, stand_ins=_STAND_INS)

    def network(self, scenario: Scenario) -> NetworkOutline | None:
        """Read the network's names and check every bus against them."""
        if self._is_cut(("grid",)):
            return None
        try:
            network = outline(scenario.grid.network, self._file.parent)
            if scenario.grid.copies is not None:
                network = network.copied(scenario.grid.copies.count, scenario.grid.copies.ties)
        except NetworkError as error:
            self.note(("grid", "network"), str(error))
            return None
        for path, bus in _buses(scenario):
            if bus not in network.bus_names:
                shown = scenario.grid.network
                text = f"no bus {bus!r} in {shown!r}; {nearest(bus, network.bus_names)}"
                self.note(path, text)
        self.problems(network_problems(scenario, network))
        for index, buses in placed_loads(scenario, network).items():
            if not buses:
                text = "no load of the network is left for this group; expected one at least"
                self.note(("peers", index, "each"), text)
        return network

    def profiles(self, scenario: Scenario) -> dict[str, ProfileSource]:
        """Open all profiles and check names, sizes, gaps and the time they reach over."""
        sources: dict[str, ProfileSource] = {}
        span = profile_span(scenario)
        for path, reference, kind in _references(scenario):
            try:
                found = self._profiles_of(reference, kind, sources, span)
                if kind == "load":
                    self._size(path, scenario.peers[int(path[1])], found)
            except ProfileError as error:
                self.note(path, str(error))
        return sources

    def mechanism(self, scenario: Scenario) -> None:
        """Find the mechanism and let it check its options."""
        market = scenario.market
        self._mechanism(("market",), market.mechanism, market.options)
        for index, product in enumerate(market.products):
            self._mechanism(("market", "products", index), product.mechanism, product.options)

    def _mechanism(self, at: tuple[str | int, ...], name: str, given: Mapping[str, Any]) -> None:
        try:
            check_reference(name, self._file.parent)
            if name in known_mechanisms() and not given:
                return  # ours need no options, and importing their kernels takes a second
            options = mechanism_class(name, self._file.parent).Options
        except PluginError as error:
            self.note((*at, "mechanism"), str(error))
            return
        try:
            options.model_validate(given)
        except ValidationError as error:
            for one in error.errors():
                self.note((*at, "options", *one["loc"]), message(one, options))

    def bidders(self, scenario: Scenario) -> None:
        """Find the bidders and let them check their options."""
        for path, text in bidder_faults(scenario, self._file.parent):
            self.note(path, text)

    def settlement_rules(self, scenario: Scenario) -> None:
        """Find the rules of settlement that the scenario replaces."""
        for name, text in rule_faults(scenario.settlement.rules, self._file.parent):
            self.note(("settlement", "rules", name), text)

    def energy_manager(self, scenario: Scenario) -> None:
        """Find the energy manager, if it is the scenario's own."""
        try:
            check_manager(scenario.energy_manager.kind, self._file.parent)
        except PluginError as error:
            self.note(("energy_manager", "kind"), str(error))

    def frequency(self, scenario: Scenario) -> None:
        """Read the record that the frequency follows."""
        fault = trace_fault(scenario.frequency, self._file.parent)
        if fault is not None:
            self.note(("frequency", fault[0]), fault[1])

    def weather(self, scenario: Scenario) -> None:
        """Read the weather, and see whether light can fall on modules."""
        for path, text in weather_faults(scenario, self._file.parent, profile_span(scenario)):
            self.note(path, text)

    def checks(self, scenario: Scenario) -> None:
        """Find the checks and see whether they take their options."""
        from results.checks import CheckError, check_options

        for index, (name, options) in enumerate(named_checks(scenario.checks)):
            try:
                check_options(name, options, beside=self._file.parent)
            except CheckError as error:
                for fault in error.faults or (None,):
                    deeper = (name, fault.option) if fault and fault.option else ()
                    text = f"check {name}: {fault.message}" if fault else str(error)
                    self.note(("checks", index, *deeper), text)

    def _profiles_of(
        self,
        reference: str,
        kind: Kind,
        sources: dict[str, ProfileSource],
        span: tuple[dt.datetime, dt.datetime],
    ) -> tuple[Profile, ...]:
        name, pattern = split(reference)
        if name not in sources:
            sources[name] = open_source(name, self._file.parent)
        found = sources[name].matches(pattern, kind)
        if not self._is_cut(("time",)):
            sources[name].check(found, *span)
        return found

    def _size(
        self, path: KeyPath, peer: PeerGroup | SinglePeer, found: tuple[Profile, ...]
    ) -> None:
        """Check that a load has one size: factors need a rating, powers must not have one."""
        units = {profile.unit for profile in found}
        given = [k for k in ("annual_kwh", "p_peak_kw") if getattr(peer, k) is not None]
        if units == {"kw"} and given:
            self.note((*path[:2], given[0]), f"scales {peer.profile!r}, which is in kW already")
        elif "pu" in units and peer.annual_kwh is None and peer.p_peak_kw is None:
            self.note(path, "the load has no size; expected annual_kwh or p_peak_kw beside it")
        elif "pu" in units and peer.p_peak_kw is None and any(not p.full_load_h for p in found):
            text = "the year of this profile is not known; expected p_peak_kw for its size"
            self.note((*path[:2], *given[:1]), text)


def _buses(scenario: Scenario) -> Iterator[tuple[KeyPath, str]]:
    named: list[tuple[KeyPath, Any]] = [(("lpd", "bus"), scenario.lpd.bus)]
    for index, peer in enumerate(scenario.peers):
        named.append((("peers", index, "bus"), getattr(peer, "bus", None)))
    if scenario.island is not None:
        former = scenario.island.former
        named.append((("island", "former", "bus"), former.bus if former else None))
        for index, store in enumerate(scenario.island.stores):
            named.append((("island", "stores", index, "bus"), store.bus))
        for index, generator in enumerate(scenario.island.generators):
            named.append((("island", "generators", index, "bus"), generator.bus))
    return ((path, bus) for path, bus in named if bus is not None)


def _references(scenario: Scenario) -> Iterator[tuple[KeyPath, str, Kind]]:
    for index, peer in enumerate(scenario.peers):
        if peer.profile is not None:
            yield ("peers", index, "profile"), peer.profile, "load"
        if peer.pv is not None and peer.pv.modules is None:
            yield ("peers", index, "pv", "profile"), peer.pv.profile, "pv"
