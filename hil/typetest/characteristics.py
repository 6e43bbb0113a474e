"""Curves that a test sets beside the default, as IEEE 1547.1-2020 asks for.

Voltages, shares of the reactive power capability, and response times are those of Sandia's
svp_1547.1 (Tables 26, 27, 31 to 35 there), for category B; that category A takes the same shares
of its own capability is remembered, so unverified.
"""

from typing import Any

from .setup import Setup

VOLT_VAR = {
    "2": ((0.88, 1.04, 1.07, 1.10), (1.0, 0.5, 0.5, -1.0), 1.0),
    "3": ((0.90, 0.93, 0.96, 1.10), (1.0, -0.5, -0.5, -1.0), 90.0),
}
VOLT_WATT = {"2": ((1.05, 1.10), 90.0), "3": ((1.09, 1.10), 0.5)}
FREQUENCY_DROOP = {"2": (0.017, 0.03, 0.2)}


def volt_var(setup: Setup) -> dict[str, dict[str, Any]]:
    """Settings by the characteristic's number."""
    default = setup.of("volt_var")
    found = {"1": default}
    if _more(setup):
        inject, absorb = default["q_pu"][0], -default["q_pu"][-1]
        for number, (v_pu, shares, response_s) in VOLT_VAR.items():
            q_pu = [share * (inject if share > 0 else absorb) for share in shares]
            found[number] = {"v_pu": list(v_pu), "q_pu": q_pu, "response_s": response_s}
    return found


def volt_watt(setup: Setup) -> dict[str, dict[str, Any]]:
    """Settings by the characteristic's number."""
    default = setup.of("volt_watt")
    found = {"1": default}
    if _more(setup):
        for number, (v_pu, response_s) in VOLT_WATT.items():
            found[number] = {**default, "v_pu": list(v_pu), "response_s": response_s}
    return found


def frequency_droop(setup: Setup) -> dict[str, dict[str, Any]]:
    """Settings by the characteristic's number."""
    found = {"1": setup.of("frequency_droop")}
    if _more(setup):
        for number, (dead_hz, droop, response_s) in FREQUENCY_DROOP.items():
            found[number] = {
                "dead_over_hz": dead_hz,
                "dead_under_hz": dead_hz,
                "droop_over": droop,
                "droop_under": droop,
                "response_s": response_s,
            }
    return found


def _more(setup: Setup) -> bool:
    """Only IEEE 1547 has others, and only a full test plays them."""
    return setup.full and setup.profile.standard == "IEEE 1547"
