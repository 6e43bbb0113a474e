"""Write the frequency curves that tests compare ours with, computed by ANDES 2.

Two cases: two machines with TGOV1 governors on one strong network (they swing as one), and the
same two across a weak line. Lossless lines, constant-power loads, classical machines.
Run it with andes installed: ``python tools/andes_frequency.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).parents[1] / "tests" / "models" / "data" / "andes_frequency.json"

MACHINES = (
    {"s_mva": 200.0, "h_s": 4.0, "p_mw": 120.0, "load_mw": 100.0, "r": 0.05}
    | {"t1": 0.1, "t2": 2.1, "t3": 7.0},
    {"s_mva": 100.0, "h_s": 3.0, "p_mw": 60.0, "load_mw": 80.0, "r": 0.04}
    | {"t1": 0.05, "t2": 1.5, "t3": 5.0},
)
STEP_MW, AT_S, UNTIL_S, EVERY_S = 15.0, 1.0, 21.0, 0.1
XD1 = 0.001
"""Reactance of a machine, on its own power: so small that its bus turns with its rotor."""


def computed(x_pu: float) -> dict[str, Any]:
    """Play the loss of 15 MW at the second bus; `x_pu` is the line's reactance on 100 MVA.

    Returns
    -------
    dict
        Times [s] and deviation of both machines [Hz], and the line's flow before [MW].
    """
    import andes

    andes.config_logger(stream_level=50)
    ss = andes.System()
    ss.config.freq = 50
    for bus, machine in enumerate(MACHINES, 1):
        ss.add("Bus", idx=bus, name=f"b{bus}", Vn=110.0)
        ss.add("PQ", idx=f"l{bus}", bus=bus, Vn=110.0, p0=machine["load_mw"] / 100, q0=0.0)
    first, second = MACHINES
    ss.add("Line", idx="tie", bus1=1, bus2=2, r=0.0, x=x_pu, b=0.0, Vn1=110.0, Vn2=110.0)
    ss.add("Slack", idx=1, bus=1, Sn=first["s_mva"], Vn=110.0, p0=first["p_mw"] / 100, v0=1.0)
    ss.add("PV", idx=2, bus=2, Sn=second["s_mva"], Vn=110.0, p0=second["p_mw"] / 100, v0=1.0)
    for at, m in enumerate(MACHINES, 1):
        ss.add(
            "GENCLS",
            {"idx": f"g{at}", "bus": at, "gen": at, "Sn": m["s_mva"], "Vn": 110.0, "fn": 50.0}
            | {"M": 2 * m["h_s"], "D": 0.0, "ra": 0.0, "xl": 0.0, "xd1": XD1},
        )
        ss.add(
            "TGOV1",
            {"idx": f"t{at}", "syn": f"g{at}", "R": m["r"], "VMAX": 1.0, "VMIN": 0.0}
            | {"T1": m["t1"], "T2": m["t2"], "T3": m["t3"], "Dt": 0.0},
        )
    ss.add("Alter", t=AT_S, model="PQ", dev="l2", src="Ppf", method="+", amount=STEP_MW / 100)
    ss.PQ.config.p2p, ss.PQ.config.p2z, ss.PQ.config.p2i = 1.0, 0.0, 0.0
    ss.PQ.config.q2q, ss.PQ.config.q2z, ss.PQ.config.q2i = 1.0, 0.0, 0.0
    ss.setup()
    ss.PFlow.run()
    ss.TDS.config.tf, ss.TDS.config.tstep, ss.TDS.config.fixt = UNTIL_S, 1 / 1000, 1
    ss.TDS.config.no_tqdm = 1
    ss.TDS.config.criteria = 0
    flow_mw = 100 * float(np.sin(ss.Bus.a.v[0] - ss.Bus.a.v[1])) / x_pu
    ss.TDS.run()
    times = np.array(ss.dae.ts.t)
    omega = np.array(ss.dae.ts.x)[:, ss.GENCLS.omega.a]
    t_s = np.round(np.arange(EVERY_S, UNTIL_S - AT_S, EVERY_S), 6)
    found = [np.interp(t_s + AT_S, times, 50 * (omega[:, m] - 1)) for m in range(2)]
    return {
        "x_pu": x_pu,
        "flow_mw": flow_mw,
        "t_s": t_s.tolist(),
        "deviation_hz": [np.round(one, 7).tolist() for one in found],
    }


def main() -> None:
    """Write the file."""
    curves = {"strong": computed(0.001), "weak": computed(0.5)}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(curves) + "\n", encoding="utf-8")
    print(FILE, {name: min(map(min, one["deviation_hz"])) for name, one in curves.items()})


if __name__ == "__main__":
    sys.exit(main())
