"""SunSpec's common model, which stands first: who a device says it is.

SunSpec device information model specification 1.1, 6.3 (unverified: remembered); the layout is
that of model 1 in `pysunspec2`.
"""

from hil.errors import IdentityError
from hil.roles import Identity

BASES = (40_000, 0, 50_000)
"""Registers at which a device's models may begin."""
MARK = b"SunS"
_COMMON, _LENGTHS = 1, (65, 66)
NAMEPLATE = 2 + 2 + min(_LENGTHS)
"""Registers from the mark to the end of the shorter of the two layouts."""
_FIELDS = ((0, 16), (16, 16), (48, 16), (40, 8))  # Mn, Md, SN, Vr: first register, registers


def identity_in(name: str, data: bytes) -> Identity:
    """Read the common model with the mark before it.

    Raises
    ------
    IdentityError
        It is none, or has characters that no name has.
    """
    number, length = int.from_bytes(data[4:6]), int.from_bytes(data[6:8])
    if data[:4] != MARK or number != _COMMON or length not in _LENGTHS:
        raise IdentityError(f"{name}: {data[:8].hex(' ')} is no common model of SunSpec")
    return Identity(*(_text(name, data[8 + 2 * at : 8 + 2 * (at + n)]) for at, n in _FIELDS))


def _text(name: str, data: bytes) -> str:
    """Read a string, padded with zeros or blanks."""
    text = data.split(b"\0")[0].decode("latin-1").strip()
    if not text.isascii() or not (text.isprintable()):
        raise IdentityError(f"{name}: {data[:32]!r} in its common model is no name")
    return text
