"""An instrument on direct current or a load: one switch, and a protection that opens it."""

from .instrument import EmulatedInstrument


class ProtectedInstrument(EmulatedInstrument):
    """What has one output or input, which a trip opens until its protection is cleared."""

    output: bool
    _tripped = False

    def state(self) -> str:
        """Say whether power may flow."""
        return "TRIP" if self._tripped else "RUN" if self.output else "OFF"

    def reset(self) -> None:
        """Return to the settings at power-on: open."""
        super().reset()
        self._defaults()

    def trip(self) -> None:
        """Open, until the protection is cleared."""
        self.output, self._tripped = False, True

    def clear_faults(self) -> None:
        """Behave again; it stays open after a trip."""
        super().clear_faults()
        self._clear_protection()

    def _clear_protection(self) -> None:
        """Allow it to close again."""
        self._tripped = False

    def _defaults(self) -> None:
        """Take the settings at power-on."""
        raise NotImplementedError
