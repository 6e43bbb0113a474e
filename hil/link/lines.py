"""What a line is: printable ASCII, one line end, no longer than a line may be."""

from collections.abc import Iterable

from hil.errors import DeviceError, LinkError

from .transport import MAX_LINE


def line_of(name: str, message: str) -> bytes:
    """Make a line of a message.

    Raises
    ------
    ValueError
        It is none: another language, a line end inside, too long. Nothing is sent.
    """
    data = message.encode("ascii") + b"\n"
    if len(data) > MAX_LINE or b"\n" in data[:-1] or b"\r" in data:
        raise ValueError(f"{name}: {message[:80]!r} is not one line of {MAX_LINE} bytes")
    return data


def text_of(name: str, message: str, line: bytes) -> str:
    """Read one line of printable ASCII.

    Raises
    ------
    LinkError
        There is more than one.
    DeviceError
        There are other bytes in it, or none.
    """
    if b"\n" in line[:-1]:
        raise LinkError(f"{name}: {message!r} was answered twice: {line[:80]!r}")
    try:
        text = line[:-1].removesuffix(b"\r").decode("ascii")
    except UnicodeDecodeError:
        text = ""
    if not text.isprintable() or not text:
        raise DeviceError(f"{name}: {message!r} was answered with {line[:80]!r}")
    return text


def compound(name: str, messages: Iterable[str]) -> bytes:
    """Join messages to compound lines, each as long as a line may be."""
    lines: list[str] = []
    for message in messages:
        line_of(name, message)
        rooted = message if message.startswith((":", "*")) else f":{message}"
        if lines and len(lines[-1]) + len(rooted) + 2 <= MAX_LINE:
            lines[-1] += f";{rooted}"
        else:
            lines.append(rooted)
    return b"".join(line_of(name, line) for line in lines)
