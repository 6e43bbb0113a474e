"""How a link is opened beyond its address: back-end, proof of answers, serial line."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self, get_args, get_type_hints

Parity = Literal["none", "even", "odd", "mark", "space"]
Flow = Literal["none", "rts-cts", "dtr-dsr", "xon-xoff"]
LineEnd = Literal["LF", "CRLF", "CR"]
ProofName = Literal["tag", "errors", "done", "fresh", "none"]


@dataclass(frozen=True, kw_only=True)
class LinkOptions:
    """What the engineer may choose; ``settings: {link: {...}}`` in the station file.

    Attributes
    ----------
    backend : str
        ``@py`` for pyvisa-py; ``@ivi`` for the vendor's library that the system knows, or the
        path of one, or whatever else `pyvisa.ResourceManager` takes.
    proof : ProofName
        How an answer is tied to its question; see `hil.link.proofs`.
    baud : int
        Of a serial line, as are all that follow. [bit/s]
    data_bits : int
    parity : Parity
    stop_bits : {1, 1.5, 2}
    flow : Flow
    line_end : LineEnd
        What ends a line there; elsewhere it is a line feed.
    quiet_s : float
        How long a serial line must be silent before the first question is asked. [s]
    """

    backend: str = "@py"
    proof: ProofName = "tag"
    baud: int = 9600
    data_bits: Literal[7, 8] = 8
    parity: Parity = "none"
    stop_bits: float = 1.0
    flow: Flow = "none"
    line_end: LineEnd = "LF"
    quiet_s: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what no link can be opened with, all faults at once."""
        known = get_type_hints(type(self))
        wrong = [
            f"{name}: {getattr(self, name)!r}; expected {', '.join(map(str, choices))}"
            for name, choices in (
                *((name, get_args(known[name])) for name in known),
                ("stop_bits", (1, 1.5, 2)),
            )
            if choices and getattr(self, name) not in choices
        ]
        for name in ("baud", "quiet_s"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
                wrong.append(f"{name}: {value!r}; expected more than 0")
        if wrong:
            raise ValueError("link: " + "; link: ".join(wrong))

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Take the options out of a device's settings, where they stand under ``link``.

        Raises
        ------
        ValueError
            An option that does not exist, or a value that it cannot have.
        """
        given = settings.get("link", {})
        if not isinstance(given, Mapping):
            raise ValueError(f"link: {given!r}; expected options by name")
        known = [field.name for field in fields(cls)]
        unknown = sorted(map(str, set(given) - set(known)))
        if unknown:
            raise ValueError(f"link: no option {', '.join(unknown)}; known: {', '.join(known)}")
        return cls(**given)
