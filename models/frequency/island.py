"""An island's frequency: one grid-former closes the balance, everybody else answers.

The order within a tick is: baseline of the inverters, `IslandFrequency.step`, power flow
with the step's answer. What the power flow then made the former deliver, losses included,
goes into the next step, and the former's charge integrates that.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import _kernels_names as kernel
from ._kernels_island import island_tick
from .checks import check
from .former import FormerStore
from .parameters import IslandParams
from .stores import shared_start, store_table
from .tables import (
    INPUTS,
    constants,
    fault,
    generator_table,
    per_peer,
    set_powers,
    share_secondary,
    stage_table,
    stages_in_order,
)
from .tick import IslandTick

Floats = NDArray[np.float64]


class IslandFrequency:
    """Frequency, grid-former, generators, inverters' answers and shedding of one island.

    Parameters
    ----------
    params : IslandParams
    n_peers : int
    dt_s : float
        Length of a tick. [s]

    Attributes
    ----------
    mechanical_kwh : float
        Energy that the turbines gave since the start. [kWh]
    kinetic_kwh : float
        Energy that the rotors took up since the start, linear about nominal. [kWh]
    generator_kwh : float
        Electrical energy of the generators, mechanical less kinetic. [kWh]

    Notes
    -----
    Bookkeeping: stored_kwh + conversion_loss_kwh change by minus the energy of the
    powers given as `former_kw` and of the other stores, to rounding.
    """

    def __init__(self, params: IslandParams, n_peers: int, dt_s: float) -> None:
        check("island", "dt_s", dt_s, "s", "1 ms to 60 s", 1e-3, 60)
        check("island", "n_peers", n_peers, "", "1 or more", 1, math.inf)
        self.params, self.n_peers, self.dt_s = params, n_peers, dt_s
        self._brought_kw = np.zeros((kernel.N_BROUGHT, n_peers))
        self._inputs_kw = tuple(self._brought_kw[: len(INPUTS)])
        self._answered = np.zeros((kernel.N_ANSWERED, n_peers))
        rated_kw = per_peer(params.inverters.rated_kw, n_peers, "inverters.rated_kw")
        stage_of_peer = per_peer(params.stage_of_peer, n_peers, "stage_of_peer")
        self._stage_of_peer = (
            np.empty(0, np.int64) if stage_of_peer is None else stage_of_peer.astype(np.int64)
        )
        self._store = FormerStore(params.former, dt_s)
        self._constants = constants(params, dt_s)
        if rated_kw is not None:
            self._constants[kernel.RATED] = 1.0
            self._brought_kw[kernel.DOWN_RATED :] = rated_kw
        self._generators = generator_table(params)
        self._stores = store_table(params.stores, params.nominal_hz)
        share_secondary(params, self._constants, self._generators, self._stores)
        self._stages = stage_table(params)
        n_states = kernel.FIRST + 2 * len(params.generators) + len(params.stores) + 1
        self._x = np.zeros(n_states)
        self._work = np.zeros((5, n_states))
        window = max(round(0.5 * self._constants[kernel.N_BASE] / dt_s), 1)
        self._memory = np.zeros(kernel.RING + window)
        self._results = np.zeros(kernel.N_RESULTS)
        self._sink_kw = 0.0
        self._stepped = self._tripping = False
        self.mechanical_kwh = self.kinetic_kwh = self.generator_kwh = 0.0
        self._tick = IslandTick.at_rest(
            params.nominal_hz,
            self._answered,
            self._generators[:, kernel.POWER],
            self._stores[:, kernel.S_MEAN],
            former_soc=self._store.soc,
            vm_pu=self._store.vm_pu,
        )
        for row, generator in enumerate(params.generators):
            self._set_generator(row, generator.p_set_kw)

    @property
    def former_soc(self) -> float:
        """State of charge, of what has been booked. [1]"""
        return self._store.soc

    @property
    def stored_kwh(self) -> float:
        """Energy in the former's store and in those beside it. [kWh]"""
        return self._store.stored_kwh + float(self._stores[:, kernel.STORED].sum())

    @property
    def conversion_loss_kwh(self) -> float:
        """Energy lost in conversion by former and stores since the start. [kWh]"""
        return self._store.conversion_loss_kwh + float(self._stores[:, kernel.S_LOSS].sum())

    @property
    def stores_soc(self) -> Floats:
        """State of charge of each store beside the former, of what has been booked. [1]"""
        soc: Floats = self._stores[:, kernel.STORED] / self._stores[:, kernel.CAPACITY]
        return soc

    def equilibrate(self, p_load_kw: float, p_der_kw: float, p_losses_kw: float = 0.0) -> None:
        """Choose set powers so that the island starts at rest at nominal frequency.

        The generators keep their set powers if the former can carry the rest;
        otherwise they are moved, in order, as far as their limits let them.

        Raises
        ------
        ValueError
            If generators and former together cannot carry the balance.
        """
        need_kw = p_load_kw - p_der_kw + p_losses_kw
        low_kw, high_kw = self._store.limits_kw(0.0)
        low_kw, high_kw = (
            self._formers_per_reference * low_kw,
            self._formers_per_reference * high_kw,
        )
        check("island", "net load at the start", need_kw, "kW", "a finite value", -1e12, 1e12)
        sets_kw = set_powers(self.params.generators, need_kw, low_kw, high_kw)
        former_kw = need_kw - math.fsum(sets_kw)
        slack_kw = 1e-9 * max(1.0, abs(need_kw))
        if not low_kw - slack_kw <= former_kw <= high_kw + slack_kw:
            raise ValueError(
                f"island: grid-former would start at {former_kw:.3f} kW for a net load of "
                f"{need_kw:.3f} kW; expected {low_kw:.3f} to {high_kw:.3f} kW "
                f"(state of charge {self.former_soc:.4f})"
            )
        for row, set_kw in enumerate(sets_kw):
            self._set_generator(row, set_kw)
        others_kw = shared_start(self._stores, former_kw, float(self.params.former.p_max_kw))
        self._constants[kernel.FORMER_SET] = former_kw - others_kw
        self._x[: kernel.FIRST] = 0.0
        self._x[kernel.FIRST + 2 * len(self.params.generators) :] = 0.0
        self._memory[:] = 0.0

    @property
    def _formers_per_reference(self) -> float:
        """Power of all formers over that of the reference. [1]"""
        forming = self._stores[:, kernel.KIND] == kernel.FORMING
        others_kw = float(self._stores[forming, kernel.S_P_MAX].sum())
        return 1.0 + others_kw / self.params.former.p_max_kw

    def _set_generator(self, row: int, set_kw: float) -> None:
        self._generators[row, kernel.SET] = set_kw
        first = kernel.FIRST + 2 * row
        self._x[first : first + 2] = set_kw

    def trip_generator(self, name: str) -> None:
        """Take a generator off the island at the start of the next step.

        Raises
        ------
        ValueError
            If no generator has this name.
        """
        names = [generator.name for generator in self.params.generators]
        if name not in names:
            raise ValueError(f"no generator {name!r}; known: {', '.join(names) or 'none'}")
        self._generators[names.index(name), kernel.ONLINE] = 0.0

    def trip_former(self) -> None:
        """Take the grid-former off: the island is black from the next step on."""
        self._tripping = True

    def order_shedding(self, order: NDArray[np.int64], load_kw: Floats) -> bool:
        """Say who is shed first, in place of the stages that peers were given.

        Each stage takes peers in this order until it has its share of all load; a peer belongs to
        the stage in which its middle lies. While a stage is active, the order stays: it would
        switch some off and others on without any change of frequency.

        Parameters
        ----------
        order : (m,) int64 array
            Positions of peers, the first to be shed first; who is not in it is spared.
        load_kw : (n,) array
            Load of all peers by which shares are counted. [kW]

        Returns
        -------
        bool
            Whether it was taken.
        """
        if self._stages[:, kernel.ACTIVE].any():
            return False
        shares = [stage.share for stage in self.params.stages]
        self._stage_of_peer = stages_in_order(order, load_kw, shares)
        return True

    def restore(self, stage: int | None = None) -> None:
        """Switch shed load on again: one stage, counted from 0, or all."""
        rows = slice(None) if stage is None else slice(stage, stage + 1)
        if stage is not None:
            last = len(self.params.stages) - 1
            check("island", "stage to restore", stage, "", f"0 to {last}", 0, last)
        self._stages[rows, kernel.ACTIVE] = 0.0
        self._stages[rows, kernel.TIMER] = 0.0

    def step(
        self,
        *,
        load_kw: Floats,
        der_kw: Floats,
        down_kw: Floats,
        up_kw: Floats,
        losses_kw: float = 0.0,
        former_kw: float | None = None,
        former_kvar: float = 0.0,
    ) -> IslandTick:
        """Carry the island through one tick.

        Parameters
        ----------
        load_kw, der_kw : (n,) array
            Consumption and the inverters' injection, both before any answer to
            frequency. [kW]
        down_kw, up_kw : (n,) array
            How far each peer's inverter can go below and above that. [kW]
        losses_kw : float
            Line losses of the last tick. [kW]
        former_kw, former_kvar : float
            What last tick's power flow made the former deliver; without
            `former_kw`, what the last step expected. The first step, which has
            no last tick, takes only `losses_kw`. [kW], [kvar]

        Returns
        -------
        IslandTick
            The same object every time, arrays included: copy what you keep.
            A tick in which the former trips is black as a whole.

        Raises
        ------
        ValueError
            For arrays of another shape and values that are negative or not finite.
        """
        former_kw = self._tick.former_expected_kw if former_kw is None else float(former_kw)
        losses_kw, former_kvar = float(losses_kw), float(former_kvar)
        if not math.isfinite(losses_kw + former_kw + former_kvar):
            raise ValueError(
                f"island: losses_kw {losses_kw}, former_kw {former_kw}, former_kvar "
                f"{former_kvar}; expected finite values"
            )
        self._bring(load_kw, der_kw, down_kw, up_kw)
        self._take_over(losses_kw, former_kw, former_kvar)
        if self._tick.black:
            return self._dark()
        low_kw, high_kw = self._store.limits_kw(former_kvar)
        code = island_tick(
            self._constants,
            self._generators,
            self._stores,
            self._stages,
            self._x,
            self._work,
            self._memory,
            self._results,
            self._brought_kw,
            self._answered,
            self._stage_of_peer,
            self._sink_kw,
            low_kw,
            high_kw,
            former_kvar,
        )
        if code == kernel.BAD:
            self._stepped = False
            raise ValueError(fault(self._brought_kw))
        return self._dark() if code == kernel.BLACK else self._report()

    def close(self, former_kw: float | None = None) -> None:
        """Book the last tick's former power, after the last step. [kW]"""
        if self._stepped and not self._tick.black:
            self._store.close(self._tick.former_expected_kw if former_kw is None else former_kw)
        self._stepped = False

    def _take_over(self, losses_kw: float, former_kw: float, former_kvar: float) -> None:
        """Book what the power flow made of the last tick, and trip if it must be."""
        tick, store = self._tick, self._store
        tick.unexplained_kw = 0.0
        if not self._stepped or tick.black:
            self._sink_kw = losses_kw
        else:
            store.close(former_kw)
            self._sink_kw += former_kw - tick.former_expected_kw
            tick.unexplained_kw = self._sink_kw - losses_kw
            store.follow_voltage(former_kw, former_kvar)
            tick.black = store.empty or store.overfull(former_kw)
        tick.black |= self._tripping
        self._stepped, self._tripping = True, False

    def _report(self) -> IslandTick:
        tick, nominal_hz, hours = self._tick, self.params.nominal_hz, self.dt_s / 3600
        (
            mean_hz,
            min_hz,
            max_hz,
            tick.rocof_hz_per_s,
            tick.rocof_500ms_hz_per_s,
            tick.former_expected_kw,
            tick.generator_kw,
            mechanical_kw,
            kinetic_kws,
            stages,
            _,
            tick.secondary_kw,
            end_hz,
            tick.droop_offset_hz,
        ) = self._results.tolist()
        tick.f_hz = nominal_hz + mean_hz
        tick.f_min_hz, tick.f_max_hz = nominal_hz + min_hz, nominal_hz + max_hz
        tick.f_end_hz = nominal_hz + end_hz
        tick.former_soc = self._store.soc
        tick.reference_vm_pu = self._store.vm_pu
        tick.stages_shed = int(stages)
        self.mechanical_kwh += mechanical_kw * hours
        self.kinetic_kwh += kinetic_kws / 3600
        self.generator_kwh += tick.generator_kw * hours
        return tick

    def _dark(self) -> IslandTick:
        """Report a tick without supply."""
        tick = self._tick
        tick.darken(self._brought_kw[kernel.DER])
        tick.former_soc = self._store.soc
        tick.stages_shed = int(self._stages[:, kernel.ACTIVE].sum())
        return tick

    def _bring(self, *values: Floats) -> None:
        """Copy the peers' arrays to where the kernel reads them."""
        shape = (self.n_peers,)
        for name, row, value in zip(INPUTS, self._inputs_kw, values, strict=True):
            if value.shape != shape:
                raise ValueError(f"island: {name} has shape {value.shape}; expected {shape}")
            row[...] = value
