"""What only emulated devices can: misbehave on demand, and be given their sun and grid."""

from hil.errors import DeviceError, LinkError, SetpointError

from .scpi_device import ScpiDevice

_REFUSED = 16 | 32  # execution and command errors; IEEE 488.2, 11.5.1


class EmulatedScpi(ScpiDevice):
    """Commands of ``SIMulate``, which no real device has."""

    def inject(self, fault: str, *values: float) -> None:
        """Make an emulated device misbehave: ``trip``, ``drop``, ``delay``, …

        Raises
        ------
        DeviceError
            It knows no such fault, as no real device does.
        """
        command = f"SIM:FAUL {','.join([fault.upper(), *map(str, values)])}"
        if fault.lower() == "reboot":
            self._reboot(command)
        else:
            self._simulate(command, f"fault {fault!r}")

    def clear_faults(self) -> None:
        """Make an emulated device behave again; after a trip it reconnects by its own rules."""
        self._link.write("SIM:FAUL:CLE")

    def surround(self, available_kw: float, vm_pu: float, f_hz: float) -> None:
        """Say what its source could give and what its terminals see. [kW], [p.u.], [Hz]

        Raises
        ------
        SetpointError
            A number is negative or not finite; nothing is sent.
        DeviceError
            It takes no surroundings, as no real device does.
        """
        self._refuse_impossible(available_kw, vm_pu, f_hz)
        self._simulate(
            f"SIM:SURR {1000.0 * available_kw},{vm_pu},{f_hz}", "sun and grid from the bench"
        )

    def _refuse_impossible(self, available_kw: float, vm_pu: float, f_hz: float) -> None:
        """Refuse surroundings that no terminals see; NaN is one of them."""
        if not all(0 <= value < float("inf") for value in (available_kw, vm_pu, f_hz)):
            raise SetpointError(
                f"{self.name}: {available_kw} kW available at {vm_pu} p.u. and {f_hz} Hz; "
                "expected finite numbers, 0 or more; nothing was sent"
            )

    def _reboot(self, command: str) -> None:
        """Have it end all connections, this one too, so that the order has no answer."""
        self._link.query("*ESR?")  # it is there
        try:
            self._simulate(command, "fault 'reboot'")
        except LinkError:
            self._link.drop()

    def _simulate(self, command: str, what: str) -> None:
        """Send a command, and see whether the device understood it and can do it.

        Its error queue may hold errors of before, and a fault may put one of its own there, as
        a source that opens does; the event status register tells them apart.
        """
        _, events = self._fields(self._link.query(f"*ESR?;:{command};*ESR?"), ";", 2)
        if int(self._number(events, events)) & _REFUSED:
            raise DeviceError(f"{self.name}: {what} was refused: {self._last_error()}")
