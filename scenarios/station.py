"""Read a station: every fault of the file at once, or the bench with every default filled in."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil.station import Interlock, Limits, Station, StationDevice

from . import document
from .checking import Checking
from .faults import ScenarioError
from .rules import nearest
from .rules_station import driver_of, power_limits_kw, station_problems
from .schema_station import NOTHING, BenchDeviceSpec, StationSpec

if TYPE_CHECKING:
    from .resolve import ResolvedScenario

__all__ = ["load_station"]

_STAND_INS: dict[str, Any] = {
    "device": "",
    "plays": NOTHING,
    "query": "",
    "role": "analyser",
    "station": "unnamed",
}


def load_station(
    file: Path | str,
    *,
    scenario: "ResolvedScenario | None" = None,
    today: date | None = None,
) -> Station:
    """Read and check a station.

    Parameters
    ----------
    file : path
        YAML file; drivers and command tables that it names lie beside it.
    scenario : ResolvedScenario, optional
        What is to be run on it: its peers are those that devices can play, and its tick is
        shorter than what devices wait for.
    today : date, optional
        The day that calibrations are judged on, instead of today.

    Raises
    ------
    ScenarioError
        With every fault of the file, each with line and column.
    """
    path = Path(file)
    root, faults = document.read(path, "station")
    checking = _Checking(path, root, faults, model=StationSpec, stand_ins=_STAND_INS)
    spec = checking.fields()
    if spec is None:
        raise ScenarioError(checking.faults)
    checking.problems(station_problems(spec, today or date.today()))
    checking.files(spec)
    if scenario is not None:
        checking.binding(spec, scenario)
    if checking.faults:
        raise ScenarioError(checking.faults)
    return _station(spec, path.resolve())


class _Checking(Checking[StationSpec]):
    """Gathers the faults of one station."""

    def files(self, spec: StationSpec) -> None:
        """Look for the drivers and command tables that lie beside the file."""
        for name, device in spec.devices.items():
            module, colon, _ = (device.driver or "").rpartition(":")
            for key, said in (("driver", module if colon else None), ("table", device.table)):
                if said is None or not _is_path(said):
                    continue
                if not (self._file.parent / said).is_file():
                    text = f"no file {said!r} beside the station; expected one there"
                    self.note(("devices", name, key), text)

    def binding(self, spec: StationSpec, scenario: "ResolvedScenario") -> None:
        """Check what devices play, and how long they wait, against a scenario."""
        peers = [peer.name for peer in scenario.peers]
        known = {*peers, *scenario.network.bus_names}
        tick = scenario.scenario.time.tick
        for name, device in spec.devices.items():
            at = ("devices", name)
            if device.plays not in (NOTHING, *known):
                shown = scenario.scenario.scenario
                text = f"no peer or bus {device.plays!r} in scenario {shown!r}; "
                self.note((*at, "plays"), text + nearest(device.plays, peers))
            for path, wait in (
                (("revert",), device.revert),
                (("on_loss", "after"), device.on_loss.after),
            ):
                if wait is not None and wait.ns <= tick.ns:
                    text = f"{wait} is no longer than the scenario's tick of {tick}; expected more"
                    self.note((*at, *path), text)


def _is_path(said: str) -> bool:
    """Tell a file from the name of something that is shipped."""
    return said.endswith((".py", ".yaml", ".yml")) or "/" in said


def _station(spec: StationSpec, file: Path) -> Station:
    interlock = spec.interlock
    return Station(
        name=spec.station,
        file=file,
        about=spec.about,
        operator=spec.operator,
        devices=tuple(_device(name, one, file) for name, one in spec.devices.items()),
        p_max_kw=spec.p_max_kw,
        v_window_v=spec.v_window_v,
        v_nominal_v=spec.v_nominal_v,
        f_nominal_hz=spec.f_nominal_hz,
        interlock=None if interlock is None else Interlock(**interlock.model_dump()),
        calibration=spec.calibration,
        beyond=spec.beyond,
    )


def _device(name: str, spec: BenchDeviceSpec, file: Path) -> StationDevice:
    """Fill in the defaults of one device that has no fault."""
    as_written = (
        "role",
        "address",
        "serial_number",
        "firmware",
        "calibrated",
        "calibration_due",
        "phase",
        "current_ratio",
        "voltage_ratio",
        "signs",
        "scale",
        "ramp_kw_per_s",
        "interlocked",
    )
    rated_kw = spec.p_rated_kw or 0.0
    emulated = spec.emulated if isinstance(spec.emulated, dict) else {}
    safe = spec.safe_state.model_dump(exclude_none=True)
    return StationDevice(
        name=name,
        driver=_driver(spec, file),
        emulated=emulated if spec.is_emulated else None,
        expected_identity=spec.identity,
        plays=None if spec.plays == NOTHING else spec.plays,
        p_rated_kw=rated_kw,
        s_rated_kva=spec.s_rated_kva or rated_kw,
        limits=_limits(spec),
        safe_state={key: float(value) for key, value in safe.items()},
        timeout_s=spec.timeout.seconds,
        revert_s=None if spec.revert is None else spec.revert.seconds,
        on_loss=spec.on_loss.settled(),
        loop=None if spec.loop is None else spec.loop.loop(),
        table=_table(spec.table, file),
        settings=_settings(spec),
        **{key: getattr(spec, key) for key in as_written},
    )


def _settings(spec: BenchDeviceSpec) -> dict[str, Any]:
    """What the driver takes, with what its link does under ``link``."""
    link = spec.link.model_dump(exclude_none=True, exclude={"quiet"})
    if spec.link.quiet is not None:
        link["quiet_s"] = spec.link.quiet.seconds
    return {**spec.settings, **({"link": link} if link else {})}


def _driver(spec: BenchDeviceSpec, file: Path) -> str:
    """Spell a driver of the user's with the whole path of its file."""
    driver = driver_of(spec)
    module, colon, name = driver.rpartition(":")
    if colon and _is_path(module):
        return f"{(file.parent / module).resolve()}:{name}"
    return driver


def _table(said: str | None, file: Path) -> Path | str | None:
    return (file.parent / said).resolve() if said is not None and _is_path(said) else said


def _limits(spec: BenchDeviceSpec) -> Limits:
    limits = spec.limits
    low_kw, high_kw = power_limits_kw(spec)
    rated_kva = spec.s_rated_kva or spec.p_rated_kw or 0.0
    return Limits(
        p_min_kw=low_kw,
        p_max_kw=high_kw,
        q_max_kvar=rated_kva if limits.q_max_kvar is None else limits.q_max_kvar,
        v_max_v=limits.v_max_v,
        v_min_v=limits.v_min_v,
        i_max_a=limits.i_max_a,
        f_min_hz=limits.f_min_hz,
        f_max_hz=limits.f_max_hz,
    )
