"""What only emulated devices can: misbehave on demand, and be given their sun and grid."""

from hil.errors import DeviceError, SetpointError

from .scpi_device import ScpiDevice


class EmulatedScpi(ScpiDevice):
    """Commands of ``SIMulate``, which no real device has."""

    def inject(self, fault: str, *values: float) -> None:
        """Make an emulated device misbehave: ``trip``, ``drop``, ``delay``, …

        Raises
        ------
        DeviceError
            It knows no such fault, as no real device does.
        """
        self._simulate(
            f"SIM:FAUL {','.join([fault.upper(), *map(str, values)])}", f"fault {fault!r}"
        )

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

    def _simulate(self, command: str, what: str) -> None:
        """Send a command, and compare the length of the error queue before and after."""
        counts = self._link.query(f"SYST:ERR:COUN?;:{command};:SYST:ERR:COUN?")
        if len(set(self._fields(counts, ";", 2))) != 1:
            raise DeviceError(f"{self.name}: {what} was refused: {self._last_error()}")
