"""A block with a device that begins and ends in its safe state."""

from types import TracebackType
from typing import Self


class MadeSafe:
    """A device that is made safe when its block begins, and however it ends."""

    name: str

    def __enter__(self) -> Self:
        """Start from the safe state."""
        self.make_safe()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Make it safe; a failure to do so never hides what ended the block."""
        try:
            self.make_safe()
        except Exception as unsafe:
            if fault is None:
                raise
            fault.add_note(f"{self.name} may not be in its safe state: {unsafe}")
        finally:
            self.close()

    def make_safe(self) -> None:
        """Bring it to its safe state, read back."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of it, as it stands."""
        raise NotImplementedError
