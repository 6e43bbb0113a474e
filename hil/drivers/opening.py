"""From a line of the station file to a device that can be asked."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from hil.errors import IdentityError
from hil.link.options import LinkOptions
from hil.link.transport import Opener
from hil.link.visa import open_link as open_visa
from hil.roles import Device, Link
from hil.station import StationDevice

from .channels import Channels
from .sunspec.address import is_sunspec

OpenLink = Callable[[StationDevice, str], Link]
Tap = Callable[[Opener], Opener]
Driver = Callable[[StationDevice, str, OpenLink], Device]


def open_link_of(device: StationDevice, address: str, *, tap: Tap | None = None) -> Link:
    """Connect to the device, and make sure that it is the one that the station expects.

    Parameters
    ----------
    device : StationDevice
    address : str
    tap : callable, optional
        Stands between link and wire, as `hil.link.record.Recorder.tap` gives it.

    Raises
    ------
    LinkError
        Nobody answers there.
    IdentityError
        Somebody else does.
    """
    if is_sunspec(address):
        from .sunspec.link import open_modbus

        return open_modbus(
            address,
            timeout_s=device.timeout_s,
            expected_identity=device.expected_identity,
            name=device.name,
            tap=tap,
        )
    return open_visa(
        address,
        timeout_s=device.timeout_s,
        expected_identity=device.expected_identity,
        name=device.name,
        options=LinkOptions.of(device.settings),
        tap=tap,
    )


def open_device(
    device: StationDevice,
    address: str,
    *,
    open_link: OpenLink = open_link_of,
) -> Device:
    """Open a device with the driver that the station names, and make sure that it is that one.

    Nothing is set on it yet. Its link sees to it that it stays the same at every connection.

    Parameters
    ----------
    device : StationDevice
    address : str
        Where it is; for an emulated one, where its emulator listens.
    open_link : callable, optional
        Opens the connection, for those that record or replay it.

    Raises
    ------
    LinkError, IdentityError
        Nobody, or somebody else, answers at the address; or its serial number is another.
    ValueError
        No such driver; its file, class or command table is wrong; or an extra is missing.
    """
    opened = _driver_of(device)(device, address, open_link)
    try:
        if device.serial_number is not None:
            _expect_serial(device, address, opened.identify().serial)
    except BaseException:
        opened.close()
        raise
    return opened


def _expect_serial(device: StationDevice, address: str, serial: str) -> None:
    if serial != device.serial_number:
        raise IdentityError(
            f"{device.name}: at {address} is number {serial!r}; expected "
            f"{device.serial_number!r}; nothing was set"
        )


def _driver_of(device: StationDevice) -> Driver:
    """Find the driver by the name that the station gives."""
    if device.driver in _DRIVERS:
        return _DRIVERS[device.driver]
    if ".py:" in device.driver:
        from .own_file import load_driver

        made = load_driver(device)
        return lambda device, address, open_link: made(device, address)
    raise ValueError(
        f"{device.name}: no driver {device.driver!r}; known: {', '.join(sorted(_DRIVERS))}; "
        "or give a file.py:Class beside the station file"
    )


def _open_scpi_inverter(device: StationDevice, address: str, open_link: OpenLink) -> Device:
    """Open an inverter that takes the commands of our emulator."""
    from .scpi_inverter import ScpiInverter

    _expect_role(device, "inverter")
    return ScpiInverter(
        open_link(device, address),
        name=device.name,
        p_rated_kw=device.p_rated_kw,
        channels=Channels.of(device),
    )


def _open_by_table(device: StationDevice, address: str, open_link: OpenLink) -> Device:
    """Open a device that a command table describes; an emulated one has ours."""
    from .table import EMULATOR, find_table, load_table
    from .table_roles import open_table_device

    said = device.table or (EMULATOR if device.emulated is not None else None)
    if said is None:
        raise ValueError(f"{device.name}: driver 'scpi' needs a command table; see docs/drivers.md")
    table = load_table(find_table(said))
    link = {"proof": table.speaks.proof, **device.settings.get("link", {})}
    asked = replace(device, settings={**device.settings, "link": link})
    opened = open_link(asked, address)
    try:
        return cast(Device, open_table_device(opened, device, table))
    except BaseException:
        opened.close()
        raise


def _open_sunspec(device: StationDevice, address: str, open_link: OpenLink) -> Device:
    """Open an inverter that speaks SunSpec."""
    _expect_role(device, "inverter")
    try:
        from .sunspec.opening import open_sunspec
    except ModuleNotFoundError as missing:
        raise ValueError(
            f"{device.name}: driver 'sunspec' needs an extra: pip install 'peerwatt[sunspec]'"
        ) from missing
    return open_sunspec(device, address, open_link)


def _expect_role(device: StationDevice, *roles: str) -> None:
    """Refuse a driver for a role it does not play."""
    if device.role not in roles:
        raise ValueError(
            f"{device.name}: driver {device.driver!r} plays {', '.join(roles)}, "
            f"but the station calls it {device.role}"
        )


_DRIVERS: dict[str, Driver] = {
    "scpi": _open_by_table,
    "scpi-inverter": _open_scpi_inverter,
    "sunspec": _open_sunspec,
}
