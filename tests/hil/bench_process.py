"""A bench to be killed: `bench_process.py <folder> <one|two> <hung_after_s> <safe_within_s>`.

Reads its station from standard input, pickled. It says ``energised`` once everything is on, and
drives until it is ended; with ``two`` a second process drives, as in real time.
"""

import pickle
import subprocess
import sys
import time
from pathlib import Path

from hil.safety.energised import energised
from hil.safety.guarded import guarded


def drive(armed) -> None:
    """Energise everything, then tell it the same again and again."""
    with energised(armed, who="the driver") as bench:
        grid, sun, roof = (bench.drivers[name] for name in ("grid", "sun", "roof"))
        grid.set_grid(230.0, 50.0)
        grid.energise(True)
        sun.set_available(4.0)
        sun.energise(True)
        roof.limit_power(3.0)
        bench.beat()
        print("energised", flush=True)
        while not Path("end").exists():
            roof.limit_power(3.0)
            bench.beat()
            time.sleep(0.005)


def main() -> None:
    """Guard the bench, and drive it here or in another process."""
    if sys.argv[1] == "driver":
        drive(pickle.load(sys.stdin.buffer))
        return
    station = pickle.load(sys.stdin.buffer)
    folder, processes = Path(sys.argv[1]), sys.argv[2]
    hung_after_s, safe_within_s = map(float, sys.argv[3:])
    with guarded(
        station,
        station.devices,
        folder,
        arm_now=True,
        hung_after_s=hung_after_s,
        run_hung_after_s=hung_after_s,
        safe_within_s=safe_within_s,
    ) as guard:
        if processes == "one":
            drive(guard.armed)
            return
        driver = subprocess.Popen([sys.executable, __file__, "driver"], stdin=subprocess.PIPE)
        driver.stdin.write(pickle.dumps(guard.armed))
        driver.stdin.close()
        while driver.poll() is None:
            guard.beat()
            time.sleep(0.005)
        guard.beat()


if __name__ == "__main__":
    main()
