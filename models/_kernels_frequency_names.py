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
    N_CONSTANTS,
) = range(22)

# one row per generator; POWER returns the mean electrical power of the tick
ONLINE, SET, LOW, HIGH, GAIN, LAG, LEAD, TURBINE, INERTIA, POWER, N_GENERATOR = range(11)

# one row per shedding stage; SERVED and TIME are means over the tick
BELOW, DELAY, SHARE, TIMER, ACTIVE, WEIGHTED, TIME, KW, N_STAGE = range(9)

# state: frequency, the former's lagged droop power, lagged over- and under-frequency,
# then valve and turbine of every generator
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
    N_RESULTS,
) = range(11)

RUNS, BLACK, BAD = range(3)
