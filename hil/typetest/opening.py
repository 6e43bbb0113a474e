"""From a station, or a standard alone, to a lab with a device in it; safe and gone at the end."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from hil.drivers.opening import open_device
from hil.drivers.scpi_inverter import ScpiInverter
from hil.emulated_bench import EmulatedStation
from hil.errors import DeviceError
from hil.roles import Analyser, Device, GridSimulator, Inverter, Lockstep, PvSimulator
from hil.safety.energised import energised
from hil.safety.guarded import guarded
from hil.station import Station, StationDevice
from models.inverters.standards import Profile

from .bench_lab import BenchLab, Instruments
from .emulated_functions import EmulatedFunctions
from .lab import Lab, Ratings
from .lockstep_lab import LockstepLab, TakesTheClock
from .model_lab import ModelLab


class TargetError(ValueError):
    """The station has no such device, or not what stands around one; change the station."""


@dataclass(frozen=True)
class Target:
    """A device in its lab.

    Attributes
    ----------
    about : mapping of str to str
        Who it is, what it says of itself, how it is tested; for the report.
    """

    lab: Lab
    about: Mapping[str, str] = field(default_factory=dict)


def device_of(station: Station, name: str | None) -> StationDevice:
    """Find the inverter to be tested; the only one unless named.

    Raises
    ------
    TargetError
        There is none of that name, or several and none is named.
    """
    inverters = {one.name: one for one in station.devices if one.role == "inverter"}
    if name is None and len(inverters) == 1:
        return next(iter(inverters.values()))
    if name in inverters:
        return inverters[name]
    known = ", ".join(inverters) or "none"
    raise TargetError(f"{station.file}: inverters: {known}; name one of them with --device")


def model_target(profile: Profile, *, dt_s: float = 0.02) -> Target:
    """The model of an inverter with a standard's functions, 10 kW and 10 kVA."""
    nominal_hz = float(profile.settings["f_nominal_hz"].value)
    lab = ModelLab(Ratings(10.0, 10.0), profile.functions, f_nominal_hz=nominal_hz, dt_s=dt_s)
    about = {
        "device": f"model of an inverter, set to {profile.name}",
        "ratings": "10 kW, 10 kVA",
        "time": f"simulated, in steps of {dt_s:g} s",
    }
    return Target(lab, about)


@contextmanager
def emulated_target(
    station: Station, device: StationDevice, *, dt_s: float = 0.02
) -> Iterator[Target]:
    """Start a device's emulator alone, on simulated time.

    Raises
    ------
    DeviceError
        It does not start, or is none that takes the bench's clock.
    """
    alone = replace(station, devices=(device,))
    with EmulatedStation(alone) as emulated:
        # On simulated time nobody is in a hurry, and a first step may compile.
        patient = replace(device, timeout_s=max(device.timeout_s, 20.0))
        opened = open_device(patient, emulated.addresses[device.name])
        if not isinstance(opened, Lockstep):
            opened.close()
            raise DeviceError(
                f"{device.name}: its driver {device.driver!r} does not hand over the clock; give "
                "--real-time"
            )
        with _left_safe(opened):
            functional = bool((device.emulated or {}).get("standard"))
            driven: TakesTheClock = opened
            if functional and isinstance(opened, ScpiInverter):
                driven = EmulatedFunctions(opened)
            about = {
                **_about(device, str(opened.identify())),
                "time": f"simulated, in ticks of {dt_s:g} s",
            }
            yield Target(
                LockstepLab(driven, _ratings(device), f_nominal_hz=station.f_nominal_hz, dt_s=dt_s),
                about,
            )


@contextmanager
def _left_safe(opened: Device) -> Iterator[None]:
    """Begin and end in the safe state, and let go of it."""
    try:
        opened.make_safe()
        yield
        opened.make_safe()
    finally:
        opened.close()


@contextmanager
def bench_target(
    station: Station,
    device: StationDevice,
    folder: Path,
    *,
    arm_now: bool = False,
    ask: Callable[[str], bool] | None = None,
) -> Iterator[Target]:
    """Open and energise a device and the instruments around it, in real time.

    Parameters
    ----------
    folder : Path
        Where the guardian writes what it did.
    arm_now, ask
        See `hil.safety.arming.arm`.

    Raises
    ------
    TargetError
        No grid simulator plays the same as the device.
    BenchError
        Not armed, not safe, or somebody does not answer.
    """
    node = _node(station, device)
    with EmulatedStation(replace(station, devices=node)) as emulated:
        found = tuple(
            replace(one, address=emulated.addresses.get(one.name, one.address)) for one in node
        )
        with (
            guarded(station, found, folder, arm_now=arm_now, ask=ask) as guard,
            energised(guard.armed, who="type test") as bench,
        ):
            on = _instruments(found, bench.drivers)
            timers = [one.revert_s for one in found if one.revert_s]

            def alive() -> None:
                guard.beat()
                bench.beat()

            def rest() -> None:
                guard.rest()
                bench.rest()

            lab = BenchLab(
                on,
                _ratings(device),
                v_nominal_v=station.v_nominal_v,
                f_nominal_hz=station.f_nominal_hz,
                alive=alive,
                rest=rest,
                longest_play_s=0.5 * min(timers, default=float("inf")),
            )
            yield Target(lab, _about_bench(found, device, on))


def _node(station: Station, device: StationDevice) -> tuple[StationDevice, ...]:
    """The device and what stands around it."""
    plays = device.plays
    node = station.nodes()[plays] if plays is not None else (device,)
    if not any(one.role == "grid-simulator" for one in node):
        raise TargetError(
            f"{station.file}: no grid simulator plays {plays!r} beside {device.name}; a type test "
            "needs one that can leave the grid's normal state"
        )
    return node


def _instruments(found: tuple[StationDevice, ...], drivers: Mapping[str, Any]) -> Instruments:
    """Sort drivers by role."""
    by_role = {one.role: drivers[one.name] for one in found}
    return Instruments(
        device=cast(Inverter, by_role["inverter"]),
        grid=cast(GridSimulator, by_role["grid-simulator"]),
        sun=cast("PvSimulator | None", by_role.get("pv-simulator")),
        analyser=cast("Analyser | None", by_role.get("analyser")),
    )


def _ratings(device: StationDevice) -> Ratings:
    return Ratings(device.p_rated_kw, device.s_rated_kva)


def _about(device: StationDevice, identity: str) -> dict[str, str]:
    """What a lab files about a device."""
    calibrated = [
        f"{word} {day}"
        for word, day in (("on", device.calibrated), ("due", device.calibration_due))
        if day is not None
    ]
    return {
        "device": f"{device.name}, {'emulated' if device.emulated is not None else device.address}",
        "identity": identity,
        "firmware in the station file": device.firmware or "not given",
        "ratings": f"{device.p_rated_kw:g} kW, {device.s_rated_kva:g} kVA",
        "calibration": ", ".join(calibrated) or "not given",
    }


def _about_bench(
    found: tuple[StationDevice, ...], device: StationDevice, on: Instruments
) -> dict[str, str]:
    """The same of the device and of every instrument."""
    about = _about(device, str(on.device.identify()))
    for role, driver in (("grid", on.grid), ("sun", on.sun), ("analyser", on.analyser)):
        if driver is not None:
            own = next(one for one in found if one.name == driver.name)
            told = _about(own, str(driver.identify()))
            about[role] = f"{told['identity']}; calibration {told['calibration']}"
    return {**about, "time": "real"}
