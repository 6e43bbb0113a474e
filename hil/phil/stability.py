"""How much gain the loop over a grid simulator bears before it hunts.

The node's voltage goes out, the device answers through first-order lags, its power comes back
some steps late and moves the node's voltage by the gain g against the change. With b = 1 − a the
part of the way that a lag leaves in a step, the loop's characteristic polynomial is::

    z^d · Π (z − b_i) + g · Π a_i · h(z) = 0,      h = 1, or (1 + m) z − m with one more z^1

where h is the linear extrapolation by m steps that compensates delay. For one lag and no delay
the largest stable g is 2/a − 1 (`models.inverters.gain.largest_stable_gain`).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq

from models.inverters.fleet import share_of_step

_ANGLES = 4000  # of the unit circle; crossings lie further apart than this for d below 100
_MARGIN = 0.5


def largest_stable_gain(
    step_s: float, responses_s: Sequence[float], *, delay_steps: int = 0, ahead_steps: float = 0.0
) -> float:
    """Find the gain at which a disturbance no longer dies out.

    Parameters
    ----------
    step_s : float
        Length of a step. [s]
    responses_s : sequence of float
        Time to 90 % of each lag in the loop; 0 is none. [s]
    delay_steps : int
        Whole steps between a voltage and the power that answers it, beyond the one in which
        every such loop acts.
    ahead_steps : float
        By how many steps the voltage is extrapolated.

    Returns
    -------
    float
        Negative feedback below it is stable; 1 for a loop without lag.

    Raises
    ------
    ValueError
        No step, or a negative delay.

    Notes
    -----
    On the unit circle g = −A(z)/B(z) must be real; the smallest positive one is the bound,
    since the loop without gain is stable and the roots move continuously with g.
    """
    if not step_s > 0 or delay_steps < 0 or ahead_steps < 0:
        raise ValueError(
            f"step {step_s} s, delay {delay_steps} and {ahead_steps} steps ahead; expected a step "
            "longer than 0 s and nothing negative"
        )
    shares = [share_of_step(response_s, step_s) for response_s in responses_s]

    def gain(angle: float) -> complex:
        z = complex(math.cos(angle), math.sin(angle))
        loop = z**delay_steps * math.prod((z - 1.0 + a for a in shares), start=1 + 0j)
        back = math.prod(shares) * (((1.0 + ahead_steps) * z - ahead_steps) / z)
        return -loop / back

    # At z = 1 the gain is −1: positive feedback. Crossings are sought beyond it.
    angles = np.linspace(0.0, math.pi, _ANGLES)[1:]
    values = [gain(angle) for angle in angles]
    found = [values[-1].real]
    for left, right, low, high in zip(angles, angles[1:], values, values[1:], strict=False):
        if low.imag * high.imag < 0:
            found.append(gain(float(brentq(lambda x: gain(x).imag, left, right))).real)
    return min((g for g in found if g > 0), default=math.inf)


def gain_of_node(
    dp_dv_kw: float, dq_dv_kvar: float, *, r_ohm: float, x_ohm: float, v_nominal_v: float
) -> float:
    """Gain of the loop that a device closes over a node, positive when it opposes the change.

    Parameters
    ----------
    dp_dv_kw, dq_dv_kvar : float
        Slopes of what the node sees: change of injection per change of voltage, at their
        steepest. [kW/p.u.], [kvar/p.u.]
    r_ohm, x_ohm : float
        Of the feeder up to the node. [Ω]
    v_nominal_v : float
        Line to line. [V]

    Returns
    -------
    float
        −(R dP/dV + X dQ/dV) / V². [1]
    """
    return -1000.0 * (r_ohm * dp_dv_kw + x_ohm * dq_dv_kvar) / v_nominal_v**2


def objection(
    gain: float, *, step_s: float, response_s: float, delay_s: float = 0.0, ahead_s: float = 0.0
) -> str | None:
    """Say why a loop of this gain must not run, and what to change; None when it may.

    Parameters
    ----------
    gain : float
        Of the node with the device, positive when the device opposes the change.
    step_s, response_s : float
        Step of the loop, and time to 90 % of its lag. [s]
    delay_s : float
        Between a voltage and the power that answers it, beyond a step; counted in whole steps,
        upwards. [s]
    ahead_s : float
        By how much the voltage is extrapolated. [s]

    Notes
    -----
    Half the bound, because the gain is measured at one operating point with noise on it. With
    the sign reversed lag does not help: the bound is then 1 whatever the step.
    """

    def half_bound(step_s: float, response_s: float) -> float:
        steps = math.ceil(round(delay_s / step_s, 9))
        return _MARGIN * largest_stable_gain(
            step_s, [response_s], delay_steps=steps, ahead_steps=ahead_s / step_s
        )

    if gain < 0:
        half = _MARGIN
        why = "the device drives the voltage further the way it goes: is its sign reversed?"
    else:
        half = half_bound(step_s, response_s)
        why = f"{step_s:g} s a step, {response_s:g} s to 90 %, {delay_s:g} s of delay"
    if abs(gain) <= half:
        return None
    cure = "check the sign and phase of each channel, then the scale"
    if gain > 0:
        cure = _cure(gain, step_s, response_s, half_bound)
    return (
        f"loop gain {gain:.2f} is above {half:.2f}, half of where the loop begins to hunt ({why}); "
        f"the run does not start; {cure}"
    )


def _cure(
    gain: float, step_s: float, response_s: float, half_bound: Callable[[float, float], float]
) -> str:
    """Find the step, the lag and the scale that would each do alone."""
    steps = (step_s / 2**n for n in range(1, 6))
    lags = (max(response_s, step_s) * 2**n for n in range(1, 10))
    step = next((s for s in steps if gain <= half_bound(s, response_s)), None)
    lag = next((s for s in lags if gain <= half_bound(step_s, s)), None)
    cures = [f"scale to {half_bound(step_s, response_s) / gain:.2g} of what it is"]
    if lag is not None:
        cures.insert(0, f"lengthen the lag to {lag:g} s")
    if step is not None:
        cures.insert(0, f"shorten the step to {step:g} s")
    return "one of these would do: " + ", or ".join(cures)
