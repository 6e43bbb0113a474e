"""How long a LoRa frame is on the air, and how long its sender has to be silent after it."""

from __future__ import annotations

from math import ceil

__all__ = ["MOST_BYTES", "airtime_s", "silence_s"]

MOST_BYTES = {7: 222, 8: 222, 9: 115, 10: 51, 11: 51, 12: 51}
"""The most that an application can put into one frame, by spreading factor: LoRaWAN's regional
parameters for EU868, DR5 to DR0 (unverified). [byte]"""


def airtime_s(
    payload_bytes: int,
    spreading_factor: int,
    *,
    bandwidth_hz: float = 125_000.0,
    coding_rate: int = 1,
    preamble_symbols: int = 8,
    explicit_header: bool = True,
    crc: bool = True,
) -> float:
    """Time on air of one LoRa frame. [s]

    Parameters
    ----------
    payload_bytes : int
        Bytes of the physical payload: the application's, and 13 or more of LoRaWAN. [byte]
    spreading_factor : int
        7 to 12: bits in a symbol of 2**SF chips.
    bandwidth_hz : float
        [Hz]
    coding_rate : int
        1 to 4, for 4/5 to 4/8.
    preamble_symbols : int
    explicit_header, crc : bool
        Uplinks of LoRaWAN have both.

    Notes
    -----
    Semtech, AN1200.13, LoRa Modem Designer's Guide, section 4 [1]_. The low data rate
    optimisation is on where a symbol exceeds 16 ms, as SX1276's data sheet, 4.1.1.6, asks for.

    References
    ----------
    .. [1] Semtech, "SX1272/3/6/7/8: LoRa Modem Designer's Guide," AN1200.13, 2013.
    """
    symbol_s = float(2**spreading_factor) / bandwidth_hz
    slow = symbol_s > 0.016
    bits = 8 * payload_bytes - 4 * spreading_factor + 28 + 16 * crc - 20 * (not explicit_header)
    blocks = ceil(bits / (4 * (spreading_factor - 2 * slow)))
    symbols = 8 + max(blocks, 0) * (coding_rate + 4)
    return (preamble_symbols + 4.25 + symbols) * symbol_s


def silence_s(on_air_s: float, duty_cycle: float) -> float:
    """How long a sender is silent after a frame: T/d - T, LoRaWAN 1.0.x, section 7.1.3. [s]"""
    return on_air_s / duty_cycle - on_air_s
