"""What a station's parts say together: who is where, who plays what, limits inside ratings."""

from collections.abc import Iterator
from datetime import date

from hil.drivers.sunspec.address import is_sunspec, read_place
from hil.link.address import read_address
from hil.station import same_place

from .rules import nearest
from .schema_station import NOTHING, BenchDeviceSpec, StationSpec
from .spec import Problem

DRIVERS = ("scpi-inverter", "scpi", "sunspec")
_DRAWING = ("storage", "load", "grid-simulator", "analyser")
_NEVER = float("inf")


def station_problems(station: StationSpec, today: date) -> list[Problem]:
    """Gather everything that parts of a station contradict each other in."""
    problems = [*_bench_problems(station), *_node_problems(station), *_twin_problems(station)]
    for name, device in station.devices.items():
        found = [
            *_place_problems(device),
            *_driver_problems(device),
            *_identity_problems(device),
            *_rating_problems(device),
            *_limit_problems(device),
            *_source_problems(device, station),
            *_loop_problems(device, station),
            *_time_problems(device),
            *_calibration_problems(device, station, today),
        ]
        problems += [Problem(("devices", name, *one.path), one.message) for one in found]
    return problems


def power_limits_kw(device: BenchDeviceSpec) -> tuple[float, float]:
    """Least and most power that a device may be asked for, defaults filled in. [kW]"""
    rated_kw = device.p_rated_kw or 0.0
    low_kw = 0.0 - rated_kw if device.role in _DRAWING else 0.0
    high_kw = 0.0 if device.role == "load" else rated_kw
    limits = device.limits
    return (
        low_kw if limits.p_min_kw is None else limits.p_min_kw,
        high_kw if limits.p_max_kw is None else limits.p_max_kw,
    )


def _bench_problems(station: StationSpec) -> Iterator[Problem]:
    if station.v_window_v is not None:
        low_v, high_v = station.v_window_v
        if not low_v < station.v_nominal_v < high_v:
            message = f"{low_v:g} to {high_v:g} V excludes the nominal {station.v_nominal_v:g} V"
            yield Problem(("v_window_v",), f"{message}; the bench could never be energised")
    interlock = station.interlock
    if interlock is not None and interlock.device not in station.devices:
        message = f"no device {interlock.device!r} on the bench; "
        message += nearest(interlock.device, station.devices)
        yield Problem(("interlock", "device"), message, refers=("devices",))


def _twin_problems(station: StationSpec) -> Iterator[Problem]:
    """Find two devices at one address, or with one serial number."""
    places: dict[str, str] = {}
    serials: dict[tuple[str, str], str] = {}
    for name, device in station.devices.items():
        if device.address is not None:
            first = places.setdefault(same_place(device.address), name)
            if first != name:
                message = f"{device.address!r} is the address of {first!r} already"
                yield Problem(
                    ("devices", name, "address"), f"{message}; expected one device at an address"
                )
        if device.serial_number is not None:
            # Makers number each model from 1 on, so a number alone does not make two devices one.
            model = (device.identity or "").rpartition(device.serial_number)[0]
            first = serials.setdefault((model, device.serial_number), name)
            if first != name:
                message = f"{device.serial_number!r} is the serial number of {first!r} already"
                yield Problem(
                    ("devices", name, "serial_number"), f"{message}; is one device named twice?"
                )


def _node_problems(station: StationSpec) -> Iterator[Problem]:
    """Find devices of one role that play the same peer, and sources that feed nobody."""
    nodes: dict[str, dict[str, str]] = {}
    for name, device in station.devices.items():
        if device.plays == NOTHING:
            continue
        roles = nodes.setdefault(device.plays, {})
        first = roles.setdefault(device.role, name)
        if first != name:
            message = f"{first!r} plays the {device.role} of {device.plays!r} already"
            yield Problem(
                ("devices", name, "plays"), f"{message}; expected one device for each role"
            )
    for plays, roles in nodes.items():
        if not {"inverter", "storage", "load"} & set(roles):
            message = f"nothing that moves energy plays {plays!r}; expected an inverter, a storage "
            yield Problem(("devices", next(iter(roles.values())), "plays"), message + "or a load")
        elif "pv-simulator" in roles and "inverter" not in roles:
            message = f"no inverter plays {plays!r}; expected one that this PV simulator feeds"
            yield Problem(("devices", roles["pv-simulator"], "plays"), message)


def _place_problems(device: BenchDeviceSpec) -> Iterator[Problem]:
    address = device.address
    if device.is_emulated:
        if address is not None:
            message = f"{address!r} is given to an emulated device; expected no address: its "
            yield Problem(("address",), message + "emulator takes a free port")
        return
    if address is None:
        message = "missing; expected where the device is, or emulated: true"
        yield Problem(("address",), message)
    elif driver_of(device) in DRIVERS:
        yield from _address_problems(driver_of(device), address)


def _address_problems(driver: str, address: str) -> Iterator[Problem]:
    """Find addresses that a shipped driver cannot open."""
    if is_sunspec(address) and driver != "sunspec":
        message = f"{address!r} is not for {driver}; expected a VISA address, or driver: sunspec"
        yield Problem(("address",), message)
        return
    try:
        if driver == "sunspec":
            read_place(address)
        else:
            read_address(address)
    except ValueError as error:
        yield Problem(("address",), str(error))


def _is_file(driver: str | None) -> bool:
    return ":" in (driver or "")


def _driver_problems(device: BenchDeviceSpec) -> Iterator[Problem]:
    driver = driver_of(device)
    if not _is_file(driver) and driver not in DRIVERS:
        message = f"no driver {driver!r}; {nearest(driver, DRIVERS)}; or give a file.py:Class"
        yield Problem(("driver",), message)
        return
    if driver in ("scpi-inverter", "sunspec") and device.role != "inverter":
        message = f"{driver} does not drive a {device.role}; expected scpi with a table"
        yield Problem(("driver",), message)
    if driver == "sunspec" and device.link.model_fields_set:
        message = f"means nothing to {driver}: Modbus TCP has nothing to choose; expected none"
        yield Problem(("link",), message)
    if "link" in device.settings:
        yield Problem(("settings", "link"), "stands for itself; expected link: beside settings")
    if device.table is not None and driver != "scpi":
        yield Problem(("table",), f"means nothing to {driver}; expected it with driver: scpi")
    if driver == "scpi" and device.table is None and not device.is_emulated:
        message = "missing; expected the command table of the scpi driver"
        yield Problem(("table",), message)


def driver_of(device: BenchDeviceSpec) -> str:
    """Which driver it has, default filled in."""
    return device.driver or ("scpi-inverter" if device.role == "inverter" else "scpi")


def _identity_problems(device: BenchDeviceSpec) -> Iterator[Problem]:
    identity, serial = device.identity, device.serial_number
    if not device.is_emulated and identity is None and serial is None:
        message = (
            "missing, and so is identity; expected one of them, so that a stranger is refused: "
        )
        yield Problem(("serial_number",), message + "`peerwatt devices` shows what answers")
    if identity is not None and identity.count(",") != 3:
        message = f"{identity!r} is no answer to *IDN?; expected maker,model,serial,firmware"
        yield Problem(("identity",), message)
    elif identity is not None:
        _, _, third, fourth = (part.strip() for part in identity.split(","))
        for key, said, given in (
            ("serial_number", third, serial),
            ("firmware", fourth, device.firmware),
        ):
            if given is not None and given != said:
                message = f"{given!r} is not that of the identity, {said!r}; expected the same"
                yield Problem((key,), message)


def _rating_problems(device: BenchDeviceSpec) -> Iterator[Problem]:
    p_kw, s_kva = device.p_rated_kw, device.s_rated_kva
    if p_kw is None and device.role != "analyser":
        yield Problem(("p_rated_kw",), "missing; expected its rated power in kW")
    if p_kw is not None and s_kva is not None and s_kva < p_kw:
        message = f"{s_kva:g} kVA is below the rated power of {p_kw:g} kW; expected that or more"
        yield Problem(("s_rated_kva",), message)


def _limit_problems(device: BenchDeviceSpec) -> Iterator[Problem]:
    """Find limits and safe states that the ratings or the limits do not allow."""
    rated_kw, limits = device.p_rated_kw or _NEVER, device.limits
    for key in ("p_min_kw", "p_max_kw"):
        value = getattr(limits, key)
        if value is not None and abs(value) > rated_kw:
            message = f"{value:g} kW is outside the rated {rated_kw:g} kW; expected a limit within"
            yield Problem(("limits", key), message)
    rated_kva = device.s_rated_kva or rated_kw
    if limits.q_max_kvar is not None and limits.q_max_kvar > rated_kva:
        message = f"{limits.q_max_kvar:g} kvar is beyond the rated {rated_kva:g} kVA"
        yield Problem(("limits", "q_max_kvar"), f"{message}; expected a limit within")
    low_kw, high_kw = power_limits_kw(device)
    safe, q_max_kvar = device.safe_state, limits.q_max_kvar or rated_kva
    bounds = (
        ("p_kw", "kW", low_kw, high_kw),
        ("q_kvar", "kvar", -q_max_kvar, q_max_kvar),
        ("vm_v", "V", 0.0, limits.v_max_v or _NEVER),
    )
    for key, unit, low, high in bounds:
        value = getattr(safe, key)
        if value is not None and not low <= value <= high:
            message = f"{value:g} {unit} is outside the limits of {low:g} to {high:g} {unit}"
            yield Problem(("safe_state", key), f"{message}; expected a safe state within")


def _source_problems(device: BenchDeviceSpec, station: StationSpec) -> Iterator[Problem]:
    """Find sources of a grid that cannot give the nominal one."""
    if device.role != "grid-simulator":
        return
    limits, nominal_v = device.limits, station.v_nominal_v
    if limits.v_max_v is None and not device.is_emulated:
        message = "a grid simulator has no upper voltage; expected v_max_v, what is wired to it "
        yield Problem(("limits",), message + "bears")
    if not limits.v_min_v < nominal_v < (limits.v_max_v or _NEVER):
        shown = "" if limits.v_max_v is None else f" to {limits.v_max_v:g}"
        message = f"{limits.v_min_v:g}{shown} V excludes the nominal {nominal_v:g} V; expected a "
        yield Problem(("limits",), message + "window around it")
    if not limits.f_min_hz < station.f_nominal_hz < limits.f_max_hz:
        message = f"{limits.f_min_hz:g} to {limits.f_max_hz:g} Hz excludes the nominal "
        yield Problem(
            ("limits",), f"{message}{station.f_nominal_hz:g} Hz; expected a window around it"
        )


def _loop_problems(device: BenchDeviceSpec, station: StationSpec) -> Iterator[Problem]:
    """Find loops that are not tried or that nothing closes, and windows that cannot be."""
    loop = device.loop
    if loop is None:
        fed = {one.role for one in station.devices.values() if one.plays == device.plays}
        closes = device.role == "grid-simulator" and device.plays != NOTHING
        if closes and not device.is_emulated and {"inverter", "storage"} & fed:
            message = "missing: a real grid simulator closes a loop over what it feeds, which is "
            yield Problem(("loop",), message + "tried before a run; expected at least loop: {}")
        return
    if device.role != "grid-simulator" or device.plays == NOTHING:
        message = "means nothing here; expected it at a grid simulator that plays a peer"
        yield Problem(("loop",), message)
    for key, nominal, unit in (
        ("v_window_pu", 1.0, "p.u."),
        ("f_window_hz", station.f_nominal_hz, "Hz"),
    ):
        window = getattr(loop, key)
        if window is not None and not window[0] < nominal < window[1]:
            shown = f"{window[0]:g} to {window[1]:g} {unit}"
            message = f"{shown} excludes the nominal {nominal:g} {unit}; expected a window around"
            yield Problem(("loop", key), message)


def _time_problems(device: BenchDeviceSpec) -> Iterator[Problem]:
    revert, timeout = device.revert, device.timeout
    if revert is not None and revert.ns <= timeout.ns:
        message = f"{revert} is no longer than the time-out of {timeout}; the device would fall "
        yield Problem(("revert",), message + "back while the bench still waits; expected more")


def _calibration_problems(
    device: BenchDeviceSpec, station: StationSpec, today: date
) -> Iterator[Problem]:
    done, due = device.calibrated, device.calibration_due
    if done is not None and done > today:
        message = f"{done} has not come yet; expected the day of the last calibration"
        yield Problem(("calibrated",), message)
    if done is not None and due is not None and due <= done:
        message = f"{due} is not after the calibration on {done}; expected a later day"
        yield Problem(("calibration_due",), message)
    elif due is not None and due < today and station.calibration == "refuse":
        message = f"overdue since {due}; have it calibrated, or set calibration: warn"
        yield Problem(("calibration_due",), message)
