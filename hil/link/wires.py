"""Which path a wire takes: our own waits where we have its socket, the back-end's elsewhere."""

from .address import Address
from .options import LinkOptions
from .transport import Transport


def open_transport(
    address: Address, timeout_s: float, options: LinkOptions, after_doubt: bool
) -> Transport:
    """Open the wire that an address names.

    Raises
    ------
    Lost
        Nobody is there.
    """
    if options.backend == "@py" and address.wire == "socket":
        from .raw_socket import RawSocket

        return RawSocket(address, timeout_s=timeout_s)
    if options.backend == "@py" and address.wire == "hislip":
        from .hislip import HiSlip

        return HiSlip(address, timeout_s=timeout_s)
    from .generic import Generic

    return Generic(address, timeout_s=timeout_s, options=options, after_doubt=after_doubt)
