"""From a line of the station file to a SunSpec inverter."""

from collections.abc import Callable
from contextlib import ExitStack

from hil.drivers.channels import Channels
from hil.link.visa import open_link as open_visa
from hil.roles import Link
from hil.station import StationDevice

from .address import read_place
from .emulated import EmulatedSunSpecInverter
from .inverter import SunSpecInverter
from .link import ModbusLink


def open_sunspec(
    device: StationDevice, address: str, open_link: Callable[[StationDevice, str], Link]
) -> SunSpecInverter:
    """Open an inverter that speaks SunSpec; an emulated one has a door beside, for its faults.

    Raises
    ------
    LinkError, IdentityError, DeviceError
        Nobody answers, somebody else, or no inverter with a limit.
    ValueError
        The address is none of this kind.
    """
    place = read_place(address)
    channels = Channels.of(device)
    with ExitStack() as opening:
        link = open_link(device, address)
        opening.callback(link.close)
        if not isinstance(link, ModbusLink):
            raise ValueError(f"{device.name}: {address} was opened as lines; expected registers")
        made: SunSpecInverter
        if place.scpi is None:
            made = SunSpecInverter(
                link, name=device.name, p_rated_kw=device.p_rated_kw, channels=channels
            )
        else:
            beside = open_visa(
                f"TCPIP0::{place.host}::{place.scpi}::SOCKET",
                timeout_s=device.timeout_s,
                name=device.name,
            )
            opening.callback(beside.close)
            made = EmulatedSunSpecInverter(
                link,
                name=device.name,
                p_rated_kw=device.p_rated_kw,
                channels=channels,
                beside=beside,
            )
        opening.pop_all()
    return made
