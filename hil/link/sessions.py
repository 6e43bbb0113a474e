"""The one door to pyvisa: back-ends by name, sessions by address."""

import threading
import traceback
import warnings
from functools import cache
from typing import Any

from .transport import Lost

_ONE_AT_A_TIME = threading.Lock()


def open_session(address: str, *, backend: str, timeout_s: float) -> Any:
    """Open pyvisa's resource at an address.

    Raises
    ------
    Lost
        No such back-end, or nobody there.
    """
    with _ONE_AT_A_TIME:  # filters of warnings belong to the process, and so do back-ends
        manager = _manager(backend)
    timeout_ms = max(1, round(1000 * timeout_s))
    try:
        resource = manager.open_resource(address, open_timeout=timeout_ms)
        resource.timeout = timeout_ms
    except Exception as failure:
        # pyvisa-py raises bare Exception when a connection fails.
        _close_what_it_left(failure)
        raise Lost(f"cannot open {address}: {failure}") from failure
    return resource


def list_resources(*, backend: str = "@py") -> tuple[str, ...]:
    """List the addresses that a back-end finds by itself.

    Raises
    ------
    Lost
        No such back-end.
    """
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        # As above; also what pyvisa-py says of wires that it cannot search.
        warnings.simplefilter("ignore")
        found: tuple[str, ...] = _manager(backend).list_resources("?*")
    return tuple(sorted(found))


def _close_what_it_left(failure: BaseException | None) -> None:
    """Let go of the sockets that pyvisa-py leaves open in the frames of a failure."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        while failure is not None:
            traceback.clear_frames(failure.__traceback__)
            failure = failure.__cause__ or failure.__context__


@cache
def _manager(backend: str) -> Any:
    """Load a back-end, once."""
    with warnings.catch_warnings():
        # pyvisa-py warns of extras that are not needed for what is opened here.
        warnings.simplefilter("ignore")
        import pyvisa

        try:
            return pyvisa.ResourceManager(backend)
        except Exception as failure:
            # Each back-end fails in its own way when its library is missing.
            why = " ".join(str(failure).split())
            raise Lost(
                f"no VISA back-end {backend!r} here ({why}); install its library, or choose @py"
            ) from failure
