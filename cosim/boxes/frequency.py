"""Opens frequency to mosaik: an input while grid-connected, the balance's answer in an island."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from models.frequency.island import IslandFrequency
from models.frequency.process import FrequencyTick

from .box import Box, FloatArray, Inputs, Log, model, only, silent, total
from .clock import NEVER, Clock
from .islanding import Feeder
from .shedding import SheddingOrder

_BOTH = ["tick", "f[Hz]", "f_min[Hz]", "f_max[Hz]", "rocof[Hz/s]"]


LossesAt = Callable[[FloatArray, FloatArray], float]
"""From all peers' injection [MW], [MVar] to what the lines lose [kW]."""


class FrequencySource(Protocol):
    """What a large grid's frequency does by itself."""

    def step(self) -> FrequencyTick: ...


class FrequencySim(Box):
    """Frequency of a grid that no village can move."""

    models = {"Frequency": model(_BOTH)}

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        source: FrequencySource,
        clock: Clock,
    ) -> dict[str, Any]:
        """Take the process that the frequency follows."""
        self._source, self._clock = source, clock
        meta: dict[str, Any] = self.meta
        return meta

    def advance(self, time: int, inputs: Inputs) -> int | None:
        if not self._clock.is_physics(time):
            return self._clock.preroll if time < self._clock.preroll else NEVER
        self.values["frequency"].update(described(self._source.step()))
        return time + 1 if time + 1 < self._clock.end else NEVER


def described(tick: Any) -> dict[str, float]:
    """Name what both kinds of frequency say of a tick as our boxes name it."""
    return {
        "f[Hz]": tick.f_hz,
        "f_min[Hz]": tick.f_min_hz,
        "f_max[Hz]": tick.f_max_hz,
        "rocof[Hz/s]": tick.rocof_hz_per_s,
    }


class IslandSim(Box):
    """Frequency of an island, and everything in it that answers to frequency.

    It steps before the power flow of its tick and hands it the mean response of every peer, so
    that the power flow, the meters and the swing equation see one power. Line losses and what
    the grid-former really gave come back from the power flow one tick later.
    """

    models = {
        "Frequency": model(
            [
                *_BOTH,
                "load[kW]",
                "der P[MW]",
                "down[kW]",
                "up[kW]",
                "losses[MW]",
                "P_former[MW]",
                "Q_former[MVar]",
                "P[MW]",
                "Q[MVar]",
                "load Q[MVar]",
                "response[kW]",
                "shed[kW]",
                "Vm_ref[pu]",
                "rocof_500ms[Hz/s]",
                "generator[kW]",
                "former_soc[1]",
                "stages_shed",
                "black",
                "stores[kW]",
                "connected",
            ]
        ),
        "Generator": model(["P[MW]"], public=False),
        "Store": model(["P[MW]"], public=False),
    }

    def init(
        self,
        sid: str,
        time_resolution: float = 1.0,
        *,
        island: IslandFrequency,
        clock: Clock,
        losses: Sequence[tuple[int, str]] = (),
        losses_at: LossesAt = lambda *_: 0.0,
        shedding: SheddingOrder | None = None,
        feeder: Feeder | None = None,
        log: Log = silent,
    ) -> dict[str, Any]:
        """Take the island, and the generators to lose as (mosaik time, name).

        `losses_at` foretells the first tick's line losses, so that it begins in equilibrium.
        `shedding` says at a period's start who is shed first; stages stay as given without it.
        `feeder` parts the island from the grid above, joins it, and switches it off.
        """
        self._island, self._clock, self._log = island, clock, log
        self._losses_at, self._shedding, self._feeder = losses_at, shedding, feeder
        self._vm_pu = 1.0
        self._losses: dict[int, list[str]] = {}
        for at, generator in losses:
            self._losses.setdefault(at, []).append(generator)
        self._der_kw, self._unserved = np.zeros((2, island.n_peers))
        self._stages = 0
        self._black = False
        self._tick_h = clock.dt_s / 3600
        self.unserved_kwh = 0.0
        meta: dict[str, Any] = self.meta
        return meta

    def children(self, eid: str) -> list[dict[str, Any]]:
        params = self._island.params
        generators = [{"eid": f"generator:{one.name}"} for one in params.generators]
        stores = [{"eid": f"store:{one.name}"} for one in params.stores]
        return [one | {"type": "Generator"} for one in generators] + [
            one | {"type": "Store"} for one in stores
        ]

    def advance(self, time: int, inputs: Inputs) -> int | None:
        if time < self._clock.preroll:
            return self._clock.preroll
        given = inputs["frequency"]
        former_kw = 1e3 * only(given["P_former[MW]"])
        if time >= self._clock.end:
            self._island.close(former_kw)
            return NEVER
        load_kw = only(given["load[kW]"])
        der_kw = total(given["der P[MW]"], self._der_kw)
        der_kw *= 1e3
        losses_kw = 1e3 * only(given["losses[MW]"])
        feeder = self._feeder
        if time == self._clock.preroll and (feeder is None or not feeder.connected):
            drawn_mvar = only(given["load Q[MVar]"])
            losses_kw = self._losses_at((der_kw - load_kw) * 1e-3, drawn_mvar)
            self._island.equilibrate(float(load_kw.sum()), float(der_kw.sum()), losses_kw)
        for generator in self._losses.get(time, ()):
            self._island.trip_generator(generator)
            self._log(time, "generator_lost", generator=generator)
        self._order_shedding(time, load_kw)
        if feeder is not None:
            feeder.act(time, load_kw, self._vm_pu)
        tick = self._island.step(
            load_kw=load_kw,
            der_kw=der_kw,
            down_kw=only(given["down[kW]"]),
            up_kw=only(given["up[kW]"]),
            losses_kw=losses_kw,
            former_kw=former_kw,
            former_kvar=1e3 * only(given["Q_former[MVar]"]),
        )
        self._publish(tick, load_kw, only(given["load Q[MVar]"]))
        self._tell(time, tick)
        return time + 1

    def _order_shedding(self, time: int, load_kw: FloatArray) -> None:
        if self._shedding is None:
            return
        order = self._shedding.due(self._clock.tick(time))
        if order is not None:
            taken = self._island.order_shedding(order, load_kw)
            self._log(time, "shedding_ordered", taken=taken)

    def _publish(self, tick: Any, load_kw: FloatArray, load_mvar: FloatArray) -> None:
        unserved_kw = load_kw - tick.served_kw
        self.unserved_kwh += float(unserved_kw.sum()) * self._tick_h
        drawn = np.divide(unserved_kw, load_kw, out=self._unserved, where=load_kw > 0)
        feeder, self._vm_pu = self._feeder, tick.reference_vm_pu
        self.values["frequency"].update(
            described(tick)
            | {
                "rocof_500ms[Hz/s]": tick.rocof_500ms_hz_per_s,
                "P[MW]": (tick.response_kw + unserved_kw) * 1e-3,
                "Q[MVar]": -load_mvar * drawn,
                "response[kW]": tick.response_kw,
                "shed[kW]": load_kw * tick.shed_fraction,
                "generator[kW]": tick.generator_kw,
                "former_soc[1]": tick.former_soc,
                "Vm_ref[pu]": feeder.reference_vm_pu(self._vm_pu) if feeder else self._vm_pu,
                "stages_shed": tick.stages_shed,
                "black": tick.black,
                "stores[kW]": float(tick.stores_kw.sum()),
                "connected": float(feeder is not None and feeder.connected),
            }
        )
        powers_kw = tick.generators_kw.tolist()
        for generator, p_kw in zip(self._island.params.generators, powers_kw, strict=True):
            self.values[f"generator:{generator.name}"]["P[MW]"] = p_kw * 1e-3
        for store, p_kw in zip(self._island.params.stores, tick.stores_kw.tolist(), strict=True):
            self.values[f"store:{store.name}"]["P[MW]"] = p_kw * 1e-3

    def _tell(self, time: int, tick: Any) -> None:
        if tick.stages_shed > self._stages and not self._black:
            self._log(time, "load_shed", stage=tick.stages_shed, f_hz=tick.f_min_hz)
        if tick.stages_shed < self._stages and not tick.black:
            self._log(time, "load_restored", stages_left=tick.stages_shed)
        if tick.black and not self._black:
            because = "the grid-former tripped" if self._feeder is None else self._feeder.because
            self._log(time, "black", because=because)
        self._stages, self._black = tick.stages_shed, tick.black
