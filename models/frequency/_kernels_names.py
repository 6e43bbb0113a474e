"""What stands in which place of the arrays that the island's kernels share.

Frequencies are deviations from nominal [Hz], powers [kW], inertia M = 2 H S / f0 [kW s/Hz].
The arrays are filled by `frequency_tables` and `frequency_island`.
"""

from __future__ import annotations

# constants of the island
(
    DT,
    N_BASE,
    LAG_RATE,
    LOAD_PER_HZ,
    FORMER_SET,
    FORMER_GAIN,
    FORMER_LAG,
    FORMER_INERTIA,
    FORMER_S,
    FORMER_P_MAX,
    FORMER_PEAK,
    OVERLOAD_TIME,
    LOW_TRIP,
    HIGH_TRIP,
    DOWN_START,
    DOWN_GAIN,
    DOWN_LAG,
    UP_START,
    UP_GAIN,
    UP_LAG,
    RATED,
    FORMER_PART,
    SECONDARY_BIAS,
    SECONDARY_KP,
    SECONDARY_KI,
    SECONDARY_LIMIT,
    SECONDARY_AIM,
    N_CONSTANTS,
) = range(28)

# one row per generator; POWER returns the mean electrical power of the tick, PART is its share of
# secondary control
ONLINE, SET, LOW, HIGH, GAIN, LAG, LEAD, TURBINE, INERTIA, POWER, PART, N_GENERATOR = range(12)

# one row per store beside the reference: what it is, how it answers, what it holds; CLOCK is the
# time since a fast one was called, below 0 while it waits; MEAN returns the power of the tick
(
    KIND,
    S_SET,
    S_PART,
    S_GAIN,
    S_LAG,
    S_INERTIA,
    S_P_MAX,
    S_START,
    S_FULL,
    S_HOLD,
    S_RELEASE,
    S_CLOCK,
    CAPACITY,
    STORED,
    CHARGING,
    DISCHARGING,
    S_LOSS,
    S_LOW,
    S_HIGH,
    S_NOW,
    S_FREE,
    S_MEAN,
    N_STORE,
) = range(23)

FORMING, CONTAINING, FAST = range(3)

# one row per shedding stage; SERVED and TIME are means over the tick
BELOW, DELAY, SHARE, TIMER, ACTIVE, WEIGHTED, TIME, KW, N_STAGE = range(9)

# state: frequency, the former's lagged droop power, lagged over- and under-frequency,
# then valve and turbine of every generator, the lagged answer of every store, and last the
# integral of secondary control
F, DROOP, OVER, UNDER, FIRST = range(5)

# rows of what the peers bring, and of what they get back
LOAD, DER, DOWN, UP, DOWN_RATED, UP_RATED, N_BROUGHT = range(7)
RESPONSE, SERVED, SHED, N_ANSWERED = range(4)

# memory: seconds of overload, position in the ring of past frequencies, the ring
OVERLOAD, POSITION, RING = range(3)

# results of a tick
(
    F_MEAN,
    F_MIN,
    F_MAX,
    ROCOF,
    ROCOF_500,
    FORMER,
    GENERATORS,
    MECHANICAL,
    KINETIC,
    STAGES,
    STORES,
    SECONDARY,
    F_END,
    OFFSET,
    N_RESULTS,
) = range(15)

RUNS, BLACK, BAD = range(3)
