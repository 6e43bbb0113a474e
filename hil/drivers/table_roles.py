"""The six roles over a command table."""

from collections.abc import Callable
from functools import partial

from hil.errors import SetpointError
from hil.roles import (
    AcReading,
    DcReading,
    InverterReading,
    Link,
    Role,
    SourceStep,
    StorageReading,
)
from hil.station import StationDevice
from hil.tried import all_tried
from hil.turns import Talk, finish

from .scpi_emulated import EmulatedScpi
from .scpi_lockstep import LockstepScpi
from .scpi_table import TableDevice
from .table_parts import Table
from .table_program import play_program


class _Roled(TableDevice):
    """What the roles share."""

    def make_safe(self) -> None:
        """Bring it to its safe state, read back; every part is tried.

        Raises
        ------
        BenchError
            Of the first part that may not be safe; the others stand in its notes.
        """
        all_tried(self._safe_steps())

    def _safe_steps(self) -> list[Callable[[], None]]:
        """What makes it safe, in order: an output opens first, and closes last."""
        safe = self._device.safe_state
        steps: list[Callable[[], None]] = [
            partial(self._set, name, value)
            for name, value in self._safe_settings(safe.get("p_kw", 0.0), safe.get("vm_v"))
        ]
        if "output" not in self._part.set:
            return steps
        output = safe.get("output", 0.0)
        switch = partial(self._set, "output", output)
        return [*steps, switch] if output else [switch, *steps]

    def _safe_settings(self, p_kw: float, vm_v: float | None) -> list[tuple[str, float]]:
        """What its safe state sets beside the output."""
        return []

    def _within(self, p_kw: float, low_kw: float, high_kw: float) -> None:
        """Refuse a power outside the rating before anything is sent; NaN is outside too."""
        if not low_kw <= p_kw <= high_kw:
            raise SetpointError(
                f"{self.name}: {p_kw} kW is outside {low_kw:g} to {high_kw:g} kW; nothing was sent"
            )


class _Ac(_Roled):
    """A device that tells what flows at AC terminals, into the grid positive."""

    def measure(self) -> AcReading:
        """Read what flows; what a load draws is negative."""
        return finish(self.measuring())

    def measuring(self) -> Talk[AcReading]:
        """Read what flows at AC terminals, and give way while the answer is on its way."""
        read = yield from self._reading_all()
        energy = _numbers(read.get("energy_kwh"))
        return AcReading(
            sum(_numbers(read["p_kw"])),
            sum(_numbers(read["q_kvar"])),
            _numbers(read["vm_v"]),
            _numbers(read["i_a"]),
            _numbers(read["f_hz"])[0],
            energy[0] if energy else None,
        )


class TableInverter(_Roled):
    """Inverter by its table."""

    def limit_power(self, p_kw: float) -> None:
        """Set the active power limit and read it back. [kW]

        Raises
        ------
        SetpointError
            Outside the rating (nothing is sent), refused, or read back differently.
        """
        self._within(p_kw, 0.0, self.p_rated_kw)
        self._set("limit_kw", p_kw)

    def measure(self) -> InverterReading:
        """Read what it feeds now."""
        read = self._read()
        energy = _numbers(read.get("energy_kwh"))
        state = str(read.get("state", "running"))
        return InverterReading(
            sum(_numbers(read["p_kw"])),
            sum(_numbers(read["q_kvar"])),
            state != "running",
            state,
            energy_kwh=energy[0] if energy else None,
        )

    def _safe_settings(self, p_kw: float, vm_v: float | None) -> list[tuple[str, float]]:
        return [("limit_kw", p_kw)]


class TableStorage(_Roled):
    """Store by its table."""

    def set_power(self, p_kw: float) -> None:
        """Discharge at this power, charge below zero; read back. [kW]

        Raises
        ------
        SetpointError
            Outside the rating (nothing is sent), refused, or read back differently.
        """
        self._within(p_kw, -self.p_rated_kw, self.p_rated_kw)
        self._set("power_kw", p_kw)

    def measure(self) -> StorageReading:
        """Read what it does now."""
        read = self._read()
        energy = _numbers(read.get("energy_kwh"))
        state = str(read.get("state", "running"))
        return StorageReading(
            sum(_numbers(read["p_kw"])),
            sum(_numbers(read["q_kvar"])),
            state != "running",
            state,
            _numbers(read["soc"])[0],
            energy[0] if energy else None,
        )

    def _safe_settings(self, p_kw: float, vm_v: float | None) -> list[tuple[str, float]]:
        return [("power_kw", p_kw)]


class _Switched(_Roled):
    """A device with an output."""

    def energise(self, on: bool) -> None:
        """Close or open its output; read back."""
        self._set("output", 1.0 if on else 0.0)


class TableGridSimulator(_Switched, _Ac):
    """AC source by its table."""

    def set_grid(self, vm_v: float, f_hz: float) -> None:
        """Set the voltage of all phases, to neutral, and the frequency; read back. [V], [Hz]

        Raises
        ------
        SetpointError
            Outside its limits (nothing is sent), refused, or read back differently.
        """
        finish(self.setting_grid(vm_v, f_hz))

    def setting_grid(self, vm_v: float, f_hz: float) -> Talk[None]:
        """Do as `set_grid`, and give way while the answer is on its way."""
        limits = self._device.limits
        v_max_v = float("inf") if limits.v_max_v is None else limits.v_max_v
        inside_v = 0.0 <= vm_v <= v_max_v
        if not (inside_v and limits.f_min_hz <= f_hz <= limits.f_max_hz):
            raise SetpointError(
                f"{self.name}: {vm_v} V at {f_hz} Hz is outside 0 to {v_max_v:g} V, "
                f"{limits.f_min_hz:g} to {limits.f_max_hz:g} Hz; nothing was sent"
            )
        yield from self._setting({"vm_v": vm_v, "f_hz": f_hz})

    def _safe_settings(self, p_kw: float, vm_v: float | None) -> list[tuple[str, float]]:
        return [] if vm_v is None else [("vm_v", vm_v)]


class TablePvSimulator(_Switched):
    """PV simulator by its table."""

    def set_available(self, p_kw: float) -> None:
        """Set the power at the maximum power point; read back. [kW]"""
        finish(self.setting_available(p_kw))

    def setting_available(self, p_kw: float) -> Talk[None]:
        """Do as `set_available`, and give way while the answer is on its way."""
        self._within(p_kw, 0.0, self.p_rated_kw)
        yield from self._setting({"available_kw": p_kw})

    def measure(self) -> DcReading:
        """Read what flows from it."""
        read = self._read()
        return DcReading(*(_numbers(read[name])[0] for name in ("p_kw", "v_v", "i_a")))

    def _safe_settings(self, p_kw: float, vm_v: float | None) -> list[tuple[str, float]]:
        return [("available_kw", p_kw)]


class TableLoad(_Switched, _Ac):
    """Electronic load by its table."""

    def set_demand(self, p_kw: float) -> None:
        """Set what it draws, 0 or more; read back. [kW]"""
        self._within(p_kw, 0.0, self.p_rated_kw)
        self._set("demand_kw", p_kw)

    def _safe_settings(self, p_kw: float, vm_v: float | None) -> list[tuple[str, float]]:
        return [("demand_kw", -p_kw)]  # the station says what flows into the grid


class TableAnalyser(_Ac):
    """Power analyser by its table."""


class _Reverts(TableDevice):
    """Has a revert timer of its own."""

    def arm_revert(self, revert_s: float) -> None:
        """Start the device's own timer, read back; every message renews it; 0 stops it. [s]"""
        if not 0 <= revert_s < float("inf"):
            raise SetpointError(f"{self.name}: {revert_s} s is no time; nothing was sent")
        self._set("revert_s", revert_s)


class _Ticks(LockstepScpi, TableDevice):
    """Takes the bench's clock."""

    _tolerance_kw = 0.001

    def __init__(self, link: Link, device: StationDevice, table: Table) -> None:
        super(LockstepScpi, self).__init__(link, device, table)
        self._least_kw = -self.p_rated_kw if device.role == "storage" else 0.0

    def _setpoint(self, p_kw: float) -> str:
        """Spell the command that sets its power. [kW]"""
        name = "power_kw" if self._device.role == "storage" else "limit_kw"
        setting = self._part.set[name]
        return self._spelled(setting, p_kw / setting.factor(self._rated(name)), p_kw, "")


class _Plays(TableDevice):
    """Plays a list of steps by itself."""

    def play(self, steps: tuple[SourceStep, ...]) -> None:
        """Load the steps and trigger them; returns when the last one is over."""
        assert self._part.program is not None
        play_program(self.name, self._part.program, self._device.limits, steps, self._converse)


ROLES: dict[Role, type[_Roled]] = {
    "inverter": TableInverter,
    "storage": TableStorage,
    "grid-simulator": TableGridSimulator,
    "pv-simulator": TablePvSimulator,
    "load": TableLoad,
    "analyser": TableAnalyser,
}


def open_table_device(link: Link, device: StationDevice, table: Table) -> TableDevice:
    """Make the driver that a table and a role give: with the abilities that the table has.

    Raises
    ------
    ValueError
        The table does not play the role, or not as the station wires it.
    """
    part = table.roles.get(device.role)
    abilities: list[type] = []
    if part is not None and "revert_s" in part.set:
        abilities.append(_Reverts)
    if part is not None and part.program is not None:
        abilities.append(_Plays)
    if table.speaks.emulated:
        abilities.append(_Ticks if device.role in ("inverter", "storage") else EmulatedScpi)
    base = ROLES[device.role]
    made: type[TableDevice] = type(base.__name__, (*abilities, base), {}) if abilities else base
    return made(link, device, table)


def _numbers(value: tuple[float, ...] | str | None) -> tuple[float, ...]:
    """Narrow to numbers; none for a quantity that the table does not read."""
    return value if isinstance(value, tuple) else ()
