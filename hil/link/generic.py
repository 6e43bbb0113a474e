"""Any wire that a VISA back-end can open: serial, USB, GPIB, VXI-11, and all of a vendor's.

The back-end waits here, so what it does with a late answer or a lost device is its own; the
link therefore drops the session at any doubt, clears the device when it opens the next, and
lets its proof decide which answer belongs to which question.
"""

import contextlib
import time
from typing import Any

from .address import Address, Wire
from .options import LinkOptions
from .sessions import open_session
from .transport import MAX_LINE, Lost, Overlong, Silent

_LINE_ENDS = {"LF": b"\n", "CRLF": b"\r\n", "CR": b"\r"}
_MESSAGE_BASED: tuple[Wire, ...] = ("usb", "gpib", "vxi11", "hislip")


class Generic:
    """Lines over whatever the back-end opens; see `Transport`."""

    def __init__(
        self, address: Address, *, timeout_s: float, options: LinkOptions, after_doubt: bool
    ) -> None:
        self.remembers = address.wire == "serial"
        self._end = _LINE_ENDS[options.line_end] if self.remembers else b"\n"
        self._wait_s = timeout_s
        self._resource: Any = open_session(
            address.text, backend=options.backend, timeout_s=timeout_s
        )
        try:
            self._prepare(address, options, after_doubt)
        except Lost:
            self.close()
            raise
        except Exception as failure:
            # What a back-end cannot do it says in its own way.
            self.close()
            raise Lost(f"cannot open {address}: {failure}") from failure

    def send(self, data: bytes) -> None:
        """Send whole lines."""
        if self._end != b"\n":
            data = data.replace(b"\n", self._end)
        try:
            sent, _ = self._resource.visalib.write(self._resource.session, data)
        except Exception as failure:
            raise Lost(f"connection lost: {failure}") from failure
        if sent != len(data):
            raise Lost(f"connection lost: {sent} of {len(data)} bytes went out")

    def receive(self, wait_s: float) -> bytes:
        """Wait for what ends with a line end, or with the end of a message."""
        if wait_s != self._wait_s:
            self._wait_s = wait_s
            self._resource.timeout = max(1, round(1000 * wait_s))
        line = self._read(MAX_LINE + 1)
        if len(line) > MAX_LINE:
            raise Overlong(line[:80])
        if line.endswith(self._end[-1:]):
            line = line[:-1]
        return line + b"\n"

    def unasked(self) -> bytes:
        """Look at what lies there unread, where the back-end can tell."""
        if not self.remembers:
            return b""
        try:
            ready = self._resource.bytes_in_buffer
        except Exception as failure:
            raise Lost(f"connection lost: {failure}") from failure
        return self._read(min(ready, MAX_LINE)) if ready else b""

    def close(self) -> None:
        """Close pyvisa's session."""
        with contextlib.suppress(Exception):  # what is gone cannot be closed
            self._resource.close()

    def _read(self, count: int) -> bytes:
        """Have the back-end read up to so many bytes."""
        from pyvisa.constants import StatusCode
        from pyvisa.errors import VisaIOError

        try:
            with self._resource.ignore_warning(StatusCode.success_max_count_read):
                data, _ = self._resource.visalib.read(self._resource.session, count)
        except VisaIOError as failure:
            if failure.error_code == StatusCode.error_timeout:
                raise Silent() from None
            raise Lost(f"connection lost: {failure}") from failure
        except Exception as failure:
            # pyserial, pyusb and the vendors' libraries each have their own.
            raise Lost(f"connection lost: {failure}") from failure
        return bytes(data)

    def _prepare(self, address: Address, options: LinkOptions, after_doubt: bool) -> None:
        """Set the wire up, and get rid of what an earlier session left on it."""
        from pyvisa.constants import ResourceAttribute

        if address.wire == "serial":
            self._set_serial(options)
            self._await_quiet(options.quiet_s)
            return
        if address.wire in _MESSAGE_BASED:
            # At the first connection nothing is cleared: some devices freeze.
            if after_doubt:
                self._resource.clear()
            return
        for attribute, value in (
            (ResourceAttribute.termchar, ord("\n")),
            (ResourceAttribute.termchar_enabled, True),
        ):
            self._resource.set_visa_attribute(attribute, value)

    def _set_serial(self, options: LinkOptions) -> None:
        """Speed and framing of a serial line."""
        from pyvisa import constants

        line = self._resource
        line.baud_rate, line.data_bits = options.baud, options.data_bits
        line.parity = constants.Parity[options.parity]
        line.stop_bits = {
            1: constants.StopBits.one,
            1.5: constants.StopBits.one_and_a_half,
            2: constants.StopBits.two,
        }[options.stop_bits]
        line.flow_control = constants.ControlFlow[options.flow.replace("-", "_")]
        line.end_input = constants.SerialTermination.termination_char
        line.end_output = constants.SerialTermination.none
        line.set_visa_attribute(constants.ResourceAttribute.termchar, self._end[-1])

    def _await_quiet(self, quiet_s: float) -> None:
        """Throw away what comes until nothing comes; somebody who never stops is a fault."""
        began_s = heard_s = time.monotonic()
        while time.monotonic() - heard_s < quiet_s:
            if self.unasked():
                heard_s = time.monotonic()
                if heard_s - began_s > 20 * quiet_s:
                    raise Lost("the line does not fall silent; somebody else is asking there")
            time.sleep(quiet_s / 10)
